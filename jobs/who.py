"""Name the person behind a code of the report, or the code of a person. Each use is logged.

risk-monitor who Bako7 --db risk.duckdb                       the pseudonym behind a code
risk-monitor who Bako7 --db risk.duckdb --roster roster.csv   the name, for the holder of the key
risk-monitor who s1234 --db risk.duckdb                       the code of a person of the feed
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.progress import print_note, without_control_characters
from jobs.console.shared_options import DatabaseOption
from jobs.pipeline.people import lacking_key, named_key, named_settings, names_in_database, open_roster
from monitor.database.connection import Database
from monitor.errors import DataError
from monitor.intake.recorded_rules import recorded_id_rules
from monitor.intake.row_rules import IdRules
from monitor.privacy.access_log import log_access
from monitor.privacy.agreement import NOT_COPIED, open_key, recorded_key
from monitor.privacy.codes import Named, find_person, give_missing_codes


def who(
    db: Database, word: str, key_file: Path, roster_file: Path | None, rules: IdRules | None = None
) -> tuple[Named, str | None]:
    """The person of a code, id or pseudonym, and their name in the roster. The use is logged before this returns.

    Raises:
        DataError: nobody has this code or id, or the roster cannot be used. StoreError: the database cannot be
        written, so the use could not be logged. ConfigError: the key cannot be read.
    """
    give_missing_codes(db)
    with db.reading() as con:
        recorded, rules = recorded_key(con), recorded_id_rules(con) or rules
        pseudonyms = open_key(recorded, key_file)
        person = find_person(con, word, names_in_database(word, pseudonyms, rules))
    roster = open_roster(db, roster_file, key_file, rules) if roster_file else None
    with db.writing() as con:
        log_access(con, "who", person.code if person else None, int(person is not None))
    if person is None:
        no_key = lacking_key(recorded, pseudonyms, key_file)
        if no_key and recorded != NOT_COPIED:
            no_key += ", and an id of the feed needs the key of this database"
        raise DataError(f"{word!r}: nobody in {db} has this code or id{no_key or '; check how it is written'}")
    return person, roster.names.get(person.subject_id) if roster else None


def command(
    word: Annotated[str, typer.Argument(metavar="CODE|ID", help="A code of the report, an id, or a pseudonym.")],
    db: DatabaseOption = None,
    roster: Annotated[
        Path | None, typer.Option(help="CSV with subject_id and name; it is read, and never stored.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings in TOML, with database and key (default: risk-monitor.toml here)."),
    ] = None,
) -> None:
    """Name the person behind a code, or the code of a person.

    Codes lead to pseudonyms. Only a roster leads to names, and only with the key of the database. Each use is written
    to the table access_log before anything is printed.
    """
    database, settings = named_settings(db, config)
    key_file = named_key(database, settings)
    person, name = who(database, word.strip(), key_file, roster, settings.ids if settings else None)
    lines = {"code": person.code, "subject": without_control_characters(person.subject_id)}
    if roster is not None:
        lines["name"] = "not in the roster" if name is None else without_control_characters(name)
    for key, value in lines.items():
        Console().print(Text(f"  {key:<8}  {value}"), soft_wrap=True)
    print_note("this use was written to the access log (table access_log)")


if __name__ == "__main__":
    run(command)

"""Forget a subject: no row, no snapshot, no report and no byte of them stays.

risk-monitor forget SUBJECT --config risk-monitor.toml

SUBJECT is the id as the feed has it, or the pseudonym that stands in the database for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.progress import print_note, print_warning, progress
from jobs.pipeline.night import report_options
from jobs.pipeline.write_report import write_report
from monitor.database import store
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError, DataError, StoreError
from monitor.intake import documents
from monitor.privacy import agreement
from monitor.privacy.forgetting import Forgotten, files_containing, forget, possible_ids
from monitor.privacy.pseudonyms import KEY_VARIABLE, PLAIN, Pseudonyms, default_key_file, open_pseudonyms
from monitor.settings import DEFAULT_FILE, Settings, load_settings


def forget_subject(db: Database, subject: str, settings: Settings | None) -> None:
    """Remove every trace of a subject, say what went, and look for what is left of it.

    Args:
        db: the database.
        subject: the plain id, or the pseudonym.
        settings: of the nightly run, which name snapshot, report, inbox and key; None: there is only the database.

    Raises:
        StoreError: a file that this project wrote still holds a trace. DataError: there was nobody to forget.
    """
    key_file = (settings and settings.key_file) or default_key_file(db.path)
    pseudonyms, searchable = _key_of(db, key_file, subject)
    names = possible_ids(subject, pseudonyms)
    with db.only_writer():
        done = forget(db, names)
        written = [db.file, *_written_anew(db, settings)]
        left = files_containing(written, done.search_strings)
    _say(done, written, settings)
    if not searchable:
        print_warning(
            "without the key of this database nobody can tell whether your input files name this subject; look there"
        )
    for path in _inputs_naming(db, settings, set(names), pseudonyms) if searchable else ():
        print_warning(
            f"{path} is yours and still names this subject; take the rows out, or they come back when it is read"
        )
    if left:
        raise StoreError(
            f"{', '.join(map(str, left))}: still holds traces of this subject; this is a fault, report it"
        )
    if not done.removed:
        raise DataError(f"{db}: nothing about this subject")


def _key_of(db: Database, key_file: Path, subject: str) -> tuple[Pseudonyms | None, bool]:
    """The pseudonyms of the database, if its key is at hand, and whether ids of input files can be compared with its.

    Raises:
        StoreError: there is no key at hand, or another one, and the subject is no pseudonym of the database.
    """
    with db.reading() as con:
        kept = agreement.read_fingerprint(con)
        held = con.execute("FROM documents WHERE subject_id = ? LIMIT 1", [subject]).fetchone()
    known = KEY_VARIABLE in os.environ or key_file.exists()
    pseudonyms = open_pseudonyms(key_file, create=False) if known else None
    if kept in (None, PLAIN) or (pseudonyms and pseudonyms.fingerprint == kept):
        return pseudonyms, True
    if not held and pseudonyms:
        agreement.check_fingerprint(kept, pseudonyms.fingerprint)
    if not held:
        raise StoreError(
            f"{db}: the key of its pseudonyms is missing (no {key_file}, no {KEY_VARIABLE}); bring it back, or give "
            "the subject's pseudonym"
        )
    return None, False


def _written_anew(db: Database, settings: Settings | None) -> Iterator[Path]:
    """Publish snapshot and report again where there are any; their files."""
    if settings is None:
        return
    if settings.snapshot.is_dir():
        months = any(settings.snapshot.glob("scores-*.parquet"))
        publish(db, settings.snapshot, texts=settings.snapshot_texts, parquet=months)
    if (settings.out / "index.html").exists():
        write_report(db, settings.out, options=report_options(settings))
    for folder in (settings.snapshot, settings.out):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _say(done: Forgotten, written: Sequence[Path], settings: Settings | None) -> None:
    console = Console()
    lines = {
        "removed": ", ".join(f"{n:,} {table}" for table, n in done.removed.items()) or "nothing",
        "searched": f"{sum(path.stat().st_size for path in written):,} bytes of {len(written):,} files, "
        f"for {len(done.search_strings):,} ids and texts",
    }
    if done.n_not_searched:
        lines["not"] = f"for {done.n_not_searched:,} that are short or stand in what others wrote, too"
    for name, value in lines.items():
        console.print(Text(f"  {name:<10}  {value}"), soft_wrap=True)
    if settings is None:
        print_note(
            "without the settings of its nights only the database was looked at: no snapshot, no report, no inbox"
        )


def _inputs_naming(
    db: Database, settings: Settings | None, names: set[str], pseudonyms: Pseudonyms | None
) -> list[Path]:
    """The user's input files, of the inbox and of the manifest, with rows of a subject of these names."""
    with db.reading() as con:
        files = {Path(path) for path, _, _ in store.files_read(con)}
    if settings is not None and settings.inbox.is_dir():
        files |= {path for path in settings.inbox.iterdir() if documents.is_input(path)}
    found = []
    with progress("searching your input files", "files", len(files)) as advance:
        for path in sorted(path for path in files if path.is_file()):
            try:
                if any(
                    not names.isdisjoint(chunk.documents["subject_id"])
                    for chunk in documents.read_documents(path, pseudonyms=pseudonyms)
                ):
                    found.append(path)
            except DataError:
                print_warning(f"{path} cannot be read, so look yourself whether it names this subject")
            advance(1)
    return found


def command(
    subject: Annotated[str, typer.Argument(help="The subject's id in the feed, or their pseudonym.")],
    db: Annotated[
        Path | None, typer.Option(help="The database file (default: that of the settings).")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in TOML, which name snapshot, report, inbox and key (default: risk-monitor.toml here)."
        ),
    ] = None,
) -> None:
    """Forget a subject: documents, scores, alerts, rejects, snapshot and report, and look whether it is so.

    Your own input files are named where they hold the subject, and left as they are.
    """
    if not subject.strip():
        raise ConfigError("SUBJECT is empty; give the id of one subject")
    settings = load_settings(config) if config or DEFAULT_FILE.exists() else None
    if settings is not None and db is not None and db.resolve() != settings.db.resolve():
        settings = None  # those of another database
    place = db or (settings and settings.db)
    if place is None:
        raise ConfigError("name the database with --db, or the settings with --config")
    forget_subject(Database(place), subject.strip(), settings)


if __name__ == "__main__":
    run(command)

"""Open the files that identify people: the database and the key that a command names, and a roster."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from jobs.console.progress import print_note, print_warning
from monitor.database.connection import Database
from monitor.database.lake_views import lake_folder
from monitor.errors import ConfigError, StoreError
from monitor.intake.identity import clean_ids
from monitor.intake.recorded_rules import recorded_id_rules
from monitor.intake.row_rules import IdRules
from monitor.privacy.agreement import NOT_COPIED, open_key, recorded_key
from monitor.privacy.forgetting import possible_ids
from monitor.privacy.pseudonyms import KEY_VARIABLE, PLAIN, Pseudonyms, default_key_file
from monitor.privacy.roster import Roster, read_roster
from monitor.settings import DEFAULT_FILE, Settings, load_settings, load_variables

MOST_ROWS_NAMED = 5


def named_database(db: Path | None, config: Path | None) -> tuple[Database, Path]:
    """The database and the key file that --db or the settings name; errors as `named_settings`."""
    database, settings = named_settings(db, config)
    return database, named_key(database, settings)


def named_key(db: Database, settings: Settings | None) -> Path:
    """The key file that the settings name, or without settings the variable RISK_MONITOR_KEY_FILE; otherwise the
    default one.

    Args:
        db: the database.
        settings: of this database; None: there are none.

    Raises:
        ConfigError: a variable has no such setting, or a wrong value.
    """
    return (settings or load_variables()).key_file or default_key(db)


def default_key(db: Database) -> Path:
    """The default key file: beside the database, or beside the lake that a control file shows."""
    beside = default_key_file(db.path)
    if beside.exists() or not db.exists():
        return beside
    try:
        with db.reading() as con:
            lake = lake_folder(con)
    except StoreError:  # the next code that opens the database reports the fault, or brings it up to date
        return beside
    if lake is None:
        return beside
    key = default_key_file(lake)
    return key if key.exists() else default_key_file(lake.resolve())


def names_in_database(subject: str, pseudonyms: Pseudonyms | None, rules: IdRules | None = None) -> tuple[str, ...]:
    """The ids that a database may hold for a given id: as given, as cleaned by reading (7.0 is 7), and pseudonyms."""
    cleaned = clean_ids(pl.Series([subject]), rules).ids.item() or subject
    return tuple(dict.fromkeys((*possible_ids(subject, pseudonyms), *possible_ids(cleaned, pseudonyms))))


def cleaned_ids(given: Sequence[str], rules: IdRules | None = None) -> dict[str, str]:
    """Given id -> the id as intake cleans it."""
    ids = list(dict.fromkeys(given))
    cleaned = clean_ids(pl.Series(ids, dtype=pl.String), rules).ids.to_list()
    return {name: one or name for name, one in zip(ids, cleaned, strict=True)}


def known_ids(
    given: Sequence[str], known: Collection[str], pseudonyms: Pseudonyms | None, rules: IdRules | None = None
) -> dict[str, str]:
    """Given id -> the id that the database holds. Unknown ids are left out.

    The given ids come from a file that people wrote. They are cleaned like those of a feed, so every spelling that a
    program gives an id leads to the same person.

    Args:
        given: the ids.
        known: every subject_id of the database.
        pseudonyms: of the database; None if it holds plain ids, or if the key is not here.
        rules: the table [ids] of the settings.
    """
    cleaned = cleaned_ids(given, rules)
    own, others = list(cleaned), list(cleaned.values())
    forms = [own, others] + ([pseudonyms.of_subjects(own), pseudonyms.of_subjects(others)] if pseudonyms else [])
    stored_ids = {}
    for name, *candidates in zip(own, *forms, strict=True):
        if stored := next((one for one in candidates if one in known), None):
            stored_ids[name] = stored
    return stored_ids


def named_settings(db: Path | None, config: Path | None) -> tuple[Database, Settings | None]:
    """The database that --db or the settings name, and the settings if they are of this database.

    Raises:
        ConfigError: neither names a database, or the settings cannot be read.
    """
    settings = load_settings(config) if config or DEFAULT_FILE.exists() else None
    if settings is not None and db is not None and db.resolve() != settings.db.resolve():
        settings = None  # the settings are of another database
    path = db or (settings.db if settings is not None else None)
    if path is None:
        raise ConfigError("name the database with --db, or the settings with --config")
    return Database(path), settings


def settings_for(db: Path | None, config: Path | None) -> Settings:
    """The settings for work on a database: from the settings file, or only from variables if the file is of another
    database.

    Args:
        db: the database that --db names; None: the database of the settings.
        config: the settings file; None: risk-monitor.toml in the working folder, if there is one.

    Raises:
        ConfigError: the settings cannot be read.
    """
    settings = load_settings(config)
    if db is None or db.resolve() == settings.db.resolve():
        return settings
    file = config or DEFAULT_FILE
    if file.exists():
        print_note(
            f"{file} is not used, because its database is {settings.db}; if it should be used for {db}, name that "
            "there with db"
        )
    return load_variables()


def are_from_file(settings: Settings) -> bool:
    """Whether settings of `settings_for` are those of a file, which always gives `db`; else variables gave them."""
    return "db" in settings.model_fields_set


def is_crisis_list_named(settings: Settings, db: Path) -> bool:
    """Whether settings of `settings_for` say which list of crisis wording this database has.

    A settings file of this database does so, also without the line `crisis_list`; a variable does so by that line
    alone.
    """
    if "crisis_list" in settings.model_fields_set:
        return True
    return are_from_file(settings) and settings.db.resolve() == db.resolve()


def lacking_key(recorded: str | None, pseudonyms: Pseudonyms | None, key_file: Path) -> str:
    """The end of a message about ids that were not found, if a missing key may be the reason; otherwise empty.

    Args:
        recorded: of `recorded_key`.
        pseudonyms: of the database; None if it holds plain ids, or if the key is unknown or not here.
        key_file: where the key should be.
    """
    if recorded == NOT_COPIED:
        return "; a snapshot, or a copy of it, does not record the key of its ids: name the database itself"
    if pseudonyms is not None or recorded in (None, PLAIN):
        return ""
    return f"; the key is not here (no {key_file}, no {KEY_VARIABLE})"


def first_rows(numbers: Sequence[int]) -> str:
    """The first of some numbers of rows, for a message: "row 3, 8, 9, 12, 15, ..."."""
    rows = ", ".join(map(str, numbers[:MOST_ROWS_NAMED]))
    return f"row {rows}{', ...' if len(numbers) > MOST_ROWS_NAMED else ''}"


def open_roster(
    db: Database, path: Path, key_file: Path, rules: IdRules | None = None, *, warn: bool = True
) -> Roster:
    """Read a roster and match it with the database; warns about ids that the database lacks and about shared names.

    Args:
        db: the database.
        path: the roster.
        key_file: the key.
        rules: the table [ids] of the settings, for a database that has not recorded its own.
        warn: False: print no warning.

    Raises:
        DataError: the roster cannot be used. StoreError, ConfigError: as `open_key`.
    """
    with db.reading() as con:
        recorded, rules = recorded_key(con), recorded_id_rules(con) or rules
        known = {subject for (subject,) in con.execute("SELECT DISTINCT subject_id FROM documents").fetchall()}
    pseudonyms = open_key(recorded, key_file)
    key = lacking_key(recorded, pseudonyms, key_file)
    roster = read_roster(path, partial(known_ids, known=known, pseudonyms=pseudonyms, rules=rules))
    if warn and roster.unknown:
        n, rows = len(roster.unknown), first_rows(roster.unknown)
        print_warning(f"{path}: {n:,} of its ids {'is' if n == 1 else 'are'} not in {db} ({rows}){key}")
    if warn and roster.shared:
        n = len(roster.shared)
        print_warning(
            f"{path}: {n:,} name{' is' if n == 1 else 's are'} shared by several people; their codes tell them apart"
        )
    return roster

"""Open what names people: the database and key that a command names, and a roster."""

from __future__ import annotations

from pathlib import Path

from jobs.console.progress import print_note, print_warning
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.privacy.agreement import open_key, read_fingerprint
from monitor.privacy.pseudonyms import KEY_VARIABLE, PLAIN, default_key_file
from monitor.privacy.roster import Roster, read_roster
from monitor.settings import DEFAULT_FILE, Settings, load_settings, load_variables

MOST_ROWS_NAMED = 5


def named_database(db: Path | None, config: Path | None) -> tuple[Database, Path]:
    """The database and the key file that --db or the settings name; errors as `named_settings`."""
    database, settings = named_settings(db, config)
    return database, (settings and settings.key_file) or default_key_file(database.path)


def named_settings(db: Path | None, config: Path | None) -> tuple[Database, Settings | None]:
    """The database that --db or the settings name, and the settings if they are of this database.

    Raises:
        ConfigError: neither names a database, or the settings cannot be read.
    """
    settings = load_settings(config) if config or DEFAULT_FILE.exists() else None
    if settings is not None and db is not None and db.resolve() != settings.db.resolve():
        settings = None  # those of another database
    path = db or (settings and settings.db)
    if path is None:
        raise ConfigError("name the database with --db, or the settings with --config")
    return Database(path), settings


def settings_for(db: Path | None, config: Path | None) -> Settings:
    """The settings for work on a database: those of the file, or of the variables alone if the file is of another.

    Args:
        db: the database that --db names; None: that of the settings.
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


def open_roster(db: Database, path: Path, key_file: Path) -> Roster:
    """Read a roster and match it with the database; warns of ids that the database lacks and of shared names.

    Raises:
        DataError: the roster cannot be used. StoreError, ConfigError: as `open_key`.
    """
    with db.reading() as con:
        recorded = read_fingerprint(con)
        known = {subject for (subject,) in con.execute("SELECT DISTINCT subject_id FROM documents").fetchall()}
    pseudonyms = open_key(recorded, key_file)
    roster = read_roster(path, known, pseudonyms)
    if roster.unknown:
        rows = ", ".join(map(str, roster.unknown[:MOST_ROWS_NAMED]))
        more = ", ..." if len(roster.unknown) > MOST_ROWS_NAMED else ""
        key = (
            ""
            if recorded in (None, PLAIN) or pseudonyms
            else f"; the key is not here (no {key_file}, no {KEY_VARIABLE})"
        )
        n = len(roster.unknown)
        print_warning(f"{path}: {n:,} of its ids {'is' if n == 1 else 'are'} not in {db} (row {rows}{more}){key}")
    if roster.shared:
        n = len(roster.shared)
        print_warning(
            f"{path}: {n:,} name{' is' if n == 1 else 's are'} shared by several people; their codes tell them apart"
        )
    return roster

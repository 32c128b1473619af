"""Agreement on the key: every run on a database must use the key that made its first ids."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from monitor.database.statements import execute, utc_now
from monitor.errors import StoreError
from monitor.privacy.pseudonyms import KEY_VARIABLE, PLAIN, Pseudonyms, open_pseudonyms

NOT_COPIED = "not copied"  # stands for the fingerprint that a snapshot, and each copy of it, lacks


def require_same_key(con: duckdb.DuckDBPyConnection, fingerprint: str) -> None:
    """Require the key of the database's first run; another key would split each person's history in two.

    The first run records its key's fingerprint, or PLAIN if ids stay as they are.

    Raises:
        StoreError: the first run used another key, or only one of the two runs uses pseudonyms, or the key is
        unknown.
    """
    execute(con, "queries/agree_on_pseudonyms", fingerprint=fingerprint, now=utc_now())
    check_fingerprint(read_fingerprint(con), fingerprint)


def read_fingerprint(con: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint that the first run recorded; None before any run."""
    rows = con.execute("SELECT fingerprint FROM pseudonyms").fetchall()  # read to the end, see fetch_number
    return rows[0][0] if rows else None


def recorded_key(con: duckdb.DuckDBPyConnection) -> str | None:
    """As `read_fingerprint`, but NOT_COPIED for a snapshot or a copy of it, whose key is unknown."""
    recorded = read_fingerprint(con)
    if recorded is not None:
        return recorded
    rows = execute(con, "queries/lacks_fingerprint").fetchall()  # read to the end, see fetch_number
    return NOT_COPIED if rows and rows[0][0] else None


def check_fingerprint(recorded: str | None, fingerprint: str | None) -> None:
    """Compare a run's fingerprint (None: its key is not read yet) with the one the database recorded.

    Raises:
        StoreError: as `require_same_key`.
    """
    if recorded == NOT_COPIED:
        raise StoreError(
            "this database is a copy of a snapshot, which does not record the key of its ids and takes no texts; "
            "name the database itself, or bring it back from a backup with `risk-monitor restore`"
        )
    if recorded is None or recorded == fingerprint:
        return
    if recorded == PLAIN:
        raise StoreError(
            "this database was begun with plain ids and cannot take pseudonyms; name a new database, or keep to "
            "plain ids (score: --plain-ids; settings: pseudonyms = false)"
        )
    if fingerprint == PLAIN:
        raise StoreError(
            "this database was begun with pseudonyms and cannot take plain ids; name a new database, or keep to "
            "pseudonyms (score: no --plain-ids; settings: pseudonyms = true)"
        )
    if fingerprint is not None:
        raise StoreError(
            "another key made the pseudonyms of this database; bring back that key, or name a new database"
        )


def pseudonyms_for_run(recorded: str | None, key_file: Path | None, *, has_texts: bool = False) -> Pseudonyms | None:
    """The pseudonyms of a run on a database or a lake; None without a key file.

    Args:
        recorded: of `recorded_key`; None: this is the first run, and a missing key is made.
        key_file: the key; None: ids stay as they are.
        has_texts: texts are stored already. Then no key is made, also where none is recorded, as in a database of
            before this record: under a new key everyone in it would come a second time.

    Raises:
        StoreError: as `require_same_key`. ConfigError: the key cannot be read.
    """
    check_fingerprint(recorded, PLAIN if key_file is None else None)
    if key_file is None:
        return None
    pseudonyms = open_pseudonyms(key_file, create=recorded is None and not has_texts)
    check_fingerprint(recorded, pseudonyms.fingerprint)
    return pseudonyms


def open_key(recorded: str | None, key_file: Path | None) -> Pseudonyms | None:
    """The pseudonyms of a database or a lake; None if its ids are plain, or if the key is unknown or not here.

    Args:
        recorded: of `recorded_key`; None before any run.
        key_file: where the key may be; None: only the variable RISK_MONITOR_KEY may hold it.

    Raises:
        StoreError: the key belongs to another database. ConfigError: the key cannot be read.
    """
    is_here = KEY_VARIABLE in os.environ or (key_file is not None and key_file.exists())
    if recorded in (None, PLAIN, NOT_COPIED) or not is_here:
        return None
    pseudonyms = open_pseudonyms(key_file or Path(), create=False)
    check_fingerprint(recorded, pseudonyms.fingerprint)
    return pseudonyms

"""TODO"""

from __future__ import annotations

from pathlib import Path

import duckdb

from monitor.database.connection import Database
from monitor.database.statements import execute, utc_now
from monitor.errors import StoreError
from monitor.privacy.pseudonyms import PLAIN, Pseudonyms, open_pseudonyms


def agree_on_pseudonyms(con: duckdb.DuckDBPyConnection, fingerprint: str) -> None:
    """Hold every run to the key (or to PLAIN ids) of the first, or a person's course would break in two.

    Raises:
        StoreError: this database was begun with another key, or with plain ids, or without.
    """
    execute(con, "queries/agree_on_pseudonyms", fingerprint=fingerprint, now=utc_now())
    check_pseudonyms(begun_with(con), fingerprint)


def begun_with(con: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint of the key that made the ids, or PLAIN; None where nothing was ever read."""
    row = con.execute("SELECT fingerprint FROM pseudonyms").fetchone()
    return row[0] if row else None


def check_pseudonyms(kept: str | None, fingerprint: str | None) -> None:
    """Hold a fingerprint (None: of a key that is not read yet) against what a database was begun with.

    Raises:
        StoreError: as `agree_on_pseudonyms`.
    """
    if kept is None or kept == fingerprint:
        return
    if kept == PLAIN:
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


def agreed_pseudonyms(db: Database, key_file: Path | None) -> Pseudonyms | None:
    """The pseudonyms of a run, if it has any, in agreement with the database, which is looked at and not changed."""
    kept = None
    if db.exists():
        with db.writing() as con:  # brings the schema up to date
            kept = begun_with(con)
    check_pseudonyms(kept, PLAIN if key_file is None else None)
    if key_file is None:
        return None
    pseudonyms = open_pseudonyms(key_file, create=kept is None)
    check_pseudonyms(kept, pseudonyms.fingerprint)
    return pseudonyms

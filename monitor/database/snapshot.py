"""A read-only copy of the database for analysts and BI tools. No run waits for them, and they wait for no run.

The copy replaces the last one in one step, so whoever opens it sees the complete state of one night; whoever has the
last copy open keeps it. Its files have mode 600 and hold texts only if the settings say so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from monitor.database.connection import Database, private_files
from monitor.database.copy import database_copy
from monitor.database.remedies import explained
from monitor.database.statements import execute, statement
from monitor.errors import ConfigError

NAME = "risk-snapshot.duckdb"
MONTHS = "scores-????-??.parquet"
EVERY_TEXT = dt.datetime(9999, 12, 31)


def publish(db: Database, folder: Path, *, texts: bool = False, parquet: bool = False) -> Path:
    """Copy the database to FOLDER/risk-snapshot.duckdb. The caller holds `database.only_writer`.

    Args:
        db: the database.
        folder: the folder of the copy; created if it is missing.
        texts: copy the texts too, and the start of each rejected row.
        parquet: also write the scores of each month to FOLDER/scores-YYYY-MM.parquet; otherwise remove these files.

    Returns:
        the path of the copy.

    Raises:
        ConfigError: the folder cannot be written. StoreError: the database cannot be read, or the disk is full.
    """
    out = folder / NAME
    if out.resolve() == db.file.resolve():
        raise ConfigError(f"{folder}: the snapshot would replace the database; name another folder")
    new = folder / f".{NAME}.new"
    with _writing_to(folder):
        with database_copy(db, new, before=None if texts else EVERY_TEXT, keys=False):
            new.replace(out)
        for unfinished in folder.glob(f".{MONTHS}.new"):  # a killed run left it
            unfinished.unlink()
        written = _write_months(out, folder) if parquet else set()
        for path in folder.glob(MONTHS):
            if path not in written:
                path.unlink()
    return out


def _write_months(snapshot: Path, folder: Path) -> set[Path]:
    """Write one file of scores for each calendar month (UTC) of posted_at; returns the files."""
    written = set()
    with explained(snapshot), duckdb.connect(snapshot, read_only=True) as con:
        for (month,) in execute(con, "queries/snapshot_months").fetchall():
            path = folder / f"scores-{month:%Y-%m}.parquet"
            new = folder / f".{path.name}.new"
            con.sql(statement("queries/snapshot_month").sql, params={"month": month}).write_parquet(
                str(new), compression="zstd"
            )
            written.add(new.replace(path))
    return written


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with private_files():
            yield
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot write the snapshot there ({error.strerror}); name another folder"
        ) from error

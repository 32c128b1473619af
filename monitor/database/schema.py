"""The schema: apply the files of sql/schema to a database, and refuse databases with another schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from monitor.database.comments import comment_all
from monitor.database.lake_views import quoted
from monitor.database.reader_copies import is_snapshot
from monitor.database.statements import schema_files, utc_now
from monitor.errors import StoreError


def migrate(con: duckdb.DuckDBPyConnection) -> None:
    """Apply the files of sql/schema that this database lacks, all in one transaction."""
    applied = len(_applied(con) or ())
    if applied == len(_migrations()):
        return
    con.execute("BEGIN")
    for version, file in enumerate(_migrations()[applied:], start=applied + 1):
        con.execute(file.read_text(encoding="utf-8"))
        con.execute("INSERT INTO schema_version VALUES (?, ?, ?)", [version, file.stem, utc_now()])
    if not _in_memory(con):  # no other program opens a database in memory, and comments take as long as tables
        comment_all(con)
    con.execute("COMMIT")


def make_empty(path: Path, storage_version: str | None = None) -> None:
    """Make a database file with the newest schema and no rows.

    Args:
        path: the file, which is not there yet.
        storage_version: the oldest version of DuckDB that has to read the file; None: the installed version.
    """
    option = f" (STORAGE_VERSION '{storage_version}')" if storage_version else ""
    with duckdb.connect() as con:
        con.execute(f"ATTACH {quoted(str(path.absolute()))} AS new{option}")
        con.execute("USE new")
        migrate(con)
        con.execute("USE memory")
        con.execute("DETACH new")  # writes everything into the file


def _in_memory(con: duckdb.DuckDBPyConnection) -> bool:
    path = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    return path is None or not path[0]


def n_steps() -> int:
    """The number of the newest schema."""
    return len(_migrations())


@cache
def _migrations() -> tuple[Path, ...]:
    return schema_files()


def _applied(con: duckdb.DuckDBPyConnection) -> list[str] | None:
    """Names of the schema files that this database has, in order; None if it belongs to another program."""
    try:
        rows = con.execute("SELECT name FROM schema_version ORDER BY version").fetchall()
    except duckdb.Error:
        return None if con.execute("FROM duckdb_tables()").fetchone() else []
    return [name for (name,) in rows] or None


def is_older(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether this database lacks files of sql/schema."""
    return len(_applied(con) or ()) < n_steps()


def check_schema(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    read_only: bool,
    lake: str | None = None,
    *,
    any_schema: bool = False,
) -> None:
    """Check that this database is of this project and that its schema can be used.

    Args:
        con: the database.
        path: its file, for messages.
        read_only: whether an older schema stays as it is.
        lake: the lake that the database's views read. Views of a lake are created again instead of updated.
        any_schema: whether an older schema is accepted.

    Raises:
        StoreError: the database is of another program, or newer than this code, or older and either `read_only` or of
            a lake.
    """
    applied, expected = _applied(con), [file.stem for file in _migrations()]
    if applied is None or any(ours != its for ours, its in zip(expected, applied, strict=False)):
        raise StoreError(f"{path}: a database of another program; name another file with --db")
    if len(applied) > len(expected):
        raise StoreError(
            f"{path}: written by a newer risk-monitor (schema {len(applied)}, this one knows {len(expected)}); "
            "upgrade risk-monitor"
        )
    if any_schema:
        return
    if lake is not None and len(applied) < len(expected):
        raise StoreError(
            f"{path}: made by an older risk-monitor; `risk-monitor lake open --lake {lake}` makes it anew"
        )
    if read_only and len(applied) < len(expected):
        if is_snapshot(path):
            raise StoreError(f"{path}: a snapshot by an older risk-monitor; the next night writes it anew")
        raise StoreError(
            f"{path}: schema {len(applied)} is older than this risk-monitor's {len(expected)}; "
            f"the next `risk-monitor nightly`, or `risk-monitor score INPUT --db {path}`, brings it up to date"
        )

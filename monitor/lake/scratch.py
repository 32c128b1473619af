"""A small database in memory, with this project's tables, in which the rows of one shard or batch are built.

The statements of sql/queries run in it as they do in a database file, so checks, types and columns are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import duckdb
import polars as pl
import pyarrow as pa

from monitor.database.schema import migrate

CELL_VIEW = "daily_cells"  # sums the scores of each subject and day
ORDER = {
    "documents": "posted_at, doc_id",
    "scores": "posted_at, doc_id",
    "pieces": "doc_id, piece",
    "mentions": 'doc_id, phrase, "first"',
}


def open_scratch() -> duckdb.DuckDBPyConnection:
    """An empty database in memory with the tables of the newest schema; the caller closes it."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for create in _schema()[0]:
        con.execute(create)
    return con


def cell_view_sql() -> str:
    """The statement that creates the view of daily sums, of the newest schema."""
    return _schema()[1]


@cache
def _schema() -> tuple[list[str], str]:
    """The statements that create the tables, and CELL_VIEW, in the newest schema.

    They are cached, because running all steps of sql/schema takes a while.
    """
    with duckdb.connect() as con:
        migrate(con)
        tables = con.execute("SELECT sql FROM duckdb_tables() ORDER BY table_oid").fetchall()
        ((view,),) = con.execute("SELECT sql FROM duckdb_views() WHERE view_name = ?", [CELL_VIEW]).fetchall()
    return [sql for (sql,) in tables], view


@contextmanager
def undone(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction that is rolled back at the end of the block, so that whoever comes next finds the former rows."""
    con.execute("BEGIN")
    try:
        yield
    finally:
        con.execute("ROLLBACK")


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table | pl.DataFrame) -> None:
    """Insert rows by the names of their columns; a column that the table lacks is left out."""
    have = set(columns(con, table))
    names = ", ".join(
        f'"{name}"'
        for name in (rows.columns if isinstance(rows, pl.DataFrame) else rows.column_names)
        if name in have
    )
    con.register("stored", rows)
    con.execute(f'INSERT INTO "{table}" BY NAME SELECT {names} FROM stored')
    con.unregister("stored")


def columns(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column -> type of a table, in its order."""
    return {name: kind for name, kind, *_ in con.execute(f'DESCRIBE "{table}"').fetchall()}


def rows_of(con: duckdb.DuckDBPyConnection, table: str) -> pa.Table:
    """All rows of a table, in the order in which a shard stores them."""
    order = f" ORDER BY {ORDER[table]}" if table in ORDER else ""
    return con.sql(f'FROM "{table}"{order}').to_arrow_table()


def has_table(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the schema has such a table."""
    return bool(con.execute("FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall())

"""Comments of tables, views and columns, which DuckDB's own tables and BI tools show.

A table's comment is the purpose in the header of its schema file. If a file makes several tables, each one's comment
is its line in sql/comments/tables.txt. A column's comment is the line of its name in sql/comments/columns.txt: a
column name has the same meaning in every table.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

import duckdb

from monitor.database.lake_views import quoted
from monitor.database.statements import SQL, read_header, schema_files

COLUMNS = SQL / "comments" / "columns.txt"
TABLES = SQL / "comments" / "tables.txt"


def comment_all(con: duckdb.DuckDBPyConnection, only: Collection[str] | None = None) -> None:
    """Write the comments of all tables, views and columns, or only those of the tables `only`."""
    purposes, meanings, statements = _purposes(), _meanings(), []
    for kind, names in (("TABLE", "duckdb_tables"), ("VIEW", "duckdb_views")):
        rows = con.execute(
            f"SELECT {kind}_name FROM {names}() WHERE NOT internal AND database_name = current_database() ORDER BY 1"
        ).fetchall()
        for (name,) in rows:
            if name in purposes and (only is None or name in only):
                statements.append(f'COMMENT ON {kind} "{name}" IS {quoted(purposes[name])}')
    columns = con.execute(
        "SELECT table_name, column_name FROM duckdb_columns()"
        " WHERE NOT internal AND database_name = current_database() ORDER BY 1"
    ).fetchall()
    for table, column in columns:
        if column in meanings and (only is None or table in only):
            statements.append(f'COMMENT ON COLUMN "{table}"."{column}" IS {quoted(meanings[column])}')
    con.execute(";\n".join(statements))


@cache
def _purposes() -> dict[str, str]:
    """The purpose of each table and view; if two schema files define one, the later file's purpose counts."""
    headers = [read_header(path.read_text(encoding="utf-8")) for path in schema_files()]
    return {header["name"]: header["purpose"] for header in headers} | _lines(TABLES)


@cache
def _meanings() -> dict[str, str]:
    return _lines(COLUMNS)


def _lines(file: Path) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in file.read_text(encoding="utf-8").splitlines())

"""Every table, view and column says what it means, in a new database and in one brought up to date."""

import gzip
from pathlib import Path

import duckdb
import pytest

from monitor.database.connection import Database
from monitor.database.copy import database_copy

SQL = """
SELECT table_name AS name FROM duckdb_tables() WHERE comment IS NULL
UNION ALL SELECT view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal
UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal
"""


@pytest.mark.parametrize("old", [False, True])
def test_every_table_view_and_column_has_a_comment(tmp_path: Path, old: bool) -> None:
    db = Database(tmp_path / "risk.duckdb")
    if old:
        packed = Path(__file__).with_name("schema-17.gz").read_bytes()
        db.path.write_bytes(gzip.decompress(packed))
    with db.writing() as con:
        without = [name for (name,) in con.execute(SQL).fetchall()]
    assert without == [], (
        "a line for it in sql/comments/columns.txt or tables.txt, or a purpose in the header of its schema file"
    )


def test_a_snapshot_keeps_the_comments(tmp_path: Path) -> None:
    db, copy = Database(tmp_path / "risk.duckdb"), tmp_path / "copy.duckdb"
    with db.writing():
        pass
    with database_copy(db, copy, keys=False), duckdb.connect(copy, read_only=True) as con:
        assert con.execute(SQL).fetchall() == []

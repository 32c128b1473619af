"""A database in memory, for properties of rows: opening a file many times takes most of the time of a small run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from monitor.database.connection import Database
from tests.support.empty_database import in_memory


class MemoryDatabase(Database):
    """A database with the newest schema and no rows. Its blocks do what those of a file do, but open no file."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        super().__init__(Path("in memory"))
        self._con = con

    @contextmanager
    def reading(self, **_: Any) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for the length of a block."""
        with closing(self._con.cursor()) as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con

    @contextmanager
    def writing(self, **_: Any) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction for the length of a block; closing undoes it after an error."""
        with self.reading() as con:
            con.execute("BEGIN")
            yield con
            con.execute("COMMIT")


@contextmanager
def memory_database() -> Iterator[MemoryDatabase]:
    """A new database for the length of a block."""
    with in_memory() as con:
        yield MemoryDatabase(con)

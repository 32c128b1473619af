"""An empty database in memory, copied from a file that each process makes once: the tables take long to make."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from monitor.database.lake_views import quoted
from monitor.database.schema import make_empty


@contextmanager
def in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database in memory that has the newest schema and no rows."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"ATTACH {quoted(f'{_folder().name}/empty.duckdb')} AS empty (READ_ONLY)")
        con.execute("COPY FROM DATABASE empty TO memory")
        con.execute("DETACH empty")
        yield con


@cache
def _folder() -> TemporaryDirectory[str]:
    """A folder with the file empty.duckdb; it is removed when this process ends."""
    folder = TemporaryDirectory()
    make_empty(Path(folder.name) / "empty.duckdb")
    return folder

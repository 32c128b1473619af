"""TODO"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from monitor.database.connection import FILE_TYPE, Database, private_files
from monitor.database.remedies import explained
from monitor.database.schema import migrate
from monitor.database.statements import execute, fetch_number, statement
from monitor.errors import StoreError

ORDER = ("documents", "scores", "alerts", "files", "rejects", "runs")  # scores are those of documents kept


KEYED = ("documents", "scores")  # the tables with a row for each text


NOTHING = "^\\b$"  # a pattern that no name fits


@contextmanager
def copied(
    db: Database,
    new: Path,
    *,
    subjects: Sequence[str] = (),
    before: dt.datetime | None = None,
    keys: bool = True,
) -> Iterator[dict[str, int]]:
    """A copy of a database in the file `new`, mode 600, and, as `rewrite`, how many rows of each table it lacks.

    Without `keys` the tables of KEYED have no constraints: who only reads needs none, and their indexes are two
    thirds of the file. For the length of the block nobody else writes to `db`; after it `new` is gone, unless the
    block moved it. The caller holds `database.only_writer`.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written.
    """
    db.connect().close()  # empties the log into the file
    _remove(new)  # of a run that was killed
    with private_files(), explained(db.file):
        try:
            with duckdb.connect(new) as con:
                migrate(con)
                for table in () if keys else KEYED:
                    con.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {table} LIMIT 0")
            with duckdb.connect() as con:
                con.execute(f"ATTACH {_quoted(db.file.absolute())} AS old (TYPE {FILE_TYPE}, READ_ONLY)")
                if db.file.with_name(
                    f"{db.file.name}.wal"
                ).exists():  # it would be taken for the log of the new file
                    raise StoreError(f"{db}: another program writes to it; run again when it is done")
                con.execute(f"ATTACH {_quoted(new.absolute())} AS new")
                con.execute("USE new")
                gone = _copy(con, list(subjects), before)
                con.execute("USE memory")
                con.execute("DETACH new")  # all of it is in the file now
                yield gone
        finally:
            _remove(new)


def _copy(con: duckdb.DuckDBPyConnection, subjects: list[str], before: dt.datetime | None) -> dict[str, int]:
    """Copy every table of `old` that may stay into the empty tables of `new`; returns what went."""
    names = "|".join(rf"(^|[^\pL\pN]){re.escape(name)}($|[^\pL\pN])" for name in subjects) or NOTHING
    given = {"subjects": subjects, "names": names, "before": before}
    tables = [
        table
        for (table,) in con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'old' ORDER BY table_name"
        ).fetchall()
    ]
    con.execute("BEGIN")
    con.execute("DELETE FROM schema_version")
    con.execute("COMMIT")
    gone = {}
    for table in (*ORDER, *(name for name in tables if name not in ORDER)):
        if table in ORDER:
            keep = statement(f"queries/keep_{table}")
            con.execute(keep.sql, keep.pick(given))
        else:
            con.execute(f'INSERT INTO "{table}" BY NAME FROM old."{table}"')
        counts = con.execute(
            f'SELECT (SELECT count(*) FROM old."{table}") - (SELECT count(*) FROM "{table}")'
        )
        (n,) = counts.fetchall()[0]
        if n:
            gone[table] = n
    n = fetch_number(execute(con, "queries/count_file_names", names=names))
    return {**gone, "file names": n} if n else gone


def _remove(database: Path) -> None:
    for path in (database, database.with_name(f"{database.name}.wal")):
        path.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

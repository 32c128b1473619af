"""Copy a database into a new file, whole or without some subjects and texts, for forgetting and for snapshots."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from monitor.database.comments import comment_all
from monitor.database.connection import FILE_TYPE, Database, logs, private_files
from monitor.database.ctrl_c import connected
from monitor.database.doublewrite import open_file
from monitor.database.lake_views import quoted, refuse_lake
from monitor.database.remedies import explained
from monitor.database.schema import make_empty
from monitor.database.spills import spill_folder
from monitor.database.statements import execute, fetch_number, statement
from monitor.errors import StoreError

# The rows of these tables are copied with their documents.
OF_DOCUMENTS = ("scores", "pieces", "word_weights", "mentions", "crisis_searches")
# The order matters: superseded scores are copied with the superseded documents, and the case log with the alerts.
FILTERED_TABLES = (
    *("documents", *OF_DOCUMENTS, "superseded_documents", "superseded_scores", "subject_forms", "measures"),
    *("alerts", "case_log", "codes", "files", "rejects", "runs"),
)
TEXT_TABLES = ("documents", "scores", "pieces")  # the tables with a row for each text
NOT_FOR_READERS = ("pseudonyms",)  # the fingerprint of the key lets its holder test guesses at the key
READERS_VERSION = "v1.0.0"  # DuckDB 1.1 and newer read it; 1.0 fails at the indexes that 2.0 writes
MOVE_LOG = "CHECKPOINT"  # into the file; closing does it too, but does not say why it fails, such as on a full disk
MATCHES_NOTHING = "^\\b$"


@contextmanager
def database_copy(
    db: Database,
    new: Path,
    *,
    subjects: Sequence[str] = (),
    before: dt.datetime | None = None,
    keys: bool = True,
) -> Iterator[dict[str, int]]:
    """A copy of a database in the file `new` (mode 600) for the length of a block.

    No other process can write to `db` during the block. At its end `new` is removed, unless the block moved it. The
    caller holds `database.only_writer`.

    Args:
        db: the database.
        new: the file of the copy.
        subjects: ids of subjects to leave out, as the database and file names hold them.
        before: a time in UTC; texts ingested before it are left out; None: copy all texts.
        keys: whether the tables of TEXT_TABLES get constraints. Readers do not need constraints, whose indexes are
            two thirds of the file. A copy without keys also lacks the tables NOT_FOR_READERS.

    Yields:
        table -> number of rows left out, for tables with left-out rows; "file names" -> number of changed names.

    Raises:
        StoreError: the database is missing, or cannot be read, or the copy cannot be written.
    """
    db.check_place(read_only=True)  # opened for writing, a missing file would be created
    with db.writing() as con:  # brings the schema up to date
        refuse_lake(con, db.path, "forget SUBJECT")
        con.execute(MOVE_LOG)
    _remove(new)  # a killed run may have left one
    with private_files(), explained(db.file):
        try:
            _create(new, keys)
            with connected(config={"temp_directory": str(spill_folder(db.file))}) as con:
                con.execute(f"ATTACH {quoted(str(db.file.absolute()))} AS old (TYPE {FILE_TYPE}, READ_ONLY)")
                # DuckDB would treat an existing log as the log of the new file.
                if any(log.exists() for log in logs(db.file)):
                    raise StoreError(f"{db}: another program writes to it; run again when it is done")
                con.execute(f"ATTACH {quoted(str(new.absolute()))} AS new")
                con.execute("USE new")
                removed = _copy_tables(con, list(subjects), before, () if keys else NOT_FOR_READERS)
                con.execute("USE memory")
                con.execute("DETACH new")  # writes everything into the file
                yield removed
        finally:
            _remove(new)


def copy_file(db: Database, new: Path) -> None:
    """Copy the file of a database, of any schema, byte by byte into the file `new`.

    No other process can write to `db` meanwhile. The caller holds `database.only_writer`.

    Raises:
        StoreError: the database is missing, or cannot be read. OSError: the copy cannot be written.
    """
    db.check_place(read_only=True)  # opened for writing, a missing file would be created
    with db.writing(any_schema=True) as con:
        con.execute(MOVE_LOG)
    with private_files(), open_file(db.file) as file, db.reading(any_schema=True):
        if any(log.exists() for log in logs(db.file)):
            raise StoreError(f"{db}: another program writes to it; run again when it is done")
        with open(file, "rb", closefd=False) as source, new.open("wb") as target:
            shutil.copyfileobj(source, target)


def _create(new: Path, keys: bool) -> None:
    """Create the empty tables; without keys, in a file that older versions of DuckDB can open."""
    if keys:
        make_empty(new)
        return
    make_empty(new, READERS_VERSION)
    with connected(f"{FILE_TYPE}:{new.absolute()}") as con:
        for table in TEXT_TABLES:
            con.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {table} LIMIT 0")
        comment_all(con, TEXT_TABLES)  # the tables that were created again have lost their comments


def pattern_of(subjects: Sequence[str]) -> str:
    """A regular expression that finds one of these ids as a word."""
    return "|".join(rf"(^|[^\pL\pN]){re.escape(name)}($|[^\pL\pN])" for name in subjects) or MATCHES_NOTHING


def _copy_tables(
    con: duckdb.DuckDBPyConnection, subjects: list[str], before: dt.datetime | None, left_out: Sequence[str]
) -> dict[str, int]:
    """Copy the tables of `old`, except those left out, into the empty tables of `new`; returns as `database_copy`."""
    values = {"subjects": subjects, "names": pattern_of(subjects), "before": before}
    rows = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'old' ORDER BY table_name"
    ).fetchall()
    others = [table for (table,) in rows if table not in (*FILTERED_TABLES, *left_out)]
    con.execute("BEGIN")
    con.execute("DELETE FROM schema_version")
    con.execute("COMMIT")
    n_old = _row_counts(con, "old", (*FILTERED_TABLES, *others))
    for table, n in n_old.items():
        if n:  # to plan the copy of an empty table takes as long as to copy a small one
            copy_table(con, table, values)
    n_new = _row_counts(con, "new", n_old)
    removed = {table: n - n_new[table] for table, n in n_old.items() if n != n_new[table]}
    if n := fetch_number(execute(con, "queries/count_file_names", names=values["names"])):
        removed["file names"] = n
    return removed


def _row_counts(con: duckdb.DuckDBPyConnection, database: str, tables: Iterable[str]) -> dict[str, int]:
    """The number of rows of each of these tables of an attached database, in their order."""
    counts = [f'(SELECT count(*) FROM {database}."{table}")' for table in tables]
    return dict(zip(tables, con.execute(f"SELECT {', '.join(counts)}").fetchall()[0], strict=True))


def copy_table(con: duckdb.DuckDBPyConnection, table: str, values: Mapping[str, object]) -> None:
    """Copy a table of the attached database `old` into the empty table of that name.

    Args:
        con: the connection; the tables before this one in FILTERED_TABLES are copied already.
        table: its name.
        values: the rows to leave out: `subjects`, the pattern `names` of their ids, and the time `before` (earlier
            texts are left out).
    """
    if table in FILTERED_TABLES and table not in OF_DOCUMENTS:
        insert = statement(f"queries/copy_{table}")
        con.execute(insert.sql, insert.pick(values))
    else:
        kept = " SEMI JOIN documents USING (doc_id)" if table in OF_DOCUMENTS else ""
        con.execute(f'INSERT INTO "{table}" BY NAME FROM old."{table}"{kept}')


def _remove(database: Path) -> None:
    for path in (database, *logs(database)):
        path.unlink(missing_ok=True)

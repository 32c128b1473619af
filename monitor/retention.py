"""What may not be kept any longer goes, and its bytes with it: old texts, and everything of a subject.

DuckDB marks what is deleted as free and leaves its bytes in the file. So the rows that may stay are copied to a
new file, which takes the place of the old one in one step; whoever looks sees the one or the other, whole. The
file system may still hold blocks of the old file until it uses them again: only an encrypted disk helps there.
"""

from __future__ import annotations

import datetime as dt
import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from monitor.database import KIND, SQL, connect, followed, migrate, private_files, reading, utc_now
from monitor.errors import StoreError
from monitor.privacy import Pseudonyms
from monitor.remedies import explained
from monitor.torn import drop

ORDER = ("documents", "scores", "alerts", "files", "rejects", "runs")  # scores are those of documents kept
KEYED = ("documents", "scores")  # the tables with a row for each text
NOTHING = "^\\b$"  # a pattern that no name fits
SOUGHT = 20  # documents whose id and text are looked for afterwards; the ids of the subject always are
SOUGHT_BYTES = 8  # what is shorter stands in any file by chance


def drop_old_texts(db: Path, days: int, now: dt.datetime | None = None) -> int:
    """Let texts, and what rejects hold of their rows, go once they were kept for `days` days; scores stay.

    The file is written anew if there is any. The caller holds `database.only_writer`.

    Returns:
        how many texts went.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written; nothing has changed then.
    """
    before = (now or utc_now()) - dt.timedelta(days=days)
    with reading(db) as con:
        n_texts, n_rejects = con.execute(_sql("count_old_texts"), {"before": before}).fetchall()[0]
    if n_texts or n_rejects:
        rewrite(db, before=before)
    return int(n_texts)


def rewrite(db: Path, *, subjects: Sequence[str] = (), before: dt.datetime | None = None) -> dict[str, int]:
    """Replace the database file by a copy without these subjects and without texts taken in before a time.

    Rows of other tables are copied as they are. The caller holds `database.only_writer`.

    Args:
        db: the database.
        subjects: their ids as the database holds them, and as file names may hold them.
        before: UTC; None: all texts stay.

    Returns:
        how many rows of each table went, where any did, and names of files that hold an id.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written; nothing has changed then.
    """
    db = followed(db)  # a link would be replaced, and what it stands for kept
    new = db.with_name(f".{db.name}.rewrite")
    with copied(db, new, subjects=subjects, before=before) as gone:
        new.replace(db)
        drop(db)  # it may hold of the statistics what is forgotten
    return gone


@contextmanager
def copied(
    db: Path,
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
    db = followed(db)
    connect(db).close()  # empties the log into the file
    _remove(new)  # of a run that was killed
    with private_files(), explained(db):
        try:
            with duckdb.connect(new) as con:
                migrate(con)
                for table in () if keys else KEYED:
                    con.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {table} LIMIT 0")
            with duckdb.connect() as con:
                con.execute(f"ATTACH {_quoted(db.absolute())} AS old (TYPE {KIND}, READ_ONLY)")
                if db.with_name(f"{db.name}.wal").exists():  # it would be taken for the log of the new file
                    raise StoreError(f"{db}: another program writes to it; run again when it is done")
                con.execute(f"ATTACH {_quoted(new.absolute())} AS new")
                con.execute("USE new")
                gone = _copy(con, list(subjects), before)
                con.execute("USE memory")
                con.execute("DETACH new")  # all of it is in the file now
                yield gone
        finally:
            _remove(new)


@dataclass(frozen=True)
class Forgotten:
    """What went, and what to look for in files: strings that nobody else's rows hold.

    Attributes:
        removed: rows of each table that went.
        sought: ids and texts that may stand nowhere any more.
        unsought: how many would prove nothing, for they are short, or stand in rows of others, which stay.
    """

    removed: dict[str, int]
    sought: tuple[str, ...]
    unsought: int


def names_of(subject: str, pseudonyms: Pseudonyms | None) -> tuple[str, ...]:
    """The id as it was given, and as the database may hold it instead."""
    return (subject,) if pseudonyms is None else (subject, pseudonyms.of(subject))


def forget(db: Path, names: Sequence[str]) -> Forgotten:
    """Write the database anew without the subject of these names. The caller holds `database.only_writer`.

    Raises:
        StoreError: the database cannot be read or written; nothing has changed then.
    """
    with reading(db) as con:
        rows = con.execute(_sql("subject_traces"), {"subjects": list(names), "n": SOUGHT}).fetchall()
    removed = rewrite(db, subjects=names)
    candidates = {*names, *(value for row in rows for value in row if value)}
    with reading(db) as con:
        shared = _held(con, sorted(candidates))
    sought = sorted(text for text in candidates - shared if len(text.encode()) >= SOUGHT_BYTES)
    return Forgotten(removed, tuple(sought), len(candidates) - len(sought))


def files_holding(files: Iterable[Path], sought: Sequence[str]) -> list[Path]:
    """Those of the files in whose bytes one of these strings stands, as UTF-8 or as JSON escapes it."""
    needles = [form.encode() for text in sought for form in {text, ascii(text)[1:-1]}]
    return [path for path in files if _holds(path, needles)]


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
        sql = _sql(f"keep_{table}") if table in ORDER else f'INSERT INTO "{table}" BY NAME FROM old."{table}"'
        (statement,) = con.extract_statements(sql)
        con.execute(sql, {name: given[name] for name in statement.named_parameters})
        counts = con.execute(
            f'SELECT (SELECT count(*) FROM old."{table}") - (SELECT count(*) FROM "{table}")'
        )
        (n,) = counts.fetchall()[0]
        if n:
            gone[table] = n
    ((n,),) = con.execute(_sql("count_file_names"), {"names": names}).fetchall()
    return {**gone, "file names": n} if n else gone


def _remove(database: Path) -> None:
    for path in (database, database.with_name(f"{database.name}.wal")):
        path.unlink(missing_ok=True)


def _sql(name: str) -> str:
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    with path.open("rb") as stream:
        if not path.stat().st_size:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
            return any(held.find(needle) >= 0 for needle in needles)


def _held(con: duckdb.DuckDBPyConnection, strings: list[str]) -> set[str]:
    """Those of the strings that stand in a value of any table."""
    columns = con.execute(_sql("text_columns")).fetchall()
    found: set[str] = set()
    for table, column in columns:
        sql = (
            f'SELECT sought FROM (SELECT unnest($strings) AS sought) WHERE EXISTS (FROM "{table}" AS t'
            f' WHERE contains(t."{column}", sought))'
        )
        found |= {text for (text,) in con.execute(sql, {"strings": strings}).fetchall()}
    return found

"""TODO"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from monitor.database.connection import Database
from monitor.database.statements import execute
from monitor.privacy.pseudonyms import Pseudonyms
from monitor.privacy.retention import rewrite

SOUGHT = 20  # documents whose id and text are looked for afterwards; the ids of the subject always are


SOUGHT_BYTES = 8  # what is shorter stands in any file by chance


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


def forget(db: Database, names: Sequence[str]) -> Forgotten:
    """Write the database anew without the subject of these names. The caller holds `database.only_writer`.

    Raises:
        StoreError: the database cannot be read or written; nothing has changed then.
    """
    with db.reading() as con:
        rows = execute(con, "queries/subject_traces", subjects=list(names), n=SOUGHT).fetchall()
    removed = rewrite(db, subjects=names)
    candidates = {*names, *(value for row in rows for value in row if value)}
    with db.reading() as con:
        shared = _held(con, sorted(candidates))
    sought = sorted(text for text in candidates - shared if len(text.encode()) >= SOUGHT_BYTES)
    return Forgotten(removed, tuple(sought), len(candidates) - len(sought))


def files_holding(files: Iterable[Path], sought: Sequence[str]) -> list[Path]:
    """Those of the files in whose bytes one of these strings stands, as UTF-8 or as JSON escapes it."""
    needles = [form.encode() for text in sought for form in {text, ascii(text)[1:-1]}]
    return [path for path in files if _holds(path, needles)]


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    with path.open("rb") as stream:
        if not path.stat().st_size:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
            return any(held.find(needle) >= 0 for needle in needles)


def _held(con: duckdb.DuckDBPyConnection, strings: list[str]) -> set[str]:
    """Those of the strings that stand in a value of any table."""
    columns = execute(con, "queries/text_columns").fetchall()
    found: set[str] = set()
    for table, column in columns:
        sql = (
            f'SELECT sought FROM (SELECT unnest($strings) AS sought) WHERE EXISTS (FROM "{table}" AS t'
            f' WHERE contains(t."{column}", sought))'
        )
        found |= {text for (text,) in con.execute(sql, {"strings": strings}).fetchall()}
    return found

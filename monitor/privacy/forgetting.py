"""Forget a subject: remove their rows, then check that no file still contains their ids or texts."""

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

MAX_DOCUMENTS = 20  # whose ids and texts are searched for; the subject's own ids always are
MIN_SEARCH_BYTES = 8  # any file may contain a shorter string by chance


@dataclass(frozen=True)
class Forgotten:
    """What `forget` removed, and the strings to search files for.

    Attributes:
        removed: number of removed rows of each table.
        search_strings: ids and texts of the subject that no file may contain any more.
        n_not_searched: number of strings not searched for, because they are too short or also occur in rows of
            other subjects, which stay.
    """

    removed: dict[str, int]
    search_strings: tuple[str, ...]
    n_not_searched: int


def possible_ids(subject: str, pseudonyms: Pseudonyms | None) -> tuple[str, ...]:
    """The id as given, and the pseudonym that the database may hold instead."""
    return (subject,) if pseudonyms is None else (subject, pseudonyms.of(subject))


def forget(db: Database, ids: Sequence[str]) -> Forgotten:
    """Rewrite the database without the subject of these ids. The caller holds `Database.only_writer`.

    Raises:
        StoreError: the database cannot be read or written; it is then unchanged.
    """
    with db.reading() as con:
        traces = execute(con, "queries/subject_traces", subjects=list(ids), n=MAX_DOCUMENTS).fetchall()
    removed = rewrite(db, subjects=ids)
    candidates = {*ids, *(value for row in traces for value in row if value)}
    with db.reading() as con:
        shared = _strings_in_tables(con, sorted(candidates))
    strings = sorted(text for text in candidates - shared if len(text.encode()) >= MIN_SEARCH_BYTES)
    return Forgotten(removed, tuple(strings), len(candidates) - len(strings))


def files_containing(files: Iterable[Path], strings: Sequence[str]) -> list[Path]:
    """The files whose bytes contain one of these strings, as UTF-8 or with JSON escapes."""
    needles = [form.encode() for text in strings for form in {text, ascii(text)[1:-1]}]
    return [path for path in files if _contains(path, needles)]


def _contains(path: Path, needles: Sequence[bytes]) -> bool:
    with path.open("rb") as stream:
        if not path.stat().st_size:  # mmap refuses an empty file
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(needle) >= 0 for needle in needles)


def _strings_in_tables(con: duckdb.DuckDBPyConnection, strings: list[str]) -> set[str]:
    """The strings that a value of any table contains."""
    present: set[str] = set()
    for table, column in execute(con, "queries/text_columns").fetchall():
        sql = (
            f'SELECT string FROM (SELECT unnest($strings) AS string) WHERE EXISTS (FROM "{table}" AS t'
            f' WHERE contains(t."{column}", string))'
        )
        present |= {text for (text,) in con.execute(sql, {"strings": strings}).fetchall()}
    return present

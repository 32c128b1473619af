"""Forget a subject: remove the subject's rows, then check that no file still contains their ids or texts."""

from __future__ import annotations

import html
import json
import mmap
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from monitor.database.connection import FILE_TYPE, Database
from monitor.database.copy import pattern_of
from monitor.database.ctrl_c import connected
from monitor.database.remedies import explained
from monitor.database.statements import execute
from monitor.privacy.pseudonyms import Pseudonyms
from monitor.privacy.retention import rewrite

MAX_DOCUMENTS = 20  # documents whose ids and texts are searched for; the subject's own ids always are
_QUOTES = {ord('"'): "&#34;", ord("'"): "&#39;"}  # as markupsafe writes them
_SCRIPT_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}  # as JSON in a page's script has them
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

    An id that occurs nowhere, or only in the name of a folder, belongs to nobody, and nothing is removed. The ids are
    still strings to search for, because an earlier run that was cut short may have removed the rows.

    Raises:
        StoreError: the database cannot be read or written; it is then unchanged.
    """
    with db.reading() as con:
        is_known = _is_known(con, list(ids))
        traces = execute(con, "queries/subject_traces", subjects=list(ids), n=MAX_DOCUMENTS).fetchall()
    removed = rewrite(db, subjects=ids) if is_known else {}
    candidates = {*ids, *(value for row in traces for value in row if value)}
    with db.reading() as con:
        shared = _strings_in_tables(con, sorted(candidates))
    strings = sorted(text for text in candidates - shared if len(text.encode()) >= MIN_SEARCH_BYTES)
    return Forgotten(removed, tuple(strings), len(candidates) - len(strings))


def values_containing(files: Iterable[Path], strings: Sequence[str]) -> tuple[list[str], int]:
    """Read every value of database and Parquet files, and find those that contain one of these strings.

    A search of bytes would not do: DuckDB and Parquet compress what they store.

    Returns:
        `FILE: TABLE.COLUMN` of each column that has such a value, and the number of columns read.

    Raises:
        StoreError: a file cannot be read.
    """
    found, n_columns = [], 0
    for path in files:
        if path.suffix == ".parquet":
            with explained(path), connected() as con:
                con.read_parquet(str(path)).create_view("parquet")
                columns = [(name, kind) for name, kind, *_ in con.execute("DESCRIBE parquet").fetchall()]
                pairs = [("parquet", name) for name, kind in columns if kind in ("VARCHAR", "JSON")]
                found += [f"{path}: {column}" for _, column in _columns_containing(con, pairs, strings)]
        else:
            with explained(path), connected(f"{FILE_TYPE}:{path.absolute()}", read_only=True) as con:
                pairs = execute(con, "queries/text_columns").fetchall()
                found += [f"{path}: {'.'.join(pair)}" for pair in _columns_containing(con, pairs, strings)]
        n_columns += len(pairs)
    return found, n_columns


def _columns_containing(
    con: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]], strings: Sequence[str]
) -> list[tuple[str, str]]:
    return [pair for pair in _with_values(con, columns) if _strings_in_column(con, *pair, list(strings))]


def _with_values(con: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of these columns (table, column) whose table has a row: many tables are empty in most databases."""
    tables = {table for table, _ in columns}
    with_rows = {table for table in tables if con.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchall()}
    return [(table, column) for table, column in columns if table in with_rows]


def search_files(files: Iterable[Path], strings: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """The files whose bytes contain one of these strings (see `_written_forms`), and the unreadable files."""
    needles = [form.encode() for text in strings for form in _written_forms(text)]
    found, unread = [], []
    for path in files:
        try:
            if _contains(path, needles):
                found.append(path)
        except OSError:
            unread.append(path)
    return found, unread


def _written_forms(text: str) -> set[str]:
    """A string as UTF-8 files hold it: plain, in JSON with or without escapes, in CSV, in HTML, in its scripts."""
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    in_script = {form.translate(_SCRIPT_ESCAPES) for form in in_json}
    in_html = {html.escape(text), element := html.escape(text, quote=False), element.translate(_QUOTES)}
    return {text, text.replace('"', '""'), *in_json, *in_script, *in_html}


def files_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Every regular file in a folder and its subfolders, sorted, and the folders that cannot be read."""
    files: list[Path] = []
    unread: list[Path] = []
    for place, _, names in os.walk(folder, onerror=lambda error: unread.append(Path(error.filename))):
        for path in sorted(Path(place, name) for name in names):
            try:
                if path.is_file():
                    files.append(path)
            except OSError:
                unread.append(path)
    return files, [path for path in unread if path != folder or folder.is_dir()]


def _contains(path: Path, needles: Sequence[bytes]) -> bool:
    with path.open("rb") as stream:
        if not path.stat().st_size:  # mmap refuses an empty file
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(needle) >= 0 for needle in needles)


def _is_known(con: duckdb.DuckDBPyConnection, ids: list[str]) -> bool:
    """Whether a row, a reject, a message or the name of an input file is about one of these ids."""
    for (table,) in execute(con, "queries/subject_columns").fetchall():
        if con.execute(f'FROM "{table}" WHERE list_contains(?, subject_id) LIMIT 1', [ids]).fetchone():
            return True
    ((named,),) = execute(con, "queries/is_named", subjects=ids, names=pattern_of(ids)).fetchall()
    return bool(named)


def _strings_in_tables(con: duckdb.DuckDBPyConnection, strings: list[str]) -> set[str]:
    """The strings that a value of any table contains."""
    columns = _with_values(con, execute(con, "queries/text_columns").fetchall())
    return set().union(*(_strings_in_column(con, table, column, strings) for table, column in columns))


def _strings_in_column(con: duckdb.DuckDBPyConnection, table: str, column: str, strings: list[str]) -> set[str]:
    name = column.replace('"', '""')
    sql = (
        f'SELECT string FROM (SELECT unnest($strings) AS string) WHERE EXISTS (FROM "{table}" AS t'
        f' WHERE contains(t."{name}", string))'
    )
    return {text for (text,) in con.execute(sql, {"strings": strings}).fetchall()}

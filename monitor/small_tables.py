"""Small tables that people write by hand: a roster, outcomes, labels, courses. Each is a CSV with a header.

They hold names, ids and texts, so no message quotes a cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from monitor.errors import DataError
from monitor.regular_files import require_regular

ROW = "row number"  # the name of the column of row numbers; no caller reads a column of this name from a file
_MOST_BYTES = 2**27  # of a cell; Python's own limit, 128 KiB, is shorter than the longest text


def read_small_table(path: Path, columns: Sequence[str], what: str) -> pl.DataFrame:
    """The cells of these columns as text, null where empty, and the number of each row (ROW; the header is row 1).

    A column that the file lacks is left out. Empty lines are skipped, but count as rows.

    Args:
        path: a CSV in UTF-8.
        columns: those that are wanted; others are ignored.
        what: the file's purpose and its columns, for messages, such as "a roster, a CSV with subject_id and name".

    Raises:
        DataError: the file cannot be read, has one of the columns twice, or a row with more cells than the header.
    """
    require_regular(path)
    rows = _rows(path, _text(path, what), what)
    header = [name.strip() for name in rows[0]]
    if twice := [name for name in columns if header.count(name) > 1]:
        raise DataError(f"{path}, row 1: two columns are called {twice[0]}; keep one")
    there = [name for name in columns if name in header]
    if not there and len(header) == 1 and any(sign in header[0] for sign in ";\t|"):
        raise DataError(f"{path}, row 1: commas do not separate its columns; save it as CSV with commas")
    cells: dict[str, list[str | None]] = {name: [] for name in there}
    numbers = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        if len(row) > len(header):
            raise DataError(
                f"{path}, row {number}: {len(row)} cells, and the header has {len(header)}; put a text with a comma "
                "in quotation marks"
            )
        numbers.append(number)
        for name in there:
            place = header.index(name)
            cells[name].append((row[place] if place < len(row) else "") or None)
    return pl.DataFrame({ROW: numbers, **cells}, schema={ROW: pl.Int64, **dict.fromkeys(there, pl.String)})


def _text(path: Path, what: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; give {what}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot read it ({error.strerror}); give {what} that you may read") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not a CSV in UTF-8; save it as UTF-8") from error


def _rows(path: Path, text: str, what: str) -> list[list[str]]:
    csv.field_size_limit(_MOST_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: not a CSV ({error}); check its quotation marks and line ends"
        ) from error
    if not rows or not any(rows[0]):
        raise DataError(f"{path}: not a CSV, because its first line is empty; give {what}")
    return rows

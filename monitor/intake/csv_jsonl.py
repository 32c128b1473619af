"""Raw rows from CSV and JSON-lines files.

A file without the required columns raises DataError. An unreadable row becomes a fault, and reading continues after
it. `row` is the line on which a row begins (in CSV the header is line 1).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from monitor.errors import DataError
from monitor.intake.raw_rows import (
    COLUMNS,
    MAX_LINE_BYTES,
    REQUIRED,
    Batch,
    BatchBuilder,
    Line,
    Lines,
    Stream,
)

BLOCK_BYTES = 2**16  # buffer size; its complete lines are parsed at once


def read_csv(path: Path, batch_rows: int) -> Iterator[Batch]:
    """Batches of a CSV file (RFC 4180, comma, semicolon or tab, a header line), also of `.gz`.

    If quotes do not close, only the first line of the row is refused, and reading continues with the next line.

    Raises:
        DataError: the header lacks a required column, or names a column twice.
    """
    csv.field_size_limit(2 * MAX_LINE_BYTES)  # the default, 128 KiB, is shorter than the longest text
    builder = BatchBuilder()
    with _open(path) as stream:
        lines = Lines(stream)
        header = lines.next_line()
        if header is None:
            return
        rows = _CsvRows(lines, *_csv_header(path, header))
        while rows.read(builder, builder.rows_left(batch_rows)):
            if builder.is_full(batch_rows):
                yield builder.build()
    yield builder.build()


class _CsvRows:
    """The rows after the header: a block at once if no line needs special treatment, otherwise one by one."""

    def __init__(self, lines: Lines, names: list[str], delimiter: str) -> None:
        self._lines, self._n_names, self._delimiter = lines, len(names), delimiter
        self._positions = [names.index(name) if name in names else None for name in COLUMNS]
        self._record = _Record(lines)
        self._reader = csv.reader(self._record, delimiter=delimiter, strict=True)
        self._single_lines = 0  # number of next lines to read one by one

    def read(self, builder: BatchBuilder, max_rows: int) -> bool:
        """Add the next rows and faults, at most `max_rows`; False at the end of the file."""
        if not self._single_lines:
            block = self._lines.peek_lines()
            self._single_lines = block.count(b"\n")
            if self._single_lines <= max_rows and (rows := self._parse_block(block)):
                first, self._single_lines = self._lines.skip_lines(block, self._single_lines), 0
                self._add_rows(rows, first, builder)
                return True
        self._single_lines = max(self._single_lines - 1, 0)
        return self._read_one(builder)

    def _parse_block(self, block: bytes) -> list[list[str]] | None:
        """The fields of each line; None unless each line is empty or exactly one row without a fault."""
        try:
            text = io.StringIO(block.decode(), newline="\n")
            rows = list(csv.reader(text, delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        return rows if len(rows) == self._single_lines and {*map(len, rows)} <= {0, self._n_names} else None

    def _add_rows(self, rows: list[list[str]], first: int, builder: BatchBuilder) -> None:
        """Add the rows of consecutive lines, the first on line `first`; empty lines are no rows."""
        numbers = [number for number, fields in enumerate(rows, first) if fields]
        if numbers:
            columns = list(zip(*filter(None, rows), strict=True))
            builder.extend(numbers, [None if position is None else columns[position] for position in self._positions])

    def _read_one(self, builder: BatchBuilder) -> bool:
        self._record.begin()
        try:
            fields = next(self._reader)
        except StopIteration:
            return False
        except csv.Error as error:
            builder.refuse(self._record.lines[0], self._record.fault() or _csv_reason(error))
            self._lines.push_back(self._record.lines[1:])
            return True
        reason = self._record.fault() or self._misfit(len(fields))
        if reason:
            builder.refuse(self._record.lines[0], reason)
        elif fields:
            values = [None if position is None else fields[position] for position in self._positions]
            builder.add(self._record.lines[0].number, values)
        return True

    def _misfit(self, n_fields: int) -> str | None:
        if n_fields in (0, self._n_names):  # 0: an empty line, which is no row
            return None
        if n_fields < self._n_names:
            return "fewer fields than the header (cut short?)"
        return "more fields than the header (a text with commas needs quotes)"


class _Record:
    """Supplies lines to csv.reader, and stores the lines of the current record."""

    def __init__(self, lines: Lines) -> None:
        self._source = lines
        self.begin()

    def begin(self) -> None:
        """Clear the stored lines; the next line begins a record."""
        self.lines: list[Line] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > MAX_LINE_BYTES:
            raise csv.Error("the record does not end")
        line = self._source.next_line()
        if line is None:
            raise StopIteration
        self.lines.append(line)
        self._size += len(line.text)
        return line.text

    def fault(self) -> str | None:
        """The first fault of the record's lines; None if there is none."""
        return next((line.fault for line in self.lines if line.fault), None)


def _csv_reason(error: csv.Error) -> str:
    if "new-line" in str(error):
        return "a carriage return outside quotes"
    return "its quotes do not close, or quotes inside them are not doubled"


def _csv_header(path: Path, line: Line) -> tuple[list[str], str]:
    """Column names, and the first delimiter that separates the required ones."""
    if line.fault:
        raise DataError(f"{path}: not a text file in UTF-8; save it as CSV in UTF-8")
    most_names: list[str] = []
    for delimiter in (",", ";", "\t"):
        try:
            names = [name.strip().lower() for name in next(csv.reader([line.text], delimiter=delimiter))]
        except (csv.Error, StopIteration):
            continue
        if all(name in names for name in REQUIRED):
            repeated = [name for name in COLUMNS if names.count(name) > 1]
            if repeated:
                raise DataError(f"{path}: two columns are called {repeated[0]}; keep one")
            return names, delimiter
        most_names = max(most_names, names, key=len)
    raise missing_columns(path, most_names)


def missing_columns(path: Path, names: Iterable[str]) -> DataError:
    """The error for a file without the required columns, given the names in its header.

    If none of COLUMNS is among them, the first line may be a row, whose content must not appear in a message.
    """
    present = [name[:40] for name in names]
    missing = [name for name in REQUIRED if name not in present]
    listed = ", ".join(present[:12]) if set(present) & set(COLUMNS) else "none of these; is its first line a header?"
    return DataError(
        f"{path}: no column {', '.join(missing)} (it has: {listed}); "
        f"required are {', '.join(REQUIRED)}; optional are doc_id, source"
    )


def read_jsonl(path: Path, batch_rows: int) -> Iterator[Batch]:
    """Batches of a JSON-lines file (one object a line), also of `.gz`; empty lines are no rows.

    Raises:
        DataError: the file is one JSON array.
    """
    builder = BatchBuilder()
    with _open(path) as stream:
        lines = Lines(stream)
        while (line := lines.next_line()) is not None:
            if line.number == 1 and line.text.lstrip().startswith("["):
                raise DataError(f"{path}: one JSON array; write one object a line instead (`jq -c '.[]'`)")
            if line.fault:
                builder.refuse(line, line.fault)
            elif not line.text.isspace():
                _add_json(builder, line)
            if builder.is_full(batch_rows):
                yield builder.build()
    yield builder.build()


def _add_json(builder: BatchBuilder, line: Line) -> None:
    try:
        row = json.loads(line.text)
    except (ValueError, RecursionError):
        builder.refuse(line, "not JSON (cut short?)")
        return
    if not isinstance(row, dict):
        builder.refuse(line, "not a JSON object")
        return
    values: list[str | None] = []
    for name in COLUMNS:
        value = row.get(name)
        numeric = name != "text" and isinstance(value, int) and not isinstance(value, bool)
        if numeric or (name == "posted_at" and isinstance(value, float)):
            value = str(value)
        if not (value is None or isinstance(value, str)):
            builder.refuse(line, f"a JSON {_JSON_TYPES[type(value)]}, not a string", name)
            return
        if value is not None and "\\u" in line.text and not _encodable(value):
            builder.refuse(line, "half a surrogate pair, which is no Unicode text", name)
            return
        values.append(value)
    builder.add(line.number, values)


_JSON_TYPES = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open(path: Path) -> Stream:
    if path.suffix.lower() == ".gz":
        return gzip.GzipFile(path)
    return io.BufferedReader(io.FileIO(path), BLOCK_BYTES)

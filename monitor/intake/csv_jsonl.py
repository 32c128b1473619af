"""Raw rows from CSV and JSON-lines files.

A file whose columns cannot be told raises DataError. A row that cannot be read becomes a fault, and the rows
after it are still read. `row` is the line a row begins on (in CSV the header is line 1).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from monitor.errors import DataError
from monitor.intake.raw_rows import COLUMNS, MAX_LINE_BYTES, REQUIRED, Batch, Gatherer, Line, Lines, Stream

BLOCK_BYTES = 2**16  # of lines that are read at once


def read_csv(path: Path, batch_rows: int) -> Iterator[Batch]:
    """Batches of a CSV file (RFC 4180, comma, semicolon or tab, a header line), `.gz` too.

    A row whose quotes do not close is refused by its first line, and reading goes on with the next line.

    Raises:
        DataError: no header line with the columns of the contract.
    """
    csv.field_size_limit(2 * MAX_LINE_BYTES)  # the default, 128 KiB, is less than a text may have
    gathered = Gatherer()
    with _open(path) as stream:
        lines = Lines(stream)
        header = lines.take()
        if header is None:
            return
        rows = _CsvRows(lines, *_csv_header(path, header))
        while rows.read(gathered, gathered.room(batch_rows)):
            if gathered.full(batch_rows):
                yield gathered.take()
    yield gathered.take()


class _CsvRows:
    """The rows after the header: many at once where that is simple, otherwise one by one."""

    def __init__(self, lines: Lines, names: list[str], delimiter: str) -> None:
        self._lines, self._n_names, self._delimiter = lines, len(names), delimiter
        self._places = [names.index(name) if name in names else None for name in COLUMNS]
        self._record = _Record(lines)
        self._reader = csv.reader(self._record, delimiter=delimiter, strict=True)
        self._alone = 0  # the next lines are not plain

    def read(self, gathered: Gatherer, room: int) -> bool:
        """Gather the next rows and faults, `room` at most; False at the end of the file."""
        if not self._alone:
            held = self._lines.ahead()
            self._alone = held.count(b"\n")
            if self._alone <= room and (rows := self._plain(held)):
                first, self._alone = self._lines.skip(held, self._alone), 0
                self._gather(rows, first, gathered)
                return True
        self._alone = max(self._alone - 1, 0)
        return self._read_one(gathered)

    def _plain(self, held: bytes) -> list[list[str]] | None:
        """The fields of each of these lines; None unless every one is a row of its own, or empty, without a fault."""
        try:
            text = io.StringIO(held.decode(), newline="\n")
            rows = list(csv.reader(text, delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        return rows if len(rows) == self._alone and {*map(len, rows)} <= {0, self._n_names} else None

    def _gather(self, rows: list[list[str]], first: int, gathered: Gatherer) -> None:
        """Gather rows, which are on the lines from `first` on; empty lines are none."""
        numbers = [number for number, fields in enumerate(rows, first) if fields]
        if numbers:
            columns = list(zip(*filter(None, rows), strict=True))
            gathered.extend(numbers, [None if place is None else columns[place] for place in self._places])

    def _read_one(self, gathered: Gatherer) -> bool:
        self._record.begin()
        try:
            fields = next(self._reader)
        except StopIteration:
            return False
        except csv.Error as error:
            gathered.refuse(self._record.lines[0], self._record.fault() or _csv_reason(error))
            self._lines.give_back(self._record.lines[1:])
            return True
        reason = self._record.fault() or self._misfit(len(fields))
        if reason:
            gathered.refuse(self._record.lines[0], reason)
        elif fields:
            values = [None if place is None else fields[place] for place in self._places]
            gathered.add(self._record.lines[0].number, values)
        return True

    def _misfit(self, n_fields: int) -> str | None:
        if n_fields in (0, self._n_names):  # 0: an empty line, which is no row
            return None
        if n_fields < self._n_names:
            return "fewer fields than the header (cut short?)"
        return "more fields than the header (a text with commas needs quotes)"


class _Record:
    """Feeds csv.reader and remembers the lines of the record it is in."""

    def __init__(self, lines: Lines) -> None:
        self._source = lines
        self.begin()

    def begin(self) -> None:
        """Forget the lines: the next one begins a record."""
        self.lines: list[Line] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > MAX_LINE_BYTES:
            raise csv.Error("the record does not end")
        line = self._source.take()
        if line is None:
            raise StopIteration
        self.lines.append(line)
        self._size += len(line.text)
        return line.text

    def fault(self) -> str | None:
        """The fault of the record's lines, if they have one."""
        return next((line.fault for line in self.lines if line.fault), None)


def _csv_reason(error: csv.Error) -> str:
    if "new-line" in str(error):
        return "a carriage return outside quotes"
    return "its quotes do not close, or quotes inside them are not doubled"


def _csv_header(path: Path, line: Line) -> tuple[list[str], str]:
    """Column names and the delimiter that tells the required ones apart."""
    if line.fault:
        raise DataError(f"{path}: not a text file in UTF-8; save it as CSV in UTF-8")
    seen: list[str] = []
    for delimiter in (",", ";", "\t"):
        try:
            names = [name.strip().lower() for name in next(csv.reader([line.text], delimiter=delimiter))]
        except (csv.Error, StopIteration):
            continue
        if all(name in names for name in REQUIRED):
            twice = [name for name in COLUMNS if names.count(name) > 1]
            if twice:
                raise DataError(f"{path}: two columns are called {twice[0]}; keep one")
            return names, delimiter
        seen = max(seen, names, key=len)
    raise missing_columns(path, seen)


def missing_columns(path: Path, names: Iterable[str]) -> DataError:
    """The error for a file without the required columns, given those it has.

    Where it has none of the known ones, what stands there may be a row, which belongs in no message.
    """
    has = [name[:40] for name in names]
    missing = [name for name in REQUIRED if name not in has]
    shown = ", ".join(has[:12]) if set(has) & set(COLUMNS) else "none of these; is its first line a header?"
    return DataError(
        f"{path}: no column {', '.join(missing)} (it has: {shown}); "
        f"needed are {', '.join(REQUIRED)}, and may be doc_id, source"
    )


def read_jsonl(path: Path, batch_rows: int) -> Iterator[Batch]:
    """Batches of a JSON-lines file (one object a line), `.gz` too; empty lines are no rows.

    Raises:
        DataError: it is one JSON array, not lines.
    """
    gathered = Gatherer()
    with _open(path) as stream:
        lines = Lines(stream)
        while (line := lines.take()) is not None:
            if line.number == 1 and line.text.lstrip().startswith("["):
                raise DataError(f"{path}: one JSON array; write one object a line instead (`jq -c '.[]'`)")
            if line.fault:
                gathered.refuse(line, line.fault)
            elif not line.text.isspace():
                _add_json(gathered, line)
            if gathered.full(batch_rows):
                yield gathered.take()
    yield gathered.take()


def _add_json(gathered: Gatherer, line: Line) -> None:
    try:
        row = json.loads(line.text)
    except (ValueError, RecursionError):
        gathered.refuse(line, "not JSON (cut short?)")
        return
    if not isinstance(row, dict):
        gathered.refuse(line, "not a JSON object")
        return
    values: list[str | None] = []
    for name in COLUMNS:
        value = row.get(name)
        numeric = name != "text" and isinstance(value, int) and not isinstance(value, bool)
        if numeric or (name == "posted_at" and isinstance(value, float)):
            value = str(value)
        if not (value is None or isinstance(value, str)):
            gathered.refuse(line, f"a JSON {_JSON_TYPES[type(value)]}, not a string", name)
            return
        if value is not None and "\\u" in line.text and not _encodable(value):
            gathered.refuse(line, "half a surrogate pair, which is no Unicode text", name)
            return
        values.append(value)
    gathered.add(line.number, values)


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

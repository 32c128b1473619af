"""Raw rows from CSV and JSON-lines files.

A file without the required columns raises DataError. An unreadable row becomes a fault, and reading continues after
it. `row` is the line on which a row begins (in CSV the header is line 1, if nothing stands above it).
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from monitor.errors import DataError
from monitor.intake.date_rules import DateRule
from monitor.intake.identity import NO_WHOLE_ID
from monitor.intake.json_objects import parse_object
from monitor.intake.raw_rows import BOM, COLUMNS, MAX_LINE_BYTES, REQUIRED, Batch, BatchBuilder, Line, Lines, Stream
from monitor.intake.selection import Places, Selection
from monitor.intake.streams import open_text

DELIMITERS = (",", ";", "\t")
_HEADER_LINES = 100  # most lines of a header whose names contain line ends
NO_HEADER = (
    "its first line is no header (do lines end in carriage returns alone, or quotes not close?); save it as CSV in "
    "UTF-8 again"
)
NO_KEY = "the object has no such key"
_IMPORT_ID = '{"ImportId"'  # the start of the second row after Qualtrics' header


class Header(NamedTuple):
    """The header of a CSV file: names as written, delimiter, and positions of the values (None: arranged)."""

    names: list[str]
    delimiter: str
    places: Places | None


def read_csv(
    path: Path, batch_rows: int, selection: Selection | None = None, stream: Stream | None = None
) -> Iterator[Batch]:
    """Batches of a CSV file (RFC 4180, comma, semicolon or tab, a header line), also of `.gz`.

    If quotes do not close, only the first line of the row is refused, and reading continues with the next line.

    Args:
        path: the file.
        batch_rows: largest number of rows in a batch.
        selection: the meaning of the columns; default: the columns of the contract.
        stream: its content as UTF-8; default: opened here.

    Raises:
        DataError: the header lacks a column that is needed, or names it twice.
    """
    csv.field_size_limit(2 * MAX_LINE_BYTES)  # the default, 128 KiB, is shorter than the longest text
    selection = selection or Selection(path)
    builder = BatchBuilder(selection.measures, selection.dates)
    with stream or open_text(path) as content:
        lines = Lines(content, (selection.feed and selection.feed.encoding) or "UTF-8")
        header = read_header(lines, selection)
        if header is None:
            return
        rows = _CsvRows(lines, header, selection)
        builder.dates = rows.skip_after_header(builder.dates)
        while rows.read(builder, builder.rows_left(batch_rows)):
            if builder.is_full(batch_rows):
                yield builder.build()
    yield builder.build()


class _CsvRows:
    """The rows after the header: a whole block if no line needs special treatment, otherwise line by line."""

    def __init__(self, lines: Lines, header: Header, selection: Selection) -> None:
        self._lines, self._header, self._selection = lines, header, selection
        self._n_names, self._delimiter = len(header.names), header.delimiter
        self._record = _Record(lines)
        self._reader = csv.reader(self._record, delimiter=self._delimiter, strict=True)
        self._single_lines = 0  # number of next lines to read one by one

    def skip_after_header(self, dates: DateRule) -> DateRule:
        """Skip the lines between header and rows that the feed or Qualtrics has; returns the rows' date rule."""
        feed = self._selection.feed
        n = feed.skip_rows_after_header if feed else 0
        if feed is not None and n is None and feed.preset == "qualtrics":
            return self._skip_qualtrics(dates)
        for _ in range(n or 0):
            self._next_record()
        return dates

    def _next_record(self) -> tuple[list[str], list[Line]]:
        """The fields and lines of the next record; no fields at the end, or if it cannot be parsed."""
        self._record.begin()
        with suppress(StopIteration, csv.Error):
            return next(self._reader), self._record.lines
        return [], self._record.lines

    def _skip_qualtrics(self, dates: DateRule) -> DateRule:
        """Skip the questions and import ids below Qualtrics' header; the ids name the zone of its times."""
        lines: list[Line] = []
        for _ in range(2):
            fields, own = self._next_record()
            lines += own
            if fields and fields[0].startswith(_IMPORT_ID):
                with suppress(ValueError):
                    zone = json.loads(fields[0]).get("timeZone")
                    return dates if dates.zone or not zone else dataclasses.replace(dates, zone=known_zone(zone))
                return dates
        self._lines.push_back(lines)
        return dates

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
        """Add the rows of consecutive lines, the first on line `first`; empty lines do not count as rows."""
        places = self._header.places
        numbers = [number for number, fields in enumerate(rows, first) if fields]
        if places is None or any(len(where) > 1 for where in places.positions) or places.subject is not None:
            for number, fields in zip(numbers, filter(None, rows), strict=True):
                self._add(Line(number, "", None), fields, builder)
        elif numbers:
            columns = list(zip(*filter(None, rows), strict=True))
            builder.extend(numbers, [columns[where[0]] if where else None for where in places.positions])

    def _add(self, line: Line, fields: list[str], builder: BatchBuilder) -> None:
        """Add one row, as its columns or as its preset arranges it."""
        if self._header.places is not None:
            builder.add(line.number, self._header.places.values(fields))
        else:
            line = line._replace(text=line.text or self._delimiter.join(fields))
            row = {name: value for name, value in zip(self._header.names, fields, strict=True) if value != ""}
            add_object(builder, line, row, self._selection)

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
            self._add(self._record.lines[0], fields, builder)
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


def known_zone(name: str) -> str | None:
    """The zone of this IANA name; None if there is none."""
    with suppress(OSError, KeyError, ValueError):
        return ZoneInfo(name).key
    return None


def read_header(lines: Lines, selection: Selection) -> Header | None:
    """Read the header; None if the file ends before it. The delimiter is the first that separates what is needed.

    Raises:
        DataError: the header is not UTF-8, or a column is missing.
    """
    feed = selection.feed
    for _ in range(feed.skip_rows if feed else 0):
        lines.next_line()
    record = _header_lines(lines)
    if not record:
        return None
    if any(line.fault for line in record):
        raise DataError(f"{selection.path}: not a text file in UTF-8; save it as CSV in UTF-8")
    most_names, cause = 0, DataError(f"{selection.path}: {NO_HEADER}")
    for delimiter in (feed.delimiter,) if feed and feed.delimiter else DELIMITERS:
        try:
            names = [
                name.lstrip(BOM) for name in next(csv.reader([line.text for line in record], delimiter=delimiter))
            ]
            return Header(names, delimiter, _places(names, selection))
        except (csv.Error, StopIteration):
            continue
        except DataError as error:
            if len(names) > most_names:
                most_names, cause = len(names), error
    raise cause


def _places(names: list[str], selection: Selection) -> Places | None:
    if selection.preset and selection.preset.arrange:
        selection.arranged_names(names)
        return None
    return selection.places(names)


def _header_lines(lines: Lines) -> list[Line]:
    """The lines of the header: one, or as many as its open quotes need; only the first if they never close."""
    record: list[Line] = []
    while (line := lines.next_line()) is not None and not line.fault:
        record.append(line)
        if sum(one.text.count('"') for one in record) % 2 == 0:
            return record
        if len(record) == _HEADER_LINES:
            break
    else:
        if line is not None and not record:
            return [line]
        lines.push_back([line] if line is not None else [])
    lines.push_back(record[1:])
    return record[:1]


def read_jsonl(
    path: Path, batch_rows: int, selection: Selection | None = None, stream: Stream | None = None
) -> Iterator[Batch]:
    """Batches of a JSON-lines file (one object per line), also of `.gz`; empty lines are skipped. See `read_csv`.

    Raises:
        DataError: the file is one JSON array, or not what its preset reads.
    """
    selection = selection or Selection(path)
    builder, is_checked = BatchBuilder(selection.measures, selection.dates), False
    with stream or open_text(path) as content:
        lines = Lines(content, (selection.feed and selection.feed.encoding) or "UTF-8")
        while (line := lines.next_line()) is not None:
            if line.number == 1 and line.text.lstrip().startswith("["):
                raise DataError(f"{path}: one JSON array; give it a name that ends in .json")
            if line.fault:
                builder.refuse(line, line.fault)
            elif not line.text.isspace():
                row = parse_object(builder, line, "not JSON (cut short?)")
                if row is not None:
                    if not is_checked:
                        selection.check_first(row)
                        is_checked = True
                    add_object(builder, line, row, selection)
            if builder.is_full(batch_rows):
                yield builder.build()
    yield builder.build()


def add_object(builder: BatchBuilder, line: Line, row: dict[str, Any], selection: Selection) -> None:
    """Add the values of a JSON object, or refuse it; an entry that its preset leaves out is counted."""
    if selection.preset and selection.preset.arrange:
        arranged = selection.preset.arrange(row)
        if arranged is None or selection.is_of_bot(arranged):
            builder.skip()
            return
        row = arranged
    values: list[str | None] = []
    names = (*COLUMNS, *selection.measures)
    for i, (name, value) in enumerate(zip(names, selection.of_object(row), strict=True)):
        if i >= len(COLUMNS):
            values.append(_written_measure(value))
            continue
        if i != 2 and isinstance(value, int | float) and not isinstance(value, bool):
            value = _number(value, is_id=i in (0, 3, 4))
        if not (value is None or isinstance(value, str)):
            is_id = isinstance(value, float) and i != 2
            reason = NO_WHOLE_ID if is_id else f"a JSON {_JSON_TYPES[type(value)]}, not a string"
            builder.refuse(line, reason, name)
            return
        if value is None and i < len(REQUIRED) and selection.lacks(row, name):
            builder.refuse(line, NO_KEY, name)
            return
        if value is not None and "\\u" in line.text and not _encodable(value):
            builder.refuse(line, "half a surrogate pair, which is no Unicode text", name)
            return
        values.append(value)
    builder.add(line.number, values)


def _number(value: int | float, *, is_id: bool) -> str | float | None:
    """A number as its string. As an id NaN is absent, 7.0 is 7, and another float stays and is refused."""
    if is_id and isinstance(value, float):
        if isnan(value):
            return None
        return str(int(value)) if abs(value) < 2**53 and value.is_integer() else value
    return str(value)


def _written_measure(value: Any) -> str | None:
    """A measure as a string. `find_measures` checks later whether it is a number; the row's text is kept anyway."""
    if value is None:
        return None
    written = value if isinstance(value, str) else json.dumps(value)
    return written if _encodable(written) else written.encode("utf-8", "replace").decode()


_JSON_TYPES = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

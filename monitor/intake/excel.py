"""Rows of an Excel file (.xlsx); `row` is the number of a row in its sheet.

A formula counts by its last value. A time may be a date cell, a text, or a number of days as Excel counts them.
Merged cells that stand in columns we read are refused, because all their rows but the first are empty.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from monitor.errors import DataError
from monitor.intake.archives import BAD_ZIP
from monitor.intake.csv_jsonl import add_object
from monitor.intake.date_rules import from_excel
from monitor.intake.raw_rows import MAX_RAW_CHARACTERS, Batch, BatchBuilder, Line
from monitor.intake.selection import Places, Selection
from monitor.intake.streams import check_growth

MAX_BYTES = 2**29  # of all parts, unpacked; a sheet is read as a whole
_EXTRA = 'reading Excel files needs pip install "risk-monitor[excel]", or save it as CSV in UTF-8'
_MERGED = re.compile(rb'<mergeCell\s+ref="([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)"')
_SERIAL = re.compile(r"[2-6]\d{4}(\.\d+)?")
_DAYS_1904 = 1462  # between the two calendars that Excel has
_ROUNDED = re.compile(  # cells with numbers of more than 15 digits, which Excel does not hold
    rb'<c r="([A-Z]{1,3})(\d+)"(?:(?! t=)[^>])*><v>(?:-?\d{16,}|-?\d(?:\.\d+)?E\+(?:1[5-9]|[2-9]\d))</v>'
)


def read_excel(path: Path, batch_rows: int, selection: Selection) -> Iterator[Batch]:
    """Batches of one sheet; the feed may name it.

    Raises:
        DataError: it is no Excel file, is too large, has no such sheet or column, or has merged cells in the way.
    """
    sheet = Sheet(path, selection.feed.sheet if selection.feed else None)
    feed, builder = selection.feed, BatchBuilder(selection.measures, selection.dates)
    skipped = (feed.skip_rows if feed else 0) or sheet.first_row
    rows = sheet.rows(skipped)
    header = next(rows, None)
    if header is None:
        return
    names = header[1]
    while names and not names[-1].strip():
        names.pop()
    places = selection.places(names) if not (selection.preset and selection.preset.arrange) else None
    if places is None:
        selection.arranged_names(names)
    n_after = feed.skip_rows_after_header or 0 if feed else 0
    sheet.refuse_merged(header[0] + n_after, places)
    for number, fields in rows:
        if number <= header[0] + n_after or not any(field.strip() for field in fields):
            continue
        _add(builder, number, fields[: len(names)], names, places, selection, sheet)
        if builder.is_full(batch_rows):
            yield builder.build()
    yield builder.build()


def _add(
    builder: BatchBuilder,
    number: int,
    fields: list[str],
    names: list[str],
    places: Places | None,
    selection: Selection,
    sheet: Sheet,
) -> None:
    line = Line(number, " ".join(fields)[:MAX_RAW_CHARACTERS], None)
    if places is None:
        row = {name: value for name, value in zip(names, fields, strict=True) if value != ""}
        add_object(builder, line, row, selection)
        return
    values = places.values(fields)
    for column, name in ((0, "subject_id"), (3, "doc_id")):
        if any(sheet.is_rounded(number, position) for position in places.positions[column]):
            builder.refuse(line, "a number of more than 15 digits, which Excel has rounded; format it as text", name)
            return
    values[1] = sheet.time(values[1])
    builder.add(number, values)


class Sheet:
    """A sheet as strings.

    Args:
        path: the file.
        name: of the sheet; None: the first.
    """

    def __init__(self, path: Path, name: str | None) -> None:
        try:
            import fastexcel
        except ImportError as error:
            raise DataError(f"{path}: {_EXTRA}") from error
        parts = _checked_parts(path)
        try:
            book = fastexcel.read_excel(path)
            if name is not None and name not in book.sheet_names:
                raise DataError(f"{path}: no sheet {name}; it has: {', '.join(book.sheet_names[:20])}")
            index = book.sheet_names.index(name) if name is not None else 0
            self._strings = book.load_sheet(index, header_row=None, dtypes="string").to_polars()
        except fastexcel.FastExcelError as error:
            raise DataError(f"{path}: not a readable Excel file ({str(error).splitlines()[0][:80]})") from error
        self.path, self.first_row = path, 0
        with zipfile.ZipFile(path) as packed:
            workbook = packed.read("xl/workbook.xml") if "xl/workbook.xml" in parts else b""
            self._days = _DAYS_1904 if re.search(rb'date1904="(1|true)"', workbook) else 0
            own = f"xl/worksheets/sheet{index + 1}.xml"
            cells = packed.read(own) if own in parts else b""
        self._merged = _MERGED.findall(cells)
        self._rounded = {(int(row), _column_number(column)) for column, row in _ROUNDED.findall(cells)}

    def rows(self, skipped: int) -> Iterator[tuple[int, list[str]]]:
        """Number and fields of each row after the skipped ones."""
        for number, fields in enumerate(self._strings.iter_rows(), 1):
            if number > skipped:
                yield number, ["" if field is None else field for field in fields]

    def is_rounded(self, row: int, position: int) -> bool:
        """Whether a cell is a number that Excel may have rounded."""
        return (row, position) in self._rounded

    def time(self, value: str | None) -> str | None:
        """A time; a number of days becomes the date that it stands for."""
        if value is None or not _SERIAL.fullmatch(value.strip()):
            return value
        return from_excel(float(value) + self._days).isoformat(" ")

    def refuse_merged(self, header_row: int, places: Places | None) -> None:
        """Raise DataError if cells below the header are merged over several rows, in a column that we read."""
        wanted = {i for where in places.positions for i in where} if places else None
        for first, top, last, bottom in self._merged:
            columns = range(_column_number(first), _column_number(last) + 1)
            if int(bottom) > max(int(top), header_row) and (wanted is None or wanted & set(columns)):
                cells = b":".join((first + top, last + bottom)).decode()
                raise DataError(
                    f"{self.path}: cells {cells} are merged, so only the first of these rows has a value; unmerge "
                    "them and write the value in each row"
                )


def _checked_parts(path: Path) -> set[str]:
    """The names of the parts of the file, after a check that they unpack to no more than they should."""
    try:
        with zipfile.ZipFile(path) as packed:
            total = 0
            for part in packed.infolist():
                with packed.open(part) as stream:
                    while block := stream.read(2**20):
                        total += len(block)
                        check_growth(path, total, path.stat().st_size)
                        if total > MAX_BYTES:
                            raise DataError(f"{path}: more than {MAX_BYTES >> 20} MiB unpacked; save it as CSV")
            return {part.filename for part in packed.infolist()}
    except (OSError, *BAD_ZIP) as error:
        raise DataError(f"{path}: not a readable Excel file (damaged, encrypted or of the old kind .xls?)") from error


def _column_number(letters: bytes) -> int:
    """The position of a column from 0 by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def sheet_rows(path: Path, name: str | None, n: int) -> list[list[str]]:
    """The first n rows of a sheet, its header among them, for `inspect`."""
    return [fields for _, fields in islice(Sheet(path, name).rows(0), n)]

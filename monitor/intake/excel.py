"""Rows of an Excel file (.xlsx); `row` is the number of a row in its sheet.

For a formula we read its last value. A time may be a date cell, a text, or a number of days as Excel counts them.
Merged cells in columns that we read are refused, because only their first row has a value.
"""

from __future__ import annotations

import dataclasses
import re
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from monitor.errors import DataError
from monitor.intake.archives import BAD_ZIP
from monitor.intake.csv_jsonl import add_object
from monitor.intake.date_rules import EXCEL, DateRule, from_excel
from monitor.intake.excel_parts import column_letters, read_cells, read_workbook
from monitor.intake.raw_rows import COLUMNS, MAX_RAW_CHARACTERS, Batch, BatchBuilder, Line
from monitor.intake.selection import Places, Selection, listed, normal
from monitor.intake.streams import check_growth

MAX_BYTES = 2**29  # largest size of all parts, unpacked; a sheet is read as a whole
MAX_CELLS = 2**25  # largest number of cells of a sheet, empty ones included; MAX_BYTES allows fewer with values
_EXTRA = 'reading Excel files needs pip install "risk-monitor[excel]", or save it as CSV in UTF-8'
_SERIAL = re.compile(r"[2-6]\d{4}(\.\d+)?")
_CELL_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d")  # of date cells, and of `Sheet.time`
_DAYS_1904 = 1462  # between the two calendars that Excel has
_ROUNDED = "a number of more than 15 digits, which Excel has rounded; format the column as text and export it again"


def read_excel(path: Path, batch_rows: int, selection: Selection) -> Iterator[Batch]:
    """Batches of one sheet; the feed may name it.

    Raises:
        DataError: the file is no Excel file, is too large, has no such sheet or column, or merges cells that we read.
    """
    sheet = Sheet(path, selection.feed.sheet if selection.feed else None)
    feed, builder = selection.feed, BatchBuilder(selection.measures, _dates_of_cells(selection.dates))
    rows = (row for row in sheet.rows((feed.skip_rows if feed else 0) or 0) if any(map(str.strip, row[1])))
    header = next(rows, None)
    if header is None:
        return
    names = header[1]
    while not names[-1].strip():
        names.pop()
    try:
        places = selection.places(names) if not (selection.preset and selection.preset.arrange) else None
        if places is None:
            selection.arranged_names(names)
    except DataError as error:
        if len(sheet.names) == 1 or (feed and feed.sheet):
            raise
        raise DataError(f"{error}; {other_sheets(sheet.names)}") from error
    first = header[0] + ((feed.skip_rows_after_header or 0) if feed else 0) + 1
    sheet.refuse_merged(first - 1, places)
    table = _Table(names, places, selection, sheet)
    for number, fields in rows:
        if number >= first:
            table.add(builder, number, fields[: len(names)])
        if builder.is_full(batch_rows):
            yield builder.build()
    yield builder.build()


def _dates_of_cells(dates: DateRule) -> DateRule:
    """The rule for the times of a sheet, in which `Sheet.time` has already replaced the numbers of days by dates."""
    others = tuple(form for form in dates.formats if form != EXCEL)
    if others == dates.formats:
        return dates
    return dataclasses.replace(dates, formats=(*others, *_CELL_FORMATS) if others else ())


class _Table:
    """The rows below a header with these names."""

    def __init__(self, names: list[str], places: Places | None, selection: Selection, sheet: Sheet) -> None:
        self._names, self._places, self._selection, self._sheet = names, places, selection, sheet
        self._ids = {name: self._positions(name) for name in ("subject_id", "doc_id")}

    def _positions(self, column: str) -> tuple[int, ...]:
        """The positions of the columns that may hold an id; the first that is not empty holds it."""
        if column == "subject_id" and self._selection.subject is not None:
            return ()
        if self._places is not None:
            return self._places.positions[COLUMNS.index(column)]
        header = list(map(normal, self._names))
        return tuple(header.index(normal(n)) for n in self._selection.names[column] if normal(n) in header)

    def add(self, builder: BatchBuilder, number: int, fields: list[str]) -> None:
        """Add a row, or refuse it if Excel has rounded one of its ids."""
        line = Line(number, " ".join(fields)[:MAX_RAW_CHARACTERS], None)
        for column, positions in self._ids.items():
            used = next((i for i in positions if fields[i] != ""), None)
            if used is not None and self._sheet.is_rounded(number, used):
                builder.refuse(line, _ROUNDED, column)
                return
        if self._places is None:
            row = {name: value for name, value in zip(self._names, fields, strict=True) if value != ""}
            add_object(builder, line, row, self._selection)
            return
        values = self._places.values(fields)
        values[1] = self._sheet.time(values[1])
        builder.add(number, values)


class Sheet:
    """A sheet as strings.

    Args:
        path: the file.
        name: of the sheet; None: the first.

    Attributes:
        names: of all sheets of the file.
    """

    def __init__(self, path: Path, name: str | None) -> None:
        try:
            import fastexcel
        except ImportError as error:
            raise DataError(f"{path}: {_EXTRA}") from error
        workbook = read_workbook(path, _checked_parts(path))
        try:
            book = fastexcel.read_excel(path)
            if book.sheet_names != [sheet.name for sheet in workbook.sheets]:
                raise DataError(f"{path}: not a readable Excel file (its list of sheets is damaged); save it again")
            if name is not None and name not in book.sheet_names:
                raise DataError(f"{path}: no sheet {name}; it has: {', '.join(book.sheet_names[:20])}")
            index = book.sheet_names.index(name) if name is not None else 0
            self._cells = read_cells(path, workbook.sheets[index].part)
            self._refuse_vast(path)
            sheet = book.load_sheet(index, header_row=None, skip_rows=0, dtypes="string")  # 0: skip no row, not even
            # an empty one
            self._strings = sheet.to_polars()
        except fastexcel.FastExcelError as error:
            raise DataError(f"{path}: not a readable Excel file ({str(error).splitlines()[0][:80]})") from error
        if self._strings.shape != (self._cells.last_row, self._cells.width):
            raise DataError(
                f"{path}: the positions of the cells of this Excel file are unclear; save it as CSV in UTF-8"
            )
        self.path, self.names, self._days = path, list(book.sheet_names), _DAYS_1904 if workbook.from_1904 else 0

    def _refuse_vast(self, path: Path) -> None:
        """Raise DataError if a cell is so far from the others that the empty cells in between would fill the
        memory.
        """
        last, width = self._cells.last_row, self._cells.width
        if last * width > MAX_CELLS:
            raise DataError(
                f"{path}: cells are too far apart, over {last:,} rows and {width:,} columns; delete the rows and "
                "columns beside the table, or save it as CSV in UTF-8"
            )

    def rows(self, skipped: int) -> Iterator[tuple[int, list[str]]]:
        """The number and the fields of each row after the skipped ones. Empty columns on the left are left out."""
        for number, fields in enumerate(self._strings.iter_rows(), 1):
            if number > skipped:
                yield number, ["" if field is None else field for field in fields]

    def is_rounded(self, row: int, position: int) -> bool:
        """Whether a field of a row is a number that Excel may have rounded."""
        return self._cells.is_rounded(row, position + self._cells.first_column)

    def time(self, value: str | None) -> str | None:
        """A time; a number of days becomes the date that it stands for."""
        if value is None or not _SERIAL.fullmatch(value.strip()):
            return value
        return from_excel(float(value) + self._days).isoformat(" ")

    def refuse_merged(self, header_row: int, places: Places | None) -> None:
        """Raise DataError if cells below the header are merged over several rows, in a column that we read."""
        wanted = None
        if places is not None:
            wanted = {i + self._cells.first_column for where in places.positions for i in where}
        for left, top, right, bottom in self._cells.merged():
            if bottom > header_row and (wanted is None or any(left <= column <= right for column in wanted)):
                place = f"{column_letters(left)}{top}:{column_letters(right)}{bottom}"
                raise DataError(
                    f"{self.path}: cells {place} are merged, so only the first of these rows has a value; unmerge "
                    "them and write the value in each row"
                )


def _checked_parts(path: Path) -> dict[str, str]:
    """Lower-case name -> name of each part, after a check that they do not unpack to too much."""
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
            parts = {name.lower().replace("\\", "/"): name for name in packed.namelist()}
            if len(parts) < len(packed.namelist()):
                raise DataError(f"{path}: not a readable Excel file (it has two parts of one name); save it again")
            return parts
    except (OSError, *BAD_ZIP) as error:
        raise DataError(f"{path}: not a readable Excel file (damaged, encrypted or of the old kind .xls?)") from error


def sheet_rows(path: Path, name: str | None, n: int) -> tuple[list[list[str]], list[str]]:
    """The first n rows of a sheet, header included, and the names of all sheets, for `inspect`."""
    sheet = Sheet(path, name)
    return [fields for _, fields in islice(sheet.rows(0), n)], sheet.names


def other_sheets(names: Sequence[str]) -> str:
    """What to say of the sheets that are not read, if no feed names one."""
    return (
        f"this is the first sheet, {listed(names[:1])}; for another ({listed(names[1:])}) give sheet (--sheet NAME)"
    )

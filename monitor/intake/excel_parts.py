"""The XML parts of an Excel file. They say what fastexcel does not: where cells are, and which of them hold numbers.

Elements may have any prefix, their attributes any order. Parts are read in blocks. A part that declares a document
type is refused: no program writes such a part, and its entities may grow without end.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from monitor.errors import DataError

_BLOCK_BYTES = 2**16
_MAX_NUMBER = 64  # number of characters read of a cell; a number has at most about 25
_LARGEST_EXACT = 1e15  # Excel holds 15 digits
_PLACE = re.compile(r"([A-Za-z]{1,3})([1-9]\d{0,6})")
_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"

Attributes = dict[str, str]


class BookSheet(NamedTuple):
    """A sheet of a workbook: its name, and the name of its part."""

    name: str
    part: str


class Workbook(NamedTuple):
    """The sheets of a workbook in their order, and whether it counts days from 1904."""

    sheets: list[BookSheet]
    from_1904: bool


class Cells:
    """The positions of the values of a sheet. Rows count from 1 and columns from 0, both in the sheet.

    Attributes:
        last_row: the last row with a value; 0: there is none.
        first_column: the first column with a value.
    """

    def __init__(self) -> None:
        self.last_row, self.first_column, self._last_column = 0, 2**15, -1
        self._rounded: dict[int, array[int]] = defaultdict(lambda: array("l"))
        self._merged = array("l")

    @property
    def width(self) -> int:
        """Number of columns from the first to the last with a value."""
        return max(self._last_column - self.first_column + 1, 0)

    def add(self, row: int, column: int) -> None:
        """Note a cell that has a value."""
        self.last_row = row if row > self.last_row else self.last_row
        self.first_column = column if column < self.first_column else self.first_column
        self._last_column = column if column > self._last_column else self._last_column

    def add_rounded(self, row: int, column: int) -> None:
        """Note a cell with a number of more digits than Excel holds."""
        self._rounded[column].append(row)

    def add_merged(self, area: str) -> None:
        """Note merged cells, such as A2:A7; cells merged within one row are ignored."""
        first, last = (_PLACE.fullmatch(corner) for corner in area.partition(":")[::2])
        if first and last and int(last[2]) > int(first[2]):
            self._merged.extend((_column(first[1]), int(first[2]), _column(last[1]), int(last[2])))

    def sort(self) -> None:
        """Sort the rows; call this after the last cell."""
        for column, rows in self._rounded.items():
            if any(rows[i] < rows[i - 1] for i in range(1, len(rows))):
                self._rounded[column] = array("l", sorted(rows))

    def is_rounded(self, row: int, column: int) -> bool:
        """Whether a cell is a number that Excel may have rounded."""
        rows = self._rounded.get(column, ())
        place = bisect_left(rows, row)
        return place < len(rows) and rows[place] == row

    def merged(self) -> Iterator[tuple[int, int, int, int]]:
        """First column, first row, last column and last row of cells that are merged over several rows."""
        for i in range(0, len(self._merged), 4):
            left, top, right, bottom = self._merged[i : i + 4]
            yield left, top, right, bottom


def read_workbook(path: Path, parts: Mapping[str, str]) -> Workbook:
    """The sheets of a workbook, each with its part as the relationships say.

    Args:
        path: the file.
        parts: lower-case name -> name of each part.

    Raises:
        DataError: a part is missing or is not XML.
    """
    targets: dict[str, str] = {}
    sheets: list[tuple[str, str]] = []
    is_1904: list[bool] = []

    def relation(name: str, given: Attributes) -> None:
        if name == "Relationship":
            targets[given.get("Id", "")] = given.get("Target", "")

    def sheet(name: str, given: Attributes) -> None:
        if name == "sheet":
            own = next((value for key, value in given.items() if key.rpartition(":")[2] == "id"), "")
            sheets.append((given.get("name", ""), own))
        elif name == "workbookPr":
            is_1904.append(given.get("date1904") in ("1", "true"))

    _parse(path, _part(path, parts, _RELATIONS), relation)
    _parse(path, _part(path, parts, _WORKBOOK), sheet)
    book_sheets = [BookSheet(name, _target(targets.get(own, ""))) for name, own in sheets]
    return Workbook([BookSheet(one.name, parts.get(one.part.lower(), "")) for one in book_sheets], any(is_1904))


def read_cells(path: Path, part: str) -> Cells:
    """Find the positions of the values of a sheet.

    Raises:
        DataError: the part is missing, is not XML, or gives a cell's position in a form that no program writes.
    """
    if not part:
        raise _unreadable(path, "the sheet has no part")
    reader = _CellReader(path)
    _parse(path, part, reader.start, reader.end, reader.text)
    reader.cells.sort()
    return reader.cells


class _CellReader:
    """Follows the elements of a sheet. A cell without a position comes right after the previous cell.

    What counts as a value follows fastexcel, which leaves out empty rows and columns at the edges.
    """

    def __init__(self, path: Path) -> None:
        self.cells, self._path = Cells(), path
        self._in_rows = self._in_value = self._has_value = False
        self._row, self._column = 1, 0  # of the next cell
        self._place, self._kind, self._value = (1, 0), "n", ""

    def start(self, name: str, given: Attributes) -> None:
        if not self._in_rows:
            self._in_rows = name == "sheetData"
            if name == "mergeCell":
                self.cells.add_merged(given.get("ref", ""))
        elif name == "c":
            self._start_cell(given)
        elif name == "v":
            self._in_value = self._kind != "inlineStr"
            self._has_value = self._has_value or self._kind in ("str", "d", "e")
        elif name == "is":
            self._has_value = True
        elif name == "row" and "r" in given:
            if not re.fullmatch(r"[1-9]\d{0,6}", given["r"]):
                raise _unreadable(self._path, "a row without a number")
            self._row = int(given["r"])

    def _start_cell(self, given: Attributes) -> None:
        self._place = self._row, self._column
        if "r" in given:
            place = _PLACE.fullmatch(given["r"])
            if place is None:
                raise _unreadable(self._path, "a cell without a place")
            self._place = int(place[2]), _column(place[1])
        self._column = self._place[1] + 1
        self._kind, self._value = given.get("t", "n"), ""
        self._has_value = self._in_value = False

    def text(self, text: str) -> None:
        if self._in_value and len(self._value) < _MAX_NUMBER:
            self._value += text[:_MAX_NUMBER]

    def end(self, name: str) -> None:
        if name == "c":
            if self._has_value or self._value:
                self.cells.add(*self._place)
            if self._kind == "n" and len(self._value) > 3 and _is_rounded(self._value):
                self.cells.add_rounded(*self._place)
        elif name == "v":
            self._in_value = False
        elif name == "row":
            self._row, self._column = self._row + 1, 0
        elif name == "sheetData":
            self._in_rows = False


def _is_rounded(number: str) -> bool:
    try:
        return abs(float(number)) >= _LARGEST_EXACT
    except ValueError:
        return False


def _parse(
    path: Path,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Call these functions with the elements of a part (names without prefixes) and with its text."""

    def refuse(*_: object) -> None:
        raise DataError(f"{path}: this Excel file declares a document type, which no program does; save it as CSV")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, given: start(name.rpartition(":")[2] if ":" in name else name, given)
    parser.EndElementHandler = end and (lambda name: end(name.rpartition(":")[2] if ":" in name else name))
    parser.CharacterDataHandler = text
    try:
        with zipfile.ZipFile(path) as packed, packed.open(part) as stream:
            while block := stream.read(_BLOCK_BYTES):
                parser.Parse(block, False)
            parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two come from its encoding
        raise _unreadable(path, f"a part that is no XML: {str(error)[:60]}") from error


def _part(path: Path, parts: Mapping[str, str], name: str) -> str:
    if name not in parts:
        raise _unreadable(path, f"no {name}")
    return parts[name]


def _target(target: str) -> str:
    """The part that a relationship of the workbook names, from the root or from the workbook's folder."""
    if target.startswith(("/", "xl/")):
        return posixpath.normpath(target.lstrip("/"))
    return posixpath.normpath(posixpath.join("xl", target))


@cache
def _column(letters: str) -> int:
    """The position of a column from 0 by its letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(column: int) -> str:
    """The letters of a column by its position from 0."""
    letters, number = "", column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(f"{path}: not a readable Excel file ({why}); save it again, or as CSV in UTF-8")

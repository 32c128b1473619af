"""Lines of a text file, and batches of rows made from them, in bounded memory even if the file is damaged."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from monitor.intake.date_rules import ISO_ONLY, DateRule

COLUMNS = ("subject_id", "posted_at", "text", "doc_id", "source")
REQUIRED = COLUMNS[:3]
Stream = io.BufferedReader | gzip.GzipFile
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
DAMAGED = "the file is damaged or cut short from here on"
TOO_LONG = "an entry is longer than 8 MiB; the file is not read from here on"
TRAILING = "more follows the end of the JSON; the file is not read from here on"
TWICE_AROUND = "the same key twice in an object around the rows (keep one); the file is not read from here on"
LAST_FAULTS = (DAMAGED, TOO_LONG, TRAILING, TWICE_AROUND)  # reading of a file ends after them
MAX_LINE_BYTES = 8 * 2**20  # a text of 1 MiB in JSON escapes is 6 MiB
BATCH_BYTES = 64 * 2**20
BOM = "\ufeff"  # files that were concatenated or saved twice begin with several
MEASURE_PREFIX = "measure "
MAX_RAW_CHARACTERS = 300  # characters kept of a refused row: enough to find it, too few to archive texts


class Fault(NamedTuple):
    """A refused row: its number (None: the file as a whole), column, reason, and the start of its content.

    `key` is the content by which a later run recognises the row; None: there is too little of it.
    """

    row: int | None
    column: str | None
    reason: str
    raw: str | None
    key: str | None = None


@dataclass(frozen=True)
class Batch:
    """Rows as in the file: columns `row` and COLUMNS, all strings (posted_at of Parquet keeps its type).

    Attributes:
        rows: the rows; a measure has a column more, named by `measure_column`.
        faults: refused rows.
        dates: how the rows write their times.
        n_not_texts: number of entries that are not a person's text (calls, pictures, joins) and do not count as rows.
    """

    rows: pl.DataFrame
    faults: list[Fault]
    dates: DateRule = ISO_ONLY
    n_not_texts: int = 0


def measure_column(name: str) -> str:
    """The column of a batch that holds the measure of this name; no column of a contract has such a name."""
    return MEASURE_PREFIX + name


class Line(NamedTuple):
    """A line of a text file. If it has a fault, its text is the decodable part, for the reject."""

    number: int
    text: str
    fault: str | None


class Lines:
    """The lines of a UTF-8 file, one at a time or a block at once.

    Args:
        stream: the open file, in binary, as UTF-8.
        encoding: of the file itself, for the fault of a line that it cannot decode.
    """

    def __init__(self, stream: Stream, encoding: str = "UTF-8") -> None:
        self._stream, self._encoding = stream, encoding
        self._number = 0
        self._returned: deque[Line] = deque()

    def next_line(self) -> Line | None:
        """The next line, or None at the end of the file."""
        if self._returned:
            return self._returned.popleft()
        self._number += 1
        try:
            raw = self._stream.readline(MAX_LINE_BYTES)
            start = raw
            while len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
                raw = self._stream.readline(MAX_LINE_BYTES)
        except DAMAGE:
            return self._end_at_damage()
        if start is not raw:
            return Line(self._number, start[:1000].decode("utf-8", "replace"), "longer than 8 MiB")
        if not raw:
            return None
        try:
            text = raw.decode("utf-8")
            return Line(self._number, text.lstrip(BOM) if self._number == 1 else text, None)
        except UnicodeDecodeError:
            return Line(self._number, raw.decode("utf-8", "replace"), f"not {self._encoding}")

    def peek_lines(self) -> bytes:
        """The complete lines in the buffer, without reading them; empty if the next line must be read alone."""
        if self._returned:
            return b""
        try:
            buffer = self._stream.peek(1)
        except DAMAGE:
            self._number += 1
            self._returned.append(self._end_at_damage())
            return b""
        return buffer[: buffer.rfind(b"\n") + 1]

    def skip_lines(self, block: bytes, n: int) -> int:
        """Skip the n lines that `peek_lines` returned; returns the number of the first one."""
        self._stream.read(len(block))
        self._number += n
        return self._number - n + 1

    def _end_at_damage(self) -> Line:
        self._stream = io.BufferedReader(io.BytesIO())
        return Line(self._number, "", DAMAGED)

    def push_back(self, lines: Sequence[Line]) -> None:
        """Return lines, in order, so that `next_line` reads them again."""
        self._returned.extendleft(reversed(lines))


class BatchBuilder:
    """Collects rows and faults of one batch after another.

    Args:
        measures: names of the measures that each row has beside COLUMNS.
        dates: how the rows write their times.
    """

    def __init__(self, measures: Sequence[str] = (), dates: DateRule = ISO_ONLY) -> None:
        self._names = (*COLUMNS, *map(measure_column, measures))
        self.dates = dates
        self._clear()

    def add(self, number: int, values: Sequence[str | None]) -> None:
        """Add one row; values in the order of COLUMNS, then the measures."""
        self._numbers.append(number)
        for column, value in zip(self._values.values(), values, strict=True):
            column.append(value)
        self._size += len(values[2] or "")

    def extend(self, numbers: Sequence[int], columns: Sequence[Sequence[str] | None]) -> None:
        """Add rows; for each of COLUMNS and measures a sequence of values, or None for an absent column."""
        self._numbers += numbers
        for column, values in zip(self._values.values(), columns, strict=True):
            column += [None] * len(numbers) if values is None else values
        self._size += sum(map(len, columns[2] or ()))

    def refuse(self, line: Line, reason: str, column: str | None = None) -> None:
        """Add the fault of a row that cannot be read."""
        self._faults.append(Fault(line.number, column, reason, line.text[:MAX_RAW_CHARACTERS].rstrip("\r\n")))

    def skip(self) -> None:
        """Count an entry that is not a person's text."""
        self._n_not_texts += 1

    def rows_left(self, batch_rows: int) -> int:
        """Number of rows until the batch has batch_rows."""
        return batch_rows - len(self._numbers) - len(self._faults)

    def is_full(self, batch_rows: int) -> bool:
        """Whether the batch has batch_rows rows or BATCH_BYTES of text."""
        return self.rows_left(batch_rows) <= 0 or self._size >= BATCH_BYTES

    def build(self) -> Batch:
        """Return the batch, and start the next one."""
        schema = {"row": pl.Int64, **dict.fromkeys(self._names, pl.String)}
        rows = pl.DataFrame({"row": self._numbers, **self._values}, schema=schema)
        batch = Batch(rows, self._faults, self.dates, self._n_not_texts)
        self._clear()
        return batch

    def _clear(self) -> None:
        self._numbers: list[int] = []
        self._values: dict[str, list[str | None]] = {name: [] for name in self._names}
        self._faults: list[Fault] = []
        self._n_not_texts = 0
        self._size = 0

"""Lines of a text file and rows gathered from them, whatever state the file is in and in bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

COLUMNS = ("subject_id", "posted_at", "text", "doc_id", "source")
REQUIRED = COLUMNS[:3]
Stream = io.BufferedReader | gzip.GzipFile
DAMAGE = (EOFError, OSError, zlib.error)
MAX_LINE_BYTES = 8 * 2**20  # a text of 1 MiB in JSON escapes is 6 MiB
BATCH_BYTES = 64 * 2**20
BOM = "\ufeff"  # files that were joined, or saved twice, begin with several
RAW_CHARACTERS = 300  # of what a refused row held; enough to find it, too little to be an archive


class Fault(NamedTuple):
    """A row that is not accepted: where it is (None: the whole file), why, and the start of what it held."""

    row: int | None
    column: str | None
    reason: str
    raw: str | None


@dataclass(frozen=True)
class Batch:
    """Rows as they stand in the file: `row` and COLUMNS, all strings (Parquet's posted_at keeps its type)."""

    rows: pl.DataFrame
    faults: list[Fault]


class Line(NamedTuple):
    """A line of a text file; with a fault, its text is only what could be decoded, for the reject."""

    number: int
    text: str
    fault: str | None


class Lines:
    """The lines of a UTF-8 file, one at a time; lines given back come again.

    Args:
        stream: the open file, in binary.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._number = 0
        self._returned: deque[Line] = deque()

    def take(self) -> Line | None:
        """The next line, or None at the end of the file."""
        if self._returned:
            return self._returned.popleft()
        self._number += 1
        try:
            raw = self._stream.readline(MAX_LINE_BYTES)
            start, whole = raw, raw.endswith(b"\n") or len(raw) < MAX_LINE_BYTES
            while not whole:
                raw = self._stream.readline(MAX_LINE_BYTES)
                whole = raw.endswith(b"\n") or len(raw) < MAX_LINE_BYTES
        except DAMAGE:
            return self._end_here()
        if start is not raw:
            return Line(self._number, start[:1000].decode("utf-8", "replace"), "longer than 8 MiB")
        if not raw:
            return None
        try:
            text = raw.decode("utf-8")
            return Line(self._number, text.lstrip(BOM) if self._number == 1 else text, None)
        except UnicodeDecodeError:
            return Line(self._number, raw.decode("utf-8", "replace"), "not UTF-8")

    def ahead(self) -> bytes:
        """The next lines as far as they are in memory and whole; nothing where the next one is to be taken alone."""
        if self._returned:
            return b""
        try:
            held = self._stream.peek(1)
        except DAMAGE:
            self._number += 1
            self._returned.append(self._end_here())
            return b""
        return held[: held.rfind(b"\n") + 1]

    def skip(self, held: bytes, n: int) -> int:
        """Go on after these n lines, which `ahead` gave; the number of the first of them."""
        self._stream.read(len(held))
        self._number += n
        return self._number - n + 1

    def _end_here(self) -> Line:
        self._stream = io.BufferedReader(io.BytesIO())
        return Line(self._number, "", "the file is damaged or cut short from here on")

    def give_back(self, lines: Sequence[Line]) -> None:
        """Let these lines, in this order, be the next ones."""
        self._returned.extendleft(reversed(lines))


class Gatherer:
    """Collects rows and faults until they make a batch."""

    def __init__(self) -> None:
        self._begin()

    def add(self, number: int, values: Sequence[str | None]) -> None:
        """One row; values in the order of COLUMNS."""
        self._numbers.append(number)
        for column, value in zip(self._values.values(), values, strict=True):
            column.append(value)
        self._size += len(values[2] or "")

    def extend(self, numbers: Sequence[int], columns: Sequence[Sequence[str] | None]) -> None:
        """Rows in the order of COLUMNS, a sequence of values each, or None for a column that is not there."""
        self._numbers += numbers
        for column, values in zip(self._values.values(), columns, strict=True):
            column += [None] * len(numbers) if values is None else values
        self._size += sum(map(len, columns[2] or ()))

    def refuse(self, line: Line, reason: str, column: str | None = None) -> None:
        """One row that cannot be read."""
        self._faults.append(Fault(line.number, column, reason, line.text[:RAW_CHARACTERS].rstrip("\r\n")))

    def room(self, batch_rows: int) -> int:
        """How many rows the batch takes still."""
        return batch_rows - len(self._numbers) - len(self._faults)

    def full(self, batch_rows: int) -> bool:
        """Whether to take the batch now."""
        return self.room(batch_rows) <= 0 or self._size >= BATCH_BYTES

    def take(self) -> Batch:
        """What was collected, and start afresh."""
        schema = {"row": pl.Int64, **dict.fromkeys(COLUMNS, pl.String)}
        batch = Batch(pl.DataFrame({"row": self._numbers, **self._values}, schema=schema), self._faults)
        self._begin()
        return batch

    def _begin(self) -> None:
        self._numbers: list[int] = []
        self._values: dict[str, list[str | None]] = {name: [] for name in COLUMNS}
        self._faults: list[Fault] = []
        self._size = 0

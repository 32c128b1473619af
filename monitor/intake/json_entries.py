"""Entries of JSON files: the elements of an array, or of arrays inside a tree, one at a time in bounded memory.

`row` is the number of an entry from 1. An entry that is not JSON is a fault, and reading continues after it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from monitor.errors import DataError
from monitor.intake.csv_jsonl import add_object, read_jsonl
from monitor.intake.json_objects import parse_object
from monitor.intake.presets import PARENT
from monitor.intake.raw_rows import (
    BOM,
    DAMAGE,
    DAMAGED,
    MAX_LINE_BYTES,
    TOO_LONG,
    TRAILING,
    TWICE_AROUND,
    Batch,
    BatchBuilder,
    Line,
    Stream,
)
from monitor.intake.selection import Selection, listed
from monitor.json_keys import TWICE

BLOCK_BYTES = 2**18
PLAIN_PATHS = (
    ("*",),
    *((name, "*") for name in ("data", "rows", "records", "items", "results", "entries", "messages", "posts")),
)
_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}"]', re.DOTALL)  # possessive: an open string costs one pass
_SCALAR = re.compile(r'[^\s,\]}"]+')
_ASSIGNED = re.compile(r"\s*window\.[\w.]+\s*=\s*")  # Twitter's archive is JavaScript
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


class Entry(NamedTuple):
    """One element of a JSON array: its text, and the plain values of the object that holds the array."""

    text: str
    parent: dict[str, Any]


class NoJsonError(Exception):
    """The text is not JSON from here on; the message is the reason for the reject."""


class Entries:
    """The entries of a JSON text at some paths, without the whole text in memory.

    Args:
        stream: the file, in UTF-8.
        paths: from the top, keys of objects, and "*" for the elements of an array; each path ends with "*".

    Attributes:
        keys: of the object at the top.
        n_arrays: number of arrays at the paths so far.
        is_damaged: whether the file itself cannot be read on.
    """

    def __init__(self, stream: Stream, paths: tuple[tuple[str, ...], ...]) -> None:
        self._stream, self._paths = stream, paths
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at, self._ended = "", 0, False
        self.keys: list[str] = []
        self.top = "no JSON object or array"
        self.n_arrays, self.is_damaged = 0, False

    def start(self) -> str:
        """The beginning of the text, at most a block, without reading on.

        Raises:
            NoJsonError: the file is damaged at its beginning.
        """
        self._fill()
        self._text = self._text.lstrip(BOM)
        if prefix := _ASSIGNED.match(self._text):
            self._at = prefix.end()
        return self._text

    def __iter__(self) -> Iterator[Entry]:
        """The entries in order.

        Raises:
            NoJsonError: the text is damaged or cut short from here on, or does not end where its JSON ends.
        """
        yield from self._walk(self._paths, {}, is_top=True)
        if self._peek() not in ("", ";"):  # Twitter's JavaScript may end with one
            raise NoJsonError(TRAILING)

    def _walk(self, paths: tuple[tuple[str, ...], ...], parent: dict[str, Any], *, is_top: bool) -> Iterator[Entry]:
        mark = self._peek()
        if is_top:
            self.top = {"{": "an empty object", "[": "an array"}.get(mark, self.top)
        if mark == "{":
            yield from self._object(paths, is_top=is_top)
        elif mark == "[" and (inner := tuple(path[1:] for path in paths if path[0] == "*")):
            self._at += 1
            if () in inner:
                self.n_arrays += 1
            while self._next_element("]"):
                if () in inner:
                    yield Entry(self._element(), parent)
                else:
                    yield from self._walk(inner, {}, is_top=False)
        else:
            self._element(keep=False)

    def _object(self, paths: tuple[tuple[str, ...], ...], *, is_top: bool) -> Iterator[Entry]:
        self._at += 1
        plain: dict[str, Any] = {}
        before: set[str] = set()
        while self._next_element("}"):
            key = _parsed(self._element())
            if str(key) in before:
                raise NoJsonError(TWICE_AROUND)
            before.add(str(key))
            if self._peek() != ":":
                raise NoJsonError(DAMAGED)
            self._at += 1
            if is_top:
                self.keys.append(str(key))
            inner = tuple(path[1:] for path in paths if path[0] == key)
            if inner:
                yield from self._walk(inner, plain, is_top=False)
            elif self._peek() in "[{":
                self._element(keep=False)
            else:
                plain[str(key)] = _parsed(self._element())

    def _next_element(self, end: str) -> bool:
        """Step over a comma, or over the end of the array or object; returns whether an element follows."""
        mark = self._peek()
        if mark == ",":
            self._at += 1
            mark = self._peek()
        if mark == end:
            self._at += 1
            return False
        if not mark:
            raise NoJsonError(DAMAGED)
        return True

    def _peek(self) -> str:
        """The next character other than a space; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill()

    def _element(self, *, keep: bool = True) -> str:
        """Step over one value; returns its text, or "" if `keep` is false."""
        if self._peek() not in '[{"':
            return self._scalar()
        depth, at = 0, self._at
        while True:
            token = _TOKEN.search(self._text, at)
            if token is None or token[0] == '"':  # a string that does not end within the buffer
                at = self._more(token.start() if token else len(self._text), keep=keep)
                continue
            at = token.end()
            depth += token[0] in "[{"
            depth -= token[0] in "]}"
            if not depth:
                text, self._at = self._text[self._at : at] if keep else "", at
                return text

    def _scalar(self) -> str:
        while not self._ended and not re.search(r"[\s,\]}]", self._text[self._at :]):
            self._more(len(self._text), keep=True)
        scalar = _SCALAR.match(self._text, self._at)
        if scalar is None:
            raise NoJsonError(DAMAGED)
        self._at = scalar.end()
        return scalar[0]

    def _more(self, at: int, *, keep: bool) -> int:
        """Read more; returns the new position of `at`. If `keep` is false, the text before it is dropped."""
        if self._ended:
            raise NoJsonError(DAMAGED)
        if not keep:
            self._at = at
        if len(self._text) - self._at > MAX_LINE_BYTES:
            raise NoJsonError(TOO_LONG)
        at -= self._at
        self._fill()
        return at

    def _fill(self) -> None:
        """Read a block, or more if more text is kept, and drop the text before the position."""
        kept = self._text[self._at :]
        try:
            raw = self._stream.read1(max(BLOCK_BYTES, len(kept)))
        except DAMAGE as error:
            self.is_damaged = True
            raise NoJsonError(DAMAGED) from error
        self._ended = not raw
        self._text, self._at = kept + self._decoder.decode(raw, final=not raw), 0


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoJsonError(DAMAGED) from error


def read_json(
    path: Path, batch_rows: int, selection: Selection | None = None, stream: Stream | None = None
) -> Iterator[Batch]:
    """Batches of a JSON file: an array of objects, or the tree of a preset; see `csv_jsonl.read_csv`.

    Raises:
        DataError: the file holds no such array, or is not what its preset reads.
    """
    selection = selection or Selection(path)
    assert stream is not None
    builder = BatchBuilder(selection.measures, selection.dates)
    with stream as content:
        entries = Entries(content, selection.preset.items if selection.preset else PLAIN_PATHS)
        number = 0
        try:
            if not entries.start().strip():
                return
            for number, entry in enumerate(entries, 1):
                _add(builder, Line(number, entry.text, None), entry.parent, selection)
                if builder.is_full(batch_rows):
                    yield builder.build()
        except NoJsonError as reason:
            if not (number or entries.n_arrays or entries.is_damaged):
                raise _no_entries(path, selection, entries, str(reason)) from reason
            builder.refuse(Line(number + 1, "", None), str(reason))
        if not (entries.n_arrays or entries.is_damaged):
            raise _no_entries(path, selection, entries)
    yield builder.build()


def is_json_lines(start: str) -> bool:
    """Whether the beginning of a text is one JSON object per line; the file's name is ignored."""
    lines = [line for line in start.split("\n")[:3] if line.strip()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines[:2]):
        return False
    try:
        return isinstance(json.loads(lines[0]), dict)
    except (ValueError, RecursionError):
        return False


def read_json_or_lines(path: Path, batch_rows: int, selection: Selection, stream: Stream) -> Iterator[Batch]:
    """Batches of a `.json` file, in which some programs write JSON lines."""
    start = stream.peek(1)[:BLOCK_BYTES].decode("utf-8", "replace").lstrip(BOM)
    reader = read_jsonl if is_json_lines(start) else read_json
    return reader(path, batch_rows, selection, stream)


def _add(builder: BatchBuilder, line: Line, parent: dict[str, Any], selection: Selection) -> None:
    if _NOT_UTF8.search(line.text):
        builder.refuse(line._replace(text=_NOT_UTF8.sub("\ufffd", line.text)), "not UTF-8")
        return
    row = parse_object(builder, line)
    if row is None:
        return
    if line.number == 1:
        selection.check_first(row)
    add_object(builder, line, {**row, PARENT: parent} if parent and selection.preset else row, selection)


def _no_entries(path: Path, selection: Selection, entries: Entries, reason: str = "") -> DataError:
    if reason == TWICE_AROUND:
        return DataError(f"{path}: {TWICE}")
    there = f"its keys are: {listed(entries.keys)}" if entries.keys else f"it is {entries.top}"
    if selection.preset:
        return selection.wrong_preset(there)
    return DataError(
        f"{path}: neither an array of objects nor an export of a known program; {there}. `risk-monitor inspect` says "
        "more"
    )

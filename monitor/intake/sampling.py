"""The first rows of a file as they stand in it, before anybody says which column is what."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from monitor.errors import DataError
from monitor.intake.feeds import Feed
from monitor.intake.kinds import kind_of
from monitor.intake.raw_rows import BOM, MAX_LINE_BYTES
from monitor.intake.selection import looks_like_a_row
from monitor.intake.streams import check_text, guess_encoding, open_text

SAMPLE_ROWS = 1000
_TEXT_BYTES = 16 * 2**20  # of a sample
_DELIMITERS = (",", ";", "\t", "|")
WORDS = {",": "comma", ";": "semicolon", "\t": "tab"}
_HEADER_LINES = 20  # among which the header is


@dataclass
class Sample:
    """The first rows of a file.

    Attributes:
        kind: of the file, in words.
        names: of its columns or keys.
        rows: name to value.
        encoding: of a text file.
        proposed_encoding: the encoding, if a feed must name it.
        delimiter: of a CSV file.
        skip_rows: lines above the header.
        preset: of the program that wrote such entries, if the file's form shows it.
    """

    kind: str
    names: list[str]
    rows: list[dict[str, Any]]
    encoding: str | None = None
    proposed_encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0
    preset: str | None = None
    notes: list[str] = field(default_factory=list)


def read_sample(path: Path, feed: Feed | None) -> Sample:
    """The first SAMPLE_ROWS rows of a file.

    Raises:
        DataError: the file is of no known kind, or damaged.
    """
    encoding = feed.encoding if feed and feed.encoding else _encoding(path)
    told = (feed or Feed()).model_copy(update={"encoding": encoding})
    kind = kind_of(path, told)
    if kind == ".parquet":
        return _parquet(path)
    text = _text(path, encoding)
    sample = _json_lines(text) if "json" in kind else _csv(path, text, feed)
    sample.encoding, sample.proposed_encoding = encoding or "utf-8", encoding
    return sample


def _encoding(path: Path) -> str | None:
    """The encoding that a feed must name; None for UTF-8."""
    if path.suffix.lower() == ".parquet":
        return None
    with path.open("rb") as stream:
        if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    opener = partial(open_text, path)
    packed = path.stat().st_size if path.suffix.lower() == ".gz" else None
    try:
        check_text(path, opener, packed, None)
    except DataError as error:
        if "UTF-8" not in str(error):
            raise
        with opener() as stream:
            return guess_encoding(stream.read(2**20))
    return None


def _text(path: Path, encoding: str | None) -> str:
    with open_text(path, encoding) as stream:
        raw = stream.read(_TEXT_BYTES)
    return raw.decode("utf-8", "replace").lstrip(BOM)


def _csv(path: Path, text: str, feed: Feed | None) -> Sample:
    csv.field_size_limit(2 * MAX_LINE_BYTES)
    lines = text.splitlines(keepends=True)
    if not lines:
        raise DataError(f"{path}: the file is empty")
    delimiter = (feed and feed.delimiter) or _delimiter(lines[: _HEADER_LINES * 5])
    skip = feed.skip_rows if feed else 0
    records = list(_records("".join(lines[skip:]), delimiter))
    widths = Counter(map(len, records))
    width = max(widths, key=lambda n: (widths[n], n)) if widths else 0
    if not skip:
        skip = next((i for i, fields in enumerate(records[:_HEADER_LINES]) if len(fields) == width), 0)
        records = records[skip:]
    names = [" ".join(name.split()) for name in records[0]] if records else []
    if looks_like_a_row(names):
        raise DataError(f"{path}: its first line looks like a row; put the names of the columns above it")
    rows = [dict(zip(names, fields, strict=False)) for fields in records[1:] if len(fields) == len(names)]
    kind = f"CSV, {WORDS.get(delimiter, delimiter)} between columns"
    return Sample(kind, names, _without_questions(rows), delimiter=delimiter, skip_rows=skip)


def _without_questions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without the two that Qualtrics puts below its header."""
    if len(rows) > 1 and str(next(iter(rows[1].values()), "")).startswith('{"ImportId"'):
        return rows[2:]
    return rows


def _records(text: str, delimiter: str) -> Iterable[list[str]]:
    with suppress(csv.Error):
        for fields in itertools.islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), SAMPLE_ROWS):
            if fields:
                yield fields


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts most lines into the same number of fields, of more than one."""

    def fit(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(fields) for fields in _records("".join(lines), delimiter) if len(fields) > 1)
        width, n = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        return n, width

    return max(_DELIMITERS, key=fit)


def _json_lines(text: str) -> Sample:
    rows = []
    for line in itertools.islice(text.splitlines(), SAMPLE_ROWS):
        with suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return of_objects("JSON lines", rows)


def of_objects(kind: str, rows: list[dict[str, Any]]) -> Sample:
    """The sample of JSON objects; its names are the keys of all rows, in the order in which they come."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    return Sample(kind, names, rows)


def _parquet(path: Path) -> Sample:
    try:
        with path.open("rb") as stream:
            file = pq.ParquetFile(stream)
            batch = next(file.iter_batches(SAMPLE_ROWS), None)
            names = list(file.schema_arrow.names)
            rows = [] if batch is None else batch.to_pylist()
    except Exception as error:
        raise DataError(f"{path}: not a readable Parquet file (cut short or damaged?); export it again") from error
    return Sample("Parquet", names, rows)

"""The first rows of a file, read before the meaning of its columns is known."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.errors import DataError
from monitor.intake.archives import members_to_read
from monitor.intake.excel import sheet_rows
from monitor.intake.feeds import Feed
from monitor.intake.json_entries import PLAIN_PATHS, Entries, NoJsonError, is_json_lines
from monitor.intake.json_objects import DECODER
from monitor.intake.kinds import kind_of
from monitor.intake.likely_encoding import in_words
from monitor.intake.parquet import check_size
from monitor.intake.presets import CATALOGUE
from monitor.intake.raw_rows import BOM, DAMAGE, MAX_LINE_BYTES
from monitor.intake.selection import looks_like_a_row, normal
from monitor.intake.streams import NotUtf8Error, check_text, open_text
from monitor.intake.whatsapp import is_chat
from monitor.json_keys import TWICE, RepeatedKeyError
from monitor.regular_files import require_file

SAMPLE_ROWS = 1000
_TEXT_BYTES = 16 * 2**20  # largest size of a sample
_DELIMITERS = (",", ";", "\t", "|")
WORDS = {",": "comma", ";": "semicolon", "\t": "tab"}
BLOCK_BYTES = 2**18
MEMBER_PRESETS = ("slack", "twitter-archive", "telegram", "reddit", "discord", "whatsapp", "dayone")
READ_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt", ".js", ".parquet", ".xlsx")
_HEADER_LINES = 20  # the header is one of so many first lines


@dataclass
class Sample:
    """The first rows of a file.

    Attributes:
        kind: of the file, in words.
        names: of its columns or keys.
        rows: name to value.
        encoding: of a text file; in words, if it is not clear.
        proposed_encoding: the encoding, if a feed must name it.
        is_clear: whether the encoding is clear; if not, names and values have lost their letters beyond ASCII.
        delimiter: of a CSV file.
        skip_rows: lines above the header.
        preset: of the program that wrote such entries, if the file's form shows it.
        sheets: names of all sheets of an Excel file.
    """

    kind: str
    names: list[str]
    rows: list[dict[str, Any]]
    encoding: str | None = None
    proposed_encoding: str | None = None
    is_clear: bool = True
    delimiter: str | None = None
    skip_rows: int = 0
    preset: str | None = None
    sheets: Sequence[str] = ()


def read_sample(path: Path, feed: Feed | None) -> Sample:
    """The first SAMPLE_ROWS rows of a file.

    Raises:
        DataError: the file is of no known kind, or damaged.
    """
    require_file(path)
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending == "parquet":
        return _parquet(path)
    if ending == "xlsx":
        rows, sheets = sheet_rows(path, feed.sheet if feed else None, SAMPLE_ROWS + _HEADER_LINES)
        skip = (feed and feed.skip_rows) or _header_place(rows[:_HEADER_LINES], max(map(len, rows), default=0))
        sample = _of_rows("Excel", rows[skip] if rows[skip:] else [], rows[skip + 1 :])
        sample.skip_rows, sample.sheets = skip, sheets
        return sample
    member = _member(path, feed) if ending == "zip" else None
    if member is not None and member.lower().endswith((".parquet", ".xlsx")):
        raise DataError(f"{path}: unpack {member}, and inspect it")
    ending = member.lower().rpartition(".")[2] if member is not None else ending
    if member is None and ending not in ("txt", "js"):
        kind_of(path, Feed(encoding="utf-8"))
    try:
        likely = (feed.encoding,) if feed and feed.encoding else _encodings(path, member)
        encoding = likely[0] if len(likely) == 1 else None
        text = _text(path, encoding, member)
    except DAMAGE as error:
        raise DataError(f"{path}: the file is damaged or cut short; export it again") from error
    sample = _of_text(path, text, ending, feed)
    sample.kind = f"{sample.kind}, in a .zip" if member else sample.kind
    sample.encoding, sample.is_clear = in_words(likely), encoding is not None
    sample.proposed_encoding = encoding if encoding != "utf-8" else None
    return sample


def _of_text(path: Path, text: str, ending: str, feed: Feed | None) -> Sample:
    """The sample of a text file."""
    if ending == "txt":
        if not is_chat(text):
            raise DataError(f"{path}: no WhatsApp chat; if it is a table, give it a name that ends in .csv")
        return Sample("WhatsApp chat", [], [], preset="whatsapp")
    if ending in ("jsonl", "ndjson") or (ending == "json" and is_json_lines(text[:BLOCK_BYTES])):
        return _json_lines(text)
    if ending in ("json", "js"):
        return _json(path, text)
    return _csv(path, text, feed)


def _member(path: Path, feed: Feed | None) -> str:
    """The file in a .zip to inspect: the first one that belongs to a known program's export."""
    names = [feed.preset] if feed and feed.preset else [None, *MEMBER_PRESETS]
    cause: DataError | None = None
    for name in names:
        try:
            return members_to_read(path, CATALOGUE[name] if name else None, READ_ENDINGS)[0]
        except DataError as error:
            cause = cause or error
    raise cause or DataError(f"{path}: empty")


def _encodings(path: Path, member: str | None) -> tuple[str, ...]:
    """The encoding of a text file; several or none if it is not clear."""
    opener = partial(open_text, path, None, member)
    with opener() as stream:
        start = stream.read(2**20)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    packed = path.stat().st_size if member or path.suffix.lower() == ".gz" else None
    try:
        check_text(path, opener, packed, None)
    except NotUtf8Error as error:
        return error.likely
    return ("utf-8",)


def _text(path: Path, encoding: str | None, member: str | None) -> str:
    with open_text(path, encoding, member) as stream:
        raw = stream.read(_TEXT_BYTES)
    return raw.decode("utf-8", "replace").lstrip(BOM)


def _lines(text: str) -> list[str]:
    """The lines with their ends, as the readers see them; `str.splitlines` would also cut at U+2028 within a text."""
    return io.StringIO(text, newline="\n").readlines()


def _csv(path: Path, text: str, feed: Feed | None) -> Sample:
    csv.field_size_limit(2 * MAX_LINE_BYTES)
    lines = _lines(text)
    if not lines:
        raise DataError(f"{path}: the file is empty")
    delimiter = (feed and feed.delimiter) or _delimiter(lines[: _HEADER_LINES * 5])
    skip = feed.skip_rows if feed else 0
    records = list(_records("".join(lines[skip:]), delimiter))
    widths = Counter(len(fields) for _, fields in records)
    width = max(widths, key=lambda n: (widths[n], n)) if widths else 0
    if not skip and records:
        place = _header_place([fields for _, fields in records[:_HEADER_LINES]], width)
        records, skip = records[place:], records[place][0]
    names = [" ".join(name.split()) for name in records[0][1]] if records else []
    if looks_like_a_row(names):
        raise DataError(f"{path}: its first line looks like a row; put the names of the columns above it")
    rows = [fields for _, fields in records[1:] if len(fields) == len(names)]
    sample = _of_rows(f"CSV, {WORDS.get(delimiter, delimiter)} between columns", names, rows)
    sample.rows, sample.delimiter, sample.skip_rows = _without_questions(sample.rows), delimiter, skip
    return sample


def _header_place(records: list[list[str]], width: int) -> int:
    """Index of the header: the first record with names in nearly all its fields.

    A title fills only one or two.
    """
    filled = {
        i: sum(bool(field.strip()) for field in fields)
        for i, fields in enumerate(records)
        if len(fields) == width and not looks_like_a_row(fields)
    }
    enough = min(max(filled.values(), default=0), max(width - 2, 2))
    whole = (i for i, fields in enumerate(records) if len(fields) == width)
    return next((i for i, n in filled.items() if n >= enough), next(whole, 0))


def _of_rows(kind: str, names: list[str], rows: list[list[str]]) -> Sample:
    """The sample of a table whose header and rows are known."""
    names = [" ".join(name.split()) for name in names]
    filled = [fields for fields in rows if any(field.strip() for field in fields)]
    tables = [{name: value for name, value in zip(names, fields, strict=False) if name} for fields in filled]
    return Sample(kind, [name for name in names if name], tables)


def _without_questions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without the two that Qualtrics puts below its header."""
    if len(rows) > 1 and str(next(iter(rows[1].values()), "")).startswith('{"ImportId"'):
        return rows[2:]
    return rows


def _records(text: str, delimiter: str) -> Iterable[tuple[int, list[str]]]:
    """The fields of each record, and the number of lines before it."""
    reader, n_before = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 0
    with suppress(csv.Error):
        for fields in itertools.islice(reader, SAMPLE_ROWS):
            if fields:
                yield n_before, fields
            n_before = reader.line_num


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts the most lines into one number of fields, which is at least two."""

    def fit(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(fields) for _, fields in _records("".join(lines), delimiter) if len(fields) > 1)
        width, n = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        return n, width

    return max(_DELIMITERS, key=fit)


def _json_lines(text: str) -> Sample:
    rows = []
    for line in itertools.islice(_lines(text), SAMPLE_ROWS):
        with suppress(ValueError, RecursionError):
            row = DECODER.decode(line)
            if isinstance(row, dict):
                rows.append(row)
    sample = of_objects("JSON lines", rows)
    for name in ("reddit", "twitter-archive"):
        if rows and _is_of(CATALOGUE[name].requires, rows[0]):
            sample.preset = name
    return sample


def _json(path: Path, text: str) -> Sample:
    """The first entries of a JSON file, and the preset whose program writes such entries."""
    tried = {name: preset for name, preset in CATALOGUE.items() if preset.requires}
    plain = _entries(text, PLAIN_PATHS)
    for paths in dict.fromkeys(preset.items for preset in tried.values()):
        rows = _entries(text, paths)
        for name, preset in tried.items():
            if preset.items == paths and rows and _is_of(preset.requires, rows[0]):
                sample = of_objects(f"JSON, {preset.about}", rows)
                sample.preset = name
                return sample
    if not plain:
        none = "neither an array of objects nor an export of a known program"
        raise DataError(f"{path}: {TWICE if _repeats_a_key(text) else none}")
    return of_objects("JSON array", plain)


def _entries(text: str, paths: tuple[tuple[str, ...], ...]) -> list[dict[str, Any]]:
    """The first objects at some paths of a JSON text."""
    entries = Entries(io.BufferedReader(io.BytesIO(text.encode("utf-8", "replace"))), paths)  # type: ignore[arg-type]
    entries.start()
    rows: list[dict[str, Any]] = []
    with suppress(NoJsonError):
        for entry in itertools.islice(entries, SAMPLE_ROWS):
            with suppress(ValueError, RecursionError):
                row = DECODER.decode(entry.text)
                if isinstance(row, dict):
                    rows.append(row)
    return rows


def _repeats_a_key(text: str) -> bool:
    try:
        DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        return isinstance(error, RepeatedKeyError)
    return False


def _is_of(groups: tuple[tuple[str, ...], ...], row: dict[str, Any]) -> bool:
    keys = {normal(key) for key in row}
    return any(keys.issuperset(map(normal, group)) for group in groups)


def of_objects(kind: str, rows: list[dict[str, Any]]) -> Sample:
    """The sample of JSON objects; its names are the keys of all rows, in the order in which they come."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    return Sample(kind, names, rows)


def _parquet(path: Path) -> Sample:
    try:
        with path.open("rb") as stream:
            file = pq.ParquetFile(stream)
            check_size(path, file.metadata)
            batch = next(file.iter_batches(SAMPLE_ROWS), None)
            names = list(file.schema_arrow.names)
            columns = [] if batch is None else [_values(column) for column in batch.columns]
            rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path}: not a readable Parquet file (cut short or damaged?); export it again") from error
    return Sample("Parquet", names, rows)


def _values(column: pa.Array) -> list[Any]:
    """The values of a column. If Python cannot hold one of its times, such as DuckDB's infinity, all become
    strings.
    """
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column.cast(pa.string()).to_pylist())

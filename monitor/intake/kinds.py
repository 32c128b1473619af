"""Kinds of input files, known by the endings of their names, and the rows of each kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from monitor.errors import DataError
from monitor.intake.archives import (
    list_of_users,
    member_name,
    members_to_read,
    packed_size,
    person_of,
    unpacked,
)
from monitor.intake.csv_jsonl import read_csv, read_jsonl
from monitor.intake.date_rules import has_year_last, possible_orders
from monitor.intake.excel import read_excel
from monitor.intake.feeds import Feed
from monitor.intake.json_entries import PLAIN_PATHS, Entries, NoJsonError, read_json_or_lines
from monitor.intake.json_objects import DECODER
from monitor.intake.parquet import read_parquet
from monitor.intake.presets import CATALOGUE, NOT_COMPLETED, Preset
from monitor.intake.raw_rows import MEASURE_PREFIX, Batch, Stream
from monitor.intake.selection import Selection
from monitor.intake.streams import check_text, open_text
from monitor.intake.whatsapp import read_whatsapp
from monitor.regular_files import require_file

TextReader = Callable[[Path, int, Selection, Stream], Iterator[Batch]]
_TEXT: dict[str, TextReader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json_or_lines,
}
_OF_PRESETS: dict[str, TextReader] = {".txt": read_whatsapp, ".js": read_json_or_lines}
_TABLES = {".parquet": read_parquet, ".xlsx": read_excel}
ENDINGS = (*(f"{ending}{packed}" for ending in _TEXT for packed in ("", ".gz")), *_TABLES, ".zip")
_IN_ZIP = (*_TEXT, *_OF_PRESETS, *_TABLES)
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


def read_rows(path: Path, batch_rows: int, feed: Feed | None) -> Iterator[Batch]:
    """Batches of a file's rows, as its feed reads them.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    batches = _read_kind(path, batch_rows, feed)
    if feed and feed.preset and CATALOGUE[feed.preset].many_forms:
        return map(_without_other_forms, batches)
    return batches


def _without_other_forms(batch: Batch) -> Batch:
    """The batch without rows that have neither time nor text nor a measure, because they come from another form."""
    values = [name for name in batch.rows.columns if name == "text" or name.startswith(MEASURE_PREFIX)]
    is_other = pl.all_horizontal(
        pl.col("posted_at").fill_null("").str.strip_chars().is_in(["", NOT_COMPLETED]),
        *(pl.col(name).fill_null("").str.strip_chars() == "" for name in values),
    )
    rows = batch.rows.filter(~is_other)
    n_not_texts = batch.n_not_texts + batch.rows.height - rows.height
    return dataclasses.replace(batch, rows=rows, n_not_texts=n_not_texts)


def _read_kind(path: Path, batch_rows: int, feed: Feed | None) -> Iterator[Batch]:
    kind = kind_of(path, feed)
    preset = CATALOGUE[feed.preset] if feed and feed.preset else None
    if preset and preset.local_order and feed and not feed.date_format and feed.day_first is None:
        feed = feed.model_copy(update={"day_first": _day_first(path, batch_rows, feed)})
    if kind == ".zip":
        return _read_zip(path, batch_rows, feed)
    if kind in _TABLES:
        return _TABLES[kind](path, batch_rows, Selection(path, feed))
    packed = path.stat().st_size if kind.endswith(".gz") else None
    opener = partial(open_text, path, feed.encoding if feed else None)
    return _read_text(path, kind.removesuffix(".gz"), opener, packed, batch_rows, Selection(path, feed))


def _read_text(
    path: Path, kind: str, opener: Callable[[], Stream], packed: int | None, batch_rows: int, selection: Selection
) -> Iterator[Batch]:
    """The rows of a text file, after a check of its size and encoding; `packed` is its packed size in bytes."""
    check_text(path, opener, packed, selection.feed.encoding if selection.feed else None)
    yield from (_TEXT | _OF_PRESETS)[kind](path, batch_rows, selection, opener())


def _read_zip(path: Path, batch_rows: int, feed: Feed | None) -> Iterator[Batch]:
    """The rows of the files in a .zip, numbered continuously as if they were one file."""
    preset = CATALOGUE[feed.preset] if feed and feed.preset else None
    members = members_to_read(path, preset, _IN_ZIP if preset else (*_TEXT, *_TABLES))
    subject, bots, n_before = person_of(path, preset), _bots(path, preset), 0
    for member in members:
        last = n_before
        for batch in _read_member(path, member, batch_rows, Selection(path, feed, subject, bots)):
            last = max([last, *(n_before + row for row in _row_numbers(batch))])
            yield _shifted(batch, n_before)
        n_before = last


def _bots(path: Path, preset: Preset | None) -> set[str]:
    """The ids of users whom a list in the .zip calls bots.

    Raises:
        DataError: the list cannot be read whole, so a bot would count as a person.
    """
    bots: set[str] = set()
    if member := list_of_users(path, preset):
        opener = partial(open_text, path, None, member)
        check_text(path, opener, packed_size(path, member), None)
        number = 0
        with opener() as stream:
            entries = Entries(stream, PLAIN_PATHS)
            try:
                for entry in entries:
                    number += 1
                    user = DECODER.decode(entry.text)
                    if isinstance(user, dict) and user.get("is_bot") is True:
                        bots.add(str(user.get("id")))
            except (NoJsonError, ValueError, RecursionError) as error:
                raise _bad_list(path, member, f"is damaged near entry {max(number, 1)}") from error
        if not entries.n_arrays:
            raise _bad_list(path, member, "holds no list")
    return bots


def _bad_list(path: Path, member: str, fault: str) -> DataError:
    return DataError(
        f"{path}: {member_name(member)} in it, which says who is a bot, {fault}; export it again, or mend that file"
    )


def _read_member(path: Path, member: str, batch_rows: int, selection: Selection) -> Iterator[Batch]:
    kind = next(ending for ending in _IN_ZIP if member.lower().endswith(ending))
    if kind in _TABLES:
        with unpacked(path, member) as copy:
            try:
                yield from _TABLES[kind](copy, batch_rows, selection)
            except DataError as error:  # the error names the temporary copy, which means nothing to the user
                raise DataError(str(error).replace(str(copy), f"{path}: {member_name(member)}", 1)) from error
    else:
        opener = partial(open_text, path, selection.feed.encoding if selection.feed else None, member)
        yield from _read_text(path, kind, opener, packed_size(path, member), batch_rows, selection)


def _row_numbers(batch: Batch) -> list[int]:
    return [*batch.rows["row"].tail(1), *(fault.row or 0 for fault in batch.faults)]


def _shifted(batch: Batch, n: int) -> Batch:
    """The batch with its rows numbered n higher."""
    if not n:
        return batch
    faults = [fault._replace(row=fault.row and fault.row + n) for fault in batch.faults]
    return dataclasses.replace(batch, rows=batch.rows.with_columns(pl.col("row") + n), faults=faults)


def kind_of(path: Path, feed: Feed | None) -> str:
    """The kind of a file by the ending of its name, if its first bytes do not contradict it.

    Raises:
        DataError: the path is no file, or the file is not of a supported kind, or not of the kind that its name says.
    """
    require_file(path)
    endings, name = ENDINGS, path.name.lower()
    if feed and feed.preset:
        own = CATALOGUE[feed.preset].endings
        endings = (*own, *(f"{ending}.gz" for ending in own if ending not in (".zip", ".xlsx")))
    kind = next((ending for ending in endings if name.endswith(ending)), None)
    if kind is None:
        preset = f"preset {feed.preset}" if feed and feed.preset else "this kind of file"
        raise DataError(f"{path}: cannot read {preset} from a file of this name; use {', '.join(endings)}")
    _check_start(path, kind, feed)
    return kind


def _check_start(path: Path, kind: str, feed: Feed | None) -> None:
    """Raise DataError if the first bytes of a file are not of the kind that its name says."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1" and kind != ".parquet":
        raise DataError(f"{path}: this is a Parquet file; give it a name that ends in .parquet")
    if start == _ZIP and kind not in (".zip", ".xlsx"):
        raise DataError(f"{path}: this is a .zip or an Excel file; give it a name that ends in .zip or .xlsx")
    if start.startswith(_GZIP) and not kind.endswith(".gz"):
        raise DataError(f"{path}: this is compressed with gzip; give it a name that ends in {kind}.gz")
    if start and not start.startswith(_GZIP) and kind.endswith(".gz"):
        raise DataError(f"{path}: this is not compressed with gzip; give it a name without .gz")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) and not (feed and feed.encoding):
        raise DataError(
            f'{path}: this is UTF-16; give encoding = "utf-16" in its [[feeds]] (or --encoding utf-16), or save it '
            "as UTF-8"
        )


def _day_first(path: Path, batch_rows: int, feed: Feed) -> bool | None:
    """Whether a file writes days before months, if its dates allow only one order.

    Raises:
        DataError: its dates allow both orders, or neither; the feed must name one.
    """
    orders, has_dates = {True, False}, False
    for batch in read_rows(path, batch_rows, feed.model_copy(update={"day_first": True})):
        if batch.rows["posted_at"].dtype.is_temporal():
            return None
        values = [value for value in batch.rows["posted_at"].unique() if value and has_year_last(value)]
        has_dates = has_dates or bool(values)
        orders &= possible_orders(values)
    if has_dates and len(orders) != 1:
        both = "both day and month may come first" if orders else "some have the day first, others the month"
        raise DataError(f"{path}: in its dates {both}; give day_first = true or false (--day-first, --month-first)")
    return orders.pop() if has_dates else None

"""Kinds of input files, by the ending of their names, and the rows of each, as their feed reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from monitor.errors import DataError
from monitor.intake.csv_jsonl import read_csv, read_jsonl
from monitor.intake.date_rules import has_year_last, possible_orders
from monitor.intake.feeds import Feed
from monitor.intake.parquet import read_parquet
from monitor.intake.presets import CATALOGUE
from monitor.intake.raw_rows import Batch, Stream
from monitor.intake.selection import Selection
from monitor.intake.streams import check_text, open_text

TextReader = Callable[[Path, int, Selection, Stream], Iterator[Batch]]
_TEXT: dict[str, TextReader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}
ENDINGS = (*(f"{ending}{packed}" for ending in _TEXT for packed in ("", ".gz")), ".parquet")
_GZIP = b"\x1f\x8b"


def read_rows(path: Path, batch_rows: int, feed: Feed | None) -> Iterator[Batch]:
    """Batches of a file's rows, as its feed reads them.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    kind = kind_of(path, feed)
    preset = CATALOGUE[feed.preset] if feed and feed.preset else None
    if preset and preset.local_order and feed and not feed.date_format and feed.day_first is None:
        feed = feed.model_copy(update={"day_first": _day_first(path, batch_rows, feed)})
    return _read(path, kind, batch_rows, feed)


def _read(path: Path, kind: str, batch_rows: int, feed: Feed | None) -> Iterator[Batch]:
    if kind == ".parquet":
        return read_parquet(path, batch_rows)
    reader = _TEXT[kind.removesuffix(".gz")]
    packed = path.stat().st_size if kind.endswith(".gz") else None
    return _read_text(
        path, reader, partial(open_text, path, feed.encoding if feed else None), packed, batch_rows, feed
    )


def _read_text(
    path: Path,
    reader: TextReader,
    opener: Callable[[], Stream],
    packed_bytes: int | None,
    batch_rows: int,
    feed: Feed | None,
    subject: str | None = None,
) -> Iterator[Batch]:
    """The rows of a text file, after a check of its size and encoding."""
    check_text(path, opener, packed_bytes, feed.encoding if feed else None)
    yield from reader(path, batch_rows, Selection(path, feed, subject), opener())


def kind_of(path: Path, feed: Feed | None) -> str:
    """The kind of a file by the ending of its name, if its first bytes do not contradict it.

    Raises:
        DataError: it is no file, of no kind that we read, or not what its name says.
    """
    if not path.is_file():
        raise DataError(f"{path}: not a regular file")
    name = path.name.lower()
    kind = next((ending for ending in ENDINGS if name.endswith(ending)), None)
    if kind is None:
        raise DataError(f"{path}: cannot read this kind of file; use {', '.join(ENDINGS)}")
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1" and kind != ".parquet":
        raise DataError(f"{path}: this is a Parquet file; give it a name that ends in .parquet")
    if start.startswith(_GZIP) and not kind.endswith(".gz"):
        raise DataError(f"{path}: this is compressed with gzip; give it a name that ends in {kind}.gz")
    if start and not start.startswith(_GZIP) and kind.endswith(".gz"):
        raise DataError(f"{path}: this is not compressed with gzip; give it a name without .gz")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) and not (feed and feed.encoding):
        raise DataError(f'{path}: this is UTF-16; give encoding = "utf-16" in its [[feeds]], or save it as UTF-8')
    return kind


def _day_first(path: Path, batch_rows: int, feed: Feed) -> bool | None:
    """Whether the days of a file come before the months, if its dates leave only one of the two.

    Raises:
        DataError: both fit all dates, or neither does; the feed must say it.
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

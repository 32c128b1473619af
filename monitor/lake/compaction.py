"""Keep a lake tidy: finish what killed commands left, merge small shards of closed months, and sum their days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from monitor.lake.cells import write_cells
from monitor.lake.replacement import finish_replacements, replace_shards
from monitor.lake.shards import (
    FOLDERS,
    Lake,
    Listing,
    Shard,
    derived_path,
    document_path,
    shard_name,
)

MERGED_ROWS = 100_000  # rows of a merged shard, which is also the unit of work of the next model
UNFINISHED_S = 24 * 3600.0  # no process still writes a file that was begun so long ago


class Compacted(NamedTuple):
    """What `compact` did: numbers of merged shards, of the shards that replaced them, and of new files of daily
    sums.
    """

    n_old: int
    n_new: int
    n_cells: int


def compact(lake: Lake, before: dt.date, rows: int = MERGED_ROWS) -> Compacted:
    """Merge the small shards of the months that ended before a day, and write the daily sums of these months.

    Only shards that the same models have scored are merged, so that each model has scored all of a merged shard or
    none of it. A second call does nothing. The caller holds `Storage.only_writer`.

    Args:
        lake: the lake.
        before: months that end before this day are closed.
        rows: approximate number of documents in a merged shard.

    Raises:
        StoreError: a file cannot be read or written. A second call continues where this one stopped.
    """
    lake.storage.remove_unfinished(FOLDERS, UNFINISHED_S)
    finish_replacements(lake)
    listing = lake.list_shards()
    n_old = n_new = 0
    for group in _groups(listing, f"{before:%Y-%m}", rows):
        documents = _merged(lake, [document_path(shard) for shard in group])
        new = Shard(group[0].month, shard_name(pl.DataFrame(documents)))
        replace_shards(lake, new, documents, _merged_derived(lake, listing, group), group)
        n_old, n_new = n_old + len(group), n_new + 1
    if n_new:
        listing = lake.list_shards()
    return Compacted(n_old, n_new, write_cells(lake, listing, before))


def _groups(listing: Listing, open_month: str, rows: int) -> Iterator[list[Shard]]:
    """Groups of shards to merge. Those of a group are of one month, scored by the same models, and each has less than
    half the rows of a merged shard.
    """
    scored = listing.derived["scores"]
    alike: dict[tuple[str, tuple[str, ...]], list[Shard]] = {}
    for shard in sorted(listing.documents):
        if shard.month < open_month and shard.rows < rows / 2:
            models = tuple(sorted(model_id for model_id, shards in scored.items() if shard in shards))
            alike.setdefault((shard.month, models), []).append(shard)
    for shards in alike.values():
        group: list[Shard] = []
        for shard in shards:
            if group and sum(other.rows for other in group) + shard.rows > rows:
                yield from [group][: len(group) > 1]
                group = []
            group.append(shard)
        yield from [group][: len(group) > 1]


def _merged(lake: Lake, paths: Sequence[str]) -> pa.Table:
    """The rows of several files in the order of a shard; a column that a file lacks is null."""
    rows = pa.concat_tables([lake.read(path) for path in paths], promote_options="default")
    return rows.sort_by([(name, "ascending") for name in ("posted_at", "doc_id") if name in rows.column_names])


def _merged_derived(lake: Lake, listing: Listing, group: Sequence[Shard]) -> dict[tuple[str, str], pa.Table]:
    derived = {}
    for table, of_keys in listing.derived.items():
        for key, shards in of_keys.items():
            paths = [derived_path(table, key, shard) for shard in group if shard in shards]
            if paths:
                derived[table, key] = _merged(lake, paths)
    return derived

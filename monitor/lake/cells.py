"""Daily sums of closed months. With them the memory of a window query grows with subject-days, not with texts.

A file of cells holds the rows of the view `daily_cells` for the scores of one model and month. Its name is a hash of
the view and of the names of the shards that hold these scores. Late texts, a forgotten subject or a new version of
the view change that name, and the old file no longer counts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from monitor.lake.scratch import CELL_VIEW, cell_view_sql, open_scratch
from monitor.lake.shards import CELLS, KEY, Lake, Listing, Shard, derived_path
from monitor.lake.storage import OURS

FILE = re.compile(rf"{CELLS}/model_id=({KEY.pattern})/month=\d{{4}}-\d{{2}}/([0-9a-f]{{32}}\.parquet|{OURS.pattern})")
CellKey = tuple[str, str]  # model_id and month


def current_cells(lake: Lake, listing: Listing) -> dict[CellKey, str]:
    """Paths of the files of cells that are up to date: those that sum exactly the scores of their model and month."""
    stored = _stored(lake)
    if not stored:
        return {}
    return {key: path for key, path in _paths(listing, cell_view_sql()).items() if path in stored}


def write_cells(lake: Lake, listing: Listing, before: dt.date) -> int:
    """Write the cells of the months that ended before a day, and remove files that no longer count.

    The caller holds `Storage.only_writer`.

    Returns:
        number of new files.
    """
    paths = _paths(listing, cell_view_sql())
    closed = {key: path for key, path in paths.items() if key[1] < f"{before:%Y-%m}"}
    stored = _stored(lake)
    for path in sorted(stored - set(paths.values())):
        lake.storage.remove(path)
    n_new = 0
    con = open_scratch()
    try:
        con.execute("DROP TABLE scores")
        for (model_id, month), path in sorted(closed.items()):
            if path not in stored:
                n_new += _write(lake, con, path, _scored(listing, model_id, month))
    finally:
        con.close()
    return n_new


def remove_cells(lake: Lake, months: Iterable[str]) -> None:
    """Remove the cells of months whose scores changed, because old cells still hold rows of forgotten subjects."""
    ends = tuple(f"/month={month}/" for month in months)
    for path in _stored(lake):
        if any(end in path for end in ends):
            lake.storage.remove(path)


def differs(lake: Lake, listing: Listing, model_id: str, month: str, stored: pa.Table) -> bool:
    """Whether stored cells differ from those that the scores of a model and month give."""
    con = open_scratch()
    try:
        con.execute("DROP TABLE scores")
        rows = _sums(lake, con, _scored(listing, model_id, month))
    finally:
        con.close()
    return tables_differ(rows, stored)


def tables_differ(rows: pa.Table, stored: pa.Table) -> bool:
    """Whether two tables of daily sums differ in more than the last digits of their sums of fractions."""
    if rows.column_names != stored.column_names or len(rows) != len(stored):
        return True
    return any(not _alike(rows[name], stored[name].cast(rows.schema.field(name).type)) for name in rows.column_names)


def _alike(column: pa.ChunkedArray, stored: pa.ChunkedArray) -> bool:
    """Whether two columns are equal. The last digits of sums of fractions do not count, as they depend on the
    order.
    """
    if not pa.types.is_floating(column.type):
        return bool(column.equals(stored))
    return bool(np.allclose(column.to_numpy(), stored.to_numpy(), rtol=1e-9, atol=1e-9, equal_nan=True))


def _stored(lake: Lake) -> set[str]:
    """Paths of this project's files of cells, complete or not."""
    return {path for path, _ in lake.storage.list_files(CELLS) if FILE.fullmatch(path)}


def _write(lake: Lake, con: duckdb.DuckDBPyConnection, path: str, scored: Mapping[Shard, str]) -> bool:
    return lake.write(path, CELLS, _sums(lake, con, scored))


def _sums(lake: Lake, con: duckdb.DuckDBPyConnection, scored: Mapping[Shard, str]) -> pa.Table:
    """Sum the scores of a month as a dataset that DuckDB reads shard by shard."""
    files = [lake.storage.full_path(scores) for _, scores in sorted(scored.items())]
    con.register("scores", ds.dataset(files, format="parquet", filesystem=lake.storage.filesystem))
    con.execute(cell_view_sql().replace("CREATE VIEW", "CREATE OR REPLACE TEMP VIEW", 1))
    rows = con.sql(f"FROM {CELL_VIEW} ORDER BY ALL").to_arrow_table()
    con.unregister("scores")
    return rows


def _paths(listing: Listing, view: str) -> dict[CellKey, str]:
    """The path at which the cells of each model and month are stored."""
    months = sorted(
        {(model_id, shard.month) for model_id, shards in listing.derived["scores"].items() for shard in shards}
    )
    paths = {}
    for model_id, month in months:
        names = "\n".join([view, *(shard.name for shard in sorted(_scored(listing, model_id, month)))])
        digest = hashlib.sha256(names.encode()).hexdigest()[:32]
        paths[model_id, month] = f"{CELLS}/model_id={model_id}/month={month}/{digest}.parquet"
    return paths


def _scored(listing: Listing, model_id: str, month: str) -> dict[Shard, str]:
    shards = [shard for shard in listing.derived["scores"][model_id] if shard.month == month]
    return {shard: derived_path("scores", model_id, shard) for shard in shards}

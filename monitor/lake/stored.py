"""Find documents of a lake by their ids or by their subject, reading as few files and columns as possible."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from monitor.lake.shards import Lake, Shard, document_path

MONTH = pa.field("month", pa.string())


def documents_with_ids(
    lake: Lake, con: duckdb.DuckDBPyConnection, shards: Collection[Shard], ids: pl.Series
) -> pa.Table:
    """The documents that have one of these ids, with every column.

    The ids of all shards are compared first. Whole rows are then read only from months with one of these ids.

    Args:
        lake: the lake.
        con: a connection whose table `documents` has the newest columns.
        shards: the shards to search.
        ids: doc_ids, shape (n,).
    """
    con.register("wanted", pl.DataFrame({"doc_id": ids.drop_nulls().unique()}))
    con.register("stored", documents_of(lake, con, shards))
    months = con.execute("SELECT DISTINCT month FROM stored SEMI JOIN wanted USING (doc_id)").fetchall()
    con.register("stored", documents_of(lake, con, [shard for shard in shards if (shard.month,) in months]))
    rows = con.sql("SELECT * EXCLUDE (month) FROM stored SEMI JOIN wanted USING (doc_id)").to_arrow_table()
    for name in ("wanted", "stored"):
        con.unregister(name)
    return rows


def shards_with_subjects(lake: Lake, shards: Iterable[Shard], subjects: Collection[str]) -> list[Shard]:
    """The shards that hold a document of one of these subjects; reads the column subject_id of each."""
    wanted = pa.array(list(subjects), pa.string())
    holding = []
    for shard in sorted(shards):
        column = lake.read(document_path(shard), ["subject_id"])["subject_id"]
        if pc.any(pc.is_in(column, wanted)).as_py():
            holding.append(shard)
    return holding


def stored_subjects(lake: Lake) -> set[str]:
    """The ids of all subjects with a document; reads the column subject_id of each shard."""
    subjects: set[str] = set()
    for shard in lake.list_shards().documents:
        subjects.update(lake.read(document_path(shard), ["subject_id"])["subject_id"].unique().to_pylist())
    return subjects


def documents_of(lake: Lake, con: duckdb.DuckDBPyConnection, shards: Iterable[Shard]) -> ds.Dataset | pa.Table:
    """The documents of these shards, with the columns of the table `documents` in `con`, and `month`.

    A column that a file lacks is null.
    """
    schema = con.sql("FROM documents LIMIT 0").to_arrow_table().schema.append(MONTH)
    files = [lake.storage.full_path(document_path(shard)) for shard in sorted(shards)]
    if not files:
        return schema.empty_table()
    folders = ds.partitioning(pa.schema([MONTH]), flavor="hive")
    return ds.dataset(
        files, schema=schema, format="parquet", filesystem=lake.storage.filesystem, partitioning=folders
    )

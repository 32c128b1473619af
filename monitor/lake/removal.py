"""Remove subjects or old texts from a lake: every shard that holds them is written anew without them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from monitor.database.copy import copy_table, pattern_of
from monitor.database.statements import execute, utc_now
from monitor.lake.cells import remove_cells
from monitor.lake.replacement import Derived, finish_replacements, remove_shards, replace_shards
from monitor.lake.scratch import open_scratch, rows_of
from monitor.lake.shards import FOLDERS, SMALL_TABLES, Lake, Listing, Shard, derived_path, document_path, shard_name
from monitor.lake.stored import shards_with_subjects
from monitor.privacy.retention import check_clock

COPIED = ("files", "rejects", "runs")  # small tables that may name a subject
FIRST = {"rejects": "rejected_at, raw"}  # of rows with the same key the oldest counts, with its content removed
ABANDONED_S = 3600.0


def forget_subjects(lake: Lake, subjects: Sequence[str]) -> dict[str, int]:
    """Remove every row of some subjects. The caller holds `Storage.only_writer`.

    Nothing is removed for an id that occurs nowhere, or only in the name of a folder: nobody has it.

    Args:
        lake: the lake.
        subjects: their ids, both as the lake stores them and as names of input files may contain them.

    Returns:
        table -> number of rows removed or changed, for tables with any.
    """
    lake.storage.remove_unfinished(FOLDERS, ABANDONED_S)
    finish_replacements(lake)
    listing = lake.list_shards()
    removed = Counter[str]()
    shards = shards_with_subjects(lake, listing.documents, subjects)
    if not shards and not _is_named(lake, subjects):
        return {}
    # Cells are removed first. After the last shard is gone, nothing would tell a next run to remove them.
    remove_cells(lake, {shard.month for shard in shards})
    for shard in shards:
        documents = lake.read(document_path(shard))
        kept = documents.filter(pc.invert(pc.is_in(documents["subject_id"], pa.array(subjects, pa.string()))))
        derived = _derived_of(lake, listing, shard, kept["doc_id"], removed)
        removed["documents"] += documents.num_rows - kept.num_rows
        _replace(lake, shard, kept, derived)
    removed += Counter(_rewrite_small(lake, subjects, None))
    return dict(removed)


def drop_old_texts(lake: Lake, days: int, now: dt.datetime | None = None, *, trust_clock: bool = False) -> int:
    """Remove the texts that were taken in more than so many days ago, unless the clock is far ahead of the last run.

    The caller holds `Storage.only_writer`.

    Args:
        lake: the lake.
        days: age from which texts are removed.
        now: UTC; None: the machine's clock.
        trust_clock: accept a clock that is far ahead of the last accepted one.

    Returns:
        the number of removed texts.

    Raises:
        ClockError: as `check_clock`; nothing was removed.
    """
    now = now or utc_now()
    if not trust_clock:
        again = f"risk-monitor lake retention --lake {lake.url} --text-days {days} --yes"
        check_clock(now, _last_accepted(lake), again)
    columns = {"day": pa.array([now.date()], pa.date32()), "checked_at": pa.array([now], pa.timestamp("us"))}
    lake.write_small("retention_checks", pa.table(columns))
    return drop_texts(lake, now - dt.timedelta(days=days))


def _last_accepted(lake: Lake) -> dt.datetime | None:
    """The last accepted time of the clock, as queries/last_accepted_clock.sql gives it; None before the first."""
    checks: list[dt.datetime] = []
    for path in lake.small_files("retention_checks"):
        checks += lake.read(path)["checked_at"].to_pylist()
    if checks:
        return max(checks)
    runs = [row for path in lake.small_files("runs") for row in lake.read(path).to_pylist()]
    done = [(row["run_id"], row["finished_at"]) for row in runs if row["status"] == "done"]
    return max(done)[1] if done else None


def drop_texts(lake: Lake, before: dt.datetime) -> int:
    """Remove texts, and the raw content of rejects, that were taken in before a time (UTC); scores stay.

    The caller holds `Storage.only_writer`.

    Returns:
        the number of removed texts.
    """
    lake.storage.remove_unfinished(FOLDERS, ABANDONED_S)
    finish_replacements(lake)
    listing = lake.list_shards()
    n_removed = 0
    for shard in sorted(listing.documents):
        if not _may_have_texts(lake, shard, before):
            continue
        documents = lake.read(document_path(shard))
        old = pc.and_(pc.less(documents["ingested_at"], before), pc.is_valid(documents["text"]))
        if n := pc.sum(old).as_py():
            texts = pc.if_else(old, pa.scalar(None, pa.string()), documents["text"])
            kept = documents.set_column(documents.column_names.index("text"), "text", texts)
            _replace(lake, shard, kept, _derived_of(lake, listing, shard, kept["doc_id"], Counter()))
            n_removed += n
    _rewrite_small(lake, (), before)
    return n_removed


def _replace(lake: Lake, shard: Shard, kept: pa.Table, derived: Derived) -> None:
    if kept.num_rows:
        replace_shards(lake, Shard(shard.month, shard_name(pl.DataFrame(kept))), kept, derived, [shard])
    else:
        remove_shards(lake, [shard])


def _derived_of(
    lake: Lake, listing: Listing, shard: Shard, doc_ids: pa.ChunkedArray, removed: Counter[str]
) -> dict[tuple[str, str], pa.Table]:
    """The rows about these documents in the shard's other files. `removed` counts the rows about other documents."""
    derived = {}
    for table, of_keys in listing.derived.items():
        for key, shards in of_keys.items():
            if shard in shards:
                rows = lake.read(derived_path(table, key, shard))
                kept = rows.filter(pc.is_in(rows["doc_id"], doc_ids.combine_chunks()))
                removed[table] += rows.num_rows - kept.num_rows
                if kept.num_rows or table == "scores":
                    derived[table, key] = kept
    return derived


def _may_have_texts(lake: Lake, shard: Shard, before: dt.datetime) -> bool:
    """Whether a shard may have a text that was taken in before a time, judged by its footer alone."""
    footer = lake.footer(document_path(shard))
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
        text, ingested = columns["text"].statistics, columns["ingested_at"].statistics
        if text is None or ingested is None or not ingested.has_min_max:
            return True
        if text.null_count < group.num_rows and ingested.min < before:
            return True
    return False


def _rewrite_small(lake: Lake, subjects: Sequence[str], before: dt.datetime | None) -> dict[str, int]:
    """Write the small tables anew, with the statements that copy a database without some subjects and old texts.

    Several files may hold a row with the same key. All these rows are compared, because each of them may hold a text.

    Returns:
        table -> number of keys whose rows were removed or changed, for tables with any.
    """
    values = {"subjects": list(subjects), "names": pattern_of(subjects), "before": before}
    changed = {}
    with _small_tables(lake) as (con, paths):
        for table in COPIED:
            keys = ", ".join(SMALL_TABLES[table])
            con.execute(f"CREATE TEMP TABLE stored AS FROM old.{table}")
            con.execute(
                f"CREATE OR REPLACE TABLE old.{table} AS SELECT DISTINCT ON ({keys}) * FROM stored"
                f" ORDER BY {FIRST.get(table, 'ALL')} NULLS FIRST"
            )
            copy_table(con, table, values)
            ((n,),) = con.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM (FROM stored EXCEPT FROM {table}))"
            ).fetchall()
            con.execute("DROP TABLE stored")
            if n:
                changed[table] = n
                _publish(con, lake, table, paths[table])
    return changed


def _is_named(lake: Lake, subjects: Sequence[str]) -> bool:
    """Whether a reject, a message or the name of an input file is about one of the subjects."""
    with _small_tables(lake) as (con, _):
        con.execute("USE old")
        ((named,),) = execute(con, "queries/is_named", subjects=list(subjects), names=pattern_of(subjects)).fetchall()
        return bool(named)


@contextmanager
def _small_tables(lake: Lake) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, list[str]]]]:
    """A scratch database whose attached database `old` holds the small tables, and table -> paths of its files."""
    with closing(open_scratch()) as con:
        con.execute("ATTACH ':memory:' AS old")
        paths = {table: lake.small_files(table) for table in COPIED}
        for table in COPIED:
            _load(con, lake, table, paths[table])
        yield con, paths


def _load(con: duckdb.DuckDBPyConnection, lake: Lake, table: str, paths: Sequence[str]) -> None:
    """Copy all rows of a small table into the attached database `old`. Several rows may have the same key."""
    con.execute(f"CREATE TABLE old.{table} AS FROM {table} LIMIT 0")
    for path in paths:
        con.register("stored", lake.read(path))
        con.execute(f"INSERT INTO old.{table} BY NAME FROM stored")
        con.unregister("stored")


def _publish(con: duckdb.DuckDBPyConnection, lake: Lake, table: str, paths: Sequence[str]) -> None:
    """Write a small table in one file, then remove the files that it was read from; `score` may have added others."""
    new = lake.write_small(table, rows_of(con, table), by_content=True)
    for path in paths:
        if path != new:
            lake.storage.remove(path)

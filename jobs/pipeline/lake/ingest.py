"""Read input files into a lake: the steps of `risk-monitor lake ingest`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import duckdb
import polars as pl

from jobs.console.interrupts import Stopped, stoppable
from jobs.pipeline.batches import Batch, append_batch, count_batch
from jobs.pipeline.ingest import check_files, read_files
from jobs.pipeline.run_counts import RunCounts
from monitor.database import ledger
from monitor.errors import MonitorError
from monitor.intake.documents import find_inputs
from monitor.lake.replacement import finish_replacements
from monitor.lake.scratch import insert, open_scratch, rows_of
from monitor.lake.shards import DOCUMENTS, MARK, SHARD_ROWS, Lake, Shard, document_path, require_place, shard_name
from monitor.lake.storage import Storage
from monitor.lake.stored import documents_with_ids
from monitor.privacy.agreement import pseudonyms_for_run
from monitor.privacy.pseudonyms import PLAIN, Pseudonyms

PUBLISHED = ("rejects", "files")  # tables of a batch beside its documents


def ingest_files(inputs: Sequence[str | Path], url: str, key_file: Path | None) -> RunCounts:
    """Read the inputs into a lake, which is made if there is none.

    Every input and the key are checked before anything is written. Another run over the same inputs adds nothing, and
    after a kill it completes the rest.

    Args:
        inputs: files, folders and patterns.
        url: folder or address of the lake.
        key_file: the key of the pseudonyms, created for a new lake; None: ids stay as they are.

    Raises:
        DataError, StoreError, ConfigError: an input, the lake or the key cannot be read.
    """
    files = find_inputs(inputs)
    check_files(files)
    storage = Storage(url)
    require_place(storage)
    counts = RunCounts()
    with stoppable(), storage.only_writer():
        lake, pseudonyms = _open_lake(storage, key_file)
        finish_replacements(lake)
        with lake_run(lake, "ingest", None) as (con, run_id):

            def commit(batch: Batch, counts: RunCounts, stop: Event) -> None:
                commit_to_lake(lake, con, batch, run_id, counts)

            read_files(files, commit, counts, pseudonyms=pseudonyms)
    return counts


@contextmanager
def lake_run(lake: Lake, job: str, model_id: str | None) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A scratch database with the ledger's line of a run, for the length of a block; the line is then published.

    A run that is killed leaves no line.
    """
    con = open_scratch()
    try:
        run_id = ledger.start_run(con, job, model_id)
        try:
            yield con, run_id
        except BaseException as error:
            status, message = "failed", type(error).__name__
            if isinstance(error, Stopped | KeyboardInterrupt):
                status, message = "stopped", "stopped on request; the next run completes its rows"
            elif isinstance(error, MonitorError):
                message = f"{message}: {error}"
            with suppress(MonitorError, duckdb.Error):  # the first error is the one to report
                ledger.finish_run(con, run_id, status, message)
                lake.write_small("runs", rows_of(con, "runs"))
            raise
        ledger.finish_run(con, run_id)
        lake.write_small("runs", rows_of(con, "runs"))
    finally:
        con.close()


def commit_to_lake(lake: Lake, con: duckdb.DuckDBPyConnection, batch: Batch, run_id: str, counts: RunCounts) -> None:
    """Write a batch's new documents as shards by month, then its rejects and the names of its files.

    The stored documents with the batch's ids are fetched into the scratch database. There the statements that append
    to a database file append the batch, and find duplicates and conflicts.
    """
    con.execute("BEGIN")
    names = ("doc_id", "given_id")  # older lakes store documents under the given id
    ids = [chunk.documents[name] for chunk in batch.chunks for name in names if name in chunk.documents.columns]
    if ids:
        stored = documents_with_ids(lake, con, lake.list_shards().documents, pl.concat(ids))
        insert(con, DOCUMENTS, stored)
        con.execute("CREATE OR REPLACE TEMP TABLE stored_ids AS SELECT doc_id FROM documents")
    appended = append_batch(con, batch, run_id, counts.n_taken)
    if ids:
        new = con.sql(
            "SELECT *, strftime(posted_at, '%Y-%m') AS month FROM documents ANTI JOIN stored_ids USING (doc_id)"
            " ORDER BY month, posted_at, doc_id"
        ).to_arrow_table()
        write_shards(lake, pl.DataFrame(new))
    for table in PUBLISHED:
        lake.write_small(table, rows_of(con, table))
        con.execute(f"DELETE FROM {table}")
    con.execute("DELETE FROM documents")
    con.execute("COMMIT")
    count_batch(batch, appended, counts)


def write_shards(lake: Lake, documents: pl.DataFrame) -> None:
    """Write documents (columns of the table, and month) as shards of at most SHARD_ROWS rows."""
    for month in documents["month"].unique(maintain_order=True):
        of_month = documents.filter(pl.col("month") == month).drop("month")
        for rows in of_month.iter_slices(SHARD_ROWS):
            lake.write(document_path(Shard(month, shard_name(rows))), DOCUMENTS, rows.to_arrow())


def _open_lake(storage: Storage, key_file: Path | None) -> tuple[Lake, Pseudonyms | None]:
    """The lake and the pseudonyms of a run, which must use the key of the lake's first run."""
    recorded = Lake(storage).fingerprint if storage.exists(MARK) else None
    pseudonyms = pseudonyms_for_run(recorded, key_file)
    return Lake.create(storage, pseudonyms.fingerprint if pseudonyms else PLAIN), pseudonyms

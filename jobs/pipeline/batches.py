"""Commit chunks of rows in batches: several chunks, of one file or of many, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import NamedTuple

import duckdb
import polars as pl

from jobs.pipeline.background import Background
from jobs.pipeline.run_counts import RunCounts, count_taken
from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.intake import documents
from monitor.intake.row_rules import OnChange
from monitor.privacy.codes import give_codes

COMMIT_ROWS = 100_000  # with half as many, reading a million rows takes 1.5 times as long
COMMIT_BYTES = 64 * 2**20
COMMIT_FILES = 200  # each file costs one statement of a millisecond
NONE_TAKEN = "nothing was taken from this file; every row was rejected"


@dataclass
class Batch:
    """The content of one transaction.

    Attributes:
        chunks: rows; no two chunks share a doc_id.
        files: each file that was read, to its end or up to its damage. One with `read_as` is recorded as a file of
            which no row was taken, unless a row was.
        refused: each file that cannot be read, with the reason and its single reject.
        n_rows: rows of the chunks.
        n_bytes: memory of the chunks.
        doc_ids: of the chunks.
    """

    chunks: list[documents.Chunk] = field(default_factory=list)
    files: list[tuple[Path, store.InputFile]] = field(default_factory=list)
    refused: list[tuple[Path, str, pl.DataFrame]] = field(default_factory=list)
    n_rows: int = 0
    n_bytes: int = 0
    doc_ids: set[str] = field(default_factory=set)

    def add(self, chunk: documents.Chunk) -> None:
        """Add rows of a file."""
        self.chunks.append(chunk)
        self.n_rows += chunk.n_read
        self.n_bytes += chunk.n_bytes
        self.doc_ids.update(chunk.documents["doc_id"])

    def is_empty(self) -> bool:
        """Whether there is nothing to append."""
        return not (self.chunks or self.files or self.refused)

    def is_full(self) -> bool:
        """Whether to commit now. A larger batch would lose more in a crash, or need too much memory."""
        n_files = len(self.files) + len(self.refused)
        return self.n_rows >= COMMIT_ROWS or self.n_bytes >= COMMIT_BYTES or n_files >= COMMIT_FILES


Commit = Callable[[Batch, RunCounts, Event], None]
"""Commits a batch and its counts; the event stops a wait for another process."""


class BatchWriter:
    """Collects chunks and files into batches; each batch is committed while the next one is read.

    A thousand small files open the database a few times, not a thousand times.

    Args:
        commit: commits a batch; inside the block nothing else in this process opens its database.
        counts: the counts of the run, updated after each commit.
        background: runs the commits.

    Attributes:
        hashes: SHA-256 of the content of each file that was added.
    """

    def __init__(self, commit: Commit, counts: RunCounts, background: Background) -> None:
        self.counts = counts
        self.hashes = set[str]()
        self._commit, self._background, self._batch = commit, background, Batch()

    def add(self, chunk: documents.Chunk) -> None:
        """Add rows of a file."""
        if not self._batch.doc_ids.isdisjoint(chunk.documents["doc_id"]):
            # The first of two documents with one id must be in the database before the second is compared with it.
            self.commit()
        self._batch.add(chunk)
        self._commit_if_full()

    def add_file(self, path: Path, file: store.InputFile) -> None:
        """Add a file that was read; see `Batch.files`."""
        self._batch.files.append((path, file))
        self.hashes.add(file.sha256)
        self._commit_if_full()

    def refuse(self, path: Path, reason: str, sha256: str | None) -> None:
        """Add the reject of a file that cannot be read. The same content gives the same reject; sha256 None: unknown
        content.
        """
        self._batch.refused.append((path, reason, documents.file_reject(path, reason, sha256)))
        self._commit_if_full()

    def commit(self) -> None:
        """Start to commit the added rows. If the previous commit failed, raise its error and drop these rows."""
        batch, self._batch = self._batch, Batch()
        if not batch.is_empty():
            self._background.run(self._commit, batch, self.counts, self._background.stop)

    def _commit_if_full(self) -> None:
        if self._batch.is_full():
            self.commit()


@contextmanager
def batch_writer(commit: Commit, counts: RunCounts) -> Iterator[BatchWriter]:
    """A BatchWriter for the length of a block; at the end its rows are committed.

    They are also committed after an error in the block (a file cannot be read, the run was asked to stop), but not
    after Ctrl-C.
    """
    with Background() as background:
        writer = BatchWriter(commit, counts, background)
        try:
            yield writer
        except Exception:
            writer.commit()
            raise
        writer.commit()


def commit_batch(
    db: Database,
    batch: Batch,
    run_id: str,
    counts: RunCounts,
    stop: Event | None = None,
    on_change: OnChange = "reject",
) -> None:
    """Commit a batch and its counts in one transaction; see `Database.writing` for stop, else `append_batch`."""
    with db.writing(stop=stop) as con:
        appended = append_batch(con, batch, run_id, counts.n_taken, on_change)
    count_batch(batch, appended, counts)


class Appended(NamedTuple):
    """The result of `append_batch`.

    Attributes:
        chunks: those of the batch, without documents whose ids are in use.
        n_documents: number of new documents.
        n_replaced: number of versions that a row of the batch replaced.
        n_known_rejects: number of rejects whose rows an earlier run has rejected.
        n_measures: number of new or replaced measures.
        new_refusals: reject_ids of refused files that were not refused before.
        empty: files of the batch of which no row was taken.
    """

    chunks: list[documents.Chunk]
    n_documents: int
    n_replaced: int
    n_known_rejects: int
    n_measures: int
    new_refusals: set[str]
    empty: list[Path]


def append_batch(
    con: duckdb.DuckDBPyConnection,
    batch: Batch,
    run_id: str,
    n_taken: Mapping[str, int],
    on_change: OnChange = "reject",
) -> Appended:
    """Append a batch's rows and files, and add them to the run's line; the caller commits.

    Args:
        con: the database.
        batch: the rows and files.
        run_id: the run whose ledger line counts the rows.
        n_taken: file, as chunks name it -> number of rows and numbers that earlier batches of the run took from it.
        on_change: the treatment of a document whose doc_id is used, but with another time or text.
    """
    rows = _append(con, batch.chunks, run_id, on_change) if batch.chunks else Appended([], 0, 0, 0, 0, set(), [])
    # Only the database knows that a doc_id was used before, so whether a row was taken is not known earlier.
    taken = Counter(n_taken)
    for chunk in rows.chunks:
        taken[chunk.file] += count_taken(chunk)
    for path, file in batch.files:
        if file.read_as is not None:
            is_empty = not taken[file.path]
            file = file._replace(fault=NONE_TAKEN) if is_empty else file._replace(read_as=None)
            if is_empty:
                rows.empty.append(path)
        store.add_file(con, file, run_id)
    new = _refuse(con, [reject for *_, reject in batch.refused], run_id) if batch.refused else set[str]()
    ledger.count_in_run(con, run_id, n_files=len(batch.files), n_refused_files=len(new))
    return rows._replace(new_refusals=new)


def count_batch(batch: Batch, appended: Appended, counts: RunCounts) -> None:
    """Add a batch that was committed to the counts of its run."""
    counts.add_chunks(appended.chunks, appended.n_documents, appended.n_replaced, appended.n_known_rejects)
    counts.n_measures += appended.n_measures
    counts.empty |= dict.fromkeys(appended.empty, NONE_TAKEN)
    for path, reason, reject in batch.refused:
        if reject["reject_id"].item() in appended.new_refusals:
            counts.refused[path] = reason
        else:
            counts.still_refused[path] = reason


def _refuse(con: duckdb.DuckDBPyConnection, refusals: list[pl.DataFrame], run_id: str) -> set[str]:
    """Append the rejects; returns the ids of those that are new."""
    rejects = pl.concat(refusals)
    new = set(rejects["reject_id"]) - set(store.stored_rejects(con, rejects))
    store.append_rejects(con, rejects, run_id)
    return new


def _append(
    con: duckdb.DuckDBPyConnection, chunks: list[documents.Chunk], run_id: str, on_change: OnChange
) -> Appended:
    """Append chunks, and count their rows in the run's line."""
    if stored := store.stored_ids(con, pl.concat([chunk.documents for chunk in chunks])):
        chunks = [chunk.with_stored_ids(stored) for chunk in chunks]
    rows, n_replaced = pl.concat([chunk.documents for chunk in chunks]), 0
    if changed := set(store.conflicting_ids(con, rows)):
        if on_change == "replace":
            n_replaced = _replace(con, chunks, rows.filter(pl.col("doc_id").is_in(list(changed))), run_id)
        else:
            chunks = [_set_apart(con, chunk, changed, on_change) for chunk in chunks]
            if stored := store.equal_versions(con, pl.concat([chunk.documents for chunk in chunks])):
                chunks = [chunk.with_stored_ids(stored) for chunk in chunks]
            rows = pl.concat([chunk.documents for chunk in chunks])
    n_appended = store.append_documents(con, rows, run_id)
    chunks, n_measures = _append_measures(con, chunks, run_id, on_change)
    give_codes(con, rows["subject_id"].unique().to_list())
    n_replaced += store.append_superseded(con, pl.concat([chunk.replaced for chunk in chunks]), run_id)
    store.append_subject_forms(con, pl.concat([chunk.subjects for chunk in chunks]))
    rejects = pl.concat([chunk.rejects for chunk in chunks])
    n_known = store.count_known_rejects(con, rejects)
    store.append_rejects(con, pl.concat([rejects, *(chunk.bad_measures for chunk in chunks)]), run_id)
    ledger.count_in_run(
        con,
        run_id,
        n_read=sum(chunk.n_read for chunk in chunks),
        n_rejected=rejects.height,
        n_known_rejects=n_known,
        n_duplicate=sum(chunk.n_valid for chunk in chunks) - n_appended - n_replaced,
        n_appended=n_appended,
        n_replaced=n_replaced,
    )
    return Appended(chunks, n_appended, n_replaced, n_known, n_measures, set(), [])


def _append_measures(
    con: duckdb.DuckDBPyConnection, chunks: list[documents.Chunk], run_id: str, on_change: OnChange
) -> tuple[list[documents.Chunk], int]:
    """Append the chunks' measures; returns the chunks without contradictions, and the number written.

    Rows of a file that was read before add missing numbers, but replace no number. Where changed rows replace others,
    the numbers of a row whose time was corrected are left out.
    """
    frames = [
        chunk.measures.with_columns(
            file=pl.lit(chunk.file), chunk=pl.lit(number), replaces=on_change == "replace" and not chunk.read_before
        )
        for number, chunk in enumerate(chunks)
    ]
    rows = pl.concat(frames)
    if on_change == "replace":
        versions = pl.concat([frame for chunk in chunks for frame in (chunk.documents, chunk.replaced)])
        rows = rows.join(
            store.corrected_times(con, versions),
            left_on=["subject_id", "measured_at"],
            right_on=["subject_id", "posted_at"],
            how="anti",
            maintain_order="left",
        )
    if rows.is_empty():
        return chunks, 0
    n, other = store.append_measures(con, rows, run_id)
    if on_change == "replace":
        return chunks, n
    refused = {
        number: own.select("row", "name").rows()
        for (number,), own in other.partition_by("chunk", as_dict=True).items()
    }
    return [chunk.reject_measures(refused.get(number, [])) for number, chunk in enumerate(chunks)], n


def _replace(
    con: duckdb.DuckDBPyConnection, chunks: Sequence[documents.Chunk], changed: pl.DataFrame, run_id: str
) -> int:
    """Write changed documents over the stored ones; returns their number.

    A file that was read before cannot bring back a replaced version: reading old files again changes nothing.
    """
    old = [chunk.documents["doc_id"] for chunk in chunks if chunk.read_before]
    if old:
        again = changed.filter(pl.col("doc_id").is_in(pl.concat(old).to_list()))
        changed = changed.filter(~pl.col("doc_id").is_in(store.known_versions(con, again)))
    store.remove_measures(con, changed)
    return store.replace_documents(con, changed, run_id)


def _set_apart(
    con: duckdb.DuckDBPyConnection, chunk: documents.Chunk, changed: set[str], on_change: OnChange
) -> documents.Chunk:
    """Reject a chunk's changed documents, or give them new ids."""
    ids = changed.intersection(chunk.documents["doc_id"])
    if not ids:
        return chunk
    if on_change == "keep_both":
        return chunk.keep_versions(ids)
    differing = chunk.differing.filter(pl.col("doc_id").is_in(list(ids)))
    again = store.stored_again(con, differing) if differing.height else []
    return _with_repeats(chunk.reject_documents(ids), again)


def _with_repeats(chunk: documents.Chunk, again: Sequence[int]) -> documents.Chunk:
    """The chunk with these rows of `differing`, which repeat stored documents, as valid rows and no rejects."""
    repeats = pl.col("row").is_in(list(again)).fill_null(value=False)
    known = chunk.differing.filter(repeats)
    first = known.unique("doc_id", keep="first", maintain_order=True)
    return replace(
        chunk,
        documents=pl.concat([chunk.documents, first]),
        rejects=chunk.rejects.filter(~repeats),
        n_repeated=chunk.n_repeated + known.height - first.height,
    )

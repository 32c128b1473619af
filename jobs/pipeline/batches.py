"""Rows on their way into the database: chunks of one file or of many, committed together, and what they came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import duckdb
import polars as pl

from jobs.pipeline.background import Background
from jobs.pipeline.run_counts import RunCounts
from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.intake import documents

COMMIT_ROWS = 100_000  # half as many cost a million rows half as much time again
COMMIT_BYTES = 64 * 2**20
COMMIT_FILES = 200  # of which each takes a statement, a millisecond


@dataclass
class Batch:
    """What one transaction appends.

    Attributes:
        chunks: rows; no two chunks share a doc_id.
        files: path, SHA-256 and bytes of each file that was read to its end.
        refused: each file that cannot be read, why, and its one reject.
        n_rows: of the chunks.
        n_bytes: of memory that the chunks hold.
        ids: the doc_ids of the chunks.
    """

    chunks: list[documents.Chunk] = field(default_factory=list)
    files: list[tuple[str, str, int]] = field(default_factory=list)
    refused: list[tuple[Path, str, pl.DataFrame]] = field(default_factory=list)
    n_rows: int = 0
    n_bytes: int = 0
    ids: set[str] = field(default_factory=set)

    def takes(self, chunk: documents.Chunk) -> bool:
        """Whether none of its documents has an id of the batch: of two with one id the first is to be in before."""
        return self.ids.isdisjoint(chunk.documents["doc_id"])

    def add(self, chunk: documents.Chunk) -> None:
        """Take rows of a file."""
        self.chunks.append(chunk)
        self.n_rows += chunk.n_read
        self.n_bytes += chunk.n_bytes
        self.ids.update(chunk.documents["doc_id"])

    def is_empty(self) -> bool:
        """Whether there is nothing to append."""
        return not (self.chunks or self.files or self.refused)

    def is_full(self) -> bool:
        """Whether it is worth a commit: more would make a crash cost more, or the memory too large."""
        n_files = len(self.files) + len(self.refused)
        return self.n_rows >= COMMIT_ROWS or self.n_bytes >= COMMIT_BYTES or n_files >= COMMIT_FILES


class BatchWriter:
    """Appends the chunks and files it is given, in batches, each committed in a thread while the next is read.

    A thousand small files so cost one opening of the database and not a thousand.

    Args:
        db: the database; inside the block nobody else in this process opens it.
        run_id: the run whose ledger line counts the rows.
        counts: counts the same once it is committed.
    """

    def __init__(self, db: Database, run_id: str, counts: RunCounts) -> None:
        self.counts = counts
        self._db, self._run_id = db, run_id
        self._behind, self._batch = Background(), Batch()
        self._failed = False  # what was read after a batch that is not in would be kept without it

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what is left, also where a file cannot be read or the run was asked to stop: not after Ctrl-C."""
        try:
            if fault is None or (isinstance(fault, Exception) and not self._failed):
                self._commit()
        finally:
            self._behind.__exit__(kind, fault, trace)

    def add(self, chunk: documents.Chunk) -> None:
        """Take rows of a file."""
        if not self._batch.takes(chunk):
            self._commit()
        self._batch.add(chunk)
        self._commit_if_full()

    def add_file(self, name: str, sha256: str, size: int) -> None:
        """Remember a file, of so many bytes, that was read to its end."""
        self._batch.files.append((name, sha256, size))
        self._commit_if_full()

    def refuse(self, path: Path, reason: str, sha256: str | None) -> None:
        """Keep one reject for a file (SHA-256 None: unknown), counted once however many nights it stays as it is."""
        self._batch.refused.append((path, reason, documents.file_reject(path, reason, sha256)))
        self._commit_if_full()

    def _commit_if_full(self) -> None:
        if self._batch.is_full():
            self._commit()

    def _commit(self) -> None:
        batch, self._batch = self._batch, Batch()
        if not batch.is_empty():
            self._failed = True  # unless the one before is in, and this one begun
            self._behind.run(commit_batch, self._db, batch, self._run_id, self.counts)
            self._failed = False


def commit_batch(db: Database, batch: Batch, run_id: str, counts: RunCounts) -> None:
    """Commit a batch and its counts in one transaction."""
    with db.writing() as con:
        chunks, n_appended = _append(con, batch.chunks, run_id) if batch.chunks else ([], 0)
        for name, sha256, size in batch.files:
            store.add_file(con, name, sha256, size, run_id)
        new = _refuse(con, [reject for *_, reject in batch.refused], run_id) if batch.refused else set[str]()
        ledger.count_in_run(con, run_id, n_files=len(batch.files), n_refused_files=len(new))
    counts.count(chunks, n_appended)
    for path, why, reject in batch.refused:
        if reject["reject_id"].item() in new:
            counts.refused[path] = why
        else:
            counts.still_refused.append(path)


def _refuse(con: duckdb.DuckDBPyConnection, refusals: list[pl.DataFrame], run_id: str) -> set[str]:
    """Keep the rejects; returns the ids of those that were not kept yet."""
    rejects = pl.concat(refusals)
    new = set(rejects["reject_id"]) - set(store.stored_rejects(con, rejects))
    store.append_rejects(con, rejects, run_id)
    return new


def _append(
    con: duckdb.DuckDBPyConnection, chunks: list[documents.Chunk], run_id: str
) -> tuple[list[documents.Chunk], int]:
    """Append chunks; returns them without the documents of ids in use, and how many documents were new."""
    if used := set(store.conflicting_ids(con, pl.concat([chunk.documents for chunk in chunks]))):
        chunks = [_without(chunk, used) for chunk in chunks]
    n_appended = store.append_documents(con, pl.concat([chunk.documents for chunk in chunks]), run_id)
    store.append_rejects(con, pl.concat([chunk.rejects for chunk in chunks]), run_id)
    ledger.count_in_run(
        con,
        run_id,
        n_read=sum(chunk.n_read for chunk in chunks),
        n_rejected=sum(chunk.rejects.height for chunk in chunks),
        n_duplicate=sum(chunk.n_valid for chunk in chunks) - n_appended,
        n_appended=n_appended,
    )
    return chunks, n_appended


def _without(chunk: documents.Chunk, used: set[str]) -> documents.Chunk:
    ids = used.intersection(chunk.documents["doc_id"])
    return chunk.reject_documents(ids) if ids else chunk

"""Bring input files into the database, chunk by chunk, and keep count in the run's line of the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from jobs.behind import GRACE_S, Behind
from jobs.inbox import look
from jobs.progress import note, progress
from jobs.stopping import Stopped, checkpoint
from monitor import documents, store
from monitor.database import WRITE_WAIT_S, reading, writing
from monitor.errors import DataError, MonitorError, StoreError
from monitor.privacy import Pseudonyms


@dataclass
class Tally:
    """What a run did; valid rows (n_read - n_rejected) are appended or duplicates.

    Attributes:
        reasons: how many rejects there were of each `column: reason`.
        places: the first file and row of each of these.
        refused: files that cannot be read, and why; those that an earlier run refused as they are now are
            still_refused instead.
        empty: files that gave nothing, and why.
    """

    n_files: int = 0
    n_known_files: int = 0
    n_read: int = 0
    n_rejected: int = 0
    n_duplicate: int = 0
    n_appended: int = 0
    n_scored: int = 0
    scoring_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    refused: dict[Path, str] = field(default_factory=dict)
    still_refused: list[Path] = field(default_factory=list)
    empty: dict[Path, str] = field(default_factory=dict)

    def reject(self, rejects: pl.DataFrame) -> None:
        """Count rejects by their reasons."""
        for file, row, column, reason in rejects.select("file", "row", "column", "reason").iter_rows():
            key = f"{column}: {reason}" if column else reason
            self.reasons[key] += 1
            self.places.setdefault(key, Path(file).name + ("" if row is None else f" row {row:,}"))


@contextmanager
def ledger(db: Path, job: str, model_id: str | None) -> Iterator[str]:
    """A line in `runs` for the length of a block: done at its end, failed if it raises, stopped if it was asked to.

    The line names the error's kind, and its message only where that is the user's to mend: any other message
    could hold somebody's text. The caller holds `database.only_writer`.
    """
    with writing(db) as con:
        run_id = store.start_run(con, job, model_id)
    try:
        yield run_id
    except (Stopped, KeyboardInterrupt) as stop:
        # The next run closes a line that is left open.
        wait_s = GRACE_S if isinstance(stop, KeyboardInterrupt) else WRITE_WAIT_S
        with suppress(StoreError), writing(db, wait_s=wait_s) as con:
            store.finish_run(
                con, run_id, "stopped", "stopped as it was asked; the next run completes its rows"
            )
        raise
    except BaseException as error:
        message = (
            f"{type(error).__name__}: {error}" if isinstance(error, MonitorError) else type(error).__name__
        )
        with suppress(StoreError), writing(db) as con:  # the first error is the one to report
            store.finish_run(con, run_id, "failed", message)
        raise
    with writing(db) as con:
        store.finish_run(con, run_id)


def ingest(
    db: Path,
    files: Sequence[Path],
    run_id: str,
    tally: Tally,
    *,
    unattended: bool = False,
    pseudonyms: Pseudonyms | None = None,
) -> None:
    """Read every row of these files into documents and rejects.

    Args:
        db: the database.
        files: the input files.
        run_id: the run whose ledger line counts the rows.
        tally: counts the same, and the reasons of the rejects.
        unattended: pass over files whose content was read before, under any name, and go on after one that cannot be
            read, which becomes one reject without a row number.
        pseudonyms: what replaces the ids of subjects and documents; None: they stay.

    Raises:
        DataError: a file cannot be read at all; those before it are in.
    """
    known = set[tuple[int, str]]()  # by content alone: a forgotten name is no longer there
    if unattended:
        with reading(db) as con:
            known = {(size, digest) for _, size, digest in store.known_files(con)}
    with progress("reading", "rows") as advance:
        for path in files:
            before, name, digest = look(path), documents.display_name(path), None
            try:
                digest = _sha256(path)
                if before and (before[0], digest) in known:
                    tally.n_known_files += 1
                    continue
                _read_file(db, path, run_id, tally, pseudonyms, advance)
            except DataError as error:
                if not unattended:
                    raise
                if look(path) is None:
                    note(f"{path.name} was taken away before it was read")
                    continue
                _refuse(db, path, str(error).removeprefix(f"{path}: "), digest, run_id, tally)
                continue
            tally.n_files += 1
            if before is None or look(path) != before:
                note(f"{path.name} changed while it was read; the next run reads it again")
                continue
            with writing(db) as con:
                store.add_file(con, name, digest, before[0], run_id)
                store.count_in_run(con, run_id, n_files=1)


def _read_file(
    db: Path,
    path: Path,
    run_id: str,
    tally: Tally,
    pseudonyms: Pseudonyms | None,
    advance: Callable[[int], None],
) -> None:
    n_read = n_valid = 0
    with Behind() as behind:
        for chunk in documents.read_documents(path, pseudonyms=pseudonyms):
            behind.run(append_chunk, db, chunk, run_id, tally)
            checkpoint()
            advance(chunk.n_read)
            n_read, n_valid = n_read + chunk.n_read, n_valid + chunk.n_valid
    if not n_valid:
        why = "every row was rejected" if n_read else "it holds no rows"
        tally.empty[path] = f"nothing was taken from this file; {why}"


def append_chunk(db: Path, chunk: documents.Chunk, run_id: str, tally: Tally) -> None:
    """Commit a chunk's documents, rejects and counts in one transaction."""
    with writing(db) as con:
        conflicts = store.conflicting_rows(con, chunk.documents)
        if conflicts:
            chunk = chunk.without(conflicts, "doc_id", documents.REPEATED_ID)
        n_appended = store.append_documents(con, chunk.documents, run_id)
        store.append_rejects(con, chunk.rejects, run_id)
        store.count_in_run(
            con,
            run_id,
            n_read=chunk.n_read,
            n_rejected=chunk.rejects.height,
            n_duplicate=chunk.n_valid - n_appended,
            n_appended=n_appended,
        )
    tally.n_read += chunk.n_read
    tally.n_rejected += chunk.rejects.height
    tally.n_duplicate += chunk.n_valid - n_appended
    tally.n_appended += n_appended
    tally.reject(chunk.rejects)


def _refuse(db: Path, path: Path, reason: str, digest: str | None, run_id: str, tally: Tally) -> None:
    """Keep one reject for the file; it is counted once, however many nights it stays as it is."""
    with writing(db) as con:
        n_new = store.append_rejects(con, documents.refusal(path, reason, digest), run_id)
        store.count_in_run(con, run_id, n_refused_files=n_new)
    if n_new:
        tally.refused[path] = reason
    else:
        tally.still_refused.append(path)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot read this file ({error.strerror})") from error

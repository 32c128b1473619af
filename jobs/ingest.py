"""Bring input files into the database, chunk by chunk, and keep count in the run's line of the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jobs.progress import note, progress
from monitor import documents, store
from monitor.database import reading, writing
from monitor.errors import DataError, MonitorError, StoreError


@dataclass
class Tally:
    """What a run did; valid rows (n_read - n_rejected) are appended or duplicates."""

    n_files: int = 0
    n_known_files: int = 0
    n_read: int = 0
    n_rejected: int = 0
    n_duplicate: int = 0
    n_appended: int = 0
    n_scored: int = 0
    scoring_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)


@contextmanager
def ledger(db: Path, job: str, model_id: str | None) -> Iterator[str]:
    """A line in `runs` for the length of a block: done at its end, failed if it raises.

    The line names the error's kind, and its message only where that is the user's to mend: any other message
    could hold somebody's text. The caller holds `database.only_writer`.
    """
    with writing(db) as con:
        run_id = store.start_run(con, job, model_id)
    try:
        yield run_id
    except BaseException as error:
        message = (
            f"{type(error).__name__}: {error}" if isinstance(error, MonitorError) else type(error).__name__
        )
        with suppress(StoreError), writing(db) as con:  # the first error is the one to report
            store.finish_run(con, run_id, failed=message)
        if isinstance(error, KeyboardInterrupt):
            note("stopped; what was committed is kept, and the next run completes the rest")
        raise
    with writing(db) as con:
        store.finish_run(con, run_id)


def new_files(db: Path, inbox: Path, tally: Tally) -> list[Path]:
    """The input files of a folder that were not read before as they are now.

    Raises:
        DataError: the inbox is no folder, or a file in it cannot be opened.
    """
    if not inbox.is_dir():
        raise DataError(f"{inbox}: the inbox is no folder; make it, or name another in the settings")
    files = sorted(filter(documents.is_input, inbox.iterdir()))
    with reading(db) as con:
        known = [
            file for file in files if store.is_known_file(con, documents.display_name(file), _sha256(file))
        ]
    tally.n_known_files += len(known)
    return [file for file in files if file not in known]


def ingest(
    db: Path, files: Sequence[Path], run_id: str, tally: Tally, *, refuse_bad_files: bool = False
) -> None:
    """Read every row of these files into documents and rejects.

    Args:
        db: the database.
        files: the input files.
        run_id: the run whose ledger line counts the rows.
        tally: counts the same, and the reasons of the rejects.
        refuse_bad_files: keep a file that cannot be read at all as one reject, and read the others.

    Raises:
        DataError: a file cannot be read at all; those before it are in.
    """
    with progress("reading", "rows") as advance:
        for path in files:
            try:
                digest = _sha256(path)
                for chunk in documents.read_documents(path):
                    append_chunk(db, chunk, run_id, tally)
                    advance(chunk.n_read)
            except DataError as error:
                if not refuse_bad_files:
                    raise
                append_chunk(db, documents.refused_file(path, str(error)), run_id, tally)
                continue
            tally.n_files += 1
            with writing(db) as con:
                store.add_file(con, documents.display_name(path), digest, path.stat().st_size, run_id)


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
    for column, reason in chunk.rejects.select("column", "reason").iter_rows():
        tally.reasons[f"{column}: {reason}" if column else reason] += 1


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot read this file ({error.strerror})") from error

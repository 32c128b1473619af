"""Bring input files into the database and keep count in the run's line of the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import print_note, progress
from jobs.pipeline.batches import BatchWriter
from jobs.pipeline.inbox import size_and_mtime
from jobs.pipeline.run_counts import RunCounts
from monitor.database import store
from monitor.database.connection import Database
from monitor.errors import DataError
from monitor.intake import documents
from monitor.privacy.pseudonyms import Pseudonyms


def ingest(
    db: Database,
    files: Sequence[Path],
    run_id: str,
    counts: RunCounts,
    *,
    unattended: bool = False,
    pseudonyms: Pseudonyms | None = None,
) -> None:
    """Read every row of these files into documents and rejects.

    Args:
        db: the database.
        files: the input files.
        run_id: the run whose ledger line counts the rows.
        counts: counts the same, and the reasons of the rejects.
        unattended: pass over files whose content was read before, under any name, and go on after one that cannot be
            read, which becomes one reject without a row number.
        pseudonyms: what replaces the ids of subjects and documents; None: they stay.

    Raises:
        DataError: a file cannot be read at all; those before it are in.
    """
    known = set[tuple[int, str]]()  # by content alone: a forgotten name is no longer there
    if unattended:
        with db.reading() as con:
            known = {(size, digest) for _, size, digest in store.files_read(con)}
    with progress("reading", "rows") as advance, BatchWriter(db, run_id, counts) as intake:
        for path in files:
            before, digest = size_and_mtime(path), None
            try:
                digest = _sha256(path)
                if before and (before[0], digest) in known:
                    counts.n_known_files += 1
                    continue
                _read_file(path, intake, pseudonyms, advance)
            except DataError as error:
                if not unattended:
                    raise
                if size_and_mtime(path) is None:
                    print_note(f"{path.name} was taken away before it was read")
                    continue
                intake.refuse(path, str(error).removeprefix(f"{path}: "), digest)
                continue
            counts.n_files += 1
            if before is None or size_and_mtime(path) != before:
                print_note(f"{path.name} changed while it was read; the next run reads it again")
                continue
            intake.add_file(documents.display_name(path), digest, before[0])


def _read_file(
    path: Path, intake: BatchWriter, pseudonyms: Pseudonyms | None, advance: Callable[[int], None]
) -> None:
    n_read = n_valid = 0
    for chunk in documents.read_documents(path, pseudonyms=pseudonyms):
        intake.add(chunk)
        raise_if_stopped()
        advance(chunk.n_read)
        n_read, n_valid = n_read + chunk.n_read, n_valid + chunk.n_valid
    if not n_valid:
        why = "every row was rejected" if n_read else "it holds no rows"
        intake.counts.empty[path] = f"nothing was taken from this file; {why}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot read this file ({error.strerror})") from error

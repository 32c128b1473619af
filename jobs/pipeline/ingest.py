"""Read input files into the database and count their rows in the run's line of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TypedDict, Unpack

import polars as pl

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import print_note, progress
from jobs.pipeline import batches
from jobs.pipeline.batches import BatchWriter, Commit, batch_writer
from jobs.pipeline.inbox import sha256_of, size_and_mtime
from jobs.pipeline.run_counts import RunCounts
from monitor.database import store
from monitor.database.connection import Database
from monitor.errors import ConfigError, DataError
from monitor.intake import documents
from monitor.intake.feeds import FeedOf
from monitor.intake.raw_rows import LAST_FAULTS
from monitor.intake.row_rules import IdRules, OnChange
from monitor.privacy.pseudonyms import Pseudonyms


class ReadRules(TypedDict, total=False):
    """How rows are read; see `documents.read_documents`."""

    pseudonyms: Pseudonyms | None
    ids: IdRules | None
    on_change: OnChange


def check_files(files: Sequence[Path], feed_of: FeedOf | None = None) -> None:
    """Read the start of each file.

    Raises:
        DataError: as `documents.read_documents`, or none of the files has a row.
    """
    have_rows = [documents.check_file(path, feed_of(path) if feed_of else None) for path in files]
    if not any(have_rows):
        names = ", ".join(map(str, files[:3]))
        raise DataError(f"{names}: the input holds no rows; export it again, or see what `inspect` says of it")


def ingest(
    db: Database,
    files: Sequence[Path],
    run_id: str,
    counts: RunCounts,
    *,
    unattended: bool = False,
    feed_of: FeedOf | None = None,
    **rules: Unpack[ReadRules],
) -> None:
    """Read every row of these files into documents and rejects of a database.

    Args:
        db: the database.
        files: the input files.
        run_id: the run whose ledger line counts the rows.
        counts: the same counts, and the reasons of the rejects.
        unattended: skip files whose content was read before, under any name. A file that cannot be read becomes one
            reject without a row number, a file that two feeds name stays unread, and the run goes on.
        feed_of: gives the feed of each file; None: all have the columns of the contract.
        rules: how the rows are read.

    Raises:
        DataError, ConfigError: a file cannot be read at all; the files before it are in the database. Of a file that
            is damaged further on the rows before are read, and it becomes one reject more.
    """
    read_before = set[tuple[int, str]]()  # bytes and SHA-256; a forgotten file has no name any more
    on_change = rules.get("on_change", "reject")
    if unattended or on_change == "replace":
        with db.reading() as con:
            read_before = {(size, sha256) for _, size, sha256 in store.files_read(con)}

    def commit(batch: batches.Batch, counts: RunCounts, stop: Event) -> None:
        batches.commit_batch(db, batch, run_id, counts, stop, on_change)

    read_files(
        files,
        commit,
        counts,
        read_before=read_before,
        unattended=unattended,
        feed_of=feed_of,
        **rules,
    )


def read_files(
    files: Sequence[Path],
    commit: Commit,
    counts: RunCounts,
    *,
    read_before: Collection[tuple[int, str]] = (),
    unattended: bool = False,
    feed_of: FeedOf | None = None,
    **rules: Unpack[ReadRules],
) -> None:
    """Read every row of these files, and commit them in batches.

    Args:
        files: the input files.
        commit: commits a batch.
        counts: the counts of the run, and the reasons of the rejects.
        read_before: size in bytes and SHA-256 of files that were read to their end. An unattended run skips them; in
            another one they cannot bring back a version that was replaced.
        unattended: as `ingest`.
        feed_of, rules: as `ingest`.

    Raises:
        DataError: as `ingest`.
    """
    with progress("reading", "rows") as advance, batch_writer(commit, counts) as writer:
        for path in files:
            before, sha256 = size_and_mtime(path), None
            try:
                sha256 = sha256_of(path)
                is_known = before is not None and (before[0], sha256) in read_before
                if is_known and unattended:
                    counts.n_skipped_files += 1
                    continue
                try:
                    feed = feed_of(path) if feed_of else None
                except ConfigError as error:
                    if not unattended:
                        raise
                    counts.undecided[path] = str(error).removeprefix(f"{path}: ")
                    continue
                chunks = documents.read_documents(path, feed=feed, **rules)
                known = (replace(chunk, read_before=is_known) for chunk in chunks)
                reason = _read_file(path, writer, known, advance)
                counts.n_files += 1
            except DataError as error:
                if not unattended:
                    raise
                if size_and_mtime(path) is None:
                    print_note(f"{path.name} was taken away before it was read")
                    continue
                reason = str(error).removeprefix(f"{path}: ")
            if reason is not None:
                writer.refuse(path, reason, sha256)
                continue
            if before is None or size_and_mtime(path) != before:
                print_note(f"{path.name} changed while it was read; the next run reads it again")
                continue
            writer.add_file(documents.display_name(path), sha256, before[0])


def _read_file(
    path: Path, writer: BatchWriter, chunks: Iterable[documents.Chunk], advance: Callable[[int], None]
) -> str | None:
    """Read one file; returns why its end was not read, if so."""
    n_read, n_valid, n_measures, unread = 0, 0, 0, None
    for chunk in chunks:
        writer.add(chunk)
        raise_if_stopped()
        advance(chunk.n_read)
        n_read, n_valid = n_read + chunk.n_read, n_valid + chunk.n_valid
        n_measures += chunk.measures.height
        for row, reason in chunk.rejects.filter(pl.col("reason").is_in(LAST_FAULTS)).select("row", "reason").rows():
            unread = f"row {row:,}: {reason}; the rows before were read; export it again"
    if not n_valid and not n_measures and unread is None:
        reason = "every row was rejected" if n_read else "it holds no rows"
        writer.counts.empty[path] = f"nothing was taken from this file; {reason}"
    return unread

"""Read input files into the database and count their rows in the run's line of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Unpack

import polars as pl

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import print_note, progress
from jobs.pipeline import batches
from jobs.pipeline.batches import BatchWriter, Commit, batch_writer
from jobs.pipeline.inbox import sha256_of, size_and_mtime
from jobs.pipeline.read_before import FilesRead, ReadRules, files_by_content, hash_of, pass_over, was_read
from jobs.pipeline.run_counts import RunCounts
from monitor.database.connection import Database
from monitor.database.store import InputFile
from monitor.errors import ConfigError, DataError
from monitor.intake import documents
from monitor.intake.feeds import FeedOf
from monitor.intake.raw_rows import LAST_FAULTS

NO_ROWS = "nothing was taken from this file; it holds no rows"


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
            reject without a row number. A file that two feeds name stays unread. The run continues in both cases.
        feed_of: gives the feed of each file; None: all files have the columns of the contract.
        rules: rules for reading the rows.

    Raises:
        DataError, ConfigError: a file cannot be read at all; the files before it are in the database. If a file is
            damaged further on, the rows before the damage are read, and the file becomes one more reject.
    """
    read_before: FilesRead = {}
    on_change = rules.get("on_change", "reject")
    if unattended or on_change == "replace":
        with db.reading() as con:
            read_before = files_by_content(con)

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
    read_before: FilesRead = MappingProxyType({}),
    unattended: bool = False,
    feed_of: FeedOf | None = None,
    **rules: Unpack[ReadRules],
) -> None:
    """Read every row of these files, and commit them in batches.

    Args:
        files: the input files.
        commit: commits a batch.
        counts: the counts of the run, and the reasons of the rejects.
        read_before: files that were read. An unattended run reads such a file again only if it had no usable row and
            the rules have changed, or if its name or folder now means another subject. It prints the names of files
            with a fault. Any other run reads every file again, but does not bring back replaced versions. Nor does a
            copy of a file of the same run.
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
                copies = read_before.get((before[0], sha256), ()) if before is not None else ()
                try:
                    if unattended and was_read(path, copies, feed_of):
                        pass_over(path, copies[0], writer)
                        continue
                    feed = feed_of(path) if feed_of else None
                except ConfigError as error:
                    if not unattended:
                        raise
                    counts.undecided[path] = str(error).removeprefix(f"{path}: ")
                    continue
                read_as = hash_of(path, feed, rules)
                if unattended and read_as in {copy.read_as for copy in copies}:
                    counts.still_empty.append(path)
                    continue
                chunks = documents.read_documents(path, feed=feed, **rules)
                damage = _read_file(path, writer, chunks, advance, is_known=bool(copies) or sha256 in writer.hashes)
                counts.n_files += 1
            except DataError as error:
                if not unattended:
                    raise
                if size_and_mtime(path) is None:
                    print_note(f"{path.name} was removed before it was read")
                else:
                    writer.refuse(path, str(error).removeprefix(f"{path}: "), sha256)
                continue
            if damage is not None:
                writer.refuse(path, damage, sha256)
            if before is None or size_and_mtime(path) != before:
                print_note(f"{path.name} changed while it was read; the next run reads it again")
            else:
                is_whole = damage is None and counts.empty.get(path) != NO_ROWS
                file = InputFile(documents.display_name(path), before[0], sha256, damage)
                writer.add_file(path, file._replace(read_as=read_as) if is_whole else file)


def _read_file(
    path: Path,
    writer: BatchWriter,
    chunks: Iterable[documents.Chunk],
    advance: Callable[[int], None],
    *,
    is_known: bool,
) -> str | None:
    """Read one file, unless it was read before; returns the reason if its end was not read."""
    n_read, n_valid, n_measures, unread = 0, 0, 0, None
    for chunk in chunks:
        writer.add(replace(chunk, read_before=is_known))
        raise_if_stopped()
        advance(chunk.n_read)
        n_read, n_valid = n_read + chunk.n_read, n_valid + chunk.n_valid
        n_measures += chunk.measures.height
        for row, reason in chunk.rejects.filter(pl.col("reason").is_in(LAST_FAULTS)).select("row", "reason").rows():
            unread = f"row {row:,}: {reason}; the rows before were read; export it again"
    if not n_valid and not n_measures and unread is None:
        writer.counts.empty[path] = batches.NONE_TAKEN if n_read else NO_ROWS
    return unread

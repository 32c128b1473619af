"""Decide which input files were read before, and which of these are read again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import duckdb

from jobs.console.progress import print_warning
from jobs.pipeline.batches import BatchWriter
from monitor.database import store
from monitor.database.store import InputFile
from monitor.intake import documents
from monitor.intake.feeds import Feed, FeedOf
from monitor.intake.row_rules import IdRules, OnChange
from monitor.intake.selection import named_by_place
from monitor.privacy.pseudonyms import Pseudonyms

FilesRead = Mapping[tuple[int, str], Sequence[InputFile]]
"""Files of the manifest by size in bytes and SHA-256; of copies those without a fault come first."""


class ReadRules(TypedDict, total=False):
    """Rules for reading rows; see `documents.read_documents`."""

    pseudonyms: Pseudonyms | None
    ids: IdRules | None
    on_change: OnChange


def files_by_content(con: duckdb.DuckDBPyConnection) -> FilesRead:
    """The manifest of a database."""
    by_content = dict[tuple[int, str], list[InputFile]]()
    for file in sorted(store.files_read(con), key=lambda file: file.fault is not None):
        by_content.setdefault((file.size, file.sha256), []).append(file)
    return by_content


def pass_over(path: Path, known: InputFile, writer: BatchWriter) -> None:
    """Count a file that was read before, or print its fault."""
    if known.fault is None:
        writer.counts.n_skipped_files += 1
    else:
        writer.refuse(path, known.fault, known.sha256)


def was_read(path: Path, copies: Sequence[InputFile], feed_of: FeedOf | None) -> bool:
    """Whether an earlier run took rows of this content. If the name or folder of a file is the subject's id, the rows
    must be of the same subject.

    Raises:
        ConfigError: two feeds name the file.
    """
    taken = [copy for copy in copies if copy.read_as is None]
    if not taken:
        return False
    if feed_of is None or documents.display_name(path) in {copy.path for copy in taken}:
        return True
    feed = feed_of(path)
    subject = named_by_place(path, feed)
    if subject is None:
        return True
    if any(copy.is_renamed for copy in taken):
        print_warning(
            f"{path.name}: its content was read under a name that `forget` has removed, so it is not read again; "
            "if it is another person's, export it again"
        )
        return True
    return subject in {named_by_place(Path(copy.path), feed) for copy in taken}


def hash_of(path: Path, feed: Feed | None, rules: ReadRules) -> str:
    """A hash of the settings that decide which rows of a file are taken, without the names of the feed's files."""
    chosen = [feed.model_dump_json(exclude={"files"}) if feed else "", rules.get("on_change", "reject")]
    ids = rules.get("ids")
    if subject := named_by_place(path, feed):
        chosen.append(subject)
    chosen.append(ids.model_dump_json() if ids else "")
    return hashlib.sha256("\0".join(chosen).encode("utf-8", "replace")).hexdigest()[:32]

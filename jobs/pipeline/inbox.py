"""Choose the files of an inbox that a run reads: files of known types that seem to be complete."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from jobs.console.interrupts import sleep
from jobs.console.progress import print_note, print_warning
from monitor.errors import DataError
from monitor.intake import documents
from monitor.intake.feeds import Feed, closed_folders, feed_files
from monitor.intake.kinds import ENDINGS
from monitor.intake.reading_order import in_reading_order
from monitor.intake.unsafe_entries import reason_to_refuse

UNFINISHED = {".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart"}
MAX_NAMES = 3
SUBFOLDERS = 'not read, because no feed names files of these subfolders (files = "FOLDER/*.csv" in [[feeds]])'


def list_inbox(inbox: Path) -> list[Path]:
    """The entries of an inbox, sorted.

    Raises:
        DataError: the inbox is not a folder, or this user may not list it or open its files.
    """
    try:
        entries = sorted(inbox.iterdir())
    except OSError as error:
        raise DataError(
            f"{inbox}: cannot read the inbox ({error.strerror}); make this folder and let this user read it, or name "
            "another in the settings"
        ) from error
    # A folder of mode 444 lists its names, but every file in it seems to be missing.
    if not os.access(inbox, os.X_OK):
        raise DataError(
            f"{inbox}: this user may list the inbox, but not enter it; let the user in there (chmod u+x, or g+x for "
            "a group), or name another in the settings"
        )
    return entries


def inbox_state(inbox: Path, feeds: Sequence[Feed] = ()) -> dict[Path, tuple[int, float] | None]:
    """Size and time of the last change of all entries, and of the files in subfolders of any depth that a feed names.

    Raises:
        DataError: as `list_inbox`.
    """
    paths = set(list_inbox(inbox))
    try:
        paths.update(path for feed in feeds for path in feed_files(feed, inbox))
    except OSError as error:  # a folder was removed meanwhile
        raise DataError(f"{inbox}: cannot read its subfolders ({error.strerror}); make them readable") from error
    return {path: size_and_mtime(path) for path in sorted(paths)}


def own_entries(entries: Iterable[Path], inbox: Path) -> list[Path]:
    """The entries of an inbox that are safe to read. Links out of it, pipes and devices are left out, each with a
    printed line.
    """
    own = []
    for path in entries:
        reason = None if path.name.startswith(".") else reason_to_refuse(path, inbox)
        if reason is None:
            own.append(path)
        else:
            print_warning(f"not read: {path.name} is {reason}")
    return own


def complete_files(inbox: Path, settle_s: float, feeds: Sequence[Feed] = ()) -> list[Path]:
    """The input files of a folder, and of subfolders that a feed names, without those being written, in the order of
    `in_reading_order`.

    A file is still being written if its name ends so (UNFINISHED), or if it changed within the last settle_s seconds
    and changes again within the next settle_s seconds. It is left for the next run, and a line says so. A line also
    names files of other types, broken links, and subfolders with files that no feed names. Hidden files are skipped
    silently. A subfolder that a feed names but this user may not read is listed among the files, so that the run
    refuses it as a file that cannot be read.

    Raises:
        DataError: as `list_inbox`. Stopped: SIGTERM or Ctrl-C came during the wait for a growing file.
    """
    entries = own_entries(list_inbox(inbox), inbox)
    named = {path for feed in feeds for path in feed_files(feed, inbox) if not _is_hidden(path, inbox)}
    named = set(own_entries(sorted(named - set(list_inbox(inbox))), inbox)) | (named & set(entries))
    present = named | {path for path in entries if not path.is_dir() and not path.name.startswith(".")}
    visible = sorted(path for path in present if path.is_file())
    unfinished = [path for path in visible if UNFINISHED & {suffix.lower() for suffix in path.suffixes}]
    files = [path for path in visible if path not in unfinished and (path in named or documents.is_input(path))]
    other = [path for path in visible if path not in unfinished and path not in files]
    growing = _growing(files, settle_s)
    _print_names(unfinished + growing, "still being written, left for the next run")
    _print_names(other, f"not read, because the ending is none of {', '.join(ENDINGS)}")
    closed = [path for path in closed_folders(feeds, inbox) if not _is_hidden(path, inbox)]
    folders = [path for path in entries if path.is_dir() and path not in closed and _has_unread(path, named)]
    _print_names(folders, SUBFOLDERS)
    return in_reading_order(path for path in files if path not in growing) + closed


def _is_hidden(path: Path, inbox: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(inbox).parts)


def _has_unread(folder: Path, named: set[Path]) -> bool:
    """Whether a folder or a subfolder that this user may read has an input file that no feed names."""
    if folder.name.startswith("."):
        return False
    try:
        return any(documents.is_input(path) and path not in named for path in folder.rglob("*"))
    except PermissionError:
        return False


def _growing(files: list[Path], settle_s: float) -> list[Path]:
    """The files that change within settle_s seconds. Waits only if a file has changed recently; raises Stopped soon
    after SIGTERM or Ctrl-C.
    """
    before = {path: size_and_mtime(path) for path in files}
    recent = [path for path, state in before.items() if state is None or time.time() - state[1] < settle_s]
    if recent:
        sleep(settle_s)
    return [path for path in recent if size_and_mtime(path) != before[path] or before[path] is None]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits.

    Raises:
        DataError: the file cannot be read.
    """
    if path.is_dir():
        raise DataError(
            f"{path}: this user may not look into this folder, and a feed names it; let the user in there"
        )
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot read this file ({error.strerror}); let this user read it") from error


def size_and_mtime(path: Path) -> tuple[int, float] | None:
    """Size in bytes and time of the last change (seconds since 1970) of a file; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime


def _print_names(files: list[Path], reason: str) -> None:
    if files:
        names = ", ".join(path.name for path in files[:MAX_NAMES])
        more = f" and {len(files) - MAX_NAMES:,} more" if len(files) > MAX_NAMES else ""
        print_note(f"{reason}: {names}{more}")

"""Which files of an inbox a run reads: files of known types that are complete, as far as a reader can tell."""

from __future__ import annotations

import time
from pathlib import Path

from jobs.console.progress import print_note
from monitor.errors import DataError
from monitor.intake import documents

UNFINISHED = {".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart"}
MAX_NAMES = 3


def list_inbox(inbox: Path) -> list[Path]:
    """The entries of an inbox, sorted.

    Raises:
        DataError: the inbox is no folder, or cannot be read.
    """
    try:
        return sorted(inbox.iterdir())
    except OSError as error:
        raise DataError(
            f"{inbox}: cannot read the inbox ({error.strerror}); make this folder, or name another in the settings"
        ) from error


def complete_files(inbox: Path, settle_s: float) -> list[Path]:
    """The input files of a folder, sorted, without those that are still being written.

    A file is still being written if its name ends so (UNFINISHED), or if it changed within the last settle_s seconds
    and changes again within the next settle_s seconds. It is left for the next run, and a line says so. A line also
    names files of other types; hidden files are skipped without one.

    Raises:
        DataError: as `list_inbox`.
    """
    visible = [path for path in list_inbox(inbox) if path.is_file() and not path.name.startswith(".")]
    unfinished = [path for path in visible if UNFINISHED & {suffix.lower() for suffix in path.suffixes}]
    files = [path for path in visible if path not in unfinished and documents.is_input(path)]
    other = [path for path in visible if path not in unfinished and path not in files]
    growing = _growing(files, settle_s)
    _print_names(unfinished + growing, "still being written, left for the next run")
    _print_names(other, f"not read, for they are no {', '.join(documents.READERS)}")
    return [path for path in files if path not in growing]


def _growing(files: list[Path], settle_s: float) -> list[Path]:
    """Those of the files that change within settle_s seconds; without recently changed files it does not wait."""
    before = {path: size_and_mtime(path) for path in files}
    recent = [path for path, state in before.items() if state is None or time.time() - state[1] < settle_s]
    if recent:
        time.sleep(settle_s)
    return [path for path in recent if size_and_mtime(path) != before[path] or before[path] is None]


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

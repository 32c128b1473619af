"""Which files of an inbox a run may read: known kinds, and whole, as far as that can be seen from outside."""

from __future__ import annotations

import time
from pathlib import Path

from jobs.console.progress import print_note
from monitor.errors import DataError
from monitor.intake import documents

UNFINISHED = {".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart"}
NAMES_SHOWN = 3


def list_inbox(inbox: Path) -> list[Path]:
    """What lies in an inbox, sorted.

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

    A file is still being written while its name says so (UNFINISHED), or when it was changed within the last
    settle_s seconds and changes again while that long is waited; it is left for the next run, in one line.
    Files of other kinds get one line too; hidden ones none.

    Raises:
        DataError: as `entries`.
    """
    seen = [path for path in list_inbox(inbox) if path.is_file() and not path.name.startswith(".")]
    unfinished = [path for path in seen if UNFINISHED & {suffix.lower() for suffix in path.suffixes}]
    files = [path for path in seen if path not in unfinished and documents.is_input(path)]
    other = [path for path in seen if path not in unfinished and path not in files]
    growing = _growing(files, settle_s)
    _say(unfinished + growing, "still being written, left for the next run")
    _say(other, f"not read, for they are no {', '.join(documents.READERS)}")
    return [path for path in files if path not in growing]


def _growing(files: list[Path], settle_s: float) -> list[Path]:
    """Those of the files that change while we look; only young ones are worth the wait."""
    before = {path: size_and_mtime(path) for path in files}
    young = [path for path, seen in before.items() if seen is None or time.time() - seen[1] < settle_s]
    if young:
        time.sleep(settle_s)
    return [path for path in young if size_and_mtime(path) != before[path] or before[path] is None]


def size_and_mtime(path: Path) -> tuple[int, float] | None:
    """Size in bytes and time of the last change (seconds since 1970) of a file, or None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime


def _say(files: list[Path], what: str) -> None:
    if files:
        names = ", ".join(path.name for path in files[:NAMES_SHOWN])
        more = f" and {len(files) - NAMES_SHOWN:,} more" if len(files) > NAMES_SHOWN else ""
        print_note(f"{what}: {names}{more}")

"""Remove the temporary files that a killed process leaves when its query did not fit into memory.

These files contain rows about people. DuckDB removes the files of killed processes only when a later query spills
into the same folder, which may never happen.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from monitor.scratch_folder import LEFT_AFTER_S, runs

SPILLED = re.compile(r"duckdb_temp_(\d+)_.*")  # the number is the process
_LOADED_AT = time.time()  # of this module; no query of this process spilled before


def spill_folder(file: Path) -> Path:
    """The folder beside a database into which its queries spill. DuckDB creates the folder at the first spill."""
    return file.absolute().with_name(f"{file.name}.tmp")


def remove_left_spills(file: Path, left_after_s: float = LEFT_AFTER_S) -> list[Path]:
    """Remove the files that processes which no longer run have spilled beside a database.

    Args:
        file: the database.
        left_after_s: seconds since the last write of a process into the folder, after which it counts as ended if
            this machine runs none of its number. A process in a container, or on a machine that shares the folder,
            cannot be seen, but it writes.

    Returns:
        the files that stay in the folder: of running processes, of other programs, or not removable by this user.
    """
    folder, stay = spill_folder(file), []
    try:
        files = sorted(folder.iterdir())
    except NotADirectoryError:
        return [folder]
    except OSError:
        return [folder] if folder.exists() else []
    ended = _ended(files, left_after_s)
    for path in files:
        if path not in ended:
            stay.append(path)
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError:
            stay.append(path)
    if not stay:
        with suppress(OSError):  # a query has spilled into the folder since
            folder.rmdir()
    return stay


def _ended(files: list[Path], left_after_s: float) -> set[Path]:
    """The files of processes that count as ended; see `remove_left_spills`.

    A file of this process's own number that is older than the process was left by an earlier process of that number,
    which in containers is often the same.
    """
    of_process: dict[int, list[Path]] = {}
    for path in files:
        if spilled := SPILLED.fullmatch(path.name):
            of_process.setdefault(int(spilled[1]), []).append(path)
    ended: set[Path] = set()
    for process, own in of_process.items():
        with suppress(OSError):  # removed meanwhile
            written_at = max(path.stat().st_mtime for path in own)
            if process == os.getpid():
                is_left = written_at < _LOADED_AT
            else:
                is_left = not runs(process) and time.time() - written_at >= left_after_s
            ended.update(own if is_left else ())
    return ended


def spills_of_others(file: Path) -> list[str]:
    """Remove what killed queries spilled, and return one line about the files that stay: they may hold any row.

    Returns:
        one line, or none if no file stays.
    """
    stay = remove_left_spills(file, left_after_s=0)
    if not stay:
        return []
    more = f" and {len(stay) - 1:,} more" if len(stay) > 1 else ""
    return [
        f"{stay[0]}{more}: a running query, or a program that is not ours, keeps rows there; end it, or remove what "
        "is left, and forget again"
    ]

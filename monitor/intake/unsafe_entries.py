"""Entries of an input folder that are not files of that folder: links out of it, pipes, devices.

They are refused. Otherwise a person who may write into an inbox could make a run read any file that the run's user
may read, or wait for ever at a pipe or a file of the kernel.
"""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

from monitor.errors import DataError

KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def reason_to_refuse(path: Path, folder: Path) -> str | None:
    """The reason not to read an entry of a folder; None for a file or folder that lies in it."""
    try:
        is_link = path.is_symlink()
        target = path.resolve(strict=True)  # also of a file without a link of its own, because its folder may be one
        if not target.is_relative_to(folder.resolve()):
            return f"{'' if is_link else 'below '}a link that leads out of the folder; put the file itself there"
        mode = target.stat().st_mode
    except FileNotFoundError:
        return "a link that leads nowhere" if path.is_symlink() else None
    except PermissionError:
        return "where this user may not look; let the user in there"
    except (OSError, RuntimeError):
        return "a link that leads in a circle"
    return next((f"{name}, not a file" for is_kind, name in KINDS if is_kind(mode)), None)


def require_listed(pattern: Path) -> None:
    """Check that this user may list the folder before the wildcards of a pattern; otherwise nothing matches it.

    Raises:
        DataError: the user may not.
    """
    folder = next(folder for folder in pattern.parents if not glob.has_magic(str(folder)))
    if folder.is_dir() and not os.access(folder, os.R_OK):
        raise DataError(f"{folder}: this user may not list this folder; let the user do so, or name its files")

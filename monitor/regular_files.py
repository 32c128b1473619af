"""Files that a user names. A run would wait for ever at a pipe, and a device such as /dev/zero has no end."""

from __future__ import annotations

import stat
from pathlib import Path

from monitor.errors import DataError, MonitorError


def require_regular(path: Path, error: type[MonitorError] = DataError) -> None:
    """Refuse a pipe, a socket or a device. A missing file or a folder is left to the code that opens it.

    Args:
        path: as the user named it.
        error: the class of the error.

    Raises:
        MonitorError: of the class `error`.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise error(f"{path}: not a regular file; save what it gives into a file, and name that")


def require_file(path: Path, error: type[MonitorError] = DataError) -> None:
    """Refuse what `require_regular` refuses, a folder, and what is missing.

    Args:
        path: as the user named it.
        error: the class of the error.

    Raises:
        MonitorError: of the class `error`.
    """
    require_regular(path, error)
    if path.is_dir():
        raise error(f"{path}: a folder; name one of its files")
    if not path.is_file():
        raise error(f"{path}: there is no such file, or you may not look into its folder; check the name")

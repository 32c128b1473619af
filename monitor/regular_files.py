"""Files that a user names: a pipe would be waited for without an end, and a device such as /dev/zero has none."""

from __future__ import annotations

import stat
from pathlib import Path

from monitor.errors import DataError, MonitorError


def require_regular(path: Path, error: type[MonitorError] = DataError) -> None:
    """Refuse a pipe, a socket or a device; what is missing, or a folder, is left to whoever opens it.

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

"""The snapshot of a night is a copy for readers: the next night replaces it, with all that was written into it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from monitor.errors import StoreError
from monitor.output_files import LIST_PREFIX

SNAPSHOT_LIST = f"{LIST_PREFIX}snapshot"


def is_snapshot(path: Path) -> bool:
    """Whether the list of this folder says that a night wrote this file as its snapshot (`snapshot.publish`)."""
    with suppress(OSError):
        return path.name in (path.parent / SNAPSHOT_LIST).read_text("utf-8", "replace").splitlines()
    return False


def refuse_snapshot(path: Path) -> None:
    """Refuse to write into a snapshot that the next night replaces. A copy of it elsewhere is its owner's.

    Raises:
        StoreError: the file is a snapshot in its folder.
    """
    if is_snapshot(path):
        raise StoreError(
            f"{path}: a snapshot, which the next night replaces together with what is written into it; name the "
            "database itself"
        )

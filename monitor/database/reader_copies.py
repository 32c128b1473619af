"""Copies that no run may change: the next night replaces a snapshot, and a changed backup is no longer a backup."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from monitor.errors import StoreError
from monitor.output_files import LIST_PREFIX

SNAPSHOT_LIST = f"{LIST_PREFIX}snapshot"
# Names of the files in a backup, beside the database.
BACKUP_CONTENTS, BACKUP_SETTINGS, BACKUP_ROSTER = "backup.json", "risk-monitor.toml", "roster.csv"


def is_snapshot(path: Path) -> bool:
    """Whether the folder's list of files names this file as a snapshot by `snapshot.publish`."""
    with suppress(OSError):
        files = path.parent / SNAPSHOT_LIST
        return files.is_file() and path.name in files.read_text("utf-8", "replace").splitlines()
    return False


def is_backup(path: Path) -> bool:
    """Whether the table of contents in this folder says that this file is the database of a backup."""
    with suppress(OSError, ValueError, RecursionError):
        file = path.parent / BACKUP_CONTENTS
        contents = json.loads(file.read_text("utf-8")) if file.is_file() else None  # reading a pipe would wait
        return isinstance(contents, dict) and "sha256" in contents and contents.get("database") == path.name
    return False


def refuse_copy(path: Path) -> None:
    """Refuse to write into a snapshot or a backup. A copy of one in another folder may be changed.

    Raises:
        StoreError: the file is a snapshot or a backup in its folder.
    """
    if is_snapshot(path):
        raise StoreError(
            f"{path}: a snapshot, which the next night replaces together with what is written into it, also the "
            "line that each use of `who`, `explain --doc-id` and rosters leaves in the access log; name the database "
            "itself"
        )
    if is_backup(path):
        raise StoreError(
            f"{path}: the database of a backup, which `restore` takes only unchanged; bring it back into another "
            "folder with `risk-monitor restore`, and name the database there"
        )

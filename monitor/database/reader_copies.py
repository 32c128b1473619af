"""Copies that stay as they were made: the next night replaces a snapshot, and a changed backup is no backup."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from monitor.errors import StoreError
from monitor.output_files import LIST_PREFIX

SNAPSHOT_LIST = f"{LIST_PREFIX}snapshot"
BACKUP_CONTENTS = "backup.json"


def is_snapshot(path: Path) -> bool:
    """Whether the list of this folder says that a night wrote this file as its snapshot (`snapshot.publish`)."""
    with suppress(OSError):
        files = path.parent / SNAPSHOT_LIST
        return files.is_file() and path.name in files.read_text("utf-8", "replace").splitlines()
    return False


def is_backup(path: Path) -> bool:
    """Whether the table of contents in this folder says that this file is the database of a backup."""
    with suppress(OSError, ValueError, RecursionError):
        file = path.parent / BACKUP_CONTENTS
        contents = json.loads(file.read_text("utf-8")) if file.is_file() else None  # a pipe would be waited for
        return isinstance(contents, dict) and "sha256" in contents and contents.get("database") == path.name
    return False


def refuse_copy(path: Path) -> None:
    """Refuse to write into a snapshot or a backup. A copy of it in another folder is its owner's.

    Raises:
        StoreError: the file is a snapshot or a backup in its folder.
    """
    if is_snapshot(path):
        raise StoreError(
            f"{path}: a snapshot, which the next night replaces together with what is written into it; name the "
            "database itself"
        )
    if is_backup(path):
        raise StoreError(
            f"{path}: the database of a backup, which `restore` takes only unchanged; bring it back into another "
            "folder with `risk-monitor restore`, and name the database there"
        )

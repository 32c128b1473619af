"""DuckDB's errors about a file, rewritten as one line with a remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from monitor.database.ctrl_c import interrupts_named
from monitor.errors import DISK_FULL, StoreError, cannot_write

_FILE_ERRORS = (
    duckdb.OperationalError,
    duckdb.InternalError,
    duckdb.FatalException,
    duckdb.PermissionException,
)
_FULL = ("No space left", "Out of disk", "File too large")
_OF_A_LAKE = (  # DuckDB's errors about the Parquet files of a control file, each with its remedy
    (
        ("No files found that match",),
        "it shows a lake of which files were moved, merged or removed since; run `risk-monitor lake open` again",
    ),
    (
        ("No magic bytes found", "Invalid TType", "TProtocolException", "too small to be a Parquet file"),
        "a file of its lake is torn; `risk-monitor lake check` names it",
    ),
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors about the file into one line with a remedy; other errors pass unchanged."""
    try:
        with interrupts_named():
            yield
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        about_file = isinstance(error, _FILE_ERRORS) or type(error) is duckdb.Error or "encrypted database" in reason
        remedy = _remedy(path, reason) if about_file else None
        if remedy is None:
            raise
        raise StoreError(f"{_full_folder(path, reason) or path}: {remedy} (DuckDB: {reason[:200]})") from error
    except OSError as error:  # the names of files beside it begin with its name, or with a dot and its name
        written = Path(os.fsdecode(error.filename or ""))
        if written.parent != path.parent or not written.name.removeprefix(".").startswith(path.name):
            raise
        raise cannot_write(str(path), error) from error


def _remedy(path: Path, reason: str) -> str | None:
    """The remedy for a DuckDB error, or None if the file is not at fault."""
    end = re.search(r"at byte position (\d+)", reason)
    wal = f"the log beside it is damaged; move {path}.wal away"
    if end:
        wal = f"the log beside it is damaged at its end; `truncate -s {end[1]} {path}.wal` cuts the damage off"
    wal += " and run again: all that was committed before it is kept, and the run adds what is missing"
    for signs, remedy in (
        *_OF_A_LAKE,
        (("Cannot open encrypted database",), "an encrypted database; risk-monitor has no key to it"),
        (("version number",), "written by another version of DuckDB; install the version in constraints.txt"),
        (_FULL, DISK_FULL),
        (
            ("Permission denied", "Read-only file system"),
            "no permission for this file or its folder; let this user write to both",
        ),
        (("WAL file",), wal),
        (
            ("Out of Memory",),
            "not enough memory; end other programs, or let this one have more (ulimit -v, a container's limit)",
        ),
        (
            ("No such file or directory",),
            "the file or its folder was deleted or moved while it was used; bring it back if you can, and run again",
        ),
        (("Corrupt", "checksum", "enough bytes"), "the file is damaged; restore it from a backup"),
    ):
        if any(sign in reason for sign in signs):
            return remedy
    return None


def _full_folder(path: Path, reason: str) -> Path | None:
    """The folder on the full disk, if it is not the database's own; a snapshot may be in another folder."""
    written = re.search(r'file "([^"]+)"', reason)
    if written is None or not any(sign in reason for sign in _FULL):
        return None
    folder = Path(written[1]).parent
    return None if folder.resolve() == path.parent.resolve() else folder

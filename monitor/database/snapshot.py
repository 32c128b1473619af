"""A read-only copy of the database for analysts and BI tools. No run waits for them, and they wait for no run.

The copy replaces the last one in one step. A program that opens it sees the complete state of one night; a program
that has the last copy open keeps reading that one. Its files have mode 600 and hold texts only if the settings say
so.
"""

from __future__ import annotations

import datetime as dt
import grp
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import polars as pl

from monitor.database.connection import FILE_TYPE, Database, private_files
from monitor.database.copy import database_copy
from monitor.database.ctrl_c import connected
from monitor.database.remedies import explained
from monitor.database.spills import remove_left_spills
from monitor.database.statements import execute, statement, utc_now
from monitor.errors import ConfigError, cannot_write
from monitor.output_files import OutputFiles

NAME = "risk-snapshot.duckdb"
MONTHS = "scores-????-??.parquet"
SCORE_COLUMNS = {"doc_id", "model_id", "subject_id", "emotion", "risk", "p_high"}
EVERY_TEXT = dt.datetime(9999, 12, 31)


def publish(
    db: Database,
    folder: Path,
    *,
    texts: bool = False,
    parquet: bool = False,
    group: str | None = None,
    status: str | None = None,
    message: str | None = None,
) -> Path:
    """Copy the database to FOLDER/risk-snapshot.duckdb. The caller holds `database.only_writer`.

    What killed queries have spilled beside the last copy is removed.

    Args:
        db: the database.
        folder: the folder of the copy; created if it is missing.
        texts: copy the texts too, and the start of each rejected row.
        parquet: also write the scores of each month to FOLDER/scores-YYYY-MM.parquet; otherwise remove these files.
        group: a group of users who may read the files (mode 640), list the folder (mode 750) and pass the folders
            above it that are made here.
        status: with which the copy ends the line of the run that makes it; nothing writes into the copy later. None:
            no run makes it.
        message: of that line.

    Returns:
        the path of the copy.

    Raises:
        ConfigError: the folder cannot be written. StoreError: the database cannot be read, or the disk is full.
    """
    out = folder / NAME
    if out.resolve() == db.file.resolve():
        raise ConfigError(f"{folder}: the snapshot would replace the database; name another folder")
    with _writing_to(folder, group):
        remove_left_spills(out)
        files = snapshot_files(folder)
        new = _claim(files, out)
        with database_copy(db, new, before=None if texts else EVERY_TEXT, keys=False):
            if status is not None:
                with connected(f"{FILE_TYPE}:{new.absolute()}") as con:
                    execute(con, "queries/end_copied_run", status=status, message=message, now=utc_now())
            new.replace(out)
        files.keep_only({out, *(_write_months(out, files) if parquet else ())})
        if group is not None:
            share(folder, files.paths, group)
    return out


def group_id(group: str) -> int:
    """The number of a group of users.

    Raises:
        ConfigError: there is no such group.
    """
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise ConfigError(f"snapshot_group: no group {group!r} on this machine; `getent group` lists them") from error


def make_folder(folder: Path, group: str | None) -> None:
    """Make a folder and the folders above it that are missing. A group may pass all of these, whatever the umask.

    Raises:
        ConfigError: as `share`. OSError: a folder cannot be made.
    """
    number = None if group is None else group_id(group)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        if group is not None and number is not None and not _lets_pass(path, number):
            _give(path, group, number, path.stat().st_mode | stat.S_IXGRP)


def closed_folders(folder: Path, group: str) -> list[Path]:
    """The folders above `folder` whose modes keep a group from it."""
    number = group_id(group)
    return [path for path in folder.resolve().parents if not _lets_pass(path, number)]


def share(folder: Path, files: Sequence[Path], group: str) -> None:
    """Let a group read files and list their folder.

    Raises:
        ConfigError: there is no such group, or this user may not give files to that group.
    """
    number = group_id(group)
    for path, mode in ((folder, 0o750), *((file, 0o640) for file in files)):
        _give(path, group, number, mode)


def _give(path: Path, group: str, number: int, mode: int) -> None:
    """Give a path to a group, whose number this is, with a mode."""
    try:
        os.chown(path, -1, number)
    except PermissionError as error:
        raise ConfigError(
            f"snapshot_group: this user is not a member of the group {group!r}; add it there"
        ) from error
    path.chmod(stat.S_IMODE(mode))


def _lets_pass(path: Path, number: int) -> bool:
    """Whether the mode of a folder lets the members of a group pass."""
    status = path.stat()
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == number else stat.S_IXOTH))


def snapshot_files(folder: Path) -> OutputFiles:
    """The files in this folder that a snapshot wrote.

    Raises:
        OSError: the list of them cannot be read.
    """
    return OutputFiles(folder, "snapshot", lambda: _earlier_files(folder))


def _claim(files: OutputFiles, path: Path) -> Path:
    """Add a file and its temporary name to the list before the file is written; returns the temporary name."""
    unfinished = path.with_name(f".{path.name}.new")
    files.claim(path, unfinished)
    return unfinished


def _earlier_files(folder: Path) -> Iterator[Path]:
    """Copies and Parquet files of earlier versions without a list of files, recognised by tables and columns."""
    yield from (folder / f".{NAME}.new", *folder.glob(f".{MONTHS}.new"))  # a killed run left them
    with suppress(duckdb.Error), connected(f"duckdb:{folder / NAME}", read_only=True) as con:
        con.execute("FROM schema_version LIMIT 0")
        yield folder / NAME
    for path in folder.glob(MONTHS):
        with suppress(pl.exceptions.PolarsError, OSError):
            if set(pl.read_parquet_schema(path)) >= SCORE_COLUMNS:
                yield path


def _write_months(snapshot: Path, files: OutputFiles) -> set[Path]:
    """Write one file of scores for each calendar month (UTC) of posted_at; returns the files."""
    written, folder = set(), snapshot.parent
    with explained(snapshot), connected(snapshot, read_only=True) as con:
        for (month,) in execute(con, "queries/snapshot_months").fetchall():
            path = folder / f"scores-{month:%Y-%m}.parquet"
            new = _claim(files, path)
            con.sql(statement("queries/snapshot_month").sql, params={"month": month}).write_parquet(
                str(new), compression="zstd"
            )
            written.add(new.replace(path))
    return written


@contextmanager
def _writing_to(folder: Path, group: str | None) -> Iterator[None]:
    try:
        make_folder(folder, group)
        with private_files():
            yield
    except OSError as error:
        raise cannot_write(str(folder), error) from error

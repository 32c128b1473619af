"""Opening the DuckDB database: created, checked, brought up to date, and held no longer than needed.

A writer holds the file for the length of one `with writing(path)` block: open, one transaction, close.
Readers and other writers wait for it (see `connect`), so keep such blocks to a chunk's commit and compute
outside them.
The schema is in sql/schema, one statement a file, applied in the order of their numbers.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from monitor.database import doublewrite
from monitor.database.remedies import DISK_FULL, explained
from monitor.database.schema import _check_schema, migrate
from monitor.database.writer_gate import POLL_S, Gate
from monitor.errors import BusyError, StoreError

READ_WAIT_S = 10.0
WRITE_WAIT_S = 300.0  # a long question of an analyst must not end a night's run
# Of a file whose kind it has to find out DuckDB reads the header before it has the lock: a commit in between would go
# unseen by a reader, who then reads blocks that are gone, and be overwritten by a writer. So its kind is said.
KIND = "duckdb"
_BUSY = ("Could not set lock", "different configuration than existing connections")


def connect(path: Path, *, read_only: bool = False, wait_s: float | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database of this project; to write, create it (mode 600) or bring its schema up to date.

    Args:
        path: the database file.
        read_only: refuse every change, to the file and to any other (no COPY TO, ATTACH or read_csv either).
        wait_s: seconds to wait for another process; default: READ_WAIT_S or WRITE_WAIT_S.

    Raises:
        StoreError: missing, locked for longer than wait_s, damaged, foreign, or of a newer schema.
    """
    path = followed(path)
    _check_place(path, read_only)
    if wait_s is None:
        wait_s = READ_WAIT_S if read_only else WRITE_WAIT_S
    with explained(path):
        if not path.exists():
            _create(path)
        doublewrite.mend(path)
        con = _open(path, read_only, wait_s)
        try:
            con.execute("SET TimeZone = 'UTC'")
            con.execute("SET enable_external_access = false")  # given with the path, it forbids the path
            _check_schema(con, path, read_only)
            if not read_only:
                migrate(con)
        except BaseException:
            con.close()
            raise
    return con


@contextmanager
def reading(path: Path, *, wait_s: float = READ_WAIT_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection for the length of a block; errors as `connect`."""
    con = connect(path, read_only=True, wait_s=wait_s)
    with explained(path):
        try:
            yield con
        finally:
            con.close()


@contextmanager
def writing(path: Path, *, wait_s: float = WRITE_WAIT_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """One transaction on a connection of its own: committed at the end of the block, or nothing happened.

    Raises:
        StoreError: as `connect`; also when the disk is full.
    """
    path = followed(path)
    with private_files(), explained(path):
        con = connect(path, wait_s=wait_s)
        with doublewrite.opened(path) as file:
            try:
                headers = _keep_blocks(file, path, con)
                con.execute("BEGIN")
                yield con
                con.execute("COMMIT")
                # A large commit makes a checkpoint, and closing another. It is in, also where there is no room for
                # a second copy.
                with suppress(OSError):
                    doublewrite.keep(file, path, con, headers)
            finally:
                con.close()
            doublewrite.drop(path)


def _keep_blocks(file: int, path: Path, con: duckdb.DuckDBPyConnection) -> bytes:
    try:
        return doublewrite.keep(file, path, con)
    except OSError as error:
        raise StoreError(f"{path}: {DISK_FULL} ({error.strerror})") from error


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Keep every other run off this database for the length of a block; readers are not affected.

    Raises:
        BusyError: another run holds it.
    """
    path = followed(path)
    _check_place(path, read_only=False)
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        with private_files(), open(lock.lock_file, "ab"):  # noqa: PTH123  (FileLock calls no permission a timeout)
            lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"{path}: another run is working on this database; start again when it is done"
        ) from error
    except OSError as error:
        raise StoreError(
            f"{path}.lock: cannot make this lock file ({error.strerror}); name a database elsewhere"
        ) from error
    try:
        for unfinished in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
            unfinished.unlink(missing_ok=True)  # of a run that was killed
        yield
    finally:
        lock.release()


def followed(path: Path) -> Path:
    """The file that a link stands for: under two names it would have two locks and two logs.

    What is no regular file keeps the name by which it will be refused.

    Raises:
        StoreError: the link leads in a circle.
    """
    try:
        target = path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{path}: a link that leads in a circle; name a database file") from error
    return path if target.exists() and not target.is_file() else target


@contextmanager
def private_files() -> Iterator[None]:
    """Files made inside the block (database, write-ahead log) are readable by their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _check_place(path: Path, read_only: bool) -> None:
    if "?" in str(path.absolute()):
        raise StoreError(f"{path}: to DuckDB a name ends before its question mark; name a file without one")
    if path.is_dir():
        raise StoreError(f"{path}: this is a folder; name a database file, such as {path / 'risk.duckdb'}")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path}: not a regular file; name a database file")
    if path.exists():
        _check_kind(path)
    elif (log := path.with_name(f"{path.name}.wal")).exists():
        raise StoreError(
            f"{path}: no such database, but its log {log.name}; bring the database back, or move the log away"
        )
    if read_only and not path.exists():
        raise StoreError(
            f"{path}: there is no such database; `risk-monitor score INPUT --db {path}` makes one"
        )
    if not read_only:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot make this folder ({error.strerror})") from error


def _check_kind(path: Path) -> None:
    """Refuse what is no DuckDB file before DuckDB makes a view of it, as it does of a CSV, JSON or Parquet file."""
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
    except OSError as error:
        raise StoreError(f"{path}: cannot read this file ({error.strerror})") from error
    if head[8:] != b"DUCK":
        what = "not a DuckDB database" if head else "not a DuckDB database, for it is empty"
        raise StoreError(f"{path}: {what}; name another file")


def _create(path: Path) -> None:
    """Make the file in one step: whoever looks sees a whole database or none, also after a kill."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    unfinished.unlink(missing_ok=True)
    try:
        with private_files(), duckdb.connect(unfinished) as con:
            migrate(con)
        with suppress(FileExistsError):  # another process was faster
            os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open(path: Path, read_only: bool, wait_s: float) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while another process writes."""
    deadline = time.monotonic() + wait_s
    with private_files(), Gate(path, read_only=read_only) as gate:
        while True:
            if read_only:
                gate.wait(deadline)
            try:
                # Left to itself it spills to KIND:PATH.tmp below the working folder, which it cannot make.
                spill: dict[str, str | bool | int | float | list[str]] = {
                    "temp_directory": f"{path.absolute()}.tmp"
                }
                return duckdb.connect(f"{KIND}:{path.absolute()}", read_only=read_only, config=spill)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if not any(sign in str(error) for sign in _BUSY):
                    raise
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{path}: in use by another process for {wait_s:g} s and longer; try again when it is done"
                    ) from error
            if not read_only:
                gate.turn()
            time.sleep(POLL_S)

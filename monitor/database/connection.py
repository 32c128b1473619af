"""The database: one DuckDB file, opened for one block at a time, checked, and brought up to date.

A writer holds the file for the length of one `with database.writing()` block: open, one transaction, close.
Readers and other writers wait for it, so keep such blocks to a chunk's commit and compute outside them.
README.md beside this file explains locks, waiting and kill safety.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import duckdb
from filelock import FileLock, Timeout

from monitor.database import doublewrite
from monitor.database.ctrl_c import ctrl_c_ends_queries
from monitor.database.lake_views import allow_lake, opened_lake
from monitor.database.reader_copies import refuse_copy
from monitor.database.remedies import explained
from monitor.database.schema import check_schema, make_empty, migrate
from monitor.database.spills import remove_left_spills, spill_folder
from monitor.database.writer_gate import POLL_S, Gate
from monitor.errors import LET_IN, BusyError, MonitorError, StoreError, reason_of
from monitor.scratch_folder import runs

READ_WAIT_S = 10.0
MAX_NAME_BYTES = 220  # the longest name beside it is .NAME.key.PID.new
WRITE_WAIT_S = 300.0  # an analyst's long query must not end a night's run
# When DuckDB has to detect a file's type it reads the header before it takes the lock, so a reader misses a commit in
# between and a writer overwrites it. We therefore always name the type.
FILE_TYPE = "duckdb"
_BUSY = ("Could not set lock", "different configuration than existing connections")


class Database:
    """One database file of this project.

    Creating the object opens no file. Every block below opens the file at its start and closes it at its end, so that
    other processes can open it in between. DuckDB's errors become StoreErrors with a remedy.

    Attributes:
        path: the file, as the caller named it.
        file: `path` with links followed, because a file under two names would have two locks.

    Raises:
        StoreError: `path` is a link that leads in a circle.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = _follow_links(path)

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """Whether the file exists."""
        return self.file.exists()

    def check(self) -> None:
        """Open the file for reading and close it again.

        Raises:
            StoreError: as `reading`.
        """
        self.connect(read_only=True).close()

    @contextmanager
    def reading(
        self, *, wait_s: float = READ_WAIT_S, any_schema: bool = False
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection for the length of a block; it cannot change this file or any other.

        Args:
            wait_s: seconds to wait while another process writes.
            any_schema: accept an older schema.

        Raises:
            StoreError: the file is missing, locked for longer than wait_s, damaged, of another program, or has
                another schema.
        """
        con = self.connect(read_only=True, wait_s=wait_s, any_schema=any_schema)
        with explained(self.file):
            try:
                with ctrl_c_ends_queries(con):
                    yield con
            finally:
                con.close()

    @contextmanager
    def writing(
        self, *, wait_s: float = WRITE_WAIT_S, stop: Event | None = None, any_schema: bool = False
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction for the length of a block: an error in the block leaves the database unchanged.

        A missing file is created (mode 600), and an older schema is brought up to date.

        Args:
            wait_s: seconds to wait while other processes read or write.
            stop: once set, a wait for another process ends with KeyboardInterrupt.
            any_schema: leave an older schema as it is.

        Raises:
            StoreError: as `reading`; also when the disk is full. ConfigError: its folder cannot be written.
        """
        with private_files(), explained(self.file):
            con = self.connect(wait_s=wait_s, stop=stop, any_schema=any_schema)
            with doublewrite.open_file(self.file) as file:
                try:
                    headers = doublewrite.save_blocks(file, self.file, con)
                    con.execute("BEGIN")
                    with ctrl_c_ends_queries(con):
                        yield con
                    con.execute("COMMIT")
                    # A large commit makes a checkpoint, and closing makes another one. The commit counts even if
                    # the disk has no room for a second copy.
                    with suppress(MonitorError, OSError):
                        doublewrite.save_blocks(file, self.file, con, headers)
                finally:
                    con.close()
                doublewrite.remove_copy(self.file)

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Exclude every other run from this database for the length of a block; readers are not affected.

        Raises:
            BusyError: another run is working on it. StoreError, ConfigError: its folder cannot be written.
        """
        self.check_place(read_only=False)
        lock = FileLock(f"{self.file}.lock", timeout=0)
        try:
            # The file is opened first because FileLock reports a missing permission as a timeout.
            with private_files(), open(lock.lock_file, "ab"):  # noqa: PTH123
                lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"{self.path}: another run is working on this database; start again when it is done"
            ) from error
        except OSError as error:
            raise StoreError(
                f"{self.file}.lock: cannot make this lock file ({error.strerror}); name a database elsewhere"
            ) from error
        try:
            with explained(self.file):
                for unfinished in self.file.parent.glob(f".{glob.escape(self.file.name)}.*.new"):
                    if _is_left(unfinished):
                        unfinished.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def connect(
        self,
        *,
        read_only: bool = False,
        wait_s: float | None = None,
        stop: Event | None = None,
        any_schema: bool = False,
    ) -> duckdb.DuckDBPyConnection:
        """A connection that the caller closes; `reading` and `writing` are the usual way.

        A connection that may write is not guarded by the doublewrite copy, as `writing` is: a kill while it closes
        may damage the file.

        Args:
            read_only: refuse every change to this file, and every access to another (COPY TO, ATTACH, read_csv).
            wait_s: seconds to wait for another process; default: READ_WAIT_S or WRITE_WAIT_S.
            stop: as `writing`.
            any_schema: accept an older schema, and leave it as it is.

        Raises:
            StoreError: as `reading`.
        """
        self.check_place(read_only)
        if wait_s is None:
            wait_s = READ_WAIT_S if read_only else WRITE_WAIT_S
        with explained(self.file):
            if not self.file.exists():
                _create(self.file)
            doublewrite.restore_blocks(self.file)
            con = _open(self.file, read_only, wait_s, stop)
            try:
                con.execute("SET TimeZone = 'UTC'")
                lake = opened_lake(con)
                if lake is not None:
                    allow_lake(con, lake)
                # As an option of the opening, this setting would forbid the database file itself.
                con.execute("SET enable_external_access = false")
                check_schema(con, self.path, read_only, lake, any_schema=any_schema)
                if not (read_only or any_schema) and lake is None:
                    migrate(con)
            except BaseException:
                con.close()
                raise
        return con

    def check_place(self, read_only: bool) -> None:
        """Refuse a path that cannot be a database, a missing file if reading, or a snapshot or backup if writing."""
        path = self.file
        if "?" in str(path.absolute()):
            raise StoreError(f"{path}: DuckDB ends a name at its question mark; name a file without one")
        if path.is_dir():
            raise StoreError(f"{path}: this is a folder; name a database file, such as {path / 'risk.duckdb'}")
        if path.exists() and not path.is_file():
            raise StoreError(f"{path}: not a regular file; name a database file")
        if path.exists():
            _check_file_type(path)
        elif log := next((log for log in logs(path) if log.exists()), None):
            raise StoreError(
                f"{path}: no such database, but its log {log.name}; bring the database back, or move the log away"
            )
        if read_only and not path.exists():
            raise StoreError(f"{path}: there is no such database; `risk-monitor score INPUT --db {path}` makes one")
        if not read_only:
            refuse_copy(path)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"{path.parent}: cannot make this folder ({reason_of(error)}); name another"
                ) from error


def logs(path: Path) -> list[Path]:
    """DuckDB's possible logs beside a database: of commits, of commits during a checkpoint, of a recovery."""
    return [path.with_name(f"{path.name}{ending}") for ending in (".wal", ".wal.checkpoint", ".wal.recovery")]


def companions(path: Path) -> list[Path]:
    """The files beside a database that contain a part of it: its logs, and the copy of its blocks."""
    return [*logs(path), doublewrite.copy_path(path)]


@contextmanager
def private_files() -> Iterator[None]:
    """Make files created inside the block (database, write-ahead log) readable by their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _follow_links(path: Path) -> Path:
    """The target of a link, or the path itself if the target is not a regular file, for the later error message."""
    _check_name(path)
    try:
        target = path.resolve() if path.is_symlink() else path
        return path if target.exists() and not target.is_file() else target
    except PermissionError as error:
        raise StoreError(f"{path}: {str(error.strerror).lower()}; {LET_IN}") from error
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{path}: a link that leads in a circle; name a database file") from error


def _check_name(path: Path) -> None:
    """Refuse a name that DuckDB cannot take, or that leaves no room for the files beside the database."""
    try:
        length = len(path.name.encode())
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        name = os.fsencode(path).decode("utf-8", "replace")
        raise StoreError(f"{name}: the name is not UTF-8; choose names in UTF-8 for database and folders") from error
    if length > MAX_NAME_BYTES:
        raise StoreError(
            f"{path.name[:40]}…: the name has {length} bytes, more than {MAX_NAME_BYTES}; name a shorter one, "
            "because the files beside it have longer names"
        )


def _check_file_type(path: Path) -> None:
    """Refuse a file of another type: DuckDB would open a CSV, JSON or Parquet file as a view."""
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
    except OSError as error:
        raise StoreError(f"{path}: cannot read this file ({error.strerror}); let this user read it") from error
    if head[8:] != b"DUCK":
        what = "not a DuckDB database" if head else "not a DuckDB database, because it is empty"
        raise StoreError(f"{path}: {what}; name another file")


def _is_left(unfinished: Path) -> bool:
    """Whether a killed process left this file. The name holds the process, or says that it held the writers' lock."""
    process = unfinished.suffixes[-2].removeprefix(".")
    if not process.isdecimal():
        return process == "open"  # of `lake open`, which holds the lock
    return int(process) == os.getpid() or not runs(int(process))


def _create(path: Path) -> None:
    """Create the file in one step: other processes see a complete database or none, also after a kill."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    unfinished.unlink(missing_ok=True)
    try:
        with private_files():
            make_empty(unfinished)
        with suppress(FileExistsError):  # another process was faster
            os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open(path: Path, read_only: bool, wait_s: float, stop: Event | None) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while another process writes."""
    deadline = time.monotonic() + wait_s
    remove_left_spills(path)
    with private_files(), Gate(path, read_only=read_only) as gate:
        while True:
            if read_only:
                gate.wait(deadline)
            try:
                # DuckDB's default spill folder is FILE_TYPE:PATH.tmp in the working folder. It cannot be created.
                spill: dict[str, str | bool | int | float | list[str]] = {"temp_directory": str(spill_folder(path))}
                return duckdb.connect(f"{FILE_TYPE}:{path.absolute()}", read_only=read_only, config=spill)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if not any(sign in str(error) for sign in _BUSY):
                    raise
                if stop and stop.is_set():
                    raise KeyboardInterrupt from error
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{path}: in use by another process for {wait_s:g} s and longer; try again when it is done"
                    ) from error
            if not read_only:
                gate.close_or_open()
            time.sleep(POLL_S)

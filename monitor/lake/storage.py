"""The files of a lake, in a folder or an object store: list, read, write once, remove.

`write_once` is the commit of the whole lake. A file becomes visible in one step, complete, and is never overwritten;
so a file that exists needs no other mark of being done.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from filelock import FileLock, Timeout
from pyarrow import fs

from monitor.errors import LET_IN, BusyError, ConfigError, StoreError

UNFINISHED = ".tmp"  # end of the name of a file being written, so that no pattern of Parquet files matches it
OURS = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")  # name that `_write_local` gives a file while it writes it
TRIES = 3
RETRY_S = 1.0


class FileEntry(NamedTuple):
    """A file: its path below the lake's root, and when it was last written (seconds since 1970)."""

    path: str
    written: float


class Storage:
    """A folder, or a prefix of an object store (`s3://bucket/prefix`, `gs://bucket/prefix`).

    Args:
        url: a path or a URL that pyarrow.fs.FileSystem.from_uri takes.

    Raises:
        ConfigError: the URL is malformed, of an unknown kind or cannot be reached, or the path is a file.
    """

    def __init__(self, url: str) -> None:
        if not url.strip():
            raise ConfigError("--lake is empty; name a folder, or an s3:// or gs:// address")
        self.url = url
        self.is_local = "://" not in url or url.startswith("file://")
        if self.is_local:
            self.root = str(Path(url.removeprefix("file://")).expanduser().absolute())
            self.filesystem: Any = fs.LocalFileSystem()
            with suppress(OSError):
                for place in (Path(self.root), *Path(self.root).parents):
                    if place.exists() and not place.is_dir():
                        which = "" if place == Path(self.root) else f"{place} is "
                        raise ConfigError(f"--lake {url}: {which}a file, and a lake is a folder; name a folder")
            return
        try:
            self.filesystem, path = fs.FileSystem.from_uri(url)
        except Exception as error:  # pyarrow raises several classes, one of which is ValueError
            raise ConfigError(
                f"--lake {url}: cannot be opened ({error}); give a folder, or an s3:// or gs:// address that this "
                "machine reaches"
            ) from error
        self.root = path.rstrip("/")

    def full_path(self, path: str) -> str:
        """The file system's name of a path below the root."""
        return f"{self.root}/{path}"

    def query_path(self, path: str) -> str:
        """DuckDB's name of a path below the root."""
        return self.full_path(path) if self.is_local else f"{self.url.partition('://')[0]}://{self.full_path(path)}"

    def beside(self, name: Callable[[Path], Path]) -> Path:
        """A file beside the folder of a local lake. If the folder is a link, the file may lie beside its target.

        Args:
            name: gives the file of a folder.
        """
        named, behind = name(Path(self.root)), name(Path(self.root).resolve())
        return behind if behind.exists() and not named.exists() else named

    def list_files(self, folder: str) -> list[FileEntry]:
        """Every file below a folder, sorted by path; empty if the folder does not exist."""
        selector = fs.FileSelector(self.full_path(folder), allow_not_found=True, recursive=True)
        infos = self._retry(lambda: self.filesystem.get_file_info(selector), folder)
        start = len(self.root) + 1
        return sorted(
            FileEntry(info.path[start:], info.mtime_ns / 1e9) for info in infos if info.type == fs.FileType.File
        )

    def list_folders(self, folder: str) -> list[str]:
        """Names of the folders directly below a folder."""
        selector = fs.FileSelector(self.full_path(folder), allow_not_found=True)
        infos = self._retry(lambda: self.filesystem.get_file_info(selector), folder)
        return sorted(info.base_name for info in infos if info.type == fs.FileType.Directory)

    def exists(self, path: str) -> bool:
        """Whether a file exists."""
        info = self._retry(lambda: self.filesystem.get_file_info(self.full_path(path)), path)
        return bool(info.type == fs.FileType.File)

    def open(self, path: str) -> Any:
        """A file to read from, as pyarrow.parquet takes it.

        Raises:
            FileNotFoundError: there is no such file. StoreError: it cannot be reached.
        """
        return self._retry(lambda: self.filesystem.open_input_file(self.full_path(path)), path)

    def read(self, path: str) -> bytes:
        """The content of a small file."""
        with self.open(path) as stream:
            return bytes(stream.read())

    def write_once(self, path: str, write: Callable[[IO[bytes]], object]) -> bool:
        """Write a file that becomes visible in one step, when it is complete. An existing file is kept; the result is
        then False.

        Args:
            path: below the root.
            write: called with a stream, to which it writes the content.

        Raises:
            StoreError: the file cannot be written.
        """
        if self.exists(path):
            return False
        try:
            return _write_local(Path(self.full_path(path)), write) if self.is_local else self._put(path, write)
        except OSError as error:
            raise StoreError(f"{self.full_path(path)}: cannot write this file ({error}); run again") from error

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone is no error."""
        with suppress(FileNotFoundError):
            self._retry(lambda: self.filesystem.delete_file(self.full_path(path)), path)

    def remove_unfinished(self, folders: Iterable[str], older_s: float) -> None:
        """Remove half-written files of killed processes.

        Args:
            folders: the lake's own folders, directly below the root; no other folder is read.
            older_s: only files that are older than so many seconds are removed.
        """
        for folder in folders:
            for path, written in self.list_files(folder):
                if OURS.fullmatch(path.rpartition("/")[2]) and time.time() - written > older_s:
                    self.remove(path)

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Exclude other commands that add or replace documents. Scoring needs no lock.

        An object store has no locks: there the caller must run one such command at a time.

        Raises:
            BusyError: another such command is running.
        """
        if not self.is_local:
            yield
            return
        try:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{self.root}/.lock", timeout=0, mode=0o600)
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"{self.url}: another command is adding to this lake; start again when it is done"
            ) from error
        except OSError as error:
            raise StoreError(f"{self.url}: cannot write to this folder ({error.strerror}); {LET_IN}") from error
        try:
            yield
        finally:
            lock.release()

    def _put(self, path: str, write: Callable[[IO[bytes]], object]) -> bool:
        """Upload a file. No reader sees part of it, because an object store shows an object when its upload is
        complete.
        """
        content = BytesIO()
        write(content)

        def upload() -> None:
            with self.filesystem.open_output_stream(self.full_path(path)) as stream:
                stream.write(content.getbuffer())

        self._retry(upload, path)
        return True

    def _retry(self, call: Callable[[], Any], path: str) -> Any:
        """Call a function, and call it again after an error of the network; the last error becomes a StoreError."""
        for attempt in range(1, TRIES + 1):
            try:
                return call()
            except FileNotFoundError:
                raise
            except OSError as error:
                if self.is_local or attempt == TRIES:
                    remedy = LET_IN if isinstance(error, PermissionError) else "run again"
                    raise StoreError(f"{self.full_path(path)}: cannot reach it ({error}); {remedy}") from error
                time.sleep(RETRY_S * attempt)
        raise AssertionError("unreachable")


def _write_local(path: Path, write: Callable[[IO[bytes]], object]) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            os.fchmod(stream.fileno(), 0o600)  # whatever the umask, so that the next command can read it
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(unfinished, path)  # unlike a rename, it does not replace a file that another process made
        except FileExistsError:
            return False
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name survives a loss of power, too
    finally:
        os.close(folder)
    return True

"""A copy of the blocks that a checkpoint overwrites in place, so that a kill in the middle costs no committed row.

README.md beside this file describes the fault and the guard. The guard is a doublewrite buffer, as in InnoDB:
https://dev.mysql.com/doc/refman/8.4/en/innodb-doublewrite-buffer.html
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from monitor.errors import cannot_write

HEADERS = 3 * 4096  # bytes: the file's header and two database headers, of which the newer one counts
BLOCK_SIZE_AT = 4096 + 40  # offset of the block size
DIGEST = 32  # bytes of the SHA-256 at the end of the copy
_COUNT, _NUMBER = struct.Struct("<Q"), struct.Struct("<q")


def copy_path(path: Path) -> Path:
    """The file that holds the copy while a process writes to the database at `path`, and after a kill."""
    return path.with_name(f"{path.name}.blocks")


@contextmanager
def open_file(path: Path) -> Iterator[int]:
    """A file descriptor of the database for `save_blocks`.

    Leave the block after the connection is closed: when a process closes any descriptor of a file, it loses its
    locks on that file.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def save_blocks(file: int, path: Path, con: duckdb.DuckDBPyConnection, saved: bytes = b"") -> bytes:
    """Copy a database's headers and metadata blocks to `copy_path(path)`, before a checkpoint may overwrite them.

    Args:
        file: descriptor of the database, from `open_file`.
        path: path of the database.
        con: a connection to the database; it lists the metadata blocks.
        saved: the result of the last call. If the headers are unchanged, the last copy is still good and no new one
            is written. Empty: there is no copy yet.

    Returns:
        the headers (HEADERS bytes), for the next call.

    Raises:
        StoreError: the disk is full. ConfigError: the copy cannot be written for another reason.
    """
    headers = os.pread(file, HEADERS, 0)
    if headers == saved:
        return headers
    numbers = con.execute("SELECT block_id FROM pragma_metadata_info() ORDER BY block_id").fetchall()
    size = _block_size(headers)
    blocks = [_NUMBER.pack(number) + os.pread(file, size, HEADERS + number * size) for (number,) in numbers]
    content = headers + _COUNT.pack(len(blocks)) + b"".join(blocks)
    copy = copy_path(path)
    unfinished = copy.with_name(f".{copy.name}.new")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content + hashlib.sha256(content).digest())
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(copy)
    except OSError as error:
        raise cannot_write(str(path), error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return headers


def remove_copy(path: Path) -> None:
    """Remove the copy of the blocks; call it once the database itself is completely written."""
    copy_path(path).unlink(missing_ok=True)


def restore_blocks(path: Path) -> bool:
    """Restore the blocks that a killed writer left half written; returns whether there were any.

    Does nothing while another process has the database open, or if this user may not write the file. The copy stays
    until a checkpoint finishes, because the next checkpoint may be cut short too.
    """
    copy = copy_path(path)
    try:
        saved = copy.read_bytes()
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _matches(file, saved):
            copy.unlink(missing_ok=True)
            return False
        return _write_back(file, saved)
    except BlockingIOError:
        return False
    finally:
        os.close(file)


def _matches(file: int, saved: bytes) -> bool:
    """Whether a copy is complete and has the headers that the file has now."""
    content, digest = saved[:-DIGEST], saved[-DIGEST:]
    return hashlib.sha256(content).digest() == digest and os.pread(file, HEADERS, 0) == content[:HEADERS]


def _write_back(file: int, saved: bytes) -> bool:
    """Write each block that differs from its copy; returns whether any did."""
    size, restored = _block_size(saved), False
    (n,) = _COUNT.unpack_from(saved, HEADERS)
    for at in range(HEADERS + 8, HEADERS + 8 + n * (8 + size), 8 + size):
        (number,) = _NUMBER.unpack_from(saved, at)
        block, offset = saved[at + 8 : at + 8 + size], HEADERS + number * size
        if os.pread(file, size, offset) != block:
            os.pwrite(file, block, offset)
            restored = True
    if restored:
        os.fsync(file)
    return restored


def _block_size(headers: bytes) -> int:
    (size,) = _COUNT.unpack_from(headers, BLOCK_SIZE_AT)
    return int(size)

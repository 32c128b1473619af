"""What DuckDB writes over in place is copied first, so that a kill in the middle leaves a database that opens.

A checkpoint of DuckDB 2.0 puts data into free blocks, but a block of metadata that has room it writes over, 256 KiB
at once, before the header says so. A kill, or loss of power, in the middle leaves it half new and half old: "Corrupt
database file: computed checksum ...". So a writer copies these blocks to PATH.blocks first, and whoever opens the
database next puts them back, if the header is still the one that they belong to; the log then brings back what was
committed. A doublewrite buffer, as InnoDB's: https://dev.mysql.com/doc/refman/8.4/en/innodb-doublewrite-buffer.html
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

HEADERS = 3 * 4096  # one of the file, and two of which the newer counts
BLOCK_SIZE_AT = 4096 + 40
_COUNT, _NUMBER = struct.Struct("<Q"), struct.Struct("<q")


def copy_of_blocks(path: Path) -> Path:
    """Where the copy is kept while somebody writes, and after a kill."""
    return path.with_name(f"{path.name}.blocks")


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The database file for `keep`, as a file descriptor.

    It is closed after the connection: with any handle of a file goes the lock that its process has on it.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def keep(file: int, path: Path, con: duckdb.DuckDBPyConnection, known: bytes = b"") -> bytes:
    """Copy the headers and the blocks of metadata of a database that is about to be written.

    Args:
        file: the database, as `opened` gives it.
        path: the database.
        con: a connection to it.
        known: the headers of the last copy; while the database still has these, it is as good.

    Returns:
        the headers.

    Raises:
        OSError: the copy cannot be written.
    """
    headers = os.pread(file, HEADERS, 0)
    if headers == known:
        return headers
    numbers = con.execute("SELECT block_id FROM pragma_metadata_info() ORDER BY block_id").fetchall()
    size = _size(headers)
    blocks = [_NUMBER.pack(number) + os.pread(file, size, HEADERS + number * size) for (number,) in numbers]
    content = headers + _COUNT.pack(len(blocks)) + b"".join(blocks)
    copy = copy_of_blocks(path)
    unfinished = copy.with_name(f".{copy.name}.new")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content + hashlib.sha256(content).digest())
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(copy)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    return headers


def drop(path: Path) -> None:
    """Remove the copy: what it guards was written whole."""
    copy_of_blocks(path).unlink(missing_ok=True)


def mend(path: Path) -> bool:
    """Put back the blocks that a killed writer left half written; whether there were any.

    Nothing is done while somebody has the database open, or where this user may not write. The copy stays until a
    checkpoint comes to its end: the next one may be cut short as well.
    """
    copy = copy_of_blocks(path)
    try:
        held = copy.read_bytes()
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _belongs(file, held):
            copy.unlink(missing_ok=True)
            return False
        return _put_back(file, held)
    except BlockingIOError:
        return False
    finally:
        os.close(file)


def _belongs(file: int, held: bytes) -> bool:
    """Whether a copy is whole, and of the state that the headers of this file stand for."""
    content, digest = held[:-32], held[-32:]
    return hashlib.sha256(content).digest() == digest and os.pread(file, HEADERS, 0) == content[:HEADERS]


def _put_back(file: int, held: bytes) -> bool:
    size, mended = _size(held), False
    (n,) = _COUNT.unpack_from(held, HEADERS)
    for at in range(HEADERS + 8, HEADERS + 8 + n * (8 + size), 8 + size):
        (number,) = _NUMBER.unpack_from(held, at)
        block, place = held[at + 8 : at + 8 + size], HEADERS + number * size
        if os.pread(file, size, place) != block:
            os.pwrite(file, block, place)
            mended = True
    if mended:
        os.fsync(file)
    return mended


def _size(headers: bytes) -> int:
    (size,) = _COUNT.unpack_from(headers, BLOCK_SIZE_AT)
    return int(size)

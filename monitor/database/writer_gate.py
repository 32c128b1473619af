"""A gate file beside the database. A waiting writer closes it, so that a stream of readers cannot block the writer.

README.md beside this file explains the reason. The gate is advisory: it does not stop a program that does not use it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

CLOSED_S, OPEN_S = 3.0, 0.5
POLL_S = 0.01


class Gate:
    """The gate of one database for the length of a `with` block. Its lock ends with the process that holds it.

    Args:
        path: the database file. The gate is the file PATH.gate, which only writers create.
        read_only: whether the caller is a reader, who passes the gate, or a writer, who may close it.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        self._start = time.monotonic()
        try:
            self._file = os.open(f"{path}.gate", flags, 0o600)
        except OSError:  # no writer has run yet, or the folder is not writable, which DuckDB reports
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.close(self._file)

    def wait(self, deadline: float) -> None:
        """Wait while a writer keeps the gate closed, until `deadline` (of time.monotonic()) at most."""
        while not self._try_lock(fcntl.LOCK_SH) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        self._try_lock(fcntl.LOCK_UN)

    def close_or_open(self) -> None:
        """Close the gate for CLOSED_S, then open it for OPEN_S, in turn; a waiting writer polls this method."""
        closed = (time.monotonic() - self._start) % (CLOSED_S + OPEN_S) < CLOSED_S
        self._try_lock(fcntl.LOCK_EX if closed else fcntl.LOCK_UN)

    def _try_lock(self, operation: int) -> bool:
        """Try to take the lock; returns whether it was free, or True if there is no gate."""
        if self._file < 0:
            return True
        try:
            fcntl.flock(self._file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

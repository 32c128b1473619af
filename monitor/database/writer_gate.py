"""A gate beside the database that a waiting writer shuts, so that a stream of readers cannot keep it out for good.

DuckDB lets many readers or one writer hold the file, and serves whoever asks when it is free: where one reader
always comes before the last has gone, that is never a writer. So readers pass the gate before they open the
file, and a writer that finds the file in use shuts it: those inside finish, the writer gets in, the others wait
a little. Behind one long question the gate stays shut for SHUT_S at a time and then opens for OPEN_S, so that
short questions are still answered within their patience. It is advisory: programs that do not know it go around.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

SHUT_S, OPEN_S = 3.0, 0.5
POLL_S = 0.01


class Gate:
    """The gate of one database, for the length of a `with` block; the lock goes with the process that holds it.

    Args:
        path: the database file; the gate is the file PATH.gate, which only writers make.
        read_only: whether a reader wants to pass, or a writer may have to shut it.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        self._began = time.monotonic()
        try:
            self._file = os.open(f"{path}.gate", flags, 0o600)
        except OSError:  # no writer was ever here, or none can be: DuckDB says what is wrong with the folder
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.close(self._file)

    def wait(self, deadline: float) -> None:
        """Let a reader wait, no longer than to this time.monotonic(), while a writer has shut the gate."""
        while not self._locked(fcntl.LOCK_SH) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        self._locked(fcntl.LOCK_UN)

    def turn(self) -> None:
        """Shut the gate, or open it for a moment; a waiting writer calls this again and again."""
        shut = (time.monotonic() - self._began) % (SHUT_S + OPEN_S) < SHUT_S
        self._locked(fcntl.LOCK_EX if shut else fcntl.LOCK_UN)

    def _locked(self, how: int) -> bool:
        """Whether the lock could be had at once; True where there is no gate."""
        if self._file < 0:
            return True
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

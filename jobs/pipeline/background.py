"""A chunk is committed in a thread while the next one is made, so that neither waits for the other."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType

GRACE_S = 1.0  # after a second Ctrl-C; who presses it waits for no reader


class Background:
    """Runs tasks in order beside the caller, who is at most one ahead; at the end of the block all are done.

    Inside the block the caller leaves alone what the tasks work on: they are the only ones to open the database.
    KeyboardInterrupt is raised in the task as well, if that is not done in GRACE_S: it may wait for a lock for long.

    Raises (where the next task is given, or at the end of the block, also of one that failed):
        what a task raised; those after it were not begun.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._done = Event()
        self._fault: BaseException | None = None

    def __enter__(self) -> Background:
        return self

    def run(self, task: Callable[..., None], *args: object) -> None:
        """Begin a task once the one before is done."""
        self._wait()
        self._done.clear()
        self._thread = Thread(target=self._do, args=(task, *args))
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the last task, also where the block failed: what was made before that is kept."""
        if isinstance(fault, KeyboardInterrupt):
            self._interrupt()
        self._wait()

    def _do(self, task: Callable[..., None], *args: object) -> None:
        try:
            task(*args)
        except BaseException as fault:
            self._fault = fault
        finally:
            self._done.set()

    def _wait(self) -> None:
        try:
            while self._works():
                self._done.wait(GRACE_S)
        except KeyboardInterrupt:
            self._interrupt()
            raise
        self._thread = None
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _works(self) -> bool:
        # Not join(): interrupted, Python 3.11's takes a thread that still runs for one that has ended.
        return self._thread is not None and self._thread.is_alive()

    def _interrupt(self) -> None:
        """Raise KeyboardInterrupt in the task, again where a library swallows it, until it ends."""
        while self._works():
            with suppress(KeyboardInterrupt):  # another Ctrl-C cuts the grace short
                self._done.wait(GRACE_S)
            if self._thread is not None and self._thread.ident is not None and self._works():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(KeyboardInterrupt)
                )

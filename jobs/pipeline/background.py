"""Commit a chunk on a background thread while the next one is computed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Event
from types import TracebackType

GRACE_S = 1.0  # seconds that a commit may still wait for the database after Ctrl-C


class Background:
    """Runs tasks one at a time on a background thread.

    The caller may be one task ahead; leaving the block waits for the last. Inside the block only the tasks may open
    the database. After Ctrl-C the last task has GRACE_S to end; then `stop` is set, and a task that still waits for
    the database must raise KeyboardInterrupt (`Database.writing(stop=...)` does).

    Raises (by the next `run`, or at the end of the block):
        the error of a task; no task starts after it.
    """

    def __init__(self) -> None:
        self.stop = Event()
        self._thread = ThreadPoolExecutor(1)
        self._tasks: list[Future[None]] = []

    def __enter__(self) -> Background:
        return self

    def run(self, task: Callable[..., None], *args: object) -> None:
        """Start a task as soon as the one before is done."""
        self._wait()
        self._tasks = [self._thread.submit(task, *args)]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the last task, also after an error in the block: its rows are worth keeping."""
        try:
            if isinstance(error, KeyboardInterrupt):
                self._stop()
            self._wait()
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            self._thread.shutdown(wait=False)

    def _wait(self) -> None:
        for task in self._tasks:
            task.result()

    def _stop(self) -> None:
        timeout_s: float | None = GRACE_S
        while not all(task.done() for task in self._tasks):
            with suppress(KeyboardInterrupt):  # a second Ctrl-C ends the grace
                wait(self._tasks, timeout_s)
            self.stop.set()
            timeout_s = None

"""A chunk is committed in a thread while the next one is made, so that neither waits for the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class Behind:
    """Runs tasks in order beside the caller, who is at most one ahead; at the end of the block all are done.

    Inside the block the caller leaves alone what the tasks work on: they are the only ones to open the database.

    Raises (where the next task is given, or at the end of the block, also of one that failed):
        what a task raised; those after it were not begun.
    """

    def __enter__(self) -> Behind:
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None
        return self

    def run(self, task: Callable[..., None], *args: object) -> None:
        """Begin a task once the one before is done."""
        self._wait()
        self._last = self._thread.submit(task, *args)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the last task, also where the block failed: what was made before that is kept."""
        with self._thread:
            self._wait()

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

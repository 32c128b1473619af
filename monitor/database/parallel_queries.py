"""Several questions to a database at once: those of a night are short, and most of each keeps one core busy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import duckdb

AT_ONCE = 2
NAP_S = 0.05  # no wait is longer: polars' signal handler has the system go on waiting, and Ctrl-C would go unheard
Params = ParamSpec("Params")
Answer = TypeVar("Answer")


class Asked(Generic[Answer]):
    """A question that was asked."""

    def __init__(self, future: Future[Answer]) -> None:
        self._future = future

    def result(self) -> Answer:
        """Wait for the answer, or raise what the question raised."""
        while not self._future.done():
            wait([self._future], NAP_S)
        return self._future.result()


class Questions:
    """Asks questions in AT_ONCE threads, for the length of a `with` block; at its end all are answered.

    They see what is committed. Where the block fails, those that wait are not asked, and the others end at once.

    Args:
        con: a connection that stays open for that long; each thread has a cursor of it.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._cursors = [con.cursor() for _ in range(AT_ONCE)]
        self._idle = SimpleQueue[duckdb.DuckDBPyConnection]()
        for cursor in self._cursors:
            cursor.execute("SET TimeZone = 'UTC'")  # a cursor has the settings of no other
            self._idle.put(cursor)
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def ask(
        self,
        question: Callable[Concatenate[duckdb.DuckDBPyConnection, Params], Answer],
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> Asked[Answer]:
        """Call question(cursor, ...) as soon as a thread is free."""

        def answer() -> Answer:
            cursor = self._idle.get()
            try:
                return question(cursor, *args, **kwargs)
            finally:
                self._idle.put(cursor)

        future = self._threads.submit(answer)
        self._futures.append(future)
        return Asked(future)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the answers; what a question raised is raised by its `result` alone."""
        try:
            while kind is None and (working := self._working()):
                wait(working, NAP_S)
        finally:
            self._end()

    def _end(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        while working := self._working():
            for cursor in self._cursors:
                cursor.interrupt()
            with suppress(KeyboardInterrupt):  # they end all the same
                wait(working, NAP_S)  # and again, for one between two statements does not hear it
        for cursor in self._cursors:
            cursor.close()

    def _working(self) -> list[Future[Any]]:
        return [future for future in self._futures if not future.done()]

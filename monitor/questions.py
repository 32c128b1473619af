"""Several questions to a database at once: those of a night are short, and most of each keeps one core busy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import duckdb

AT_ONCE = 2
NAP_S = 0.05
Params = ParamSpec("Params")
Answer = TypeVar("Answer")


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
        self._asked: list[Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def ask(
        self,
        question: Callable[Concatenate[duckdb.DuckDBPyConnection, Params], Answer],
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> Future[Answer]:
        """Call question(cursor, ...) as soon as a thread is free."""

        def answer() -> Answer:
            cursor = self._idle.get()
            try:
                return question(cursor, *args, **kwargs)
            finally:
                self._idle.put(cursor)

        asked = self._threads.submit(answer)
        self._asked.append(asked)
        return asked

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the answers; what a question raised is raised by its `result` alone."""
        try:
            if kind is None:
                wait(self._asked)
        finally:
            self._end()

    def _end(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        while working := [asked for asked in self._asked if not asked.done()]:
            for cursor in self._cursors:
                cursor.interrupt()
            wait(working, NAP_S)  # and again, for one that had not quite begun does not hear it
        for cursor in self._cursors:
            cursor.close()

"""Connections whose queries end on Ctrl-C.

DuckDB 2.0 checks for Ctrl-C only between the tasks of the calling thread. Then it waits for its other threads, whose
tasks run to their end. In a query of an hour, half of all Ctrl-C presses had no effect. But all of DuckDB's threads
check for `interrupt`, so the signal handler here calls that method.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import duckdb


@contextmanager
def connected(*database: Any, **options: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """`duckdb.connect` for the length of a block; Ctrl-C ends queries inside it (`ctrl_c_ends_queries`)."""
    with duckdb.connect(*database, **options) as con, ctrl_c_ends_queries(con):
        yield con


@contextmanager
def interrupts_named() -> Iterator[None]:
    """Turn the RuntimeError that DuckDB raises after Ctrl-C into KeyboardInterrupt."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


@contextmanager
def ctrl_c_ends_queries(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Inside the block Ctrl-C first calls the previous handler; if that raises, the query is interrupted.

    With a previous handler that only records the signal, such as a nightly run's, the query finishes. Without a
    handler in Python nothing changes. A block outside the main thread has no effect, because Python handles signals
    in the main thread alone.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        try:
            before(number, frame)
        except BaseException:
            with suppress(duckdb.Error):  # the connection may be closed
                con.interrupt()
            raise

    signal.signal(signal.SIGINT, handler)
    try:
        with interrupts_named():
            yield
    finally:
        if signal.getsignal(signal.SIGINT) is handler:
            signal.signal(signal.SIGINT, before)

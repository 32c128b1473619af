"""Connections whose queries end on Ctrl-C.

DuckDB 2.0 looks for Ctrl-C between the tasks of the calling thread alone. It then waits for its other threads, and a
task of theirs runs to its end: every second Ctrl-C had no effect on a query of an hour, whichever way its result was
fetched. `interrupt` is what its threads look for, so the signal's handler calls it.
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
    """`duckdb.connect` for the length of a block, inside which `ctrl_c_ends_queries`."""
    with duckdb.connect(*database, **options) as con, ctrl_c_ends_queries(con):
        yield con


@contextmanager
def interrupts_named() -> Iterator[None]:
    """DuckDB raises RuntimeError where Ctrl-C ended a query; callers see KeyboardInterrupt."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


@contextmanager
def ctrl_c_ends_queries(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Inside the block Ctrl-C interrupts the connection's query, if the handler that was there before raises.

    A handler that only notes the signal, as a nightly run's, lets the query finish. A block in another thread than
    the main one changes nothing, because Python handles signals in that thread alone.
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

"""Stopping when asked: on SIGTERM a run ends the chunk it is in, commits it, and leaves the rest to the next run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAP_S = 0.2

_asked = False


class Stopped(Exception):  # noqa: N818  (it is no error)
    """The run was asked to stop, and what it did so far is kept; it ends with exit code 0."""


@contextmanager
def stoppable() -> Iterator[None]:
    """For the length of a block SIGTERM ends no process: the next `checkpoint` raises.

    An inner block changes nothing; neither does one in a thread, where Python hears no signals.
    """
    global _asked
    if signal.getsignal(signal.SIGTERM) is _ask or threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked = False
    before = signal.signal(signal.SIGTERM, _ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _asked = False


def checkpoint() -> None:
    """Raise Stopped where it was asked for; called where everything done is committed."""
    if _asked:
        raise Stopped


def sleep(seconds: float) -> None:
    """Wait, and raise Stopped as soon as it is asked for."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        checkpoint()
        time.sleep(min(left, NAP_S))
    checkpoint()


def _ask(_number: int, _frame: FrameType | None) -> None:
    global _asked
    _asked = True

"""Stopping when asked: on SIGTERM or Ctrl-C a run ends its chunk, commits it, and leaves the rest to the next run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAP_S = 0.2
SIGNALS = (signal.SIGTERM, signal.SIGINT)
AGAIN = b"stopping at the end of this chunk; Ctrl-C again stops at once\n"

_asked = 0


class Stopped(Exception):  # noqa: N818  (it is no error)
    """The run was asked to stop, and what it did so far is kept.

    Attributes:
        code: of the exit: 0, and 130 after Ctrl-C, so that no shell goes on with the next command.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.code = 0 if number == signal.SIGTERM else 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """For the length of a block neither SIGTERM nor a first Ctrl-C ends the process: the next `checkpoint` raises.

    An inner block changes nothing; neither does one in a thread, where Python hears no signals. A signal that is
    ignored stays so.
    """
    global _asked
    if signal.getsignal(signal.SIGTERM) is _ask or threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked = 0
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _asked = 0


def raise_if_stopped() -> None:
    """Raise Stopped where it was asked for; called where everything done is committed."""
    if _asked:
        raise Stopped(_asked)


def sleep(seconds: float) -> None:
    """Wait, and raise Stopped as soon as it is asked for."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        raise_if_stopped()
        time.sleep(min(left, NAP_S))
    raise_if_stopped()


def _ask(number: int, _frame: FrameType | None) -> None:
    global _asked
    _asked = number
    if number == signal.SIGINT:
        signal.signal(number, signal.default_int_handler)
        os.write(2, AGAIN)  # straight, for the handler may have interrupted whoever prints

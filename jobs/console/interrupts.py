"""Stop a run on SIGTERM or Ctrl-C: it finishes its chunk, commits it, and leaves the rest to the next run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

POLL_S = 0.2
SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOPPING = b"stopping at the end of this chunk; Ctrl-C again stops at once\n"

_requested_signal = 0


class Stopped(Exception):  # noqa: N818  (it is no error)
    """The run was asked to stop; what it did so far is committed.

    Attributes:
        code: exit code; 0 after SIGTERM, 130 after Ctrl-C, so that a shell does not start the next command.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.code = 0 if number == signal.SIGTERM else 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """A block in which SIGTERM and the first Ctrl-C do not end the process; the next `raise_if_stopped` raises
    instead.

    An inner block changes nothing. A block in another thread changes nothing either, because Python receives no
    signals there. A signal that is ignored stays ignored.
    """
    global _requested_signal
    if signal.getsignal(signal.SIGTERM) is _request_stop or threading.current_thread() is not threading.main_thread():
        yield
        return
    _requested_signal = 0
    try:
        with _handled(dict.fromkeys(SIGNALS, _request_stop)):
            yield
    finally:
        _requested_signal = 0


@contextmanager
def ending_at_once() -> Iterator[None]:
    """A block within `stoppable` in which a signal ends the process, because there is no chunk to finish yet.

    SIGTERM has its default effect, and Ctrl-C raises KeyboardInterrupt. No other handler would run if a model's files
    made a library compute for ever.

    Raises:
        Stopped: a signal came before the block.
    """
    raise_if_stopped()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled({signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}):
        yield


@contextmanager
def _handled(handlers: Mapping[int, Any]) -> Iterator[None]:
    """Install these signal handlers for the length of a block; ignored signals stay ignored."""
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        if before[number] != signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if_stopped() -> None:
    """Raise Stopped after SIGTERM or Ctrl-C. Call it only where everything done so far is committed."""
    if _requested_signal:
        raise Stopped(_requested_signal)


def sleep(seconds: float) -> None:
    """Wait; raise Stopped soon after SIGTERM or Ctrl-C."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        raise_if_stopped()
        time.sleep(min(left, POLL_S))
    raise_if_stopped()


def _request_stop(number: int, _frame: FrameType | None) -> None:
    global _requested_signal
    if number == _requested_signal == signal.SIGINT:
        raise KeyboardInterrupt
    _requested_signal = number
    if number == signal.SIGINT:
        os.write(2, STOPPING)  # not print: the handler may interrupt a print

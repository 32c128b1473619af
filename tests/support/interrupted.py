"""A process that receives signals once it has printed a line."""

import signal
import time
from collections.abc import Callable

from tests.support.forked import Forked

LIMIT_S = 60
Send = Callable[[Forked], None]


def interrupted(code: str, *words: object, at: str, send: Send) -> tuple[int, str]:
    """Exit code and error stream of Python code that received signals once it had printed the line `at`."""
    process = Forked(code, *words, variables={"NO_COLOR": "1", "AWAITED": at})
    try:
        assert any(line.strip() == at for line in process.stdout), process.communicate()[1]
        send(process)
        _, error = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()  # a process that missed the signal would run on beside the other tests
    return process.wait(), error


def once(process: Forked) -> None:
    process.send_signal(signal.SIGINT)


def twice(process: Forked) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)


def twice_heard(process: Forked) -> None:
    """Ctrl-C, and again after the first was handled: while a library holds Python's lock, two count as one."""
    process.send_signal(signal.SIGINT)
    assert any("Ctrl-C again stops at once" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)

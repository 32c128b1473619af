"""A process that receives signals once it has printed a line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from monitor.database.statements import SQL

LIMIT_S = 60
Send = Callable[[subprocess.Popen[str]], None]


def interrupted(code: str, *words: object, at: str, send: Send) -> tuple[int, str]:
    """Exit code and error stream of Python code that received signals once it had printed the line `at`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SQL.parent), "NO_COLOR": "1", "AWAITED": at},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # the caller of the tests may ignore SIGINT
    )
    try:
        assert process.stdout is not None
        assert any(line.strip() == at for line in process.stdout), process.communicate()[1]
        send(process)
        _, error = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()  # a process that missed the signal would run on beside the other tests
    return process.returncode, error


def once(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def twice(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)


def twice_heard(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, and again after the first was handled: while a library holds Python's lock, two count as one."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("Ctrl-C again stops at once" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)

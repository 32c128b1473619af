"""A process that is sent signals at a moment it tells of."""

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
    """Exit code and error stream of Python code that was sent signals once it printed the line `at`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SQL.parent), "NO_COLOR": "1", "AWAITED": at},
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # whoever runs the tests may ignore it
    )
    try:
        assert process.stdout is not None
        assert any(line.strip() == at for line in process.stdout), process.communicate()[1]
        send(process)
        _, error = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()  # one that did not hear the signal would go on beside the other tests
    return process.returncode, error


def once(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def twice(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)


def twice_heard(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, and again once the first was heard: while a library holds Python's lock, two are one."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("Ctrl-C again stops at once" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)

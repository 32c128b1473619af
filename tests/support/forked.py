"""Python code in a process of its own, forked from one that has imported the program: a start costs two seconds.

Such a process is one like any other, with its own signals, streams, variables, folder and limits; its imports
and the reading of the shipped crisis list alone are done before it begins, and what it registers with atexit does
not run. Tests of the start itself start an interpreter.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor import ROOT

WARM = (
    *("jobs.cli", "jobs.nightly", "jobs.score", "jobs.watch", "jobs.query"),
    *("tests.support.nightly_process", "tests.support.lake_process", "tests.support.read_crisis_list"),
)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(list(WARM))


class Forked:
    """A running process, with the methods of subprocess.Popen that the tests use; its streams are text.

    Args:
        code: what it runs, as `python -c` would.
        words: its arguments.
        folder: its working folder; default: that of the checkout.
        file_bytes: the largest file that it may write.
        variables: environment variables beside those of this process.
    """

    def __init__(
        self,
        code: str,
        *words: object,
        folder: Path = ROOT,
        file_bytes: int | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        warm_up()
        (output, out), (error, err) = (PROCESSES.Pipe(duplex=False) for _ in range(2))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
        task = (out, err, code, [str(word) for word in words], environment, folder, file_bytes)
        self._process = PROCESSES.Process(target=_run, args=task)
        self._process.start()
        self.stdout, self.stderr = (os.fdopen(os.dup(end.fileno()), errors="replace") for end in (output, error))
        for end in (output, out, error, err):
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.communicate()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        if self._process.is_alive():
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("python", timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still writes to its output and its error stream, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        read: dict[str, str] = {}
        streams = {"output": self.stdout, "error": self.stderr}
        readers = [
            threading.Thread(target=lambda name=name: read.update({name: streams[name].read()}), daemon=True)
            for name in streams
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        for stream in streams.values():
            stream.close()
        return read["output"], read["error"]


def run(code: str, *words: object, **options: Path | int | dict[str, str] | None) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with text and both streams, for code as `Forked` takes it."""
    process = Forked(code, *words, **options)  # type: ignore[arg-type]
    output, error = process.communicate()
    return subprocess.CompletedProcess([code, *map(str, words)], process.wait(), output, error)


def warm_up() -> None:
    """Start the process to fork from, if it does not run yet, where it finds the modules to import."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update({"PYTHONPATH": before})


def _run(
    out: Connection,
    err: Connection,
    code: str,
    words: list[str],
    environment: dict[str, str],
    folder: Path,
    file_bytes: int | None,
) -> None:
    """What the forked process does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, end in ((1, out), (2, err)):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    random.seed()
    sys.argv = ["-c", *words]
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})

"""Pictures from Vega-Lite specifications, drawn in this process or in worker processes.

The renderer holds Python's lock while it draws, so other processes draw pictures while this one builds pages.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import TracebackType
from typing import Any

import vl_convert

from monitor.errors import ConfigError, MonitorError, cannot_write

PROCESSES = 2  # a report has so many large pictures
NO_ROOM = (
    "no picture can be drawn, because this process may address too little memory (ulimit -v), of which the renderer "
    "reserves 64 GB; start it with `ulimit -v unlimited`, and limit memory by a container or by systemd's MemoryMax"
)
TRIAL = "import vl_convert; vl_convert.vegalite_to_svg({'mark': 'point', 'data': {'values': []}})"
INVISIBLE = re.compile(r'<line [^>]*\bopacity="0"[^>]*/>')


def put(file: Path, content: str | bytes) -> Path:
    """Replace a file in one step: readers see the old content or the new, never a part. The file gets a new mode."""
    file.parent.mkdir(exist_ok=True)
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.unlink(missing_ok=True)
    try:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        return unfinished.replace(file)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


@cache
def can_draw() -> bool:
    """Whether the renderer can start. With too small an address space it would end this process with a stack trace.

    If the address space is limited, another process tries to start it.
    """
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return True
    trial = subprocess.run([sys.executable, "-P", "-c", TRIAL], capture_output=True, check=False)
    return trial.returncode == 0


def require_drawing() -> None:
    """Check that the renderer can start.

    Raises:
        ConfigError: NO_ROOM.
    """
    if not can_draw():
        raise ConfigError(NO_ROOM)


def svg(spec: dict[str, Any], version: str) -> str:
    """Render a chart as SVG, without the marks that show only under the pointer: they make its PNG slow.

    The renderer writes dates in descriptions in the machine's time zone. We set it to UTC, because our days are UTC.
    """
    with _variables({"TZ": "UTC"}):
        drawing: str = vl_convert.vegalite_to_svg(spec, vl_version=version)
    return INVISIBLE.sub("", drawing)


def png(drawing: str) -> bytes:
    """Render an SVG as PNG, two pixels a point."""
    picture: bytes = vl_convert.svg_to_png(drawing, scale=2)
    return picture


def draw(version: str, spec: dict[str, Any], file: Path, *, with_png: bool) -> None:
    """Render a specification of this version of Vega-Lite as SVG into `file`, and as PNG beside it if asked.

    Raises:
        OSError: a file cannot be written. ConfigError: as `require_drawing`.
    """
    require_drawing()
    drawing = svg(spec, version)
    put(file, drawing)
    if with_png:
        put(file.with_suffix(".png"), png(drawing))


class Drawer:
    """Draws pictures in PROCESSES worker processes. When the block ends, all pictures are written.

    Args:
        version: of Vega-Lite; each worker loads it at once.
        private: only the owner may read the pictures.

    Raises (at the end of the block):
        ConfigError: a picture cannot be written. MonitorError: a worker was killed.
    """

    def __init__(self, version: str, *, private: bool) -> None:
        self._version, self._umask = version, 0o077
        if not private:  # read now, because this process has another mask while a thread commits
            self._umask = os.umask(0o077)
            os.umask(self._umask)
        self._pool: ProcessPoolExecutor | None = None
        self._pictures: list[tuple[Path, Future[None]]] = []

    def __enter__(self) -> Drawer:
        return self

    def start(self) -> ProcessPoolExecutor:
        """Start the workers, unless they run. An early call loads the renderer while other work is done.

        Raises:
            MonitorError: a process cannot start.
        """
        if self._pool is None:
            try:
                with _inherited():
                    self._pool = ProcessPoolExecutor(
                        PROCESSES, get_context("spawn"), _prepare, (self._version, self._umask)
                    )
                    for _ in range(PROCESSES):  # the pool starts a worker only for a task that finds none idle
                        self._pool.submit(os.getpid)
            except OSError as error:
                raise MonitorError(f"cannot start a process that draws pictures ({error.strerror})") from error
        return self._pool

    def draw(self, spec: dict[str, Any], file: Path, *, with_png: bool) -> None:
        """As the function `draw`, but in a worker."""
        with _one_clear_error(file):
            task = self.start().submit(draw, self._version, spec, file.absolute(), with_png=with_png)
        self._pictures.append((file, task))

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the pictures, unless the block failed, and end the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=kind is not None)
        for file, task in self._pictures if kind is None else ():
            with _one_clear_error(file):
                task.result()


@contextmanager
def _one_clear_error(file: Path) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise MonitorError(
            f"--out {file.parent}: a process that draws pictures was killed, perhaps for want of memory; run again"
        ) from error
    except OSError as error:
        raise cannot_write(f"--out {file.parent}", error) from error


@contextmanager
def _inherited() -> Iterator[None]:
    """Settings that a worker inherits: it ignores Ctrl-C, and imports nothing from the working folder."""
    variables = {
        "PYTHONSAFEPATH": "1",
        # The warning comes from a killed run.
        "PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker",
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _variables(variables):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the length of a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _prepare(version: str, umask: int) -> None:
    """Prepare a worker: make it end with the run, even a killed one, and load the renderer."""
    os.umask(umask)
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    png(svg({"mark": "point", "data": {"values": []}}, version))


def _end_with_the_run() -> None:
    run = parent_process()
    assert run is not None
    run.join()
    os._exit(1)

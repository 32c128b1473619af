"""Pictures from Vega-Lite specifications, drawn here or in a process of their own.

The renderer holds Python's lock while it draws, so that only another process can draw beside what builds pages.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

import vl_convert

from monitor.errors import ConfigError, MonitorError

PROCESSES = 2  # as many pictures are large
INVISIBLE = re.compile(r'<line [^>]*\bopacity="0"[^>]*/>')


def put(file: Path, content: str | bytes) -> Path:
    """Write a file in one step: a reader finds the old one or the new one, never half. Its mode is a new file's."""
    file.parent.mkdir(exist_ok=True)
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    return unfinished.replace(file)


def svg(spec: dict[str, Any], version: str) -> str:
    """Without the rules that only the pointer makes visible: hundreds of layers, which a PNG takes long to merge."""
    drawing: str = vl_convert.vegalite_to_svg(spec, vl_version=version)
    return INVISIBLE.sub("", drawing)


def png(drawing: str) -> bytes:
    """An SVG in two dots a point."""
    picture: bytes = vl_convert.svg_to_png(drawing, scale=2)
    return picture


def draw(version: str, spec: dict[str, Any], file: Path, *, with_png: bool) -> None:
    """Put the picture of a specification for this version of Vega-Lite as SVG into `file`, and as PNG beside it.

    Raises:
        OSError: they cannot be written.
    """
    drawing = svg(spec, version)
    put(file, drawing)
    if with_png:
        put(file.with_suffix(".png"), png(drawing))


class Drawer:
    """Draws in PROCESSES of its own, each one picture after another; at the end of the block all are there.

    Args:
        version: of Vega-Lite, which the processes load at once.
        private: only their owner may read the pictures.

    Raises (at the end of the block):
        ConfigError: a picture cannot be written. RuntimeError: a process ended before its time.
    """

    def __init__(self, version: str, *, private: bool) -> None:
        self._version, self._umask = version, 0o077
        if not private:  # the mask of now: while a thread commits, that of this process is another
            self._umask = os.umask(0o077)
            os.umask(self._umask)

        self._renderers: list[_Renderer] = []
        self._idle = SimpleQueue[_Renderer]()
        self._turns = ThreadPoolExecutor(PROCESSES)
        self._asked: list[Future[None]] = []

    def __enter__(self) -> Drawer:
        return self

    def start(self) -> None:
        """Start the processes, before the first picture where that can be done beside something else."""
        while len(self._renderers) < PROCESSES:
            try:
                self._renderers.append(_Renderer(self._version, self._umask))
            except OSError as error:
                raise MonitorError(
                    f"cannot start a process that draws pictures ({error.strerror})"
                ) from error
            self._idle.put(self._renderers[-1])

    def draw(self, spec: dict[str, Any], file: Path, *, with_png: bool) -> None:
        """As the function `draw`, but later."""
        self.start()
        asked = json.dumps([spec, str(file.absolute()), with_png])
        self._asked.append(self._turns.submit(self._ask, asked, file.parent))

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the pictures, unless the block failed, and end the processes."""
        self._turns.shutdown(cancel_futures=kind is not None)
        for renderer in self._renderers:
            renderer.end()
        if kind is None:
            for asked in self._asked:
                asked.result()

    def _ask(self, asked: str, out: Path) -> None:
        renderer = self._idle.get()
        try:
            fault = renderer.ask(asked)
        finally:
            self._idle.put(renderer)
        if fault:
            raise ConfigError(f"--out {out}: cannot write there ({fault}); name another folder")


class _Renderer:
    """A process that runs `serve`; in a session of its own, so that Ctrl-C is this one's to hear."""

    def __init__(self, version: str, umask: int) -> None:
        self.process = subprocess.Popen(
            # With the path of this process and no more: -m alone would look for modules in the working folder first.
            [sys.executable, "-P", "-m", "reports.style.rendering", version],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            umask=umask,
        )

    def ask(self, asked: str) -> str | None:
        """Have a picture drawn; why it cannot be written, or None."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(asked.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise RuntimeError("a process that draws pictures ended before its time")
        fault: str | None = json.loads(answer)
        return fault

    def end(self) -> None:
        """Let the process end, and wait for that."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve(version: str) -> None:
    """Load the renderer, then draw what comes a line each; answer null, or why it cannot be written.

    Ends where nobody listens any more: the run was killed.
    """
    png(svg({"mark": "point", "data": {"values": []}}, version))
    for line in sys.stdin:
        spec, file, with_png = json.loads(line)
        fault = None
        try:
            draw(version, spec, Path(file), with_png=with_png)
        except OSError as error:
            fault = error.strerror or str(error)
        try:
            os.write(1, json.dumps(fault).encode() + b"\n")
        except BrokenPipeError:
            return


if __name__ == "__main__":
    serve(*sys.argv[1:])

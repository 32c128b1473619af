"""Progress on the error stream: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

PLAIN_EVERY_S = 10.0
Advance = Callable[[int], None]


@contextmanager
def progress(doing: str, unit: str, total: int | None = None) -> Iterator[Advance]:
    """Show progress for the length of a block; call what it gives with the number of units done since.

    Args:
        doing: what is done, such as "scoring".
        unit: what is counted, such as "texts".
        total: how many there are, where that is known.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        lines = _Lines(doing, unit, total)
        yield lines.advance
        lines.end()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(40), _Numbers(unit))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda n: bar.advance(task, n)


def print_note(message: str) -> None:
    """One line about what is done now."""
    print_line(Text(without_control_characters(message), style="dim"))


def print_warning(message: str) -> None:
    """One line about what somebody should look into."""
    print_line(Text(without_control_characters(message), style="yellow"))


def print_line(line: Text) -> None:
    """A line on the error stream, if it takes one: a full disk under the log must not cost a night its rows."""
    with suppress(OSError):
        Console(stderr=True).print(line, soft_wrap=True)


def without_control_characters(text: str) -> str:
    """The text without the control characters by which it could take over a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def format_progress(done: float, total: float | None, unit: str, rate: float | None) -> str:
    """`1,200 of 4,800 texts (25%) · 300 texts/s · 12 s left`, as far as it is known."""
    parts = [f"{done:,.0f} {unit}"]
    if total:
        parts = [f"{done:,.0f} of {total:,.0f} {unit} ({done / total:.0%})"]
    if rate:
        parts.append(f"{rate:,.0f} {unit}/s")
        if total and done < total:
            parts.append(f"{format_duration((total - done) / rate)} left")
    return " · ".join(parts)


def format_duration(seconds: float) -> str:
    """Seconds for people: `0.8 s`, `12 s`, `2 min 5 s`, `1 h 12 min`."""
    whole = round(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _Numbers(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The right end of the bar."""
        return Text(format_progress(task.completed, task.total, self._unit, task.speed))


class _Lines:
    """Plain lines, one every PLAIN_EVERY_S seconds and one at the end."""

    def __init__(self, doing: str, unit: str, total: int | None) -> None:
        self._doing, self._unit, self._total = doing, unit, total
        self._done, self._told = 0, -1
        self._began = self._said = time.monotonic()

    def advance(self, n: int) -> None:
        """Count n more units; say so if it is time."""
        self._done += n
        if time.monotonic() - self._said >= PLAIN_EVERY_S:
            self._say()

    def end(self) -> None:
        """Say the last line, unless it was said."""
        if self._told < self._done:
            self._say()

    def _say(self) -> None:
        self._said, self._told = time.monotonic(), self._done
        rate = self._done / max(self._said - self._began, 1e-9) if self._done else None
        print_line(Text(f"{self._doing}: {format_progress(self._done, self._total, self._unit, rate)}"))

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
def progress(activity: str, unit: str, total: int | None = None) -> Iterator[Advance]:
    """Show progress for the length of a block; the value of the block is a function that adds finished units.

    Args:
        activity: such as "scoring".
        unit: such as "texts".
        total: number of units; None if it is unknown.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        lines = _PlainProgress(activity, unit, total)
        yield lines.advance
        lines.end()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(40), _ProgressText(unit))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(activity, total=total)
        yield lambda n: bar.advance(task, n)


def print_note(message: str) -> None:
    """Print one line about the current step."""
    print_line(Text(without_control_characters(message), style="dim"))


def print_warning(message: str) -> None:
    """Print one line about something to check."""
    print_line(Text(without_control_characters(message), style="yellow"))


def print_line(line: Text) -> None:
    """Print a line on the error stream; a full disk under the log must not end a night."""
    with suppress(OSError):
        Console(stderr=True).print(line, soft_wrap=True)


def without_control_characters(text: str) -> str:
    """Replace control characters, which could take over a terminal, by spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


def format_progress(done: float, total: float | None, unit: str, rate: float | None) -> str:
    """`1,200 of 4,800 texts (25%) · 300 texts/s · 12 s left`, without the parts that are None."""
    parts = [f"{done:,.0f} {unit}"]
    if total:
        parts = [f"{done:,.0f} of {total:,.0f} {unit} ({done / total:.0%})"]
    if rate:
        parts.append(f"{rate:,.0f} {unit}/s")
        if total and done < total:
            parts.append(f"{format_duration((total - done) / rate)} left")
    return " · ".join(parts)


def format_duration(seconds: float) -> str:
    """Seconds as words: `0.8 s`, `12 s`, `2 min 5 s`, `1 h 12 min`."""
    whole = round(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _ProgressText(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The right end of the bar."""
        return Text(format_progress(task.completed, task.total, self._unit, task.speed))


class _PlainProgress:
    """Plain lines, one every PLAIN_EVERY_S seconds and one at the end."""

    def __init__(self, activity: str, unit: str, total: int | None) -> None:
        self._activity, self._unit, self._total = activity, unit, total
        self._done, self._printed = 0, -1
        self._started = self._printed_at = time.monotonic()

    def advance(self, n: int) -> None:
        """Count n more units; print a line if it is time."""
        self._done += n
        if time.monotonic() - self._printed_at >= PLAIN_EVERY_S:
            self._print()

    def end(self) -> None:
        """Print the last line, unless it was printed."""
        if self._printed < self._done:
            self._print()

    def _print(self) -> None:
        self._printed_at, self._printed = time.monotonic(), self._done
        rate = self._done / max(self._printed_at - self._started, 1e-9) if self._done else None
        print_line(Text(f"{self._activity}: {format_progress(self._done, self._total, self._unit, rate)}"))

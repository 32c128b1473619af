"""The small curve on a person's card: weekly means of the last 12 weeks, as inline SVG that needs no script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from markupsafe import Markup

WEEKS = 12
WIDTH, HEIGHT, MARGIN = 220, 64, 5


class Curve(NamedTuple):
    """A drawing, and a sentence with the same numbers."""

    svg: Markup
    label: str


def draw(weeks: Mapping[int, float], past: float | None, limit: float, label: str) -> Curve:
    """Draw the curve of one person.

    Args:
        weeks: week -> mean from 0 to 1. Weeks count back from the report's last day; 0 is the last week. A week
            without texts is missing.
        past: mean of the person's own past, drawn as a dashed line; None: no line.
        limit: the alert line, a dotted line.
        label: a sentence with the same numbers, which screen readers read.
    """
    top = max([*weeks.values(), limit, past or 0, 0.5]) * 1.08

    def x(week: float) -> str:
        return f"{MARGIN + (WEEKS - 1 - week) / (WEEKS - 1) * (WIDTH - 2 * MARGIN):.1f}"

    def y(mean: float) -> str:
        return f"{HEIGHT - MARGIN - mean / top * (HEIGHT - 2 * MARGIN):.1f}"

    parts = [f'<line class="limit" x1="0" x2="{WIDTH}" y1="{y(limit)}" y2="{y(limit)}"/>']
    if past is not None:
        parts.append(f'<line class="past" x1="{x(8.4)}" x2="{x(0.6)}" y1="{y(past)}" y2="{y(past)}"/>')
    for run in _runs(weeks):
        points = " ".join(f"{x(week)},{y(weeks[week])}" for week in run)
        parts.append(f'<polyline class="course" points="{points}"/>')
    for week, mean in sorted(weeks.items(), reverse=True):
        look, radius = ("last", 3.5) if week == 0 else ("week", 1.6)
        parts.append(f'<circle class="{look}" cx="{x(week)}" cy="{y(mean)}" r="{radius}"/>')
    body = Markup("".join(parts))  # only numbers, so nothing must be escaped
    svg = Markup('<svg class="curve" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>')
    return Curve(svg.format(label, WIDTH, HEIGHT, body), label)


def _runs(weeks: Mapping[int, float]) -> list[list[int]]:
    """Runs of weeks without a gap, the oldest first."""
    runs: list[list[int]] = []
    for week in sorted(weeks, reverse=True):
        if runs and runs[-1][-1] == week + 1:
            runs[-1].append(week)
        else:
            runs.append([week])
    return runs

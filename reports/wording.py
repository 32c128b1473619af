"""How numbers and dates are written, the same way everywhere in a report."""

from __future__ import annotations

import datetime as dt

MINUS = "−"
WITHHELD = "withheld"


def percent(value: float | None, digits: int = 1) -> str:
    """0.2345 -> 23.4% (None -> an en dash)."""
    return "–" if value is None else f"{value * 100:.{digits}f}%"


def exact(value: float) -> str:
    """A set level, with no more digits than it has: 0.5 -> 50%, 0.375 -> 37.5%."""
    return f"{value * 100:.6g}%"


def points(change: float) -> str:
    """A change of two shares: 0.021 -> +2.1 points."""
    rounded = round(change * 100, 1)
    return f"{_sign(rounded)}{abs(rounded):.1f} points"


def count(value: int, noun: str = "") -> str:
    """1234, "text" -> 1,234 texts."""
    plural = noun if value == 1 else f"{noun}s"
    return f"{value:,} {plural}" if noun else f"{value:,}"


def change(value: int) -> str:
    """12 -> +12, -3 -> −3, with a true minus."""
    return f"{_sign(value)}{abs(value):,}"


def day(value: dt.date | str, *, year: bool = True) -> str:
    """A date, or its ISO string, as 4 May 2026."""
    date = dt.date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{date.day} {date:%b %Y}" if year else f"{date.day} {date:%b}"


def _sign(value: float) -> str:
    return "+" if value > 0 else MINUS if value < 0 else "±"

"""Cron expressions on a wall clock: every night once, also in the nights when the clocks change.

A time that the clocks jump over in spring comes when they have jumped (02:30 at 03:30), a time that comes twice
in autumn is taken the first time only. (APScheduler's own CronTrigger fires twice in autumn, leaves a night
out where the clocks jump at midnight, and counts weekdays from Monday.)
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor.errors import ConfigError

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FURTHEST_DAYS = 366 * 8 + 2  # from one 29 February to the next, around a year such as 2100


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 7, DAYS),
)


@dataclass(frozen=True)
class Cron:
    """When something is due; make it with `parse`. The tuples are sorted; weekday 0 is Sunday."""

    zone: ZoneInfo
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @classmethod
    def parse(cls, expression: str, zone: str) -> Cron:
        """Read `minute hour day month weekday`, each a `*`, numbers, ranges, lists, steps, or English names.

        Raises:
            ConfigError: it is none, or never due.
        """
        words = expression.lower().split()
        if len(words) != len(FIELDS):
            raise ConfigError(
                f"cron {expression!r}: five fields are needed (minute hour day month weekday), such as '15 2 * * *'"
            )
        minutes, hours, days, months, weekdays = (
            _values(word, field, expression) for word, field in zip(words, FIELDS, strict=True)
        )
        weekdays = tuple(sorted({day % 7 for day in weekdays}))
        if len(days) < 31 and len(weekdays) < 7:
            raise ConfigError(
                f"cron {expression!r}: a day of the month and a day of the week mean `either` to cron; leave one *"
            )
        if min(days) > max(LONGEST_MONTHS[month - 1] for month in months):
            raise ConfigError(f"cron {expression!r}: no such day in these months")
        return cls(ZoneInfo(zone), minutes, hours, days, months, weekdays)

    def after(self, instant: dt.datetime) -> dt.datetime:
        """The first time due after an instant (with a zone), in this schedule's zone."""
        day = instant.astimezone(self.zone).date() - dt.timedelta(1)
        for _ in range(FURTHEST_DAYS):
            due = [time for near in (day, day + dt.timedelta(1)) for time in self._on(near) if time > instant]
            if due:
                return min(due).astimezone(self.zone)
            day += dt.timedelta(1)
        raise AssertionError("parse lets no schedule in that is never due")

    def _on(self, day: dt.date) -> list[dt.datetime]:
        """The instants due on a day, in UTC, where two of one wall time differ."""
        if (
            day.day not in self.days
            or day.month not in self.months
            or day.isoweekday() % 7 not in self.weekdays
        ):
            return []
        times = [dt.time(*pair, tzinfo=self.zone) for pair in product(self.hours, self.minutes)]
        return [dt.datetime.combine(day, time).astimezone(dt.UTC) for time in times]

    def on_calendar(self) -> str:
        """The same for systemd, as OnCalendar of a timer."""
        weekdays = ",".join(DAYS[day].capitalize() for day in self.weekdays)
        given = zip((self.minutes, self.hours, self.days, self.months), FIELDS[:4], strict=True)
        minute, hour, day, month = (_joined(values, field) for values, field in given)
        return f"{weekdays + ' ' if len(self.weekdays) < 7 else ''}*-{month}-{day} {hour}:{minute}:00 {self.zone.key}"


def _joined(values: tuple[int, ...], field: _Field) -> str:
    whole = len(values) == field.last - field.first + 1
    return "*" if whole else ",".join(f"{value:02d}" for value in values)


def _values(word: str, field: _Field, expression: str) -> tuple[int, ...]:
    """The numbers that one field of an expression stands for, sorted."""
    found: set[int] = set()
    for part in word.split(","):
        match = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d*))?", part, re.ASCII)
        if match is None or (match[3] and not match[2] and match[1]):
            raise _wrong(part, field, expression)
        first = field.first if match[1] is None else _number(match[1], field, expression)
        last = field.last if match[1] is None else _number(match[2] or match[1], field, expression)
        if first > last:
            raise _wrong(part, field, expression)
        found |= set(range(first, last + 1, int(match[3] or 1)))
    return tuple(sorted(found))


def _number(word: str, field: _Field, expression: str) -> int:
    if word in field.words:
        return field.words.index(word) + field.first
    if word.isdigit() and field.first <= int(word) <= field.last:
        return int(word)
    raise _wrong(word, field, expression)


def _wrong(part: str, field: _Field, expression: str) -> ConfigError:
    return ConfigError(f"cron {expression!r}: {part!r} is no {field.name} ({field.first} to {field.last})")

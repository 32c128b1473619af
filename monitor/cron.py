"""Cron expressions on a wall clock: every night once, also in the nights when the clocks change.

cronsim follows Debian's cron. A time that the clocks skip in spring comes when they have jumped (02:30 at 03:00).
A time that comes twice in autumn counts the first time only. A `*` for minute or hour follows real time instead.
(APScheduler's own CronTrigger fires twice in autumn, skips a night if the clocks jump at midnight, and counts
weekdays from Monday.)
"""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from monitor.errors import ConfigError

DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
FIELDS = (  # name, attribute of CronSim, values of a `*`
    ("minute", "minutes", range(60)),
    ("hour", "hours", range(24)),
    ("day of the month", "days", range(1, 32)),
    ("month", "months", range(1, 13)),
    ("day of the week", "weekdays", range(7)),
)


@dataclass(frozen=True)
class Cron:
    """A schedule; make it with `parse`. Each field is `*` or a list of numbers; weekday 0 is Sunday."""

    zone: ZoneInfo
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, expression: str, zone: str) -> Cron:
        """Read `minute hour day month weekday`, each a `*`, numbers, ranges, lists, steps, or English names.

        Raises:
            ConfigError: a field is wrong, or the schedule is ambiguous or never due.
        """
        words = expression.split()
        if len(words) != len(FIELDS):
            raise ConfigError(
                f"cron {expression!r}: five fields are needed (minute hour day month weekday), such as '15 2 * * *'"
            )
        fields = tuple(_numbers(words, position, expression) for position in range(len(FIELDS)))
        if "*" not in (fields[2], fields[4]):
            raise ConfigError(
                f"cron {expression!r}: a day of the month and a day of the week mean `either` to cron; leave one *"
            )
        try:
            CronSim(" ".join(fields), dt.datetime.min)
        except CronSimError as error:
            raise ConfigError(f"cron {expression!r}: no such day in these months") from error
        return cls(ZoneInfo(zone), fields)

    def after(self, instant: dt.datetime) -> dt.datetime:
        """The first due time after an instant (with a zone), in this schedule's zone."""
        times = CronSim(" ".join(self.fields), instant.astimezone(self.zone))
        # In autumn the first may be an hour before. Python compares two times of one zone by their clocks alone, and
        # the clocks show an hour twice then, so the comparison is in UTC.
        return next(time for time in times if time > instant.astimezone(dt.UTC))

    def on_calendar(self) -> str:
        """The same schedule as OnCalendar of a systemd timer."""
        minute, hour, day, month, weekdays = self.fields
        days = "" if weekdays == "*" else ",".join(DAYS[int(number)] for number in weekdays.split(",")) + " "
        return f"{days}*-{month}-{day} {hour}:{minute}:00 {self.zone.key}"


def _numbers(words: list[str], position: int, expression: str) -> str:
    """One field as `*` or a list of numbers. cronsim's extensions (L, #, n/step) are refused: few crons know them."""
    word, (name, attribute, every) = words[position], FIELDS[position]
    single = re.sub(r"\b(\w+)-\1/[1-9]\d*", r"\1", word)  # cronsim reads 5-5/2 as 5/2
    alone = " ".join(single if i == position else "*" for i in range(len(FIELDS)))
    with suppress(CronSimError):
        values = getattr(CronSim(alone, dt.datetime.min), attribute)
        if values <= set(range(60)) and not re.search(r"(^|,)\w+/", word):
            numbers = sorted({value % 7 for value in values} if name == "day of the week" else values)
            return "*" if numbers == [*every] else ",".join(f"{number:02d}" for number in numbers)
    last = 7 if name == "day of the week" else every[-1]
    raise ConfigError(f"cron {expression!r}: {word!r} is no {name} ({every[0]} to {last})")

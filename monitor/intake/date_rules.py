"""The dates of a feed: their formats, order of day and month, time zone; and the shape of a value.

`05/10/2026` is a day in October or in May. We never guess: without `day_first` or a format such a value is no date.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

EXCEL = "excel"  # the format of dates in Excel: days since 1899-12-30
_EXCEL_START, _EXCEL_DAYS = dt.datetime(1899, 12, 30), (1, 73_415)  # until the year 2100
_LAST_SHORT_YEAR = 68  # 68 is 2068 and 69 is 1969, as in strptime
_CLOCK = (
    r"(?:,? at |[ T,]\s*)(?P<half>上午|下午|AM|PM)?\s*(?P<hour>\d{1,2})[:.h](?P<minute>[0-5]\d)"
    r"(?:[:.](?P<second>[0-5]\d)(?:[.,](?P<fraction>\d{1,9}))?)?(?:\s*(?P<noon>[AP]\.?\s?M\.?))?"
)
_ZONE = r"(?:\s*(?P<zone>Z|(?:UTC|GMT)?(?P<offset>[+-]\d{1,2}(?::?[0-5]\d)?)|UTC|GMT)(?: \([A-Z ]+\))?)?"
_DAY_NAME = r"(?:(?:MON|TUE|WED|THU|FRI|SAT|SUN)[A-Z]*,? )?"
_MONTH = r"(?P<name>[A-Z]{3,9})\.?"
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_FULL_MONTHS = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
]


def _pattern(date: str) -> re.Pattern[str]:
    return re.compile(rf"{_DAY_NAME}{date}(?:{_CLOCK}{_ZONE})?", re.ASCII | re.IGNORECASE)


_YEAR_FIRST = _pattern(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
_NUMBERS = _pattern(r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})")
_WORDS = (
    _pattern(rf"(?P<day>\d{{1,2}})(?:ST|ND|RD|TH)?[ -]{_MONTH}[ -](?P<year>\d{{4}}|\d{{2}})"),
    _pattern(rf"{_MONTH} (?P<day>\d{{1,2}})(?:ST|ND|RD|TH)?,? (?P<year>\d{{4}})"),
    re.compile(  # Twitter's: Mon Oct 05 18:35:15 +0000 2026
        rf"{_DAY_NAME}{_MONTH} (?P<day>\d{{1,2}}){_CLOCK}{_ZONE} (?P<year>\d{{4}})", re.ASCII | re.IGNORECASE
    ),
)
_HOUR_24 = re.compile(r"\d(?:[ T]24:[0-5]\d|T24[0-5]\d)", re.IGNORECASE)  # in ISO 8601 the end of a day
_DAY_AND_HOUR = re.compile(  # and a minute; a column of floats ends with .0
    r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?P<minute>[0-5]\d)?(?P<end>(?:\.0)?)", re.ASCII
)
_SPACES = str.maketrans({"\u202f": " ", "\xa0": " ", "\u200e": None, "\u200f": None})


@dataclass(frozen=True)
class DateRule:
    """How a feed writes its dates.

    Attributes:
        formats: formats of `datetime.strptime`, tried in order, or EXCEL; empty: ISO 8601, epochs and `parse_date`.
        day_first: whether 05/10/2026 is in October; None: it is not read as a date.
        zone: IANA name of the zone of times without an offset; None: UTC.
    """

    formats: tuple[str, ...] = ()
    day_first: bool | None = None
    zone: str | None = None

    def to_utc(self, time: dt.datetime) -> dt.datetime:
        """UTC without a zone. Naive times are of the rule's zone; a time that a clock shows twice is the first of the
        two.
        """
        if time.tzinfo is None:
            if self.zone is None:
                return time
            time = time.replace(tzinfo=_zone(self.zone))
        return time.astimezone(dt.UTC).replace(tzinfo=None)

    def parse_formats(self, string: str) -> dt.datetime | None:
        """The UTC time of a string in one of the formats; None if none fits."""
        cleaned = string.translate(_SPACES).strip()
        for form in self.formats:
            try:
                if form == EXCEL:
                    return self.to_utc(from_excel(float(cleaned)))
                return self.to_utc(dt.datetime.strptime(cleaned, form))
            except (ValueError, OverflowError):
                continue
        return None


ISO_ONLY = DateRule()
_zone = cache(ZoneInfo)


def from_excel(days: float) -> dt.datetime:
    """The time of an Excel serial number (1900 system), to the millisecond.

    Raises:
        ValueError: the number is not a day from 1900 to 2100.
    """
    if not _EXCEL_DAYS[0] <= days < _EXCEL_DAYS[1]:
        raise ValueError(f"{days} is not an Excel date")
    return _EXCEL_START + dt.timedelta(milliseconds=round(days * 86_400_000))


def parse_date(string: str, rule: DateRule = ISO_ONLY) -> dt.datetime | None:
    """The UTC time of a date: year first, an English month name, or numbers; None if it is not a date.

    A date of numbers with the year last is read only if the rule says whether its day is first.
    """
    cleaned = string.translate(_SPACES).strip()
    for pattern in (_YEAR_FIRST, *_WORDS):
        if match := pattern.fullmatch(cleaned):
            return _build(match, rule)
    if rule.day_first is not None and (match := _NUMBERS.fullmatch(cleaned)):
        return _build(match, rule)
    return None


def _build(match: re.Match[str], rule: DateRule) -> dt.datetime | None:
    parts = match.groupdict()
    try:
        year, month, day = _calendar_day(parts, rule)
        hour, half = int(parts["hour"] or 0), (parts["noon"] or parts["half"] or "").upper()
        if half:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + 12 * (half[0] in "P下")
        fraction = int((parts["fraction"] or "0").ljust(6, "0")[:6])
        time = dt.datetime(year, month, day, hour, int(parts["minute"] or 0), int(parts["second"] or 0), fraction)
        if parts["zone"]:
            time = time.replace(tzinfo=_offset(parts["offset"]))
        return rule.to_utc(time)
    except (ValueError, OverflowError):
        return None


def _calendar_day(parts: dict[str, str | None], rule: DateRule) -> tuple[int, int, int]:
    year = int(parts["year"] or 0)
    if len(parts["year"] or "") == 2:
        year += 2000 if year <= _LAST_SHORT_YEAR else 1900
    if parts.get("first"):
        first, other = int(parts["first"] or 0), int(parts["other"] or 0)
        return (year, other, first) if rule.day_first else (year, first, other)
    if parts.get("name"):
        name = (parts["name"] or "").upper()
        names = _MONTHS if len(name) == 3 or name == "SEPT" else _FULL_MONTHS
        return year, names.index(name[:3] if name == "SEPT" else name) + 1, int(parts["day"] or 0)
    return year, int(parts["month"] or 0), int(parts["day"] or 0)


def _offset(written: str | None) -> dt.timezone:
    """The zone of +0100, +01:00, +1 or +0; None is UTC."""
    if not written:
        return dt.UTC
    digits = written[1:].replace(":", "")
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    return dt.timezone((1 if written[0] == "+" else -1) * dt.timedelta(hours=int(hours), minutes=int(minutes)))


def possible_orders(strings: Iterable[str]) -> set[bool]:
    """The values of day_first under which all these dates exist; both values if no date has its year last.

    Only dates of numbers with the year last (3/4/2026) count; other values are ignored.
    """
    orders = {True, False}
    for string in strings:
        cleaned = string.translate(_SPACES).strip()
        if _NUMBERS.fullmatch(cleaned):
            orders -= {order for order in orders if parse_date(cleaned, DateRule(day_first=order)) is None}
    return orders


def has_year_last(string: str) -> bool:
    """Whether a value is a date of numbers with the year last, whose order of day and month must be known."""
    return _NUMBERS.fullmatch(string.translate(_SPACES).strip()) is not None


def shape(value: str, longest: int = 40) -> str:
    """The form of a value without its content: 9 for a digit, a and A for a letter, runs of letters cut at three."""
    if len(value) > longest:
        return f"more than {longest} characters"
    masked = "".join(
        "9" if char.isdigit() else "A" if char.isupper() else "a" if char.isalpha() else char
        for char in value.strip()
    )
    return re.sub(r"([Aa]{3})[Aa]+", r"\1…", masked)


def date_shape(value: str, rule: DateRule = ISO_ONLY) -> str:
    """The shape of a value that is not a date by this rule, for a message; many values share few shapes."""
    if len(value) > 40 or sum(char.isdigit() for char in value) < 4:
        return "no date"
    described = f"its shape is {shape(value)}"
    if re.fullmatch(r"[2-6]\d{4}([.,]\d+)?", value.strip()):
        return f'{described}, a number of days as Excel counts them? give date_format = "{EXCEL}"'
    if _HOUR_24.search(value):
        return f"{described}, hour 24? write it as hour 00 of the next day"
    if rule.formats:
        return described
    if has_year_last(value):
        if rule.day_first is not None:
            return f"{described}, but there is no such day with the {'day' if rule.day_first else 'month'} first"
        return f"{described}, day or month first? give day_first or date_format"
    if match := _DAY_AND_HOUR.fullmatch(value.strip()):
        form = f"%Y%m%d%H{'%M' if match['minute'] else ''}{match['end']}"
        return f'{described}, which has two meanings, an epoch or a date and a time; give date_format = "{form}"'
    return described if _YEAR_FIRST.fullmatch(value.strip()) else f"{described}; give date_format"

"""The time at which a text was posted: from ISO 8601, epochs or a feed's dates to UTC without a zone."""

from __future__ import annotations

import datetime as dt
import re
import time

import polars as pl

from monitor.intake.date_rules import ISO_ONLY, DateRule, parse_date

YEARS = (1900, 2099)
UTC_TIME = pl.Datetime("us")
_ISO = re.compile(  # date, hour, minute, second, fraction, offset; fromisoformat also reads week dates and 24:00
    r"(\d{4}-?\d\d-?\d\d)"
    r"(?:[T ]([01]\d|2[0-3])(?::?(\d\d)(?::?(\d\d)([.,]\d{1,9})?)?)?"
    r" ?(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?",
    re.ASCII,
)
_NUMBER = r"^[0-9]{9,14}(?:\.[0-9]{1,9})?$"
_FIRST_SECONDS, _FIRST_MILLISECONDS, _END = 1e8, 1e11, 1e14  # March 1973, in seconds and in milliseconds


def parse_times(values: pl.Series, rule: DateRule = ISO_ONLY) -> pl.Series:
    """UTC times, shape (n,) -> (n,); null if a value is missing, is not a time, or is outside of YEARS.

    Strings are ISO 8601, epoch seconds or milliseconds, or dates that `parse_date` reads. ISO 8601 is a date, or a
    date and a time; an offset is applied, and without one the time is of the rule's zone. Numbers are epochs, but
    eight digits are a date (20040131). An epoch before March 1973 is refused, because it is more likely a year, a
    counter or a zero. Twelve digits that are also a date and a time (202610051835) are refused, because they have two
    meanings. So are ten digits that are also a date and an hour (2026100518), if the moment of the epoch is still to
    come. If the rule has formats, strings are read by these alone.

    Args:
        values: of type String, Date, Datetime (naive, or in UTC), an integer, a float, or Null.
        rule: how dates are written.
    """
    kind = values.dtype
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        times = _in_range(values.dt.replace_time_zone(None))
    elif isinstance(kind, pl.Datetime) or kind == pl.Date:
        times = _from_zone(_in_range(values), rule)
    elif kind.is_float() and not rule.formats:
        times = _in_range(_from_epoch(values.cast(pl.Float64)))
    else:
        times = _from_strings(values.cast(pl.String).str.strip_chars(), rule)
    return times.cast(UTC_TIME)


def _from_strings(strings: pl.Series, rule: DateRule) -> pl.Series:
    """Times of strings; each distinct string is parsed once."""
    distinct = strings.drop_nulls().unique()
    parsed = pl.Series([_from_string(string, rule) for string in distinct], dtype=UTC_TIME)
    times = _in_range(strings.replace_strict(distinct, parsed, default=None, return_dtype=UTC_TIME))
    if rule.formats:
        return times
    numbers = strings.set(~strings.str.contains(_NUMBER).fill_null(value=False), None)
    return times.fill_null(_in_range(_from_epoch(numbers.cast(pl.Float64))))


def _from_string(string: str, rule: DateRule) -> dt.datetime | None:
    """The UTC time of a string other than an epoch; None if it is not a date."""
    if rule.formats:
        return rule.parse_formats(string)
    return _from_iso(string, rule) or parse_date(string, rule)


def _from_zone(times: pl.Series, rule: DateRule) -> pl.Series:
    """The UTC times of naive times in the rule's zone."""
    if rule.zone is None:
        return times
    distinct = times.cast(UTC_TIME).drop_nulls().unique()
    in_utc = pl.Series(map(rule.to_utc, distinct), dtype=UTC_TIME)
    return times.cast(UTC_TIME).replace_strict(distinct, in_utc, default=None, return_dtype=UTC_TIME)


def _in_range(times: pl.Series) -> pl.Series:
    """Null outside of YEARS; done before the conversion to microseconds, in which an extreme value overflows."""
    frame = times.alias("time").to_frame()
    return frame.select(pl.when(pl.col("time").dt.year().is_between(*YEARS)).then("time")).to_series()


def _from_epoch(numbers: pl.Series) -> pl.Series:
    """Times of epoch seconds or milliseconds, distinguished by size; Float64 -> Datetime."""
    number = pl.col("number")
    microseconds = (
        pl.when(number.is_between(_FIRST_SECONDS, _FIRST_MILLISECONDS, closed="left"))
        .then(number * 1e6)
        .when(number.is_between(_FIRST_MILLISECONDS, _END, closed="left"))
        .then(number * 1e3)
    )
    whole = number.floor()
    # 202610051835 would be an epoch in 1976, but is more likely 2026-10-05 18:35
    is_minute = _is_hour(whole // 100) & (whole % 100 < 60)
    # 2026100518 would be one in 2034, but is more likely 2026-10-05 18:00
    is_hour = _is_hour(whole) & (number > time.time())
    frame = numbers.alias("number").to_frame().select(pl.when(~(is_minute | is_hour)).then("number"))
    return frame.select(microseconds.round().cast(pl.Int64).cast(UTC_TIME)).to_series()


def _is_hour(number: pl.Expr) -> pl.Expr:
    """Whether a whole number is a day and an hour, as 2026100518 is."""
    return (
        number.is_between(2000_01_01_00, 2099_12_31_23)
        & (number // 10_000 % 100).is_between(1, 12)
        & (number // 100 % 100).is_between(1, 31)
        & (number % 100 < 24)
    )


def _from_iso(string: str, rule: DateRule = ISO_ONLY) -> dt.datetime | None:
    """The UTC time of an ISO 8601 string, without a zone; None for any other string."""
    match = _ISO.fullmatch(string.upper())
    if match is None:
        return None
    date, hour, minute, second, fraction, offset = match.groups(default="")
    leap = second == "60"  # a leap second, which fromisoformat does not read
    clock = f"{hour or '00'}{minute}{'59' if leap else second}{fraction}{offset or 'Z'}"
    try:  # in the basic format, because fromisoformat refuses a mixture such as 2026-0105
        local = dt.datetime.fromisoformat(f"{date.replace('-', '')}T{clock.replace(':', '')}")
        local += dt.timedelta(seconds=leap)
        return local.astimezone(dt.UTC).replace(tzinfo=None) if offset else rule.to_utc(local.replace(tzinfo=None))
    except (ValueError, OverflowError):  # no such day, or in UTC before the year 1 or after 9999
        return None

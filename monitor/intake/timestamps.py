"""When a text was posted: ISO 8601 or epoch numbers, of whatever type a file holds, as UTC without a zone."""

from __future__ import annotations

import datetime as dt
import re

import polars as pl

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


def parse_times(values: pl.Series) -> pl.Series:
    """UTC times, shape (n,) -> (n,); null if a value is missing, is no time, or lies outside of YEARS.

    Strings are ISO 8601 or epoch seconds or milliseconds. ISO 8601 is a date, or a date and a time; an offset is
    applied, and without one the time is UTC. Numbers are epochs, but eight digits are a date (20040131). An epoch
    before March 1973 is refused, because it is more likely a year, a counter or a zero.

    Args:
        values: of type String, Date, Datetime without a zone, an integer, a float, or Null.
    """
    kind = values.dtype
    if isinstance(kind, pl.Datetime) or kind == pl.Date:
        times = _in_range(values)
    elif kind.is_float():
        times = _in_range(_from_epoch(values.cast(pl.Float64)))
    else:
        strings = values.cast(pl.String).str.strip_chars()
        distinct = strings.drop_nulls().unique()
        parsed = pl.Series(map(_from_iso, distinct), dtype=UTC_TIME)
        times = _in_range(strings.replace_strict(distinct, parsed, default=None, return_dtype=UTC_TIME))
        numbers = strings.set(~strings.str.contains(_NUMBER).fill_null(value=False), None)
        times = times.fill_null(_in_range(_from_epoch(numbers.cast(pl.Float64))))
    return times.cast(UTC_TIME)


def _in_range(times: pl.Series) -> pl.Series:
    """Null outside of YEARS; done before the conversion to microseconds, in which an extreme value overflows."""
    frame = times.alias("time").to_frame()
    return frame.select(pl.when(pl.col("time").dt.year().is_between(*YEARS)).then("time")).to_series()


def _from_epoch(numbers: pl.Series) -> pl.Series:
    """Times of epoch seconds or milliseconds, told apart by size; Float64 -> Datetime."""
    number = pl.col("number")
    microseconds = (
        pl.when(number.is_between(_FIRST_SECONDS, _FIRST_MILLISECONDS, closed="left"))
        .then(number * 1e6)
        .when(number.is_between(_FIRST_MILLISECONDS, _END, closed="left"))
        .then(number * 1e3)
    )
    frame = numbers.alias("number").to_frame()
    return frame.select(microseconds.round().cast(pl.Int64).cast(UTC_TIME)).to_series()


def _from_iso(string: str) -> dt.datetime | None:
    """The UTC time of an ISO 8601 string, without a zone; None if it is none."""
    match = _ISO.fullmatch(string.upper())
    if match is None:
        return None
    date, hour, minute, second, fraction, offset = match.groups(default="")
    leap = second == "60"  # a leap second, which fromisoformat does not read
    clock = f"{hour or '00'}{minute}{'59' if leap else second}{fraction}{offset or 'Z'}"
    try:  # in the basic format, because fromisoformat refuses a mixture such as 2026-0105
        local = dt.datetime.fromisoformat(f"{date.replace('-', '')}T{clock.replace(':', '')}")
        return (local + dt.timedelta(seconds=leap)).astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # no such day, or in UTC before the year 1 or after 9999
        return None

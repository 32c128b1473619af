"""When a text was posted: ISO 8601 or epoch numbers, of whatever type a file holds, as UTC without a zone."""

from __future__ import annotations

import polars as pl

YEARS = (1900, 2099)
UTC_TIME = pl.Datetime("us")
_ISO = (
    r"^(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})"
    r"(?:[Tt ](?P<hour>\d{2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r" ?(?P<zone>[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?$"
)
_NUMBER = r"^\d{9,14}(?:\.\d{1,9})?$"
_FIRST_SECONDS, _FIRST_MILLISECONDS, _END = 1e8, 1e11, 1e14  # March 1973, in seconds and in milliseconds


def parse_times(values: pl.Series) -> pl.Series:
    """UTC times, shape (n,) -> (n,); null where there is none, or none that can be meant.

    Strings are ISO 8601 (date, or date and time; an offset is applied, none means UTC) or epoch seconds or
    milliseconds; numbers are epochs, eight digits a date (20040131). An epoch before March 1973 is no epoch:
    it is more likely a year, a counter or a zero.

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
        times = _in_range(_from_iso(strings))
        numbers = strings.set(~strings.str.contains(_NUMBER).fill_null(value=False), None)
        times = times.fill_null(_in_range(_from_epoch(numbers.cast(pl.Float64))))
    return times.cast(UTC_TIME)


def _in_range(times: pl.Series) -> pl.Series:
    """Null outside of YEARS: before the conversion to microseconds, which a wild value would overflow."""
    frame = times.alias("time").to_frame()
    return frame.select(pl.when(pl.col("time").dt.year().is_between(*YEARS)).then("time")).to_series()


def _from_epoch(numbers: pl.Series) -> pl.Series:
    """Seconds or milliseconds by their size; Float64 -> Datetime."""
    number = pl.col("number")
    microseconds = (
        pl.when(number.is_between(_FIRST_SECONDS, _FIRST_MILLISECONDS, closed="left"))
        .then(number * 1e6)
        .when(number.is_between(_FIRST_MILLISECONDS, _END, closed="left"))
        .then(number * 1e3)
    )
    frame = numbers.alias("number").to_frame()
    return frame.select(microseconds.round().cast(pl.Int64).cast(UTC_TIME)).to_series()


def _from_iso(strings: pl.Series) -> pl.Series:
    parts = strings.alias("given").to_frame().select(pl.col("given").str.extract_groups(_ISO)).unnest("given")
    zone = pl.col("zone").str.replace_all(":", "").str.replace("^[Zz]$", "")
    local = pl.concat_str(
        "year",
        pl.lit("-"),
        "month",
        pl.lit("-"),
        "day",
        pl.lit("T"),
        pl.col("hour").fill_null("00"),
        pl.lit(":"),
        pl.col("minute").fill_null("00"),
        pl.lit(":"),
        pl.col("second").fill_null("00"),
        pl.lit("."),
        pl.col("fraction").fill_null("").str.pad_end(6, "0").str.slice(0, 6),
    ).str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f", time_unit="us", strict=False)
    minutes = (
        zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0) * 60
        + zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    ) * pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return parts.select(time=local - pl.duration(minutes=minutes)).to_series()

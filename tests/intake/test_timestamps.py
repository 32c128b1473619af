"""Timestamps: which values are times, and that they become UTC."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.intake.timestamps import YEARS, parse_times
from tests.support.inputs import DAY, GOOD, HEADER, read, refusals, write


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        ("2026-01-05", dt.datetime(2026, 1, 5)),
        ("2026-01-05T10", DAY),
        ("2026-01-05 10:00", DAY),
        (" 2026-01-05T10:00:00Z ", DAY),
        ("2026-01-05t10:00:00z", DAY),
        ("20260105T100000Z", DAY),
        ("20260105", dt.datetime(2026, 1, 5)),
        ("2026-01-05T10:00:00.123456789", DAY.replace(microsecond=123456)),
        ("2026-01-05T10:00:00,5", DAY.replace(microsecond=500000)),
        ("2026-01-05T09:59:60", DAY),
        ("2026-0105T10:0000", DAY),
        ("2026-01-05T15:30:00+05:30", DAY),
        ("2026-01-05T05:00:00-0500", DAY),
        ("2026-01-05T11:00:00 +01", DAY),
        ("2024-02-29", dt.datetime(2024, 2, 29)),
        ("1767607200", DAY),
        ("1767607200.5", DAY.replace(microsecond=500000)),
        ("1767607200000", DAY),
    ],
)
def test_times_are_iso_or_epoch_and_come_out_as_utc(tmp_path: Path, given_time: str, expected: dt.datetime) -> None:
    chunk = read(write(tmp_path / "a.csv", f'{HEADER}s1,"{given_time}",x\n'))
    assert chunk.documents["posted_at"].to_list() == [expected]


@pytest.mark.parametrize(
    "given_time",
    ["05/01/2026", "2026", "2026-13-01", "2026-02-29", "2026-01-05T24:00", "2026-01-05T10:00+99:00", "0", "-1",
     "1767607200000000", "0000-01-01", "1899-12-31T23:59:59", "2100-01-01", "9999-12-31", "1e9", "nan", "today",
     "2026-W02-1", "2026-01-05T10:00+01:00:30", "20260105٠", "0001-01-01T00:00+01:00"],
)  # fmt: skip
def test_other_times_are_rejected(tmp_path: Path, given_time: str) -> None:
    chunk = read(write(tmp_path / "a.csv", f"{HEADER}s1,{given_time},x\n{GOOD}"))
    assert [(row, column) for row, column, _ in refusals(chunk)] == [(2, "posted_at")]
    assert chunk.documents.height == 1


@pytest.mark.parametrize(
    "given_time", ["2026-10-05T24:00:00", "2026-10-05 24:00", "20261005T240000Z", "2026-10-05t24:00+02:00"]
)
def test_the_hour_24_is_rejected_with_the_remedy(tmp_path: Path, given_time: str) -> None:
    chunk = read(write(tmp_path / "a.csv", f"{HEADER}s1,{given_time},x\ns1,2026-10-05T23:24,x\n"))
    ((row, column, reason),) = refusals(chunk)
    assert (row, column) == (2, "posted_at")
    assert reason.endswith("hour 24? write it as hour 00 of the next day")


def test_every_year_is_read_exactly_or_not_at_all() -> None:
    days = [f"{year:04d}-{month:02d}-{day:02d}" for year in range(10_000) for month, day in ((1, 1), (12, 31))]
    times = parse_times(pl.Series(days)).to_list()
    for day, time in zip(days, times, strict=True):
        accepted = YEARS[0] <= int(day[:4]) <= YEARS[1]
        assert time == (dt.datetime.fromisoformat(day) if accepted else None)


def utc(local: dt.datetime) -> dt.datetime:
    return local.astimezone(dt.UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Asia/Taipei", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
@pytest.mark.parametrize("year", [1945, 1979, 2026])
def test_hours_at_clock_changes_keep_order_and_distance(zone: str, year: int) -> None:
    first = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    moments = [first + dt.timedelta(minutes=30 * half) for half in range(48 * 365)]
    local = [moment.astimezone(ZoneInfo(zone)).isoformat() for moment in moments]
    assert parse_times(pl.Series(local)).to_list() == [utc(moment) for moment in moments]


@pytest.mark.slow
@given(
    st.lists(st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2099, 12, 30), timezones=st.timezones()), max_size=5)
)
def test_any_time_with_any_zone_is_exact_or_refused(moments: list[dt.datetime]) -> None:
    parsed = parse_times(pl.Series([moment.isoformat() for moment in moments], dtype=pl.String)).to_list()
    for moment, time in zip(moments, parsed, strict=True):
        offset = moment.utcoffset() or dt.timedelta()
        local_mean_time = offset.total_seconds() % 60  # ISO 8601 has no seconds in offsets
        assert time == (None if local_mean_time else utc(moment))

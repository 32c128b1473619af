"""Cron expressions: the days they name, and each night once when the clocks change."""

import datetime as dt
import re
import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cron import Cron
from monitor.errors import ConfigError


def due(expression: str, zone: str, start: str, n: int) -> list[str]:
    """The next n times after a UTC time, as they stand on the clocks of the zone."""
    cron, now = Cron.parse(expression, zone), dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC)
    times = []
    for _ in range(n):
        now = cron.after(now)
        times.append(now.isoformat(timespec="minutes"))
    return times


def test_berlin_has_each_night_once_at_clock_changes() -> None:
    assert due("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", 3) == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:00+02:00",  # 02:30 does not exist; Debian's cron runs it when the clocks have jumped
        "2026-03-30T02:30+02:00",
    ]
    assert due("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00", 3) == [
        "2026-10-24T02:30+02:00",
        "2026-10-25T02:30+02:00",  # and not again at 02:30+01:00
        "2026-10-26T02:30+01:00",
    ]


def test_taipei_has_each_night_once_at_the_changes_of_1979() -> None:
    assert due("15 2 * * *", "Asia/Taipei", "2026-03-28T12:00", 2) == [
        "2026-03-29T02:15+08:00",
        "2026-03-30T02:15+08:00",
    ]
    assert due("30 0 * * *", "Asia/Taipei", "1979-06-29T12:00", 3) == [
        "1979-06-30T00:30+08:00",
        "1979-07-01T01:00+09:00",  # the clocks went from 24:00 to 01:00
        "1979-07-02T00:30+09:00",
    ]
    assert due("30 23 * * *", "Asia/Taipei", "1979-09-29T12:00", 3) == [
        "1979-09-29T23:30+09:00",
        "1979-09-30T23:30+09:00",
        "1979-10-01T23:30+08:00",
    ]


@pytest.mark.parametrize("start", ["2026-10-25T00:45", "2026-10-25T01:15", "2026-03-29T00:59"])
def test_a_start_in_the_changing_hour_doubles_or_drops_no_night(start: str) -> None:
    """00:45 UTC is the first 02:45 in Berlin, 01:15 the second 02:15; in March 00:59 is 01:59."""
    expected = "2026-10-26T02:30+01:00" if start.startswith("2026-10") else "2026-03-29T03:00+02:00"
    assert due("30 2 * * *", "Europe/Berlin", start, 1) == [expected]


def test_an_hourly_schedule_has_the_repeated_hour_of_autumn_too() -> None:
    assert due("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59", 6) == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:00+01:00",
        "2026-10-25T03:30+01:00",
    ]


def test_no_due_time_lies_before_an_instant_of_the_same_zone() -> None:
    cron = Cron.parse("30 2 * * *", "Europe/Berlin")
    second = dt.datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=cron.zone)
    assert cron.after(second).isoformat(timespec="minutes") == "2026-10-26T02:30+01:00"


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0 3 * * 0", ["2026-01-04", "2026-01-11"]),
        ("0 3 * * 7", ["2026-01-04", "2026-01-11"]),
        ("0 3 * * sun,WED", ["2026-01-04", "2026-01-07"]),
        ("0 3 * * mon-fri", ["2026-01-01", "2026-01-02", "2026-01-05"]),
        ("0 3 31 * *", ["2026-01-31", "2026-03-31"]),
        ("0 3 29 feb *", ["2028-02-29", "2032-02-29"]),
        ("0 3 */10 1-12/6 *", ["2026-01-01", "2026-01-11", "2026-01-21", "2026-01-31", "2026-07-01"]),
    ],
)
def test_weekdays_months_lists_and_steps_mean_what_cron_means(expression: str, times: list[str]) -> None:
    assert [time[:10] for time in due(expression, "UTC", "2026-01-01T00:00", len(times))] == times


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("@daily", "five fields"),
        ("15 2 * *", "five fields"),
        ("60 2 * * *", "'60' is no minute"),
        ("5-1 2 * * *", "'5-1' is no minute"),
        ("*/0 2 * * *", "is no minute"),
        ("5/10 2 * * *", "is no minute"),
        ("0 2 L * *", "'L' is no day of the month"),
        ("0 2 * * mon#1", "'mon#1' is no day of the week"),
        ("0 0 2 * * *", "five fields"),
        ("0 2 0 * *", "'0' is no day of the month"),
        ("0 2 * * someday", "'someday' is no day of the week"),
        ("0 2 * * ²", "is no day of the week"),
        ("0 2 30 2 *", "no such day"),
        ("0 2 1 * mon", "leave one"),
    ],
)
def test_a_wrong_schedule_is_one_clear_line(expression: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        Cron.parse(expression, "UTC")
    assert expression in str(caught.value)


@pytest.mark.slow
@settings(max_examples=40)
@given(
    zone=st.sampled_from(["Asia/Taipei", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    year=st.integers(1975, 2030),
)
def test_every_day_of_a_year_is_due_once_in_every_zone(zone: str, hour: int, minute: int, year: int) -> None:
    cron, now = Cron.parse(f"{minute} {hour} * * *", zone), dt.datetime(year, 1, 1, 12, tzinfo=dt.UTC)
    times = [now := cron.after(now) for _ in range(366)]
    gaps = {(b.astimezone(dt.UTC) - a.astimezone(dt.UTC)) for a, b in pairwise(times)}
    assert min(gaps) >= dt.timedelta(hours=21)
    assert max(gaps) <= dt.timedelta(hours=27)


@pytest.mark.parametrize("expression", ["15 2 * * *", "*/20 1,3 1-7 jan,jul *", "0 4 * * mon-fri"])
def test_systemd_understands_the_same_schedule(expression: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on PATH to ask")
    cron = Cron.parse(expression, "Asia/Taipei")  # systemd leaves out what Berlin jumps over
    done = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            "--iterations=5",
            "--base-time=2026-03-27 00:00:00 UTC",
            cron.on_calendar(),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    assert done.returncode == 0, done.stderr
    theirs = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d UTC", done.stdout)
    now = dt.datetime(2026, 3, 27, tzinfo=dt.UTC)
    ours = [f"{(now := cron.after(now)).astimezone(dt.UTC):%Y-%m-%d %H:%M}" for _ in range(5)]
    assert [time for time in ours if time in theirs] == ours, done.stdout

"""Times: what counts as one, and that it comes out as UTC."""

import datetime as dt
from pathlib import Path

import pytest

from tests.inputs import DAY, GOOD, HEADER, read, refusals, write


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
        ("2026-01-05T15:30:00+05:30", DAY),
        ("2026-01-05T05:00:00-0500", DAY),
        ("2026-01-05T11:00:00 +01", DAY),
        ("2024-02-29", dt.datetime(2024, 2, 29)),
        ("1767607200", DAY),
        ("1767607200.5", DAY.replace(microsecond=500000)),
        ("1767607200000", DAY),
    ],
)
def test_times_are_iso_or_epoch_and_come_out_as_utc(
    tmp_path: Path, given_time: str, expected: dt.datetime
) -> None:
    chunk = read(write(tmp_path / "a.csv", f'{HEADER}s1,"{given_time}",x\n'))
    assert chunk.documents["posted_at"].to_list() == [expected]


@pytest.mark.parametrize(
    "given_time",
    ["05/01/2026", "2026", "2026-13-01", "2026-02-29", "2026-01-05T24:00", "2026-01-05T10:00+99:00", "0", "-1",
     "1767607200000000", "0000-01-01", "1899-12-31T23:59:59", "2100-01-01", "9999-12-31", "1e9", "nan", "today"],
)  # fmt: skip
def test_other_times_are_rejected(tmp_path: Path, given_time: str) -> None:
    chunk = read(write(tmp_path / "a.csv", f"{HEADER}s1,{given_time},x\n{GOOD}"))
    assert [(row, column) for row, column, _ in refusals(chunk)] == [(2, "posted_at")]
    assert chunk.documents.height == 1

"""Early detection: counts made by hand on small feeds, and the two published measures at known points."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from monitor.errors import DataError
from monitor.evaluation.early_detection import Course, Feed, Truth, erde_cost, latency_penalty, measure, read_truth

FIRST = dt.date(2026, 1, 1)


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


@pytest.fixture
def feed() -> Feed:
    """Four subjects with a text a day for 100 days, but d with two."""
    rows = [(day(n), who, 2 if who == "d" else 1) for who in "abcd" for n in range(100)]
    return Feed.of(pl.DataFrame(rows, schema=["day", "subject_id", "n"], orient="row"))


COURSES = [
    Course("a", "drop", day(40), day(60)),
    Course("a", "drop", day(80), day(99)),
    Course("b", "declining", day(20), day(99), day(50)),
    Course("c", "stable", None, None),
    Course("d", "stable", None, None),
]


def test_detection_delay_and_false_alarms_are_counted_by_period(feed: Feed) -> None:
    opened = {"a": [day(10), day(45), day(47)], "b": [day(60)], "c": [day(5), day(6)]}
    found = measure(opened, COURSES, feed)
    assert found["courses"]["drop"] == {
        "periods": 2,
        "detected": 1,
        "rate": 0.5,
        "median_delay": 5,
        "median_delay_from_half": 5,
    }
    assert found["courses"]["declining"]["median_delay"] == 40
    assert found["courses"]["declining"]["median_delay_from_half"] == 10
    assert (found["rate"], found["median_delay"]) == (2 / 3, 22.5)
    assert (found["n_calm"], found["calm_alarms"]) == (2, 2)
    assert found["alarms_per_calm_year"] == pytest.approx(2 / (200 / 365.25))
    assert found["outside_alarms"] == 3  # one of a low subject, before the onset
    assert found["alarms_per_year_outside"] == pytest.approx(3 / ((400 - 21 - 20 - 80) / 365.25))


def test_overlapping_periods_count_each_alert_and_day_once(feed: Feed) -> None:
    courses = [Course("a", "drop", day(40), day(60))] * 2 + [Course("a", "drop", day(50), day(79))]
    found = measure({"a": [day(10), day(45), day(55)]}, courses, feed)
    assert found["outside_alarms"] == 1
    assert found["years_outside"] == pytest.approx((100 - 40) / 365.25)


def test_an_alert_before_the_onset_does_not_detect_one_on_the_last_day_does(feed: Feed) -> None:
    found = measure({"a": [day(39)], "b": [day(99)]}, COURSES, feed)
    assert found["courses"]["drop"]["detected"] == 0
    assert found["courses"]["declining"]["median_delay"] == 79


def test_erde_and_latency_f1_judge_subjects_by_their_texts(feed: Feed) -> None:
    found = measure({"a": [day(44)], "c": [day(5)]}, COURSES, feed)
    # a alerted after 45 texts, 5 of them from the onset; b missed, c alerted falsely, d rightly left alone
    assert found["erde5"] == pytest.approx((erde_cost(45, 5) + 1 + 2 / 4 + 0) / 4)
    assert found["erde50"] == pytest.approx((erde_cost(45, 50) + 1 + 2 / 4 + 0) / 4)
    assert found["erde5_from_onset"] == pytest.approx((0.5 + 1 + 2 / 4 + 0) / 4)
    assert found["erde50_from_onset"] == pytest.approx((erde_cost(5, 50) + 1 + 2 / 4 + 0) / 4)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 0.5, 0.5)
    assert found["latency_f1"] == pytest.approx(0.5 * (1 - latency_penalty(45, 100)))
    assert found["latency_f1_from_onset"] == pytest.approx(0.5 * (1 - latency_penalty(5, 100)))


def test_a_measure_with_denominator_zero_is_none_not_zero(feed: Feed) -> None:
    found = measure({}, COURSES[3:], feed)
    assert found["rate"] is found["median_delay"] is found["recall"] is found["f1"] is found["latency_f1"] is None
    assert found["alarms_per_calm_year"] == 0
    assert measure({}, COURSES[:3], feed)["alarms_per_calm_year"] is None


def test_the_published_measures_at_their_known_points() -> None:
    assert erde_cost(5, 5) == erde_cost(50, 50) == 0.5
    assert erde_cost(1, 50) < 1e-20
    assert erde_cost(10_000, 5) == 1
    assert latency_penalty(1, 100) == 0
    assert latency_penalty(100, 100) == pytest.approx(0.5)
    assert latency_penalty(10**6, 100) == pytest.approx(1)


def find(ids: Sequence[str]) -> dict[str, str]:
    """The ids of the feed; a.0 is another spelling of a."""
    return {name: name[0] for name in ids if name in ("a", "a.0", "b", "c", "d")}


def test_a_label_alone_makes_the_whole_feed_the_period(feed: Feed, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("subject_id,label\na,1\nb,0\nnobody,1\n")
    assert read_truth(truth, feed, find) == Truth(
        [Course("a", "low", day(0), day(99)), Course("b", "stable", None, None)],
        n_rows=3,
        n_repeated=0,
        unknown=[4],
    )


def test_a_course_that_comes_twice_counts_once_in_any_spelling_of_its_id(feed: Feed, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("subject_id,label\na,1\na.0,1\na,1\nb,0\nb,0\n")
    found = read_truth(truth, feed, find)
    assert found.courses == [Course("a", "low", day(0), day(99)), Course("b", "stable", None, None)]
    assert (found.n_rows, found.n_repeated) == (5, 3)
    measured = measure({"a": [day(3)]}, found.courses, feed)
    assert (measured["periods"], measured["detected"]) == (1, 1)
    low = "drop,2026-01-11,2026-01-20"
    truth.write_text(f"subject_id,course,onset,end\na,{low}\na.0,{low}\na,drop,2026-02-01,2026-02-09\nb,calm,,\n")
    assert len(read_truth(truth, feed, find).courses) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("subject_id,onset\na,2026-01-01\n", "lacks course, end"),
        (
            "subject_id,course,onset,end\na,drop,yesterday,2026-01-02\n",
            "row 2, onset: not a date",
        ),
        ("subject_id,course,onset,end\na,drop,2026-01-02,2026-01-01\n", "row 2: a low period needs"),
        ("subject_id,course,onset,end\na,drop,2026-01-02,\n", "row 2: a low period needs"),
        ("subject_id,label\na,yes\n", "row 2, label: neither 0 nor 1"),
        ("subject_id,label\nz,1\n", "no subject in it wrote in this feed; use the subject_id of the feed (why)"),
        ("subject_id,label\na,1\n,0\n", "row 3, subject_id: empty"),
        ("subject_id,label\na,1\nb,0\na.0,0\n", "row 4: row 2 has another label for the same subject; keep one"),
        (
            "subject_id,course,onset,end\na,drop,2026-01-02,2026-01-09\na,dip,2026-01-02,2026-01-09\n",
            "row 3: row 2 has another course for the same subject and days; keep one",
        ),
        (
            "subject_id,course,onset,end\na,stable,,\na,drop,2026-01-02,2026-01-09\n",
            "row 3: row 2 has another course for the same subject and days; keep one",
        ),
        ("", "not a CSV, because its first line is empty"),
    ],
)
def test_a_mistake_in_the_truth_is_one_line_with_its_row(
    feed: Feed, tmp_path: Path, content: str, message: str
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text(content)
    with pytest.raises(DataError) as error:
        read_truth(truth, feed, find, " (why)")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_truth_file_is_named_in_the_error(feed: Feed, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.csv: there is no such file"):
        read_truth(tmp_path / "no.csv", feed, find)

"""Delay and false alarms of alerts on a feed whose courses are known.

A low period is detected by the first alert opened within it. An alert opened at any other time is a false alarm.
Delays count days from the onset, and from the day at half the depth if the truth gives one.

ERDE (Losada & Crestani 2016, doi:10.1007/978-3-319-44564-9_3) and the latency-weighted F1 (Sadeque, Xu & Bethard
2018, doi:10.1145/3159652.3159725) judge subjects: one with a low period should get an alert, one without should not.
Both count the texts of a subject from their first to the alert, as eRisk does. The variants "from onset" count from
the onset; they are smaller for subjects who wrote before it. A false alarm is an alert of any subject outside their
low periods; alerts of stable subjects are also counted separately.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from monitor.errors import DataError
from monitor.small_tables import ROW, read_small_table

UNKNOWN, CALM = "low", "stable"  # courses of subjects with label 1 and label 0
YEAR = 365.25


@dataclass(frozen=True)
class Course:
    """One low period of a subject. For a subject without a low period it covers the whole feed and has no onset."""

    subject_id: str
    course: str
    onset: dt.date | None
    end: dt.date | None
    half: dt.date | None = None


@dataclass(frozen=True)
class Feed:
    """The days of each subject's texts in order, one entry for each text."""

    days: Mapping[str, Sequence[dt.date]]

    @classmethod
    def of(cls, daily: pl.DataFrame) -> Feed:
        """Make a feed from a frame of at least one row with day, subject_id and n, such as that of daily_subject."""
        days: dict[str, list[dt.date]] = defaultdict(list)
        for day, subject, n in daily.sort("day").select("day", "subject_id", "n").iter_rows():
            days[subject] += [day] * n
        return cls(days)

    def years(self, subjects: Iterable[str]) -> float:
        """Years from the first to the last text, summed over subjects."""
        spans = (self.days[subject] for subject in subjects)
        return sum((days[-1] - days[0]).days + 1 for days in spans) / YEAR


@dataclass(frozen=True)
class Truth:
    """The courses of a file.

    Attributes:
        courses: each once.
        n_rows: number of rows in the file.
        n_repeated: number of rows that say the same as an earlier row.
        unknown: numbers of the rows whose subject is not in the feed.
    """

    courses: Sequence[Course]
    n_rows: int
    n_repeated: int
    unknown: Sequence[int]


def read_truth(path: Path, feed: Feed, find: Callable[[Sequence[str]], Mapping[str, str]], no_key: str = "") -> Truth:
    """Read courses from a CSV with subject_id, course, onset, end and optionally half.

    Onset and end are empty for a subject without a low period. A file with subject_id and label (1 or 0) gives no
    dates; the low period of a subject with label 1 is the whole feed.

    Args:
        path: the file.
        feed: days of the texts.
        find: from given ids to the feed's own ids, for those that it has.
        no_key: the end of the message if no subject is in the feed.

    Raises:
        DataError: the file cannot be read, a column is missing, a value is wrong, two rows contradict each other, or
            no subject is in the feed.
    """
    columns = ("subject_id", "course", "onset", "end", "half", "label")
    frame = read_small_table(path, columns, "a CSV with subject_id, course, onset and end, or subject_id and label")
    labelled = {"subject_id", "label"} <= set(frame.columns)
    missing = {"subject_id", "course", "onset", "end"} - set(frame.columns)
    if missing and not labelled:
        raise DataError(
            f"{path}: lacks {', '.join(sorted(missing))}; give subject_id with course, onset and end, or with label"
        )
    ids = find(frame["subject_id"].drop_nulls().to_list())
    own: dict[str, dict[Course, int]] = defaultdict(dict)
    unknown, n_repeated = [], 0
    for row in frame.to_dicts():
        number, subject = row[ROW], row["subject_id"]
        if subject is None:
            raise DataError(f"{path}, row {number}, subject_id: empty; fill it in, or remove the row")
        if subject not in ids:
            unknown.append(number)
            continue
        course = _course(path, number, row | {"subject_id": ids[subject]}, feed, labelled)
        earlier = own[course.subject_id]
        if first := next((at for other, at in earlier.items() if _contradict(course, other)), None):
            what = "label for the same subject" if labelled else "course for the same subject and days"
            raise DataError(f"{path}, row {number}: row {first} has another {what}; keep one")
        n_repeated += course in earlier
        earlier.setdefault(course, number)
    if not own:
        raise DataError(f"{path}: no subject in it wrote in this feed; use the subject_id of the feed{no_key}")
    courses = [course for of_subject in own.values() for course in of_subject]
    return Truth(courses, frame.height, n_repeated, unknown)


def _contradict(one: Course, other: Course) -> bool:
    """Whether two courses of a subject cannot both be true: they differ about the same days. A course without a low
    period is about all days.
    """
    return one != other and (None in (one.onset, other.onset) or (one.onset, one.end) == (other.onset, other.end))


def _course(path: Path, number: int, row: Mapping[str, Any], feed: Feed, labelled: bool) -> Course:
    subject = row["subject_id"]
    days = feed.days[subject]
    if labelled:
        if row["label"] not in ("0", "1"):
            raise DataError(f"{path}, row {number}, label: neither 0 nor 1; give one of them")
        low = row["label"] == "1"
        return Course(subject, UNKNOWN if low else CALM, *((days[0], days[-1]) if low else (None, None)))
    dates = []
    for name in ("onset", "end", "half"):
        value = row.get(name)
        try:
            dates.append(dt.date.fromisoformat(value) if value else None)
        except ValueError as error:
            raise DataError(f"{path}, row {number}, {name}: not a date such as 2026-03-01; write it so") from error
    onset, end, half = dates
    if (onset is None) != (end is None) or (onset and end and onset > end):
        raise DataError(f"{path}, row {number}: a low period needs an onset and an end on or after it")
    return Course(subject, row["course"] or UNKNOWN, onset, end, half)


def measure(opened: Mapping[str, Sequence[dt.date]], courses: Sequence[Course], feed: Feed) -> dict[str, Any]:
    """Measure alerts against the true courses.

    Args:
        opened: days on which an alert was opened, in order, by subject.
        courses: true courses of the subjects.
        feed: days of the texts.

    Returns:
        courses: periods, detected, rate, median_delay and median_delay_from_half (days) by course; the same over all
        courses; outside_alarms, years_outside, alarms_per_year_outside: alerts of all subjects outside low periods,
        and years outside them; n_calm: number of subjects without a low period, with their calm_years, calm_alarms
        and alarms_per_calm_year; erde5, erde50, latency_f1, the same with `_from_onset`, precision, recall, f1. A
        value with denominator 0 is None.
    """
    periods = [course for course in courses if course.onset]
    low = {course.subject_id for course in periods}
    calm = {course.subject_id for course in courses} - low
    alarms_within = [_within(opened.get(period.subject_id, ()), period) for period in periods]
    detections = [(period, days[0] if days else None) for period, days in zip(periods, alarms_within, strict=True)]
    kinds = sorted({period.course for period in periods})
    calm_alarms = sum(len(opened.get(subject, ())) for subject in calm)
    # A truth file may list overlapping periods; each of their days and alerts counts once.
    own = {subject: [period for period in periods if period.subject_id == subject] for subject in low}
    outside = calm_alarms + sum(
        not any(_within([day], period) for period in own[subject])
        for subject in low
        for day in opened.get(subject, ())
    )
    years_outside = feed.years(low | calm) - sum(_days(own[subject], feed.days[subject]) for subject in low) / YEAR
    return {
        "courses": {kind: _detection([pair for pair in detections if pair[0].course == kind]) for kind in kinds},
        **_detection(detections),
        "n_calm": len(calm),
        "calm_years": feed.years(calm),
        "calm_alarms": calm_alarms,
        "alarms_per_calm_year": _share(calm_alarms, feed.years(calm)),
        "outside_alarms": outside,
        "years_outside": years_outside,
        "alarms_per_year_outside": _share(outside, years_outside),
        **_subject_measures(opened, detections, calm, feed),
    }


def _detection(detections: Sequence[tuple[Course, dt.date | None]]) -> dict[str, Any]:
    delays = [(day - period.onset).days for period, day in detections if day and period.onset]
    halves = [(day - (period.half or period.onset)).days for period, day in detections if day and period.onset]
    return {
        "periods": len(detections),
        "detected": len(delays),
        "rate": _share(len(delays), len(detections)),
        "median_delay": median(delays) if delays else None,
        "median_delay_from_half": median(halves) if halves else None,
    }


def _subject_measures(
    opened: Mapping[str, Sequence[dt.date]],
    detections: Sequence[tuple[Course, dt.date | None]],
    calm: set[str],
    feed: Feed,
) -> dict[str, float | None]:
    """ERDE and F1 over subjects. If a subject has several periods, the first detected one counts."""
    detected: dict[str, tuple[Course, dt.date] | None] = {}
    for period, day in detections:
        if detected.get(period.subject_id) is None:
            detected[period.subject_id] = None if day is None else (period, day)
    hits = [pair for pair in detected.values() if pair is not None]
    false = sum(bool(opened.get(subject)) for subject in calm)
    precision, recall = _share(len(hits), len(hits) + false), _share(len(hits), len(detected))
    f1 = _share(2 * len(hits), 2 * len(hits) + false + len(detected) - len(hits))
    typical = median(len(days) for days in feed.days.values())
    result: dict[str, float | None] = {"precision": precision, "recall": recall, "f1": f1}
    for since_onset, suffix in ((False, ""), (True, "_from_onset")):
        texts = [_texts(feed.days[period.subject_id], period, day, since_onset) for period, day in hits]
        for o in (5, 50):
            result[f"erde{o}{suffix}"] = _erde(texts, len(detected), false, len(calm), o)
        speed = 1 - median(latency_penalty(count, typical) for count in texts) if texts else None
        result[f"latency_f1{suffix}"] = None if f1 is None or speed is None else f1 * speed
    return result


def _erde(texts: Sequence[int], low: int, false: int, calm: int, o: int) -> float | None:
    """ERDE of `low` subjects with a low period and `calm` subjects without one.

    `texts` has the number of texts before the alert for each low subject with an alert; `false` calm subjects got
    one.
    """
    everyone = low + calm
    cost = sum(erde_cost(count, o) for count in texts) + low - len(texts) + false * low / max(1, everyone)
    return _share(cost, everyone)


def erde_cost(texts: int, o: int) -> float:
    """ERDE's cost of a true alert after `texts` texts: near 0 at first, 0.5 after `o` texts, 1 in the end.

    A missed alert costs 1; a false alert costs the share of low subjects.
    """
    return 1.0 - 1.0 / (1.0 + math.exp(min(texts - o, 700)))


def latency_penalty(texts: int, typical: float) -> float:
    """Penalty of a true alert after `texts` texts: 0 after the first, 0.5 after the `typical` number of texts."""
    rate = math.log(3) / max(typical - 1, 1)
    return -1.0 + 2.0 / (1.0 + math.exp(-rate * (texts - 1)))


def _within(opened: Sequence[dt.date], period: Course) -> list[dt.date]:
    return [day for day in opened if period.onset and period.end and period.onset <= day <= period.end]


def _days(periods: Sequence[Course], texts: Sequence[dt.date]) -> int:
    """Number of days from a subject's first to last text that lie in at least one of the subject's periods."""
    days = set[int]()
    for period in periods:
        if period.onset and period.end:
            days |= set(range(max(period.onset, texts[0]).toordinal(), min(period.end, texts[-1]).toordinal() + 1))
    return len(days)


def _texts(days: Sequence[dt.date], period: Course, alert: dt.date, since_onset: bool) -> int:
    """Number of texts up to the day of the alert, counted from the subject's first text or from the onset."""
    first = bisect_left(days, period.onset) if since_onset and period.onset else 0
    return bisect_right(days, alert) - first


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None

"""The window queries again, text by text in plain Python: slow, but too simple to have the same faults."""

import datetime as dt
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import NamedTuple

DAY = dt.timedelta(days=1)
Row = dict[str, object]


class Text(NamedTuple):
    """One text with its probabilities of high and mid risk; low is the rest."""

    subject: str
    cohort: str | None
    at: dt.datetime
    high: float
    mid: float
    scored: bool = True

    @property
    def day(self) -> dt.date:
        return self.at.date()

    @property
    def low(self) -> float:
        return 1.0 - self.high - self.mid

    @property
    def is_high(self) -> bool:
        return self.high > self.mid and self.high > self.low


def mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def measures(texts: Sequence[Text]) -> Row:
    """The measures that every query returns of a set of texts."""
    n_high = sum(text.is_high for text in texts)
    low, mid, high = (mean(getattr(text, name) for text in texts) for name in ("low", "mid", "high"))
    others = {f"p_{name}": 0.0 for name in ("love", "fear", "surprise")}
    return {
        "n": len(texts),
        "n_high": n_high,
        "share_high": n_high / len(texts),
        "p_low": low,
        "p_mid": mid,
        "p_high": high,
        **({"p_joy": low, "p_anger": mid, "p_sadness": high} | others),
    }


def wilson(k: int, n: int) -> Row:
    """The two shares p at which k lies just 1.96 standard errors from n * p, found by halving."""

    def end(inside: float, outside: float) -> float:
        for _ in range(60):
            p = (inside + outside) / 2
            if abs(k / n - p) <= 1.96 * (p * (1 - p) / n) ** 0.5:
                inside = p
            else:
                outside = p
        return inside

    return {"share_high_lo": end(k / n, 0.0), "share_high_hi": end(k / n, 1.0)}


def clustered(within: Sequence[Text]) -> Row:
    """Wilson's interval on the effective number of texts, from the texts of each subject."""
    groups = [[t.is_high for t in within if t.subject == subject] for subject in {t.subject for t in within}]
    if len(groups) < 2:
        return {"share_high_lo": None, "share_high_hi": None}
    n, p = len(within), sum(t.is_high for t in within) / len(within)
    squares = sum(len(own) ** 2 for own in groups)
    if 0 < p < 1:
        spread = sum((sum(own) - p * len(own)) ** 2 for own in groups) / (n * n)
        effective = min(n, p * (1 - p) / max(1e-300, spread * len(groups) / (len(groups) - 1)))
    else:
        effective = n / (1 + 0.2 * (squares / n - 1))
    df = n * n / squares - 1
    t = 12.706 if df < 2 else (df * (math.exp(1.96**2 * (df - 5 / 6) / (df - 2 / 3 + 0.1 / df) ** 2) - 1)) ** 0.5
    middle = (p + t * t / (2 * effective)) / (1 + t * t / effective)
    half = t * (p * (1 - p) / effective + t * t / (4 * effective**2)) ** 0.5 / (1 + t * t / effective)
    return {"share_high_lo": max(0.0, middle - half), "share_high_hi": min(1.0, middle + half)}


def course(subject: str, day: dt.date, days: int, texts: Sequence[Text]) -> Row:
    """Variability, inertia and the band of the own past, for the window of `days` ending on `day`."""
    own = [text for text in texts if text.subject == subject]
    within = [text for text in own if day - days * DAY < text.day <= day]
    daily = {text.day: mean(other.high for other in within if other.day == text.day) for text in within}
    pairs = [(daily[one - DAY], daily[one]) for one in daily if one - DAY in daily]
    varied = (
        days >= 28
        and len(pairs) >= 14
        and all(statistics.pvariance(side) > 1e-12 for side in zip(*pairs, strict=True))
    )
    past = [text.high for text in own if 0 <= (day - days * DAY - text.day).days < 56]
    centre = mean(past) if len(past) >= 10 else None
    spread = statistics.stdev(past) if len(past) >= 10 else 0.0
    reach = 1.96 * spread * (1 / len(within) + 1 / len(past)) ** 0.5 if past else 0.0
    return {
        "variability": statistics.stdev(text.high for text in within) if len(within) > 1 else None,
        "inertia": statistics.correlation(*zip(*pairs, strict=True)) if varied else None,
        "baseline_mean": centre,
        "baseline_lo": None if centre is None else max(0.0, centre - reach),
        "baseline_hi": None if centre is None else min(1.0, centre + reach),
    }


def rolling(texts: Sequence[Text], days: int, key: Callable[[Text], str], name: str) -> list[Row]:
    rows = []
    for day, group in sorted({(text.day, key(text)) for text in texts}):
        within = [text for text in texts if key(text) == group and day - days * DAY < text.day <= day]
        row = {"day": day, name: group} | measures(within)
        row |= wilson(sum(t.is_high for t in within), len(within)) if name == "subject_id" else clustered(within)
        row["n_days"] = len({text.day for text in within})
        if name == "subject_id":
            row |= course(group, day, days, texts)
        else:
            row["n_subjects"] = len({text.subject for text in within})
        rows.append(row)
    return rows


def rolling_cohort(texts: Sequence[Text], days: int) -> list[Row]:
    everyone = [row | {"cohort": None} for row in rolling(texts, days, lambda _: "", "cohort")]
    cohorts = rolling(texts, days, lambda text: text.cohort or "unnamed", "cohort")
    return everyone + sorted(cohorts, key=lambda row: (row["cohort"], row["day"]))


def daily(texts: Sequence[Text]) -> list[Row]:
    rows = []
    for day, subject in sorted({(text.day, text.subject) for text in texts}):
        within = [text for text in texts if (text.day, text.subject) == (day, subject)]
        rows.append({"day": day, "subject_id": subject} | measures(within))
    return rows


def monday(day: dt.date) -> dt.date:
    return day - day.weekday() * DAY


def headline(texts: Sequence[Text], as_of: dt.date, threshold: float, min_texts: int) -> list[Row]:
    rows = []
    for period, last in (("now", as_of), ("before", as_of - 7 * DAY)):
        within = [text for text in texts if last - 7 * DAY < text.day <= last]
        means = [
            mean(text.high for text in within if text.subject == subject)
            for subject in {text.subject for text in within}
            if sum(text.subject == subject for text in within) >= min_texts
        ]
        rows.append(
            {"period": period, "first_day": last - 6 * DAY, "last_day": last, "n": len(within)}
            | {"n_subjects": len({text.subject for text in within}), "n_rated": len(means)}
            | {"n_above": sum(value >= threshold for value in means)}
            | {"p_high": mean(text.high for text in within) if within else None}
        )
    return rows


def daily_top(texts: Sequence[Text]) -> list[Row]:
    rows: list[Row] = []
    for cohort in (None, *sorted({text.cohort or "unnamed" for text in texts})):
        own = [text for text in texts if cohort in (None, text.cohort or "unnamed")]
        for day in sorted({text.day for text in own}):
            of_day = [text for text in own if text.day == day]
            rows.append({"cohort": cohort, "day": day, "n_top": top(of_day)} | of_high(of_day))
    return rows


def top(texts: Sequence[Text]) -> int:
    """The most texts of one subject."""
    writers = [text.subject for text in texts]
    return max(map(writers.count, writers), default=0)


def of_high(texts: Sequence[Text]) -> Row:
    """The subjects of the high texts, and the most such texts of one."""
    high = [text for text in texts if text.is_high]
    return {"n_high_subjects": len({text.subject for text in high}), "n_high_top": top(high)}


def heat_subject_week(texts: Sequence[Text], as_of: dt.date, days: int, top: int) -> list[Row]:
    within = [text for text in texts if text.day >= monday(as_of - (days - 1) * DAY)]
    if not within:
        return []
    everyone = mean(text.high for text in within)
    ranks = []
    for subject in {text.subject for text in within}:
        recent = [t.high for t in within if t.subject == subject and t.day > as_of - 28 * DAY]
        ranks.append((not recent, -(sum(recent) + 5 * everyone) / (len(recent) + 5), subject))
    rows = []
    for place, (*_, subject) in enumerate(sorted(ranks)[:top], start=1):
        for week in sorted({monday(text.day) for text in within if text.subject == subject}):
            cell = [text for text in within if text.subject == subject and monday(text.day) == week]
            values = {key: measures(cell)[key] for key in ("n", "n_high", "share_high", "p_high")}
            rows.append({"week": week, "subject_id": subject, "place": place} | values)
    return rows


def heat_weekday_hour(texts: Sequence[Text], as_of: dt.date, days: int) -> list[Row]:
    within = [text for text in texts if text.day > as_of - days * DAY]
    rows = []
    for weekday, hour in product(range(1, 8), range(24)):
        cell = [text for text in within if (text.at.isoweekday(), text.at.hour) == (weekday, hour)]
        if cell:
            values = {key: measures(cell)[key] for key in ("n", "n_high", "share_high", "p_high")}
            subjects = len({text.subject for text in cell})
            rows.append({"weekday": weekday, "hour": hour, "n_subjects": subjects} | values)
    return rows


def weekly_cohort(texts: Sequence[Text], as_of: dt.date, weeks: int) -> list[Row]:
    rows: list[Row] = []
    for cohort in (None, *sorted({text.cohort or "unnamed" for text in texts})):
        for last in (as_of - 7 * back * DAY for back in reversed(range(weeks))):
            within = [
                text
                for text in texts
                if last - 7 * DAY < text.day <= last and cohort in (None, text.cohort or "unnamed")
            ]
            if within:
                values = measures(within) | clustered(within)
                counts = {
                    "n_days": len({text.day for text in within}),
                    "n_subjects": len({t.subject for t in within}),
                }
                rows.append({"cohort": cohort, "day": last} | counts | values | of_high(within))
    return rows


def data_quality(every: Sequence[Text], as_of: dt.date) -> list[Row]:
    until = [text for text in every if text.day <= as_of]
    scored = [text for text in until if text.scored]
    return [
        {
            "n_documents": len(until),
            "n_scored": len(scored),
            "n_unscored": len(until) - len(scored),
            "n_subjects": len({text.subject for text in scored}),
            "n_after": len(every) - len(until),
            "last_posted": max((text.at for text in scored), default=None),
        }
    ]


def missing_nights(every: Sequence[Text], as_of: dt.date) -> list[Row]:
    scored = {text.day for text in every if text.scored and text.day <= as_of}
    rows: list[Row] = []
    day = min(scored, default=as_of)
    while day <= as_of and scored:
        if day not in scored:
            rows.append({"day": day, "n_unscored": sum(text.day == day for text in every)})
        day += DAY
    return rows


def model_coverage(every: Sequence[Text], as_of: dt.date) -> list[Row]:
    if not any(text.scored for text in every):
        return []
    until = [text.at for text in every if text.scored and text.day <= as_of]
    ends = {
        "first_posted": min(until, default=None),
        "last_posted": max(until, default=None),
    }
    return [{"n": len(until)} | ends]


def answers(
    every: Sequence[Text],
    as_of: dt.date,
    *,
    window_days: int,
    days: int,
    top: int,
    threshold: float,
    min_texts: int,
    weeks: int,
) -> dict[str, list[Row]]:
    """Query name -> its expected rows, with the columns that the test compares."""
    texts = [text for text in every if text.scored and text.day <= as_of]

    def subject(text: Text) -> str:
        return text.subject

    return {
        "daily_subject": daily(texts),
        "rolling_cohort": rolling_cohort(texts, window_days),
        "rolling_subject": rolling(texts, window_days, subject, "subject_id"),
        "headline": headline(texts, as_of, threshold, min_texts),
        "daily_top": daily_top(texts),
        "heat_subject_week": heat_subject_week(texts, as_of, days, top),
        "heat_weekday_hour": heat_weekday_hour(texts, as_of, days),
        "weekly_cohort": weekly_cohort(texts, as_of, weeks),
        "data_quality": data_quality(every, as_of),
        "missing_nights": missing_nights(every, as_of),
        "model_coverage": model_coverage(every, as_of),
    }

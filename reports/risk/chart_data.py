"""Turn the results of window queries into the frames of the charts: gaps, order, labels.

Days and weeks become ISO strings, which every browser reads as UTC; a `datetime` would be read in the
reader's own time zone and could move a point to the day before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from monitor.labels import RISKS
from reports.risk.inputs import Series
from reports.style.wording import WEEKDAYS, Words

LEVELS = tuple(level.removesuffix("_risk") for level in reversed(RISKS))
SILENCE_DAYS = 7
_GAP = pl.col("day").diff().dt.total_days()
ALONE = (_GAP.fill_null(2) > 1) & (_GAP.shift(-1).fill_null(2) > 1)


def trend(series: Series, first_day: dt.date, missing: Sequence[dt.date], words: Words) -> pl.DataFrame:
    """One row per day from first_day with any value.

    Columns of the day: day, date (as written), share (of high risk), n, n_subjects. Columns of the 7 days that end on
    it: share_7, lo, hi, n_7, n_subjects_7 and each of LEVELS (mean probabilities). Also share_28; stretch, which
    numbers the runs of 7-day values without a gap, at which lines end; and alone, whether both neighbouring days lack
    a 7-day value.

    A mean over 7 or 28 days is left out until 7 or 28 days have passed since the first text.
    """
    ends = series.week.filter(~pl.col("day").is_in(series.weeks["day"].implode()))
    sevens = pl.concat([ends, series.weeks.filter(~pl.col("withheld")).select(ends.columns)], how="vertical_relaxed")
    week = sevens.select(
        "day",
        *(pl.col(name).alias(f"{name}_7") for name in ("n", "n_subjects")),
        *(pl.col(f"share_high{old}").alias(new) for old, new in (("", "share_7"), ("_lo", "lo"), ("_hi", "hi"))),
        *(pl.col(f"p_{level}").alias(level) for level in LEVELS),
    )
    frames = (
        series.daily.select("day", pl.col("share_high").alias("share"), "n", "n_subjects"),
        _full(week, series, 7).sort("day").with_columns(stretch=_stretches(missing), alone=ALONE),
        _full(series.month.select("day", pl.col("share_high").alias("share_28")), series, 28),
    )
    days = frames[0]
    for part in frames[1:]:
        days = days.join(part, on="day", how="full", coalesce=True)
    charted = days.filter(pl.col("day") >= first_day).sort("day")
    return charted.with_columns(
        pl.col("day").dt.to_string("%Y-%m-%d"),
        date=pl.Series([words.weekday(day) for day in charted["day"]], dtype=pl.String),
    )


def _full(windows: pl.DataFrame, series: Series, length: int) -> pl.DataFrame:
    return windows.filter(pl.col("day") >= series.first + dt.timedelta(days=length - 1))


def _stretches(missing: Sequence[dt.date]) -> pl.Expr:
    """The number of each day's run. A gap of more than a week, or two or more missing nights, starts a new run."""
    before = pl.lit(pl.Series(missing, dtype=pl.Date).sort())
    passed = before.search_sorted(pl.col("day")).diff()
    broken = (_GAP > SILENCE_DAYS) | ((_GAP > 2) & (passed == _GAP - 1))
    return broken.fill_null(False).cum_sum()


def gaps(missing: Sequence[dt.date], first_day: dt.date) -> pl.DataFrame:
    """Runs of missing nights from first_day: columns day (the first), end (the day after the last), nights."""
    days = pl.DataFrame({"day": sorted(day for day in missing if day >= first_day)}, schema={"day": pl.Date})
    run = (pl.col("day").diff().dt.total_days() != 1).fill_null(False).cum_sum()
    runs = days.group_by(run.alias("run")).agg(
        day=pl.col("day").min(), end=pl.col("day").max() + pl.duration(days=1), nights=pl.len()
    )
    return runs.sort("day").select(pl.col("day", "end").dt.to_string("%Y-%m-%d"), "nights")


def emotion_weeks(weeks: pl.DataFrame, order: list[str], words: Words) -> pl.DataFrame:
    """One row per published week and emotion, stacked in `order`. An emotion reaches from `base` to `top`, shares of
    1.
    """
    place = pl.col("emotion").replace_strict(order, list(range(len(order))), return_dtype=pl.Int64)
    long = weeks.filter(~pl.col("withheld")).unpivot(
        [f"p_{emotion}" for emotion in order],
        index=["day", "n", "n_days"],
        variable_name="emotion",
        value_name="p",
    )
    start = pl.col("day") - pl.duration(days=6)
    ranked = (
        long.with_columns(pl.col("emotion").str.strip_prefix("p_"))
        .with_columns(place=place, week=start)
        .sort("week", "place")
        .with_columns(top=pl.col("p").cum_sum().over("week", order_by="place"))
        .with_columns(base=pl.col("top") - pl.col("p"), name=_named("emotion", {key: words(key) for key in order}))
    )
    return _weeks(ranked.drop("day"), words)


def subject_weeks(heat: pl.DataFrame, labels: dict[str, str], least: int, words: Words) -> pl.DataFrame:
    """One row per subject and ISO week in which at least `least` of the subjects wrote; `label` names the subject."""
    crowded = heat.filter(pl.col("subject_id").n_unique().over("week") >= least)
    named = crowded.sort("place", "week").with_columns(label=_named("subject_id", labels))
    return _weeks(named.drop("subject_id"), words)


def weekday_hours(heat: pl.DataFrame, words: Words) -> pl.DataFrame:
    """One row per weekday and hour; `weekday` becomes Mon to Sun, `clock` is the hour in words."""
    names = {str(number): words(name) for number, name in enumerate(WEEKDAYS, 1)}
    return heat.sort("weekday", "hour").with_columns(
        weekday=_named("weekday", names), clock=pl.format("{}:00–{}:59 UTC", "hour", "hour")
    )


def _named(column: str, names: dict[str, str]) -> pl.Expr:
    return pl.col(column).cast(pl.String).replace_strict(names, return_dtype=pl.String)


def _weeks(frame: pl.DataFrame, words: Words) -> pl.DataFrame:
    """Add the week's first day, the day after its last, and its name in tooltips."""
    dates = [words("week from {day}", day=words.day(day)) for day in frame["week"]]
    return frame.with_columns(
        pl.col("week").dt.to_string("%Y-%m-%d"),
        (pl.col("week") + pl.duration(days=7)).dt.to_string("%Y-%m-%d").alias("week_end"),
        pl.Series("date", dates, dtype=pl.String),
    )

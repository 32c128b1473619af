"""From window frames (monitor.windows) to the frames that charts draw: withheld cells, gaps, order, labels.

Days and weeks become ISO strings, which every browser reads as UTC; a `datetime` would be read in the
reader's own time zone and could move a point to the day before.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from monitor.labels import EMOTIONS

COUNTS = ("n", "n_days", "n_high", "n_subjects")
MEASURES = (*COUNTS, "share_high", "p", "p_low", "p_mid", "p_high", *(f"p_{emotion}" for emotion in EMOTIONS))
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def withhold(frame: pl.DataFrame, min_cohort: int) -> pl.DataFrame:
    """Empty every measure of rows with fewer than min_cohort subjects, and say so in column `withheld`."""
    small = pl.col("n_subjects") < min_cohort
    measures = [name for name in MEASURES if name in frame.columns]
    return frame.with_columns(withheld=small).with_columns(
        pl.when(small).then(None).otherwise(pl.col(name)).alias(name) for name in measures
    )


def trend(
    daily: pl.DataFrame,
    week: pl.DataFrame,
    month: pl.DataFrame,
    *,
    min_cohort: int,
    first_day: dt.date,
) -> pl.DataFrame:
    """One row a day from first_day: daily means, 7-day means (`*_7`) and the 28-day mean of high (`high_28`).

    Args:
        daily: frame of daily_overall.
        week: frame of rolling_overall over 7 days.
        month: frame of rolling_overall over 28 days.
        min_cohort: cells with fewer subjects are emptied.
        first_day: earlier rows are left out.

    A mean over 7 or 28 days is left out until so many days have passed since the first text.
    `stretch` numbers the runs of days without a silence of a week or more: lines and areas end there.
    """
    levels = ("high", "mid", "low")
    days = withhold(daily, min_cohort).select(
        "day",
        "n",
        "n_subjects",
        "withheld",
        "share_high",
        *(pl.col(f"p_{level}").alias(level) for level in levels),
    )
    sevens = withhold(week, min_cohort).select(
        "day", pl.col("n").alias("n_7"), *(pl.col(f"p_{level}").alias(f"{level}_7") for level in levels)
    )
    months = withhold(month, min_cohort).select("day", pl.col("p_high").alias("high_28"))
    since = (pl.col("day") - pl.col("day").min()).dt.total_days() + 1
    full = [
        pl.when(since >= length).then(pl.col(name)).alias(name)
        for length, names in ((7, ["n_7", *(f"{level}_7" for level in levels)]), (28, ["high_28"]))
        for name in names
    ]
    silence = pl.col("day").diff().dt.total_days() >= 7
    return (
        days.join(sevens, on="day", how="left")
        .join(months, on="day", how="left")
        .with_columns(full)
        .filter(pl.col("day") >= first_day)
        .sort("day")
        .with_columns(
            stretch=silence.fill_null(False).cum_sum(), date=pl.col("day").dt.strftime("%a %-d %b %Y")
        )
        .with_columns(pl.col("day").dt.to_string("%Y-%m-%d"))
    )


def emotion_weeks(mix: pl.DataFrame, order: list[str], min_cohort: int) -> pl.DataFrame:
    """One row a week and emotion, stacked in `order`: from `base` up to `top`, both shares of 1."""
    place = pl.col("emotion").replace_strict(order, list(range(len(order))), return_dtype=pl.Int64)
    return (
        withhold(mix, min_cohort)
        .with_columns(place=place)
        .sort("week", "place")
        .with_columns(top=pl.col("p").cum_sum().over("week", order_by="place"))
        .with_columns(base=pl.col("top") - pl.col("p"))
        .with_columns(_weeks())
    )


def subject_weeks(heat: pl.DataFrame, show_subjects: bool) -> pl.DataFrame:
    """One row a subject and week; `label` is the subject's id or, where ids are not shown, its place."""
    label = pl.col("subject_id") if show_subjects else pl.col("place").cast(pl.String)
    return heat.sort("place", "week").with_columns(label=label).drop("subject_id").with_columns(_weeks())


def weekday_hours(heat: pl.DataFrame, min_cohort: int) -> pl.DataFrame:
    """One row a weekday and hour; `weekday` becomes Mon to Sun."""
    names = pl.col("weekday").replace_strict(list(range(1, 8)), list(WEEKDAYS), return_dtype=pl.String)
    return (
        withhold(heat, min_cohort)
        .sort("weekday", "hour")
        .with_columns(weekday=names, clock=pl.format("{}:00 to {}:59 UTC", "hour", "hour"))
    )


def _weeks() -> list[pl.Expr]:
    """The week's Monday, the Monday after, and what a tooltip calls it."""
    end = pl.col("week") + pl.duration(days=7)
    return [
        pl.col("week").dt.to_string("%Y-%m-%d"),
        end.dt.to_string("%Y-%m-%d").alias("week_end"),
        pl.col("week").dt.strftime("week of %-d %b %Y").alias("date"),
    ]

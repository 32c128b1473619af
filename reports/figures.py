"""The figures of a report: for each, its words, its chart, and the same numbers as a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import altair as alt
import polars as pl

from reports import charts, frames
from reports.inputs import Inputs
from reports.palette import LIGHT
from reports.wording import WITHHELD, count, day, exact, percent, points

Draw = Callable[..., alt.TopLevelMixin]


@dataclass(frozen=True)
class Table:
    """Numbers as text; the first column heads its row."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Figure:
    """One figure. Where there is nothing to draw, `draw` is None and `summary` says why.

    draw(palette, width=...) gives the chart.
    """

    key: str
    title: str
    unit: str
    summary: str
    draw: Draw | None = None
    table: Table | None = field(default=None, repr=False)
    wide: bool = True


def all_figures(inputs: Inputs) -> list[Figure]:
    """Every figure of the report, in the order of the page."""
    options = inputs.options
    trend = frames.trend(
        inputs.daily,
        inputs.week,
        inputs.month,
        min_cohort=options.min_cohort,
        first_day=inputs.first_day,
    )
    return [
        risk_trend(trend, inputs),
        risk_levels(trend, inputs),
        emotion_mix(inputs),
        subject_week(inputs),
        weekday_hour(inputs),
    ]


def risk_trend(trend: pl.DataFrame, inputs: Inputs) -> Figure:
    """High risk over time."""
    line = inputs.options.threshold
    unit = (
        "Mean probability of high risk, all subjects, by UTC day. A mean over 7 or 28 days begins once that many "
        f"days are on record. The alert line, {exact(line)}, is what each subject's week is held to."
    )
    words = partial(Figure, "risk_trend", "High risk, day by day", unit)
    why = _too_little(trend, "high", inputs, 2, "day")
    if why:
        return words(why)
    known = trend.drop_nulls("high_7")
    summary = f"{count(trend.height, 'day')} with texts; a 7-day mean needs 7 days on record."
    if known.height:
        last, top = known.row(-1, named=True), known.sort("high_7", descending=True).row(0, named=True)
        above = known.filter(pl.col("high_7") >= line).height
        summary = (
            f"The 7-day mean was {percent(last['high_7'])} on {day(last['day'])}; its highest was "
            f"{percent(top['high_7'])} on {day(top['day'])}. It was at or above the alert line on "
            f"{count(above)} of {count(known.height, 'day')}."
        )
    rows = [
        (row["day"], _n(row["n"]), percent(row["high"]), percent(row["high_7"]), percent(row["high_28"]))
        for row in reversed(trend.to_dicts())
    ]
    table = Table(("Day", "Texts", "Daily mean", "7-day mean", "28-day mean"), rows)
    return words(summary, partial(charts.risk_trend, trend, threshold=line), table)


def risk_levels(trend: pl.DataFrame, inputs: Inputs) -> Figure:
    """All three levels over time."""
    unit = (
        "Share of each risk level: mean probability over the 7 days to each day, all subjects. "
        "The three add up to 100%."
    )
    words = partial(Figure, "risk_levels", "All three risk levels", unit, wide=False)
    why = _too_little(trend, "high_7", inputs, 2, "full 7-day window")
    if why:
        return words(why)
    known = trend.drop_nulls("high_7")
    first, last = known.row(0, named=True), known.row(-1, named=True)
    summary = (
        f"On {day(last['day'])}: {percent(last['high_7'])} high, {percent(last['mid_7'])} mid, "
        f"{percent(last['low_7'])} low. Since {day(first['day'])} high moved by "
        f"{points(last['high_7'] - first['high_7'])}."
    )
    rows = [
        (row["day"], _n(row["n_7"]), *(percent(row[f"{level}_7"]) for level in charts.LEVELS))
        for row in reversed(known.to_dicts())
    ]
    table = Table(("7 days to", "Texts", "High", "Mid", "Low"), rows)
    return words(summary, partial(charts.risk_levels, trend), table)


def emotion_mix(inputs: Inputs) -> Figure:
    """Emotions by week."""
    unit = (
        "Share of each emotion: mean probability by ISO week (Monday to Sunday, UTC), all subjects. "
        "Colours follow the risk."
    )
    words = partial(Figure, "emotion_mix", "The emotions behind it", unit, wide=False)
    order = list(LIGHT.emotions(inputs.model.rules))
    weeks = frames.emotion_weeks(inputs.emotion_mix, order, inputs.options.min_cohort)
    why = _too_little(weeks, "p", inputs, 1, "week")
    if why:
        return words(why)
    wide = weeks.pivot(on="emotion", index=["week", "n", "n_days"], values="p").sort("week")
    known = wide.drop_nulls(order)
    last = known.filter(pl.col("week") == _last_full_week(known["week"], inputs)).row(0, named=True)
    ranked = sorted(order, key=lambda emotion: -last[emotion])
    shares = ", ".join(f"{emotion} {percent(last[emotion], 0)}" for emotion in ranked)
    over = last["week"] <= (inputs.as_of - dt.timedelta(days=6)).isoformat()
    summary = f"Week of {day(last['week'])}{'' if over else ', not yet over'}: {shares}."
    rows = [
        (row["week"], _n(row["n"]), *(percent(row[emotion]) for emotion in order))
        for row in reversed(wide.to_dicts())
    ]
    table = Table(("Week from", "Texts", *(emotion.capitalize() for emotion in order)), rows)
    return words(summary, partial(charts.emotion_mix, weeks, rules=inputs.model.rules), table)


def subject_week(inputs: Inputs) -> Figure:
    """Subjects by weeks."""
    options = inputs.options
    heat = frames.subject_weeks(inputs.subject_week, options.show_subjects)
    shown, known = heat["place"].n_unique(), inputs.data_quality["n_subjects"][0]
    unit = (
        "Mean probability of high risk by subject (row) and ISO week (column, from Monday, UTC). Rows are ordered "
        "by the last 28 days, the highest first; blank: no texts."
        + ("" if options.show_subjects else " Rows are numbered: this page names no one.")
    )
    words = partial(Figure, "subject_week", "Who, and since when", unit)
    if not heat.height:
        return words(f"No subject wrote in the {count(options.days, 'day')} to {day(inputs.as_of)}.")
    if known < options.min_cohort and not options.show_subjects:
        return words(
            f"Withheld: among fewer than {options.min_cohort} subjects a row without a name hides no one "
            "(--min-cohort; --show-subjects shows the rows with their ids)."
        )
    week = _last_full_week(heat["week"], inputs)
    rated = heat.filter((pl.col("week") == week) & (pl.col("n") >= options.min_texts))
    above = rated.filter(pl.col("p_high") >= options.threshold).height
    most = "" if shown >= known else f" The {shown} highest of {count(known, 'subject')} are shown."
    noun = "subject" if shown >= known else "shown subject"
    summary = (
        f"In the week of {day(week)}, {count(above)} of {count(rated.height, noun)} with "
        f"{options.min_texts} or more texts were at or above {exact(options.threshold)}.{most}"
        if rated.height
        else f"In the week of {day(week)} no subject wrote {options.min_texts} or more texts.{most}"
    )
    weeks = sorted(heat["week"].unique().to_list(), reverse=True)
    cells = {(row["label"], row["week"]): percent(row["p_high"], 0) for row in heat.to_dicts()}
    labels = heat["label"].unique(maintain_order=True).to_list()
    rows = [(label, *(cells.get((label, week), "") for week in weeks)) for label in labels]
    return words(summary, partial(charts.heat_subject_week, heat), Table(("Subject", *weeks), rows))


def weekday_hour(inputs: Inputs) -> Figure:
    """Weekdays by hours."""
    limit = inputs.options.min_cohort
    unit = (
        "Mean probability of high risk by weekday (row) and hour of the day (column, UTC), all subjects. "
        + (
            f"Grey: withheld, fewer than {limit} subjects; blank: no texts."
            if limit > 1
            else "Blank: no texts."
        )
    )
    words = partial(Figure, "weekday_hour", "At what hours", unit)
    heat = frames.weekday_hours(inputs.weekday_hour, limit)
    why = _too_little(heat, "p_high", inputs, 1, "hour")
    if why:
        return words(why)
    if heat["hour"].to_list() == [0] * heat.height and heat.height > 1:
        return words(
            "Not drawn: every text is dated to hour 0 of its day, as when a feed tells days but no hours."
        )
    known = heat.drop_nulls("p_high").sort("p_high", "n", descending=True)
    top, low = known.row(0, named=True), known.row(-1, named=True)
    hidden = heat.height - known.height
    summary = (
        f"Highest on {top['weekday']} {top['hour']}:00 ({percent(top['p_high'], 0)} of {count(top['n'], 'text')}), "
        f"lowest on {low['weekday']} {low['hour']}:00 ({percent(low['p_high'], 0)} of {count(low['n'], 'text')}); "
        "single hours are noisy." + (f" {count(hidden, 'hour')} withheld." if hidden else "")
    )
    cells = {
        (row["weekday"], row["hour"]): WITHHELD if row["withheld"] else percent(row["p_high"], 0)
        for row in heat.to_dicts()
    }
    rows = [(name, *(cells.get((name, hour), "") for hour in range(24))) for name in frames.WEEKDAYS]
    table = Table(("UTC", *(str(hour) for hour in range(24))), rows)
    return words(summary, partial(charts.heat_weekday_hour, heat), table)


def _last_full_week(weeks: pl.Series, inputs: Inputs) -> str:
    """The last week (its Monday, ISO) that is over by as_of; where none is, the last."""
    monday = (inputs.as_of - dt.timedelta(days=6)).isoformat()
    return str(weeks.filter(weeks <= monday).max() or weeks.max())


def _too_little(frame: pl.DataFrame, column: str, inputs: Inputs, least: int, noun: str) -> str:
    """Why this figure cannot be drawn, or nothing where it can."""
    options = inputs.options
    if not frame.height:
        return f"No texts in the {count(options.days, 'day')} to {day(inputs.as_of)}."
    known = frame[column].drop_nulls().len()
    if known >= least:
        return ""
    if "withheld" in frame.columns and frame["withheld"].any():
        return (
            f"Withheld: too few cells have the {options.min_cohort} subjects that this report asks for "
            f"(--min-cohort)."
        )
    return f"Not drawn: this takes at least {count(least, noun)}, and there {'is' if known == 1 else 'are'} {known}."


def _n(value: int | None) -> str:
    return WITHHELD if value is None else count(value)

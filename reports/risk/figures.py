"""The figures about everyone and about cohorts: title, sentences, chart, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import altair as alt
import polars as pl

from reports.risk import chart_data, charts
from reports.risk.inputs import Inputs, Series
from reports.style.palette import LIGHT
from reports.style.wording import WEEKDAYS, Words, percent

Draw = Callable[..., alt.TopLevelMixin]
LEAST_HOUR_DAYS = 28


class Link(NamedTuple):
    """A table's cell with a link to another page; href never contains text that people wrote."""

    text: str
    href: str


@dataclass(frozen=True)
class Table:
    """Numbers as text; the first column heads its row."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str | Link, ...]]


@dataclass(frozen=True)
class Figure:
    """One section of a page. Without chart and table, `summary` gives the reason.

    draw(palette, width=...) returns the chart. A table without a chart is shown unfolded. The title links to `href`.
    strips: rows of reports.risk.signs, shown above the summary.
    """

    key: str
    title: str
    unit: str
    summary: str
    draw: Draw | None = None
    table: Table | None = field(default=None, repr=False)
    wide: bool = True
    href: str = ""
    strips: Sequence[Any] = ()


def of_series(series: Series, inputs: Inputs) -> list[Figure]:
    """The figures about everyone, or about one cohort."""
    trend = chart_data.trend(series, inputs.first_day, inputs.missing, inputs.words)
    return [
        risk_trend(series, trend, inputs),
        risk_levels(series, trend, inputs),
        emotion_mix(series, inputs),
    ]


def risk_trend(series: Series, trend: pl.DataFrame, inputs: Inputs) -> Figure:
    """High risk over time."""
    words, gaps = inputs.words, chart_data.gaps(inputs.missing, inputs.first_day)
    unit = _trend_unit(series, inputs, gaps.height > 0)
    figure = partial(Figure, "risk_trend", words("High risk, day by day"), unit)
    complete = trend.drop_nulls("share_7")
    if max(trend["share"].drop_nulls().len(), complete.height) < 2:
        return figure(too_little_data(series, inputs, words("at least 2 days, or 2 full weeks")))
    summary = _trend_summary(complete, series, inputs)
    rows = [
        (
            row["day"],
            "–" if row["n_7"] is None else f"{row['n_7']:,}",
            percent(row["share"]),
            percent(row["share_7"]),
            "–" if row["lo"] is None else f"{percent(row['lo'])} – {percent(row['hi'])}",
            percent(row["share_28"]),
        )
        for row in reversed(trend.to_dicts())
    ]
    columns = ("Day", "Texts, 7 days", "one day", "7 days", "95% interval", "28 days")
    forecast = series.forecast.select(pl.col("day").dt.to_string("%Y-%m-%d"), "p", "lo", "hi")
    draw = partial(charts.risk_trend, trend, words=words, gaps=gaps, forecast=forecast)
    return figure(summary, draw, Table(tuple(map(words, columns)), rows))


def _trend_unit(series: Series, inputs: Inputs, with_gaps: bool) -> str:
    words = inputs.words
    return words.join(
        words(
            "Share of texts labelled high risk, by UTC day. Solid line: share over the 7 days to each "
            "day. Band: its 95% interval, which allows for texts of one subject resembling each other."
        ),
        inputs.high_note,
        words("Grey: days without scores.") if with_gaps else "",
        _whole_weeks(inputs) if series.by_week else "",
        words(
            "Dashed line: forecast of single days. Its band should contain {level} of them.",
            level=percent(series.level, 0),
        )
        if series.forecast.height
        else "",
    )


def _whole_weeks(inputs: Inputs) -> str:
    words, least = inputs.words, inputs.options.min_cohort
    if inputs.options.mode != "aggregate":
        return words("Weeks with a day of fewer than {n} subjects are one point each.", n=least)
    return words(
        "Weeks with a day of fewer than {n} subjects, or with fewer subjects of texts labelled high risk, are one "
        "point each or withheld.",
        n=least,
    )


def _trend_summary(complete: pl.DataFrame, series: Series, inputs: Inputs) -> str:
    """The newest 7-day share, the highest one, the gaps, and the forecast with its past coverage."""
    words = inputs.words
    if not complete.height:
        return words("A 7-day share needs 7 days on record.")
    last, top = complete.row(-1, named=True), complete.sort("share_7", descending=True).row(0, named=True)
    parts = [
        words(
            "In the 7 days to {day} the share was {share} ({lo} to {hi}). The highest 7-day share was "
            "{top}, in the 7 days to {then}.",
            day=words.day(last["day"]),
            share=percent(last["share_7"]),
            lo=percent(last["lo"]),
            hi=percent(last["hi"]),
            top=percent(top["share_7"]),
            then=words.day(top["day"]),
        )
    ]
    nights = sum(day >= inputs.first_day for day in inputs.missing)
    if nights:
        parts.append(words("{days} without a scored text.", days=words.count(nights, "day")))
    parts.append(forecast_sentences(series, inputs))
    return words.join(*parts)


def forecast_sentences(series: Series, inputs: Inputs) -> str:
    """The last day of the forecast, and the coverage of past forecasts; empty if there is no forecast."""
    words = inputs.words
    if not series.forecast.height:
        return ""
    ahead = series.forecast.row(-1, named=True)
    outlook = words(
        "Forecast for {day}: {share} ({lo} to {hi}).",
        day=words.day(ahead["day"]),
        share=percent(ahead["p"]),
        lo=percent(ahead["lo"]),
        hi=percent(ahead["hi"]),
    )
    if not ahead["n_checked"]:
        return outlook
    check = words(
        "Check: {coverage} of {days} in the past fell inside the band forecast for them (target {level}).",
        days=words.count(ahead["n_checked"], "day"),
        coverage=percent(ahead["coverage"], 0),
        level=percent(series.level, 0),
    )
    return words.join(outlook, check)


def risk_levels(series: Series, trend: pl.DataFrame, inputs: Inputs) -> Figure:
    """All three levels over time."""
    words = inputs.words
    unit = words("Mean probability of each risk level over 7 days. The three add up to 100%.")
    figure = partial(Figure, "risk_levels", words("All three risk levels"), unit, wide=False)
    complete = trend.drop_nulls("share_7")
    if complete.height < 2:
        return figure(too_little_data(series, inputs, words("at least 2 full 7-day windows")))
    first, last = complete.row(0, named=True), complete.row(-1, named=True)
    summary = words(
        "On {day}: {high} high, {mid} mid, {low} low. High risk has changed by {points} since {then}.",
        day=words.day(last["day"]),
        then=words.day(first["day"]),
        points=words.points(last["high"] - first["high"]),
        **{level: percent(last[level]) for level in chart_data.LEVELS},
    )
    rows = [
        (row["day"], f"{row['n_7']:,}", *(percent(row[level]) for level in chart_data.LEVELS))
        for row in reversed(complete.to_dicts())
    ]
    table = Table((words("7 days to"), words("Texts"), *(words(level) for level in chart_data.LEVELS)), rows)
    return figure(summary, partial(charts.risk_levels, trend, words=words), table)


def emotion_mix(series: Series, inputs: Inputs) -> Figure:
    """Emotions by week."""
    words = inputs.words
    unit = words(
        "Mean probability of each emotion by week. Weeks end on the same weekday as the report. Each "
        "colour shows the emotion's risk level."
    )
    figure = partial(Figure, "emotion_mix", words("The emotions behind the risk levels"), unit, wide=False)
    order = list(LIGHT.emotions(inputs.model.rules))
    weeks = chart_data.emotion_weeks(charted_weeks(series, inputs), order, words)
    if not weeks.height:
        return figure(too_little_data(series, inputs, words("at least 1 week")))
    wide = weeks.pivot(on="emotion", index=["week", "n"], values="p").sort("week")
    last = wide.row(-1, named=True)
    shares = words(", ").join(
        words("{name} {share}", name=words(emotion), share=percent(last[emotion], 0))
        for emotion in sorted(order, key=lambda emotion: -last[emotion])
    )
    summary = words("Week from {day}: {shares}.", day=words.day(last["week"]), shares=shares)
    rows = [
        (row["week"], f"{row['n']:,}", *(percent(row[emotion]) for emotion in order))
        for row in reversed(wide.to_dicts())
    ]
    table = Table((words("Week from"), words("Texts"), *(words(emotion) for emotion in order)), rows)
    return figure(summary, partial(charts.emotion_mix, weeks, words=words, rules=inputs.model.rules), table)


def charted_weeks(series: Series, inputs: Inputs) -> pl.DataFrame:
    """The weeks in the charts."""
    return series.weeks.filter(pl.col("day") >= inputs.first_day)


def weekday_hour(inputs: Inputs) -> Figure:
    """Weekdays by hours."""
    words, limit = inputs.words, inputs.options.min_cohort
    unit = words(
        "Mean {score} by weekday (row) and hour of the day (column, UTC), over {days}.",
        score=inputs.high_name,
        days=words.count(min(inputs.hour_days, inputs.days_on_record), "day"),
    )
    unit = words.join(
        unit,
        inputs.high_note,
        words("Grey: withheld to protect groups of fewer than {n} subjects.", n=limit) if limit > 1 else "",
        words("Blank: no texts."),
    )
    figure = partial(Figure, "weekday_hour", words("{score} by weekday and hour", score=inputs.high_title), unit)
    heat = chart_data.weekday_hours(inputs.weekday_hour, words)
    complete = heat.drop_nulls("p_high").sort("p_high", "n", descending=True)
    if inputs.hour_days < min(LEAST_HOUR_DAYS, inputs.options.days) or (heat.height and not complete.height):
        need = words(
            "{days} in a row, each with at least {n} subjects",
            days=words.count(LEAST_HOUR_DAYS, "day"),
            n=limit,
        )
        return figure(too_little_data(inputs.everyone, inputs, need))
    if complete.height < 2:
        return figure(too_little_data(inputs.everyone, inputs, words("at least 2 hours with texts")))
    if heat["hour"].to_list() == [0] * heat.height:
        return figure(
            words("Not drawn: every text is dated to hour 0 of its day. The feed probably gives dates without times.")
        )
    summary = _hours_summary(complete, heat.height - complete.height, words)
    cells = {
        (row["weekday"], row["hour"]): words("withheld") if row["withheld"] else percent(row["p_high"], 0)
        for row in heat.to_dicts()
    }
    rows = [(words(name), *(cells.get((words(name), hour), "") for hour in range(24))) for name in WEEKDAYS]
    table = Table(("UTC", *(str(hour) for hour in range(24))), rows)
    return figure(summary, partial(charts.heat_weekday_hour, heat, words=words), table)


def _hours_summary(complete: pl.DataFrame, n_hidden: int, words: Words) -> str:
    top, low = complete.row(0, named=True), complete.row(-1, named=True)
    summary = words(
        "Highest: {day} {hour}:00 (mean {share}, {texts}). Lowest: {low_day} {low_hour}:00 (mean "
        "{low_share}, {low_texts}). Single hours vary a lot by chance.",
        day=top["weekday"],
        hour=top["hour"],
        share=percent(top["p_high"], 0),
        texts=words.count(top["n"], "text"),
        low_day=low["weekday"],
        low_hour=low["hour"],
        low_share=percent(low["p_high"], 0),
        low_texts=words.count(low["n"], "text"),
    )
    return words.join(summary, words("{hours} withheld.", hours=words.count(n_hidden, "hour")) if n_hidden else "")


def too_little_data(series: Series, inputs: Inputs, need: str) -> str:
    """The reason why a figure cannot be drawn."""
    words, options = inputs.words, inputs.options
    weeks = charted_weeks(series, inputs)
    if not weeks.height:
        return inputs.no_texts(options.days)
    if series.by_week or weeks["withheld"].any():
        return words(
            "Withheld: this chart needs {need}, but too few days and weeks have the {n} subjects that "
            "this report requires (--min-cohort).",
            need=need,
            n=options.min_cohort,
        )
    return words("Not drawn: this chart needs {need}, and there is less.", need=need)

"""The page of one subject: tiles, trend and alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl

from reports.risk import signs, subject_charts, subjects
from reports.risk.figures import Figure, Table
from reports.risk.headline import Tile, mean_label
from reports.risk.inputs import Inputs
from reports.style.wording import MINUS, Words, exact, percent


def tiles(now: Mapping[str, Any], latest: Mapping[str, Any], inputs: Inputs) -> list[Tile]:
    """Tiles of the last 7 days as on the card (mean, own past, texts), and of variability and inertia up to the last
    text.

    now: the person's row of sql/people/now.sql; latest: their newest row of rolling_subject.
    """
    words = inputs.words

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}".replace("-", MINUS)

    past = words("own mean of the 56 days before: {mean}", mean=percent(now["past_mean"]))
    return [
        Tile(percent(now["p_7"]), mean_label(inputs), past),
        Tile(
            f"{now['n_7']:,}",
            words("texts in the 7 days to {day}", day=words.day(inputs.as_of)),
            words("last text on {day}", day=words.day(now["last_day"])),
        ),
        Tile(
            number(latest["variability"]),
            words("variability"),
            words("how much the {score} differs between texts (standard deviation)", score=inputs.high_name),
        ),
        Tile(
            number(latest["inertia"]),
            words("inertia"),
            words("how much a day resembles the day before, over 28 days (correlation, from −1 to 1)"),
        ),
    ]


def figures(subject_id: str, daily: pl.DataFrame, week: pl.DataFrame, inputs: Inputs) -> list[Figure]:
    """Trend, signs, alerts and, with the option, evidence of one subject; frames are its rows of rolling_subject."""
    own = inputs.alerts.filter(pl.col("subject_id") == subject_id)
    charted = [
        course(daily, week, own, inputs),
        *measures(subject_id, daily, inputs),
        signs.of_subject(subject_id, set(daily["day"]), inputs),
        _alerts(own, inputs),
    ]
    if inputs.options.evidence:
        charted.append(subjects.evidence(inputs, subject_id))
        charted.append(subjects.crisis_passages(inputs, subject_id))
    return charted


def course(daily: pl.DataFrame, week: pl.DataFrame, own: pl.DataFrame, inputs: Inputs) -> Figure:
    """The 7-day mean with the subject's own past and the alert threshold."""
    words, threshold = inputs.words, inputs.options.threshold
    unit = words(
        "Mean {score}. Dots: single days. Solid line: 7-day mean. Band: contains "
        "95% of weeks that are like the 56 days before. Dashed line: alert threshold ({threshold}). "
        "Triangles: alerts.",
        score=inputs.high_name,
        threshold=exact(threshold),
    )
    figure = partial(
        Figure, "course", words("{score} over time", score=inputs.high_title), words.join(unit, inputs.high_note)
    )
    frame = _frame(daily, week, inputs)
    if not frame.height:
        return figure(inputs.no_texts(inputs.options.days))
    rows = [
        (
            row["day"],
            f"{row['n']:,}",
            percent(row["high"]),
            percent(row["high_7"]),
            percent(row["baseline_lo"]),
            percent(row["baseline_hi"]),
        )
        for row in reversed(frame.to_dicts())
    ]
    columns = ("Day", "Texts", "Mean that day", "Mean of 7 days", "Band from", "Band to")
    last = frame.row(-1, named=True)
    summary = words("On {day} the 7-day mean was {share}.", day=words.day(last["day"]), share=percent(last["high_7"]))
    numbers = inputs.measures.filter(pl.col("subject_id") == daily["subject_id"][0])
    draw = partial(
        subject_charts.subject_trend,
        frame,
        words=words,
        threshold=threshold,
        alerts=_flags(own, frame, inputs),
        span=_span(numbers, daily, inputs) if numbers.height else None,
    )
    return figure(summary, draw, Table(tuple(map(words, columns)), rows))


def measures(subject_id: str, daily: pl.DataFrame, inputs: Inputs) -> list[Figure]:
    """A small chart of each number beside the texts, over the same days as the course; empty without numbers."""
    words, own = inputs.words, inputs.measures.filter(pl.col("subject_id") == subject_id)
    unit = words("Dots: single days. Solid line: median of 7 days. Dotted line: median of the 56 days before.")
    figures = []
    for number, ((name,), rows) in enumerate(own.group_by("name", maintain_order=True), 1):
        frame = rows.with_columns(
            pl.col("day").dt.to_string("%Y-%m-%d"),
            stretch=_stretches(rows["day"]),
            date=pl.Series([words.weekday(day) for day in rows["day"]], dtype=pl.String),
        )
        table = Table(
            (words("Day"), words("That day"), words("Median of 7 days"), words("own past"), words("Standard errors")),
            [
                (row["day"], *(_plain(row[key]) for key in ("value", "median_7", "median_past", "z")))
                for row in reversed(frame.to_dicts())
            ],
        )
        draw = partial(subject_charts.measure_lines, frame, words=words, span=_span(own, daily, inputs))
        figures.append(Figure(f"measure_{number}", str(name), unit, _last_number(rows, words), draw, table))
    return figures


def _last_number(rows: pl.DataFrame, words: Words) -> str:
    """The newest 7 days of a number against the person's own past, in a sentence."""
    last = rows.row(-1, named=True)
    values = {"day": words.day(last["day"]), "value": _plain(last["median_7"])}
    if last["z"] is None:
        return words(
            "On {day} the median of 7 days was {value}; there are too few days to compare it with the own past.",
            **values,
        )
    values |= {"past": _plain(last["median_past"]), "z": f"{abs(last['z']):.1f}"}
    if last["z"] < 0:
        return words(
            "On {day} the median of 7 days was {value}: {z} standard errors below the own past ({past}).", **values
        )
    return words(
        "On {day} the median of 7 days was {value}: {z} standard errors above the own past ({past}).", **values
    )


def _plain(value: float | None) -> str:
    """A number with at most two decimals."""
    return "–" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")


def _span(own: pl.DataFrame, daily: pl.DataFrame, inputs: Inputs) -> pl.Series:
    """The days (ISO) of the charts of the course and of the numbers below it (`own`)."""
    days = pl.concat([own["day"], daily.filter(pl.col("day") >= inputs.first_day)["day"]])
    return days.dt.to_string("%Y-%m-%d")


def _stretches(days: pl.Series) -> pl.Series:
    """The number of each day's run; a silence of more than a week begins a new run."""
    return (days.diff() > dt.timedelta(days=7)).fill_null(value=False).cum_sum()


def _flags(own: pl.DataFrame, frame: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """One mark per alert, on the 7-day line at the day it opened."""
    rules = pl.Series([inputs.words(rule) for rule in own["rule"]], dtype=pl.String)
    opened = own.select(day=pl.col("opened_on").dt.to_string("%Y-%m-%d"), rule=rules)
    return opened.join(frame.select("day", "date", "high_7"), on="day").sort("day", "rule")


def _frame(daily: pl.DataFrame, week: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    days = daily.select("day", pl.col("p_high").alias("high"), "n").join(
        week.select(
            "day",
            pl.col("p_high").alias("high_7"),
            pl.col("n").alias("n_7"),
            "baseline_mean",
            "baseline_lo",
            "baseline_hi",
        ),
        on="day",
    )
    charted = days.filter(pl.col("day") >= inputs.first_day).sort("day")
    return charted.with_columns(
        pl.col("day").dt.to_string("%Y-%m-%d"),
        stretch=_stretches(charted["day"]),
        date=pl.Series([inputs.words.weekday(day) for day in charted["day"]], dtype=pl.String),
    )


def _alerts(own: pl.DataFrame, inputs: Inputs) -> Figure:
    words = inputs.words
    figure = partial(Figure, "alerts", words("Alerts"), "")
    if not own.height:
        return figure(words("No alert was raised."))
    summary = words(
        "{alerts}, {n} not closed.",
        alerts=words.count(own.height, "alert"),
        n=own.filter(subjects.OPEN).height,
    )
    return figure(summary, table=subjects.alert_table(own, inputs))


def recent(week: pl.DataFrame, as_of: dt.date) -> dict[str, Any]:
    """The newest row of a subject's 7-day windows."""
    return week.filter(pl.col("day") <= as_of).sort("day").row(-1, named=True)

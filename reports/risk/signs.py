"""Signs of depression: the criteria that texts showed, as a table for a group and as strips of days for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from reports.risk.figures import Figure, Table
from reports.risk.inputs import GROUP_DAYS, STRIP_DAYS, Inputs, Series
from reports.style.palette import LIGHT
from reports.style.wording import percent

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "mood": "low mood",
        "hopeless": "hopelessness",
        "interest": "loss of interest",
        "worth": "worthlessness or guilt",
        "suicidal": "thoughts of death or self-harm",
        "psychomotor": "restlessness or slowness",
        "concentration": "trouble concentrating",
        "energy": "tiredness",
        "sleep": "sleep problems",
        "appetite": "appetite change",
        "irritable": "irritability",
        "any": "any of these",
    }
)
"""Criterion of the column `criteria` -> its words on the pages."""
MOST_LISTED = 4


class Day(NamedTuple):
    """One square of a strip: the class of its look, and a tooltip."""

    look: str
    title: str


class Strip(NamedTuple):
    """The days of one criterion; `text` has the same content as the squares."""

    name: str
    text: str
    days: tuple[Day, ...]


def of_group(series: Series, inputs: Inputs) -> Figure:
    """The share of texts that showed each criterion, and the number of people, of everyone or of one cohort."""
    words, least = inputs.words, inputs.options.min_cohort
    days, day = words.count(GROUP_DAYS, "day"), words.day(inputs.as_of)
    unit = words(
        "A language model estimates from a text's words whether it shows a sign. A text can be about another time or "
        "person, and a sign in a text is not a symptom."
    )
    figure = partial(Figure, "signs", words("Signs of depression in texts of the last 28 days"), unit)
    own = inputs.criteria.filter(pl.col("cohort").eq_missing(pl.lit(series.cohort, pl.String)))
    if not own.height:
        return figure(_unanswered(inputs) or inputs.no_texts(GROUP_DAYS))
    if own["withheld"].all():
        return figure(
            words(
                "Withheld: fewer than {n} people wrote in the {days} to {day}, or these numbers would reveal those "
                "of such a small group.",
                n=least,
                days=days,
                day=day,
            )
        )
    by_name = {row["criterion"]: row for row in own.to_dicts()}
    rows = []
    for name, said in SIGNS.items():
        row = by_name[name]
        if row["few"]:
            share, people = "–", words("fewer than {n} people", n=least)
        elif row["withheld"]:
            share, people = "–", words("withheld")
        elif row["at_least"] is not None:
            share, people = percent(row["share"]), words("at least {n} people", n=row["at_least"])
        else:
            share, people = percent(row["share"]), f"{row['n_shown_subjects']:,}"
        rows.append((words(said), share, people, f"{row['n_subjects']:,}"))
    columns = ("Sign", "Texts that showed it", "People who showed it", "People who wrote")
    return figure("", table=Table(tuple(map(words, columns)), rows))


def of_subject(subject_id: str, with_texts: Collection[dt.date], inputs: Inputs) -> Figure:
    """One strip for each sign that this person's texts of the last 14 days showed.

    Args:
        subject_id: the person.
        with_texts: the days on which the person wrote.
        inputs: of the report.
    """
    words, until = inputs.words, inputs.as_of
    days = [until - dt.timedelta(days=back) for back in reversed(range(STRIP_DAYS))]
    unit = words(
        "Each square is one day, from {first} to {day}. The darker a square, the larger the share of the day's texts "
        "that showed the sign. Empty square: no text showed it. Dot: no texts. A language model estimates signs from "
        "words; a sign in a text is not a symptom.",
        first=words.day(days[0]),
        day=words.day(until),
    )
    figure = partial(Figure, "signs", words("Signs of depression in the last 14 days"), unit)
    written = set(with_texts) & set(days)
    if unanswered := _unanswered(inputs):
        return figure(unanswered)
    if not written:
        return figure(inputs.no_texts(STRIP_DAYS))
    shown: dict[str, dict[dt.date, dict[str, Any]]] = {}
    for row in inputs.signs.filter(pl.col("subject_id") == subject_id).to_dicts():
        shown.setdefault(row["criterion"], {})[row["day"]] = row
    strips = [_strip(name, shown[name], days, written, inputs) for name in SIGNS if name in shown]
    absent = [words(said) for name, said in SIGNS.items() if name not in shown and name != "any"]
    summary = words("Not shown in these days: {signs}.", signs=words(", ").join(absent)) if strips and absent else ""
    summary = words.join(summary, two_limits(subject_id, inputs))
    return figure(summary or words("No text of these days showed a sign."), strips=strips)


def _strip(
    name: str,
    shown: dict[dt.date, dict[str, Any]],
    days: list[dt.date],
    written: set[dt.date],
    inputs: Inputs,
) -> Strip:
    words = inputs.words

    def square(day: dt.date) -> Day:
        if day not in written and day not in shown:
            return Day("none", words.day(day))
        row = shown.get(day)
        if row is None:
            return Day("zero", words("{day}: no text", day=words.day(day)))
        look = f"heat-{max(1, round(row['n_shown'] / row['n'] * len(LIGHT.heat)))}"
        texts = words.count(row["n"], "text")
        return Day(look, words("{day}: {n} of {texts}", day=words.day(day), n=row["n_shown"], texts=texts))

    # The query gives `any` only for texts in which no single criterion is above its limit.
    said = words("any of these, no single one above its limit") if name == "any" else words(SIGNS[name])
    text = words(
        "shown on {n} of {days} with texts; last on {day}",
        n=len(shown),
        days=words.count(len(written | set(shown)), "day"),
        day=words.day(max(shown)),
    )
    return Strip(said, text, tuple(map(square, days)))


def two_limits(subject_id: str, inputs: Inputs) -> str:
    """A note that explains a sign of thoughts of death without a crisis alert in these days; otherwise empty."""
    shown = inputs.signs.filter((pl.col("subject_id") == subject_id) & (pl.col("criterion") == "suicidal"))
    first = inputs.as_of - dt.timedelta(days=STRIP_DAYS - 1)
    lasts = pl.col("is_open") | (pl.col("closed_on") >= first)
    crisis = (pl.col("subject_id") == subject_id) & (pl.col("rule") == "crisis") & lasts
    if not shown.height or inputs.alerts.filter(crisis).height:
        return ""
    return inputs.words(
        "A text showed a weak sign of thoughts of death or self-harm. No crisis alert opened: it needs a probability "
        "of {limit} in one sad text, or wording of the crisis list. Read these texts.",
        limit=percent(inputs.options.rules.suicidal_limit, 0),
    )


def listed(subject_id: str, inputs: Inputs) -> str:
    """The criteria that most texts of the last 14 days showed, as one short list."""
    words = inputs.words
    own = inputs.signs.filter((pl.col("subject_id") == subject_id) & pl.col("criterion").is_in([*SIGNS]))
    order = list(SIGNS)
    counts = dict(own.group_by("criterion").agg(pl.col("n_shown").sum()).iter_rows())
    names = sorted(counts, key=lambda name: (name != "suicidal", -counts[name], order.index(name)))
    said = [words(SIGNS[name]) for name in names[:MOST_LISTED]]
    if len(names) > MOST_LISTED:
        said.append(words("{n} more", n=len(names) - MOST_LISTED))
    return words(", ").join(said) or "–"


def _unanswered(inputs: Inputs) -> str:
    """A sentence if the model does not answer the question about signs; otherwise empty."""
    first = inputs.as_of - dt.timedelta(days=GROUP_DAYS)
    if inputs.criteria.height or not inputs.everyone.weeks.filter(pl.col("day") > first).height:
        return ""
    return inputs.words(
        "Model {name} does not answer the question about signs of depression.", name=inputs.model.name
    )

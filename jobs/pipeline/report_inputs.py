"""Read the inputs of a report from the database: the model, the last day, and the window queries, suppressed."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import duckdb
import polars as pl

from jobs.pipeline.report_people import keep_cohorts, with_people
from monitor.database.statements import query, utc_now
from monitor.errors import ConfigError
from monitor.labels import RiskMap
from monitor.windows import window_queries
from reports.risk import suppression
from reports.risk.inputs import GROUP_DAYS, STRIP_DAYS, Inputs, Model, Notice, Options, Series
from reports.risk.suppression import Pieces
from reports.style.wording import Words

LAST_DAY = dt.date(9999, 12, 30)
NEVER = dt.date.min  # a day without texts: the query gives an empty frame if the options need no rows
WINDOWS = (1, 7, 28)
ALL_SUBJECTS = 1_000_000_000
TEXTS_PER_ALERT = 3
PEOPLE_FRAMES = (
    "people",
    "person_weeks",
    "person_days",
    "texts",
    "wording",
    "word_weights",
    "case_events",
    "outcomes",
    "measures",
    "could_fire",
)
Row = dict[str, Any]
Window = Callable[..., pl.DataFrame]  # a window query by name, with its own parameters


def collect_inputs(
    con: duckdb.DuckDBPyConnection,
    as_of: dt.date | None,
    model: str | None,
    options: Options,
    names: Mapping[str, str] | None = None,
) -> Inputs | Notice:
    """The inputs of a report, or a notice if there is nothing to report.

    Args:
        con: the database.
        as_of: last day of the report; default: the last day, up to today, with a scored text of the model.
        model: model_id, the start of one, or a name; default: the model that scored last.
        options: of the report.
        names: subject_id -> name in a roster.

    Raises:
        ConfigError: no such model, or several that fit; no such cohort.
    """
    last = as_of or utc_now().date()
    if options.cohorts:
        keep_cohorts(con, options, last)
    rows = window_queries.run(con, "model_coverage", until=last).to_dicts()
    chosen = _choose(rows, model)
    if chosen is None or not chosen["n"]:
        return _nothing(con, chosen, as_of, Words(options.lang))
    until = as_of or chosen["last_day"]
    described = Model(
        model_id=chosen["model_id"],
        name=chosen["name"],
        base=chosen["base"],
        quantisation=chosen["quantisation"],
        rules=RiskMap(json.loads(chosen["risk_map"])).rules,
        others=tuple(f"{row['name']} ({row['model_id'][:12]})" for row in rows if row is not chosen and row["n"]),
        alerts_current=chosen["alerts_current"],
    )

    def window(name: str, **params: object) -> pl.DataFrame:
        values = {"model_id": described.model_id, "as_of": until, **params}
        return window_queries.run(con, name, **window_queries.load(name).pick(values))

    passages = query(con, "queries/crisis_passages", as_of=until, days=GROUP_DAYS)
    if not options.evidence:
        passages = passages.with_columns(passage=pl.lit(""))
    inputs = _inputs(window, passages, until, described, options)
    return with_people(con, replace(inputs, names=names or {}))


def day_without_texts(
    con: duckdb.DuckDBPyConnection, as_of: dt.date, model: str | None, inputs: Inputs | Notice, options: Options
) -> str:
    """A line if the database has no texts up to a day that the user named, or none near it; otherwise empty.

    Args:
        con: the database, as `collect_inputs` left it.
        as_of: the last day of the report.
        model: as `collect_inputs`.
        inputs: the result of `collect_inputs`.
        options: of the report.
    """
    if isinstance(inputs, Notice):
        english = collect_inputs(con, as_of, model, replace(options, lang="en", cohorts=()))
        return f"{english.text} {english.remedy}" if isinstance(english, Notice) else ""
    rows = window_queries.run(con, "model_coverage", until=as_of).to_dicts()
    last = next(row["last_posted"].date() for row in rows if row["model_id"] == inputs.model.model_id)
    if as_of <= last or (as_of <= utc_now().date() and (as_of - last).days < WINDOWS[-1]):
        return ""
    days = (as_of - last).days
    return (
        f"the last text was posted on {last}, {days:,} day{'' if days == 1 else 's'} before; --as-of {last} shows it"
    )


def _inputs(window: Window, passages: pl.DataFrame, as_of: dt.date, model: Model, options: Options) -> Inputs:
    weekly = window("weekly_cohort", weeks=math.ceil(options.days / 7) + WINDOWS[-1] // 7)
    frames = [window("rolling_cohort", window_days=length) for length in WINDOWS]
    tops = window("daily_top")
    frames[0] = frames[0].join(tops, on=["cohort", "day"], how="left", nulls_equal=True, maintain_order="left")
    heat = window("heat_subject_week", days=options.days, top=ALL_SUBJECTS)
    subjects_until = as_of if options.subject_pages else NEVER
    cohorts = _cohorts(frames, weekly, as_of, options)
    everyone, pieces = _everyone(frames, weekly, as_of, options)
    hour_days = pieces.days_by_day(options.days)
    of_people: dict[str, Any] = dict.fromkeys(PEOPLE_FRAMES, pl.DataFrame())
    hours = window("heat_weekday_hour", days=hour_days or 1, as_of=as_of if hour_days else NEVER)
    return Inputs(
        as_of=as_of,
        model=model,
        options=options,
        everyone=everyone,
        cohorts=cohorts,
        n_cohorts=weekly["cohort"].drop_nulls().n_unique(),
        headline=window("headline", **options.line),
        data_quality=window("data_quality"),
        missing=window("missing_nights")["day"].to_list(),
        places=dict(heat.select("subject_id", "place").unique().sort("place").iter_rows()),
        subject_week=heat.filter(pl.col("place") <= options.top),
        weekday_hour=suppression.hours(hours, options.min_cohort),
        hour_days=hour_days,
        alerts=window("alerts").sort(pl.col("rule") != "crisis", maintain_order=True),
        evidence=window("alert_evidence", top=TEXTS_PER_ALERT, as_of=as_of if options.evidence else NEVER),
        run=next(window("last_run").iter_rows(named=True), None),
        score_card=window("score_card"),
        subject_day=window("rolling_subject", window_days=WINDOWS[0], as_of=subjects_until),
        subject_7=_with_inertia(window, subjects_until),
        criteria=_criteria(window, [str(series.cohort) for series in cohorts], options),
        signs=window("criteria_subject", days=STRIP_DAYS),
        passages=passages,
        **of_people,
    )


def _criteria(window: Window, published: list[str], options: Options) -> pl.DataFrame:
    min_left_out = options.min_cohort if options.mode == "aggregate" else 1
    return suppression.criteria(
        window("criteria_overall", days=GROUP_DAYS), published, options.min_cohort, min_left_out
    )


def _with_inertia(window: Window, as_of: dt.date) -> pl.DataFrame:
    """The windows of 7 days per subject. Their inertia is that of 28 days, because a week is too short for it."""
    week, month = (window("rolling_subject", window_days=length, as_of=as_of) for length in WINDOWS[1:])
    inertia = month.select("day", "subject_id", "inertia")
    return week.drop("inertia").join(inertia, on=["day", "subject_id"], how="left", maintain_order="left")


def _everyone(
    frames: list[pl.DataFrame], weekly: pl.DataFrame, as_of: dt.date, options: Options
) -> tuple[Series, Pieces]:
    daily, weeks = (frame.filter(pl.col("cohort").is_null()) for frame in (frames[0], weekly))
    pieces, of_shares = (one.get(None, Pieces(as_of)) for one in _cut(daily, weeks, as_of, options))
    return _series(None, frames, weekly, pieces, of_shares), pieces


def _cut(
    daily: pl.DataFrame, weekly: pl.DataFrame, as_of: dt.date, options: Options
) -> tuple[dict[str | None, Pieces], dict[str | None, Pieces]]:
    """The pieces of each cohort, and those of its shares of texts labelled high risk."""
    pieces = suppression.cut(daily, weekly, as_of, options.min_cohort)
    if options.mode != "aggregate":
        return pieces, pieces
    return pieces, suppression.cut(daily, weekly, as_of, options.min_cohort, of_shares=True)


def _cohorts(frames: list[pl.DataFrame], weekly: pl.DataFrame, as_of: dt.date, options: Options) -> list[Series]:
    """The cohorts with at least one published number, by name; empty if there is only one, which is everyone."""
    daily, weekly = (frame.drop_nulls("cohort") for frame in (frames[0], weekly))
    if weekly["cohort"].n_unique() < 2:
        return []
    pieces, of_shares = _cut(daily, weekly, as_of, options)
    largest = weekly.group_by("cohort").agg(pl.col("n").sum()).sort("n", "cohort", descending=[True, False])
    cohorts = []
    for cohort in sorted(largest["cohort"].head(options.top)):
        series = _series(cohort, frames, weekly, pieces[cohort], of_shares[cohort])
        if not series.weeks["withheld"].all():
            cohorts.append(series)
    return cohorts


def _series(
    cohort: str | None, frames: list[pl.DataFrame], weekly: pl.DataFrame, pieces: Pieces, of_shares: Pieces
) -> Series:
    from monitor.windows import forecast

    *frames, weekly = (
        frame.filter(pl.col("cohort").eq_missing(cohort)).drop("cohort") for frame in (*frames, weekly)
    )
    daily, week, month = (
        suppression.shares(suppression.windows(frame, pieces, length), of_shares, length)
        for frame, length in zip(frames, WINDOWS, strict=True)
    )
    visible = frames[0] if of_shares.allows(pieces.as_of, 7) else frames[0].clear()
    ahead = forecast.forecast(visible.with_columns(cohort=pl.lit(cohort or "")), pieces.as_of)
    return Series(
        cohort=cohort,
        first=frames[0]["day"][0],
        daily=daily,
        week=week,
        month=month,
        weeks=suppression.shares(suppression.weeks(weekly, pieces), of_shares, 7),
        by_week=bool(of_shares.undivided),
        # Rounded, so that nobody can compute single days from it.
        forecast=ahead.with_columns(pl.col("p", "lo", "hi").round(3)),
        level=forecast.LEVEL,
    )


def _choose(rows: list[Row], model: str | None) -> Row | None:
    """The row of the named model, or of the one that scored last; None without any model."""
    if model is None:
        return rows[0] if rows else None
    matches = [row for row in rows if model in (row["model_id"], row["name"])]
    matches = matches or [row for row in rows if row["model_id"].startswith(model)]
    if len(matches) == 1:
        return matches[0]
    models = ", ".join(f"{row['model_id']} ({row['name']})" for row in rows) or "none"
    if not matches:
        raise ConfigError(f"--model {model}: this database has no such model; it has {models}")
    raise ConfigError(f"--model {model}: several models fit; give one model_id of {models}")


def _nothing(con: duckdb.DuckDBPyConnection, chosen: Row | None, as_of: dt.date | None, words: Words) -> Notice:
    if chosen is not None:
        rows = window_queries.run(con, "model_coverage", until=LAST_DAY).to_dicts()
        all_days = next(row for row in rows if row["model_id"] == chosen["model_id"])
        if all_days["n"]:
            return _later(all_days, as_of or utc_now().date(), words)
    quality = window_queries.run(con, "data_quality", model_id="", as_of=LAST_DAY).row(0, named=True)
    rejected = quality["n_rejected"]
    more = words("{rows} rejected at intake.", rows=words.count(rejected, "row")) if rejected else ""
    if quality["n_documents"]:
        texts = words.count(quality["n_documents"], "text")
        return Notice(
            words("Nothing scored yet"),
            words.join(words("{texts} on record, none of them scored.", texts=texts), more),
            words("Run risk-monitor score on the same database; it scores the missing texts."),
        )
    return Notice(
        words("No texts yet"),
        words.join(words("This database holds no texts."), more),
        words("To read and score texts, run: risk-monitor score INPUT --db FILE"),
    )


def _later(all_days: Row, day: dt.date, words: Words) -> Notice:
    return Notice(
        words("Nothing up to this day"),
        words(
            "Model {name} (model_id {id}) has scored {texts}, but none posted up to {day}.",
            name=all_days["name"],
            id=all_days["model_id"],
            texts=words.count(all_days["n"], "text"),
            day=words.day(day),
        ),
        words(
            "The first was posted on {first}, the last on {last}; ask for a later --as-of.",
            first=words.day(all_days["first_posted"].date()),
            last=words.day(all_days["last_posted"].date()),
        ),
    )

"""The figures about single subjects and their alerts; a subject is its place in the ranking unless ids are shown."""

from __future__ import annotations

import datetime as dt
from functools import partial

import polars as pl

from reports.risk import chart_data, subject_charts
from reports.risk.figures import Figure, Link, Table
from reports.risk.headline import Tile
from reports.risk.inputs import Inputs
from reports.style.wording import Words, exact, percent

MOST_BARS = 60
OPEN = pl.col("is_open")


def page_of(subject_id: str, inputs: Inputs) -> str:
    """The file of a subject's page: its place, never its id, makes the name."""
    return f"subjects/{inputs.places[subject_id]:04d}.html"


def named(subject_id: str, inputs: Inputs, root: str = "") -> str | Link:
    """A subject in a table, with the way to its page where there is one."""
    label = inputs.label(subject_id)
    if inputs.options.subject_pages and subject_id in inputs.places:
        return Link(label, root + page_of(subject_id, inputs))
    return label


def hidden(inputs: Inputs) -> str:
    """Why rows of single subjects are not shown."""
    return inputs.say(
        "Withheld: among fewer than {n} subjects a row without a name hides no one (--min-cohort; --show-subjects "
        "shows the rows with their ids).",
        n=inputs.options.min_cohort,
    )


def subject_week(inputs: Inputs) -> Figure:
    """Subjects by weeks."""
    say, options = inputs.say, inputs.options
    unit = say(
        "Mean probability of high risk by subject (row) and ISO week (column, from Monday, UTC). Rows are ordered by "
        "the last 28 days, the highest first; blank: no texts."
    )
    least = 1 if options.show_subjects else options.min_cohort
    if not options.show_subjects:
        rule = say(
            "Rows are numbered: this page names no one, and leaves out weeks in which fewer than {n} of them wrote.",
            n=least,
        )
        unit = say.join(unit, rule)
    words = partial(Figure, "subject_week", say("Who, and since when"), unit)
    if not inputs.subject_week.height:
        return words(
            say(
                "No texts in the {days} to {day}.",
                days=say.count(options.days, "day"),
                day=say.day(inputs.as_of),
            )
        )
    labels = {
        subject: subject if options.show_subjects else str(place) for subject, place in inputs.places.items()
    }
    heat = chart_data.subject_weeks(inputs.subject_week, labels, least, say)
    if inputs.too_few or not heat.height:
        return words(hidden(inputs))
    weeks = sorted(heat["week"].unique(), reverse=True)
    cells = {(row["label"], row["week"]): percent(row["p_high"], 0) for row in heat.to_dicts()}
    ids = {labels[subject]: subject for subject in inputs.subject_week["subject_id"].unique()}
    rows = [
        (_row_head(ids[label], label, inputs), *(cells.get((label, week), "") for week in weeks))
        for label in heat["label"].unique(maintain_order=True)
    ]
    return words(
        _who_summary(heat, inputs),
        partial(subject_charts.heat_subject_week, heat, say=say),
        Table((say("Subject"), *weeks), rows),
    )


def _row_head(subject_id: str, label: str, inputs: Inputs) -> str | Link:
    head = named(subject_id, inputs)
    return Link(label, head.href) if isinstance(head, Link) else label


def _who_summary(heat: pl.DataFrame, inputs: Inputs) -> str:
    """How many were above the line in the last full week, and how many rows are not shown."""
    say, options = inputs.say, inputs.options
    monday = (inputs.as_of - dt.timedelta(days=6)).isoformat()
    week = heat["week"].filter(heat["week"] <= monday).max() or heat["week"].max()
    rated = heat.filter((pl.col("week") == week) & (pl.col("n") >= options.min_texts))
    text = say(
        "In the week of {day}, {above} of {subjects} shown with {least} or more texts were at or above {line}.",
        day=say.day(str(week)),
        above=rated.filter(pl.col("p_high") >= options.threshold).height,
        subjects=say.count(rated.height, "subject"),
        least=options.min_texts,
        line=exact(options.threshold),
    )
    shown, known = heat["place"].n_unique(), len(inputs.places)
    if shown < known:
        text = say.join(
            text,
            say("The {n} highest of {subjects} are shown.", n=shown, subjects=say.count(known, "subject")),
        )
    return text


def unseen(inputs: Inputs) -> str:
    """What to say where the alert rules have not looked at every score; empty where they have."""
    if inputs.model.alerts_current:
        return ""
    return inputs.say(
        "The alert rules have not looked at every score yet; risk-monitor alerts --db FILE --update lets them."
    )


def alert_tiles(inputs: Inputs) -> list[Tile]:
    """How many wait, how many are new, how many closed of late; none where they would tell of too few subjects."""
    say, alerts = inputs.say, inputs.alerts
    if inputs.too_few:
        return []
    week, month = (inputs.as_of - dt.timedelta(days=days) for days in (6, 27))
    waiting = alerts.filter(OPEN)
    seen = alerts.filter(pl.col("state") == "acknowledged").height
    return [
        Tile(f"{waiting.height:,}", say("alerts not closed"), say("{n} of them acknowledged", n=seen)),
        Tile(f"{waiting['subject_id'].n_unique():,}", say("subjects with such an alert")),
        Tile(f"{alerts.filter(pl.col('opened_on') >= week).height:,}", say("opened in these 7 days")),
        Tile(f"{alerts.filter(pl.col('closed_on') >= month).height:,}", say("closed in these 28 days")),
    ]


def open_alerts(inputs: Inputs, most: int | None = None, root: str = "") -> Figure:
    """The alerts that wait for somebody, as a table; the newest `most` of them."""
    say, waiting = inputs.say, inputs.alerts.filter(OPEN)
    unit = say(
        "An alert says that a rule was met; a person who can help decides what it means. Level: the mean of a week "
        "stood at the threshold. Change: texts beyond the subject's own past added up. Sustained: so many days of "
        "two weeks were high."
    )
    words = partial(Figure, "open_alerts", say("Open alerts"), unit)
    if inputs.too_few:  # first, as to say that there is none would tell too
        return words(hidden(inputs))
    if not waiting.height:
        return words(unseen(inputs) or say("No alert is open on {day}.", day=say.day(inputs.as_of)))
    shown = waiting.head(most) if most else waiting
    summary = say(
        "{alerts} of {subjects} not closed.",
        alerts=say.count(waiting.height, "alert"),
        subjects=say.count(waiting["subject_id"].n_unique(), "subject"),
    )
    if shown.height < waiting.height:
        summary = say.join(summary, say("The newest {n} are shown.", n=shown.height))
    return words(summary, table=alert_table(shown, inputs, root))


def alert_table(alerts: pl.DataFrame, inputs: Inputs, root: str = "") -> Table:
    say = inputs.say
    columns = ("Subject", "Rule", "Opened", "Evidence", "Texts", "Value", "Threshold", "State", "Alert")
    rows = [
        (
            named(row["subject_id"], inputs, root),
            say(row["rule"]),
            row["opened_on"].isoformat(),
            f"{row['evidence_from']} – {row['evidence_to']}",
            f"{row['n']:,}",
            _value(row["rule"], row["value"], say),
            _value(row["rule"], row["threshold"], say),
            _state(row, inputs),
            row["alert_id"][:8],
        )
        for row in alerts.to_dicts()
    ]
    return Table(tuple(say(column) for column in columns), rows)


def _value(rule: str, value: float, say: Words) -> str:
    """What a rule measures, in its unit: a mean probability, a sum of such, or days."""
    if rule == "level":
        return percent(value)
    return say.count(int(value), "day") if rule == "sustained" else f"{value:.2f}"


def _state(row: dict[str, object], inputs: Inputs) -> str:
    say = inputs.say
    if row["is_open"]:
        return say("acknowledged" if row["state"] == "acknowledged" else "open")
    return say("closed {day}: {why}", day=row["closed_on"] or "–", why=say(str(row["closed_because"])))


def closed_alerts(inputs: Inputs) -> Figure:
    """The alerts of the charted time that were closed."""
    say = inputs.say
    closed = inputs.alerts.filter(~OPEN & (pl.col("opened_on") >= inputs.first_day))
    words = partial(Figure, "closed_alerts", say("Closed alerts"), "")
    if inputs.too_few:
        return words(hidden(inputs))
    if not closed.height:
        return words(say("No alert was closed."))
    return words(
        say("{alerts} closed.", alerts=say.count(closed.height, "alert")),
        table=alert_table(closed, inputs, ""),
    )


def alert_bars(inputs: Inputs) -> Figure:
    """When each alert opened and closed, a row a subject."""
    say = inputs.say
    unit = say("A bar an alert, from the day it opened to the day it closed; a row a subject.")
    words = partial(Figure, "alert_bars", say("Alerts over time"), unit)
    if inputs.too_few:
        return words(hidden(inputs))
    alerts = inputs.alerts.filter(OPEN | (pl.col("closed_on") >= inputs.first_day))
    recent = alerts.head(MOST_BARS)
    if not recent.height:
        return words(
            unseen(inputs)
            or say(
                "No alert was raised in the {days} to {day}.",
                days=say.count(inputs.options.days, "day"),
                day=say.day(inputs.as_of),
            )
        )
    first, until = inputs.first_day, inputs.as_of
    bars = pl.DataFrame(
        {
            "label": inputs.label(row["subject_id"]),
            "place": inputs.places.get(row["subject_id"], 0),
            "rule": say(row["rule"]),
            "state": _state(row, inputs),
            "value": _value(row["rule"], row["value"], say),
            "threshold": _value(row["rule"], row["threshold"], say),
            "date": say.day(row["opened_on"]),
            "day": max(row["opened_on"], first).isoformat(),
            "end": (min(row["closed_on"] or until, until) + dt.timedelta(days=1)).isoformat(),
        }
        for row in recent.to_dicts()
    )
    summary = say(
        "{alerts} of {subjects}.",
        alerts=say.count(alerts.height, "alert"),
        subjects=say.count(alerts["subject_id"].n_unique(), "subject"),
    )
    if alerts.height > MOST_BARS:
        summary = say.join(summary, say("The newest {n} are shown.", n=MOST_BARS))
    return words(summary, partial(subject_charts.alert_bars, bars, say=say))


def evidence(inputs: Inputs, root: str = "", subject_id: str | None = None) -> Figure:
    """The texts that open alerts rest on most; only where the reader asked for them."""
    say = inputs.say
    alerts = inputs.alerts.select("alert_id", "subject_id", "rule")
    found = inputs.evidence.join(alerts, on="alert_id", how="left", maintain_order="left")
    if subject_id is not None:
        found = found.filter(pl.col("subject_id") == subject_id)
    words = partial(
        Figure,
        "evidence",
        say("What the alerts rest on"),
        say("In each open alert's evidence the texts of the highest probability, cut to 280 characters."),
    )
    if inputs.too_few:
        return words(hidden(inputs))
    if not found.height:
        return words(unseen(inputs) or say("No open alert, and so no evidence."))
    rows = [
        (
            named(row["subject_id"], inputs, root),
            say(row["rule"]),
            f"{row['posted_at']:%Y-%m-%d %H:%M}",
            percent(row["p_high"], 0),
            row["text"],
        )
        for row in found.to_dicts()
    ]
    columns = ("Subject", "Rule", "Posted", "P(high risk)", "Text")
    return words(say.count(found.height, "text"), table=Table(tuple(say(column) for column in columns), rows))

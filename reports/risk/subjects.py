"""The figures about single subjects and their alerts. Subjects are numbered by rank unless the report has ids."""

from __future__ import annotations

import datetime as dt
from functools import partial

import polars as pl

from reports.risk import chart_data, signs, subject_charts, suppression
from reports.risk.figures import Figure, Link, Table
from reports.risk.headline import Tile, withheld
from reports.risk.inputs import GROUP_DAYS, Inputs
from reports.risk.people import closing
from reports.risk.people_pages import hidden_note, unchecked_note
from reports.risk.shading import excerpt
from reports.style.wording import Words, exact, percent

MOST_BARS = 60
MOST_ROWS = (
    400  # rows of a table of alerts or passages: with 2,000 people a page stays below 2 MB; the cards have everybody
)
MOST_TEXTS = 200
OPEN = pl.col("is_open")


def subject_cell(subject_id: str, inputs: Inputs) -> str | Link:
    """A subject in a table, as a link if it has a page."""
    label = inputs.label(subject_id)
    if inputs.options.subject_pages and subject_id in inputs.places:
        return Link(label, inputs.page_file(subject_id))
    return label


def subject_week(inputs: Inputs) -> Figure:
    """Subjects by weeks."""
    words, options = inputs.words, inputs.options
    unit = words(
        "Mean {score} by person (row) and ISO week (column, from Monday, UTC). Rows are ordered by the mean of the "
        "last 28 days, highest first. Blank: no texts.",
        score=inputs.high_name,
    )
    least = 1 if options.show_subjects else options.min_cohort
    if least > 1:
        unit = words.join(unit, words("Weeks in which fewer than {n} of them wrote are left out.", n=least))
    unit = words.join(unit, inputs.high_note)
    figure = partial(Figure, "subject_week", words("{score} by person and week", score=inputs.high_title), unit)
    if not inputs.subject_week.height:
        return figure(inputs.no_texts(options.days))
    labels = {subject: inputs.label(subject) for subject in inputs.places}
    heat = chart_data.subject_weeks(inputs.subject_week, labels, least, words)
    if inputs.people_hidden or not heat.height:
        return figure(hidden_note(inputs))
    weeks = sorted(heat["week"].unique(), reverse=True)
    cells = {(row["label"], row["week"]): percent(row["p_high"], 0) for row in heat.to_dicts()}
    ids = {labels[subject]: subject for subject in inputs.subject_week["subject_id"].unique()}
    rows = [
        (_row_head(ids[label], label, inputs), *(cells.get((label, week), "") for week in weeks))
        for label in heat["label"].unique(maintain_order=True)
    ]
    return figure(
        _who_summary(heat, inputs),
        partial(subject_charts.heat_subject_week, heat, words=words),
        Table((words("Subject"), *weeks), rows),
    )


def _row_head(subject_id: str, label: str, inputs: Inputs) -> str | Link:
    head = subject_cell(subject_id, inputs)
    return Link(label, head.href) if isinstance(head, Link) else label


def _who_summary(heat: pl.DataFrame, inputs: Inputs) -> str:
    """The number of subjects at the line on as_of, as the first tile counts them, and the number of omitted rows."""
    words, text = inputs.words, at_line_note(inputs)
    listed, total = heat["place"].n_unique(), len(inputs.places)
    if listed < total:
        text = words.join(
            text,
            words(
                "Only the {n} highest of {subjects} are shown.",
                n=listed,
                subjects=words.count(total, "subject"),
            ),
        )
    return text


def at_line_note(inputs: Inputs) -> str:
    """Number of subjects at the line on as_of, as sql/windows/headline.sql counts them."""
    options, now = inputs.options, inputs.headline.row(by_predicate=pl.col("period") == "now", named=True)
    return inputs.words(
        "At the line in the 7 days to {day}: {above} of {subjects} with {least} or more texts (mean of the signal at "
        "or above {threshold}).",
        day=inputs.words.day(inputs.as_of),
        above=now["n_above"],
        subjects=inputs.words.count(now["n_rated"], "subject"),
        least=options.min_texts,
        threshold=exact(options.threshold),
    )


def alert_tiles(inputs: Inputs) -> list[Tile]:
    """Numbers of open, new and recently closed alerts; no tiles if there are too few subjects.

    A withdrawn alert lost its reason, so it does not count as opened.
    """
    words, alerts = inputs.words, inputs.alerts
    if inputs.too_few:
        return []
    week, month = (inputs.as_of - dt.timedelta(days=days) for days in (6, 27))
    not_closed, closed = alerts.filter(OPEN), alerts.filter(~OPEN & (pl.col("closed_on") >= month))
    opened = alerts.filter((pl.col("opened_on") >= week) & pl.col("closed_because").ne_missing("withdrawn"))
    acknowledged, waiting = (
        not_closed.filter((pl.col("state") == "acknowledged") == is_so) for is_so in (True, False)
    )
    several, several_new = (rows.filter(pl.len().over("subject_id") > 1) for rows in (not_closed, opened))
    # The difference of the open and the new alerts tells of these two.
    older, closed_again = not_closed.filter(pl.col("opened_on") < week), opened.filter(~OPEN)
    note = words("{n} of them acknowledged", n=acknowledged.height)

    def tile(n: int, label: str, *people: pl.DataFrame, note: str = "") -> Tile:
        return withheld(label, words) if tells_few(inputs, *people) else Tile(f"{n:,}", label, note)

    return [
        tile(
            not_closed.height,
            words("alerts not closed"),
            *(not_closed, several),
            note="" if tells_few(inputs, acknowledged, waiting) else note,
        ),
        tile(not_closed["subject_id"].n_unique(), words("subjects with such an alert"), not_closed),
        tile(opened.height, words("opened in the last 7 days"), opened, older, closed_again, several_new),
        tile(closed.height, words("closed in the last 28 days"), closed),
    ]


def tells_few(inputs: Inputs, counted: pl.DataFrame, *parts: pl.DataFrame) -> bool:
    """Whether the number of these rows would single out a few people, in a report that shows no single people.

    Args:
        inputs: of the report.
        counted: the rows, with subject_id. Their people leave out the others who wrote in the last 28 days.
        parts: rows of other people whom this number tells together with its neighbours.
    """
    if not inputs.people_hidden:
        return False
    wrote = set(inputs.people.filter(pl.col("silent_days") < GROUP_DAYS)["subject_id"])
    people, *others = (set(rows["subject_id"]) for rows in (counted, *parts))
    return suppression.tells_few(inputs.options.min_cohort, *map(len, (people, wrote - people, *others)))


def open_alerts(inputs: Inputs) -> Figure:
    """The first open alerts as a table, with the signs of each subject's last 14 days."""
    words, not_closed = inputs.words, inputs.alerts.filter(OPEN)
    figure = partial(Figure, "open_alerts", words("Open alerts"), rules_unit(inputs))
    if inputs.people_hidden:  # checked first, because "no alert" would also reveal something
        return figure(hidden_note(inputs))
    if not not_closed.height:
        return figure(unchecked_note(inputs) or words("No alert is open on {day}.", day=words.day(inputs.as_of)))
    listed = not_closed.head(MOST_ROWS)
    summary = words(
        "{alerts} of {subjects} not closed.",
        alerts=words.count(not_closed.height, "alert"),
        subjects=words.count(not_closed["subject_id"].n_unique(), "subject"),
    )
    if listed.height < not_closed.height:
        summary = words.join(summary, _shown_note(listed, words))
    return figure(summary, table=alert_table(listed, inputs, with_signs=True))


def rules_unit(inputs: Inputs) -> str:
    """The meaning of an alert, with a sentence for each rule, and the signal that three of the rules read."""
    words = inputs.words
    signal = {
        "p_high": words("The signal is the {score}, {formula}.", score=inputs.high_name, formula=inputs.high_formula),
        "p_any": words("The signal is P(any): the probability that a text shows any sign of depression."),
        "both": words(
            "The signal is the greater of P(high risk) and P(any), the probability that a text shows any sign of "
            "depression."
        ),
    }[inputs.options.signal]
    return words.join(
        words("An alert means that a rule was met. A person who can help decides what that means."),
        words("It stays open until its subject is calm again or silent, so more have an alert than are at the line."),
        words(
            "Crisis: a text holds wording of the crisis list, or the model reads it as thoughts of death or "
            "self-harm; one such text is enough."
        ),
        words(
            "Level: the signal's mean over a week reached the threshold. Change: the week's signal was above this "
            "person's usual; the value is the distance in standard errors. Sustained: the signal was high on many "
            "days of two weeks; the value is the number of these days. Where that number is below the threshold, "
            "dark passages opened the alert: on so many days in a row, texts that are calm as a whole had one."
        ),
        *_measures_note(inputs),
        signal,
        *([] if inputs.options.signal == "p_high" else [inputs.high_note]),
    )


def _measures_note(inputs: Inputs) -> list[str]:
    """The meaning of the rules that read numbers; empty if they raised no alert."""
    if not {"measures", "fusion"}.intersection(inputs.alerts["rule"]):
        return []
    return [
        inputs.words(
            "Measures: a number beside the texts, such as hours of sleep, left its usual range; the value says how "
            "many times its limit. Fusion: texts and numbers together did."
        )
    ]


def _shown_note(listed: pl.DataFrame, words: Words) -> str:
    """A note which alerts an incomplete list has."""
    if "crisis" in listed["rule"]:
        return words("Only {n} are shown: those of the crisis rule first, then the newest.", n=listed.height)
    return words("The newest {n} are shown.", n=listed.height)


def alert_table(alerts: pl.DataFrame, inputs: Inputs, *, with_signs: bool = False) -> Table:
    """One row per alert; the signs of the last 14 days are the last column, if the model answers that question."""
    words = inputs.words
    columns = ["Subject", "Rule", "Opened", "Evidence", "Texts", "Value", "Threshold", "State", "Alert"]
    with_signs = with_signs and inputs.criteria.height > 0
    if with_signs:
        columns.append("Signs in the last 14 days")
    rows = [
        (
            subject_cell(row["subject_id"], inputs),
            words(row["rule"]),
            row["opened_on"].isoformat(),
            f"{row['evidence_from']} – {row['evidence_to']}",
            f"{row['n']:,}",
            _value(row["rule"], row["value"], words),
            _value(row["rule"], row["threshold"], words),
            _state(row, inputs),
            row["alert_id"][:8],
            *([signs.listed(row["subject_id"], inputs)] if with_signs else []),
        )
        for row in alerts.to_dicts()
    ]
    return Table(tuple(map(words, columns)), rows)


def _value(rule: str, value: float, words: Words) -> str:
    """The value of a rule in its unit: a mean (level), texts (crisis), days (sustained), a multiple of the limit
    (measures), or standard errors (change, fusion).
    """
    if rule == "measures":
        return words("{n} of the limit", n=f"{value:.2f}")
    if rule == "level":
        return percent(value)
    if rule == "crisis":
        return words.count(int(value), "text")
    return words.count(int(value), "day") if rule == "sustained" else f"{value:.2f}"


def _state(row: dict[str, object], inputs: Inputs) -> str:
    words = inputs.words
    if row["is_open"]:
        return words("acknowledged" if row["state"] == "acknowledged" else "open")
    unseen = inputs.closed_unseen.filter(pl.col("alert_id") == row["alert_id"])
    why = closing(unseen.row(0, named=True), inputs) if unseen.height else words(str(row["closed_because"]))
    return words("closed {day}: {why}", day=row["closed_on"] or "–", why=why)


def closed_alerts(inputs: Inputs) -> Figure:
    """The closed alerts that opened in the charted period."""
    words = inputs.words
    closed = inputs.alerts.filter(~OPEN & (pl.col("opened_on") >= inputs.first_day))
    figure = partial(Figure, "closed_alerts", words("Closed alerts"), "")
    if inputs.people_hidden:
        return figure(hidden_note(inputs))
    if not closed.height:
        return figure(words("No alert was closed."))
    listed = closed.head(MOST_ROWS)
    summary = words("{alerts} closed.", alerts=words.count(closed.height, "alert"))
    if listed.height < closed.height:
        summary = words.join(summary, _shown_note(listed, words))
    return figure(summary, table=alert_table(listed, inputs))


def alert_bars(inputs: Inputs) -> Figure:
    """When each alert opened and closed, one row per subject."""
    words = inputs.words
    unit = words("Each bar is one alert, from the day it opened to the day it closed. Each row is one subject.")
    figure = partial(Figure, "alert_bars", words("Alerts over time"), unit)
    if inputs.people_hidden:
        return figure(hidden_note(inputs))
    alerts = inputs.alerts.filter(OPEN | (pl.col("closed_on") >= inputs.first_day))
    recent = alerts.head(MOST_BARS)
    if not recent.height:
        none = words(
            "No alert was raised in the {days} to {day}.",
            days=words.count(inputs.options.days, "day"),
            day=words.day(inputs.as_of),
        )
        return figure(unchecked_note(inputs) or none)
    until = inputs.as_of
    bars = pl.DataFrame(
        {
            "label": inputs.label(row["subject_id"]),
            "place": inputs.places.get(row["subject_id"], 0),
            "rule": words(row["rule"]),
            "state": _state(row, inputs),
            "value": _value(row["rule"], row["value"], words),
            "threshold": _value(row["rule"], row["threshold"], words),
            "date": words.day(row["opened_on"]),
            "day": max(row["opened_on"], inputs.first_day).isoformat(),
            "end": (min(row["closed_on"] or until, until) + dt.timedelta(days=1)).isoformat(),
        }
        for row in recent.to_dicts()
    )
    summary = words(
        "{alerts} of {subjects}.",
        alerts=words.count(alerts.height, "alert"),
        subjects=words.count(alerts["subject_id"].n_unique(), "subject"),
    )
    if alerts.height > MOST_BARS:
        summary = words.join(summary, _shown_note(recent, words))
    return figure(summary, partial(subject_charts.alert_bars, bars, words=words))


def evidence(inputs: Inputs, subject_id: str | None = None) -> Figure:
    """The texts that support each open alert most; only with the option `evidence`."""
    words = inputs.words
    alerts = inputs.alerts.select("alert_id", "subject_id", "rule").with_row_index("place")
    texts = inputs.evidence.join(alerts, on="alert_id", how="left", maintain_order="left")
    texts = texts.sort("place", maintain_order=True)
    if subject_id is not None:
        texts = texts.filter(pl.col("subject_id") == subject_id)
    unit = words(
        "For each open alert: the texts of its evidence days that speak most for it, cut to 280 characters. Shaded "
        "words add to the answer, bold ones most, and underlined ones take away from it."
    )
    title = words("The texts behind the alerts")
    figure = partial(Figure, "evidence", title, unit)
    if inputs.people_hidden:
        return figure(hidden_note(inputs))
    if not texts.height:
        return figure(unchecked_note(inputs) or words("No alert is open, so there are no texts to show."))
    weights = inputs.word_weights.partition_by("doc_id", as_dict=True)
    rows = [
        (
            subject_cell(row["subject_id"], inputs),
            words(row["rule"]),
            f"{row['posted_at']:%Y-%m-%d %H:%M}",
            percent(row["p_high"], 0),
            excerpt(row, weights.get((row["doc_id"],)), words, crisis=row["rule"] == "crisis"),
        )
        for row in texts.head(MOST_TEXTS).to_dicts()
    ]
    summary = words.count(texts.height, "text")
    if texts.height > MOST_TEXTS:
        summary = words.join(
            words("{count}.", count=summary), words("The first {n} are shown; the cards quote more.", n=MOST_TEXTS)
        )
    columns = (words("Subject"), words("Rule"), words("Posted"), inputs.high_title, words("Text"))
    return figure(summary, table=Table(columns, rows))


def crisis_passages(inputs: Inputs, subject_id: str | None = None) -> Figure:
    """The passages that the crisis list raised in the last 28 days; only with the option `evidence`."""
    words, passages = inputs.words, inputs.passages
    if subject_id is not None:
        passages = passages.filter(pl.col("subject_id") == subject_id)
    unit = words(
        "Wording of the crisis list in texts of the last 28 days, with up to 100 characters on each side. The list "
        "misses crises in other words, and finds wording that is no crisis."
    )
    figure = partial(Figure, "crisis_passages", words("Passages that the crisis list found"), unit)
    if inputs.people_hidden:
        return figure(hidden_note(inputs))
    if not passages.height:
        return figure(words("The crisis list found no passages in the last 28 days."))
    rows = [
        (
            subject_cell(row["subject_id"], inputs),
            f"{row['posted_at']:%Y-%m-%d %H:%M}",
            row["phrase"],
            row["passage"],
        )
        for row in passages.head(MOST_ROWS).to_dicts()
    ]
    summary = words.count(passages.height, "passage")
    if passages.height > MOST_ROWS:
        summary = words.join(words("{count}.", count=summary), words("The newest {n} are shown.", n=MOST_ROWS))
    columns = ("Subject", "Posted", "Phrase of the list", "Passage")
    return figure(summary, table=Table(tuple(map(words, columns)), rows))

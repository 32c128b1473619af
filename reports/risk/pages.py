"""The pages of a report: index, one per cohort, alerts and, if the options say so, one per subject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from reports.risk import chart_data, data_quality, figures, headline, signs, subject_page, subjects
from reports.risk.charts import highest
from reports.risk.figures import Figure, Link, Table
from reports.risk.headline import Tile
from reports.risk.inputs import Inputs, Notice, Series
from reports.risk.people_pages import (
    PeopleList,
    PeoplePart,
    hidden_note,
    other_line_note,
    page_name,
    unchecked_note,
)
from reports.style.wording import percent

MOST_SMALL_CHARTS = 6
MOST_LISTED = 10


@dataclass(frozen=True)
class Page:
    """One page. `file` is its path below the report's folder; pictures are files beside it."""

    file: str
    title: str
    lead: str
    remedy: str = ""
    banner: data_quality.Quality | None = None
    people: PeoplePart | None = None
    above: str = ""
    tiles_lead: str = ""
    tiles: Sequence[Tile] = ()
    figures: Sequence[Figure] = ()
    facts: Sequence[data_quality.Fact] = ()
    footer: Sequence[str] = ()
    menu: Sequence[Link] = ()
    pictures: Sequence[str] = ()


def pages(inputs: Inputs) -> Iterator[Page]:
    """Every page of the report, the index first."""
    new_page = partial(Page, footer=data_quality.footer(inputs), menu=menu(inputs), remedy=_invented(inputs))
    people = PeopleList(inputs)
    yield index(inputs, people, new_page)
    for number, series in enumerate(inputs.cohorts, 1):
        yield cohort(number, series, inputs, new_page)
    yield from people_list(people, new_page)
    yield alerts(inputs, new_page)
    yield model(inputs, new_page)
    if inputs.options.subject_pages:
        yield from all_subjects(inputs, new_page)


def notice(reason: Notice) -> Page:
    """A page with the reason why there is nothing to report, and the remedy."""
    return Page("index.html", reason.title, reason.text, reason.remedy)


def _invented(inputs: Inputs) -> str:
    if not inputs.options.invented:
        return ""
    return inputs.words("This is the demo: its people and their texts are invented.")


def menu(inputs: Inputs) -> list[Link]:
    """Links to the pages; cohorts by name if they are few."""
    words = inputs.words
    links = [Link(words("Overview"), "index.html"), Link(words("People"), page_name(0))]
    if len(inputs.cohorts) > MOST_SMALL_CHARTS:
        links.append(Link(words("Cohorts"), "index.html#cohorts"))
    else:
        links += [Link(str(series.cohort), _file(number)) for number, series in enumerate(inputs.cohorts, 1)]
    links.append(Link(words("Alerts"), "alerts.html"))
    if inputs.options.subject_pages:
        links.append(Link(words("Subjects"), "subjects.html"))
    return [*links, Link(words("Model"), "model.html")]


def index(inputs: Inputs, people: PeopleList, page: partial[Page]) -> Page:
    """The overview: the quality of the input, people, cohorts and trend, hours."""
    words = inputs.words
    trend, levels, mix = figures.of_series(inputs.everyone, inputs)
    page_figures = [*_cohorts(inputs), trend, levels, mix, signs.of_group(inputs.everyone, inputs)]
    if inputs.options.mode != "aggregate":
        page_figures.append(subjects.subject_week(inputs))
    part = people.overview()
    return page(
        "index.html",
        words("Week to {day}", day=words.day(inputs.as_of)),
        part.summary or headline.lead(inputs.everyone, inputs),
        banner=data_quality.quality(inputs),
        people=part,
        above=words("Everyone together, this week against last week"),
        tiles_lead=headline.lead(inputs.everyone, inputs) if part.summary else "",
        tiles=headline.tiles(inputs.everyone, inputs),
        figures=[*page_figures, figures.weekday_hour(inputs)],
        facts=data_quality.facts(inputs),
    )


def people_list(people: PeopleList, page: partial[Page]) -> Iterator[Page]:
    """The pages of cards, in order."""
    inputs, words = people.inputs, people.inputs.words
    for number in range(people.n_pages):
        part = people.page(number)
        title = words("People")
        if people.n_pages > 1:
            title = words("People, page {n} of {all}", n=number + 1, all=people.n_pages)
        lead = words.join(_crisis_lead(inputs), part.summary)
        yield page(page_name(number), title, lead, banner=data_quality.quality(inputs), people=part)


def model(inputs: Inputs, page: partial[Page]) -> Page:
    """The model's card: its metrics on known labels, and how often each rule was right here."""
    words = inputs.words
    return page(
        "model.html",
        words("The model"),
        words(
            "This report rests on the model {name} and on the rules that raise alerts. This page says how good they "
            "are.",
            name=inputs.model.name,
        ),
        figures=[data_quality.score_card(inputs), data_quality.rule_outcomes(inputs)],
    )


def cohort(number: int, series: Series, inputs: Inputs, page: partial[Page]) -> Page:
    """The page of one cohort."""
    return page(
        _file(number),
        str(series.cohort),
        headline.lead(series, inputs),
        above=inputs.words("This week against last week"),
        tiles=headline.tiles(series, inputs),
        figures=[*figures.of_series(series, inputs), signs.of_group(series, inputs)],
    )


def alerts(inputs: Inputs, page: partial[Page]) -> Page:
    """The alerts of the early-warning rules."""
    words = inputs.words
    page_figures = []
    if inputs.options.mode != "aggregate":
        page_figures = [
            subjects.open_alerts(inputs),
            subjects.alert_bars(inputs),
            subjects.closed_alerts(inputs),
        ]
    if inputs.options.evidence:
        page_figures[1:1] = [subjects.crisis_passages(inputs), subjects.evidence(inputs)]
    return page(
        "alerts.html",
        words("Alerts"),
        words.join(
            _crisis_lead(inputs),
            hidden_note(inputs) if inputs.people_hidden else _alerts_lead(inputs),
        ),
        banner=data_quality.quality(inputs),
        tiles=subjects.alert_tiles(inputs),
        figures=page_figures,
    )


def _crisis_lead(inputs: Inputs) -> str:
    """A warning that this report does not detect crises, and the number of passages that a person must read."""
    words, n_passages = inputs.words, inputs.passages.height
    warning = words("This report does not detect crises by itself: a person must read the texts.")
    if inputs.too_few:  # even the number would reveal something about a person
        return warning
    if subjects.tells_few(inputs, inputs.passages):
        passages = words("The number of passages that the crisis list found in the last 28 days is withheld.")
    elif not n_passages:
        passages = words("The crisis list found no passages in the last 28 days.")
    else:
        passages = words(
            "The crisis list found {passages} in the last 28 days.", passages=words.count(n_passages, "passage")
        )
    return words.join(warning, passages, "" if inputs.people_hidden else _crisis_sources(inputs))


def _crisis_sources(inputs: Inputs) -> str:
    """The number of people with an open crisis alert, and its source: wording of the list, or only the model."""
    words, opened = inputs.words, inputs.alerts.filter(subjects.OPEN & (pl.col("rule") == "crisis"))
    if not opened.height:
        return words("No crisis alert is open.")
    n_all, n_list = opened["subject_id"].n_unique(), opened.filter("has_wording")["subject_id"].n_unique()
    concerned = words.count(n_all, "person")
    if not n_list:
        return words(
            "Crisis alerts are open for {people}, because the model reads texts of theirs as thoughts of death or "
            "self-harm.",
            people=concerned,
        )
    if n_list == n_all:
        return words("Crisis alerts are open for {people}, because of wording of the crisis list.", people=concerned)
    return words(
        "Crisis alerts are open for {people}: {by_list} because of wording of the crisis list, {by_model} because "
        "the model alone reads a text as thoughts of death or self-harm.",
        people=concerned,
        by_list=n_list,
        by_model=n_all - n_list,
    )


def _alerts_lead(inputs: Inputs) -> str:
    words, n_open = inputs.words, inputs.alerts.filter(subjects.OPEN).height
    open_now = words(
        "{alerts} not closed on {day}.", alerts=words.count(n_open, "alert"), day=words.day(inputs.as_of)
    )
    who = words("To see whom a code names, run: risk-monitor who CODE --db FILE")
    notes = unchecked_note(inputs), other_line_note(inputs)
    return words.join(open_now, who if n_open and not inputs.names else "", *notes)


def all_subjects(inputs: Inputs, page: partial[Page]) -> Iterator[Page]:
    """The list of subjects, and one page per subject."""
    words = inputs.words
    if inputs.people_hidden:
        yield page("subjects.html", words("Subjects"), hidden_note(inputs))
        return
    days = inputs.subject_day.partition_by("subject_id", as_dict=True)
    weeks = inputs.subject_7.partition_by("subject_id", as_dict=True)
    newest = {
        subject: subject_page.recent(weeks[(subject,)], inputs.as_of)
        for subject in sorted(inputs.places, key=lambda subject: inputs.places[subject])
    }
    now = {row["subject_id"]: row for row in inputs.people.to_dicts()}
    yield page(
        "subjects.html",
        words("Subjects"),
        words(
            "{subjects}, ordered by mean {score} over the last 7 days, highest first.",
            score=inputs.high_name,
            subjects=words.count(len(newest), "subject"),
        ),
        figures=[_subject_list(inputs)],
    )
    for subject, latest in newest.items():
        yield page(
            inputs.page_file(subject),
            inputs.label(subject),
            words("Confidential: authorised staff only. This page is about one person."),
            above=words("The last 7 days"),
            tiles=subject_page.tiles(now[subject], latest, inputs),
            figures=subject_page.figures(subject, days[(subject,)], weeks[(subject,)], inputs),
        )


def _subject_list(inputs: Inputs) -> Figure:
    """Everybody with a page, in the order of the numbers in the table, which are the numbers of the cards."""
    words = inputs.words
    n_open = dict(inputs.alerts.filter(subjects.OPEN).group_by("subject_id").len().iter_rows())
    listed = inputs.people.filter(pl.col("subject_id").is_in(list(inputs.places)))
    rows = [
        (
            subjects.subject_cell(row["subject_id"], inputs),
            percent(row["p_7"]),
            percent(row["past_mean"]),
            f"{row['n_7']:,}",
            row["last_day"].isoformat(),
            str(n_open.get(row["subject_id"], "")),
        )
        for row in listed.sort("p_7", "subject_id", descending=[True, False], nulls_last=True).to_dicts()
    ]
    columns = ("Subject", "Mean of 7 days", "own past", "Texts, 7 days", "Last text", "Open alerts")
    return Figure("subjects", words("All subjects"), "", "", table=Table(tuple(map(words, columns)), rows))


def _file(number: int) -> str:
    return f"cohort-{number}.html"


def _cohorts(inputs: Inputs) -> list[Figure]:
    """A table of the cohorts and, if they are few, a small chart of each; all charts share one scale."""
    words = inputs.words
    if inputs.n_cohorts < 2:
        return []
    unit = words(
        "A cohort is the texts of one source. The numbers cover the 7 days to {day}.",
        day=words.day(inputs.as_of),
    )
    missing = ""
    if len(inputs.cohorts) < inputs.n_cohorts:
        missing = words(
            "{n} of {all} cohorts are shown. The others have fewer than {least} subjects, would reveal "
            "the numbers of such a small cohort, or are not among the {top} largest.",
            n=len(inputs.cohorts),
            all=inputs.n_cohorts,
            least=inputs.options.min_cohort,
            top=inputs.options.top,
        )
    figure = partial(Figure, "cohorts", words("Cohorts"), unit, missing)
    if not inputs.cohorts:
        return [figure()]
    rows: list[tuple[str | Link, ...]] = [
        (Link(str(series.cohort), _file(number)), *_week(series, inputs))
        for number, series in enumerate(inputs.cohorts, 1)
    ]
    columns = ("Cohort", "Subjects, 7 days", "Texts, 7 days", "High risk, 7 days", "95% interval", "Change")
    table = figure(table=Table(tuple(map(words, columns)), rows))
    if len(inputs.cohorts) > MOST_SMALL_CHARTS:
        return [table]
    top = max(
        highest(chart_data.trend(series, inputs.first_day, (), words), series.forecast) for series in inputs.cohorts
    )
    return [table, *(_small(number, series, top, inputs) for number, series in enumerate(inputs.cohorts, 1))]


def _week(series: Series, inputs: Inputs) -> tuple[str, ...]:
    """The latest week of a cohort, as cells of the table."""
    now, before = headline.latest_two_weeks(series, inputs)
    if now["withheld"]:
        return (inputs.words("withheld"), *[""] * 4)
    if not now["n"]:
        return ("0", "0", "–", "–", "–")
    change = (
        inputs.words.points(now["share_high"] - before["share_high"])
        if not before["withheld"] and None not in (now["share_high"], before["share_high"])
        else "–"
    )
    if now["share_high"] is None:
        return (f"{now['n_subjects']:,}", f"{now['n']:,}", inputs.words("withheld"), "–", change)
    interval = f"{percent(now['share_high_lo'])} – {percent(now['share_high_hi'])}"
    return (f"{now['n_subjects']:,}", f"{now['n']:,}", percent(now["share_high"]), interval, change)


def _small(number: int, series: Series, top: float, inputs: Inputs) -> Figure:
    trend = chart_data.trend(series, inputs.first_day, inputs.missing, inputs.words)
    figure = figures.risk_trend(series, trend, inputs)
    draw = figure.draw and partial(figure.draw, top=top, height=190)
    forecast = figures.forecast_sentences(series, inputs) if draw else ""
    return replace(
        figure,
        summary=forecast or figure.summary,
        key=f"cohort_{number}",
        title=str(series.cohort),
        unit="",
        draw=draw,
        wide=False,
        href=_file(number),
    )

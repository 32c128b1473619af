"""Which pages a report has, and what stands on each: index, a page a cohort, alerts and, if asked for, subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reports.risk import chart_data, figures, headline, subject_page, subjects
from reports.risk import data_quality as facts
from reports.risk.charts import highest
from reports.risk.figures import Figure, Link, Table
from reports.risk.headline import Tile
from reports.risk.inputs import Inputs, Notice, Series
from reports.style.wording import percent

MOST_SMALL_CHARTS = 6
MOST_LISTED = 10


@dataclass(frozen=True)
class Page:
    """One page. `file` is its place below the report's folder; pictures are files beside it."""

    file: str
    title: str
    lead: str
    remedy: str = ""
    above: str = ""
    tiles: Sequence[Tile] = ()
    figures: Sequence[Figure] = ()
    quality: facts.Quality | None = None
    facts: Sequence[facts.Fact] = ()
    footer: Sequence[str] = ()
    menu: Sequence[Link] = ()
    pictures: Sequence[str] = ()


def pages(inputs: Inputs) -> Iterator[Page]:
    """Every page of the report, the index first."""
    known = partial(Page, footer=facts.footer(inputs), menu=menu(inputs))
    yield index(inputs, known)
    for number, series in enumerate(inputs.cohorts, 1):
        yield cohort(number, series, inputs, known)
    yield alerts(inputs, known)
    if inputs.options.subject_pages:
        yield from all_subjects(inputs, known)


def notice(found: Notice) -> Page:
    """A page that says why there is nothing to show, and what to do."""
    return Page("index.html", found.title, found.text, found.remedy)


def menu(inputs: Inputs) -> list[Link]:
    """The ways to the pages; cohorts by name where they are few."""
    words = inputs.words
    found = [Link(words("Overview"), "index.html")]
    if len(inputs.cohorts) > MOST_SMALL_CHARTS:
        found.append(Link(words("Cohorts"), "index.html#cohorts"))
    else:
        found += [Link(str(series.cohort), _file(number)) for number, series in enumerate(inputs.cohorts, 1)]
    found.append(Link(words("Alerts"), "alerts.html"))
    if inputs.options.subject_pages:
        found.append(Link(words("Subjects"), "subjects.html"))
    return found


def index(inputs: Inputs, page: partial[Page]) -> Page:
    """The overview."""
    trend, levels, mix = figures.of_series(inputs.everyone, inputs)
    shown = [trend, *_cohorts(inputs), levels, mix]
    shown += [subjects.open_alerts(inputs, MOST_LISTED), subjects.subject_week(inputs)]
    return page(
        "index.html",
        inputs.words("Week to {day}", day=inputs.words.day(inputs.as_of)),
        headline.lead(inputs.everyone, inputs),
        above=inputs.words("This week against last week"),
        tiles=headline.tiles(inputs.everyone, inputs),
        figures=[*shown, figures.weekday_hour(inputs), facts.score_card(inputs)],
        quality=facts.quality(inputs),
        facts=facts.facts(inputs),
    )


def cohort(number: int, series: Series, inputs: Inputs, page: partial[Page]) -> Page:
    """One cohort."""
    return page(
        _file(number),
        str(series.cohort),
        headline.lead(series, inputs),
        above=inputs.words("This week against last week"),
        tiles=headline.tiles(series, inputs),
        figures=figures.of_series(series, inputs),
    )


def alerts(inputs: Inputs, page: partial[Page]) -> Page:
    """What the early-warning rules say."""
    words = inputs.words
    shown = [subjects.open_alerts(inputs), subjects.alert_bars(inputs), subjects.closed_alerts(inputs)]
    if inputs.options.evidence:
        shown.insert(1, subjects.evidence(inputs))
    return page(
        "alerts.html",
        words("Alerts"),
        subjects.hidden(inputs) if inputs.too_few else _waiting(inputs),
        tiles=subjects.alert_tiles(inputs),
        figures=shown,
    )


def _waiting(inputs: Inputs) -> str:
    words, waiting = inputs.words, inputs.alerts.filter(subjects.OPEN).height
    open_now = words(
        "{alerts} not closed on {day}.", alerts=words.count(waiting, "alert"), day=words.day(inputs.as_of)
    )
    who = words("To see whom a number stands for, run: risk-monitor alerts --db FILE")
    return words.join(
        open_now, who if waiting and not inputs.options.show_subjects else "", subjects.unseen(inputs)
    )


def all_subjects(inputs: Inputs, page: partial[Page]) -> Iterator[Page]:
    """The list of subjects, and a page each."""
    words = inputs.words
    if inputs.too_few:
        yield page("subjects.html", words("Subjects"), subjects.hidden(inputs))
        return
    days = inputs.subject_day.partition_by("subject_id", as_dict=True)
    weeks = inputs.subject_7.partition_by("subject_id", as_dict=True)
    newest = {
        subject: subject_page.recent(weeks[(subject,)], inputs.as_of)
        for subject in sorted(inputs.places, key=lambda subject: inputs.places[subject])
    }
    yield page(
        "subjects.html",
        words("Subjects"),
        words(
            "{subjects}, ordered by mean probability of high risk over the last 28 days, highest first.",
            subjects=words.count(len(newest), "subject"),
        ),
        figures=[_subject_list(newest, inputs)],
    )
    for subject, latest in newest.items():
        yield page(
            subjects.page_of(subject, inputs),
            inputs.label(subject),
            words("Confidential: authorised staff only. This page is about one person."),
            above=words("The latest 7 days with texts"),
            tiles=subject_page.tiles(latest, inputs),
            figures=subject_page.figures(subject, days[(subject,)], weeks[(subject,)], inputs),
        )


def _subject_list(newest: dict[str, dict[str, object]], inputs: Inputs) -> Figure:
    words = inputs.words
    waiting = dict(inputs.alerts.filter(subjects.OPEN).group_by("subject_id").len().iter_rows())
    rows = [
        (
            subjects.named(subject, inputs),
            str(row["day"]),
            f"{row['n']:,}",
            percent(row["p_high"]),  # type: ignore[arg-type]
            percent(row["baseline_mean"]),  # type: ignore[arg-type]
            str(waiting.get(subject, "")),
        )
        for subject, row in newest.items()
    ]
    columns = ("Subject", "7 days to", "Texts", "Mean of 7 days", "own past", "Open alerts")
    return Figure("subjects", words("All subjects"), "", "", table=Table(tuple(map(words, columns)), rows))


def _file(number: int) -> str:
    return f"cohort-{number}.html"


def _cohorts(inputs: Inputs) -> list[Figure]:
    """A table of the cohorts, and where they are few a small chart each, all to one scale."""
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
    known = partial(Figure, "cohorts", words("Cohorts"), unit, missing)
    if not inputs.cohorts:
        return [known()]
    rows: list[tuple[str | Link, ...]] = [
        (Link(str(series.cohort), _file(number)), *_week(series, inputs))
        for number, series in enumerate(inputs.cohorts, 1)
    ]
    columns = ("Cohort", "Subjects, 7 days", "Texts, 7 days", "High risk, 7 days", "95% interval", "Change")
    table = known(table=Table(tuple(map(words, columns)), rows))
    if len(inputs.cohorts) > MOST_SMALL_CHARTS:
        return [table]
    top = max(
        highest(chart_data.trend(series, inputs.first_day, (), words), series.forecast)
        for series in inputs.cohorts
    )
    return [table, *(_small(number, series, top, inputs) for number, series in enumerate(inputs.cohorts, 1))]


def _week(series: Series, inputs: Inputs) -> tuple[str, ...]:
    """A cohort's newest week in a row of the table."""
    now, before = headline.now_and_before(series, inputs)
    if now["withheld"]:
        return (inputs.words("withheld"), *[""] * 4)
    if not now["n"]:
        return ("0", "0", "–", "–", "–")
    change = (
        inputs.words.points(now["share_high"] - before["share_high"])
        if before["n"] and not before["withheld"]
        else "–"
    )
    interval = f"{percent(now['share_high_lo'])} – {percent(now['share_high_hi'])}"
    return (f"{now['n_subjects']:,}", f"{now['n']:,}", percent(now["share_high"]), interval, change)


def _small(number: int, series: Series, top: float, inputs: Inputs) -> Figure:
    trend = chart_data.trend(series, inputs.first_day, inputs.missing, inputs.words)
    figure = figures.risk_trend(series, trend, inputs)
    draw = figure.draw and partial(figure.draw, top=top, height=190)
    told = figures.forecast_told(series, inputs) if draw else ""
    return replace(
        figure,
        summary=told or figure.summary,
        key=f"cohort_{number}",
        title=str(series.cohort),
        unit="",
        draw=draw,
        wide=False,
        href=_file(number),
    )

"""The inputs of a report: options, model, and the rows of the window queries that may be published."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import polars as pl

from monitor.alerts.rules import AlertRules
from monitor.errors import ConfigError
from reports.style.wording import LANGUAGES, Language, Words

Signal = Literal["p_high", "p_any", "both"]
Mode = Literal["aggregate", "people", "case"]
RULES = AlertRules()
MOST_CELLS = 5_000  # of one chart; Altair refuses more
STRIP_DAYS = 14  # the days of a subject's signs
GROUP_DAYS = 28  # the days of the signs of everyone and of cohorts, and of the crisis list's passages


@dataclass(frozen=True)
class Options:
    """The settings of a report.

    threshold: the alert threshold, a mean P(high risk) from 0 to 1.
    min_cohort: numbers about fewer subjects are withheld, see reports.risk.suppression.
    min_texts: texts that a subject must have written in a week to be compared with the threshold.
    days: number of days in the charts.
    top: number of subjects in the heatmap, highest risk first, and of cohorts with a page.
    show_subjects: show ids beside codes.
    subject_pages: write one page per subject.
    evidence: quote the texts behind the alerts, and the passages that the crisis list found.
    lang: the language of the report's own words.
    signal: the signal that the rules level, change and sustained read, see monitor.alerts.rules.
    rules: the other limits of the alert rules.
    mode: "aggregate" shows only aggregates. "people" also shows single people by their codes, unless there are fewer
    than min_cohort people. "case" is for readers who may see single people, so its min_cohort is 1.
    cohorts: only texts of these cohorts are read; empty: texts of all cohorts.
    invented: whether the texts are the demo's, which nobody wrote; each page then says so.

    Raises:
        ConfigError: a value is out of its range, mode "aggregate" is combined with an option that shows people, or a
            chart of `top` subjects over `days` days would have too many cells.
    """

    threshold: float = RULES.threshold
    min_cohort: int = 11
    min_texts: int = RULES.min_texts
    days: int = 366
    top: int = 30
    show_subjects: bool = False
    subject_pages: bool = False
    evidence: bool = False
    lang: Language = "en"
    signal: Signal = RULES.signal
    rules: AlertRules = RULES
    mode: Mode = "people"
    cohorts: tuple[str, ...] = ()
    invented: bool = False

    @property
    def about_persons(self) -> bool:
        """Whether the report shows more than aggregates and people by codes."""
        return self.show_subjects or self.subject_pages or self.evidence or self.mode == "case"

    @property
    def line(self) -> dict[str, Any]:
        """The limits that decide who is at the line: parameters of sql/windows/headline.sql."""
        return {"signal": self.signal, "threshold": self.threshold, "min_texts": self.min_texts}

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ConfigError(f"--mode {self.mode}: there is {', '.join(get_args(Mode))}")
        for name in ("show_subjects", "subject_pages", "evidence"):
            if self.mode == "aggregate" and getattr(self, name):
                raise ConfigError(f"{name}: a report of mode aggregate shows no single people; use mode case")
        if self.mode == "case":
            object.__setattr__(self, "min_cohort", 1)
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold {self.threshold:g} is no probability; give a number from 0 to 1")
        for name in ("min_cohort", "min_texts", "days", "top"):
            if getattr(self, name) < 1:
                option = "--" + name.replace("_", "-")
                raise ConfigError(f"{option} is {getattr(self, name)}; give a whole number of at least 1")
        cells = self.top * (math.ceil(self.days / 7) + 1)
        if self.days > MOST_CELLS or cells > MOST_CELLS:
            raise ConfigError(
                f"{self.top} subjects over {self.days} days are {cells:,} cells, and a chart holds "
                f"{MOST_CELLS:,}; lower --top or --days"
            )
        if self.signal not in get_args(Signal):
            raise ConfigError(f"--signal {self.signal}: the rules read {', '.join(get_args(Signal))}")
        if self.lang not in LANGUAGES:
            raise ConfigError(f"--lang {self.lang}: no such language here; there are {', '.join(LANGUAGES)}")


@dataclass(frozen=True)
class Model:
    """The model of a report, and the names of other models with scores in the same database.

    alerts_current: whether the alert rules have checked all its scores.
    """

    model_id: str
    name: str
    base: str
    quantisation: str
    rules: Mapping[str, str]
    others: tuple[str, ...]
    alerts_current: bool


@dataclass(frozen=True)
class Series:
    """The time series of everyone (cohort None) or of one cohort, without the rows that may not be published.

    first: the day of the first scored text.
    daily, week, month: windows of 1, 7 and 28 days, columns as rolling_cohort without cohort.
    weeks: columns as weekly_cohort and `withheld`; withheld rows are included with empty measures.
    by_week: whether some weeks are published as one point, because one of their days has too few subjects.
    forecast: columns of monitor.windows.forecast; empty if there is none.
    level: share of days that the forecast's intervals should hold, such as 0.8.
    """

    cohort: str | None
    first: dt.date
    daily: pl.DataFrame
    week: pl.DataFrame
    month: pl.DataFrame
    weeks: pl.DataFrame
    by_week: bool
    forecast: pl.DataFrame
    level: float


@dataclass(frozen=True)
class Inputs:
    """All inputs of the pages and pictures of one report; frames are results of the queries of the same names.

    cohorts: those with at least one publishable week, of n_cohorts in all.
    places: rank of each subject by recent risk, 1 is the highest.
    hour_days: number of days in weekday_hour; 0 if it may not be published.
    run: quality, findings and time of the newest run with a judgement, if any.
    subject_day, subject_7: windows of 1 and 7 days per subject, the inertia of 28; empty unless subject_pages is set.
    criteria: criteria_overall of GROUP_DAYS, suppressed; empty if the model does not answer this question.
    signs: criteria_subject of STRIP_DAYS.
    word_weights: weights of words in the texts of `evidence` and `texts`, if a run has weighed them.
    passages: passages of GROUP_DAYS that the crisis list raised; column passage is empty without the option evidence.
    wording: passages for the cards, also from before GROUP_DAYS, with the columns of `passages`; empty without the
    option evidence.
    people, person_weeks, person_days, texts: sql/people/now.sql, weeks.sql, days.sql and passages.sql. The last three
        cover the people whom somebody should look at; texts is empty without the option evidence.
    measures: sql/people/measures.sql; empty unless subject_pages is set.
    case_events, outcomes, could_fire: sql/alerts/case_events.sql, rule_outcomes.sql and could_fire.sql.
    db: the file of the database, for the commands that the pages name.
    names: subject_id -> name in a roster.
    """

    as_of: dt.date
    model: Model
    options: Options
    everyone: Series
    cohorts: Sequence[Series]
    n_cohorts: int
    headline: pl.DataFrame
    data_quality: pl.DataFrame
    missing: Sequence[dt.date]
    places: Mapping[str, int]
    subject_week: pl.DataFrame
    weekday_hour: pl.DataFrame
    hour_days: int
    alerts: pl.DataFrame
    evidence: pl.DataFrame
    word_weights: pl.DataFrame
    run: Mapping[str, Any] | None
    score_card: pl.DataFrame
    subject_day: pl.DataFrame
    subject_7: pl.DataFrame
    criteria: pl.DataFrame
    signs: pl.DataFrame
    passages: pl.DataFrame
    people: pl.DataFrame
    person_weeks: pl.DataFrame
    person_days: pl.DataFrame
    texts: pl.DataFrame
    wording: pl.DataFrame
    case_events: pl.DataFrame
    outcomes: pl.DataFrame
    measures: pl.DataFrame
    could_fire: pl.DataFrame
    names: Mapping[str, str] = field(default_factory=dict)
    db: str = ""

    @property
    def words(self) -> Words:
        """The report's words."""
        return Words(self.options.lang)

    @property
    def first_day(self) -> dt.date:
        """First day that the charts show."""
        return self.as_of - dt.timedelta(days=self.options.days - 1)

    @property
    def days_on_record(self) -> int:
        """Days from the first scored text to as_of."""
        return int((self.as_of - self.data_quality["first_posted"][0].date()).days) + 1

    @property
    def too_few(self) -> bool:
        """Whether too few subjects have scores to hide a person in rows without names."""
        return not self.options.show_subjects and len(self.places) < self.options.min_cohort

    @property
    def people_hidden(self) -> bool:
        """Whether this report shows no single person, because there are too few people to hide one, or it is about
        groups.
        """
        return self.too_few or self.options.mode == "aggregate"

    @property
    def high_name(self) -> str:
        """The name of P(high risk): the sadness score with the default risk map."""
        emotions = [name for name, risk in self.model.rules.items() if risk == "high_risk"]
        return self.words("sadness score" if emotions == ["sadness"] else "high-risk score")

    @property
    def high_title(self) -> str:
        """The name of P(high risk) at the start of a title."""
        return self.high_name[:1].upper() + self.high_name[1:]

    @property
    def high_formula(self) -> str:
        """P(high risk) as a sum over its emotions: P(sadness) with the default risk map."""
        emotions = [name for name, risk in self.model.rules.items() if risk == "high_risk"]
        return " + ".join(f"P({self.words(emotion)})" for emotion in emotions) or "0"

    @property
    def high_note(self) -> str:
        """A sentence that names the emotions behind P(high risk)."""
        words = self.words
        emotions = [words(name) for name, risk in self.model.rules.items() if risk == "high_risk"]
        if not emotions:
            return words("No emotion counts as high risk.")
        return words(
            "P(high risk) is the {emotions} score: {formula}.",
            emotions=words(" or ").join(emotions),
            formula=self.high_formula,
        )

    def no_texts(self, days: int) -> str:
        """The sentence for a figure over `days` days up to as_of in which nobody wrote."""
        words = self.words
        return words("No texts in the {days} to {day}.", days=words.count(days, "day"), day=words.day(self.as_of))

    @cached_property
    def codes(self) -> Mapping[str, str]:
        """subject_id -> code."""
        return {subject: code for subject, code in self.people.select("subject_id", "code").iter_rows() if code}

    @cached_property
    def closed_unseen(self) -> pl.DataFrame:
        """Crisis alerts that closed by themselves although nobody had looked: rows of alerts, and looked_at.

        The next crisis text of a person opens no second alert. A look at the newest crisis alert therefore counts
        only until that text is scored. A withdrawn alert is no newest one. looked_at is the last look; null without
        one.
        """
        looks = self.case_events.group_by("alert_id").agg(looked_at=pl.col("at").max())
        known = self.people.select("subject_id", "crisis_known_at")
        crises = self.alerts.filter(
            pl.col("rule") == "crisis", pl.col("closed_because").ne_missing("withdrawn")
        ).join(looks, on="alert_id", how="left", maintain_order="left")
        crises = crises.join(known, on="subject_id", how="left", maintain_order="left")
        is_newest = pl.col("opened_on") == pl.col("opened_on").max().over("subject_id")
        is_late = is_newest & (pl.col("looked_at") < pl.col("crisis_known_at"))
        by_itself = ~pl.col("is_open") & pl.col("closed_because").is_in(["calm again", "silent"])
        unseen = pl.col("looked_at").is_null() | is_late.fill_null(value=False)
        return crises.filter(by_itself & unseen).drop("crisis_known_at")

    def code(self, subject_id: str) -> str:
        """The code of a person."""
        return self.codes.get(subject_id, "–")

    def name(self, subject_id: str) -> str:
        """The text beside the code: the name in the roster, the id with show_subjects, or nothing."""
        return self.names.get(subject_id) or (subject_id if self.options.show_subjects else "")

    def label(self, subject_id: str) -> str:
        """The code of a person, and the name if there is one."""
        name = self.name(subject_id)
        return f"{self.code(subject_id)} · {name}" if name else self.code(subject_id)

    def page_file(self, subject_id: str) -> str:
        """The file of a person's page, named by the code, never by id or name."""
        return f"subjects/{self.codes.get(subject_id) or format(self.places[subject_id], '04d')}.html"


@dataclass(frozen=True)
class Notice:
    """The reason why there is nothing to report, and the remedy."""

    title: str
    text: str
    remedy: str

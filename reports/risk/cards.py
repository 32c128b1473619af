"""One card per person: the reason to look, the person's present state against their own past, and past actions."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup

from reports.risk import curve, signs
from reports.risk.comparison import against, since
from reports.risk.curve import Curve
from reports.risk.inputs import Inputs
from reports.risk.passages import marked
from reports.risk.people import GROUPS, Group, Person, closing
from reports.risk.shading import excerpt
from reports.risk.signs import Strip
from reports.style.wording import percent

PAGE_CARDS = 50
TITLES: Mapping[Group, str] = {
    "crisis": "Crisis",
    "closed": "Crisis closed unseen",
    "new": "Alerted this week",
    "high": "Still high",
    "easing": "Easing",
    "silent": "Silent",
}
# `suicidal`: the rule crisis without wording of the list. `passage`: the rule sustained without high days.
RULES: Mapping[str, str] = {
    "crisis": "wording of the crisis list",
    "suicidal": "a text that the model reads as thoughts of death or self-harm",
    "level": "a week at the alert line",
    "passage": "dark passages in texts that are calm as a whole",
    "change": "sadder than their own past",
    "sustained": "many high days in two weeks",
    "measures": "a number far from their own past",
    "fusion": "texts and numbers together far from their own past",
}
OUTCOMES: Mapping[str | None, str] = {
    None: "seen",
    "contacted": "contacted",
    "referred": "referred to other help",
    "known": "known already",
    "false_alarm": "false alarm",
}


class Reason(NamedTuple):
    """The reason of an alert, the day it opened, and its id."""

    rule: str
    day: str
    alert: str


class Event(NamedTuple):
    """An action that somebody took."""

    text: str
    note: str


class Passage(NamedTuple):
    """A text, or a part of one: its time, why it is quoted, and its HTML."""

    when: str
    about: str
    html: Markup


class PassageList(NamedTuple):
    """Passages under one heading."""

    title: str
    passages: Sequence[Passage]


@dataclass(frozen=True)
class Card:
    """One card. The values for sorting are numbers; everything else is text in the report's language.

    headline: why the card is in its group. In crisis and new it is the reason of the alert, in closed how the alert
    closed, otherwise the person's present state. against: the numbers behind the headline. reasons: the reasons of
    the alerts, newest first. opened: these reasons without that of the headline. unseen: the crisis alerts that
    closed unseen, without that of the headline. commands: commands that record a look at the alerts. quote: the
    newest crisis passage, shown in place of the score. short: the beginning of the quote.
    """

    code: str
    name: str
    href: str
    group: Group
    title: str
    looked: bool
    looked_text: str
    now: str
    now_note: str
    headline: str
    against: str
    reasons: Sequence[Reason]
    opened: str
    unseen: Sequence[str]
    open_text: str
    days_open: int
    sort_now: float
    sort_change: float
    curve: Curve
    quote: Passage | None
    short: str
    strips: Sequence[Strip]
    strips_note: str
    events: Sequence[Event]
    passages: Sequence[PassageList]
    commands: Sequence[str]
    who: str


class Cards:
    """Makes the cards of a report. It splits the frames by person once, for all cards."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def card(self, person: Person) -> Card:
        """The card of one person."""
        inputs, words, now = self._inputs, self._inputs.words, person.now
        strips, strips_note = self._strips(person)
        headline, compared = self._headline(person)
        newest_first = list(reversed(person.alerts))
        quote, short, lists = self._quoted(person)
        raised = sorted([*newest_first, *person.closed], key=lambda alert: alert["opened_on"], reverse=True)
        return Card(
            code=inputs.code(person.subject_id),
            name=inputs.name(person.subject_id),
            href=inputs.page_file(person.subject_id) if inputs.options.subject_pages else "",
            group=person.group,
            title=words(TITLES[person.group]),
            looked=person.looked,
            looked_text=self._looked(person),
            now=percent(now["p_7"], 0),
            now_note=inputs.high_name,
            headline=headline,
            against=compared,
            reasons=list(map(self._reason, raised)),
            opened=self._opened(person, [one for one in newest_first if one is not person.reason]),
            unseen=[self._closed(alert) for alert in person.closed[1 if person.group == "closed" else 0 :]],
            open_text=self._open(person),
            days_open=person.days_open(inputs.as_of),
            sort_now=round(now["p_7"] or 0, 4),
            sort_change=round((now["p_7"] or 0) - (now["past_mean"] or 0), 4) if now["n_7"] else -1.0,
            curve=self._curve(person),
            quote=quote,
            short=short,
            strips=strips,
            strips_note=strips_note,
            # One look at several alerts counts as one event.
            events=list(dict.fromkeys(map(self._event, person.events))),
            passages=lists,
            commands=self._commands(person),
            who=f"risk-monitor who {inputs.code(person.subject_id)} --db {self._db}",
        )

    def _looked(self, person: Person) -> str:
        words = self._inputs.words
        if person.looked:
            return words("Looked at")
        if person.group == "closed":
            return words("Crisis alert not looked at")
        if not person.events:
            return words("Nobody has looked")
        seen = {event["alert_id"] for event in person.events}
        unseen = [alert for alert in person.alerts if alert["alert_id"] not in seen]
        if not unseen:
            return words("Not looked at since the newest crisis text")
        last_seen = max(alert["opened_on"] for alert in person.alerts if alert["alert_id"] in seen)
        if all(alert["opened_on"] > last_seen for alert in unseen):
            return words("Not looked at since the newest alert")
        return words("{n} of {all} alerts not looked at", n=len(unseen), all=len(person.alerts))

    def _headline(self, person: Person) -> tuple[str, str]:
        """The reason for the card's group, and the numbers.

        A calm score is no all-clear while an alert is new.
        """
        words, reason = self._inputs.words, person.reason
        verdict, compared = against(person.now, self._inputs)
        no_measure = words("The {score} does not measure this.", score=self._inputs.high_name)
        if person.group == "closed":
            return self._closed(person.closed[0]), words.join(no_measure, verdict, compared)
        if reason is None:
            return verdict, compared
        about = {"rule": self._rule(reason), "day": words.day(reason["opened_on"])}
        if reason["rule"] != "crisis":
            apart = since(person.now, reason, self._inputs)
            return words("New alert of {day}: {rule}.", **about), words.join(apart, verdict, compared)
        newest, again = person.now["last_crisis"], ""
        if newest is not None and newest.date() > reason["opened_on"]:
            again = words("The newest such text is of {day}.", day=words.day(newest.date()))
        return words("Crisis alert of {day}: {rule}.", **about), words.join(again, no_measure, verdict, compared)

    def _closed(self, alert: Mapping[str, Any]) -> str:
        """A sentence that a crisis alert closed although nobody had looked at it. It is no all-clear."""
        words = self._inputs.words
        return words(
            "Crisis alert of {day}: closed on {closed} {why}.",
            day=words.day(alert["opened_on"]),
            closed=words.day(alert["closed_on"]),
            why=closing(alert, self._inputs),
        )

    def _opened(self, person: Person, others: Sequence[Mapping[str, Any]]) -> str:
        words, reasons = self._inputs.words, [self._reason(alert) for alert in others]
        listed = words(", ").join(words("{rule} ({day})", rule=one.rule, day=one.day) for one in reasons)
        if not listed:
            return ""
        return (
            words("Also open: {reasons}", reasons=listed)
            if person.reason
            else words("Alerts opened by: {reasons}", reasons=listed)
        )

    def _rule(self, alert: Mapping[str, Any]) -> str:
        """The finding of a rule, in words; a crisis alert rests on the list's wording or on the model."""
        rule = alert["rule"]
        if rule == "crisis" and not alert["has_wording"]:
            rule = "suicidal"
        if rule == "sustained" and alert["value"] < alert["threshold"]:
            rule = "passage"
        return self._inputs.words(RULES[rule])

    def _reason(self, alert: Mapping[str, Any]) -> Reason:
        return Reason(self._rule(alert), self._inputs.words.day(alert["opened_on"]), alert["alert_id"][:SHORT_ID])

    def _open(self, person: Person) -> str:
        words, as_of = self._inputs.words, self._inputs.as_of
        if not person.alerts:
            return words("no open alert; last text on {day}", day=words.day(person.now["last_day"]))
        days = words.count(person.days_open(as_of), "day")
        if len(person.alerts) == 1:
            return words("1 alert open, for {days}", days=days)
        return words("{n} alerts open, the oldest for {days}", n=len(person.alerts), days=days)

    @property
    def _db(self) -> str:
        return shlex.quote(self._inputs.db) if self._inputs.options.about_persons else "FILE"

    def _commands(self, person: Person) -> list[str]:
        """The commands that record a look at the person's alerts; empty without alerts.

        A person's code means only open alerts, so a closed alert is named by its id.
        """
        named = [alert["alert_id"][:SHORT_ID] for alert in person.closed]
        if person.alerts or (person.subject_id in self._alerted and not named):
            named.insert(0, self._inputs.code(person.subject_id))
        return [
            f"risk-monitor alerts --db {self._db} --acknowledge {one} --by NAME --outcome contacted" for one in named
        ]

    def _curve(self, person: Person) -> Curve:
        words, own = self._inputs.words, self._weeks.get(person.subject_id, {})
        means = words(", ").join(percent(own.get(week), 0) for week in reversed(range(curve.WEEKS)))
        label = words("Weekly means of the last {n} weeks, oldest first: {means}.", n=curve.WEEKS, means=means)
        return curve.draw(own, person.now["past_mean"], self._inputs.options.threshold, label)

    def _strips(self, person: Person) -> tuple[Sequence[Strip], str]:
        figure = signs.of_subject(person.subject_id, self._days.get(person.subject_id, set()), self._inputs)
        return figure.strips, signs.two_limits(person.subject_id, self._inputs) if figure.strips else figure.summary

    def _event(self, event: Mapping[str, Any]) -> Event:
        words = self._inputs.words
        done = words(OUTCOMES[event["outcome"]])
        day = words.day(event["at"].date())
        text = (
            words("{day}: {done}, {by}", day=day, done=done, by=event["by"])
            if event["by"]
            else words("{day}: {done}", day=day, done=done)
        )
        return Event(text, event["note"] or "" if self._inputs.options.about_persons else "")

    def _quoted(self, person: Person) -> tuple[Passage | None, str, list[PassageList]]:
        """The newest crisis passage of a person in a crisis, its beginning, and all other passages."""
        if not self._inputs.options.evidence:
            return None, "", []
        raised = self._crises.get(person.subject_id, [])
        alarming = [row for row in self._texts.get(person.subject_id, []) if row["is_crisis"]][:TOP]
        if person.group not in ("crisis", "closed") or not (raised or alarming):
            return None, "", self._passages(person, raised, alarming)
        if raised and (not alarming or raised[0]["counted_at"] >= alarming[0]["counted_at"]):
            short = _beginning(raised[0]["passage"][max(0, raised[0]["first"] - BEFORE_WORDING) :])
            return self._crisis(raised[0]), short, self._passages(person, raised[1:], alarming)
        return self._text(alarming[0]), _beginning(alarming[0]["text"]), self._passages(person, raised, alarming[1:])

    def _passages(
        self, person: Person, raised: Sequence[Mapping[str, Any]], alarming: Sequence[Mapping[str, Any]]
    ) -> list[PassageList]:
        """Crisis wording first, then the newest and the strongest texts; a text is quoted once."""
        words = self._inputs.words
        own = [row for row in self._texts.get(person.subject_id, []) if not row["is_crisis"] or row in alarming]
        of_death = [row for row in own if row["shows_death"] and not row["is_crisis"]][:TOP]
        others = [row for row in own if row not in [*alarming, *of_death]]
        newest = [row for row in others if row["new_place"] <= TOP]
        strongest = sorted((row for row in others if row["strong_place"] <= TOP), key=lambda row: row["strong_place"])
        again = [row for row in strongest if row["new_place"] <= TOP]
        lists = [
            PassageList(words("Crisis wording"), [self._crisis(row) for row in raised]),
            PassageList(words("Read as thoughts of death or self-harm"), [self._text(row) for row in alarming]),
            PassageList(
                words("Weaker signs of thoughts of death or self-harm, without a crisis alert"),
                [self._text(row) for row in of_death],
            ),
            PassageList(words("Newest texts"), [self._text(row) for row in newest]),
            PassageList(
                words("Strongest texts of 28 days"), [self._text(row) for row in strongest if row not in again]
            ),
        ]
        return [one for one in lists if one.passages]

    def _text(self, row: Mapping[str, Any]) -> Passage:
        words = self._inputs.words
        shown = [words(signs.SIGNS[name]) for name in (row["criteria"] or "").split(",") if name in signs.SIGNS]
        about = [f"{self._inputs.high_name} {percent(row['p_high'], 0)}", *shown]
        if row["strong_place"] <= TOP and row["new_place"] <= TOP:
            about.append(words("also among the strongest"))
        html = excerpt(row, self._weights.get((row["doc_id"],)), words, crisis=row["is_crisis"] or row["shows_death"])
        return Passage(self._when(row["posted_at"]), words(", ").join(about), html)

    def _crisis(self, row: Mapping[str, Any]) -> Passage:
        spans = [(row["first"], row["first"] + row["length"], "crisis")]
        return Passage(self._when(row["posted_at"]), "", marked(row["passage"], spans))

    def _when(self, posted_at: dt.datetime) -> str:
        return f"{self._inputs.words.day(posted_at.date())}, {posted_at:%H:%M}"

    @cached_property
    def _weeks(self) -> dict[str, dict[int, float]]:
        weeks: dict[str, dict[int, float]] = {}
        for subject, week, mean in self._inputs.person_weeks.select("subject_id", "week", "p_high").iter_rows():
            weeks.setdefault(subject, {})[week] = mean
        return weeks

    @cached_property
    def _days(self) -> dict[str, set[dt.date]]:
        days: dict[str, set[dt.date]] = {}
        for subject, day in self._inputs.person_days.select("subject_id", "day").iter_rows():
            days.setdefault(subject, set()).add(day)
        return days

    @cached_property
    def _alerted(self) -> set[str]:
        return set(self._inputs.alerts["subject_id"])

    @cached_property
    def _weights(self) -> dict[tuple[object, ...], pl.DataFrame]:
        return self._inputs.word_weights.partition_by("doc_id", as_dict=True)

    @cached_property
    def _texts(self) -> dict[str, list[dict[str, Any]]]:
        return _by_subject(self._inputs.texts)

    @cached_property
    def _crises(self) -> dict[str, list[dict[str, Any]]]:
        rows = _by_subject(self._inputs.wording)
        return {subject: own[:TOP] for subject, own in rows.items()}


TOP = 3  # passages of a list
SHORT = 160  # characters of a passage on the overview
BEFORE_WORDING = 50  # characters before the wording of the crisis list
SHORT_ID = 8  # characters of an alert's id
TEXT_DAYS = 28


def _beginning(text: str) -> str:
    text = text.lstrip()  # blank lines at the start of a text can be longer than SHORT
    return text if len(text) <= SHORT else f"{text[:SHORT].rsplit(maxsplit=1)[0]}…"


def counts(listed: Sequence[Person]) -> dict[Group, int]:
    """Group -> number of people."""
    return {group: sum(person.group == group for person in listed) for group in GROUPS}


def _by_subject(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.to_dicts():
        rows.setdefault(row["subject_id"], []).append(row)
    return rows

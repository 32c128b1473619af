"""The part of a page about people: a summary, the changes, the cards, and what no machine can know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import polars as pl
from markupsafe import Markup

from reports.risk import cards, legend, people
from reports.risk.cards import PAGE_CARDS, TITLES, Card, Cards
from reports.risk.figures import Link, Table
from reports.risk.inputs import Inputs
from reports.risk.people import GROUPS, Group, Person
from reports.style.offline import script_json
from reports.style.wording import exact, percent

MOST_BRIEF = 12
MOST_LINKS = 12
MOST_OTHERS = 1_000
MOST_FINDABLE = 10_000


class Line(NamedTuple):
    """One line about a change: a name, and people or words."""

    name: str
    links: Sequence[Link]
    text: str = ""


@dataclass(frozen=True)
class CardGroup:
    """The cards of one group on one page; `count` is the number of people in all pages."""

    key: Group
    title: str
    count: str
    cards: Sequence[Card]


@dataclass(frozen=True)
class PeoplePart:
    """The content of a page about people.

    Attributes:
        summary: numbers of people by group, and of people at whom nobody has looked.
        reason: why no people are shown; everything else is then empty.
        jumps: links to the changes and to what no machine can know.
        key: class of a sample -> the meaning of this shading of words in quoted texts.
        order, legend: the rule of the order, and the meaning of the groups and of the parts of a card.
        brief: first cards of the list in a short form, each with the file of its full card.
        groups: full cards.
        pages: links to the pages of the list, if there are several.
        everybody: JSON for the search: code, name, file of the card.
        others: people without a card.
    """

    summary: str
    reason: str = ""
    jumps: Sequence[Link] = ()
    order: str = ""
    legend: Sequence[tuple[str, str]] = ()
    key: Sequence[tuple[str, str]] = ()
    changed: Sequence[Line] = ()
    limits: Sequence[str] = ()
    brief: Sequence[tuple[Card, str]] = ()
    more: Link | None = None
    groups: Sequence[CardGroup] = ()
    pages: Sequence[Link] = ()
    everybody: Markup | None = None
    filters: Sequence[tuple[str, str]] = ()
    others: Table | None = None
    others_note: str = ""


class PeopleList:
    """The people of a report in order, and the files of their cards."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.listed = people.people(inputs)
        self._cards = Cards(inputs)
        self._place = {person.subject_id: place for place, person in enumerate(self.listed)}

    @property
    def n_pages(self) -> int:
        """Number of pages of cards, at least one."""
        return max(1, -(-len(self.listed) // PAGE_CARDS))

    def file(self, subject_id: str) -> str:
        """The page with this person's card, or an empty string."""
        place = self._place.get(subject_id)
        return "" if place is None else page_name(place // PAGE_CARDS)

    def link(self, subject_id: str, text: str = "") -> Link:
        """A link to the person's card; without a card only the label, with an empty href."""
        file = self.file(subject_id)
        label = self.inputs.label(subject_id)
        return Link(f"{label} {text}".strip(), f"{file}#{self.inputs.code(subject_id)}" if file else "")

    def overview(self) -> PeoplePart:
        """The part on the first page: the first cards in a short form."""
        if self.inputs.people_hidden:
            return PeoplePart("", reason=hidden_note(self.inputs))
        first = self.listed[:MOST_BRIEF]
        words = self.inputs.words
        return PeoplePart(
            self.summary(),
            jumps=self._jumps(),
            order=legend.order_note(self.inputs) if first else "",
            legend=legend.legend(self.inputs) if first else (),
            changed=self.changed(),
            limits=limits(self.inputs),
            brief=[(self._cards.card(person), self.file(person.subject_id)) for person in first],
            more=Link(words("All cards, with filter and search"), page_name(0)),
        )

    def page(self, number: int) -> PeoplePart:
        """The part on one page of the list, counted from 0."""
        if self.inputs.people_hidden:
            return PeoplePart("", reason=hidden_note(self.inputs))
        words = self.inputs.words
        shown = self.listed[number * PAGE_CARDS : (number + 1) * PAGE_CARDS]
        last = number == self.n_pages - 1
        others, others_note = self.others() if last else (None, "")
        return PeoplePart(
            self.summary(),
            jumps=self._jumps(),
            order=legend.order_note(self.inputs) if shown else "",
            legend=legend.legend(self.inputs) if shown else (),
            key=legend.quote_key(self.inputs) if shown else (),
            groups=self._groups(shown),
            pages=[Link(str(one + 1), page_name(one)) for one in range(self.n_pages)] if self.n_pages > 1 else (),
            everybody=self._everybody(),
            filters=[(group, words(TITLES[group])) for group in GROUPS],
            others=others,
            others_note=others_note,
        )

    def summary(self) -> str:
        """The number of people to look at, by group."""
        words, listed = self.inputs.words, self.listed
        if not listed and not self.inputs.model.alerts_current:
            return unchecked_note(self.inputs)
        if not listed:
            return words("Nobody has an open alert, and nobody fell silent.")
        names = {group: words(TITLES[group]).lower() for group in GROUPS}
        parts = [words("{n} {group}", n=n, group=names[group]) for group, n in cards.counts(listed).items() if n]
        n_unseen = sum(not person.looked for person in listed)
        unseen = (
            words("Somebody has looked at each of them.")
            if not n_unseen
            else words("Nobody has looked at {n} of them.", n=n_unseen)
            if n_unseen < len(listed)
            else words("Nobody has looked at any of them.")
        )
        to_look_at = words(
            "{people} to look at: {groups}.",
            people=words.count(len(listed), "person"),
            groups=words(", ").join(parts),
        )
        notes = unchecked_note(self.inputs), other_line_note(self.inputs)
        return words.join(to_look_at, unseen, self._silence(), *notes)

    def _silence(self) -> str:
        words, n_silent = self.inputs.words, len(self._news.silent)
        if not n_silent:
            return words("Nobody fell silent this week.")
        return words("{people} fell silent this week.", people=words.count(n_silent, "person"))

    def _jumps(self) -> list[Link]:
        words = self.inputs.words
        return [
            Link(words("Since last week"), "index.html#changed"),
            Link(words("What no machine can know"), "index.html#limits"),
        ]

    @cached_property
    def _news(self) -> people.Changes:
        return people.changes(self.inputs, self.listed)

    def changed(self) -> list[Line]:
        """The changes of the last 7 days, one line each."""
        words, news = self.inputs.words, self._news
        nobody = words(
            "nobody by 10 points or more, of those with {n} texts or more in both weeks",
            n=self.inputs.options.min_texts,
        )
        lines = [
            self._line(words("New alerts"), news.new, words("nobody")),
            self._line(words("Crisis alerts closed by themselves, nobody had looked"), news.unseen, words("nobody")),
            self._line(words("Alerts closed, calm again"), news.calm, words("nobody")),
            self._line(words("Fell silent"), news.silent, words("nobody")),
            Line(
                words("Rose most against the week before"),
                [self.link(one, words.points(change)) for one, change in news.rose],
                "" if news.rose else nobody,
            ),
            Line(
                words("Fell most against the week before"),
                [self.link(one, words.points(change)) for one, change in news.fell],
                "" if news.fell else nobody,
            ),
        ]
        looked = dict.fromkeys(row["subject_id"] for row in news.looked)
        return [*lines, self._line(words("Looked at"), list(looked), words("nobody"))]

    def others(self) -> tuple[Table | None, str]:
        """People without a card, the highest score first."""
        words, rest = self.inputs.words, people.others(self.inputs, self.listed)
        if not rest.height:
            return None, ""
        rows: list[tuple[str | Link, ...]] = [
            (
                self._subject(row["subject_id"]),
                percent(row["p_7"], 0),
                percent(row["past_mean"], 0),
                f"{row['n_7']:,}",
                words.day(row["last_day"]),
            )
            for row in rest.head(MOST_OTHERS).to_dicts()
        ]
        name = self.inputs.high_name
        columns = (
            words("Person"),
            words("{name}, last 7 days", name=name),
            words("own past"),
            words("Texts, 7 days"),
            words("Last text"),
        )
        note = words("{people} without an open alert.", people=words.count(rest.height, "person"))
        if rest.height > MOST_OTHERS:
            note = words.join(note, words("The {n} highest are shown.", n=MOST_OTHERS))
        return Table(columns, rows), note

    def _subject(self, subject_id: str) -> str | Link:
        label = self.inputs.label(subject_id)
        if self.inputs.options.subject_pages and subject_id in self.inputs.places:
            return Link(label, self.inputs.page_file(subject_id))
        return label

    def _line(self, name: str, subjects: Sequence[str], nobody: str) -> Line:
        words = self.inputs.words
        links = [self.link(subject) for subject in subjects[:MOST_LINKS]]
        more = words("and {n} more", n=len(subjects) - MOST_LINKS) if len(subjects) > MOST_LINKS else ""
        return Line(name, links, more if subjects else nobody)

    def _groups(self, shown: Sequence[Person]) -> list[CardGroup]:
        words, totals = self.inputs.words, cards.counts(self.listed)
        made: dict[Group, list[Card]] = {}
        for person in shown:
            made.setdefault(person.group, []).append(self._cards.card(person))
        return [
            CardGroup(group, words(TITLES[group]), words.count(totals[group], "person"), own)
            for group, own in made.items()
        ]

    def _everybody(self) -> Markup:
        inputs = self.inputs
        findable = [person.subject_id for person in self.listed[:MOST_FINDABLE]]
        return script_json([[inputs.code(one), inputs.name(one), self.file(one)] for one in findable])


def page_name(number: int) -> str:
    """The file of a page of cards, counted from 0."""
    return "people.html" if number == 0 else f"people-{number + 1}.html"


def hidden_note(inputs: Inputs) -> str:
    """The reason why single people are not shown, and the remedy."""
    words = inputs.words
    if inputs.options.mode == "aggregate":
        return words("This report is about groups and shows no single people. A report of mode case does.")
    return words(
        "Withheld: with fewer than {n} people, even a card without a name could be traced to a person. A report of "
        "mode case (--mode case, or [[reports]] in the settings) shows them to those who may see single people.",
        n=inputs.options.min_cohort,
    )


def unchecked_note(inputs: Inputs) -> str:
    """A note if the alert rules have not checked every score; otherwise empty."""
    if inputs.model.alerts_current:
        return ""
    return inputs.words(
        "The alert rules have not checked every score yet. To check them now, run: risk-monitor "
        "alerts --db FILE --update"
    )


def other_line_note(inputs: Inputs) -> str:
    """A note if open alerts were raised with another alert line than this report draws; otherwise empty."""
    line = inputs.options.threshold
    other = inputs.alerts.filter("is_open", pl.col("rule") == "level", pl.col("threshold") != line)
    if inputs.people_hidden or other.is_empty():
        return ""
    return inputs.words(
        "The rule level raised its alerts with the line {then}, and this page draws the line {now}. The next night "
        "judges the alerts with the limits of its settings.",
        then=exact(other["threshold"][0]),
        now=exact(line),
    )


def limits(inputs: Inputs) -> list[str]:
    """The limits of every page of this kind."""
    words = inputs.words
    return [
        words("What people say elsewhere, or leave out: only texts that arrived are read."),
        words("Whether silence is calm: who writes nothing has no score."),
        words("Why words are sad, and how the person is: the score says how sad the words sound."),
        words("Every crisis: the list misses other wording, and the model misses what is only implied."),
        words("Who is cared for already, unless somebody recorded it in the case log."),
    ]

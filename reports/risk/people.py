"""The people of a report in the order in which somebody should look at them, and what changed since last week.

The order, which the pages state: crisis first, then people whose crisis alert closed by itself although nobody had
looked, then alerts that are new this week, then people who are still high, people who are easing, and people who fell
silent. Within a group, people at whom nobody has looked come first. The first two groups are then ordered by the
newest text about death or self-harm, because the sadness score does not measure a crisis. The other groups, and texts
of the same moment, are ordered by the sadness score of the last 7 days, the highest first.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import polars as pl

from reports.risk.inputs import Inputs

Group = Literal["crisis", "closed", "new", "high", "easing", "silent"]
GROUPS: tuple[Group, ...] = ("crisis", "closed", "new", "high", "easing", "silent")
NEW_DAYS = 7
CLOSED_DAYS = 28  # a crisis alert that closed by itself in so many days has a card until somebody looks
SILENT_DAYS = 7  # a week without texts
LONGEST_SILENCE = 28  # after more days somebody without an open alert counts as gone, not as silent
LEAST_DAYS = 4  # only people with texts on so many days in 8 weeks can fall silent
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Person:
    """One person who needs a look.

    Attributes:
        now: the row of sql/people/now.sql.
        alerts: open alerts, the oldest first; rows of sql/windows/alerts.sql.
        closed: crisis alerts that closed by themselves in CLOSED_DAYS though nobody had looked, the newest first;
            rows of Inputs.closed_unseen.
        events: actions about these alerts, the newest first; rows of sql/alerts/case_events.sql.
        looked: whether somebody has looked at every open alert; without open alerts, whether somebody has looked at
            anything since the last text. The next crisis text opens no second alert, so a look at a crisis alert
            counts only until that text is scored. Always false in the group closed.
    """

    subject_id: str
    group: Group
    now: Row
    alerts: Sequence[Row]
    closed: Sequence[Row]
    events: Sequence[Row]
    looked: bool

    def days_open(self, as_of: dt.date) -> int:
        """Days since the oldest open alert was raised; 0 without an open alert."""
        return (as_of - self.alerts[0]["opened_on"]).days + 1 if self.alerts else 0

    @property
    def reason(self) -> Row | None:
        """The alert that put the person into the group crisis or new, the newest first; None in the other groups."""
        if self.group not in ("crisis", "new"):
            return None
        return next(one for one in reversed(self.alerts) if self.group == "new" or one["rule"] == "crisis")


class Changes(NamedTuple):
    """What happened in the 7 days to as_of; subject_ids.

    unseen: people with a crisis alert that closed by itself though nobody had looked.
    rose, fell: people whose mean changed most against the week before, with the change.
    """

    new: list[str]
    unseen: list[str]
    calm: list[str]
    silent: list[str]
    rose: list[tuple[str, float]]
    fell: list[tuple[str, float]]
    looked: list[Row]


LEAST_CHANGE = 0.10  # smallest change of a weekly mean that gets a line
MOST_CHANGED = 3


def people(inputs: Inputs) -> list[Person]:
    """Everybody with an open alert, a crisis alert that closed unseen, or a sudden silence, in order.

    The list is empty if single people may not be shown.
    """
    if inputs.people_hidden:
        return []
    alerts: dict[str, list[Row]] = defaultdict(list)
    for row in inputs.alerts.filter(pl.col("is_open")).sort("opened_on", "rule").to_dicts():
        alerts[row["subject_id"]].append(row)
    first = inputs.as_of - dt.timedelta(days=CLOSED_DAYS - 1)
    closed: dict[str, list[Row]] = defaultdict(list)
    for row in (
        inputs.closed_unseen.filter(pl.col("closed_on") >= first).sort("closed_on", descending=True).to_dicts()
    ):
        closed[row["subject_id"]].append(row)
    events: dict[str, list[Row]] = defaultdict(list)
    for row in reversed(inputs.case_events.to_dicts()):
        events[row["subject_id"]].append(row)
    listed = []
    for now in inputs.people.to_dicts():
        subject = now["subject_id"]
        own = alerts.get(subject, [])
        unseen = closed.get(subject, [])
        group = _group(now, own, unseen, inputs)
        if group is not None:
            done = _events(own, events.get(subject, ()), now)
            looked = group != "closed" and _looked(own, done, now)
            listed.append(Person(subject, group, now, own, unseen, done, looked))
    return sorted(listed, key=_rank)


def changes(inputs: Inputs, listed: Sequence[Person]) -> Changes:
    """What changed since last week."""
    first = inputs.as_of - dt.timedelta(days=NEW_DAYS - 1)
    recent = inputs.alerts.filter(
        (pl.col("opened_on") >= first) & pl.col("closed_because").ne_missing("withdrawn")  # its reason is gone
    )
    unseen = inputs.closed_unseen
    closed = inputs.alerts.filter(
        (pl.col("closed_on") >= first)
        & (pl.col("closed_because") == "calm again")
        & ~pl.col("alert_id").is_in(unseen["alert_id"].to_list())
    )
    unseen = unseen.filter(pl.col("closed_on") >= first).sort("closed_on")
    still_open = {person.subject_id for person in listed if person.alerts}
    calm = [subject for subject in closed["subject_id"].unique(maintain_order=True) if subject not in still_open]
    compared = inputs.people.filter(
        (pl.col("n_7") >= inputs.options.min_texts) & (pl.col("n_before") >= inputs.options.min_texts)
    )
    compared = compared.with_columns(change=pl.col("p_7") - pl.col("p_before")).sort("change", "subject_id")
    pairs = list(compared.select("subject_id", "change").iter_rows())
    since = dt.datetime.combine(first, dt.time())
    return Changes(
        new=recent.sort("opened_on")["subject_id"].unique(maintain_order=True).to_list(),
        unseen=unseen["subject_id"].unique(maintain_order=True).to_list(),
        calm=calm,
        silent=[
            one.subject_id
            for one in listed
            if one.group == "silent" and one.now["silent_days"] < SILENT_DAYS + NEW_DAYS
        ],
        rose=[pair for pair in reversed(pairs) if pair[1] >= LEAST_CHANGE][:MOST_CHANGED],
        fell=[pair for pair in pairs if pair[1] <= -LEAST_CHANGE][:MOST_CHANGED],
        looked=[row for row in inputs.case_events.to_dicts() if row["at"] >= since],
    )


def others(inputs: Inputs, listed: Sequence[Person]) -> pl.DataFrame:
    """Everybody else, ordered by the mean of the last 7 days, the highest first."""
    ids = [person.subject_id for person in listed]
    rest = inputs.people.filter(~pl.col("subject_id").is_in(ids))
    return rest.sort("p_7", "subject_id", descending=[True, False], nulls_last=True)


def closing(alert: Row, inputs: Inputs) -> str:
    """How and why an alert of Inputs.closed_unseen closed, beginning in lower case. No person had judged that it may
    close.
    """
    words = inputs.words
    days = words.count(inputs.options.rules.cooldown_days, "day")
    looked = (
        words("nobody had looked")
        if alert["looked_at"] is None
        else words("nobody had looked at the newest such text")
    )
    if alert["closed_because"] == "silent":
        return words("by itself, after {days} without any text; {looked}", days=days, looked=looked)
    return words("by itself, after {days} without another such text; {looked}", days=days, looked=looked)


def _group(now: Row, alerts: Sequence[Row], closed: Sequence[Row], inputs: Inputs) -> Group | None:
    if any(alert["rule"] == "crisis" for alert in alerts):
        return "crisis"
    if closed:
        return "closed"
    if any(is_new(alert["opened_on"], inputs.as_of) for alert in alerts):
        return "new"
    if now["silent_days"] >= SILENT_DAYS:
        return "silent" if alerts or _fell_silent(now) else None
    if not alerts:
        return None
    return "high" if is_high(now, inputs) else "easing"


def is_new(opened_on: dt.date, as_of: dt.date) -> bool:
    """Whether an alert was opened in the 7 days to as_of."""
    return (as_of - opened_on).days < NEW_DAYS


def is_high(now: Row, inputs: Inputs) -> bool:
    """Whether the last 7 days are not calm by the rule `level`, or above what is usual for this person."""
    options = inputs.options
    above = now["past_hi"] is not None and now["p_7"] > now["past_hi"]
    return bool(now["signal_7"] >= options.rules.calm_share * options.threshold or above)


def _fell_silent(now: Row) -> bool:
    """Whether a regular writer has paused for longer than ever in the past 8 weeks."""
    return bool(
        now["silent_days"] <= LONGEST_SILENCE
        and now["n_days_56"] >= LEAST_DAYS
        and now["silent_days"] > (now["longest_pause"] or 0)
    )


def _events(alerts: Sequence[Row], events: Sequence[Row], now: Row) -> list[Row]:
    """The events that answer the open alerts or, if none is open, the events since the last text."""
    if not alerts:
        return [event for event in events if event["at"].date() >= now["last_day"]]
    ids = {alert["alert_id"] for alert in alerts}
    done = [event for event in events if event["alert_id"] in ids]
    logged = {event["alert_id"] for event in done}
    done += [  # these were acknowledged before the case log existed
        {"alert_id": one["alert_id"], "at": one["state_changed_at"], "by": None, "outcome": None, "note": None}
        for one in alerts
        if one["state"] == "acknowledged" and one["alert_id"] not in logged
    ]
    return done


def _looked(alerts: Sequence[Row], done: Sequence[Row], now: Row) -> bool:
    crises = {alert["alert_id"] for alert in alerts if alert["rule"] == "crisis"}
    known_at = now["crisis_known_at"]
    answered = {
        event["alert_id"]
        for event in done
        if event["alert_id"] not in crises or known_at is None or event["at"] >= known_at
    }
    return bool(done) and all(alert["alert_id"] in answered for alert in alerts)


def _rank(person: Person) -> tuple[int, bool, float, float, str]:
    return (
        GROUPS.index(person.group),
        person.looked,
        -_last_crisis(person) if person.group in ("crisis", "closed") else 0.0,
        -(person.now["p_7"] or 0),
        person.subject_id,
    )


def _last_crisis(person: Person) -> float:
    """When the newest crisis text was posted, in seconds; the day of the alert if the text is gone."""
    opened = max(alert["opened_on"] for alert in (*person.alerts, *person.closed) if alert["rule"] == "crisis")
    posted = person.now["last_crisis"] or dt.datetime.combine(opened, dt.time())
    return float(posted.replace(tzinfo=dt.UTC).timestamp())

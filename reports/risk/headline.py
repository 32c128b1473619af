"""The numbers at the top of a page: the last 7 days against the 7 before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from reports.risk.inputs import Inputs, Series
from reports.risk.suppression import tells_few
from reports.style.wording import Words, change, exact, percent

Row = dict[str, Any]
NO_TEXTS: Row = {"n": 0, "n_subjects": 0, "withheld": False, "p_high": None, "share_high": None}


@dataclass(frozen=True)
class Tile:
    """One number. `course` is "up", "down" or ""; the page shows an arrow, never a colour alone."""

    value: str
    label: str
    note: str = ""
    course: str = ""
    muted: bool = False


def latest_two_weeks(series: Series, inputs: Inputs) -> tuple[Row, Row]:
    """The 7 days to as_of and the 7 days before; without texts, n = 0."""
    rows = {row["day"]: row for row in series.weeks.to_dicts()}
    return rows.get(inputs.as_of, NO_TEXTS), rows.get(inputs.as_of - dt.timedelta(days=7), NO_TEXTS)


def lead(series: Series, inputs: Inputs) -> str:
    """The first sentence of a page: the share of high risk and its change."""
    words, (now, before) = inputs.words, latest_two_weeks(series, inputs)
    day = words.day(inputs.as_of)
    if now["withheld"]:
        return words(
            "The numbers for the 7 days to {day} are withheld because they would reveal something about "
            "fewer than {n} subjects.",
            day=day,
            n=inputs.options.min_cohort,
        )
    if not now["n"]:
        return words("No texts were scored for the 7 days to {day}.", day=day)
    if now["share_high"] is None:
        return words(
            "The share of texts labelled high risk in the 7 days to {day} is withheld because it would reveal "
            "something about fewer than {n} subjects.",
            day=day,
            n=inputs.options.min_cohort,
        )
    return _share_and_change(now, before, day, words)


def _share_and_change(now: Row, before: Row, day: str, words: Words) -> str:
    values = {"day": day, "share": percent(now["share_high"])}
    if before["withheld"]:
        return words(
            "{share} of texts were labelled high risk in the 7 days to {day}; too few subjects wrote in the 7 days "
            "before to compare.",
            **values,
        )
    if not before["n"]:
        return words(
            "{share} of texts were labelled high risk in the 7 days to {day}; nobody wrote in the 7 days before.",
            **values,
        )
    if before["share_high"] is None:
        return words(
            "{share} of texts were labelled high risk in the 7 days to {day}; too few subjects wrote such texts in "
            "the 7 days before to compare.",
            **values,
        )
    difference = now["share_high"] - before["share_high"]
    if abs(difference) < 0.0005:
        return words(
            "{share} of texts were labelled high risk in the 7 days to {day}, unchanged from the 7 days before.",
            **values,
        )
    values["points"] = words.points(abs(difference))[1:]
    if difference > 0:
        return words(
            "{share} of texts were labelled high risk in the 7 days to {day}, up {points} on the 7 days before.",
            **values,
        )
    return words(
        "{share} of texts were labelled high risk in the 7 days to {day}, down {points} on the 7 days before.",
        **values,
    )


def tiles(series: Series, inputs: Inputs) -> list[Tile]:
    """Share of texts labelled high risk, mean probability, subjects at the alert threshold (for everyone), texts."""
    words, (now, before) = inputs.words, latest_two_weeks(series, inputs)
    result = [
        _share("share_high", words("of texts labelled high risk"), now, before, words),
        _share("p_high", mean_label(inputs), now, before, words),
    ]
    if series.cohort is None:
        result.append(_above(now, before, inputs))
    if now["withheld"]:
        return [*result, withheld(words("texts"), words)]
    texts = words("texts by {subjects}", subjects=words.count(now["n_subjects"], "subject"))
    if before["withheld"]:
        return [*result, Tile(f"{now['n']:,}", texts)]
    note = words("{change} on the week before", change=change(now["n"] - before["n"]))
    return [*result, Tile(f"{now['n']:,}", texts, note)]


def mean_label(inputs: Inputs) -> str:
    """The label of the mean sadness score, with the emotions behind it."""
    return inputs.words("mean {score}, {formula}", score=inputs.high_name, formula=inputs.high_formula)


def withheld(label: str, words: Words) -> Tile:
    """The tile of a number that may not be shown."""
    return Tile(words("withheld"), label, words("too few subjects"), muted=True)


def _above(now: Row, before: Row, inputs: Inputs) -> Tile:
    words, rows = inputs.words, {row["period"]: row for row in inputs.headline.to_dicts()}
    label = words("subjects at the line ({threshold})", threshold=exact(inputs.options.threshold))
    above, earlier, n_rated = rows["now"]["n_above"], rows["before"]["n_above"], rows["now"]["n_rated"]
    if now["withheld"] or _tells_few(now, inputs, above):
        return withheld(label, words)
    # The change would reveal the number of the week before.
    if before["withheld"] or _tells_few(before, inputs, earlier):
        return Tile(f"{above:,}", label, words("too few subjects the week before"))
    if _tells_few(now, inputs, n_rated) or _tells_few(now, inputs, n_rated - above):
        note = words("{change} on the week before", change=change(above - earlier))
        return Tile(f"{above:,}", label, note, _course(above - earlier))
    note = words(
        "{change} on the week before; {n} wrote {least} or more texts",
        change=change(above - earlier),
        n=f"{n_rated:,}",
        least=inputs.options.min_texts,
    )
    return Tile(f"{above:,}", label, note, _course(above - earlier))


def _tells_few(week: Row, inputs: Inputs, n: int) -> bool:
    """Whether a count of people of a week singles out a few of those who wrote, and the report shows no people."""
    return inputs.people_hidden and tells_few(inputs.options.min_cohort, n, week["n_subjects"] - n)


def _share(field: str, label: str, now: Row, before: Row, words: Words) -> Tile:
    if now["withheld"]:
        return withheld(label, words)
    if not now["n"]:
        return Tile("–", label, words("no texts in these 7 days"))
    if now[field] is None:
        return withheld(label, words)
    if before["withheld"] or before[field] is None:
        note = words("no texts the week before") if before["n"] == 0 else words("too few subjects the week before")
        return Tile(percent(now[field]), label, note)
    difference = now[field] - before[field]
    note = words("{change} on the week before", change=words.points(difference))
    return Tile(percent(now[field]), label, note, _course(round(difference, 3)))


def _course(difference: float) -> str:
    return "up" if difference > 0 else "down" if difference < 0 else ""

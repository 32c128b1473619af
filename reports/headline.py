"""The numbers at the top of the page: the last 7 days against the 7 before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.inputs import Inputs
from reports.wording import WITHHELD, change, count, day, exact, percent, points

Row = dict[str, Any]


@dataclass(frozen=True)
class Tile:
    """One headline number. `course` is "up", "down" or "" and carries an arrow, never a colour alone."""

    value: str
    label: str
    note: str
    course: str = ""


def lead(inputs: Inputs) -> str:
    """The page's first sentence: where high risk stands and where it is going."""
    now, before = _rows(inputs)
    if not now["n"]:
        return f"No texts were scored for the 7 days to {day(inputs.as_of)}."
    if _small(now, inputs):
        return (
            f"In the 7 days to {day(inputs.as_of)}, {count(now['n_subjects'], 'subject')} wrote "
            f"{count(now['n'], 'text')}: fewer than {inputs.options.min_cohort} subjects, so the common numbers "
            "are withheld."
        )
    text = (
        f"The mean probability of high risk was {percent(now['p_high'])} in the 7 days to {day(inputs.as_of)}"
    )
    if not before["n"]:
        return f"{text}; nobody wrote in the 7 days before."
    if _small(before, inputs):
        return f"{text}; too few subjects wrote in the 7 days before to compare."
    difference = now["p_high"] - before["p_high"]
    if abs(difference) < 0.0005:
        return f"{text}, unchanged from the 7 days before."
    return f"{text}, {'up' if difference > 0 else 'down'} {points(abs(difference))[1:]} on the 7 days before."


def tiles(inputs: Inputs) -> list[Tile]:
    """Mean high risk, share of texts labelled so, subjects above the alert line, texts."""
    now, before = _rows(inputs)
    return [
        _share("p_high", "mean probability of high risk", now, before, inputs),
        _share("share_high", "of texts labelled high risk", now, before, inputs),
        _above(now, before, inputs),
        Tile(
            count(now["n"]),
            f"{'text' if now['n'] == 1 else 'texts'} by {count(now['n_subjects'], 'subject')}",
            f"{change(now['n'] - before['n'])} on the week before",
        ),
    ]


def _rows(inputs: Inputs) -> tuple[Row, Row]:
    rows = {row["period"]: row for row in inputs.headline.to_dicts()}
    return rows["now"], rows["before"]


def _small(row: Row, inputs: Inputs) -> bool:
    return bool(row["n_subjects"] < inputs.options.min_cohort)


def _above(now: Row, before: Row, inputs: Inputs) -> Tile:
    noun = "subject" if now["n_above"] == 1 else "subjects"
    label = f"{noun} at or above the alert line ({exact(inputs.options.threshold)})"
    if now["n"] and _small(now, inputs):
        return Tile(WITHHELD, label, f"fewer than {inputs.options.min_cohort} subjects")
    difference = now["n_above"] - before["n_above"]
    rated = f"{count(now['n_rated'])} wrote {inputs.options.min_texts} or more texts"
    note = f"{change(difference)} on the week before; {rated}"
    return Tile(count(now["n_above"]), label, note, _course(difference))


def _share(field: str, label: str, now: Row, before: Row, inputs: Inputs) -> Tile:
    if not now["n"]:
        return Tile("–", label, "no texts in these 7 days")
    if _small(now, inputs):
        return Tile(WITHHELD, label, f"fewer than {inputs.options.min_cohort} subjects")
    if not before["n"]:
        return Tile(percent(now[field]), label, "no texts the week before")
    if _small(before, inputs):
        return Tile(
            percent(now[field]), label, f"the week before had fewer than {inputs.options.min_cohort} subjects"
        )
    difference = now[field] - before[field]
    return Tile(percent(now[field]), label, f"{points(difference)} on the week before", _course(difference))


def _course(difference: float) -> str:
    return "up" if difference > 0 else "down" if difference < 0 else ""

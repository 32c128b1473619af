"""The same charts as pictures: PNG for slides and mail, SVG for print. Light colours, on paper, with titles."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from monitor import NOT_A_DIAGNOSIS
from reports import axes, drawing
from reports.drawing import Drawer
from reports.figures import Figure
from reports.inputs import Inputs, Options
from reports.palette import LIGHT
from reports.site import Page

FONT = "Liberation Sans, Arial, Noto Sans CJK TC, Noto Sans TC, PingFang TC, Microsoft JhengHei, sans-serif"
WIDTH = 1100
INDEX = {
    "risk_trend": ("risk_trend",),
    "risk_heatmap": ("subject_week", "weekday_hour"),
    "risk_comprehensive": ("risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"),
}


def write(page: Page, inputs: Inputs, out: Path, beside: Drawer | None = None) -> list[str]:
    """Write the pictures of a page as PNG and SVG into the folder `out`; returns their names.

    The index has those of INDEX, another page one of all its charts. A picture without a chart is not written, nor a
    PNG in letters that no font here has: tofu tells nothing. A drawer draws them beside what follows.
    """
    drawn = {figure.key: figure for figure in page.figures if figure.draw}
    names = []
    for name, keys in _wanted(page, drawn).items():
        found = [drawn[key] for key in keys if key in drawn]
        if not found:
            continue
        with_png = can_write(inputs.say(NOT_A_DIAGNOSIS))
        draw = beside.draw if beside else partial(drawing.draw, axes.VEGA_LITE)
        draw(_spec(page, inputs, found), out / f"{name}.svg", with_png=with_png)
        names += [f"{name}.{suffix}" for suffix in ("png", "svg")[not with_png :]]
    return names


def drawer(options: Options) -> Drawer:
    """A process that draws the pictures of a report with these options."""
    return Drawer(axes.VEGA_LITE, private=options.about_persons)


@cache
def can_write(text: str) -> bool:
    """Whether a font here has the letters of a text: two different letters that none has look the same."""
    strange = sorted({letter for letter in text if ord(letter) > 0x2E80})[:2]
    letters = (drawing.svg(_letter(letter), axes.VEGA_LITE) for letter in strange or "ab")
    first, *others = map(drawing.png, letters)
    return first not in others


def _letter(letter: str) -> dict[str, Any]:
    mark = alt.Chart(pl.DataFrame({"one": [1]})).mark_text(text=letter, size=20)
    return axes.spec(mark.properties(width=30, height=30), LIGHT, FONT)


def _wanted(page: Page, drawn: Mapping[str, Figure]) -> Mapping[str, Sequence[str]]:
    return INDEX if page.file == "index.html" else {Path(page.file).stem: tuple(drawn)}


def _spec(page: Page, inputs: Inputs, figures: Sequence[Figure]) -> dict[str, Any]:
    """Figures below one another, over a line that says what they rest on."""
    say = inputs.say
    note = say(
        "As of {day} (UTC), model {name} ({id}).",
        day=say.day(inputs.as_of),
        name=inputs.model.name,
        id=inputs.model.model_id[:12],
    )
    stacked = alt.vconcat(
        *_titled(page, figures), spacing=44, background=LIGHT.paper, padding=28
    ).resolve_scale(color="independent", x="independent", y="independent", strokeDash="independent")
    titled = stacked.properties(
        title=alt.TitleParams(
            f"{note} {say(NOT_A_DIAGNOSIS)}",
            orient="bottom",
            fontSize=12,
            fontWeight="normal",
            color=LIGHT.muted,
            offset=24,
        )
    )
    return axes.spec(titled, LIGHT, FONT)


def _titled(page: Page, figures: Sequence[Figure]) -> Iterator[Any]:
    of = "" if page.file == "index.html" else f"{page.title} · "
    for figure in figures:
        if figure.draw:
            title = alt.TitleParams(f"{of}{figure.title}", subtitle=textwrap.wrap(figure.unit, 150))
            yield figure.draw(LIGHT, width=WIDTH).properties(title=title)  # type: ignore[attr-defined]

"""The same charts as pictures: PNG for slides and mail, SVG for print. Light colours, on paper, with titles."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from monitor import NOT_A_DIAGNOSIS
from reports import axes
from reports.figures import Figure
from reports.inputs import Inputs
from reports.page import put
from reports.palette import LIGHT
from reports.site import Page

FONT = "Liberation Sans, Arial, Noto Sans CJK TC, Noto Sans TC, PingFang TC, Microsoft JhengHei, sans-serif"
WIDTH = 1100
INVISIBLE = re.compile(r'<line [^>]*\bopacity="0"[^>]*/>')
INDEX = {
    "risk_trend": ("risk_trend",),
    "risk_heatmap": ("subject_week", "weekday_hour"),
    "risk_comprehensive": ("risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"),
}


def write(page: Page, inputs: Inputs, out: Path) -> list[str]:
    """Write the pictures of a page as PNG and SVG into the folder `out`; returns their names.

    The index has those of INDEX, another page one of all its charts. A picture without a chart is not written, nor a
    PNG in letters that no font here has: tofu tells nothing.
    """
    drawn = {figure.key: figure for figure in page.figures if figure.draw}
    names = []
    for name, keys in _wanted(page, drawn).items():
        found = [drawn[key] for key in keys if key in drawn]
        if not found:
            continue
        drawing = _svg(_spec(page, inputs, found))
        put(out / f"{name}.svg", drawing)
        names.append(f"{name}.svg")
        if can_write(inputs.say(NOT_A_DIAGNOSIS)):
            put(out / f"{name}.png", _png(drawing))
            names.insert(-1, f"{name}.png")
    return names


@cache
def can_write(text: str) -> bool:
    """Whether a font here has the letters of a text: two different letters that none has look the same."""
    strange = sorted({letter for letter in text if ord(letter) > 0x2E80})[:2]
    first, *others = (_png(_svg(_letter(letter))) for letter in strange or "ab")
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


def _png(drawing: str) -> bytes:
    picture: bytes = vl_convert.svg_to_png(drawing, scale=2)
    return picture


def _svg(spec: dict[str, Any]) -> str:
    """Without the rules that only the pointer makes visible: hundreds of layers, which a PNG takes long to merge."""
    drawing: str = vl_convert.vegalite_to_svg(spec, vl_version=axes.VEGA_LITE)
    return INVISIBLE.sub("", drawing)

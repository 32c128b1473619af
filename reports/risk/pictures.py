"""The charts as pictures: PNG for slides and mail, SVG for print; in light colours, with titles."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from monitor import NOT_A_DIAGNOSIS
from reports.risk.figures import Figure
from reports.risk.inputs import Inputs, Options
from reports.risk.pages import Page
from reports.risk.suppression import DECIMALS
from reports.style import axes, rendering
from reports.style.palette import LIGHT
from reports.style.rendering import Drawer

FONT = "Liberation Sans, Arial, Noto Sans CJK TC, Noto Sans TC, PingFang TC, Microsoft JhengHei, sans-serif"
WIDTH = 1100
INDEX = {
    "risk_trend": ("risk_trend",),
    "risk_heatmap": ("subject_week", "weekday_hour"),
    "risk_comprehensive": ("risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"),
}


def write(page: Page, inputs: Inputs, out: Path, drawer_process: Drawer | None = None) -> list[str]:
    """Write the pictures of a page as PNG and SVG into the folder `out`; returns their names.

    The index has the pictures of INDEX; any other page has one picture of all its charts. Pictures without charts are
    left out, and so are PNGs with letters that no installed font has. If the renderer cannot start, there are no
    pictures. A drawer draws in the background.
    """
    if not rendering.can_draw():
        return []
    drawn = {figure.key: figure for figure in page.figures if figure.draw}
    charts_of = {
        name: drawable
        for name, keys in _charts_of(page, drawn).items()
        if (drawable := [key for key in keys if key in drawn])
    }
    charts = {key: _chart(page, drawn[key]) for key in dict.fromkeys(chain(*charts_of.values()))}
    with_png = bool(charts_of) and can_write(inputs.words(NOT_A_DIAGNOSIS))
    draw = drawer_process.draw if drawer_process else partial(rendering.draw, axes.VEGA_LITE)
    for name in sorted(charts_of, key=lambda name: -len(charts_of[name])):  # the largest picture takes longest: first
        draw(_spec(inputs, [charts[key] for key in charts_of[name]]), out / f"{name}.svg", with_png=with_png)
    return [f"{name}.{suffix}" for name in charts_of for suffix in ("png", "svg")[not with_png :]]


def drawer(options: Options) -> Drawer:
    """A drawer for the pictures of a report with these options."""
    return Drawer(axes.VEGA_LITE, private=options.about_persons)


@cache
def can_write(text: str) -> bool:
    """Whether an installed font has the letters of a text. Letters that no font has all look the same."""
    strange = sorted({letter for letter in text if ord(letter) > 0x2E80})[:2]
    letters = (rendering.svg(_letter(letter), axes.VEGA_LITE) for letter in strange or "ab")
    first, *others = map(rendering.png, letters)
    return first not in others


def _letter(letter: str) -> dict[str, Any]:
    mark = alt.Chart(pl.DataFrame({"one": [1]})).mark_text(text=letter, size=20)
    return axes.spec(mark.properties(width=30, height=30), LIGHT, FONT)


def _charts_of(page: Page, drawn: Mapping[str, Figure]) -> Mapping[str, Sequence[str]]:
    return INDEX if page.file == "index.html" else {Path(page.file).stem: tuple(drawn)}


def _chart(page: Page, figure: Figure) -> dict[str, Any]:
    """A figure's specification, with its title."""
    assert figure.draw is not None
    of = "" if page.file == "index.html" else f"{page.title} · "
    title = {"text": f"{of}{figure.title}", "subtitle": textwrap.wrap(figure.unit, 150)}
    chart = figure.draw(LIGHT, width=WIDTH)
    return {**chart.to_dict(validate=False), "title": title}  # type: ignore[attr-defined]


def _spec(inputs: Inputs, charts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Charts below one another, with day, model and warning at the bottom.

    We stack them here, because Altair would copy each chart several times.
    """
    words = inputs.words
    note = words(
        "As of {day} (UTC), model {name} ({id}).",
        day=words.day(inputs.as_of),
        name=inputs.model.name,
        id=inputs.model.model_id[:12],
    )
    stacked = {
        "$schema": charts[0]["$schema"],
        "vconcat": [{key: value for key, value in chart.items() if key not in axes.TOP_LEVEL} for chart in charts],
        "datasets": {name: rows for chart in charts for name, rows in chart.get("datasets", {}).items()},
        "params": [param for chart in charts for param in chart.get("params", ())],
        "resolve": {"scale": dict.fromkeys(("color", "x", "y", "strokeDash"), "independent")},
        "spacing": 44,
        "background": LIGHT.paper,
        "padding": 28,
        "title": {
            "text": f"{note} {words(NOT_A_DIAGNOSIS)}",
            "orient": "bottom",
            "fontSize": 12,
            "fontWeight": "normal",
            "color": LIGHT.muted,
            "offset": 24,
        },
    }
    return axes.styled(axes.rounded(stacked, DECIMALS), LIGHT, FONT)

"""The same charts as pictures: PNG for slides and mail, SVG for print. Light colours, on paper, with titles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from monitor import NOT_A_DIAGNOSIS
from reports import axes
from reports.figures import Figure
from reports.inputs import Inputs
from reports.palette import LIGHT
from reports.wording import day

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
WIDTH = 1100
PICTURES = {
    "risk_trend": ("risk_trend",),
    "risk_heatmap": ("subject_week", "weekday_hour"),
    "risk_comprehensive": ("risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"),
}


def write(inputs: Inputs, figures: Sequence[Figure], out: Path) -> list[str]:
    """Write each picture as PNG and SVG into the folder `out`; returns their names.

    A picture without a single chart is not written.
    """
    drawn = {figure.key: figure for figure in figures if figure.draw}
    clear(out)
    names = []
    for name, keys in PICTURES.items():
        found = [drawn[key] for key in keys if key in drawn]
        for suffix, convert in (("png", _png), ("svg", _svg)):
            file = out / f"{name}.{suffix}"
            if found:
                file.write_bytes(convert(_spec(inputs, found)))
                names.append(file.name)
    return names


def clear(out: Path) -> None:
    """Remove the pictures of an earlier report from the folder `out`: they would say what its page no longer says."""
    for name in PICTURES:
        for suffix in ("png", "svg"):
            (out / f"{name}.{suffix}").unlink(missing_ok=True)


def _spec(inputs: Inputs, figures: Sequence[Figure]) -> dict[str, Any]:
    """Figures below one another, over a line that says what they rest on."""
    charts = [_titled(figure) for figure in figures]
    model = f"{inputs.model.name} ({inputs.model.model_id[:12]})"
    note = f"As of {day(inputs.as_of)} (UTC), model {model}. {NOT_A_DIAGNOSIS}"
    stacked = alt.vconcat(*charts, spacing=44, background=LIGHT.paper, padding=28).resolve_scale(
        color="independent", x="independent", y="independent"
    )
    titled = stacked.properties(
        title=alt.TitleParams(
            note, orient="bottom", fontSize=12, fontWeight="normal", color=LIGHT.muted, offset=24
        )
    )
    return axes.spec(titled, LIGHT, FONT)


def _titled(figure: Figure) -> Any:
    assert figure.draw is not None
    title = alt.TitleParams(figure.title, subtitle=textwrap.wrap(figure.unit, 170))
    return figure.draw(LIGHT, width=WIDTH).properties(title=title)  # type: ignore[attr-defined]


def _png(spec: dict[str, Any]) -> bytes:
    picture: bytes = vl_convert.vegalite_to_png(spec, vl_version=axes.VEGA_LITE, scale=2)
    return picture


def _svg(spec: dict[str, Any]) -> bytes:
    picture: str = vl_convert.vegalite_to_svg(spec, vl_version=axes.VEGA_LITE)
    return picture.encode()

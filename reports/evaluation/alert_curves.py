"""The chart of an evaluation of the early-warning rules: detection, delay and false alarms at each limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import LIMITS, RULES
from reports.style import axes
from reports.style.palette import LIGHT, Palette
from reports.style.rendering import draw

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
BUDGET = 1.0  # false alarms per subject-year outside low periods; the default limits stay below
MOST = 3.0  # limits with more false alarms are not drawn
TOGETHER = "all together, as set"
WIDTH, HEIGHT = 430, 300


def curve_frame(result: Mapping[str, Any]) -> pl.DataFrame:
    """One row per rule and limit, and one for all rules: rule, limit, place, is_set, alarms, rate, delay (days)."""
    rows = [
        (rule, f"{row['limit']:g}", row["limit"] == result["rules"][LIMITS[rule]], row)
        for rule, curve in result["curves"].items()
        for row in curve
    ]
    rows.append((TOGETHER, "as set", True, result["all"]))
    return pl.DataFrame(
        {
            "rule": [row[0] for row in rows],
            "limit": [row[1] for row in rows],
            "place": range(len(rows)),
            "is_set": [row[2] for row in rows],
            **{
                name: pl.Series([row[3][key] for row in rows], dtype=pl.Float64)
                for name, key in (
                    ("alarms", "alarms_per_year_outside"),
                    ("rate", "rate"),
                    ("delay", "median_delay"),
                )
            },
        }
    ).filter(pl.col("alarms") <= MOST)


def curves(frame: pl.DataFrame, palette: Palette) -> alt.HConcatChart:
    """Detection and delay over false alarms: one line per rule, one dot per limit; limits in use are filled."""
    longest = 5 * math.ceil((frame["delay"].max() or 5) / 5)  # type: ignore[operator, arg-type]
    return alt.hconcat(
        _panel(frame, palette, "rate", "Low periods detected", "%", 1),
        _panel(frame, palette, "delay", "Median days from onset to alert", "d", longest),
        spacing=40,
    )


def _panel(
    frame: pl.DataFrame, palette: Palette, field: str, title: str, form: str, top: float
) -> alt.LayerChart | alt.FacetChart:
    alarms = alt.X(
        "alarms:Q",
        title="false alarms a subject-year outside low periods",
        scale=alt.Scale(domain=[0, MOST]),
        axis=alt.Axis(tickCount=6),
    )
    colours = alt.Scale(
        domain=[*RULES, TOGETHER], range=[palette.high[0], palette.mid[0], palette.low[0], palette.ink]
    )
    base = alt.Chart(frame, width=WIDTH, height=HEIGHT).encode(
        x=alarms,
        y=alt.Y(f"{field}:Q", title=None, axis=alt.Axis(format=form), scale=alt.Scale(domain=[0, top])),
        color=alt.Color("rule:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
    )
    fill = alt.when("datum.is_set").then(alt.Color("rule:N", scale=colours)).otherwise(alt.value(palette.paper))
    budget = alt.Chart(pl.DataFrame({"alarms": [BUDGET]})).encode(x="alarms:Q")
    return alt.layer(
        budget.mark_rule(color=palette.ink, strokeDash=[6, 4]),
        base.mark_line(strokeWidth=1.6).encode(order="place:Q"),
        base.mark_point(size=60, opacity=1, strokeWidth=1.6).encode(fill=fill),
    ).properties(title=alt.TitleParams(title, fontSize=14))


def write_pictures(result: Mapping[str, Any], out: Path) -> list[str]:
    """alerts.png and alerts.svg of the contents of alerts.json into the folder `out`; returns their names.

    Draws nothing without known low periods, or without days outside them.
    """
    if not result["all"]["periods"] or not result["all"]["years_outside"]:
        return []
    people = f"{result['n_texts']:,} texts of {result['n_subjects']:,} subjects, model {result['model_id'][:12]}"
    chart = curves(curve_frame(result), LIGHT).properties(
        title=alt.TitleParams(
            "Early-warning rules: detection, delay and false alarms",
            subtitle=[
                f"One dot per limit; filled: the limit in use. Dashed: one false alarm per year. {people}.",
                NOT_A_DIAGNOSIS,
            ],
        ),
        background=LIGHT.paper,
        padding=24,
    )
    spec = axes.spec(chart, LIGHT, FONT)
    draw(axes.VEGA_LITE, spec, out / "alerts.svg", with_png=True)
    return ["alerts.png", "alerts.svg"]

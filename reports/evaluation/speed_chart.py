"""The chart of a benchmark: texts per second of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from reports.style import axes
from reports.style.palette import LIGHT, Palette
from reports.style.rendering import draw

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
WIDTH = 620


def speed_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One row per measured method, slowest first: way, own (of this project), rate in texts/s, label."""
    rates = [(row["way"], bool(row["own"]), float(row["texts_per_s"])) for row in rows if row["texts_per_s"]]
    frame = pl.DataFrame(rates, schema={"way": pl.String, "own": pl.Boolean, "rate": pl.Float64}, orient="row")
    labels = [f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" for rate in frame["rate"]]
    return frame.with_columns(label=pl.Series(labels, dtype=pl.String)).sort("rate", "way")


def speed_chart(frame: pl.DataFrame, palette: Palette, device: str) -> alt.LayerChart | alt.FacetChart:
    """One dot per method on a logarithmic axis, with its rate; this project's methods in the accent colour."""
    top = max(float(frame["rate"].to_list()[-1]), 1.0) if frame.height else 1.0
    base = alt.Chart(frame, width=WIDTH, height=alt.Step(26)).encode(
        y=alt.Y("way:N", sort=frame["way"].to_list(), title=None, axis=alt.Axis(labelLimit=420, grid=True)),
        x=alt.X(
            "rate:Q",
            title="texts a second, logarithmic",
            scale=alt.Scale(type="log", domainMax=top * 3),
            axis=alt.Axis(format="~s", tickCount=6),
        ),
        tooltip=axes.tooltips([("way", "Way", None), ("rate", "Texts a second", ",.1f")]),
    )
    own = alt.when("datum.own").then(alt.value(palette.accent)).otherwise(alt.value(palette.muted))
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(color=own)
    text = base.mark_text(align="left", dx=11, fontSize=12).encode(text="label:N", color=alt.value(palette.ink))
    return alt.layer(dots, text).properties(
        title=alt.TitleParams(f"How fast texts are scored: {device}", subtitle="This project's ways in colour")
    )


def write_picture(result: Mapping[str, Any], out: Path) -> list[str]:
    """Write benchmark.png and benchmark.svg of the contents of benchmark.json into `out`; returns their names."""
    chart = speed_chart(speed_frame(result["rows"]), LIGHT, result["device"])
    spec = axes.spec(chart.properties(background=LIGHT.paper, padding=24), LIGHT, FONT)
    draw(axes.VEGA_LITE, spec, out / "benchmark.svg", with_png=True)
    return ["benchmark.png", "benchmark.svg"]

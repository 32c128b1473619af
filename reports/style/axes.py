"""Axes with real dates, round colour steps, legends, tooltips and style, for all charts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import altair as alt
import polars as pl
from altair.utils.schemapi import debug_mode

from reports.style.palette import Palette
from reports.style.wording import Words

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The version of Vega-Lite that this Altair writes, as vl-convert names it."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
TOP_LEVEL = {"$schema", "config", "datasets", "params"}  # keys that only the outermost specification has
KEY_WIDTH = 320  # pixels of a colour legend
Rows = Sequence[tuple[str, str, str | None]]
"""Tooltip rows: column, title, and number format (None: text)."""
UNDRAWABLE = dict.fromkeys(
    {*range(0x20), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF}
    - set(map(ord, "\t\n\r")),
    "\N{REPLACEMENT CHARACTER}",
)


def unchecked() -> AbstractContextManager[None]:
    """A block in which charts are not validated against Vega-Lite's schema, which is slow; tests validate them."""
    return debug_mode(False)


def spec(chart: alt.TopLevelMixin, palette: Palette, font: str) -> dict[str, Any]:
    """The Vega-Lite specification, not validated, in the style of all charts: quiet axes, no frame, one font."""
    return styled(chart.to_dict(validate=False), palette, font)


def styled(specification: Mapping[str, Any], palette: Palette, font: str) -> dict[str, Any]:
    """A specification in the style of all charts."""
    result: dict[str, Any] = _drawable(specification)
    text = {"labelColor": palette.ink, "labelFontSize": 12, "titleColor": palette.muted, "titleFontSize": 12}
    result["config"] = {
        "background": None,
        "font": font,
        "padding": 4,
        "view": {"stroke": None},
        "axis": {
            "labelColor": palette.muted,
            "gridColor": palette.line,
            "domainColor": palette.line,
            "tickColor": palette.line,
            "labelFontSize": 12,
            "labelPadding": 5,
            "titleColor": palette.muted,
            "titleFontWeight": "normal",
            "titleFontSize": 12,
        },
        "axisX": {"grid": False},
        "legend": {**text, "titleFontWeight": "normal", "symbolStrokeWidth": 0},
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": palette.ink,
            "fontSize": 20,
            "fontWeight": 600,
            "subtitleColor": palette.muted,
            "subtitleFontSize": 13,
            "subtitlePadding": 6,
            "offset": 14,
        },
    }
    return result


def _drawable(value: Any) -> Any:
    """The value without characters that SVG forbids (the renderer would abort) or that reverse text."""
    if isinstance(value, str):  # printable strings contain no UNDRAWABLE character
        return value if value.isprintable() else value.translate(UNDRAWABLE)
    if isinstance(value, list):
        return [_drawable(item) for item in value]
    if isinstance(value, dict):
        return {_drawable(key): _drawable(item) for key, item in value.items()}
    return value


def rounded(specification: dict[str, Any], decimals: int) -> dict[str, Any]:
    """The specification with its data rounded: a page holds no more digits than it shows."""

    def of_row(row: Mapping[str, Any]) -> dict[str, Any]:
        return {key: round(item, decimals) if isinstance(item, float) else item for key, item in row.items()}

    datasets = specification.get("datasets", {})
    return {**specification, "datasets": {name: [of_row(row) for row in rows] for name, rows in datasets.items()}}


def breaks(values: pl.Series, most: int) -> list[float]:
    """Round steps that cut values (probabilities) into at most `most` classes; the inner edges, ascending."""
    present = values.drop_nulls()
    low, high = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)  # type: ignore[arg-type]
    for step in STEPS:
        first, last = math.floor(low / step) + 1, math.ceil(high / step)
        if last - first + 1 <= most:
            return [round(place * step, 2) for place in range(first, last)]
    raise ValueError(f"values from {low} to {high} are no probabilities")


def ticks(first: dt.date, last: dt.date) -> list[dt.date]:
    """Days to mark on an axis.

    A span under 14 days has every day, a span up to 200 days at most 14 Mondays. A longer span has the first day of
    each month, and from 750 days on the first day of each quarter.
    """
    span = (last - first).days
    days = [first + dt.timedelta(days=step) for step in range(span + 1)]
    if span < 14:
        return days
    if span <= 200:
        mondays = [day for day in days if day.weekday() == 0]
        return mondays[:: math.ceil(len(mondays) / 14)]
    return [day for day in days if day.day == 1 and (span < 750 or day.month % 3 == 1)]


def time_axis(field: str, days: pl.Series, words: Words, *, fixed: bool = False) -> alt.X:
    """A time axis in UTC over `days` (ISO), with the year under the first mark and under each January.

    A fixed axis runs from the first to the last of these days whatever the chart's data are, so that charts are
    aligned.
    """
    present = days.str.to_date()
    marks = ticks(present.min(), present.max())  # type: ignore[arg-type]
    year = "datum.index == 0 || (utcmonth(datum.value) == 0 && utcdate(datum.value) <= 7)"
    axis = alt.Axis(
        title=None,
        values=[{"year": day.year, "month": day.month, "date": day.day, "utc": True} for day in marks],
        labelExpr=f"[utcFormat(datum.value, '{words('%-d %b')}'), {year} ? utcFormat(datum.value, '%Y') : '']",
        labelOverlap="parity",
        labelSeparation=10,
        labelFlush=False,
        tickSize=5,
    )
    scale = alt.Scale(type="utc", nice=False)
    if fixed:
        written = present.sort().dt.to_string("%Y-%m-%dT00:00Z")
        scale["domain"] = [written[0], written[-1]]
    return alt.X(f"{field}:T", scale=scale, axis=axis)


def percent_axis() -> alt.Axis:
    """Shares of one, written in percent."""
    return alt.Axis(format=".0%", tickCount=5, domain=False, ticks=False)


def legend(columns: int) -> alt.Legend:
    """A legend above the chart, in so many columns."""
    return alt.Legend(
        title=None, orient="top", columns=columns, columnPadding=14, rowPadding=4, symbolSize=90, offset=6
    )


def line_key(lines: Mapping[str, tuple[str, list[int]]], columns: int) -> dict[str, Any]:
    """Encodings of field `series`: each name's colour and dashes, with a legend of line samples above the chart."""
    key = alt.Legend(
        title=None,
        orient="top",
        columns=columns,
        columnPadding=18,
        rowPadding=4,
        symbolType="stroke",
        symbolSize=420,
        symbolStrokeWidth=2.5,
        offset=8,
    )
    colours, dashes = (
        alt.Scale(domain=list(lines), range=list(looks)) for looks in zip(*lines.values(), strict=True)
    )
    return {
        "color": alt.Color("series:N", scale=colours, legend=key),
        "strokeDash": alt.StrokeDash("series:N", scale=dashes, legend=key),
    }


def stacked_colours(field: str, colours: Mapping[str, str]) -> alt.Color:
    """A colour for each name, in the order given."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    key = legend(3)
    key["symbolType"] = "square"
    return alt.Color(f"{field}:N", scale=scale, legend=key)


def heat_colours(frame: pl.DataFrame, palette: Palette, words: Words, width: int | Literal["container"]) -> alt.Color:
    """Colours of the column p_high, in round steps that fit its values; the key is never wider than the chart."""
    inner = breaks(frame["p_high"], len(palette.heat))
    count, ramp = len(inner) + 1, palette.heat
    picks = [ramp[round(place * (len(ramp) - 1) / max(count - 1, 1))] for place in range(count)]
    key = alt.Legend(
        title=words("Mean P(high risk)"),
        type="gradient",  # named, because otherwise Vega-Lite ignores the length and the labels touch
        orient="top",
        format=".0%",
        # The charts of a picture share one specification, whose `width` is not that of any chart.
        gradientLength=alt.ExprRef(f"min({KEY_WIDTH}, width)") if width == "container" else KEY_WIDTH,
        offset=8,
    )
    return alt.Color("p_high:Q", scale=alt.Scale(type="threshold", domain=inner, range=picks), legend=key)


def tooltips(rows: Rows) -> list[alt.Tooltip]:
    """One tooltip line per row."""
    return [
        alt.Tooltip(f"{field}:Q", title=title, format=form) if form else alt.Tooltip(f"{field}:N", title=title)
        for field, title, form in rows
    ]


def _of_nearest(rows: Rows) -> list[alt.Tooltip]:
    """`tooltips` for the mark nearest to the pointer.

    Vega-Lite shows only fields with a format for the nearest mark. Plain fields therefore get a format that changes
    nothing.
    """
    lines = tooltips(rows)
    for line, (_, _, form) in zip(lines, rows, strict=True):
        if form is None:
            line["formatType"], line["format"] = "truncate", "999"
    return lines


def day_hover(name: str, base: alt.Chart, palette: Palette, rows: Rows) -> alt.Chart:
    """A hairline at the day nearest to the pointer, carrying the tooltip of the whole day."""
    near = alt.selection_point(
        name=name, nearest=True, on="pointerover", encodings=["x"], clear="pointerout", empty=False
    )
    rule: alt.Chart = (
        base.mark_rule(color=palette.ink, strokeWidth=1)
        .encode(opacity=alt.when(near).then(alt.value(0.5)).otherwise(alt.value(0)), tooltip=_of_nearest(rows))
        .add_params(near)
    )
    return rule

"""The charts: a function a chart, frame in, altair.Chart out. No thresholds, no titles, no files.

`width` is in pixels, or "container" for a page whose column decides. Frames are those of reports.frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import altair as alt
import polars as pl

from monitor.labels import RISKS
from reports.axes import day_hover, heat_colours, legend, percent_axis, stacked_colours, time_axis, tooltips
from reports.frames import WEEKDAYS
from reports.palette import Palette
from reports.wording import exact

Width = int | Literal["container"]
LEVELS = tuple(level.removesuffix("_risk") for level in reversed(RISKS))
Layers = alt.LayerChart | alt.FacetChart


def risk_trend(
    frame: pl.DataFrame, palette: Palette, *, threshold: float, width: Width = "container", height: int = 300
) -> Layers:
    """High risk over time: a dot a day, the 7- and 28-day means, and the alert line at `threshold`."""
    top = frame.select(pl.max_horizontal("high", "high_7", "high_28").max()).item() or 0.0
    scale = alt.Scale(domain=[0, min(1.0, max(top, threshold) * 1.12 + 0.02)], nice=False)
    names = ["daily mean", "7-day mean", "28-day mean"]
    colours = alt.Scale(domain=names, range=[palette.high[2], palette.high[0], palette.ink])
    base = alt.Chart(frame).encode(x=time_axis("day", frame))

    def drawn(mark: alt.Chart, field: str, name: str) -> alt.Chart:
        y = alt.Y(f"{field}:Q", scale=scale, axis=percent_axis(), title=None)
        color = alt.Color("series:N", scale=colours, legend=legend(3))
        return mark.transform_calculate(series=f"'{name}'").encode(y=y, color=color)

    dots = drawn(base.mark_circle(size=26, opacity=0.9), "high", names[0])
    month = drawn(base.mark_line(strokeWidth=1.4, strokeDash=[2, 2]), "high_28", names[2])
    week = drawn(base.mark_line(strokeWidth=2.8, strokeCap="round"), "high_7", names[1])
    lines = [chart.encode(detail="stretch:N") for chart in (month, week)]
    line = pl.DataFrame(
        {"at": [threshold], "day": [frame["day"][0]], "label": [f"alert line {exact(threshold)}"]}
    )
    alert = alt.Chart(line).encode(y=alt.Y("at:Q", scale=scale))
    rule = alert.mark_rule(color=palette.ink, strokeDash=[6, 4], strokeWidth=1.2)
    text = alert.mark_text(
        align="left", baseline="bottom", dy=-4, color=palette.ink, fontWeight=600, fontSize=12
    )
    told = [
        ("date", "Day", None),
        ("high", "Daily mean", ".1%"),
        ("high_7", "7-day mean", ".1%"),
        ("high_28", "28-day mean", ".1%"),
        ("n", "Texts that day", ",d"),
        ("n_subjects", "Subjects that day", ",d"),
    ]
    layers = [
        dots,
        *lines,
        rule,
        text.encode(x=time_axis("day", frame), text="label:N"),
        day_hover("day", base, palette, told),
    ]
    return alt.layer(*layers).properties(width=width, height=height)


def risk_levels(
    frame: pl.DataFrame, palette: Palette, *, width: Width = "container", height: int = 260
) -> Layers:
    """The three risk levels as shares of one, 7-day means, high at the bottom, where it reads best."""
    columns = {f"{level}_7": level for level in LEVELS}
    wide = frame.select(
        "day", "date", "stretch", "n_7", *(pl.col(old).alias(new) for old, new in columns.items())
    )
    wide = wide.drop_nulls("high")
    base = alt.Chart(wide)
    areas = (
        base.transform_fold(list(LEVELS), as_=["level", "p"])
        .transform_calculate(place=f"indexof({list(LEVELS)}, datum.level)")
        .mark_area(stroke=palette.paper, strokeWidth=1)
        .encode(
            x=time_axis("day", wide),
            y=alt.Y("p:Q", stack="zero", scale=alt.Scale(domain=[0, 1]), axis=percent_axis(), title=None),
            color=stacked_colours(
                "level", {"high": palette.high[0], "mid": palette.mid[2], "low": palette.low[2]}
            ),
            order="place:Q",
            detail="stretch:N",
        )
    )
    told = [
        ("date", "7 days to", None),
        *((level, f"P({level} risk)", ".1%") for level in LEVELS),
        ("n_7", "Texts in the 7 days", ",d"),
    ]
    hover = day_hover("levels_day", base.encode(x=time_axis("day", wide)), palette, told)
    return alt.layer(areas, hover).properties(width=width, height=height)


def emotion_mix(
    frame: pl.DataFrame,
    palette: Palette,
    *,
    rules: Mapping[str, str],
    width: Width = "container",
    height: int = 260,
) -> alt.Chart:
    """The six emotions as shares of one, a column a week, coloured by the risk they stand for."""
    chart: alt.Chart = (
        alt.Chart(frame.filter(pl.col("p").is_not_null()))
        .mark_rect(stroke=palette.paper, strokeWidth=1)
        .encode(
            x=time_axis("week", frame),
            x2="week_end:T",
            y=alt.Y("base:Q", scale=alt.Scale(domain=[0, 1]), axis=percent_axis(), title=None),
            y2="top:Q",
            color=stacked_colours("emotion", palette.emotions(rules)),
            tooltip=tooltips(
                [
                    ("date", "Week", None),
                    ("emotion", "Emotion", None),
                    ("p", "Mean probability", ".1%"),
                    ("n", "Texts that week", ",d"),
                    ("n_days", "Days with texts", ",d"),
                ]
            ),
        )
        .properties(width=width, height=height)
    )
    return chart


def heat_subject_week(
    frame: pl.DataFrame, palette: Palette, *, width: Width = "container", row: int = 17
) -> alt.Chart:
    """Mean high risk of each subject (a row, the highest first) and week (a column); `row` in pixels."""
    axis = alt.Axis(title=None, ticks=False, domain=False, labelLimit=110, labelPadding=6)
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_rect(stroke=palette.paper, strokeWidth=1.5)
        .encode(
            x=time_axis("week", frame),
            x2="week_end:T",
            y=alt.Y(
                "label:N",
                sort=alt.EncodingSortField("place", op="min"),
                axis=axis,
                scale=alt.Scale(padding=0),
            ),
            color=heat_colours("p_high", frame, palette),
            tooltip=tooltips(
                [
                    ("date", "Week", None),
                    ("label", "Subject", None),
                    ("p_high", "Mean P(high risk)", ".1%"),
                    ("n", "Texts", ",d"),
                    ("n_high", "of which high risk", ",d"),
                ]
            ),
        )
        .properties(width=width, height=row * frame["label"].n_unique())
    )
    return chart


def heat_weekday_hour(
    frame: pl.DataFrame, palette: Palette, *, width: Width = "container", row: int = 26
) -> Layers:
    """Mean high risk of each weekday (a row) and hour (a column, UTC); withheld cells are grey."""
    hours = alt.Axis(
        title=None,
        ticks=False,
        domain=False,
        labelAngle=0,
        values=list(range(0, 24, 3)),
        labelExpr="datum.value + ':00'",
    )
    days = alt.Axis(title=None, ticks=False, domain=False, labelPadding=6)
    scale = alt.Scale(padding=0, domain=list(WEEKDAYS))
    cells = alt.Chart(frame).encode(
        x=alt.X("hour:O", axis=hours, scale=alt.Scale(padding=0, domain=list(range(24)))),
        y=alt.Y("weekday:O", axis=days, scale=scale),
    )
    shown = cells.transform_filter("!datum.withheld").encode(
        color=heat_colours("p_high", frame, palette),
        tooltip=tooltips(
            [
                ("weekday", "Day", None),
                ("clock", "Hour", None),
                ("p_high", "Mean P(high risk)", ".1%"),
                ("n", "Texts", ",d"),
                ("n_subjects", "Subjects", ",d"),
            ]
        ),
    )
    grey = cells.transform_filter("datum.withheld").mark_rect(
        color=palette.withheld, stroke=palette.paper, strokeWidth=1.5
    )
    return alt.layer(grey, shown.mark_rect(stroke=palette.paper, strokeWidth=1.5)).properties(
        width=width, height=row * len(WEEKDAYS)
    )

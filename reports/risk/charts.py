"""The charts. Each function takes a frame and returns an altair.Chart, without thresholds, title or file.

`width` is in pixels, or "container" for the width of the page's column. `words` translates. The frames come from
reports.risk.chart_data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import altair as alt
import polars as pl

from reports.risk.chart_data import LEVELS
from reports.style import axes
from reports.style.palette import Palette
from reports.style.wording import WEEKDAYS, Words

Width = int | Literal["container"]
Layers = alt.LayerChart | alt.FacetChart


def risk_trend(
    frame: pl.DataFrame,
    palette: Palette,
    words: Words,
    *,
    gaps: pl.DataFrame,
    forecast: pl.DataFrame,
    top: float = 0.0,
    width: Width = "container",
    height: int = 300,
) -> Layers:
    """Share of high risk over time: single days, 7-day line with its interval, 28-day line, forecast.

    Args:
        frame: chart_data.trend.
        palette: the colours.
        words: translates.
        gaps: chart_data.gaps; shaded.
        forecast: columns day, p, lo, hi; dashed. May be empty.
        top: the value axis reaches at least this high, so that charts can be compared.
        width: in pixels, or of the container.
        height: in pixels.
    """
    scale = alt.Scale(domain=[0, min(1.0, max(top, highest(frame, forecast)) * 1.08 + 0.02)], nice=False)
    y: dict[str, Any] = {"scale": scale, "axis": axes.percent_axis(), "title": None}
    x = axes.time_axis("day", pl.concat([frame["day"], forecast["day"]]), words)
    looks = _trend_looks(palette, words)
    present = [name for name in looks if (forecast if name == "p" else frame)[name].drop_nulls().len()]
    key = axes.line_key({looks[name][0]: looks[name][1:] for name in present}, 3 if len(present) <= 3 else 2)

    def layer(mark: alt.Chart, field: str) -> alt.Chart:
        named: alt.Chart = mark.transform_filter(f"isValid(datum.{field})").transform_calculate(
            series=f"'{looks[field][0]}'"
        )
        return named.encode(x=x, y=alt.Y(f"{field}:Q", **y), **key)

    def band(data: alt.Chart, opacity: float) -> alt.Chart:
        area: alt.Chart = data.mark_area(color=palette.high[0], opacity=opacity)
        return area.encode(x=x, y=alt.Y("lo:Q", **y), y2=alt.Y2("hi:Q"))

    course, ahead, of_stretch = alt.Chart(frame), alt.Chart(forecast), alt.Detail("stretch:N")
    drawn = {
        "p": ahead.mark_line(strokeWidth=2),
        "share": course.mark_circle(size=22, opacity=0.85),
        "share_28": course.mark_line(strokeWidth=1.4),
        "share_7": course.mark_line(strokeWidth=2.6, strokeCap="round").encode(detail=of_stretch),
    }
    layers = []  # a layer without marks would leave its scale without a range
    if gaps.height:
        shade = alt.Chart(gaps).mark_rect(color=palette.withheld, opacity=0.7)
        layers.append(shade.encode(x=x, x2=alt.X2("end:T")))
    if "share_7" in present:
        layers.append(band(course.transform_filter("isValid(datum.lo)"), 0.16).encode(detail=of_stretch))
    if "p" in present:
        layers.append(band(ahead, 0.1))
    layers += [layer(mark, field) for field, mark in drawn.items() if field in present]
    layers.append(axes.day_hover("day", course.encode(x=x), palette, _trend_tooltip_rows(frame, words)))
    if frame["alone"].any():
        layers.append(layer(course.transform_filter("datum.alone").mark_circle(size=34, opacity=1), "share_7"))
    return alt.layer(*layers).properties(width=width, height=height)


def _trend_looks(palette: Palette, words: Words) -> dict[str, tuple[str, str, list[int]]]:
    """Name, colour and dashes of each line."""
    return {
        "share": (words("one day"), palette.high[2], [3, 4]),
        "share_7": (words("7 days"), palette.high[0], [1, 0]),
        "share_28": (words("28 days"), palette.ink, [2, 2]),
        "p": (words("forecast"), palette.high[0], [7, 4]),
    }


def highest(frame: pl.DataFrame, forecast: pl.DataFrame) -> float:
    """The highest value that `risk_trend` draws; 0 if it draws none."""
    tops = [frame.select(pl.max_horizontal("share", "hi", "share_28").max()).item(), forecast["hi"].max()]
    return max((float(top) for top in tops if top is not None), default=0.0)  # type: ignore[arg-type]


def _trend_tooltip_rows(frame: pl.DataFrame, words: Words) -> axes.Rows:
    daily = frame["share"].drop_nulls().len() > 0
    return [
        ("date", words("Day") if daily else words("Week to"), None),
        *([("share", words("High risk that day"), ".1%"), ("n", words("Texts that day"), ",d")] if daily else []),
        ("share_7", words("High risk, 7 days"), ".1%"),
        ("lo", words("at least"), ".1%"),
        ("hi", words("at most"), ".1%"),
        ("share_28", words("High risk, 28 days"), ".1%"),
        ("n_7", words("Texts, 7 days"), ",d"),
        ("n_subjects_7", words("Subjects, 7 days"), ",d"),
    ]


def risk_levels(frame: pl.DataFrame, palette: Palette, words: Words, *, width: Width = "container") -> Layers:
    """The three risk levels as shares of 1, 7-day means; high is at the bottom, where it is easiest to read."""
    wide = frame.drop_nulls("share_7").select(
        "day", "date", "stretch", "n_7", *(pl.col(level).alias(words(level)) for level in LEVELS)
    )
    names = [words(level) for level in LEVELS]
    shades = (palette.high[0], palette.mid[2], palette.low[2])
    base, x = alt.Chart(wide), axes.time_axis("day", wide["day"], words)
    areas = (
        base.transform_fold([*names], as_=["level", "p"])
        .transform_calculate(place=f"indexof({names}, datum.level)")
        .mark_area(stroke=palette.paper, strokeWidth=1)
        .encode(
            x=x,
            y=alt.Y("p:Q", stack="zero", scale=alt.Scale(domain=[0, 1]), axis=axes.percent_axis(), title=None),
            color=axes.stacked_colours("level", dict(zip(names, shades, strict=True))),
            order=alt.Order("place:Q"),
            detail=alt.Detail("stretch:N"),
        )
    )
    tooltip_rows = [
        ("date", words("7 days to"), None),
        *((name, words("P({level} risk)", level=name), ".1%") for name in names),
        ("n_7", words("Texts, 7 days"), ",d"),
    ]
    hover = axes.day_hover("levels_day", base.encode(x=x), palette, tooltip_rows)
    return alt.layer(areas, hover).properties(width=width, height=260)


def emotion_mix(
    frame: pl.DataFrame,
    palette: Palette,
    words: Words,
    *,
    rules: Mapping[str, str],
    width: Width = "container",
) -> alt.Chart:
    """The six emotions as shares of 1, one column per week, coloured by risk level."""
    colours = {words(emotion): colour for emotion, colour in palette.emotions(rules).items()}
    tooltip_rows = [
        ("date", words("Week"), None),
        ("name", words("Emotion"), None),
        ("p", words("Mean probability"), ".1%"),
        ("n", words("Texts that week"), ",d"),
        ("n_days", words("Days with texts"), ",d"),
    ]
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_rect(stroke=palette.paper, strokeWidth=1)
        .encode(
            x=axes.time_axis("week", frame["week"], words),
            x2=alt.X2("week_end:T"),
            y=alt.Y("base:Q", scale=alt.Scale(domain=[0, 1]), axis=axes.percent_axis(), title=None),
            y2=alt.Y2("top:Q"),
            color=axes.stacked_colours("name", colours),
            tooltip=axes.tooltips(tooltip_rows),
        )
        .properties(width=width, height=260)
    )
    return chart


def heat_weekday_hour(frame: pl.DataFrame, palette: Palette, words: Words, *, width: Width = "container") -> Layers:
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
    scale = alt.Scale(padding=0, domain=[words(name) for name in WEEKDAYS])
    cells = alt.Chart(frame).encode(
        x=alt.X("hour:O", axis=hours, scale=alt.Scale(padding=0, domain=list(range(24)))),
        y=alt.Y("weekday:O", axis=days, scale=scale),
    )
    tooltip_rows = [
        ("weekday", words("Day"), None),
        ("clock", words("Hour"), None),
        ("p_high", words("Mean P(high risk)"), ".1%"),
        ("n", words("Texts"), ",d"),
        ("n_subjects", words("Subjects"), ",d"),
    ]
    visible = cells.transform_filter("!datum.withheld").encode(
        color=axes.heat_colours(frame, palette, words, width), tooltip=axes.tooltips(tooltip_rows)
    )
    grey = cells.transform_filter("datum.withheld").mark_rect(
        color=palette.withheld, stroke=palette.paper, strokeWidth=1.5
    )
    shown = visible.mark_rect(stroke=palette.paper, strokeWidth=1.5)
    layers = [grey, shown] if frame["withheld"].any() else [shown]  # a screen reader would announce an empty layer
    return alt.layer(*layers).properties(width=width, height=26 * len(WEEKDAYS))

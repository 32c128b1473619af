"""The charts about single subjects: heatmap by week, alerts, and one subject's trend. See reports.risk.charts."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from reports.risk.charts import Layers, Width
from reports.style import axes
from reports.style.palette import Palette
from reports.style.wording import Words

LABEL_WIDTH = 48  # pixels left of charts that are aligned below each other


def heat_subject_week(
    frame: pl.DataFrame, palette: Palette, words: Words, *, width: Width = "container"
) -> alt.Chart:
    """Mean high risk of each subject (a row, the highest first) and week (a column)."""
    axis = alt.Axis(title=None, ticks=False, domain=False, labelLimit=110, labelPadding=6)
    order = alt.EncodingSortField("place", op="min")
    tooltip_rows = [
        ("date", words("Week"), None),
        ("label", words("Subject"), None),
        ("p_high", words("Mean P(high risk)"), ".1%"),
        ("n", words("Texts"), ",d"),
        ("n_high", words("of which high risk"), ",d"),
    ]
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_rect(stroke=palette.paper, strokeWidth=1.5)
        .encode(
            x=axes.time_axis("week", frame["week"], words),
            x2=alt.X2("week_end:T"),
            y=alt.Y("label:N", sort=order, axis=axis, scale=alt.Scale(padding=0)),
            color=axes.heat_colours(frame, palette, words, width),
            tooltip=axes.tooltips(tooltip_rows),
        )
        .properties(width=width, height=17 * frame["label"].n_unique())
    )
    return chart


def alert_bars(frame: pl.DataFrame, palette: Palette, words: Words, *, width: Width = "container") -> alt.Chart:
    """Each alert as a bar from the day it opened to the day it closed; one row per subject, one lane per rule.

    Args:
        frame: columns label, place, rule, state (as words), day, end (ISO), date, value, threshold (as words).
        palette: the colours.
        words: translates.
        width: in pixels, or of the container.
    """
    colours = {
        "crisis": palette.ink,
        "level": palette.high[0],
        "change": palette.mid[1],
        "sustained": palette.low[0],
        "measures": palette.low[2],
        "fusion": palette.mid[0],
    }
    there = set(frame["rule"])
    always = ("crisis", "level", "change", "sustained")
    shades = {words(rule): colour for rule, colour in colours.items() if rule in always or words(rule) in there}
    rules = [*shades]
    axis = alt.Axis(title=None, ticks=False, domain=False, labelLimit=110, labelPadding=6)
    tooltip_rows = [
        ("label", words("Subject"), None),
        ("rule", words("Rule"), None),
        ("date", words("Opened"), None),
        ("state", words("State"), None),
        ("value", words("Value"), None),
        ("threshold", words("Threshold"), None),
    ]
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_bar(cornerRadius=2)
        .encode(
            x=axes.time_axis("day", pl.concat([frame["day"], frame["end"]]), words),
            x2=alt.X2("end:T"),
            y=alt.Y("label:N", sort=alt.EncodingSortField("place", op="min"), axis=axis),
            yOffset=alt.YOffset("rule:N", sort=rules),
            color=axes.stacked_colours("rule", shades),
            tooltip=axes.tooltips(tooltip_rows),
        )
        .properties(width=width, height=30 * frame["label"].n_unique())
    )
    return chart


def subject_trend(
    frame: pl.DataFrame,
    palette: Palette,
    words: Words,
    *,
    threshold: float,
    alerts: pl.DataFrame,
    span: pl.Series | None = None,
    width: Width = "container",
) -> Layers:
    """One subject: single days, 7-day mean, band of their own past, alert threshold, and alerts.

    Args:
        frame: columns day, date, high, high_7, n, n_7, baseline_mean, baseline_lo, baseline_hi, stretch.
        palette: the colours.
        words: translates.
        threshold: the alert threshold, a mean P(high risk).
        alerts: columns day, high_7, rule, date; one mark per row.
        span: days (ISO); the chart runs from the first to the last of them, as in `measure_lines`; None: the frame's
            days.
        width: in pixels, or of the container.
    """
    lines = {
        "high": (words("one day"), palette.high[2], [3, 4]),
        "high_7": (words("7 days"), palette.high[0], [1, 0]),
        "baseline_mean": (words("own past"), palette.low[0], [2, 2]),
    }
    key = axes.line_key({name: (colour, dash) for name, colour, dash in lines.values()}, 3)
    y: dict[str, Any] = {"scale": alt.Scale(domain=[0, 1]), "axis": axes.percent_axis(), "title": None}
    base, x = alt.Chart(frame), axes.time_axis("day", frame["day"], words)
    if span is not None:
        x = axes.time_axis("day", span, words, fixed=True)
        y["axis"]["minExtent"] = LABEL_WIDTH

    def layer(mark: alt.Chart, field: str) -> alt.Chart:
        encoded: alt.Chart = mark.transform_filter(f"isValid(datum.{field})").transform_calculate(
            series=f"'{lines[field][0]}'"
        )
        return encoded.encode(x=x, y=alt.Y(f"{field}:Q", **y), detail=alt.Detail("stretch:N"), **key)

    band = base.transform_filter("isValid(datum.baseline_lo)").mark_area(color=palette.low[0], opacity=0.16)
    line = pl.DataFrame({"at": [threshold]})
    rule = alt.Chart(line).encode(y=alt.Y("at:Q", **y))
    marks = [("date", words("Alert opened"), None), ("rule", words("Rule"), None)]
    layers = [
        layer(base.mark_circle(size=26, opacity=0.85), "high"),
        layer(base.mark_line(strokeWidth=2.6), "high_7"),
        rule.mark_rule(color=palette.ink, strokeDash=[6, 4], strokeWidth=1.2),
        axes.day_hover("day", base.encode(x=x), palette, _trend_tooltip_rows(words)),
    ]
    if frame["baseline_mean"].drop_nulls().len():
        past = band.encode(
            x=x, y=alt.Y("baseline_lo:Q", **y), y2=alt.Y2("baseline_hi:Q"), detail=alt.Detail("stretch:N")
        )
        layers = [past, layer(base.mark_line(strokeWidth=1.4), "baseline_mean"), *layers]
    if alerts.height:
        flags = alt.Chart(alerts).mark_point(shape="triangle-down", filled=True, size=130, color=palette.ink, dy=-12)
        layers.append(flags.encode(x=x, y=alt.Y("high_7:Q", **y), tooltip=axes.tooltips(marks)))
    return alt.layer(*layers).properties(width=width, height=320)


def _trend_tooltip_rows(words: Words) -> axes.Rows:
    return [
        ("date", words("Day"), None),
        ("high", words("Mean that day"), ".1%"),
        ("high_7", words("Mean of 7 days"), ".1%"),
        ("baseline_mean", words("Mean of their own past"), ".1%"),
        ("n", words("Texts that day"), ",d"),
        ("n_7", words("Texts, 7 days"), ",d"),
    ]


def measure_lines(
    frame: pl.DataFrame,
    palette: Palette,
    words: Words,
    *,
    span: pl.Series,
    width: Width = "container",
) -> Layers:
    """One number beside the texts: single days, the median of 7 days, and the median of the own past.

    Args:
        frame: columns day (ISO), date, value, median_7, median_past, stretch.
        palette: the colours.
        words: translates.
        span: days (ISO); the chart runs from the first to the last of them.
        width: in pixels, or of the container.
    """
    axis = alt.Axis(tickCount=3, domain=False, ticks=False, title=None, minExtent=LABEL_WIDTH)
    base = alt.Chart(frame).encode(x=axes.time_axis("day", span, words, fixed=True), detail=alt.Detail("stretch:N"))
    rows = [
        ("date", words("Day"), None),
        ("value", words("That day"), ",.4~r"),
        ("median_7", words("Median of 7 days"), ",.4~r"),
        ("median_past", words("Median of the 56 days before"), ",.4~r"),
    ]

    def layer(mark: alt.Chart, field: str) -> alt.Chart:
        shown: alt.Chart = mark.transform_filter(f"isValid(datum.{field})")
        return shown.encode(y=alt.Y(f"{field}:Q", scale=alt.Scale(zero=False), axis=axis))

    return alt.layer(
        layer(base.mark_circle(size=22, opacity=0.85, color=palette.low[2]), "value"),
        layer(base.mark_line(strokeWidth=1.4, strokeDash=[2, 2], color=palette.muted), "median_past"),
        layer(base.mark_line(strokeWidth=2.4, color=palette.low[0]), "median_7"),
        axes.day_hover("day", base, palette, rows),
    ).properties(width=width, height=110)

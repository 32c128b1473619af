"""The charts of an evaluation. Each function takes a frame, colours and a width, and returns one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import polars as pl

from reports.evaluation.text_tables import BETWEEN
from reports.style import axes
from reports.style.palette import Palette

Width = int | Literal["container"]
Layers = alt.LayerChart | alt.FacetChart
SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)
TRAINED = {"loss": "training loss (nats a text)", "macro_f1": "validation macro-F1"}
DARK_FROM = 0.5  # cells from this share on have paper-coloured text on ink; one of SHARES
FAMILIES = ("zero_shot", "few_shot", "fine_tuned")
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 6], [14, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
LINES = f"split(datum.label, '{BETWEEN}')"  # a model's name is on the line below its method's
Families = Mapping[str, str]
"""Name of each charted method -> its family (zero_shot, few_shot, fine_tuned), in order."""


def method_looks(families: Families, palette: Palette) -> list[tuple[str, list[int], str]]:
    """Colour, dashes and shape of each method: colour by family, dashes and shape by model (six differ)."""
    colours = dict(zip(FAMILIES, (palette.muted, palette.low[0], palette.accent), strict=True))
    order = list(families.values())
    places = [order[:at].count(family) % len(DASHES) for at, family in enumerate(order)]
    return [(colours[family], DASHES[place], SHAPES[place]) for family, place in zip(order, places, strict=True)]


def _method_encodings(
    families: Families, palette: Palette, channel: type[alt.StrokeDash | alt.Shape], **legend: object
) -> dict[str, Any]:
    """Encodings of field `method`: colour, and dashes or shape, under one legend."""
    colours, dashes, shapes = zip(*method_looks(families, palette), strict=True)
    look = {"labelLimit": 300, "labelExpr": LINES, **legend}
    key, names = alt.Legend(**axes.legend(1).to_dict() | look), list(families)
    ranges = {alt.Color: colours, channel: dashes if channel is alt.StrokeDash else shapes}
    return {
        encoding.__name__[0].lower() + encoding.__name__[1:]: encoding(
            "method:N", scale=alt.Scale(domain=names, range=list(values)), legend=key
        )
        for encoding, values in ranges.items()
    }


def comparison(frame: pl.DataFrame, palette: Palette, *, width: Width, title: str) -> Layers:
    """One dot per method with its 95% interval. Small marks are the draws of few-shot examples.

    Frame: method, value, low, high, draws (a list), main (the fine-tuned model), in display order.
    """
    order = frame["method"].to_list()
    limit = 210 if width == "container" else 340  # a picture has room for long names, a telephone does not
    look = alt.Axis(labelLimit=limit, labelExpr=LINES, labelPadding=9, grid=True, ticks=False)
    y = alt.Y("method:N", sort=order, title=None, axis=look)
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(frame).encode(y=y)
    colour = alt.when("datum.main").then(alt.value(palette.accent)).otherwise(alt.value(palette.low[0]))
    tooltip = axes.tooltips(
        [("method", "Method", None), ("value", title, ".4f"), ("low", "from", ".4f"), ("high", "to", ".4f")]
    )
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5, format="~g", grid=True))
    rule = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour, tooltip=tooltip
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, color=colour, tooltip=tooltip)
    ticks = frame.select("method", "draws").explode("draws").drop_nulls("draws")
    draws = (
        alt.Chart(ticks)
        .mark_point(shape="stroke", angle=90, size=60, color=palette.muted, opacity=0.9)
        .encode(y=y, x=alt.X("draws:Q", scale=scale))
    )
    layers = [rule, draws, dots] if ticks.height else [rule, dots]
    row = 34 if any(BETWEEN in name for name in order) else 21
    return alt.layer(*layers).properties(width=width, height=row * frame.height)


def confusion(frame: pl.DataFrame, names: Sequence[str], palette: Palette, *, width: Width, height: int) -> Layers:
    """Labelled class by predicted class. A cell's colour shows its share of the row; its text gives share and count.

    Frame: that of `confusion_frame`.
    """
    base = alt.Chart(frame).encode(
        x=alt.X("predicted:N", sort=list(names), title="predicted", axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("true:N", sort=list(names), title="labelled"),
        tooltip=axes.tooltips(
            [
                ("true", "Labelled", None),
                ("predicted", "Predicted", None),
                ("n", "Texts", ",d"),
                ("share", "Share", ".1%"),
            ]
        ),
    )
    ramp = alt.Scale(type="threshold", domain=list(SHARES), range=[palette.paper, *palette.heat])
    cells = base.mark_rect(stroke=palette.line).encode(color=alt.Color("share:Q", scale=ramp, legend=None))
    pale = alt.when(f"datum.share >= {DARK_FROM}").then(alt.value(palette.paper)).otherwise(alt.value(palette.ink))
    text = base.mark_text(lineBreak="\n", fontSize=11, dy=-6).encode(text="label:N", color=pale)
    return alt.layer(cells, text).properties(width=width, height=height)


def confusion_frame(names: Sequence[str], counts: Sequence[Sequence[int]]) -> pl.DataFrame:
    """One row per cell: true, predicted, n, share of its true class (null if that class has no example), label."""
    cells = [
        (name, other, counts[row][column], sum(counts[row]))
        for row, name in enumerate(names)
        for column, other in enumerate(names)
    ]
    frame = pl.DataFrame(cells, schema=["true", "predicted", "n", "of"], orient="row")
    share = pl.when(pl.col("of") > 0).then(pl.col("n") / pl.col("of"))
    percent = (100 * share).round().cast(pl.Int64).cast(pl.String) + "%\n" + pl.col("n").cast(pl.String)
    label = pl.when(pl.col("n") > 0).then(percent).otherwise(pl.lit(""))
    return frame.with_columns(share=share, label=label)


def curve(
    frame: pl.DataFrame,
    families: Families,
    palette: Palette,
    *,
    width: Width,
    axes_of: tuple[str, str],
    titles: tuple[str, str],
) -> alt.Chart:
    """One line per method: ROC or precision-recall. Frame: method, rank, and the two columns `axes_of`."""
    unit = alt.Scale(domain=[0, 1])
    tooltip = _method_encodings(
        families, palette, alt.StrokeDash, symbolStrokeWidth=3, symbolType="stroke", symbolSize=420
    )
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X(f"{axes_of[0]}:Q", scale=unit, title=titles[0], axis=alt.Axis(tickCount=5, grid=True)),
            y=alt.Y(f"{axes_of[1]}:Q", scale=unit, title=titles[1], axis=alt.Axis(tickCount=5)),
            order="rank:Q",
            **tooltip,
        )
        .properties(width=width, height=240)
    )
    return chart


def reliability(frame: pl.DataFrame, palette: Palette, *, width: Width) -> Layers:
    """Accuracy against confidence, with the diagonal of a perfect scorer; a dot's size shows its share of the texts.

    Frame: that of `reliability_frame`.
    """
    x = alt.X("low:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=5), title="confidence")
    tooltip = axes.tooltips(
        [("confidence", "Mean confidence", ".1%"), ("accuracy", "Accuracy", ".1%"), ("n", "Texts", ",d")]
    )
    unit = alt.Scale(domain=[0, 1])
    bars = (
        alt.Chart(frame)
        .mark_bar(color=palette.low[4], stroke=palette.paper)
        .encode(
            x=x,
            x2="high:Q",
            y=alt.Y("accuracy:Q", scale=unit, axis=axes.percent_axis(), title="right"),
            y2="zero:Q",
            tooltip=tooltip,
        )
    )
    points = (
        alt.Chart(frame)
        .mark_point(color=palette.accent, filled=True, opacity=0.9)
        .encode(
            x="confidence:Q",
            y="accuracy:Q",
            size=alt.Size("share:Q", scale=alt.Scale(domain=[0, 1], range=[20, 700]), legend=None),
            tooltip=tooltip,
        )
    )
    ends = pl.DataFrame({"at": [0.0, 1.0]})
    diagonal = alt.Chart(ends).mark_line(color=palette.ink, strokeDash=[5, 4], strokeWidth=1.2)
    return alt.layer(bars, diagonal.encode(x="at:Q", y="at:Q"), points).properties(width=width, height=240)


def reliability_frame(bins: Sequence[Sequence[float | None]]) -> pl.DataFrame:
    """One row per bin with texts: low and high edge, n, mean confidence, accuracy, zero (always 0, the foot of the
    bars), share of texts.
    """
    rows = [
        (at / len(bins), (at + 1) / len(bins), int(n or 0), confidence, accuracy)
        for at, (n, confidence, accuracy) in enumerate(bins)
        if n
    ]
    schema = {
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,
        "confidence": pl.Float64,
        "accuracy": pl.Float64,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(zero=0, share=pl.col("n") / pl.col("n").sum())


def per_class(
    frame: pl.DataFrame, families: Families, classes: Sequence[str], palette: Palette, *, width: Width
) -> Layers:
    """F1 of each class: one dot per method, with its 95% interval. Frame: class, method, f1, low, high."""
    tooltip = _method_encodings(families, palette, alt.Shape)
    base = alt.Chart(frame).encode(
        y=alt.Y("class:N", sort=list(classes), title=None, axis=alt.Axis(ticks=False)),
        yOffset=alt.YOffset("method:N", sort=list(families)),
        color=tooltip["color"],
        tooltip=axes.tooltips(
            [
                ("method", "Method", None),
                ("class", "Class", None),
                ("f1", "F1", ".3f"),
                ("low", "from", ".3f"),
                ("high", "to", ".3f"),
            ]
        ),
    )
    unit = alt.Scale(domain=[0, 1])
    rule = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=unit), x2="high:Q")
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("f1:Q", scale=unit, title="F1", axis=alt.Axis(tickCount=5, grid=True)), shape=tooltip["shape"]
    )
    return alt.layer(rule, dots).properties(width=width, height=(16 * len(families) + 8) * len(classes))


def training_frame(curve: Sequence[Mapping[str, float]]) -> pl.DataFrame:
    """One row per group of steps (at most 200): step, mean loss, and macro_f1 where it was measured, else null."""
    schema = {"step": pl.Float64, "loss": pl.Float64, "macro_f1": pl.Float64}
    frame = pl.DataFrame([[record.get(name) for name in schema] for record in curve], schema=schema, orient="row")
    stretch = max(1, -(-len(frame) // 200))
    measured = frame.drop_nulls("macro_f1").with_columns(loss=pl.lit(None, pl.Float64))
    losses = (
        frame.group_by(pl.int_range(pl.len()).floordiv(stretch).alias("stretch"), maintain_order=True)
        .agg(pl.col("step").mean(), pl.col("loss").mean())
        .select("step", "loss", macro_f1=pl.lit(None, pl.Float64))
    )
    return pl.concat([losses, measured])


def training(frames: Mapping[str, pl.DataFrame], field: str, title: str, palette: Palette, *, width: Width) -> Layers:
    """A chart of `field` (a key of TRAINED) over the optimizer steps, with one line per model.

    Args:
        frames: model -> result of `training_frame`.
        field: column of the frames.
        title: of the y axis.
        palette: colours.
        width: of the chart.
    """
    all_frames = pl.concat([frame.with_columns(model=pl.lit(name)) for name, frame in frames.items()])
    shades = [palette.accent, palette.low[0], palette.mid[0], palette.muted]
    colours = alt.Scale(domain=list(frames), range=[shades[at % len(shades)] for at in range(len(frames))])
    base = alt.Chart(all_frames.select("model", "step", field).drop_nulls(field)).encode(
        x=alt.X("step:Q", title="optimizer step", axis=alt.Axis(tickCount=6, labelSeparation=12)),
        y=alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=False)),
        color=alt.Color("model:N", scale=colours, legend=axes.legend(2) if len(frames) > 1 else None),
        tooltip=axes.tooltips([("step", "Step", ",.0f"), (field, title, ".4f")]),
    )
    dots = base.mark_point(filled=True, size=40, opacity=1 if field == "macro_f1" else 0)
    return alt.layer(base.mark_line(strokeWidth=1.8), dots).properties(width=width, height=240)

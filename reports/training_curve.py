"""The training curve: loss a step and validation macro-F1, as one chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl


def training_curve(curve: Sequence[Mapping[str, float]], title: str) -> alt.VConcatChart:
    """Loss (nats a text, mean of up to 200 stretches of steps) above validation macro-F1.

    Args:
        curve: records with step, loss and, where it was measured, macro_f1.
        title: what was trained.
    """
    frame = pl.DataFrame(
        {
            "step": [record["step"] for record in curve],
            "loss": [record["loss"] for record in curve],
            "macro_f1": [record.get("macro_f1") for record in curve],
        },
        schema={"step": pl.Float64, "loss": pl.Float64, "macro_f1": pl.Float64},
    )
    stretch = max(1, len(frame) // 200)
    losses = (
        frame.with_columns(pl.int_range(pl.len()).floordiv(stretch).alias("stretch"))
        .group_by("stretch", maintain_order=True)
        .agg(pl.col("step").mean(), pl.col("loss").mean())
    )
    marks = frame.drop_nulls("macro_f1")
    step = alt.X("step:Q", title="optimizer step")
    loss = (
        alt.Chart(losses, width=640, height=220)
        .mark_line(color="#3b6ea8", strokeWidth=1.6)
        .encode(step, alt.Y("loss:Q", title="training loss (nats a text)", scale=alt.Scale(zero=False)))
    )
    points = alt.Chart(marks, width=640, height=160).encode(
        step, alt.Y("macro_f1:Q", title="validation macro-F1", scale=alt.Scale(zero=False))
    )
    labels = points.mark_text(dy=-12, fontSize=10, color="#555555").encode(
        text=alt.Text("macro_f1:Q", format=".3f")
    )
    line = points.mark_line(color="#b3541e", point=alt.OverlayMarkDef(color="#b3541e"))
    return alt.vconcat(loss, line + labels).properties(title=title)

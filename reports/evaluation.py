"""What an evaluation looks like: its charts, and its numbers as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from monitor import NOT_A_DIAGNOSIS
from monitor.metrics import Measurement, Metric
from reports import axes
from reports.palette import LIGHT, Palette

CANONICAL, DEDUPLICATED = "canonical", "deduplicated"
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "auroc": "AUROC (one against the rest, weighted)",
    "pr_auc": "PR-AUC (weighted)",
    "ece": "calibration error (ECE, 15 bins)",
    "brier": "Brier score (0 to 2)",
    "log_loss": "log-loss (nats)",
}


@dataclass(frozen=True)
class Method:
    """What was measured about one method.

    emotion and risk: by split, CANONICAL and DEDUPLICATED. texts_per_second: of the scoring. reason: why there
    are no measurements, where there are none.
    """

    name: str
    emotion: Mapping[str, Measurement]
    risk: Mapping[str, Measurement]
    model_id: str | None = None
    texts_per_second: float | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As metrics.json holds it."""
        return {
            "name": self.name,
            "model_id": self.model_id,
            "texts_per_second": self.texts_per_second,
            "reason": self.reason,
            "emotion": {split: found.to_json() for split, found in self.emotion.items()},
            "risk": {split: found.to_json() for split, found in self.risk.items()},
        }


def confusion_frame(found: Measurement) -> pl.DataFrame:
    """One row a cell: true, predicted, n, share of its true class (null where that class has no example)."""
    cells = [
        (name, other, int(found.confusion[row, column]), int(found.confusion[row].sum()))
        for row, name in enumerate(found.names)
        for column, other in enumerate(found.names)
    ]
    frame = pl.DataFrame(cells, schema=["true", "predicted", "n", "of"], orient="row")
    share = pl.when(pl.col("of") > 0).then(pl.col("n") / pl.col("of"))
    return frame.with_columns(share=share, label=_cell_label(share))


def confusion_matrix(
    frame: pl.DataFrame, names: Sequence[str], palette: Palette, title: str
) -> alt.LayerChart | alt.FacetChart:
    """True class by predicted class; a cell's colour is its share of the true class, its text share and count."""
    side = max(40 * len(names), 190)
    base = alt.Chart(frame, width=side * 1.25, height=side).encode(
        x=alt.X(
            "predicted:N", sort=list(names), title="predicted", axis=alt.Axis(orient="bottom", labelAngle=0)
        ),
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
    ramp = alt.Scale(domain=[0, 1], range=[palette.paper, *palette.heat])
    cells = base.mark_rect(stroke=palette.line).encode(color=alt.Color("share:Q", scale=ramp, legend=None))
    pale = alt.when("datum.share > 0.55").then(alt.value(palette.paper)).otherwise(alt.value(palette.ink))
    text = base.mark_text(lineBreak="\n", fontSize=11, dy=-7).encode(text="label:N", color=pale)
    return alt.layer(cells, text).properties(title=title)


def reliability_frame(found: Measurement) -> pl.DataFrame:
    """One row a filled bin: low and high edge, n, mean confidence, accuracy, and zero for the bars to stand on."""
    assert found.reliability is not None
    bins = len(found.reliability)
    rows = [
        (at / bins, (at + 1) / bins, int(n), confidence, accuracy)
        for at, (n, confidence, accuracy) in enumerate(found.reliability.tolist())
        if n
    ]
    return pl.DataFrame(
        rows, schema=["low", "high", "n", "confidence", "accuracy"], orient="row"
    ).with_columns(zero=0)


def reliability(frame: pl.DataFrame, palette: Palette, title: str) -> alt.VConcatChart:
    """Accuracy against confidence with the diagonal of a perfect scorer, and how many texts each bin holds."""
    x = alt.X("low:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=5), title=None)
    told = axes.tooltips(
        [("confidence", "Mean confidence", ".1%"), ("accuracy", "Accuracy", ".1%"), ("n", "Texts", ",d")]
    )
    base = alt.Chart(frame, width=300).encode(x=x, x2="high:Q", tooltip=told)
    bars = base.mark_bar(color=palette.low[1], stroke=palette.paper).encode(
        y=alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), axis=axes.percent_axis(), title="right"),
        y2="zero:Q",
    )
    points = alt.Chart(frame).mark_point(color=palette.accent, filled=True, size=44, opacity=1)
    ends = pl.DataFrame({"at": [0.0, 1.0]})
    diagonal = alt.Chart(ends).mark_line(color=palette.ink, strokeDash=[5, 4], strokeWidth=1.2)
    upper = alt.layer(
        bars,
        diagonal.encode(x="at:Q", y="at:Q"),
        points.encode(x="confidence:Q", y="accuracy:Q", tooltip=told),
    ).properties(height=260)
    under = base.mark_bar(color=palette.muted, stroke=palette.paper).encode(
        x=x.title("confidence"),
        y=alt.Y("n:Q", title="texts", axis=alt.Axis(tickCount=3, domain=False, ticks=False)),
        y2="zero:Q",
    )
    return alt.vconcat(upper, under.properties(height=70), spacing=10).properties(title=title)


def write_pictures(methods: Sequence[Method], out: Path) -> list[str]:
    """confusion_matrices and reliability, each as PNG and SVG, a row a method; returns the names written.

    A method without probabilities has no reliability diagram; where none has, that picture is not written.
    """
    matrices, diagrams = [], []
    for method in methods:
        pair = [
            (kind, found[CANONICAL])
            for kind, found in (("emotion", method.emotion), ("risk", method.risk))
            if found
        ]
        titled = [(f"{method.name}: {kind}", found) for kind, found in pair]
        matrices.append(
            [confusion_matrix(confusion_frame(found), found.names, LIGHT, title) for title, found in titled]
        )
        drawn = [(title, found) for title, found in titled if found.reliability is not None and found.n]
        diagrams.append([reliability(reliability_frame(found), LIGHT, title) for title, found in drawn])
    names: list[str] = []
    for name, rows in (("confusion_matrices", matrices), ("reliability", diagrams)):
        filled = [alt.hconcat(*row, spacing=36) for row in rows if row]
        for suffix in ("png", "svg"):
            (out / f"{name}.{suffix}").unlink(missing_ok=True)
        if filled:
            whole = alt.vconcat(*filled, spacing=36, background=LIGHT.paper, padding=28)
            names += _save(whole.resolve_scale(color="independent"), name, out)
    return names


def summary_text(methods: Sequence[Method], about: Sequence[str]) -> str:
    """Every number of the evaluation as plain text; `about` are lines on the data, put first."""
    lines = ["Evaluation", "==========", "", *about, NOT_A_DIAGNOSIS, ""]
    for method in methods:
        lines += [method.name, "-" * len(method.name)]
        if method.model_id:
            lines.append(f"model_id {method.model_id}")
        if method.texts_per_second:
            lines.append(f"{method.texts_per_second:,.0f} texts/s")
        if method.reason:
            lines.append(f"not measured: {method.reason}")
        for kind, splits in (("emotion", method.emotion), ("risk", method.risk)):
            for split, found in splits.items():
                lines += ["", f"{kind}, {split} test split ({found.n:,} texts)", *_lines(found)]
        lines.append("")
    return "\n".join(lines)


def compact(metric: Metric, digits: int = 3, interval: bool = False) -> str:
    """`0.913`, `0.913 (0.898–0.926)`, or a dash where it is undefined."""
    if metric.value is None:
        return "–"
    text = f"{metric.value:.{digits}f}"
    if interval and metric.low is not None and metric.high is not None:
        text += f" ({metric.low:.{digits}f}–{metric.high:.{digits}f})"
    return text


def _lines(found: Measurement) -> Iterator[str]:
    for name, metric in found.metrics.items():
        told = f"undefined: {metric.reason}" if metric.value is None else compact(metric, 4, interval=True)
        yield f"  {TITLES[name]:<40}{told}"
    width = max(map(len, found.names)) + 2
    yield f"  {'class':<{width}}{'precision':>10}{'recall':>10}{'F1':>10}{'texts':>8}"
    support = found.confusion.sum(axis=1)
    for row, name in enumerate(found.names):
        rates = (compact(found.per_class[name][rate]) for rate in ("precision", "recall", "f1"))
        yield f"  {name:<{width}}" + "".join(f"{rate:>10}" for rate in rates) + f"{support[row]:>8,}"


def _cell_label(share: pl.Expr) -> pl.Expr:
    percent = (100 * share).round().cast(pl.Int64).cast(pl.String) + "%\n" + pl.col("n").cast(pl.String)
    return pl.when(pl.col("n") > 0).then(percent).otherwise(pl.lit(""))


def _save(chart: alt.TopLevelMixin, name: str, out: Path) -> list[str]:
    spec = axes.spec(chart, LIGHT, FONT)
    (out / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(spec, vl_version=axes.VEGA_LITE, scale=2))
    (out / f"{name}.svg").write_text(
        vl_convert.vegalite_to_svg(spec, vl_version=axes.VEGA_LITE), encoding="utf-8"
    )
    return [f"{name}.png", f"{name}.svg"]

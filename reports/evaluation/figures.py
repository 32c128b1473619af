"""The figures of an evaluation, made from the contents of metrics.json: title, description and panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import polars as pl

from reports.evaluation import charts
from reports.evaluation.text_tables import Json, has_intervals, measured_methods, method_by_id, name_of, uses

TEST = "test"
KINDS = ("emotion", "risk")
COMPARED = (
    ("emotion", "macro_f1", "emotion macro-F1"),
    ("risk", "macro_f1", "risk macro-F1"),
    ("risk", "auroc", "risk AUROC"),
    ("emotion", "ece", "calibration error (ECE)"),
)
Draw = Callable[..., alt.TopLevelMixin]


@dataclass(frozen=True)
class Panel:
    """One chart of a figure: draw(palette, width=...)."""

    title: str
    draw: Draw


@dataclass(frozen=True)
class Picture:
    """A figure: file name, title, description and panels. Without panels, `unit` gives the reason."""

    key: str
    title: str
    unit: str
    panels: tuple[Panel, ...]
    columns: int = 2


def all_figures(metrics: Json) -> list[Picture]:
    """Every figure of the report, in its order."""
    return [
        _comparison(metrics),
        _confusions(metrics),
        _curves(metrics),
        _reliability(metrics),
        _per_class(metrics),
        _training(metrics),
    ]


def _figure(key: str, title: str, unit: str, panels: Iterator[Panel], columns: int = 2, why: str = "") -> Picture:
    """The figure; without panels, its description is the reason `why`."""
    drawn = tuple(panels)
    return Picture(key, title, unit if drawn else f"Not drawn: {why or 'no method has it'}.", drawn, columns)


def _charted_methods(metrics: Json) -> list[tuple[str, Json]]:
    """Names and methods in the charts, one method of each family and model."""
    methods = [method_by_id(metrics, name) for name in metrics["shown"]]
    return [(name_of(metrics, method), method) for method in methods]


def _columns(metrics: Json) -> int:
    """Panels per row, so that emotion and risk each start a new row."""
    return 2 if len(metrics["shown"]) % 3 else 3


def _family(method: Json) -> str:
    return next(family for family in charts.FAMILIES if method["key"].startswith(family))


def _comparison(metrics: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        for kind, metric, title in COMPARED:
            rows = []
            for method in measured_methods(metrics):
                value = method[kind][TEST]["metrics"][metric]
                if value["value"] is None:
                    continue
                ends = [value.get(end, value["value"]) for end in ("low", "high")]
                key = {"emotion": "macro_f1", "risk": "risk_macro_f1"}[kind]
                draws = [draw[key] for draw in method["draws"]] if metric == "macro_f1" else []
                main = method["key"] == "fine_tuned"
                rows.append((name_of(metrics, method), value["value"], *ends, draws, main))
            schema: dict[str, Any] = {
                "method": pl.String,
                "value": pl.Float64,
                "low": pl.Float64,
                "high": pl.Float64,
                "draws": pl.List(pl.Float64),
                "main": pl.Boolean,
            }
            if rows:
                frame = pl.DataFrame(rows, schema=schema, orient="row")
                yield Panel(title, partial(charts.comparison, frame, title=title))

    marks = ["lines are 95% bootstrap intervals"] * has_intervals(metrics)
    marks += ["ticks are the single draws of few-shot examples"] * uses(metrics, "few_shot")
    unit = "; ".join(["Canonical test split", *marks])
    unit += ". A method is left out where the metric is undefined for it."
    return _figure("method_comparison", "How the methods compare", unit, panels())


def _confusions(metrics: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        for kind in KINDS:
            for name, method in _charted_methods(metrics):
                classes = method[kind][TEST]["classes"]
                frame = charts.confusion_frame(classes, method[kind][TEST]["confusion"])
                height = 46 * len(classes) if kind == "emotion" else 60 * len(classes)
                yield Panel(f"{name}: {kind}", partial(charts.confusion, frame, classes, height=height))

    unit = (
        "Labelled class by row, predicted class by column. A cell gives its share of the row and its number of texts."
        + " For zero-shot and few-shot, the variant that is best on this split."
        * uses(metrics, "zero_shot", "few_shot")
        + " Few-shot: the draw with the median macro-F1." * uses(metrics, "few_shot")
    )
    return _figure("confusion_matrices", "Which classes are confused", unit, panels(), _columns(metrics))


def _curves(metrics: Json) -> Picture:
    families = (
        ("ROC", ("false", "recall"), ("false-positive rate", "recall")),
        ("precision and recall", ("recall", "precision"), ("recall", "precision")),
    )
    drawn = {
        name: _family(method) for name, method in _charted_methods(metrics) if metrics["curves"].get(method["id"])
    }

    def panels() -> Iterator[Panel]:
        risks = list(next((curves for curves in metrics["curves"].values() if curves), {}))
        for risk in reversed(risks):
            rows = [
                (name, rank, *point)
                for name, method in _charted_methods(metrics)
                for rank, point in enumerate(metrics["curves"].get(method["id"], {}).get(risk, []))
            ]
            frame = pl.DataFrame(rows, schema=["method", "rank", "false", "recall", "precision"], orient="row")
            for title, columns, titles in families if rows else ():
                draw = partial(charts.curve, frame, drawn, axes_of=columns, titles=titles)
                yield Panel(f"{risk.removesuffix('_risk')} risk: {title}", draw)

    unit = "Each risk level against the other two, ranked by its summed probability. Canonical test split."
    return _figure("roc_pr", "How well risk is ranked", unit, panels())


def _reliability(metrics: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        for kind in KINDS:
            for name, method in _charted_methods(metrics):
                bins = method[kind][TEST]["reliability"]
                if bins is not None:
                    frame = charts.reliability_frame(bins)
                    yield Panel(f"{name}: {kind}", partial(charts.reliability, frame))

    unit = (
        "Share of right answers by their probability, in 15 bins. On the dashed diagonal, confidence equals accuracy."
        " The size of a dot shows its share of the texts."
    )
    return _figure("reliability", "How reliable the probabilities are", unit, panels(), _columns(metrics))


def _per_class(metrics: Json) -> Picture:
    charted = _charted_methods(metrics)

    def panels() -> Iterator[Panel]:
        for kind in KINDS if charted else ():
            rows = []
            for name, method in charted:
                for label, rates in method[kind][TEST]["per_class"].items():
                    f1 = rates["f1"]
                    if f1["value"] is not None:
                        ends = (f1.get(end, f1["value"]) for end in ("low", "high"))
                        rows.append((label, name, f1["value"], *ends))
            frame = pl.DataFrame(rows, schema=["class", "method", "f1", "low", "high"], orient="row")
            classes = charted[0][1][kind][TEST]["classes"]
            draw = partial(charts.per_class, frame, {name: _family(method) for name, method in charted}, classes)
            yield Panel(kind, draw)

    interval = " with its 95% bootstrap interval" * has_intervals(metrics)
    unit = f"F1 of each class{interval}; a class without examples is left out."
    return _figure("per_class", "Which classes are found", unit, panels())


def _training(metrics: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        records = {entry["model"]: charts.training_frame(entry["curve"]) for entry in metrics["training"]}
        for field, title in charts.TRAINED.items() if records else ():
            yield Panel(title, partial(charts.training, records, field, title))

    unit = "Recorded by train while it fitted the adapter: training_curve.json in the model's folder."
    return _figure(
        "training_curve",
        "How it was trained",
        unit,
        panels(),
        why="the model's folder holds no training_curve.json",
    )

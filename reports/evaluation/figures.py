"""The figures of an evaluation: for each, its words and its panels, made from what metrics.json holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import polars as pl

from reports.evaluation import charts
from reports.evaluation.text_tables import Json, asked, has_intervals, measured, method_by_id, name_of

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
    """A figure: its file name, words and panels. Where there is nothing to draw, `unit` says why."""

    key: str
    title: str
    unit: str
    panels: tuple[Panel, ...]
    columns: int = 2


def all_figures(found: Json) -> list[Picture]:
    """Every figure of the report, in its order."""
    return [
        _comparison(found),
        _confusions(found),
        _curves(found),
        _reliability(found),
        _per_class(found),
        _training(found),
    ]


def _figure(
    key: str, title: str, unit: str, panels: Iterator[Panel], columns: int = 2, why: str = ""
) -> Picture:
    """The figure, or `why` there is none where it has no panel."""
    drawn = tuple(panels)
    return Picture(key, title, unit if drawn else f"Not drawn: {why or 'no method has it'}.", drawn, columns)


def _shown(found: Json) -> list[tuple[str, Json]]:
    """Names and methods of the three ways, as charts show them."""
    methods = [method_by_id(found, name) for name in found["shown"]]
    return [(name_of(found, method), method) for method in methods]


def _columns(found: Json) -> int:
    """Panels a row, so that emotion and risk of the shown methods begin rows of their own."""
    return 2 if len(found["shown"]) % 3 else 3


def _way(method: Json) -> str:
    return next(way for way in charts.WAYS if method["key"].startswith(way))


def _comparison(found: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        for kind, metric, title in COMPARED:
            rows = []
            for method in measured(found):
                value = method[kind][TEST]["metrics"][metric]
                if value["value"] is None:
                    continue
                ends = [value.get(end, value["value"]) for end in ("low", "high")]
                key = {"emotion": "macro_f1", "risk": "risk_macro_f1"}[kind]
                draws = [draw[key] for draw in method["draws"]] if metric == "macro_f1" else []
                main = method["key"] == "fine_tuned"
                rows.append((name_of(found, method), value["value"], *ends, draws, main))
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

    marks = ["lines are 95% bootstrap intervals"] * has_intervals(found)
    marks += ["ticks are the single draws of few-shot examples"] * asked(found, "few_shot")
    unit = "; ".join(["Canonical test split", *marks])
    unit += ". A method is left out where the metric is undefined for it."
    return _figure("method_comparison", "How the methods compare", unit, panels())


def _confusions(found: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        for kind in KINDS:
            for name, method in _shown(found):
                classes = method[kind][TEST]["classes"]
                frame = charts.confusion_frame(classes, method[kind][TEST]["confusion"])
                height = 46 * len(classes) if kind == "emotion" else 60 * len(classes)
                yield Panel(f"{name}: {kind}", partial(charts.confusion, frame, classes, height=height))

    unit = (
        "Labelled class by row, predicted class by column; a cell holds the share of its row and the texts."
        + " Of zero-shot and of few-shot the variant that is best on this split."
        * asked(found, "zero_shot", "few_shot")
        + " Few-shot: the draw of the median macro-F1." * asked(found, "few_shot")
    )
    return _figure("confusion_matrices", "What is taken for what", unit, panels(), _columns(found))


def _curves(found: Json) -> Picture:
    ways = (
        ("ROC", ("false", "recall"), ("false-positive rate", "recall")),
        ("precision and recall", ("recall", "precision"), ("recall", "precision")),
    )
    drawn = {name: _way(method) for name, method in _shown(found) if found["curves"].get(method["id"])}

    def panels() -> Iterator[Panel]:
        risks = list(next((curves for curves in found["curves"].values() if curves), {}))
        for risk in reversed(risks):
            rows = [
                (name, rank, *point)
                for name, method in _shown(found)
                for rank, point in enumerate(found["curves"].get(method["id"], {}).get(risk, []))
            ]
            frame = pl.DataFrame(
                rows, schema=["method", "rank", "false", "recall", "precision"], orient="row"
            )
            for title, columns, titles in ways if rows else ():
                draw = partial(charts.curve, frame, drawn, axes_of=columns, titles=titles)
                yield Panel(f"{risk.removesuffix('_risk')} risk: {title}", draw)

    unit = "One risk level against the other two, by its summed probability; canonical test split."
    return _figure("roc_pr", "How well risk is ranked", unit, panels())


def _reliability(found: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        for kind in KINDS:
            for name, method in _shown(found):
                bins = method[kind][TEST]["reliability"]
                if bins is not None:
                    frame = charts.reliability_frame(bins)
                    yield Panel(f"{name}: {kind}", partial(charts.reliability, frame))

    unit = (
        "How often answers are right, by the probability they were given, in 15 bins; on the dashed line confidence "
        "and accuracy are equal. A dot is as large as its share of the texts."
    )
    return _figure("reliability", "Whether probabilities mean what they say", unit, panels(), _columns(found))


def _per_class(found: Json) -> Picture:
    shown = _shown(found)

    def panels() -> Iterator[Panel]:
        for kind in KINDS if shown else ():
            rows = []
            for name, method in shown:
                for label, rates in method[kind][TEST]["per_class"].items():
                    f1 = rates["f1"]
                    if f1["value"] is not None:
                        ends = (f1.get(end, f1["value"]) for end in ("low", "high"))
                        rows.append((label, name, f1["value"], *ends))
            frame = pl.DataFrame(rows, schema=["class", "method", "f1", "low", "high"], orient="row")
            classes = shown[0][1][kind][TEST]["classes"]
            draw = partial(charts.per_class, frame, {name: _way(method) for name, method in shown}, classes)
            yield Panel(kind, draw)

    interval = " with its 95% bootstrap interval" * has_intervals(found)
    unit = f"F1 of each class{interval}; a class without examples is left out."
    return _figure("per_class", "Which classes are found", unit, panels())


def _training(found: Json) -> Picture:
    def panels() -> Iterator[Panel]:
        records = {entry["model"]: charts.training_frame(entry["curve"]) for entry in found["training"]}
        for field, title in charts.TRAINED.items() if records else ():
            yield Panel(title, partial(charts.training, records, field, title))

    unit = "What train wrote down while the adapter was fitted, as training_curve.json in the model's folder."
    return _figure(
        "training_curve",
        "How it was trained",
        unit,
        panels(),
        why="the model's folder holds no training_curve.json",
    )

"""The charts of an evaluation, compared with the Vega-Lite specifications in tests/evaluation/golden.

A change of a chart is a change of its golden file: UPDATE_GOLDEN=1 python -m pytest tests/evaluation/test_charts.py
writes them anew; look at the difference before you commit it.
"""

import json
import os
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pytest

from monitor.labels import RISKS
from reports.evaluation import charts
from reports.evaluation.training_curve import training_curve
from reports.style import axes
from reports.style.palette import FOR_CSS, LIGHT

GOLDEN = Path(__file__).with_name("golden")
METHODS = ["zero-shot", "fine-tuned (LoRA)"]
FAMILIES = dict(zip(METHODS, ("zero_shot", "fine_tuned"), strict=True))
BINS = [[0, None, None], [4, 0.4, 0.25], [6, 0.9, 1.0]]
CURVE = [{"step": step, "loss": 2.0 / step, **({"macro_f1": 0.5} if step == 2 else {})} for step in (1, 2, 3)]


def comparison() -> alt.TopLevelMixin:
    rows = [("zero-shot", 0.4, 0.35, 0.45, [], False), ("few-shot", 0.5, 0.45, 0.55, [0.4, 0.6], False)]
    rows.append(("fine-tuned (LoRA)", 0.9, 0.88, 0.92, [], True))
    schema = ["method", "value", "low", "high", "draws", "main"]
    frame = pl.DataFrame(rows, schema=schema, orient="row", schema_overrides={"draws": pl.List(pl.Float64)})
    return charts.comparison(frame, LIGHT, width="container", title="macro-F1")


def confusion() -> alt.TopLevelMixin:
    frame = charts.confusion_frame(RISKS, [[3, 1, 0], [0, 0, 0], [0, 2, 2]])
    return charts.confusion(frame, RISKS, LIGHT, width="container", height=180)


def curve() -> alt.TopLevelMixin:
    rows = [(METHODS[0], 0, 0.0, 0.5, 1.0), (METHODS[0], 1, 1.0, 1.0, 0.5), (METHODS[1], 0, 0.0, 1.0, 1.0)]
    frame = pl.DataFrame(rows, schema=["method", "rank", "false", "recall", "precision"], orient="row")
    titles = ("false-positive rate", "recall")
    return charts.curve(frame, FAMILIES, LIGHT, width="container", axes_of=("false", "recall"), titles=titles)


def reliability() -> alt.TopLevelMixin:
    return charts.reliability(charts.reliability_frame(BINS), LIGHT, width="container")


def per_class() -> alt.TopLevelMixin:
    rows = [
        ("joy", METHODS[0], 0.5, 0.4, 0.6),
        ("joy", METHODS[1], 0.9, 0.8, 1.0),
        ("fear", METHODS[1], 0.7, 0.6, 0.8),
    ]
    frame = pl.DataFrame(rows, schema=["class", "method", "f1", "low", "high"], orient="row")
    return charts.per_class(frame, FAMILIES, ["joy", "fear"], LIGHT, width="container")


def training() -> alt.TopLevelMixin:
    frames = {"mine": charts.training_frame(CURVE)}
    return charts.training(frames, "macro_f1", charts.TRAINED["macro_f1"], LIGHT, width="container")


CHARTS = {draw.__name__: draw for draw in (comparison, confusion, curve, reliability, per_class, training)}


@pytest.mark.parametrize("name", CHARTS)
def test_the_specification_is_the_golden_one(name: str) -> None:
    chart = CHARTS[name]()
    chart.to_dict()  # held to the schema of Vega-Lite, which `axes.spec` leaves out
    spec = json.loads(json.dumps(axes.spec(chart, LIGHT, "Arial"), sort_keys=True))
    file = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(json.dumps(spec, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert spec == json.loads(file.read_text(encoding="utf-8"))


def test_a_cell_of_a_class_without_examples_has_no_share_and_no_label() -> None:
    cells = charts.confusion_frame(RISKS, [[3, 1, 0], [0, 0, 0], [0, 2, 2]])
    assert cells.filter(pl.col("true") == "mid_risk")["share"].to_list() == [None] * 3
    assert cells["label"].to_list()[:3] == ["75%\n3", "25%\n1", ""]
    assert cells.filter(pl.col("true") == "high_risk")["share"].to_list() == [0.0, 0.5, 0.5]


def test_empty_bins_are_left_out_and_shares_sum_to_one() -> None:
    bins = charts.reliability_frame(BINS)
    assert bins["n"].to_list() == [4, 6]
    assert bins["low"].to_list() == pytest.approx([1 / 3, 2 / 3])
    assert bins["share"].sum() == pytest.approx(1)


def test_the_training_curve_keeps_every_validation_and_means_of_the_losses() -> None:
    long = [{"step": step, "loss": 1.0, **({"macro_f1": 0.9} if step % 400 == 0 else {})} for step in range(1, 1001)]
    frame = charts.training_frame(long)
    assert frame["macro_f1"].drop_nulls().len() == 2
    assert frame["loss"].drop_nulls().len() == 200
    whole: dict[str, Any] = training_curve(CURVE, "Training of mine").to_dict()
    assert "Not a diagnosis" in whole["title"]["subtitle"]
    assert len(whole["vconcat"]) == 2


def test_page_colours_are_properties_that_follow_light_and_dark() -> None:
    frame = charts.confusion_frame(RISKS, [[3, 1, 0], [0, 1, 0], [0, 2, 2]])
    spec = json.dumps(charts.confusion(frame, RISKS, FOR_CSS, width="container", height=180).to_dict())
    assert "var(--heat-8)" in spec
    assert "#" not in spec.replace("#/", "")

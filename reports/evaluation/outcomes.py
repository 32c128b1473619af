"""The page of a validation against outcomes: measures with intervals, calibration curve, and numbers of omitted
rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from reports.evaluation.text_tables import Json, Table, number
from reports.style import axes, offline
from reports.style.palette import FOR_CSS
from reports.style.wording import Words

MEASURES: Mapping[str, str] = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity at the line",
    "specificity": "specificity at the line",
    "between": "Spearman's correlation between persons",
    "within": "correlation within persons",
}
LEFT_OUT: Mapping[str, str] = {
    "n_rejected": "rows that cannot be used (the reasons are in validation.json)",
    "n_other": "rows of another outcome",
    "n_repeated": "further rows of the same subject and day",
    "n_averaged": "subject-days with different values, averaged",
    "n_unknown": "outcomes of subjects without a score",
    "n_before": "outcomes before the subject's first text",
    "n_few_texts": "outcomes with too few texts in the window",
}


def tables(result: Json) -> list[Table]:
    """The measures of everyone and of each cohort, the calibration curve, and the numbers of omitted rows."""
    groups = [("everyone", result["everyone"]), *result["cohorts"].items()]  # a cohort may be called "everyone", too
    measures = [(title, *(_measure(group[name]) for _, group in groups)) for name, title in MEASURES.items()]
    counts = [
        (name, *(f"{group[key]:,}" for _, group in groups))
        for key, name in (("n", "outcomes"), ("n_subjects", "subjects"), ("n_positive", "positive outcomes"))
    ]
    line = f"mean {result['signal']} of {result['window_days']} days at or above {result['threshold']:g}"
    return [
        Table(
            "measures",
            f"Agreement with {result['criterion']}",
            f"95% intervals that count subjects in brackets. The line: {line}.",
            ("measure", *(name for name, _ in groups)),
            [*counts, *measures],
        ),
        Table(
            "calibration",
            "Calibration",
            "Fifths of the signal, everyone.",
            ("mean signal", "outcomes", "positive"),
            [
                (f"{row['signal']:.3f}", f"{row['n']:,}", number(row["positive"], interval=True))
                for row in result["everyone"]["calibration"]
            ],
        ),
        Table(
            "left_out",
            "Rows left out",
            f"Of {result['counts']['n_rows']:,} rows of the file {result['everyone']['n']:,} outcomes were used.",
            ("rows", "number"),
            [(title, f"{result['counts'][name]:,}") for name, title in LEFT_OUT.items()],
        ),
    ]


def page(result: Json) -> str:
    """The page as HTML."""
    rows = result["everyone"]["calibration"]
    return offline.render(
        "evaluation/outcomes.html",
        {"curve": _curve(rows)} if rows else {},
        Words(),
        (offline.STYLE, "evaluation/evaluation.css"),
        title="Validation against outcomes",
        lead=f"{result['everyone']['n']:,} outcomes of {result['everyone']['n_subjects']:,} subjects, model "
        f"{result['model_id'][:12]}.",
        criterion=result["criterion"],
        curve=bool(rows),
        no_curve=f"Undefined: {result['everyone']['auroc'].get('reason', 'no outcome')}.",
        tables=tables(result),
    )


def _measure(metric: Json) -> str:
    if metric["value"] is None:
        return f"undefined: {metric['reason']}"
    return number(metric, interval=True) + (
        f" (no interval: {metric['no_interval']})" if "no_interval" in metric else ""
    )


def _curve(rows: list[dict[str, Any]]) -> alt.TopLevelMixin:
    frame = pl.DataFrame(
        {
            "signal": [row["signal"] for row in rows],
            "share": [row["positive"]["value"] for row in rows],
            "low": [row["positive"].get("low") for row in rows],
            "high": [row["positive"].get("high") for row in rows],
        },
        schema=dict.fromkeys(("signal", "share", "low", "high"), pl.Float64),
    )
    x = alt.X("signal:Q", title="mean signal before the outcome", scale=alt.Scale(domain=[0, 1]))
    y: dict[str, Any] = {"scale": alt.Scale(domain=[0, 1]), "axis": axes.percent_axis(), "title": None}
    base = alt.Chart(frame)
    bars = base.mark_rule(color=FOR_CSS.high[0]).encode(x=x, y=alt.Y("low:Q", **y), y2=alt.Y2("high:Q"))
    line = base.mark_line(color=FOR_CSS.high[0], point=alt.OverlayMarkDef(color=FOR_CSS.high[0])).encode(
        x=x, y=alt.Y("share:Q", **y)
    )
    return alt.layer(bars, line).properties(width="container", height=300)

"""Save an evaluation's metrics in the database, for the score card of the model in reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from jobs.evaluation.quality_gate import metrics_of
from jobs.pipeline.run import record_model
from monitor.database import store
from monitor.database.connection import Database
from monitor.database.evaluation_file import EVALUATION_COLUMNS
from monitor.database.statements import utc_now


def write_metrics(db: Database, results: Mapping[str, Any], models: list[Any]) -> int:
    """Replace the rows of each method in `evaluations` by its metrics in metrics.json; returns the number of rows.

    The baselines have no model; they are written once for each model.

    Raises:
        StoreError: the database cannot be written.
    """
    now = utc_now()
    for model in models:
        record_model(db, model)
    rows = [row for model in models for row in _rows(results["methods"], model.model_id)]
    rows += _word_rows(results.get("faithfulness", []))
    source = results["data"]["source"]
    frame = pl.DataFrame([(*row, source, now) for row in rows], schema=EVALUATION_COLUMNS, orient="row")
    with db.writing() as con:
        store.replace_evaluations(con, frame)
    return frame.height


def _rows(methods: list[dict[str, Any]], model_id: str) -> Iterator[tuple[Any, ...]]:
    for method in methods:
        if method["model_id"] in (None, model_id):
            for split, metrics in metrics_of(method).items():
                n = method["emotion"][split]["n"]
                for name, metric in metrics.items():
                    fields = [metric.get(key) for key in ("value", "low", "high", "reason")]
                    yield (model_id, split, method["key"], name, *fields, n)


def _word_rows(sets: list[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Rows of the faithfulness of each kind of words; the name of the texts comes first."""
    for texts in sets:
        for method, metrics in texts["methods"].items():
            for name, metric in metrics.items():
                fields = [metric.get(key) for key in ("value", "low", "high", "reason")]
                yield (texts["model_id"], "test", f"words_{method}", f"{texts['texts']}_{name}", *fields, texts["n"])

"""Results of an evaluation in the database, so that reports can show the score card of the model in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from jobs.evaluation.quality_gate import metrics_of
from jobs.pipeline.run import remember_model
from monitor.database import store
from monitor.database.connection import Database
from monitor.database.statements import utc_now


def write_evaluations(db: Database, found: Mapping[str, Any], models: list[Any]) -> int:
    """Put every metric of metrics.json into `evaluations`, in place of what its method had; returns how many.

    The floors, which have no model, are written beside each model.

    Raises:
        StoreError: the database cannot be written.
    """
    now = utc_now()
    for model in models:
        remember_model(db, model)
    rows = [row for model in models for row in _rows(found["methods"], model.model_id)]
    told = [(*row, found["data"]["source"], now) for row in rows]
    frame = pl.DataFrame(told, schema=store.EVALUATION_COLUMNS, orient="row")
    with db.writing() as con:
        store.replace_evaluations(con, frame)
    return frame.height


def _rows(methods: list[dict[str, Any]], model_id: str) -> Iterator[tuple[Any, ...]]:
    for method in methods:
        if method["model_id"] in (None, model_id):
            for split, metrics in metrics_of(method).items():
                n = method["emotion"][split]["n"]
                for name, metric in metrics.items():
                    known = [metric.get(key) for key in ("value", "low", "high", "reason")]
                    yield (model_id, split, method["key"], name, *known, n)

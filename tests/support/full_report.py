"""A database with everything that a report shows: two cohorts, alerts, a judged run, an evaluation, a gap."""

import datetime as dt
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from jobs.pipeline.report_inputs import collect_inputs
from monitor.alerts.rules import AlertRules
from reports.risk import html, pages
from reports.risk.inputs import Inputs, Options
from reports.style import axes
from tests.support import fake_feed

FIRST = "subjects/Zuzi8.html"  # the person of the first place; codes of a test are drawn alike each time
CHARTS = {
    "index.html": (
        *("cohort_1", "cohort_2", "risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"),
    ),
    "cohort-1.html": ("risk_trend", "risk_levels", "emotion_mix"),
    "people.html": (),
    "alerts.html": ("alert_bars",),
    "model.html": (),
    "subjects.html": (),
    FIRST: ("course",),
}
LAST = fake_feed.START + dt.timedelta(days=119)
MEASURED = {
    "few_shot_2": {"accuracy": 0.529, "macro_f1": 0.414},
    "generate": {"accuracy": 0.498, "macro_f1": 0.419},
    "fine_tuned": {
        "accuracy": 0.936,
        "macro_f1": 0.908,
        "risk_macro_f1": 0.968,
        "risk_auroc": 0.999,
        "ece": 0.023,
    },
    "majority": {
        "accuracy": 0.348,
        "macro_f1": 0.086,
        "risk_macro_f1": 0.21,
        "risk_auroc": None,
        "ece": 0.012,
    },
}


def fill(con: duckdb.DuckDBPyConnection, subjects: int = 40, south: str = "south") -> None:
    """Fill the database with two cohorts, each with every second subject, up to the day LAST."""
    fake_feed.add_courses(con, subjects)
    con.execute("UPDATE scores SET cohort = 'north'")
    con.execute("UPDATE scores SET cohort = ? WHERE right(subject_id, 1) IN ('0', '2', '4', '6', '8')", [south])
    con.execute("DELETE FROM scores WHERE CAST(posted_at AS DATE) IN (DATE '2026-03-10', DATE '2026-03-11')")
    con.execute("UPDATE documents SET text = 'text of ' || doc_id")
    fake_feed.update_alerts(con, LAST, AlertRules(), "run-1")
    con.execute(
        "INSERT INTO runs BY NAME SELECT 'run-1' AS run_id, 'nightly' AS job, 'done' AS status, $model AS model_id,"
        " TIMESTAMP '2026-05-05 02:15' AS started_at, 'yellow' AS quality,"
        """ '["7.5% of the rows were rejected", "<b>bold</b>"]' AS findings""",
        {"model": fake_feed.MODEL},
    )
    rows = [
        (method, metric, value, "no probabilities" if value is None else None)
        for method, metrics in MEASURED.items()
        for metric, value in metrics.items()
    ]
    frame = pl.DataFrame(rows, schema=["method", "metric", "value", "reason"], orient="row")
    con.register("measured", frame)
    con.execute(
        "INSERT INTO evaluations BY NAME SELECT *, $model AS model_id, 'test' AS split, value - 0.01 AS lo,"
        " value + 0.01 AS hi, 2000 AS n, 'emotion' AS data, TIMESTAMP '2026-05-01' AS evaluated_at FROM measured",
        {"model": fake_feed.MODEL},
    )


@cache
def inputs() -> Inputs:
    """What the report of such a database is made of, with all that is opt-in; it is made once and not changed."""
    with fake_feed.database() as con:
        fill(con)
        found = collect_inputs(con, None, None, Options(show_subjects=True, subject_pages=True, evidence=True))
    assert isinstance(found, Inputs)
    return found


def write(inputs: Inputs, out: Path) -> Path:
    """The report's pages, without pictures and with one page of a person: each of the others takes as long.

    As in a night, their charts are not validated; tests/reports/test_pages.py validates them.
    """
    n_persons = 0
    with axes.unchecked():
        for one in pages.pages(inputs):
            n_persons += one.file.startswith("subjects/")
            if n_persons < 2 or one.file == FIRST:
                html.save(one, inputs.words, out)
    return out

"""Scored texts for tests, inserted into a database: a few by hand, or many that follow given courses."""

import datetime as dt
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import numpy as np
import polars as pl

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts, find_episodes, write_episodes
from monitor.labels import EMOTIONS, RiskMap, score_columns
from monitor.privacy.codes import give_codes
from tests.support.empty_database import in_memory

MODEL = "model-a"
START = dt.date(2026, 1, 5)  # a Monday
COURSES = ("stable", "declining", "drop", "recovering", "episodic")


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory database with the tables."""
    with in_memory() as con:
        yield con


def probabilities(high: float, mid: float = 0.0) -> list[float]:
    """P(emotion) whose risks are high (sadness), mid (anger) and the rest low (joy)."""
    values = {"sadness": high, "anger": mid, "joy": 1.0 - high - mid}
    return [values.get(emotion, 0.0) for emotion in EMOTIONS]


def insert(
    con: duckdb.DuckDBPyConnection,
    subjects: Sequence[str],
    posted: Sequence[dt.datetime],
    p: Sequence[Sequence[float]] | np.ndarray,
    model: str | None = MODEL,
    truncated: Sequence[bool] | None = None,
    cohorts: Sequence[str | None] | None = None,
) -> None:
    """Insert n documents and, unless `model` is None, their scores; p has shape (n, 6); cohorts default to "test"."""
    first = con.sql("SELECT count(*) FROM documents").fetchall()[0][0]
    documents = pl.DataFrame(
        {
            "doc_id": [f"doc-{first + i}" for i in range(len(subjects))],
            "subject_id": subjects,
            "posted_at": posted,
            "source": cohorts or ["test"] * len(subjects),
        },
        schema={
            "doc_id": pl.String,
            "subject_id": pl.String,
            "posted_at": pl.Datetime("us"),
            "source": pl.String,
        },
    )
    con.register("new_documents", documents)
    con.execute(
        "INSERT INTO documents BY NAME SELECT *, 'text' AS text, 'run-1' AS run_id,"
        " TIMESTAMP '2026-06-01' AS ingested_at FROM new_documents"
    )
    give_codes(con, subjects, random.Random(22))
    if model is None or not len(subjects):
        return
    con.execute(
        "INSERT INTO models BY NAME SELECT $id AS model_id, 'emotion-' || $id AS name, 'base' AS base,"
        " 'adapter' AS adapter, 'nf4-dq' AS quantisation, '{}' AS prompt, 1.0 AS temperature,"
        " $rules AS risk_map, TIMESTAMP '2026-06-01' AS first_seen"
        " WHERE NOT EXISTS (FROM models WHERE model_id = $id)",
        {"id": model, "rules": pl.Series([dict(RiskMap().rules)]).struct.json_encode()[0]},
    )
    scores = documents.hstack(pl.DataFrame(score_columns(np.asarray(p, float), RiskMap())))
    scores = scores.with_columns(
        model_id=pl.lit(model),
        cohort=pl.col("source").fill_null("unnamed"),
        n_tokens=pl.lit(12),
        truncated=pl.Series(truncated or [False] * len(subjects)),
        run_id=pl.lit("run-1"),
        scored_at=pl.lit(dt.datetime(2026, 6, 1)),
    )
    con.register("new_scores", scores.drop("source"))
    con.execute("INSERT INTO scores BY NAME SELECT * FROM new_scores")


def add(con: duckdb.DuckDBPyConnection, texts: Iterable[Sequence], model: str | None = MODEL) -> None:
    """Insert texts given as (subject or subject@cohort, "YYYY-MM-DD HH:MM", p_high[, p_mid])."""
    rows = list(texts)
    who = [row[0].partition("@") for row in rows]
    insert(
        con,
        [subject for subject, _, _ in who],
        [dt.datetime.fromisoformat(row[1]) for row in rows],
        [probabilities(*row[2:]) for row in rows],
        model,
        cohorts=[cohort or "test" for _, _, cohort in who],
    )


def level(course: str, day: int, days: int, phase: float) -> float:
    """Mean log-odds of sadness of a course on a day."""
    t = day / max(days - 1, 1)
    return {
        "stable": -1.3,
        "declining": -1.5 + 3.0 * t,
        "drop": -1.4 if t < 0.72 else 1.4,
        "recovering": 1.2 - 2.8 * t,
        "episodic": -1.3 + 2.4 * (math.sin(2 * math.pi * (day / 30 + phase)) > 0.55),
    }[course]


def add_courses(con: duckdb.DuckDBPyConnection, subjects: int = 30, days: int = 120, seed: int = 7) -> None:
    """Insert a realistic feed: each of `subjects` people writes 1.4 texts a day and follows a course."""
    rng = np.random.default_rng(seed)
    hours = np.array([1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 10, 9, 8, 8, 9, 11, 13, 15, 16, 14, 9, 4], float)
    who: list[str] = []
    when: list[dt.datetime] = []
    logits: list[np.ndarray] = []
    for subject in range(subjects):
        course = "stable" if subject % 3 == 0 else COURSES[1 + subject % 4]
        phase, own = rng.uniform(), rng.normal(0, 0.35)
        for day in range(days):
            for _ in range(rng.poisson(1.4)):
                hour = int(rng.choice(24, p=hours / hours.sum()))
                at = dt.datetime.combine(START + dt.timedelta(day), dt.time(hour, int(rng.integers(60))))
                night = 0.5 if hour < 6 or hour > 21 else 0.0
                means = np.array([level(course, day, days, phase) + own + night, 0.4, -0.6, -0.4, -0.5, -1.6])
                who.append(f"demo-{subject + 1:02d}")
                when.append(at)
                logits.append(means + rng.normal(0, 1.6, 6))
    values = np.exp(np.array(logits))
    insert(con, who, when, values / values.sum(axis=1, keepdims=True))


def update_alerts(
    con: duckdb.DuckDBPyConnection, as_of: dt.date, rules: AlertRules, run_id: str, model: str = MODEL
) -> AlertCounts:
    """Apply the rules to a model's scores up to a day, and write the alerts."""
    return write_episodes(con, find_episodes(con, model, as_of, rules), model, as_of, run_id, rules)

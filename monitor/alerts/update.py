"""TODO"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import duckdb
import polars as pl

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts, find_episodes, keep_episodes
from monitor.database import ledger
from monitor.database.connection import Database
from monitor.database.statements import utc_now
from monitor.windows import window_queries


class Found(NamedTuple):
    """What the rules find in the scores of a model up to a day: sql/alerts/episodes.sql."""

    model_id: str
    as_of: dt.date
    episodes: pl.DataFrame


def refresh(db: Database, model_id: str, rules: AlertRules, run_id: str) -> AlertCounts:
    """Bring the alerts of a model up to date with its scores up to today; the write lock is held for a moment only.

    The caller holds `database.only_writer`.
    """
    with db.reading() as con:
        found = look(con, model_id, rules)
    return keep(db, found, run_id)


def look(con: duckdb.DuckDBPyConnection, model_id: str, rules: AlertRules) -> Found:
    """What the rules find.

    The last day looked at is the last with a scored text, so that a feed that stopped closes nothing.
    """
    today = utc_now().date()
    coverage = window_queries.run(con, "model_coverage", until=today).to_dicts()
    last: dt.datetime | None = next(
        (row["last_posted"] for row in coverage if row["model_id"] == model_id), None
    )
    as_of = last.date() if last else today
    return Found(model_id, as_of, find_episodes(con, model_id, as_of, rules))


def keep(db: Database, found: Found, run_id: str) -> AlertCounts:
    """Make the alerts say what was found. The caller holds `database.only_writer`.

    Raises:
        StoreError: the database cannot be written, or is another than the one the run began with.
    """
    with db.writing() as con:
        ledger.count_in_run(con, run_id)  # nothing, but in the run's line, which another database lacks
        return keep_episodes(con, found.episodes, found.model_id, found.as_of, run_id)


def in_use(db: Database) -> dict[str, Any] | None:
    """The row of sql/windows/model_coverage.sql of the model that scored last; None where nothing is scored."""
    with db.reading() as con:
        rows = window_queries.run(con, "model_coverage", until=utc_now().date()).to_dicts()
    return next((row for row in rows if row["last_scored"]), None)

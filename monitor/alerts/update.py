"""Bring a model's alerts up to date with its scores: read the scores, apply the rules, write the alerts."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from typing import Any, NamedTuple

import duckdb
import polars as pl

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts, find_episodes, write_episodes
from monitor.database import ledger
from monitor.database.connection import Database
from monitor.database.statements import utc_now
from monitor.windows import window_queries

logger = logging.getLogger(__name__)


class ModelEpisodes(NamedTuple):
    """The episodes that the rules raise from a model's scores up to a day; columns of sql/alerts/episodes.sql."""

    model_id: str
    as_of: dt.date
    episodes: pl.DataFrame
    rules: AlertRules


def refresh_alerts(db: Database, model_id: str, rules: AlertRules, run_id: str) -> AlertCounts:
    """Bring the alerts of a model up to date. The database is locked for writing only while the alerts are written.

    The caller holds `database.only_writer`.

    Raises:
        StoreError: as `write_alerts`.
    """
    with db.reading() as con:
        episodes = apply_rules(con, model_id, rules)
    return write_alerts(db, episodes, run_id)


def apply_rules(con: duckdb.DuckDBPyConnection, model_id: str, rules: AlertRules) -> ModelEpisodes:
    """Apply the rules to a model's scores up to its last scored day, so that a feed that stopped closes no alert.

    A crisis text that is dated later than its score counts at once. If the day on which it counts is after the last
    scored day, the update reaches to that day.
    """
    _warn_of_unknown(con, {*rules.measures, *rules.fusion} - {"text"})
    today = utc_now().date()
    coverage = window_queries.run(con, "model_coverage", until=today).to_dicts()
    last: dt.datetime | None = next((row["last_posted"] for row in coverage if row["model_id"] == model_id), None)
    as_of = last.date() if last else today
    episodes = find_episodes(con, model_id, as_of, rules, crises_until=today)
    return ModelEpisodes(model_id, max([as_of, *episodes["last_day"]]), episodes, rules)


def _warn_of_unknown(con: duckdb.DuckDBPyConnection, named: Collection[str]) -> None:
    """Warn of measures in the settings that the database lacks. A misspelt measure would never raise an alert."""
    if not named:
        return
    stored = {name for (name,) in con.execute("SELECT DISTINCT name FROM measures").fetchall()}
    if unknown := sorted(set(named) - stored):
        there = ", ".join(sorted(stored)) or "none"
        logger.warning("alerts: no measure is called %s; there are: %s", ", ".join(unknown), there)


def write_alerts(db: Database, new: ModelEpisodes, run_id: str) -> AlertCounts:
    """Bring the table `alerts` into agreement with these episodes. The caller holds `database.only_writer`.

    Raises:
        StoreError: the database cannot be written, or it is not the one in which the run started.
    """
    with db.writing() as con:
        ledger.count_in_run(con, run_id)  # adds nothing, but raises if this database lacks the run's line
        counts = write_episodes(con, new.episodes, new.model_id, new.as_of, run_id, new.rules)
    if counts.left:
        logger.warning(
            "alerts: %d open alerts of the model before this one are not found again, as answers or limits differ; "
            "pages show them no more, so look at their people once: %s",
            counts.left,
            ", ".join(counts.left_people) or "they have no codes yet",
        )
    return counts


def latest_model(db: Database) -> dict[str, Any] | None:
    """The row of sql/windows/model_coverage.sql of the model that scored last; None if nothing is scored."""
    with db.reading() as con:
        rows = window_queries.run(con, "model_coverage", until=utc_now().date()).to_dicts()
    return next((row for row in rows if row["last_scored"]), None)

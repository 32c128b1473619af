"""Early warning: what the rules of sql/alerts find, and the state of each alert in the table `alerts`.

The rules are windows over scores that look back alone, so running them once over a whole feed gives what nightly
runs would have raised day by day, and running them again after late rows puts right what those change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from monitor.alerts.rules import RULES, AlertRules
from monitor.database.statements import execute, query, statement, utc_now
from monitor.errors import DataError


@dataclass(frozen=True)
class AlertCounts:
    """What an update did: alerts raised, alerts closed (withdrawn ones too), and how many are not closed now.

    Episodes that began and ended before the update saw them are kept as closed alerts and counted in none.
    """

    raised: int
    closed: int
    open: int


def update_alerts(
    con: duckdb.DuckDBPyConnection, model_id: str, as_of: dt.date, rules: AlertRules, run_id: str
) -> AlertCounts:
    """Make the table `alerts` say what the rules say of this model's scores; doing it again changes nothing.

    Args:
        con: a connection that may write; the caller commits.
        model_id: whose scores.
        as_of: the last day to look at; alerts opened later are left alone.
        rules: the numbers of the rules.
        run_id: the run that answers for the alerts raised now.
    """
    return keep_episodes(con, find_episodes(con, model_id, as_of, rules), model_id, as_of, run_id)


def find_episodes(
    con: duckdb.DuckDBPyConnection,
    model_id: str,
    as_of: dt.date,
    rules: AlertRules,
    only: Sequence[str] = RULES,
) -> pl.DataFrame:
    """Every episode that a rule (`only` these) finds (sql/alerts/episodes.sql), with its rule and threshold."""
    known = {**rules.model_dump(), "model_id": model_id, "as_of": as_of}
    frames = []
    for rule in only:
        signals = statement(f"alerts/{rule}")
        con.execute(f"CREATE OR REPLACE TEMP TABLE signals AS {signals.sql}", signals.pick(known))
        # the two other rules need no confirmation: one sums up, the other counts days
        confirm = {"confirm_days": rules.confirm_days if rule == "level" else 1}
        found = query(con, "alerts/episodes", **statement("alerts/episodes").pick(known | confirm))
        frames.append(found.with_columns(rule=pl.lit(rule), threshold=pl.lit(rules.limit(rule))))
    con.execute("DROP TABLE temp.signals")
    return pl.concat(frames)


def keep_episodes(
    con: duckdb.DuckDBPyConnection, episodes: pl.DataFrame, model_id: str, as_of: dt.date, run_id: str
) -> AlertCounts:
    """Reconcile the table with these episodes; arguments and result as `update_alerts`."""
    con.register("episodes", episodes)
    known = {"model_id": model_id, "as_of": as_of, "run_id": run_id, "now": utc_now()}
    changes = query(con, "alerts/reconcile", **statement("alerts/reconcile").pick(known))
    con.register("changes", changes)
    execute(con, "alerts/write_alerts")
    execute(con, "alerts/note_update", model_id=model_id, run_id=run_id)
    is_open = pl.col("state") != "closed"
    ((n_open,),) = con.execute(
        "SELECT count(*) FROM alerts WHERE model_id = ? AND state <> 'closed'", [model_id]
    ).fetchall()
    return AlertCounts(
        raised=changes.filter(is_open, pl.col("old_state").is_null()).height,
        closed=changes.filter(~is_open, pl.col("old_state") != "closed").height,
        open=n_open,
    )


def acknowledge(con: duckdb.DuckDBPyConnection, alert: str) -> str:
    """Note that somebody has seen an open alert; returns its whole alert_id.

    Args:
        con: a connection that may write.
        alert: an alert_id, or the start of one.

    Raises:
        DataError: no such alert, several that begin so, or one that is not open.
    """
    if not alert.strip():
        raise DataError(
            "no alert is named; give the id of one, or its start, as `risk-monitor alerts` lists them"
        )
    found = con.execute(
        "SELECT alert_id, state, state_changed_at FROM alerts WHERE starts_with(alert_id, ?)", [alert.strip()]
    ).fetchall()
    if len(found) != 1:
        what = f"{len(found)} alerts begin so; give more of the id" if found else "there is no such alert"
        raise DataError(f"alert {alert!r}: {what}")
    ((alert_id, state, since),) = found
    if state != "open":
        raise DataError(
            f"alert {alert!r} is {state} already, since {since:%Y-%m-%d %H:%M} UTC; only open ones are acknowledged"
        )
    execute(con, "alerts/acknowledge", alert_id=alert_id, now=utc_now())
    return str(alert_id)


def untold(con: duckdb.DuckDBPyConnection, model_id: str) -> int:
    """How many open alerts of a model nobody was told of."""
    return int(query(con, "alerts/untold", model_id=model_id).item())


def mark_told(con: duckdb.DuckDBPyConnection, model_id: str) -> None:
    """Note that somebody was told of the alerts that `untold` counts."""
    execute(con, "alerts/mark_told", model_id=model_id, now=utc_now())

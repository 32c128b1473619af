"""The episodes that the rules of sql/alerts raise, and the state of each alert in the table `alerts`.

The rules are windows that look only back. One run over a whole feed therefore raises the same alerts as a run each
night would have raised, and another run after late rows corrects what those rows change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from monitor.alerts.rules import AlertRules
from monitor.database.statements import execute, query, statement, utc_now


@dataclass(frozen=True)
class AlertCounts:
    """Numbers of alerts that an update changed.

    Attributes:
        raised: new ones that are not closed; an alert that an earlier model raised is not new.
        closed: those that it closed or withdrew.
        open: those that are not closed after it, new or not.
        reopened: closed ones that are not closed any more.
        over: new ones whose episode had ended before the first update that saw it; they are closed at once.
        left: those of the model before this one that were not closed, and that this model does not raise.
        left_people: the codes of their people.
    """

    raised: int
    closed: int
    open: int
    reopened: int = 0
    over: int = 0
    left: int = 0
    left_people: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As the commands print them; what is rare is left out if it is 0."""
        rare = [
            f"{n:,} {name}" for n, name in ((self.reopened, "reopened"), (self.over, "over when it was found")) if n
        ]
        left = [f"{self.left:,} open ones of the model before are not found again"] if self.left else []
        numbers = [f"{self.raised:,} raised", *rare, f"{self.closed:,} closed", f"{self.open:,} not closed", *left]
        return ", ".join(numbers)


def find_episodes(
    con: duckdb.DuckDBPyConnection,
    model_id: str,
    as_of: dt.date,
    rules: AlertRules,
    only: Sequence[str] | None = None,
    crises_until: dt.date | None = None,
) -> pl.DataFrame:
    """Every episode that the rules in `only` (None: all in use) raise.

    Columns of sql/alerts/episodes.sql, rule and threshold. Crisis texts count up to the day `crises_until` (None:
    as_of), although every alert ends as of the day as_of.
    """
    values = {**rules.parameters(), "model_id": model_id, "as_of": as_of}
    frames = []
    for rule in rules.in_use if only is None else only:
        signals = statement(f"alerts/{rule}")
        until = crises_until if rule == "crisis" and crises_until else as_of
        con.execute(f"CREATE OR REPLACE TEMP TABLE signals AS {signals.sql}", signals.pick(values | {"as_of": until}))
        # The other rules need no confirmation: change adds up many texts, sustained counts days, crisis needs one
        # text.
        confirm = {"confirm_days": rules.confirm_days if rule == "level" else 1}
        episodes = query(con, "alerts/episodes", **statement("alerts/episodes").pick(values | confirm))
        frames.append(episodes.with_columns(rule=pl.lit(rule), threshold=pl.lit(rules.limit(rule))))
    con.execute("DROP TABLE temp.signals")
    return pl.concat(frames)


def count_days(con: duckdb.DuckDBPyConnection, model_id: str, as_of: dt.date, rules: AlertRules) -> pl.DataFrame:
    """Numbers of subject-days, and of those on which each rule could have raised an alert;
    sql/alerts/could_fire.sql.
    """
    values = {**rules.model_dump(), "model_id": model_id, "as_of": as_of}
    return query(con, "alerts/could_fire", **statement("alerts/could_fire").pick(values))


def write_episodes(
    con: duckdb.DuckDBPyConnection,
    episodes: pl.DataFrame,
    model_id: str,
    as_of: dt.date,
    run_id: str,
    rules: AlertRules,
) -> AlertCounts:
    """Bring the table `alerts` into agreement with these episodes; a second call changes nothing.

    What people did about the alerts of an earlier model follows into this model's alerts of the same episodes.

    Args:
        con: a connection that may write; the caller commits.
        episodes: as `find_episodes` returns them.
        model_id: the model whose scores raised them.
        as_of: the last day that the rules have read. Alerts opened later do not change, unless the model has no
            scored text from the day after as_of to the day of the alert: these are withdrawn.
        run_id: the run that new alerts name as theirs.
        rules: the limits that raised them; the view `subjects_now` applies them.
    """
    con.register("episodes", episodes)
    values = {"model_id": model_id, "as_of": as_of, "run_id": run_id, "now": utc_now()}
    changes = query(con, "alerts/reconcile", **statement("alerts/reconcile").pick(values))
    con.register("changes", changes)
    execute(con, "alerts/write_alerts")
    execute(con, "alerts/take_over_log")
    left = query(con, "alerts/left_behind", model_id=model_id)
    note = statement("alerts/note_update")
    con.execute(note.sql, note.pick({**rules.parameters(), **values}))
    is_open = pl.col("state") != "closed"
    is_new = pl.col("old_state").is_null() & pl.col("earlier_ids").is_null()
    ((n_open,),) = con.execute(
        "SELECT count(*) FROM alerts WHERE model_id = ? AND state <> 'closed'", [model_id]
    ).fetchall()
    return AlertCounts(
        raised=changes.filter(is_open, is_new).height,
        closed=changes.filter(~is_open, pl.col("old_state") != "closed").height,
        open=n_open,
        reopened=changes.filter(is_open, pl.col("old_state") == "closed").height,
        over=changes.filter(~is_open, is_new).height,
        left=int(left["n_alerts"].sum()),
        left_people=tuple(left["code"].drop_nulls()),
    )


def count_unsent(con: duckdb.DuckDBPyConnection, model_id: str) -> tuple[int, int]:
    """Numbers of a model's open alerts without a notification: alerts of all rules, alerts of the crisis rule."""
    n, n_crisis = query(con, "alerts/unsent", model_id=model_id).row(0)
    return n, n_crisis


def mark_sent(con: duckdb.DuckDBPyConnection, model_id: str) -> None:
    """Record that a notification was sent for every alert and crisis text that a message counts."""
    now = utc_now()
    execute(con, "alerts/mark_sent", model_id=model_id, as_of=now.date(), now=now)

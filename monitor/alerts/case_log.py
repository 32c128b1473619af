"""The case log: what people did about alerts, kept as events in the table `case_log`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import duckdb

from monitor.database.statements import execute, utc_now
from monitor.errors import DataError
from monitor.privacy.codes import spelled

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "contacted": "somebody talked with the person",
        "referred": "the person was passed on to other help",
        "known": "the person's trouble was known already",
        "false_alarm": "there was nothing to be seen",
    }
)
"""Outcome of an alert -> its meaning. All but false_alarm count as true alerts."""
NO_ALERT = "-"
MOST_CHARACTERS = {"by": 80, "note": 1000}


def record_case(
    con: duckdb.DuckDBPyConnection,
    word: str,
    *,
    by: str | None = None,
    outcome: str | None = None,
    note: str | None = None,
) -> list[str]:
    """Record that somebody has seen alerts, and what came of them; returns the full alert_ids of these alerts.

    Without an outcome and a note, only open alerts are acknowledged. With either, the event is recorded for an alert
    in any state.

    Args:
        con: a connection that may write; the caller commits.
        word: an alert_id or its first characters; or a person's code, which means their alerts by the model that
            scored last that are not closed, or the newest of these alerts if all are closed.
        by: name of the person who has seen them.
        outcome: one of OUTCOMES; None: the alerts were only seen.
        note: a sentence about the event.

    Raises:
        DataError: no alert or several alerts have such an id, none of them is open, or a value is not allowed.
    """
    _check(by, outcome, note)
    if not word.strip():
        raise DataError(
            "no alert is named; give an id, or its first characters, from the list of `risk-monitor alerts`"
        )
    code = spelled(word)
    of_person = con.execute("FROM codes WHERE code = ? AND subject_id IS NOT NULL", [code]).fetchone()
    start = NO_ALERT if of_person else word.strip().lower()  # a code may also be the start of an alert_id
    rows = execute(con, "alerts/named_alerts", start=start, code=code).fetchall()
    if not of_person and len(rows) != 1:
        what = f"{len(rows)} alerts match; give more of the id" if rows else "there is no such alert or code"
        raise DataError(f"alert {word!r}: {what}")
    if not rows:
        raise DataError(f"{code}: the model that scored last raised no alert about this person that still holds")
    chosen = rows if outcome or note else [row for row in rows if row[1] == "open"]
    if not chosen:
        _, state, since = rows[0]
        raise DataError(
            f"alert {word!r} is {state} already, since {since:%Y-%m-%d %H:%M} UTC; only open ones are acknowledged, "
            "and others take an --outcome or a --note"
        )
    now = utc_now()
    for alert_id, state, _ in chosen:
        execute(con, "alerts/log_case", alert_id=alert_id, now=now, by=by, outcome=outcome, note=note)
        if state == "open":
            execute(con, "alerts/acknowledge", alert_id=alert_id, now=now)
    return [str(alert_id) for alert_id, *_ in chosen]


def _check(by: str | None, outcome: str | None, note: str | None) -> None:
    if outcome is not None and outcome not in OUTCOMES:
        raise DataError(f"--outcome {outcome}: there is {', '.join(OUTCOMES)}")
    for name, value in (("by", by), ("note", note)):
        if value is not None and not value.strip():
            raise DataError(f"--{name} is empty; give a text, or leave it out")
        if value is not None and len(value) > MOST_CHARACTERS[name]:
            raise DataError(f"--{name}: {len(value):,} characters; at most {MOST_CHARACTERS[name]:,} are kept")
    if (outcome or note) and by is None:
        raise DataError("--outcome and --note need --by, the name of the person who looked")

"""The ledger: one row of the table `runs` for each run, with its counts, its end and the quality of its input."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Sequence
from contextlib import suppress

import duckdb

from monitor.database.statements import execute, fetch_number, statement, utc_now
from monitor.errors import StoreError

STAMP = "%Y%m%dT%H%M%S.%f"
REPLACED = (
    "the database was deleted or replaced while this run worked on it; bring it back if you can, and run again: "
    "what is missing is read and scored anew"
)


def start_run(con: duckdb.DuckDBPyConnection, job: str, model_id: str | None) -> str:
    """Open a line in the ledger, mark lines of dead runs as failed, and return the new run_id.

    Ids sort in the order of the runs. If the clock was ahead at the last run, the new id is one millisecond after the
    last run's id.
    The caller holds `only_writer`.
    """
    now = utc_now()
    ((last,),) = con.execute("SELECT max(run_id) FROM runs").fetchall()
    stamp = _stamp(now)
    if last is not None and stamp <= last[: len(stamp)]:
        with suppress(ValueError):  # another program made this run_id
            stamp = _stamp(dt.datetime.strptime(f"{last[: len(stamp)]}000", STAMP) + dt.timedelta(milliseconds=1))
    run_id = f"{stamp}-{secrets.token_hex(2)}"
    execute(con, "queries/abandon_runs", now=now)
    execute(con, "queries/start_run", run_id=run_id, job=job, model_id=model_id, now=now)
    return run_id


def _stamp(time: dt.datetime) -> str:
    """A time to the millisecond, in the form in which a run_id begins."""
    return time.strftime(STAMP)[:-3]


def count_in_run(con: duckdb.DuckDBPyConnection, run_id: str, **counts: int) -> None:
    """Add a chunk's counts to its run; call it in the transaction that appends the chunk.

    Args:
        con: the database.
        run_id: the run.
        counts: parameters of sql/queries/count_in_run.sql; a parameter that is left out counts 0.

    Raises:
        StoreError: the run has no line, so this is not the database in which it started.
    """
    zeros = dict.fromkeys(statement("queries/count_in_run").params, 0)
    _check_line(execute(con, "queries/count_in_run", **{**zeros, **counts, "run_id": run_id}))


def finish_run(con: duckdb.DuckDBPyConnection, run_id: str, status: str = "done", message: str | None = None) -> None:
    """Close a run's line as done, stopped or failed, with a message that holds no text and no subject.

    Raises:
        StoreError: as `count_in_run`.
    """
    _check_line(execute(con, "queries/finish_run", run_id=run_id, status=status, message=message, now=utc_now()))


def judge_run(con: duckdb.DuckDBPyConnection, run_id: str, quality: str, findings: Sequence[str]) -> None:
    """Write the quality of a run's input (green, yellow or red) and its findings into the run's line.

    Raises:
        StoreError: as `count_in_run`.
    """
    _check_line(execute(con, "queries/judge_run", run_id=run_id, quality=quality, findings=json.dumps(findings)))


def last_night(con: duckdb.DuckDBPyConnection, job: str) -> dt.datetime | None:
    """Start (UTC) of the job's last finished run, or of its first run if none finished; None if it never ran."""
    row = execute(con, "queries/last_night", job=job, now=utc_now()).fetchone()
    return row[0] if row else None


def _check_line(updated: duckdb.DuckDBPyConnection) -> None:
    if not fetch_number(updated):
        raise StoreError(REPLACED)

"""Print whether the runs are in order: a few lines for people, an exit code for monitoring tools.

risk-monitor status --db risk.duckdb        exit code 0: in order · 3: late, failed or red · 2: your mistake
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import GATE_FIRED, run
from jobs.console.progress import format_duration, without_control_characters
from jobs.console.shared_options import DatabaseOption
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.database.statements import query, utc_now
from monitor.errors import ConfigError
from monitor.settings import DEFAULT_FILE, load_settings, load_variables


def read_health(db: Database, late_hours: float, now: dt.datetime | None = None) -> dict[str, Any]:
    """The row of sql/queries/status.sql, with `hours` since the last finished run, and `problems`.

    Args:
        db: the database.
        late_hours: the last run is late if it ended this many hours ago.
        now: UTC; None: the time now.

    Raises:
        StoreError: the database cannot be read.
    """
    with db.reading() as con:
        now = now or utc_now()  # read after the wait for the database, because a run may have ended meanwhile
        status: dict[str, Any] = query(con, "queries/status", now=now).row(0, named=True)
    status["findings"] = json.loads(status["findings"] or "[]")
    ended = status["done_finished"]
    hours = None if ended is None else (now - ended).total_seconds() / 3600
    problems = []
    if hours is None:
        problems.append("late: no run was ever done")
    elif hours >= late_hours:
        problems.append(f"late: the last run that was done ended {hours:,.1f} hours ago ({late_hours:g} are allowed)")
    if status["last_status"] == "failed":
        problems.append(f"failed: {status['last_message']}")
    if status["quality"] == "red":
        problems.append("red: the input of the last run that was done")
    return {**status, "hours": hours, "problems": problems}


def print_health(status: dict[str, Any]) -> None:
    """Print the result of `read_health` in a few lines."""
    last = (
        f"{status['last_job']} {status['last_status']}, {_utc(status['last_finished'])}"
        if status["last_job"]
        else "none"
    )
    if status["running_since"]:
        last += f"; one runs since {_utc(status['running_since'])}"
    since = "never" if status["hours"] is None else f"{format_duration(status['hours'] * 3600)} ago"
    lines = {
        "last run": last,
        "last done": f"{since}; {status['n_failed_since']:,} failed since",
        "rows": f"{status['n_documents']:,} documents, {status['n_scores']:,} scores, "
        f"{status['n_rejects']:,} rejects",
        "lag": f"{status['n_unscored']:,} documents not scored",
        "alerts": f"{status['n_open_alerts']:,} not closed"
        + ("; the rules have not read every score yet" if status["alerts_current"] is False else ""),
        "quality": "; ".join([status["quality"] or "not judged", *status["findings"]]),
    }
    console = Console()
    for name, value in lines.items():
        console.print(Text(f"  {name:<10}  {without_control_characters(value)}"), soft_wrap=True)
    for problem in status["problems"]:
        console.print(Text(f"  {without_control_characters(problem)}", style="red"), soft_wrap=True)
    console.print(Text(f"  {NOT_A_DIAGNOSIS}", style="dim"), soft_wrap=True)


def _in_utc(time: dt.datetime) -> str:
    return time.replace(tzinfo=dt.UTC).isoformat()


def _utc(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def command(
    db: DatabaseOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in TOML, which say when a run is late (default without --db: risk-monitor.toml here)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print whether the runs are in order: the last one, rows, lag, failures, quality. Exit code 3 if not."""
    if db is None and config is None and not DEFAULT_FILE.exists():
        raise ConfigError("name the database with --db, or the settings with --config")
    settings = load_variables() if db and not config else load_settings(config)
    status = read_health(Database(db or settings.db), settings.late_hours)
    if as_json:
        typer.echo(json.dumps({**status, "note": NOT_A_DIAGNOSIS}, default=_in_utc, ensure_ascii=False))
    else:
        print_health(status)
    if status["problems"]:
        raise typer.Exit(GATE_FIRED)


if __name__ == "__main__":
    run(command)

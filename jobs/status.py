"""Whether the runs are well, in a few lines and an exit code, for people and for what watches over them.

risk-monitor status --db risk.duckdb        exit code 0: well · 3: late, failed or red · 2: a mistake of yours
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
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.database.statements import query, utc_now
from monitor.errors import ConfigError
from monitor.settings import DEFAULT_FILE, Settings, load_settings


def read_health(db: Database, late_hours: float, now: dt.datetime | None = None) -> dict[str, Any]:
    """The row of sql/queries/status.sql, with `hours` since the last run that was done, and `problems`.

    Args:
        db: the database.
        late_hours: from where on hours are a problem.
        now: UTC.

    Raises:
        StoreError: the database cannot be read.
    """
    with db.reading() as con:
        now = now or utc_now()  # not before: a run may have ended while this waited to read
        found: dict[str, Any] = query(con, "queries/status", now=now).row(0, named=True)
    found["findings"] = json.loads(found["findings"] or "[]")
    ended = found["done_finished"]
    hours = None if ended is None else (now - ended).total_seconds() / 3600
    problems = []
    if hours is None:
        problems.append("late: no run was ever done")
    elif hours >= late_hours:
        problems.append(
            f"late: the last run that was done ended {hours:,.1f} hours ago ({late_hours:g} are allowed)"
        )
    if found["last_status"] == "failed":
        problems.append(f"failed: {found['last_message']}")
    if found["quality"] == "red":
        problems.append("red: the input of the last run that was done")
    return {**found, "hours": hours, "problems": problems}


def print_health(found: dict[str, Any]) -> None:
    """Print it for people."""
    last = (
        f"{found['last_job']} {found['last_status']}, {_utc(found['last_finished'])}"
        if found["last_job"]
        else "none"
    )
    if found["running_since"]:
        last += f"; one runs since {_utc(found['running_since'])}"
    since = "never" if found["hours"] is None else f"{format_duration(found['hours'] * 3600)} ago"
    lines = {
        "last run": last,
        "last done": f"{since}; {found['n_failed_since']:,} failed since",
        "rows": f"{found['n_documents']:,} documents, {found['n_scores']:,} scores, {found['n_rejects']:,} rejects",
        "lag": f"{found['n_unscored']:,} documents not scored",
        "alerts": f"{found['n_open_alerts']:,} not closed"
        + ("; the rules have not looked at every score yet" if found["alerts_current"] is False else ""),
        "quality": "; ".join([found["quality"] or "not judged", *found["findings"]]),
    }
    console = Console()
    for name, value in lines.items():
        console.print(Text(f"  {name:<10}  {without_control_characters(value)}"), soft_wrap=True)
    for problem in found["problems"]:
        console.print(Text(f"  {without_control_characters(problem)}", style="red"), soft_wrap=True)
    console.print(Text(f"  {NOT_A_DIAGNOSIS}", style="dim"), soft_wrap=True)


def _in_utc(time: dt.datetime) -> str:
    return time.replace(tzinfo=dt.UTC).isoformat()


def _utc(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def command(
    db: Annotated[
        Path | None, typer.Option(help="The database file (default: that of the settings).")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in TOML, which say when a run is late (default without --db: risk-monitor.toml here)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether the runs are well: the last one, rows, lag, failures, quality. Exit code 3 where they are not."""
    if db is None and config is None and not DEFAULT_FILE.exists():
        raise ConfigError("name the database with --db, or the settings with --config")
    settings = Settings() if db and not config else load_settings(config)
    found = read_health(Database(db or settings.db), settings.late_hours)
    if as_json:
        typer.echo(json.dumps({**found, "note": NOT_A_DIAGNOSIS}, default=_in_utc, ensure_ascii=False))
    else:
        print_health(found)
    if found["problems"]:
        raise typer.Exit(GATE_FIRED)


if __name__ == "__main__":
    run(command)

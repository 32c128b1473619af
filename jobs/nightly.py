"""The unattended run: read what is new in the inbox, score what is not scored, write the report.

risk-monitor nightly --config risk-monitor.toml

Run it from cron as often as you like: two never overlap, and each completes what an earlier one left undone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from jobs.console.app import run
from jobs.console.progress import print_note
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_new import Scorer
from jobs.pipeline.summary import print_summary
from monitor.database.connection import Database
from monitor.settings import Settings, load_settings

if TYPE_CHECKING:
    pass


def run_nightly(settings: Settings, load: Callable[[], Scorer]) -> None:
    """One run, and what it did in a few lines; `load` opens the model."""
    print_note(f"nightly run of {dt.datetime.now(ZoneInfo(settings.time_zone)):%Y-%m-%d %H:%M %Z}")
    done = run_pipeline(settings, load)
    print_summary(done.counts, Database(settings.db), done.model, done.page, done.judged, done.alerts)


def command(
    config: Annotated[
        Path | None, typer.Option(help="Settings in TOML (default: risk-monitor.toml here, if there is one).")
    ] = None,
) -> None:
    """Read what is new in the inbox, score what is not scored yet, write the report."""
    settings = load_settings(config)
    run_nightly(
        settings, lambda: open_scorer(settings.model, settings.device, settings.risk_map, settings.weights)
    )


if __name__ == "__main__":
    run(command)

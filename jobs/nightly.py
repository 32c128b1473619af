"""The unattended run: read what is new in the inbox, score what is not scored, write the report.

risk-monitor nightly --config risk-monitor.toml

Run it from cron as often as you like: two never overlap, and each completes what an earlier one left undone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from jobs.cli import run
from jobs.inbox import whole_files
from jobs.ingest import Tally, ingest
from jobs.progress import note
from jobs.report import write_report
from jobs.score import Scorer, open_scorer, score_pending, scoring_run
from jobs.summary import print_summary
from monitor.settings import Settings, load_settings
from reports.inputs import Options

REPORT_SETTINGS = {"threshold", "min_cohort", "min_texts", "show_subjects"}


def night(settings: Settings, load: Callable[[], Scorer]) -> None:
    """One run; `load` opens the model. A file of the inbox that cannot be read is kept as one reject."""
    note(f"nightly run of {dt.datetime.now(ZoneInfo(settings.time_zone)):%Y-%m-%d %H:%M %Z}")
    tally, db = Tally(), settings.db
    with scoring_run(db, "nightly", load) as (scorer, run_id):
        ingest(db, whole_files(settings.inbox, settings.settle_s), run_id, tally, unattended=True)
        score_pending(db, scorer, run_id, tally, settings.chunk_rows)
        options = Options(**settings.model_dump(include=REPORT_SETTINGS))
        page = write_report(db, settings.out, model=scorer.model.model_id, options=options)
    print_summary(tally, db, scorer.model, page)


def command(
    config: Annotated[
        Path | None, typer.Option(help="Settings in TOML (default: risk-monitor.toml here, if there is one).")
    ] = None,
) -> None:
    """Read what is new in the inbox, score what is not scored yet, write the report."""
    settings = load_settings(config)
    night(settings, lambda: open_scorer(settings.model, settings.device, settings.risk_map))


if __name__ == "__main__":
    run(command)

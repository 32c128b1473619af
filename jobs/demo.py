"""Score the built-in synthetic feed with the built-in model and write its reports, in a minute or two.

risk-monitor demo --out out

Each run starts over: it replaces DIR/demo.duckdb, the report about groups and people by code in DIR/report, and the
case report with subject pages and quoted texts in DIR/case-report. Everybody in it is invented.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.progress import format_duration, print_note
from jobs.pipeline.explain_alerts import explain_alerts
from jobs.pipeline.ingest import ingest
from jobs.pipeline.run import open_scorer, scoring_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import Scorer, score_pending
from jobs.pipeline.write_report import write_report
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.update import refresh_alerts
from monitor.database import store
from monitor.database.connection import Database
from monitor.demo.feed import demo_feed_path
from monitor.errors import StoreError
from monitor.labels import EMOTIONS
from monitor.privacy.codes import give_codes
from monitor.windows import window_queries
from reports.risk.inputs import Options

DRAW = 2026  # seed of the codes
REPORTS = ("report", "case-report")  # folders
SAYS_SO = "This is the demo"  # on every page of the demo (reports/risk/pages.py)


def run_demo(out: Path, load: Callable[[], Scorer]) -> None:
    """Make demo.duckdb and both reports in the folder `out`, and print what is in them.

    Raises:
        StoreError: another demo is running in this folder, the folder cannot be written, or a real report lies there.
    """
    db, options = Database(out / "demo.duckdb"), Options(invented=True)
    _start_over(db)
    counts = RunCounts()
    with scoring_run(db, "demo", load, key_file=None) as (scorer, run_id, _):
        model = scorer.model
        ingest(db, [demo_feed_path()], run_id, counts)
        score_pending(db, scorer, run_id, counts)
        alerts = refresh_alerts(db, model.model_id, options.rules, run_id)
        print_note("weighing the words of the texts that the case report quotes")
        while explain_alerts(db, scorer, run_id, options.rules):  # a night would leave some alerts for the next night
            pass
    page, cases = _write_reports(db, out, model.model_id, options)
    with db.reading() as con:
        totals = store.totals(con, model.model_id)
        week, before = window_queries.run(
            con,
            "headline",
            model_id=model.model_id,
            as_of=totals["last_posted"],
            **options.line,
        ).to_dicts()
        (n_subjects,) = con.execute("SELECT count(DISTINCT subject_id) FROM open_alerts").fetchall()[0]
    _print(
        {
            "feed": f"{totals['n']:,} synthetic texts by {totals['n_subjects']} people who do not exist",
            "days": f"{totals['first_posted']:%Y-%m-%d} to {totals['last_posted']:%Y-%m-%d}",
            "model": f"{model.name} {model.model_id[:12]} ({model.quantisation})",
            "scored": f"in {format_duration(counts.scoring_s)}, {counts.n_scored / counts.scoring_s:,.0f} texts/s",
            "emotions": _emotion_shares(totals),
            "risk": ", ".join(f"{level} {totals[f'share_{level}']:.0%}" for level in ("high", "mid", "low")),
            "last week": f"{week['share_high']:.0%} of {week['n']} texts at high risk; "
            f"{before['share_high']:.0%} the week before",
            "alerts": f"{alerts.open} about {n_subjects} people not closed; {week['n_above']} of {week['n_rated']} "
            f"people are at or over the line ({options.threshold:g}) this week",
            "cases": f"{cases}: who first and why, what changed, and a card a person with texts",
            "ask it": f'risk-monitor query "SELECT * FROM scores LIMIT 5" --db {db}',
        },
        page,
    )


def _keep_real_reports(db: Database) -> None:
    """Raise StoreError if the report of a real database lies beside `db`, where the demo writes its own."""
    for page in (db.path.parent / name / "index.html" for name in REPORTS):
        # The pages of an earlier version's demo did not say so, but its database lies beside them.
        if page.exists() and not db.exists() and SAYS_SO not in page.read_text(encoding="utf-8", errors="replace"):
            raise StoreError(f"{page.parent}: holds a report that is not the demo's; name another folder with --out")


def _start_over(db: Database) -> None:
    """Remove the database of an earlier demo, and make one in which people have the same codes in every demo.

    Raises:
        StoreError: another command appended texts to it, another demo is running, or a real report lies beside it.
    """
    _keep_real_reports(db)
    with db.only_writer():
        if db.exists():
            with db.writing() as con:
                others = con.execute("FROM runs WHERE job <> 'demo' AND n_appended > 0 LIMIT 1").fetchone()
            if others:
                raise StoreError(f"{db}: holds texts that are not the demo's; name another folder with --out")
        for old in (db.path, *db.path.parent.glob(f"{db.path.name}.wal*")):
            old.unlink(missing_ok=True)
    people = pl.read_csv(demo_feed_path(), columns=["subject_id"])["subject_id"].unique().to_list()
    with db.writing() as con:
        give_codes(con, people, random.Random(DRAW))


def _write_reports(db: Database, out: Path, model_id: str, options: Options) -> tuple[Path, Path]:
    """Write the report and the case report; returns the path of each index.html."""
    print_note("writing the reports")
    for_staff = replace(options, mode="case", subject_pages=True, evidence=True)
    return (
        write_report(db, out / REPORTS[0], model=model_id, options=options),
        write_report(db, out / REPORTS[1], model=model_id, options=for_staff),
    )


def _emotion_shares(totals: dict[str, Any]) -> str:
    emotions = sorted(EMOTIONS, key=lambda emotion: -totals[emotion])
    return ", ".join(f"{emotion} {totals[emotion]:.0%}" for emotion in emotions)


def _print(lines: dict[str, str], page: Path) -> None:
    console = Console()
    for name, value in lines.items():
        console.print(Text.assemble((f"  {name:<10}  ", "dim"), value), soft_wrap=True)
    console.print(Text(f"  {NOT_A_DIAGNOSIS}", style="dim"), soft_wrap=True)
    console.print(Text(str(page.resolve()), style="bold"), soft_wrap=True)


def command(
    out: Annotated[Path, typer.Option(help="Folder for the database and the reports.")] = Path("out"),
) -> None:
    """Score the built-in synthetic feed with the built-in model and write its reports."""
    run_demo(out, lambda: open_scorer("embedded"))


if __name__ == "__main__":
    run(command)

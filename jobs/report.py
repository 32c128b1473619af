"""Write the offline risk report of a database: pages that need no network, and their pictures.

risk-monitor report --db risk.duckdb --out out/report
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from jobs.console.app import run
from jobs.pipeline.write_report import write_report
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from reports.risk.inputs import Options, Signal
from reports.style.wording import Language


def command(
    db: Annotated[Path, typer.Option(help="The database to read.")],
    out: Annotated[Path, typer.Option(help="Folder for the pages and the pictures.")],
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of the report, UTC (default: of the data)."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="model_id or name (default: the model that scored last).")] = None,
    threshold: Annotated[
        float, typer.Option(help="Alert line: mean P(high risk) over 7 days, 0 to 1.")
    ] = Options.threshold,
    min_cohort: Annotated[int, typer.Option(help="Withhold numbers about groups of fewer subjects than this.")] = 11,
    min_texts: Annotated[
        int, typer.Option(help="Texts a week that a subject needs to be compared with the line.")
    ] = Options.min_texts,
    days: Annotated[int, typer.Option(help="Number of days that the charts cover.")] = 366,
    top: Annotated[int, typer.Option(help="Number of subjects in the heatmap, and of cohorts with a page.")] = 30,
    show_subjects: Annotated[bool, typer.Option("--show-subjects", help="Name subjects by their ids.")] = False,
    subject_pages: Annotated[
        bool, typer.Option("--subject-pages", help="Also write a page for each subject.")
    ] = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show the texts behind open alerts.")] = False,
    lang: Annotated[str, typer.Option(help="Language of the report's own words: en or zh-TW.")] = "en",
    signal: Annotated[
        str, typer.Option(help="What the alert rules read, as in the settings: p_high, p_any or both.")
    ] = Options.signal,
) -> None:
    """Write the offline risk report of a database: HTML pages, PNG and SVG."""
    options = Options(
        threshold,
        min_cohort,
        min_texts,
        days,
        top,
        show_subjects,
        subject_pages,
        evidence,
        cast(Language, lang),
        cast(Signal, signal),
    )
    console = Console()
    console.print(str(write_report(Database(db), out, as_of and as_of.date(), model, options)), soft_wrap=True)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


if __name__ == "__main__":
    run(command)

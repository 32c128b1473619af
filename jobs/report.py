"""Write the offline risk report of a database: pages that need no network, and their pictures.

risk-monitor report --db risk.duckdb --out out/report
risk-monitor report --config risk-monitor.toml              every report that the settings name
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.given_options import given_options
from jobs.pipeline.audiences import names_of, planned_reports
from jobs.pipeline.night import write_planned
from jobs.pipeline.output_folders import remember_folders
from jobs.pipeline.people import settings_for
from jobs.pipeline.write_report import write_report
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.database.reader_copies import is_backup, is_snapshot
from monitor.errors import ConfigError
from monitor.settings import load_settings
from reports.risk.inputs import Mode, Options, Signal
from reports.style.wording import Language


def command(
    context: typer.Context,
    db: Annotated[Path | None, typer.Option(help="The database to read.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pages and the pictures.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings in TOML: write the reports that they name, instead of --db and --out."),
    ] = None,
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of the report, UTC (default: the last with data)."),
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
    mode: Annotated[
        str,
        typer.Option(
            help="aggregate: no single people; people: also single people by code, unless they are too few; case: "
            "for those who may see single people, even if they are few."
        ),
    ] = Options.mode,
    roster: Annotated[
        Path | None, typer.Option(help="CSV with subject_id and name; pages of --mode case show the names.")
    ] = None,
    cohort: Annotated[
        list[str] | None,
        typer.Option(
            help="Read only texts of this cohort; give it again for more. The difference of this report and one "
            "about everyone tells about the other cohorts, also if they are small."
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="Key that matches the roster's ids (default: that of the settings, or the one beside the database)."
        ),
    ] = None,
) -> None:
    """Write the offline risk report of a database: HTML pages, PNG and SVG."""
    check_options(context)
    if config is not None:
        write_all(config)
        return
    assert db is not None  # check_options requires both
    assert out is not None
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
        mode=cast(Mode, mode),
        cohorts=tuple(cohort or ()),
    )
    database = Database(db)
    names: Mapping[str, str] = {}
    if roster is not None:
        settings = settings_for(db, None)
        names = names_of(database, roster, key_file or settings.key_file, settings.ids)
    _print(write_report(database, out, as_of and as_of.date(), model, options, names=names))


def check_options(context: typer.Context) -> None:
    """Check that the given options can stand beside each other; `schedule` checks its jobs with it, too.

    Raises:
        ConfigError: an option beside --config, no database or folder, or a roster without people.
    """
    given = context.params
    if given["config"] is not None:
        if ignored := [option for name, option in given_options(context).items() if name != "config"]:
            raise ConfigError(
                f"--config names database, folders and reports; leave out {' and '.join(ignored)}, and use "
                "[[reports]] of the settings"
            )
    elif given["db"] is None or given["out"] is None:
        raise ConfigError("name the database with --db and a folder with --out, or the settings with --config")
    elif given["roster"] is not None and given["mode"] != "case":
        raise ConfigError("a roster names people, so --roster needs --mode case")


def write_all(config: Path) -> None:
    """Write every report that the settings name. Their folders are recorded first, as by a night, so that `forget`
    knows them; a snapshot and a backup take no record.
    """
    settings = load_settings(config)
    db = Database(settings.db)
    if not (is_snapshot(db.file) or is_backup(db.file)):
        remember_folders(db, settings)
    for planned in planned_reports(settings):
        _print(write_planned(db, settings, planned))


def _print(page: Path) -> None:
    console = Console()
    console.print(Text(str(page)), soft_wrap=True)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


if __name__ == "__main__":
    run(command)

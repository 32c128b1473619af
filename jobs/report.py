"""Write the offline risk report of a database: pages that ask nothing of the network, and their pictures.

risk-monitor report --db risk.duckdb --out out/report
"""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from jobs.cli import run
from jobs.collect import collect
from monitor import NOT_A_DIAGNOSIS
from monitor.database import private_files, reading
from monitor.errors import ConfigError
from reports import axes, page, pictures, site
from reports.drawing import Drawer
from reports.inputs import Inputs, Notice, Options
from reports.wording import Language, Words

OURS = ("index.html", "alerts.html", "subjects.html", "cohort-*.html", "subjects/*.html")


def write_report(
    db: Path,
    out: Path,
    as_of: dt.date | None = None,
    model: str | None = None,
    options: Options | None = None,
    drawer: Drawer | None = None,
) -> Path:
    """Write the pages and the pictures into the folder `out`; returns the path of index.html.

    The database is only read, and closed before anything is drawn. Files have mode 600 where the options show more
    than aggregates. See `jobs.collect.collect` for as_of and model. A drawer draws the pictures, which are there when
    its block ends.

    Raises:
        ConfigError: no such model, several that fit, or `out` cannot be written. StoreError: `db` cannot be read.
    """
    asked = options or Options()
    with reading(db) as con:
        inputs = collect(con, as_of, model, asked)
    try:
        with private_files() if asked.about_persons else nullcontext(), axes.unchecked():
            out.mkdir(parents=True, exist_ok=True)
            _write(inputs, Words(asked.lang), out, drawer)
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot write there ({error.strerror}); name another folder"
        ) from error
    return out / "index.html"


def warm_up(options: Options, drawer: Drawer) -> None:
    """Load and start beforehand what takes a report seconds, while the model computes on the other cores."""
    with suppress(Exception):  # what fails here fails again where the report is written
        drawer.start()
        _load(options.lang)


@cache
def _load(lang: Language) -> None:
    import_module("monitor.forecast")
    pictures.can_write(Words(lang)(NOT_A_DIAGNOSIS))
    page.prepare()


def _write(inputs: Inputs | Notice, say: Words, out: Path, drawer: Drawer | None) -> None:
    written = set()
    for one in [site.notice(inputs)] if isinstance(inputs, Notice) else site.pages(inputs):
        names = []
        if not isinstance(inputs, Notice) and "/" not in one.file:
            names = pictures.write(one, inputs, out, drawer)
        written |= {page.save(replace(one, pictures=names), say, out), *(out / name for name in names)}
    _clear(out, written)


def _clear(out: Path, written: set[Path]) -> None:
    """Remove what an earlier report left: it would say what this one no longer says."""
    patterns = [name.replace("html", suffix) for name in OURS for suffix in ("html", "png", "svg")]
    patterns += [f"{name}.{suffix}" for name in pictures.INDEX for suffix in ("png", "svg")]
    for pattern in patterns:
        for file in set(out.glob(pattern)) - written:
            file.unlink()
    with suppress(OSError):  # there is none, or it holds files of others
        (out / "subjects").rmdir()


def command(
    db: Annotated[Path, typer.Option(help="The database to read.")],
    out: Annotated[Path, typer.Option(help="Folder for the pages and the pictures.")],
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of the report, UTC (default: of the data)."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="model_id or name (default: the model that scored last).")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="Alert line: mean P(high risk) over 7 days, 0 to 1.")
    ] = Options.threshold,
    min_cohort: Annotated[
        int, typer.Option(help="Withhold common numbers about fewer subjects than this.")
    ] = 11,
    min_texts: Annotated[
        int, typer.Option(help="Texts a week that a subject needs to be held to the line.")
    ] = Options.min_texts,
    days: Annotated[int, typer.Option(help="How many days back the charts go.")] = 366,
    top: Annotated[
        int, typer.Option(help="How many subjects the heatmap shows, and cohorts have a page.")
    ] = 30,
    show_subjects: Annotated[
        bool, typer.Option("--show-subjects", help="Name subjects by their ids.")
    ] = False,
    subject_pages: Annotated[
        bool, typer.Option("--subject-pages", help="Write a page a subject, too.")
    ] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show the texts that open alerts rest on.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the report's own words: en or zh-TW.")] = "en",
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
    )
    console = Console()
    console.print(str(write_report(db, out, as_of and as_of.date(), model, options)), soft_wrap=True)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


if __name__ == "__main__":
    run(command)

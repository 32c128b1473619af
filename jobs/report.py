"""Write the offline risk report of a database: one page that asks nothing of the network, and its pictures.

risk-monitor report --db risk.duckdb --out out/report
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli import run
from jobs.collect import collect
from monitor.database import reading
from monitor.errors import ConfigError
from reports import page, pictures
from reports.figures import all_figures
from reports.inputs import Notice, Options


def write_report(
    db: Path,
    out: Path,
    as_of: dt.date | None = None,
    model: str | None = None,
    options: Options | None = None,
) -> Path:
    """Write index.html and the pictures into the folder `out`; returns the path of the page.

    The database is only read, and closed before anything is drawn. See `jobs.collect.collect` for as_of and model.

    Raises:
        ConfigError: no such model, several that fit, or `out` cannot be written. StoreError: `db` cannot be read.
    """
    with reading(db) as con:
        inputs = collect(con, as_of, model, options or Options())
    try:
        out.mkdir(parents=True, exist_ok=True)
        if isinstance(inputs, Notice):
            pictures.clear(out)
            return page.save(page.render_notice(inputs), out)
        figures = all_figures(inputs)
        return page.save(page.render(inputs, figures, pictures.write(inputs, figures, out)), out)
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot write there ({error.strerror}); name another folder"
        ) from error


def command(
    db: Annotated[Path, typer.Option(help="The database to read.")],
    out: Annotated[Path, typer.Option(help="Folder for index.html and the pictures.")],
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
    top: Annotated[int, typer.Option(help="How many subjects the heatmap shows.")] = 30,
    show_subjects: Annotated[
        bool, typer.Option("--show-subjects", help="Name subjects by their ids.")
    ] = False,
) -> None:
    """Write the offline risk report of a database: one HTML page, PNG and SVG."""
    options = Options(threshold, min_cohort, min_texts, days, top, show_subjects)
    Console().print(str(write_report(db, out, as_of and as_of.date(), model, options)), soft_wrap=True)


if __name__ == "__main__":
    run(command)

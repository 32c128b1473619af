"""Write the risk report of a database: its pages and pictures. Files of an earlier report are removed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from jobs.console.progress import print_note, print_warning
from jobs.pipeline.report_inputs import collect_inputs, day_without_texts
from monitor.database.connection import Database, private_files
from monitor.errors import cannot_write
from monitor.output_files import OutputFiles
from monitor.privacy.codes import give_missing_codes
from reports.risk import headline, html, pages, pictures, subjects
from reports.risk.inputs import Inputs, Notice, Options
from reports.style import axes
from reports.style.rendering import NO_ROOM, Drawer, can_draw
from reports.style.wording import Words

# Pages of an earlier version's report, which kept no list of its files.
EARLIER_PAGES = re.compile(r"(index|alerts|subjects|cohort-\d+|subjects/\d+)\.html")
OUR_PAGE = '<a class="skip" href="#main">'


def write_report(
    db: Database,
    out: Path,
    as_of: dt.date | None = None,
    model: str | None = None,
    options: Options | None = None,
    drawer: Drawer | None = None,
    names: Mapping[str, str] | None = None,
) -> Path:
    """Write the pages and the pictures into the folder `out`, and print the withheld numbers; returns index.html's
    path.

    The database is closed before anything is drawn. Files have mode 600 if they show more than people by codes.
    See `collect_inputs` for as_of and model. If a drawer draws the pictures, they are complete when its block ends.

    Raises:
        ConfigError: no model or several match, or `out` cannot be written. StoreError: `db` cannot be read.
    """
    options = options or Options()
    give_missing_codes(db)
    with db.reading() as con:
        inputs = collect_inputs(con, as_of, model, options, names)
        if as_of is not None and (line := day_without_texts(con, as_of, model, inputs, options)):
            print_warning(f"--as-of {as_of}: {line}")
    try:
        with private_files() if options.about_persons else nullcontext(), axes.unchecked():
            out.mkdir(parents=True, exist_ok=True)
            _write(inputs, Words(options.lang), out, drawer)
    except OSError as error:
        raise cannot_write(f"--out {out}", error) from error
    if not isinstance(inputs, Notice):
        for line in withheld(inputs):
            print_note(f"{out}: {line}")
        if not can_draw():
            print_warning(f"{out}: the pages are written, but {NO_ROOM}")
    return out / "index.html"


def withheld(inputs: Inputs) -> list[str]:
    """One line for each number that a report withholds to protect single people, with the setting that changes it."""
    options, lines = inputs.options, []
    n, setting = len(inputs.places), f"min_cohort = {options.min_cohort}"
    if inputs.too_few and options.mode == "people":
        lines.append(
            f"people withheld: {n} {'has' if n == 1 else 'have'} scores, fewer than {setting}; mode case "
            '(--mode case, or [[reports]] with mode = "case") shows them to those who may see single people'
        )
    newest = inputs.everyone.weeks.filter(pl.col("day") == inputs.as_of)
    tiles = subjects.alert_tiles(inputs)
    if newest.height and newest["withheld"][0]:
        lines.append(f"numbers of the last week withheld: fewer than {setting} people wrote, or wrote on some day")
    else:
        tiles += headline.tiles(inputs.everyone, inputs)
    if any(tile.muted for tile in tiles):
        lines.append(
            f"counts of people or alerts, or shares, withheld: they would tell of fewer than {setting} people"
        )
    if hidden := inputs.n_cohorts - len(inputs.cohorts) if inputs.n_cohorts > 1 else 0:
        lines.append(f"{hidden} of {inputs.n_cohorts} cohorts withheld or beyond top = {options.top} ({setting})")
    return lines


def report_files(out: Path) -> OutputFiles:
    """The files of the report in this folder, without other people's files.

    Raises:
        OSError: the list of them cannot be read.
    """
    return OutputFiles(out, "report", lambda: _earlier_files(out))


def _write(inputs: Inputs | Notice, words: Words, out: Path, drawer: Drawer | None) -> None:
    files, written = report_files(out), set()
    for page in [pages.notice(inputs)] if isinstance(inputs, Notice) else pages.pages(inputs):
        names: list[str] = []
        files.claim(out / page.file, *_pictures_of(out / page.file, out))
        if not isinstance(inputs, Notice) and "/" not in page.file:
            names = pictures.write(page, inputs, out, drawer)
        written |= {html.save(replace(page, pictures=names), words, out), *(out / name for name in names)}
    files.keep_only(written)
    with suppress(OSError):  # the folder is missing, or holds other files
        (out / "subjects").rmdir()


def _pictures_of(page: Path, out: Path) -> list[Path]:
    """The pictures that a page may have."""
    names = list(pictures.INDEX) if page == out / "index.html" else [page.stem]
    return [out / f"{name}.{suffix}" for name in names for suffix in ("png", "svg") if page.parent == out]


def _earlier_files(out: Path) -> Iterator[Path]:
    """Pages and pictures of an earlier version's report without a list, recognised by the text of the pages."""
    for page in (*out.glob("*.html"), *out.glob("subjects/*.html")):
        with suppress(OSError, UnicodeDecodeError):
            if EARLIER_PAGES.fullmatch(page.relative_to(out).as_posix()) and OUR_PAGE in page.read_text("utf-8"):
                yield from (page, *_pictures_of(page, out))

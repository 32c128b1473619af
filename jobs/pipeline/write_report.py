"""Write the risk report of a database: its pages, its pictures, and nothing of an earlier report."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from jobs.pipeline.report_inputs import collect_inputs
from monitor.database.connection import Database, private_files
from monitor.errors import ConfigError
from reports.risk import html, pages, pictures
from reports.risk.inputs import Inputs, Notice, Options
from reports.style import axes
from reports.style.rendering import Drawer
from reports.style.wording import Words

REPORT_PAGES = ("index.html", "alerts.html", "subjects.html", "cohort-*.html", "subjects/*.html")


def write_report(
    db: Database,
    out: Path,
    as_of: dt.date | None = None,
    model: str | None = None,
    options: Options | None = None,
    drawer: Drawer | None = None,
) -> Path:
    """Write the pages and the pictures into the folder `out`; returns the path of index.html.

    The database is closed before anything is drawn. Files have mode 600 if the options show more than aggregates.
    See `collect_inputs` for as_of and model. If a drawer draws the pictures, they are complete when its block ends.

    Raises:
        ConfigError: no such model, several that fit, or `out` cannot be written. StoreError: `db` cannot be read.
    """
    options = options or Options()
    with db.reading() as con:
        inputs = collect_inputs(con, as_of, model, options)
    try:
        with private_files() if options.about_persons else nullcontext(), axes.unchecked():
            out.mkdir(parents=True, exist_ok=True)
            _write(inputs, Words(options.lang), out, drawer)
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot write there ({error.strerror}); name another folder") from error
    return out / "index.html"


def _write(inputs: Inputs | Notice, words: Words, out: Path, drawer: Drawer | None) -> None:
    written = set()
    for page in [pages.notice(inputs)] if isinstance(inputs, Notice) else pages.pages(inputs):
        names = []
        if not isinstance(inputs, Notice) and "/" not in page.file:
            names = pictures.write(page, inputs, out, drawer)
        written |= {html.save(replace(page, pictures=names), words, out), *(out / name for name in names)}
    _remove_old_files(out, written)


def _remove_old_files(out: Path, written: set[Path]) -> None:
    """Remove the files of an earlier report that this report did not write: they are out of date."""
    patterns = [name.replace("html", suffix) for name in REPORT_PAGES for suffix in ("html", "png", "svg")]
    patterns += [f"{name}.{suffix}" for name in pictures.INDEX for suffix in ("png", "svg")]
    for pattern in patterns:
        for file in set(out.glob(pattern)) - written:
            file.unlink()
    with suppress(OSError):  # the folder is missing, or holds other files
        (out / "subjects").rmdir()

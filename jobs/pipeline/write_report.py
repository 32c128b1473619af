"""TODO"""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

from jobs.pipeline.report_inputs import collect_inputs
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database, private_files
from monitor.errors import ConfigError
from reports.risk import html, pages, pictures
from reports.risk.inputs import Inputs, Notice, Options
from reports.style import axes
from reports.style.rendering import Drawer
from reports.style.wording import Language, Words

OURS = ("index.html", "alerts.html", "subjects.html", "cohort-*.html", "subjects/*.html")


def write_report(
    db: Database,
    out: Path,
    as_of: dt.date | None = None,
    model: str | None = None,
    options: Options | None = None,
    drawer: Drawer | None = None,
) -> Path:
    """Write the pages and the pictures into the folder `out`; returns the path of index.html.

    The database is only read, and closed before anything is drawn. Files have mode 600 if the options show more than
    aggregates. See `collect_inputs` for as_of and model. A drawer draws the pictures, which are there when
    its block ends.

    Raises:
        ConfigError: no such model, several that fit, or `out` cannot be written. StoreError: `db` cannot be read.
    """
    asked = options or Options()
    with db.reading() as con:
        inputs = collect_inputs(con, as_of, model, asked)
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
    import_module("monitor.windows.forecast")
    pictures.can_write(Words(lang)(NOT_A_DIAGNOSIS))
    html.prepare()


def _write(inputs: Inputs | Notice, words: Words, out: Path, drawer: Drawer | None) -> None:
    written = set()
    for one in [pages.notice(inputs)] if isinstance(inputs, Notice) else pages.pages(inputs):
        names = []
        if not isinstance(inputs, Notice) and "/" not in one.file:
            names = pictures.write(one, inputs, out, drawer)
        written |= {html.save(replace(one, pictures=names), words, out), *(out / name for name in names)}
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

"""The pages of the risk report as HTML files."""

from __future__ import annotations

from pathlib import Path

from reports.risk.figures import Link
from reports.risk.pages import Page
from reports.risk.suppression import DECIMALS
from reports.style import offline
from reports.style.palette import FOR_CSS
from reports.style.rendering import put
from reports.style.wording import Words

PEOPLE_SCRIPT = "risk/people.js"
STYLES = (offline.STYLE, "risk/people.css")


def render(page: Page, words: Words) -> str:
    """The page as HTML."""
    charts = {figure.key: figure.draw(FOR_CSS, width="container") for figure in page.figures if figure.draw}
    return offline.render(
        "risk/page.html",
        charts,
        words,
        STYLES,
        decimals=DECIMALS,
        title=page.title,
        lead=page.lead,
        page=page,
        root="../" * page.file.count("/"),
        is_link=lambda cell: isinstance(cell, Link),
        scripts=[PEOPLE_SCRIPT] if page.people and page.people.everybody is not None else (),
    )


def save(page: Page, words: Words, out: Path) -> Path:
    """Write the page into the folder `out`; returns its path."""
    return put(out / page.file, render(page, words))

"""A page: one HTML file that asks nothing of the network and runs no script but its own.

What people wrote into ids or file names reaches the page as escaped text or as JSON that cannot end its script
element; and should that ever fail, the Content-Security-Policy names the scripts that may run by their hashes.
"""

from __future__ import annotations

import base64
import gzip
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from monitor import NOT_A_DIAGNOSIS
from reports.risk.figures import Link
from reports.risk.pages import Page
from reports.style import axes
from reports.style.offline import FONT, asset, inert, library, policy
from reports.style.palette import DARK, FOR_CSS, LIGHT
from reports.style.rendering import put
from reports.style.wording import Words


def render(page: Page, words: Words) -> str:
    """The page as HTML."""
    specs = {
        figure.key: axes.spec(figure.draw(FOR_CSS, width="container"), FOR_CSS, FONT)
        for figure in page.figures
        if figure.draw
    }
    scripts = [asset("style/page.js")] if specs else []
    return _template().render(
        page=page,
        words=words,
        not_a_diagnosis=words(NOT_A_DIAGNOSIS),
        root="../" * page.file.count("/"),
        is_link=lambda cell: isinstance(cell, Link),
        policy=policy([*scripts, library()] if specs else [], [_css()]),
        css=Markup(_css()),
        specs=inert(specs) if specs else "",
        library=_packed_library() if specs else "",
        script=Markup(scripts[0]) if specs else "",
    )


def save(page: Page, words: Words, out: Path) -> Path:
    """Put the page into the folder `out`."""
    return put(out / page.file, render(page, words))


def prepare() -> None:
    """Make beforehand what every page has."""
    _template()
    _packed_library()


@cache
def _packed_library() -> Markup:
    """The library in less than half its size; page.js unpacks it, and the policy knows it unpacked."""
    return Markup(base64.b64encode(gzip.compress(library().encode(), 9, mtime=0)).decode())


@cache
def _css() -> str:
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {DARK.css()} }} }}"
    return f":root {{ {LIGHT.css()} }}\n{dark}\n{asset('style/page.css')}"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(asset("risk/page.html"))

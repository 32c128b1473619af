"""A page: one HTML file that asks nothing of the network and runs no script but its own.

What people wrote into ids or file names reaches the page as escaped text or as JSON that cannot end its script
element; and should that ever fail, the Content-Security-Policy names the scripts that may run by their hashes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from monitor import NOT_A_DIAGNOSIS
from reports import axes
from reports.drawing import put
from reports.figures import Link
from reports.palette import DARK, FOR_CSS, LIGHT
from reports.site import Page
from reports.wording import Words

FONT = (
    '"Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "PingFang TC", "Microsoft JhengHei", '
    '"Noto Sans TC", "Noto Sans CJK TC", sans-serif'
)


def render(page: Page, say: Words) -> str:
    """The page as HTML."""
    specs = {
        figure.key: axes.spec(figure.draw(FOR_CSS, width="container"), FOR_CSS, FONT)
        for figure in page.figures
        if figure.draw
    }
    scripts = [_file("page.js")] if specs else []
    return _template().render(
        page=page,
        say=say,
        not_a_diagnosis=say(NOT_A_DIAGNOSIS),
        root="../" * page.file.count("/"),
        is_link=lambda cell: isinstance(cell, Link),
        policy=policy([*scripts, library()] if specs else [], [_css()]),
        css=Markup(_css()),
        specs=inert(specs) if specs else "",
        library=_packed_library() if specs else "",
        script=Markup(scripts[0]) if specs else "",
    )


def save(page: Page, say: Words, out: Path) -> Path:
    """Put the page into the folder `out`."""
    return put(out / page.file, render(page, say))


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A Content-Security-Policy that allows these inline scripts and styles, byte for byte, and nothing else."""

    def hashes(texts: Sequence[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


def inert(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, of the version that this Altair writes for.

    The one in `reports/assets` where it is of the installed versions, as bundling takes more than a second.
    """
    name = f"vega-lite-{axes.VEGA_LITE}-vl-convert-{version('vl-convert-python')}.js.gz"
    kept = files("reports").joinpath("assets", name)
    return gzip.decompress(kept.read_bytes()).decode() if kept.is_file() else bundle()


def bundle() -> str:
    """The same, made anew."""
    made: str = vl_convert.javascript_bundle(vl_version=axes.VEGA_LITE)  # type: ignore[call-arg]
    return made


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
    return f":root {{ {LIGHT.css()} }}\n{dark}\n{_file('page.css')}"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("page.html"))


def _file(name: str) -> str:
    return files("reports").joinpath(name).read_text(encoding="utf-8")

"""One offline HTML page, which makes no request to the network and runs only its own scripts.

Ids and file names that people wrote reach the page as escaped text, or as JSON that cannot end its script element.
As a second guard, the Content-Security-Policy names the hashes of the scripts that may run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from monitor import NOT_A_DIAGNOSIS
from reports.style import axes
from reports.style.palette import DARK, FOR_CSS, LIGHT
from reports.style.wording import Words

FONT = (
    '"Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "PingFang TC", "Microsoft JhengHei", '
    '"Noto Sans TC", "Noto Sans CJK TC", sans-serif'
)
STYLE = "style/page.css"


def render(
    template: str,
    charts: Mapping[str, alt.TopLevelMixin],
    words: Words,
    styles: Sequence[str] = (STYLE,),
    scripts: Sequence[str] = (),
    decimals: int | None = None,
    **variables: object,
) -> str:
    """A page as HTML.

    Args:
        template: an asset that extends style/shell.html.
        charts: id of an element of class "chart" -> its chart.
        words: the language of the page.
        styles: assets, joined into one style sheet.
        scripts: assets, each a script of its own at the end of the page.
        decimals: number of decimals of the charts' data; None: all decimals.
        variables: variables of the template, among them `title` and `lead`.
    """
    specs = {name: axes.spec(chart, FOR_CSS, FONT) for name, chart in charts.items()}
    if decimals is not None:
        specs = {name: axes.rounded(spec, decimals) for name, spec in specs.items()}
    css, script = _css(tuple(styles)), asset("style/page.js")
    others = [asset(name) for name in scripts]
    return load_template(template).render(
        words=words,
        not_a_diagnosis=words(NOT_A_DIAGNOSIS),
        policy=security_policy([*([script, chart_script()] if specs else []), *others], [css]),
        css=Markup(css),
        specs=script_json(specs) if specs else "",
        library=packed_chart_script() if specs else "",
        script=Markup(script),
        more_scripts=[Markup(one) for one in others],
        **variables,
    )


def security_policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A Content-Security-Policy that allows these inline scripts and styles, byte for byte, and nothing else."""

    def hashes(texts: Sequence[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


def script_json(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def asset(path: str) -> str:
    """The text of a file below `reports`, such as `style/page.css`."""
    return files("reports").joinpath(path).read_text(encoding="utf-8")


@cache
def load_template(name: str) -> Template:
    """A template among the assets, compiled once."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(asset),
    )
    return environment.get_template(name)


@cache
def chart_script() -> str:
    """Vega, Vega-Lite and vega-embed as one script, in the versions that the installed Altair needs.

    It is read from `reports/assets`. If no file there fits, it is bundled anew, which takes more than a second.
    """
    name = f"vega-lite-{axes.VEGA_LITE}-vl-convert-{version('vl-convert-python')}.js.gz"
    stored = files("reports").joinpath("assets", name)
    return gzip.decompress(stored.read_bytes()).decode() if stored.is_file() else bundle_chart_script()


def bundle_chart_script() -> str:
    """The chart script, bundled anew by vl-convert."""
    script: str = vl_convert.javascript_bundle(vl_version=axes.VEGA_LITE)  # type: ignore[call-arg]
    return script


@cache
def packed_chart_script() -> Markup:
    """The chart script, packed to less than half its size.

    page.js unpacks it; the policy has the unpacked script's hash.
    """
    return Markup(base64.b64encode(gzip.compress(chart_script().encode(), 9, mtime=0)).decode())


@cache
def _css(styles: tuple[str, ...]) -> str:
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {DARK.css()} }} }}"
    return "\n".join((f":root {{ {LIGHT.css()} }}", dark, *map(asset, styles)))

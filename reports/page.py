"""The page: one HTML file that asks nothing of the network and runs no script but its own two.

What people wrote into ids or file names reaches the page as escaped text or as JSON that cannot end its script
element; and should that ever fail, the Content-Security-Policy names the scripts that may run by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from monitor import NOT_A_DIAGNOSIS
from reports import axes, headline
from reports.figures import Figure
from reports.inputs import Inputs, Notice
from reports.palette import DARK, FOR_CSS, LIGHT
from reports.wording import WITHHELD, count, day, exact

FONT = '"Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'
Fact = tuple[str, str, str]


def render(inputs: Inputs, figures: Sequence[Figure], pictures: Sequence[str] = ()) -> str:
    """The report as HTML.

    Args:
        inputs: what the report is made from.
        figures: those of `reports.figures.all_figures`.
        pictures: file names beside the page to link to.
    """
    specs = {
        figure.key: axes.spec(figure.draw(FOR_CSS, width="container"), FOR_CSS, FONT)
        for figure in figures
        if figure.draw
    }
    return _page(
        title=f"Week to {day(inputs.as_of)}",
        lead=headline.lead(inputs),
        tiles=headline.tiles(inputs),
        figures=figures,
        specs=specs,
        facts=facts(inputs),
        footer=_footer(inputs),
        pictures=pictures,
    )


def render_notice(notice: Notice) -> str:
    """A page that says why there is nothing to show, and what to do."""
    return _page(title=notice.title, lead=notice.text, remedy=notice.remedy)


def save(html: str, out: Path) -> Path:
    """Put the page into the folder `out` in one step: a reader finds the old page or the new one, never half."""
    file = out / "index.html"
    unfinished = out / ".index.html.new"
    unfinished.write_text(html, encoding="utf-8")
    return unfinished.replace(file)


def facts(inputs: Inputs) -> list[Fact]:
    """Denominators and data quality: what, how much, and a remark."""
    row, model, options = inputs.data_quality.row(0, named=True), inputs.model, inputs.options
    share = f"{row['n_scored'] / row['n_documents']:.1%} of texts" if row["n_documents"] else ""
    others = f"also in this database: {', '.join(model.others)}" if model.others else ""
    return [
        ("As of", f"{day(inputs.as_of)} (UTC)", "the whole day included"),
        ("Texts on record", count(row["n_documents"]), "posted up to that day"),
        ("Scored", count(row["n_scored"]), share),
        ("Not yet scored", count(row["n_unscored"]), "by this model"),
        ("Cut to length", count(row["n_truncated"]), "longer than the model reads"),
        ("Subjects", count(row["n_subjects"]), "with a scored text"),
        ("Rows rejected", count(row["n_rejected"]), "at intake, kept with their reasons in table rejects"),
        ("Rows seen before", count(row["n_duplicate"]), "skipped, never scored twice"),
        ("Posted later", count(row["n_after"]), "after the as-of day, in no number here"),
        ("Model", model.name, f"{model.base}, {model.quantisation}. {others}".strip()),
        ("Alert line", exact(options.threshold), "of mean P(high risk); set by --threshold"),
        ("Smallest cohort", count(options.min_cohort, "subject"), "below it common numbers are withheld"),
    ]


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
    """Vega, Vega-Lite and vega-embed as one script, of the version that this Altair writes for."""
    bundle: str = vl_convert.javascript_bundle(vl_version=axes.VEGA_LITE)  # type: ignore[call-arg]
    return bundle


def _page(*, title: str, lead: str, specs: dict[str, Any] | None = None, **parts: object) -> str:
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {DARK.css()} }} }}"
    css = f":root {{ {LIGHT.css()} }}\n{dark}\n{_file('page.css')}"
    scripts = [library(), _file("page.js")] if specs else []
    return (
        Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        .from_string(_file("page.html"))
        .render(
            title=title,
            lead=lead,
            not_a_diagnosis=NOT_A_DIAGNOSIS,
            withheld=WITHHELD,
            policy=policy(scripts, [css]),
            css=Markup(css),
            specs=inert(specs) if specs else "",
            library=Markup(scripts[0]) if specs else "",
            script=Markup(scripts[1]) if specs else "",
            **{"remedy": "", "tiles": (), "figures": (), "facts": (), "footer": (), "pictures": (), **parts},
        )
    )


def _footer(inputs: Inputs) -> list[str]:
    row = inputs.data_quality.row(0, named=True)
    return [
        f"As of {day(inputs.as_of)} (UTC) · model {inputs.model.name} · model_id {inputs.model.model_id}",
        f"{count(row['n_scored'], 'scored text')} of {count(row['n_subjects'], 'subject')}; "
        f"{count(row['n_rejected'], 'rejected row')}. High risk is the probability that a text voices "
        f"{_voiced(inputs)}, as a language model reads it; it says nothing certain about any one person.",
        "Aggregates only: no text is on this page. Charts: Vega (BSD-3-Clause), inlined.",
    ]


def _voiced(inputs: Inputs) -> str:
    return (
        " or ".join(emotion for emotion, risk in inputs.model.rules.items() if risk == "high_risk")
        or "nothing"
    )


def _file(name: str) -> str:
    return files("reports").joinpath(name).read_text(encoding="utf-8")

"""The report of an evaluation, written from what metrics.json holds: page, pictures, summary, technical report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
from jinja2 import Environment, StrictUndefined

from monitor import NOT_A_DIAGNOSIS
from monitor.errors import ConfigError
from reports.evaluation.figures import Picture, all_figures
from reports.evaluation.tables import all_tables, headline
from reports.evaluation.text_tables import (
    BETWEEN,
    WIDE,
    Json,
    Table,
    as_markdown,
    as_text,
    asked,
    folded,
    has_intervals,
    measured,
    name_of,
    number,
)
from reports.style import axes, offline
from reports.style.palette import FOR_CSS, LIGHT
from reports.style.rendering import draw
from reports.style.wording import Words, count, percent

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
WIDTH = 1180
MARKS = ("<!-- evaluation -->", "<!-- end of evaluation -->")


def write(found: Json, out: Path) -> None:
    """Write index.html, a page and pictures of each figure, Summary_Report.txt and Technical_Report.md into `out`.

    Args:
        found: what metrics.json holds.
        out: a folder that exists.
    """
    figures, tables = all_figures(found), all_tables(found)
    for figure in figures:
        for suffix in ("html", "png", "svg"):
            (out / f"{figure.key}.{suffix}").unlink(missing_ok=True)
        if figure.panels:
            _save_pictures(figure, found, out)
            _save(page(found, [figure], ()), out / f"{figure.key}.html")
    _save(page(found, figures, tables), out / "index.html")
    _save(summary(found, tables), out / "Summary_Report.txt")
    _save(technical_report(found, tables, figures), out / "Technical_Report.md")


def page(found: Json, figures: Sequence[Picture], tables: Sequence[Table]) -> str:
    """Figures and tables as one HTML page that asks nothing of the network."""
    charts = {
        f"{figure.key}-{place}": panel.draw(FOR_CSS, width="container")
        for figure in figures
        for place, panel in enumerate(figure.panels)
    }
    return offline.render(
        "evaluation/evaluation.html",
        charts,
        Words(),
        (offline.STYLE, "evaluation/evaluation.css"),
        title="Evaluation" if tables else figures[0].title,
        lead=lead(found),
        figures=figures,
        tables=tables,
        facts=_facts(found),
    )


def lead(found: Json) -> str:
    """The result in a sentence or two: each shown way's macro-F1 on the canonical test split."""
    test = found["data"]["splits"]["test"]["n"]
    words = [
        f"{name_of(found, method)} {number(method['emotion']['test']['metrics']['macro_f1'], interval=True)}"
        for method in measured(found)
        if method["id"] in found["shown"] or method["model_id"] is None
    ]
    return f"Macro-F1 on {count(test, 'test text')}: {'; '.join(words)}."


def summary(found: Json, tables: Sequence[Table]) -> str:
    """Every table as plain text."""
    facts = [f"{name}: {value}" for name, value in _facts(found)]
    head = ["Evaluation", "==========", "", NOT_A_DIAGNOSIS, "", lead(found), "", *facts, ""]
    return "\n".join([*("\n".join(folded(line, WIDE)) for line in head), *map(as_text, tables)])


def technical_report(found: Json, tables: Sequence[Table], figures: Sequence[Picture]) -> str:
    """The report that a paper's methods and results sections can be written from."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"percent": percent, "count": count, "markdown": as_markdown, "json": _json}
    return environment.from_string(offline.asset("evaluation/technical_report.md")).render(
        found=found,
        tables={table.key: table for table in tables},
        figures=[figure for figure in figures if figure.panels],
        lead=lead(found),
        facts=_facts(found),
        not_a_diagnosis=NOT_A_DIAGNOSIS,
    )


def check_readme(file: Path) -> tuple[str, str]:
    """What stands before and after the marks of a Markdown file.

    Raises:
        ConfigError: it cannot be read or lacks the marks.
    """
    try:
        before, rest = file.read_bytes().decode("utf-8").split(MARKS[0])
        return before, rest.split(MARKS[1])[1]
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(
            f"--readme {file}: no readable file with {MARKS[0]} and after it {MARKS[1]}; add both lines once"
        ) from error


def write_readme(found: Json, file: Path) -> None:
    """Put the three-way table between the marks of a Markdown file, whose line ends stay as they are."""
    before, after = check_readme(file)
    inside = f"{MARKS[0]}\n{as_markdown(headline(found))}\n{MARKS[1]}"
    if "\r\n" in before + after:
        inside = inside.replace("\n", "\r\n")
    file.write_bytes(f"{before}{inside}{after}".encode())


def _facts(found: Json) -> list[tuple[str, str]]:
    """What the numbers rest on."""
    data, settings = found["data"], found["settings"]
    sizes = ", ".join(f"{count(split['n'])} {name}" for name, split in data["splits"].items())
    facts = [
        (
            "Data",
            f"{data['source']}: {sizes}; {count(data['test_deduplicated'], 'test text')} found nowhere else",
        ),
        (
            "Intervals",
            f"95%, {count(settings['resamples'], 'bootstrap draw')}, seed {settings['seed']}"
            if has_intervals(found)
            else "none, for no bootstrap draws were made",
        ),
    ]
    if asked(found, "few_shot"):
        shots = ", ".join(map(str, settings["shots"]))
        facts.append(("Few-shot", f"examples a label: {shots}; {count(settings['draws'], 'draw')} each"))
    for model in found["models"]:
        adapter = "with a LoRA adapter" if model["adapter"] else "without adapter"
        own = (method for method in found["methods"] if method["model_id"] == model["model_id"])
        cut = max((method["truncated"] or 0 for method in own), default=0)
        facts.append(
            (
                f"Model {model['name']}",
                f"model_id {model['model_id']}, {model['quantisation']}, {adapter}, "
                f"temperature {model['temperature']:g}, exponent {model['exponent']:g}, "
                f"{count(cut, 'test text')} cut to its "
                f"{model['max_text_tokens']} tokens",
            )
        )
    return facts


def _save_pictures(figure: Picture, found: Json, out: Path) -> None:
    """The figure as PNG and SVG, light, its panels side by side over a line that says what they are."""
    width = (WIDTH - 190 * figure.columns) // figure.columns
    panels: list[Any] = [
        panel.draw(LIGHT, width=width).properties(  # type: ignore[attr-defined]
            title=alt.TitleParams(panel.title.split(BETWEEN), fontSize=14)
        )
        for panel in figure.panels
    ]
    models = [f"{name}: {value}" for name, value in _facts(found) if name.startswith("Model ")]
    whole = alt.concat(*panels, columns=figure.columns, spacing=36)
    # A scale that the panels share has a second legend, above them all.
    whole = whole.resolve_scale(
        color="independent",
        x="independent",
        y="independent",
        size="independent",
        strokeDash="independent",
        shape="independent",
    )
    titled = alt.vconcat(whole, background=LIGHT.paper, padding=28).properties(
        title=alt.TitleParams(
            [*models, NOT_A_DIAGNOSIS],
            orient="bottom",
            fontSize=12,
            fontWeight="normal",
            color=LIGHT.muted,
            offset=20,
        )
    )
    draw(axes.VEGA_LITE, axes.spec(titled, LIGHT, FONT), out / f"{figure.key}.svg", with_png=True)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def _save(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")

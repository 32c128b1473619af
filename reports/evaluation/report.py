"""The report of an evaluation, written from metrics.json: page, pictures, summary, technical report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from monitor import NOT_A_DIAGNOSIS
from monitor.errors import ConfigError
from monitor.output_files import OutputFiles
from reports.evaluation.figures import Picture, all_figures
from reports.evaluation.tables import all_tables, methods_table
from reports.evaluation.text_tables import (
    BETWEEN,
    WIDE,
    Json,
    Table,
    as_markdown,
    as_text,
    folded,
    has_intervals,
    measured_methods,
    name_of,
    number,
    uses,
)
from reports.style import axes, offline
from reports.style.palette import FOR_CSS, LIGHT
from reports.style.rendering import draw
from reports.style.wording import Words, count, percent

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
WIDTH = 1180
METRICS = "metrics.json"
FIGURES = ("method_comparison", "confusion_matrices", "roc_pr", "reliability", "per_class", "training_curve")
FIXED_NAMES = (METRICS, "index.html", "Summary_Report.txt", "Technical_Report.md")
MARKS = ("<!-- evaluation -->", "<!-- end of evaluation -->")


def write(metrics: Json, out: Path) -> None:
    """Write index.html, a page and pictures per figure, Summary_Report.txt and Technical_Report.md into `out`.

    Args:
        metrics: the contents of metrics.json.
        out: a folder that exists.
    """
    figures, tables = all_figures(metrics), all_tables(metrics)
    files = evaluation_files(out)
    pages = {figure.key: [out / f"{figure.key}.{suffix}" for suffix in ("html", "png", "svg")] for figure in figures}
    drawn = [figure for figure in figures if figure.panels]
    written = [out / name for name in FIXED_NAMES] + [path for figure in drawn for path in pages[figure.key]]
    files.claim(*(path for path in written if path.name != METRICS))  # the caller wrote metrics.json
    files.keep_only(written)
    with axes.unchecked():
        charts = {figure.key: _charts(figure) for figure in figures}  # each chart is on two pages
        for figure in drawn:
            _save_pictures(figure, metrics, out)
            _save(_page(metrics, [figure], (), charts), out / f"{figure.key}.html")
        _save(_page(metrics, figures, tables, charts), out / "index.html")
    _save(summary(metrics, tables), out / "Summary_Report.txt")
    _save(technical_report(metrics, tables, figures), out / "Technical_Report.md")


def possible_files(out: Path) -> list[Path]:
    """Every file that the report may have."""
    pictures = (f"{name}.{suffix}" for name in FIGURES for suffix in ("html", "png", "svg"))
    return [out / name for name in (*FIXED_NAMES, *pictures)]


def evaluation_files(out: Path) -> OutputFiles:
    """The files of the evaluation in this folder, without other people's files.

    Raises:
        OSError: the list of them cannot be read.
    """
    return OutputFiles(out, "evaluation", lambda: _earlier_files(out))


def _earlier_files(out: Path) -> Iterator[Path]:
    """Files of an earlier version's evaluation, which kept no list. Its metrics.json and index.html identify it."""
    try:
        theirs = '"resamples"' not in (out / "metrics.json").read_text("utf-8")
        theirs = theirs or '<a class="skip" href="#main">' not in (out / "index.html").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        theirs = True
    if not theirs:
        yield from (out / name for name in FIXED_NAMES)
        for page in out.glob("*.html"):
            if page.with_suffix(".png").exists() and page.with_suffix(".svg").exists():
                yield from (page, page.with_suffix(".png"), page.with_suffix(".svg"))


def _charts(figure: Picture) -> dict[str, Any]:
    """The figure's charts by their ids on a page."""
    panels = enumerate(figure.panels)
    return {f"{figure.key}-{place}": panel.draw(FOR_CSS, width="container") for place, panel in panels}


def _page(
    metrics: Json, figures: Sequence[Picture], tables: Sequence[Table], charts: Mapping[str, Mapping[str, Any]]
) -> str:
    """Figures and tables as one offline HTML page; `charts` has the charts of each figure."""
    return offline.render(
        "evaluation/evaluation.html",
        {name: chart for figure in figures for name, chart in charts[figure.key].items()},
        Words(),
        (offline.STYLE, "evaluation/evaluation.css"),
        title="Evaluation" if tables else figures[0].title,
        lead=lead(metrics),
        figures=figures,
        tables=tables,
        facts=_facts(metrics),
    )


def lead(metrics: Json) -> str:
    """The result in one sentence: macro-F1 of each charted method on the canonical test split."""
    test = metrics["data"]["splits"]["test"]["n"]
    words = [
        f"{name_of(metrics, method)} {number(method['emotion']['test']['metrics']['macro_f1'], interval=True)}"
        for method in measured_methods(metrics)
        if method["id"] in metrics["shown"] or method["model_id"] is None
    ]
    return f"Macro-F1 on {count(test, 'test text')}: {'; '.join(words)}."


def summary(metrics: Json, tables: Sequence[Table]) -> str:
    """Every table as plain text."""
    facts = [f"{name}: {value}" for name, value in _facts(metrics)]
    head = ["Evaluation", "==========", "", NOT_A_DIAGNOSIS, "", lead(metrics), "", *facts, ""]
    return "\n".join([*("\n".join(folded(line, WIDE)) for line in head), *map(as_text, tables)])


def technical_report(metrics: Json, tables: Sequence[Table], figures: Sequence[Picture]) -> str:
    """Methods and results in Markdown, detailed enough for a paper."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"percent": percent, "count": count, "markdown": as_markdown, "json": _json}
    return environment.from_string(offline.asset("evaluation/technical_report.md")).render(
        metrics=metrics,
        tables={table.key: table for table in tables},
        figures=[figure for figure in figures if figure.panels],
        lead=lead(metrics),
        facts=_facts(metrics),
        not_a_diagnosis=NOT_A_DIAGNOSIS,
    )


def check_readme(file: Path) -> tuple[str, str]:
    """The parts of a Markdown file before and after the marks.

    Raises:
        ConfigError: the file cannot be read, lacks a mark or has one twice.
    """
    try:
        before, rest = file.read_bytes().decode("utf-8").split(MARKS[0])
        _, after = rest.split(MARKS[1])
        return before, after
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--readme {file}: no readable file with {MARKS[0]} and after it {MARKS[1]}; add both lines once"
        ) from error


def write_readme(metrics: Json, file: Path) -> None:
    """Write the table of methods between the marks of a Markdown file; the file's line ends stay."""
    before, after = check_readme(file)
    inside = f"{MARKS[0]}\n{as_markdown(methods_table(metrics))}\n{MARKS[1]}"
    if "\r\n" in before + after:
        inside = inside.replace("\n", "\r\n")
    file.write_bytes(f"{before}{inside}{after}".encode())


def _facts(metrics: Json) -> list[tuple[str, str]]:
    """The basis of the numbers as names and values: data, intervals, models."""
    data, settings = metrics["data"], metrics["settings"]
    sizes = ", ".join(f"{count(split['n'])} {name}" for name, split in data["splits"].items())
    facts = [
        (
            "Data",
            f"{data['source']}: {sizes}; {count(data['test_deduplicated'], 'test text')} occur in no other split",
        ),
        (
            "Intervals",
            f"95%, {count(settings['resamples'], 'bootstrap draw')}, seed {settings['seed']}"
            if has_intervals(metrics)
            else "none, because no bootstrap draws were made",
        ),
    ]
    if uses(metrics, "few_shot"):
        shots = ", ".join(map(str, settings["shots"]))
        facts.append(("Few-shot", f"examples per label: {shots}; {count(settings['draws'], 'draw')} each"))
    for model in metrics["models"]:
        adapter = "with a LoRA adapter" if model["adapter"] else "without adapter"
        own = (method for method in metrics["methods"] if method["model_id"] == model["model_id"])
        cut = max((method["truncated"] or 0 for method in own), default=0)
        facts.append(
            (
                f"Model {model['name']}",
                f"model_id {model['model_id']}, {model['quantisation']}, {adapter}, "
                f"temperature {model['temperature']:g}, exponent {model['exponent']:g}, "
                f"sureness {model.get('sureness', 0):g}, "
                f"{count(cut, 'test text')} cut to its "
                f"{model['max_text_tokens']} tokens",
            )
        )
    return facts


def _save_pictures(figure: Picture, metrics: Json, out: Path) -> None:
    """Write the figure as PNG and SVG, in light colours, with model and warning below the panels."""
    width = (WIDTH - 190 * figure.columns) // figure.columns
    charts = [panel.draw(LIGHT, width=width).to_dict(validate=False) for panel in figure.panels]  # type: ignore[attr-defined]
    panels = [
        {key: value for key, value in chart.items() if key not in axes.TOP_LEVEL}
        | {"title": {"text": panel.title.split(BETWEEN), "fontSize": 14}}
        for panel, chart in zip(figure.panels, charts, strict=True)
    ]
    # Panels with a shared scale would get a second legend above all panels.
    own = dict.fromkeys(("color", "x", "y", "size", "strokeDash", "shape"), "independent")
    models = [f"{name}: {value}" for name, value in _facts(metrics) if name.startswith("Model ")]
    together = {  # not by Altair, which would copy each chart several times
        "$schema": charts[0]["$schema"],
        "vconcat": [{"concat": panels, "columns": figure.columns, "spacing": 36, "resolve": {"scale": own}}],
        "datasets": {name: rows for chart in charts for name, rows in chart.get("datasets", {}).items()},
        "params": [param for chart in charts for param in chart.get("params", ())],
        "background": LIGHT.paper,
        "padding": 28,
        "title": {
            "text": [*models, NOT_A_DIAGNOSIS],
            "orient": "bottom",
            "fontSize": 12,
            "fontWeight": "normal",
            "color": LIGHT.muted,
            "offset": 20,
        },
    }
    specification = axes.styled(together, LIGHT, FONT)
    draw(axes.VEGA_LITE, specification, out / f"{figure.key}.svg", with_png=True)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def _save(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")

"""Tables of numbers as plain text and Markdown, and the format of a metric."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

UNDEFINED = "undefined"
WIDE, CELL, GAP = 118, 60, 2  # characters of a line, of a cell, and between cells
NAME, BETWEEN = 24, " · "  # characters of a model's name; separator of a method's title and its model
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Numbers as text under a title. The first column names the rows; `note` explains the table."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def number(metric: Json, *, interval: bool = False, spread: bool = True) -> str:
    """`0.913`, `0.913 (0.898–0.926)`, `0.351 ± 0.020` with a spread, or "undefined"."""
    if metric["value"] is None:
        return UNDEFINED
    text = f"{metric['value']:.3f}"
    if spread and "spread" in metric:
        text += f" ± {metric['spread']:.3f}"
    if interval and "low" in metric:
        text += f" ({metric['low']:.3f}–{metric['high']:.3f})"
    return text


def name_of(metrics: Json, method: Json) -> str:
    """A method's title; if the evaluation has several models, also the start of the model's name and id."""
    several = len(metrics["models"]) > 1 and method["model_id"]
    title, model = method["title"], method["model"]
    if len(model) > NAME:
        model = f"{model[: NAME - 1]}…"
    return f"{title}{BETWEEN}{model} {method['model_id'][:8]}" if several else f"{title}"


def method_by_id(metrics: Json, wanted: str) -> Json:
    """One method of metrics.json."""
    return next(method for method in metrics["methods"] if method["id"] == wanted)


def uses(metrics: Json, *families: str) -> bool:
    """Whether the evaluation has a method of one of these families."""
    return bool(set(families) & set(metrics["settings"]["ways"]))


def has_intervals(metrics: Json) -> bool:
    """Whether there were bootstrap draws."""
    return bool(metrics["settings"]["resamples"])


def measured_methods(metrics: Json) -> list[Json]:
    """The methods that were measured."""
    return [method for method in metrics["methods"] if method["emotion"]]


def shortened(text: str) -> str:
    """One line of at most 120 characters."""
    return textwrap.shorten(" ".join(text.split()), 120, placeholder=" …")


def as_text(table: Table, wide: int = WIDE) -> str:
    """The table in columns of at most `wide` characters, unless a word is longer. Words align left, numbers right."""
    title = folded(table.title, wide)
    head = [*title, "-" * max(map(len, title)), *folded(table.note, wide)]
    columns = list(zip(table.columns, *table.rows, strict=True))
    widths = _widths(columns, wide)
    wrapped = [
        [folded(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for row in (table.columns, *table.rows)
    ]
    words = [any(cell[:1].isalpha() and cell != UNDEFINED for cell in column[1:]) for column in columns]
    lines = []
    for row in wrapped:
        for parts in zip_longest(*row, fillvalue=""):
            cells = zip(parts, widths, words, strict=True)
            line = (" " * GAP).join(part.ljust(width) if left else part.rjust(width) for part, width, left in cells)
            lines.append(line.rstrip())
    return "\n".join([*head, "", *lines, ""])


def _widths(columns: Sequence[Sequence[str]], wide: int) -> list[int]:
    """The width of each column. The widest columns shrink, down to their longest word, until all fit."""
    least = [min(CELL, max(len(word) for cell in column for word in cell.split())) for column in columns]
    widths = [min(CELL, max(map(len, column))) for column in columns]
    while sum(widths) + GAP * (len(widths) - 1) > wide:
        loose = [place for place, low in enumerate(least) if widths[place] > low]
        if not loose:
            break
        widths[max(loose, key=lambda place: widths[place])] -= 1
    return widths


def folded(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; hyphenated words stay on one line."""
    return textwrap.wrap(text, width, break_on_hyphens=False)


def as_markdown(table: Table) -> str:
    """The table in Markdown, without its title."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"

    rule = "| --- |" + " ---: |" * (len(table.columns) - 1)
    return "\n".join([line(table.columns), rule, *map(line, table.rows)])

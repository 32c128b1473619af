"""Tables of numbers as text: what one is, how metrics are written, and its form in plain text and Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

UNDEFINED = "undefined"
WIDE, CELL = 118, 60  # characters of a line, and of a cell
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Numbers as text under a title; the first column names its row; note: what a reader must know."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def number(metric: Json, digits: int = 3, *, interval: bool = False, spread: bool = True) -> str:
    """`0.913`, `0.913 (0.898–0.926)`, `0.351 ± 0.020` with a spread, or "undefined"."""
    if metric["value"] is None:
        return UNDEFINED
    text = f"{metric['value']:.{digits}f}"
    if spread and "spread" in metric:
        text += f" ± {metric['spread']:.{digits}f}"
    if interval and "low" in metric:
        text += f" ({metric['low']:.{digits}f}–{metric['high']:.{digits}f})"
    return text


def name_of(found: Json, method: Json) -> str:
    """A method's title, and its model where the evaluation has several."""
    several = len(found["models"]) > 1 and method["model_id"]
    title: str = method["title"]
    return f"{title} · {method['model']} {method['model_id'][:8]}" if several else title


def method_by_id(found: Json, wanted: str) -> Json:
    """One method of metrics.json."""
    return next(method for method in found["methods"] if method["id"] == wanted)


def measured(found: Json) -> list[Json]:
    """The methods that were measured."""
    return [method for method in found["methods"] if method["emotion"]]


def shortened(text: str, most: int = 120) -> str:
    """One line of at most so many characters."""
    return textwrap.shorten(" ".join(text.split()), most, placeholder=" …")


def as_text(table: Table) -> str:
    """The table in columns of spaces; long cells are wrapped, columns of words stand to the left."""
    head = [table.title, "-" * len(table.title), *(textwrap.wrap(table.note, WIDE) if table.note else ())]
    wrapped = [[textwrap.wrap(cell, CELL) or [""] for cell in row] for row in (table.columns, *table.rows)]
    columns = list(zip(*wrapped, strict=True))
    widths = [max(len(part) for cell in column for part in cell) for column in columns]
    words = [any(cell[0][:1].isalpha() and cell[0] != UNDEFINED for cell in column[1:]) for column in columns]
    lines = []
    for row in wrapped:
        for parts in zip_longest(*row, fillvalue=""):
            cells = zip(parts, widths, words, strict=True)
            line = "  ".join(part.ljust(width) if left else part.rjust(width) for part, width, left in cells)
            lines.append(line.rstrip())
    return "\n".join([*head, "", *lines, ""])


def as_markdown(table: Table) -> str:
    """The table in Markdown, without its title."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"

    rule = "| --- |" + " ---: |" * (len(table.columns) - 1)
    return "\n".join([line(table.columns), rule, *map(line, table.rows)])

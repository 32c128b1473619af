"""Ask the database a question in SQL; nothing can be changed by it.

risk-monitor query "SELECT risk, count(*) FROM scores GROUP BY risk" --db risk.duckdb

While a run writes, the question waits for it (a commit takes a fraction of a second). The tables are documents,
scores, models, runs, files and rejects.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cli import run
from jobs.progress import printable
from monitor import NOT_A_DIAGNOSIS
from monitor.database import READ_WAIT_S, reading
from monitor.errors import DataError

TABLE_ROWS = 100
CELL_CHARACTERS = 200
PIPE_COLUMNS = 10_000  # a pipe has no width; do not fold what goes through it


class Format(StrEnum):
    """How to print the answer."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class Answer:
    """Column names, and the rows as Python values."""

    names: list[str]
    rows: list[tuple[Any, ...]]


def ask(db: Path, sql: str, wait_s: float = READ_WAIT_S) -> Answer:
    """The answer to a statement that only reads.

    Args:
        db: the database.
        sql: the question.
        wait_s: seconds to wait while another process writes.

    Raises:
        DataError: the SQL is wrong, or would change something.
        StoreError: the database cannot be read.
    """
    try:
        with reading(db, wait_s=wait_s) as con:
            result = con.execute(sql)
            if result is None:  # nothing but spaces and comments
                raise DataError("no SQL to answer; ask with SELECT, FROM, DESCRIBE, SHOW or SUMMARIZE")
            return Answer([column[0] for column in result.description], result.fetchall())
    except duckdb.Error as error:
        message = str(error).split("\n\nLINE ")[0]  # what follows draws the place with spaces
        raise DataError(" ".join(message.split())) from error


def show(answer: Answer, style: Format) -> None:
    """Print an answer on standard output; a table is cut to what a screen can hold, CSV and JSON are whole."""
    if style is Format.TABLE:
        _show_table(answer)
    elif style is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.names)
        writer.writerows(answer.rows)
    else:
        rows = [dict(zip(answer.names, row, strict=True)) for row in answer.rows]
        json.dump(rows, sys.stdout, ensure_ascii=False, indent=1, default=str)
        sys.stdout.write("\n")


def _show_table(answer: Answer) -> None:
    """A table where it fits the screen, otherwise a block of lines for each row."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    cells = [[_cell(value) for value in row] for row in answer.rows[:TABLE_ROWS]]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, name in enumerate(answer.names):
        values = [row[place] for row in answer.rows if row[place] is not None]
        right = bool(values) and all(isinstance(value, int | float) for value in values)
        table.add_column(Text(name), justify="right" if right else "left")
    for row in cells:
        table.add_row(*row)
    if console.measure(table, options=console.options.update(width=PIPE_COLUMNS)).maximum <= console.width:
        console.print(table)
        return
    width = max(map(len, answer.names))
    for number, row in enumerate(cells, start=1):
        console.rule(Text(f"row {number}", style="dim"), align="left", style="dim")
        for name, cell in zip(answer.names, row, strict=True):
            console.print(Text.assemble((f"{name:<{width}}  ", "bold"), cell), soft_wrap=True)


def _cell(value: object) -> Text:
    """A value for the screen, without the control characters by which a text could take over a terminal."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.4f}" if abs(value) >= 0.001 or value == 0 else f"{value:.3g}")
    line = printable(str(value))
    return Text(line if len(line) <= CELL_CHARACTERS else line[: CELL_CHARACTERS - 1] + "…")


def command(
    sql: Annotated[str, typer.Argument(help="One statement that reads, in quotes.")],
    db: Annotated[Path, typer.Option(help="The database file.")],
    style: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = Format.TABLE,
) -> None:
    """Ask the database a question in SQL (DuckDB's); nothing can be changed by it.

    Tables: documents, scores, models, runs, files, rejects. For example:
    "SELECT risk, count(*) FROM scores GROUP BY risk"
    """
    answer = ask(db, sql)
    show(answer, style)
    n = len(answer.rows)
    rows = f"{n:,} row{'' if n == 1 else 's'}"
    if style is Format.TABLE and n > TABLE_ROWS:
        rows += f", the first {TABLE_ROWS} shown (--format csv prints all)"
    Console(stderr=True).print(f"{rows} · {NOT_A_DIAGNOSIS}", style="dim", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run(command)

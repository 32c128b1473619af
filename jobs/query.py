"""Ask the database a question in SQL; nothing can be changed by it.

risk-monitor query "SELECT risk, count(*) FROM scores GROUP BY risk" --db risk.duckdb

While a run writes, the question waits for it (a commit takes a fraction of a second).
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, TextIO, cast

import duckdb
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.app import run
from jobs.console.progress import without_control_characters
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import READ_WAIT_S, Database
from monitor.errors import DataError

TABLE_ROWS = 100
FETCH_ROWS = 10_000
SPOOL_BYTES = 16 * 2**20  # of an answer in memory; the rest waits in a file without a name
CELL_CHARACTERS = 200
PIPE_COLUMNS = 10_000  # a pipe has no width; do not fold what goes through it
QUESTIONS = {"SELECT", "EXPLAIN", "PRAGMA", "CALL", "MULTI"}  # the last is a PIVOT
ASK = "ask with SELECT, FROM, DESCRIBE, SHOW or SUMMARIZE"


class Format(StrEnum):
    """How to print the answer."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class Rows:
    """Column names, and the rows as Python values: all of them, or as many as were asked for."""

    names: list[str]
    rows: list[tuple[Any, ...]]


def run_query(db: Database, sql: str, wait_s: float = READ_WAIT_S, max_rows: int = TABLE_ROWS + 1) -> Rows:
    """The answer to a statement that only reads, cut to max_rows.

    Args:
        db: the database.
        sql: the question.
        wait_s: seconds to wait while another process writes.
        max_rows: the most rows to fetch.

    Raises:
        DataError: the SQL is wrong, is several statements, or would change something.
        StoreError: the database cannot be read.
    """
    with _asked(db, sql, wait_s) as (names, result):
        return Rows(names, result.fetchmany(max_rows))


def export_rows(db: Database, sql: str, style: Format, out: TextIO, wait_s: float = READ_WAIT_S) -> int:
    """Write a whole answer as CSV or JSON, whatever its size; returns the number of rows.

    The rows go through a temporary file: the database is free again before `out`, which may be a pager or a slow
    pipe, takes the first of them. Errors as `ask`.
    """
    with SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="utf-8", errors="replace", newline="") as spool:
        with _asked(db, sql, wait_s) as (names, result):
            n = _write(names, iter(lambda: result.fetchmany(FETCH_ROWS), []), style, cast(TextIO, spool))
        spool.seek(0)
        shutil.copyfileobj(spool, out)
    return n


@contextmanager
def _asked(db: Database, sql: str, wait_s: float) -> Iterator[tuple[list[str], duckdb.DuckDBPyConnection]]:
    """Column names and the open result of the one statement."""
    try:
        with db.reading(wait_s=wait_s) as con:
            statements = con.extract_statements(sql)
            if not statements:  # nothing but spaces and comments
                raise DataError(f"no SQL to answer; {ASK}")
            if len(statements) > 1:
                raise DataError(f"{len(statements)} statements; ask one at a time")
            kind = statements[0].type.name
            if kind not in QUESTIONS:
                raise DataError(f"{kind} is no question, and query changes nothing; {ASK}")
            if word := _writes(sql):
                raise DataError(f"{word} could write a file, and query changes nothing; {ASK}")
            result = _executed(con, statements[0])
            yield _distinct([column[0] for column in result.description]), result
    except duckdb.Error as error:
        raise DataError(_plainly(str(error))) from error


def _writes(sql: str) -> str | None:
    """A word by which a question could write: a COPY inside it may replace the database and its log.

    As a name in quotes, in a string or in a comment it stays a word; the functions run SQL that is in a string.
    """
    raw, tokens = sql.encode(), duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(raw)]
    for (start, kind), end in zip(tokens, ends, strict=True):
        word = raw[start:end].decode("utf-8", "replace").strip().lower()
        if kind == duckdb.token_type.keyword and word == "copy":
            return word
        if kind == duckdb.token_type.identifier and word.strip('"') in (
            "query",
            "json_execute_serialized_sql",
        ):
            return word
    return None


def _executed(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> duckdb.DuckDBPyConnection:
    """Execute it in a thread, for DuckDB itself hears Ctrl-C late or never."""
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(con.execute, statement)
        try:
            return result.result()
        except KeyboardInterrupt:
            con.interrupt()
            raise


def _plainly(message: str) -> str:
    """DuckDB's message in one line, without its own kinds of errors and settings."""
    line = " ".join(message.split("\n\nLINE ")[0].split())  # what follows draws the place with spaces
    line = re.sub(r"^[A-Z]\w+( \w+)? Error: ", "", line)
    unknown = re.match(r"Table with name (.*) does not exist!(?: Did you mean \"(?!pg_)(\w+)\")?", line)
    if unknown:
        meant = f"did you mean {unknown[2]}? " if unknown[2] else ""
        return f"there is no table {unknown[1]}; {meant}SHOW TABLES lists them"
    if "read-only mode" in line:
        return f"query changes nothing; {ASK}"
    if "disabled by configuration" in line or "disabled through configuration" in line:
        return "query reads the tables of the database, and nothing else of this machine or the network"
    return line


def _distinct(names: list[str]) -> list[str]:
    """The names, a second `n` being n_1 as in DuckDB's own subqueries: JSON would keep only one of them."""
    taken: dict[str, None] = {}
    for name in names:
        fresh = name
        for number in itertools.count(1):
            if fresh not in taken:
                break
            fresh = f"{name}_{number}"
        taken[fresh] = None
    return list(taken)


def _write(names: list[str], parts: Iterable[list[tuple[Any, ...]]], style: Format, out: TextIO) -> int:
    n = 0
    if style is Format.CSV:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        for rows in parts:
            writer.writerows(rows)
            n += len(rows)
        return n
    for row in itertools.chain.from_iterable(parts):
        held = {name: _json(value) for name, value in zip(names, row, strict=True)}
        out.write(",\n" if n else "[\n")
        json.dump(held, out, ensure_ascii=False, allow_nan=False, default=str)
        n += 1
    out.write("\n]\n" if n else "[]\n")
    return n


def _json(value: object) -> object:
    """A value as JSON can hold it: it has no NaN and no infinity, and its keys are strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_json(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _json(part) for key, part in value.items()}
    return value


def print_table(answer: Rows) -> None:
    """Print an answer's first rows: a table where it fits the screen, otherwise a block of lines for each row."""
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
    line = without_control_characters(str(value))
    return Text(line if len(line) <= CELL_CHARACTERS else line[: CELL_CHARACTERS - 1] + "…")


def command(
    sql: Annotated[str, typer.Argument(help="One statement that reads, in quotes.")],
    db: Annotated[Path, typer.Option(help="The database file.")],
    style: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = Format.TABLE,
) -> None:
    """Ask the database a question in SQL (DuckDB's); nothing can be changed by it.

    Views, of the model that scored last: latest_scores, risk_daily, risk_rolling, open_alerts. Tables, of all models:
    documents, scores, models, runs, files, rejects, alerts, evaluations. For example:
    "SELECT risk, count(*) FROM latest_scores GROUP BY risk"
    """
    if style is Format.TABLE:
        answer = run_query(Database(db), sql)
        print_table(answer)
        n, cut = min(len(answer.rows), TABLE_ROWS), len(answer.rows) > TABLE_ROWS
    else:
        n, cut = export_rows(Database(db), sql, style, sys.stdout), False
    rows = f"{n:,} row{'' if n == 1 else 's'}"
    if cut:
        rows = f"the first {TABLE_ROWS} rows (--format csv or json prints all)"
    Console(stderr=True).print(f"{rows} · {NOT_A_DIAGNOSIS}", style="dim", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run(command)

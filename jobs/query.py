"""Run one SQL query on the database; it cannot change anything.

risk-monitor query "SELECT risk, count(*) FROM scores GROUP BY risk" --db risk.duckdb

While a run writes, the query waits for it (a commit takes a fraction of a second).
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
from monitor.database.lake_views import lake_url
from monitor.errors import DataError

TABLE_ROWS = 100
FETCH_ROWS = 10_000
SPOOL_BYTES = 16 * 2**20  # of a result in memory; a larger one goes to an unnamed temporary file
CELL_CHARACTERS = 200
PIPE_COLUMNS = 10_000  # a pipe has no width, so its lines are not folded
READ_STATEMENTS = {"SELECT", "EXPLAIN", "PRAGMA", "CALL", "MULTI"}  # MULTI is a PIVOT
LAKE_STATEMENTS = {"SELECT", "EXPLAIN"}
USE = "use SELECT, FROM, DESCRIBE, SHOW or SUMMARIZE"


class Format(StrEnum):
    """How to print the rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class Rows:
    """Column names, and rows of Python values."""

    names: list[str]
    rows: list[tuple[Any, ...]]


def run_query(db: Database, sql: str, wait_s: float = READ_WAIT_S, max_rows: int = TABLE_ROWS + 1) -> Rows:
    """Run a statement that only reads; returns the first max_rows rows.

    Args:
        db: the database.
        sql: one statement.
        wait_s: seconds to wait while another process writes.

    Raises:
        DataError: the SQL is wrong, is several statements, or would change something.
        StoreError: the database cannot be read.
    """
    with _open_result(db, sql, wait_s) as (names, result):
        return Rows(names, result.fetchmany(max_rows))


def export_rows(db: Database, sql: str, style: Format, out: TextIO, wait_s: float = READ_WAIT_S) -> int:
    """Write all rows of a statement as CSV or JSON; returns their number.

    The rows go through a temporary file, so that the database is closed before `out`, which may be a pager or a slow
    pipe, gets the first of them. Errors as `run_query`.
    """
    with SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="utf-8", errors="replace", newline="") as spool:
        with _open_result(db, sql, wait_s) as (names, result):
            n = _write(names, iter(lambda: result.fetchmany(FETCH_ROWS), []), style, cast(TextIO, spool))
        spool.seek(0)
        shutil.copyfileobj(spool, out)
    return n


@contextmanager
def _open_result(db: Database, sql: str, wait_s: float) -> Iterator[tuple[list[str], duckdb.DuckDBPyConnection]]:
    """Check a statement and run it; gives its column names and the open result."""
    try:
        with db.reading(wait_s=wait_s) as con:
            statements = con.extract_statements(sql)
            if not statements:  # nothing but spaces and comments
                raise DataError(f"no SQL to run; {USE}")
            if len(statements) > 1:
                raise DataError(f"{len(statements)} statements; run one at a time")
            kind = statements[0].type.name
            # A lake's folders are open to DuckDB, and so to what its other statements may write.
            if kind not in (LAKE_STATEMENTS if lake_url(con) else READ_STATEMENTS):
                raise DataError(f"{kind} does not only read, and query changes nothing; {USE}")
            if word := _writing_word(sql):
                raise DataError(f"{word} could write a file, and query changes nothing; {USE}")
            result = _execute(con, statements[0])
            yield _unique_names([column[0] for column in result.description]), result
    except duckdb.Error as error:
        raise DataError(_plain_message(str(error))) from error


def _writing_word(sql: str) -> str | None:
    """The first word by which a query could write: COPY, or a function that runs SQL from a string.

    A COPY inside a query could replace the database and its log. `copy` in quotes, in a string or in a comment is
    harmless.
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


def _execute(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> duckdb.DuckDBPyConnection:
    """Execute a statement in a thread, because DuckDB reacts to Ctrl-C late or never."""
    with ThreadPoolExecutor(1) as pool:
        execution = pool.submit(con.execute, statement)
        try:
            return execution.result()
        except KeyboardInterrupt:
            con.interrupt()
            raise


def _plain_message(message: str) -> str:
    """DuckDB's message in one line, without its error classes and settings."""
    line = " ".join(message.split("\n\nLINE ")[0].split())  # the rest marks the place with spaces
    line = re.sub(r"^[A-Z]\w+( \w+)? Error: ", "", line)
    unknown = re.match(r"Table with name (.*) does not exist!(?: Did you mean \"(?!pg_)(\w+)\")?", line)
    if unknown:
        meant = f"did you mean {unknown[2]}? " if unknown[2] else ""
        return f"there is no table {unknown[1]}; {meant}SHOW TABLES lists them"
    if "read-only mode" in line:
        return f"query changes nothing; {USE}"
    if "disabled by configuration" in line or "disabled through configuration" in line:
        return "query reads the tables of the database, and nothing else on this machine or the network"
    return line


def _unique_names(names: list[str]) -> list[str]:
    """The names, a second `n` as n_1 (as in DuckDB's subqueries), because a JSON object holds each name once."""
    unique: dict[str, None] = {}
    for name in names:
        candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(1)))
        unique[next(candidate for candidate in candidates if candidate not in unique)] = None
    return list(unique)


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
        record = {name: _json(value) for name, value in zip(names, row, strict=True)}
        out.write(",\n" if n else "[\n")
        json.dump(record, out, ensure_ascii=False, allow_nan=False, default=str)
        n += 1
    out.write("\n]\n" if n else "[]\n")
    return n


def _json(value: object) -> object:
    """A value that JSON can hold: null for NaN and infinity, and string keys."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_json(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _json(part) for key, part in value.items()}
    return value


def print_table(result: Rows) -> None:
    """Print the first rows: a table if it fits the screen, otherwise a block of lines for each row."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    cells = [[_cell(value) for value in row] for row in result.rows[:TABLE_ROWS]]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column, name in enumerate(result.names):
        values = [row[column] for row in result.rows if row[column] is not None]
        right = bool(values) and all(isinstance(value, int | float) for value in values)
        table.add_column(Text(name), justify="right" if right else "left")
    for row in cells:
        table.add_row(*row)
    if console.measure(table, options=console.options.update(width=PIPE_COLUMNS)).maximum <= console.width:
        console.print(table)
        return
    width = max(map(len, result.names))
    for number, row in enumerate(cells, start=1):
        console.rule(Text(f"row {number}", style="dim"), align="left", style="dim")
        for name, cell in zip(result.names, row, strict=True):
            console.print(Text.assemble((f"{name:<{width}}  ", "bold"), cell), soft_wrap=True)


def _cell(value: object) -> Text:
    """A value for the screen, without control characters."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.4f}" if abs(value) >= 0.001 or value == 0 else f"{value:.3g}")
    line = without_control_characters(str(value))
    return Text(line if len(line) <= CELL_CHARACTERS else line[: CELL_CHARACTERS - 1] + "…")


def command(
    sql: Annotated[str, typer.Argument(help="One statement that only reads, in quotes.")],
    db: Annotated[Path, typer.Option(help="The database file.")],
    style: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
) -> None:
    """Run one SQL query (DuckDB's dialect) on the database; it cannot change anything.

    Views of the model that scored last: latest_scores, risk_daily, risk_rolling, criteria_rolling, subjects_now,
    open_alerts.
    Tables of all models: documents, scores, models, runs, files, rejects, alerts, mentions, codes, case_log,
    access_log, evaluations. For example:
    "SELECT risk, count(*) FROM latest_scores GROUP BY risk"
    """
    if style is Format.TABLE:
        result = run_query(Database(db), sql)
        print_table(result)
        n, cut = min(len(result.rows), TABLE_ROWS), len(result.rows) > TABLE_ROWS
    else:
        n, cut = export_rows(Database(db), sql, style, sys.stdout), False
    rows = f"{n:,} row{'' if n == 1 else 's'}"
    if cut:
        rows = f"the first {TABLE_ROWS} rows (--format csv or json prints all)"
    Console(stderr=True).print(f"{rows} · {NOT_A_DIAGNOSIS}", style="dim", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run(command)

"""Run one SQL query on the database; it cannot change anything.

risk-monitor query "SELECT risk, count(*) FROM scores GROUP BY risk" --db risk.duckdb

While a run writes, the query waits for it (a commit takes a fraction of a second).
"""

from __future__ import annotations

import itertools
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from jobs.console.infinite_times import Result
from jobs.console.progress import without_control_characters
from jobs.console.result_files import Format, check_file, printable_lines, write_file, write_rows
from jobs.console.safe_sql import TIME_S, USE, check_statement, limits
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database, private_files
from monitor.database.lake_views import lake_url
from monitor.database.reader_copies import is_snapshot
from monitor.errors import ConfigError, DataError
from monitor.regular_files import require_regular

TABLE_ROWS = 100
FETCH_ROWS = 10_000
SPOOL_BYTES = 16 * 2**20  # largest result in memory; a larger one goes to an unnamed temporary file
CELL_CHARACTERS = 200
PIPE_COLUMNS = 10_000  # a pipe has no width, so its lines are not folded


@dataclass(frozen=True)
class Rows:
    """Column names, and rows of Python values."""

    names: list[str]
    rows: list[tuple[Any, ...]]


def run_query(db: Database, sql: str, *, max_rows: int = TABLE_ROWS + 1, time_s: float = TIME_S) -> Rows:
    """Run a statement that only reads; returns the first max_rows rows.

    Args:
        db: the database.
        sql: one statement.
        max_rows: the most rows to return.
        time_s: seconds after which the query is ended.

    Raises:
        DataError: the SQL is wrong, is several statements, would change something, or takes too much time or memory.
        StoreError: the database cannot be read.
    """
    with _open_result(db, sql, time_s) as (names, result):
        return Rows(names, result.fetchmany(max_rows))


def export_rows(
    db: Database,
    sql: str,
    style: Format,
    out: TextIO,
    *,
    time_s: float = TIME_S,
    safe_csv: bool = True,
) -> int:
    """Write all rows of a statement as CSV or JSON; returns their number.

    The rows go through a temporary file, so that the database is closed before `out`, which may be a pager or a slow
    pipe, gets the first of them. A terminal gets no control characters. Errors as `run_query`.
    """
    with SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="utf-8", errors="replace", newline="") as spool:
        with _open_result(db, sql, time_s) as (names, result):
            parts = iter(lambda: result.fetchmany(FETCH_ROWS), [])
            n = write_rows(names, parts, style, cast(TextIO, spool), safe_csv=safe_csv)
        spool.seek(0)
        if out.isatty():
            out.writelines(map(printable_lines, spool))
        else:
            shutil.copyfileobj(spool, out)
    return n


def save_rows(db: Database, sql: str, file: Path, *, time_s: float = TIME_S, safe_csv: bool = True) -> int:
    """Write all rows of a statement into a .parquet, .csv or .xlsx file (mode 600); returns their number.

    Raises:
        ConfigError: the file cannot be written. Other errors as `run_query`.
    """
    check_file(file)
    exact = file.suffix.lower() == ".parquet"  # Parquet can store infinite times
    with private_files(), _open_result(db, sql, time_s, with_flags=not exact) as (names, result):
        return write_file(names, result, file, safe_csv=safe_csv)


@contextmanager
def _open_result(
    db: Database, sql: str, time_s: float, *, with_flags: bool = True
) -> Iterator[tuple[list[str], Result]]:
    """Check a statement and run it; yields its column names and the open result."""
    try:
        with private_files(), db.reading() as con:  # what the query spills is private, too
            statement = check_statement(con, sql)
            is_source = lake_url(con) is None and not is_snapshot(db.file)  # a lake has no snapshot
            with limits(con, time_s, has_snapshot=is_source):
                result = Result(con, statement, with_flags=with_flags)
                yield _unique_names(result.names), result
    except duckdb.Error as error:
        raise DataError(_plain_message(str(error))) from error


def _plain_message(message: str) -> str:
    """DuckDB's message in one line, without its error classes and settings."""
    line = " ".join(message.split("\n\nLINE ")[0].split())  # the rest of the message marks the position with spaces
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
    """Unique names, which JSON objects need: a second `n` becomes n_1, as in DuckDB's subqueries."""
    unique: dict[str, None] = {}
    for name in names:
        candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(1)))
        unique[next(candidate for candidate in candidates if candidate not in unique)] = None
    return list(unique)


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
        table.add_column(Text(without_control_characters(name)), justify="right" if right else "left")
    for row in cells:
        table.add_row(*row)
    if console.measure(table, options=console.options.update(width=PIPE_COLUMNS)).maximum <= console.width:
        console.print(table)
        return
    names = [without_control_characters(name) for name in result.names]
    width = max(map(len, names))
    for number, row in enumerate(cells, start=1):
        console.rule(Text(f"row {number}", style="dim"), align="left", style="dim")
        for name, cell in zip(names, row, strict=True):
            console.print(Text.assemble((f"{name:<{width}}  ", "bold"), cell), soft_wrap=True)


def _cell(value: object) -> Text:
    """A value for the screen, without control characters."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.4f}" if abs(value) >= 0.001 or value == 0 else f"{value:.3g}")
    line = without_control_characters(str(value))
    return Text(line if len(line) <= CELL_CHARACTERS else line[: CELL_CHARACTERS - 1] + "…")


def read_sql(given: str) -> str:
    """The SQL given as an argument: itself, standard input for "-", or the content of a file named *.sql.

    Raises:
        DataError: the file cannot be read as text.
    """
    try:
        if given == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        if given.endswith(".sql") and not re.search(r"\s", given):
            require_regular(Path(given))
            return Path(given).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{given}: cannot read this SQL file ({error.strerror}); name one that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{given}: this SQL is not UTF-8") from error
    return given


def command(
    sql: Annotated[
        str, typer.Argument(help="One statement that only reads, in quotes; a file *.sql; or - for standard input.")
    ],
    db: Annotated[Path, typer.Option(help="The database file.")],
    style: Annotated[
        Format | None, typer.Option("--format", help="How to print the rows (default: table); not with --out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write all rows into this file instead: .parquet, .csv or .xlsx.")
    ] = None,
    safe_csv: Annotated[
        bool, typer.Option("--safe-csv/--raw-csv", help="Put ' before CSV texts that a spreadsheet would calculate.")
    ] = True,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds after which the query is ended.")] = TIME_S,
) -> None:
    """Run one SQL query (DuckDB's dialect) on the database; it cannot change anything.

    Views of the model that scored last: latest_scores, risk_daily, risk_rolling, criteria_rolling, fusion_rolling,
    subjects_now, open_alerts, calibrated_scores.
    Tables of all models: documents, scores, pieces, word_weights, superseded_documents, superseded_scores,
    subject_forms, measures (and their view measures_rolling), models, runs, files, rejects, alerts, mentions, codes,
    case_log, access_log, calibrations, evaluations. For example:
    "SELECT risk, count(*) FROM latest_scores GROUP BY risk"
    """
    statement, database, cut = read_sql(sql), Database(db), False
    if out is not None and style is not None:
        raise ConfigError(f"--format {style}: the ending of --out says how the file is written; leave out --format")
    if out is not None:
        n = save_rows(database, statement, out, time_s=timeout, safe_csv=safe_csv)
    elif style in (None, Format.TABLE):
        result = run_query(database, statement, time_s=timeout)
        print_table(result)
        n, cut = min(len(result.rows), TABLE_ROWS), len(result.rows) > TABLE_ROWS
    else:
        if hasattr(sys.stdout, "reconfigure") and not sys.stdout.isatty():
            sys.stdout.reconfigure(encoding="utf-8")  # a file for programs, whatever this terminal can show
        n = export_rows(database, statement, Format(style), sys.stdout, time_s=timeout, safe_csv=safe_csv)
    rows = f"{n:,} row{'' if n == 1 else 's'}"
    if cut:
        rows = f"the first {TABLE_ROWS} rows (--format csv or json prints all)"
    Console(stderr=True).print(f"{rows} · {NOT_A_DIAGNOSIS}", style="dim", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run(command)

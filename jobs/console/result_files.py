"""Results of queries on a screen or in a file: CSV, JSON, Parquet and Excel, safe for terminals and spreadsheets."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import math
import os
import re
import tempfile
import traceback
import warnings
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO
from zipfile import ZipFile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.console.infinite_times import Result
from jobs.console.progress import print_warning, without_control_characters
from monitor.errors import ConfigError, DataError, cannot_write
from monitor.intake.archives import UNPACKED
from monitor.output_files import RESULTS, OutputFiles
from monitor.scratch_folder import scratch_folder

# The last four are their full-width forms.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet runs a cell that begins so; OWASP, "CSV Injection"."""
INNER_FORMULA = re.compile('([;\t\r\n|][ "]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])')
"""What such a cell would be to a spreadsheet that splits lines at semicolons, tabs or bars, or inside quotes."""
EXCEL_ROWS = 1_048_575  # below the line of names
EXCEL_CHARACTERS = 32_767
EXCEL_YEAR = 1900  # its first
PART_ROWS = 10_000  # rows in memory at once
ENDINGS = (".parquet", ".csv", ".xlsx")
Row = tuple[Any, ...]


class Format(StrEnum):
    """How to print the rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def safe_cell(value: object) -> object:
    """A value that is safe in a spreadsheet: an apostrophe is put before a text that would run as a formula.

    Each part of a text after a semicolon, tab, bar or line break is treated in the same way, because a spreadsheet
    may split the text there. A list, a struct and a BLOB, which may hold texts, become the text that stands in the
    cell.
    """
    if isinstance(value, list | tuple | dict | bytes):
        value = str(value)
    if not isinstance(value, str):
        return value
    text = INNER_FORMULA.sub(r"\1'\2", value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def write_rows(
    names: list[str], parts: Iterable[list[Row]], style: Format, out: TextIO, *, safe_csv: bool = True
) -> int:
    """Write rows as CSV or JSON; returns their number.

    Args:
        names: of the columns.
        parts: the rows, some at a time.
        style: CSV or JSON.
        out: the stream to write to.
        safe_csv: as `safe_cell`.
    """
    n = 0
    if style is Format.CSV:
        cell = safe_cell if safe_csv else _as_it_is
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([cell(name) for name in names])
        for rows in parts:
            writer.writerows([[cell(value) for value in row] for row in rows])
            n += len(rows)
        return n
    for row in itertools.chain.from_iterable(parts):
        record = {name: _json(value) for name, value in zip(names, row, strict=True)}
        out.write(",\n" if n else "[\n")
        json.dump(record, out, ensure_ascii=False, allow_nan=False, default=str)
        n += 1
    out.write("\n]\n" if n else "[]\n")
    return n


def check_file(file: Path) -> None:
    """Check the name of a result file before the query runs.

    Raises:
        ConfigError: the name's ending is not one of ENDINGS, the folder is missing, or the file is somebody else's.
    """
    if file.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--out {file}: give it a name that ends in {', '.join(ENDINGS)}")
    if not file.parent.is_dir():
        raise ConfigError(f"--out {file}: there is no folder {file.parent}")
    try:
        OutputFiles(file.parent, RESULTS).check([file])
    except OSError as error:
        raise cannot_write(f"--out {file}", error) from error


def write_file(names: list[str], result: Result, file: Path, *, safe_csv: bool = True) -> int:
    """Write an open result in the format of the file's ending, some rows at a time. Returns the number of rows.

    The file appears in one step, when it is complete.

    Raises:
        DataError: the result does not fit into Excel, or a type has no place in Parquet. ConfigError: the file cannot
        be written, or is somebody else's.
    """
    # Short, because the file's own name may have the largest allowed length.
    unfinished = file.with_name(f".query-{os.getpid()}.new")
    parts = iter(lambda: result.fetchmany(PART_ROWS), [])
    try:
        if file.suffix.lower() == ".parquet":
            n = _write_parquet(names, result.opened, unfinished, file)
        elif file.suffix.lower() == ".xlsx":
            n = _write_excel(names, parts, unfinished)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as stream:
                n = write_rows(names, parts, Format.CSV, stream, safe_csv=safe_csv)
        OutputFiles(file.parent, RESULTS).claim(file)
        unfinished.replace(file)
    except OSError as error:
        raise cannot_write(f"--out {file}", error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return n


def _write_parquet(names: list[str], result: duckdb.DuckDBPyConnection, unfinished: Path, file: Path) -> int:
    n = 0
    with warnings.catch_warnings():
        # A warning of a copy; con.sql makes none, but does not take a checked statement.
        warnings.simplefilter("ignore", UserWarning)
        reader: Any = result.to_arrow_reader(PART_ROWS)
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    try:
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
                n += batch.num_rows
    except pa.ArrowNotImplementedError as error:
        raise DataError(f"--out {file}: a type of a column has no place there; CAST it to VARCHAR") from error
    return n


def _write_excel(names: list[str], parts: Iterable[list[Row]], file: Path) -> int:
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    try:
        # The library writes the rows into temporary files first, and leaves them there after an error.
        with (
            scratch_folder(Path(tempfile.gettempdir()), UNPACKED) as folder,
            Workbook(file, {"constant_memory": True, "tmpdir": str(folder)}) as book,
        ):
            n, n_long, n_exact = _write_sheet(book, itertools.chain([[tuple(names)]], parts))
    except FileCreateError as error:
        _close_zip(error.args[0])
        raise OSError(*getattr(error.args[0], "args", ())) from error
    if n_long:
        raise DataError(
            f"Excel holds {EXCEL_CHARACTERS:,} characters a cell; longer texts: {n_long:,}; use .parquet or .csv"
        )
    if n_exact:
        print_warning(
            "values written as texts, because Excel would round the number or has no such date (before "
            f"{EXCEL_YEAR}): {n_exact:,}"
        )
    return n


def _close_zip(error: BaseException) -> None:
    """Close the ZIP file that the library left open after an error, or Python prints a traceback when it ends."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in frame.f_locals.values():
            if isinstance(value, ZipFile):
                with suppress(OSError):
                    value.close()


def _write_sheet(book: Any, parts: Iterable[list[Row]]) -> tuple[int, int, int]:
    """Write the rows; returns the numbers of rows, of too long texts, and of numbers and dates written as texts."""
    sheet, n_long, n_exact, place = book.add_worksheet("result"), 0, 0, -1
    forms: dict[type, Any] = {dt.datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})}
    forms[dt.date] = book.add_format({"num_format": "yyyy-mm-dd"})
    for place, row in enumerate(itertools.chain.from_iterable(parts)):
        if place > EXCEL_ROWS:
            raise DataError(f"Excel holds {EXCEL_ROWS:,} rows, and the result has more; use .parquet or .csv")
        for column, value in enumerate(row):
            if isinstance(value, bool):
                sheet.write_boolean(place, column, value)
            elif isinstance(value, dt.date) and _without_zone(value).year >= EXCEL_YEAR:  # a datetime too
                sheet.write_datetime(place, column, _without_zone(value), forms[type(value)])
            elif _is_exact(value):
                sheet.write_number(place, column, value)
            elif value is not None:
                text = str(value)
                n_exact += isinstance(value, int | Decimal | dt.date)
                n_long += len(text.encode("utf-16-le", "replace")) // 2 > EXCEL_CHARACTERS
                sheet.write_string(place, column, text[:EXCEL_CHARACTERS])  # never as a formula or a link
    return place, n_long, n_exact


def _is_exact(value: object) -> bool:
    """Whether an Excel cell can hold this value as a number. A cell keeps 16 digits, and whole numbers up to 2^53."""
    if isinstance(value, float):
        return math.isfinite(value)
    if not isinstance(value, int | Decimal) or not math.isfinite(value) or not -(2**53) <= value <= 2**53:
        return False
    return Decimal(f"{float(value):.16G}") == value


def _without_zone(value: dt.date) -> dt.date:
    return value.astimezone(dt.UTC).replace(tzinfo=None) if isinstance(value, dt.datetime) and value.tzinfo else value


def _as_it_is(value: object) -> object:
    return value


def _json(value: object) -> object:
    """A value that JSON can hold: null for NaN and infinity, and string keys."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_json(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _json(part) for key, part in value.items()}
    return value


def printable_lines(text: str) -> str:
    """Text for a terminal: lines and tabs stay, other control characters become spaces."""
    return "".join(part if part in "\n\t" else without_control_characters(part) for part in text)

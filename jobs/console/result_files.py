"""Results of queries on a screen or in a file: CSV, JSON, Parquet and Excel, safe for terminals and spreadsheets."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import math
import os
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from jobs.console.progress import without_control_characters
from monitor.errors import ConfigError, DataError, cannot_write

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # wide ones, too
"""A spreadsheet runs a cell that begins so; OWASP, "CSV Injection"."""
INNER_FORMULA = re.compile('(?<=[;\t\r\n|])([ "]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])')
"""What such a cell would be to a spreadsheet that splits lines at semicolons, tabs or bars, or inside quotes."""
EXCEL_ROWS = 1_048_575  # below the line of names
EXCEL_CHARACTERS = 32_767
ENDINGS = (".parquet", ".csv", ".xlsx")
Row = tuple[Any, ...]


class Format(StrEnum):
    """How to print the rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def safe_cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula, with an apostrophe before it; other values as they are.

    So does each part of a text after a semicolon, tab, bar or line break, where a spreadsheet may split it.
    """
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
        out: where to.
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
        ConfigError: its ending is none of ENDINGS, or its folder is missing.
    """
    if file.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--out {file}: give it a name that ends in {', '.join(ENDINGS)}")
    if not file.parent.is_dir():
        raise ConfigError(f"--out {file}: there is no folder {file.parent}")


def write_file(frame: pl.DataFrame, file: Path, *, safe_csv: bool = True) -> None:
    """Write a result as the file's ending says, in one step.

    Raises:
        DataError: Excel does not hold so many rows. ConfigError: the file cannot be written.
    """
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        if file.suffix.lower() == ".parquet":
            frame.write_parquet(unfinished)
        elif file.suffix.lower() == ".xlsx":
            _write_excel(frame, unfinished)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as stream:
                write_rows(frame.columns, [frame.rows()], Format.CSV, stream, safe_csv=safe_csv)
        unfinished.replace(file)
    except OSError as error:
        raise cannot_write(f"--out {file}", error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_excel(frame: pl.DataFrame, file: Path) -> None:
    from xlsxwriter import Workbook

    if frame.height > EXCEL_ROWS:
        raise DataError(f"Excel holds {EXCEL_ROWS:,} rows, the result has {frame.height:,}; use .parquet or .csv")
    with Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("result")
        forms = {dt.datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})}
        forms[dt.date] = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, row in enumerate(itertools.chain([tuple(frame.columns)], frame.iter_rows())):
            for column, value in enumerate(row):
                if isinstance(value, bool):
                    sheet.write_boolean(place, column, value)
                elif isinstance(value, int | float) and math.isfinite(value):
                    sheet.write_number(place, column, value)
                elif isinstance(value, dt.date):  # a datetime too
                    sheet.write_datetime(place, column, _without_zone(value), forms[type(value)])
                elif value is not None:
                    sheet.write_string(place, column, str(value)[:EXCEL_CHARACTERS])  # never as a formula or a link


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

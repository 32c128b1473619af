"""Read evaluation.csv of a model folder: every cell is checked, and no message quotes the file.

The author of the folder chose the file. The file may be a link to a private file, so an error message names only the
row and the column.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from monitor.errors import StoreError

EVALUATION_COLUMNS: dict[str, type[pl.DataType] | pl.DataType] = {
    "model_id": pl.String,
    "split": pl.String,
    "method": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "reason": pl.String,
    "n": pl.Int64,
    "data": pl.String,
    "evaluated_at": pl.Datetime("us"),
}
SPLITS = ("test", "test_deduplicated")
MAY_BE_EMPTY = ("value", "lo", "hi", "reason")
MAX_BYTES = 2**24  # the built-in model's file has 150 kB
TIME = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?$"


def read_evaluations(file: Path, model_id: str) -> pl.DataFrame:
    """The rows of a model, with EVALUATION_COLUMNS.

    Raises:
        StoreError: the file cannot be read, has other columns, or has a cell that cannot be stored. The message
            counts rows from 1 below the header.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _refusal(file, "larger than 16 MiB")
        cells = pl.read_csv(file.read_bytes(), infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as fault:
        # Never repeat the library's message, because it quotes the row.
        raise _refusal(file, f"no CSV that can be read, {type(fault).__name__}") from None
    if cells.columns != list(EVALUATION_COLUMNS):
        raise _refusal(file, f"its header should be {','.join(EVALUATION_COLUMNS)}")
    typed = cells.with_columns(_typed(name, kind) for name, kind in EVALUATION_COLUMNS.items())
    for name, wrong, why in _faults(cells, typed, model_id):
        if wrong.any():
            raise _refusal(file, f"row {wrong.arg_true()[0] + 1}, column {name}: {why}")
    return typed.filter(pl.col("model_id") == model_id)


def _refusal(file: Path, why: str) -> StoreError:
    return StoreError(f"{file}: not the table of evaluations ({why}); repair or remove it")


def _typed(name: str, kind: type[pl.DataType] | pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.Datetime("us"):
        column = pl.when(column.str.contains(TIME)).then(column.str.replace("T", " ", literal=True))
        return column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).alias(name)
    return column.cast(kind, strict=False)


def _faults(cells: pl.DataFrame, typed: pl.DataFrame, model_id: str) -> Iterator[tuple[str, pl.Series, str]]:
    """The faults for which the table `evaluations` would refuse rows: column, mask of wrong rows, expected value.

    Types and empty cells are checked in every row. Other faults are checked only in this model's rows, because only
    these rows are stored.
    """
    expected = {"value": "a number", "lo": "a number", "hi": "a number", "n": "a whole number"}
    for name in EVALUATION_COLUMNS:
        wrong = cells[name].is_not_null() & typed[name].is_null()
        yield name, wrong, f"give {expected.get(name, 'a time such as 2026-01-31 08:00:00')}"
        if name not in MAY_BE_EMPTY:
            yield name, typed[name].is_null(), "empty"
    own = typed["model_id"] == model_id
    yield "split", own & ~typed["split"].is_in(SPLITS), f"give {' or '.join(SPLITS)}"
    for name in ("value", "lo", "hi"):
        yield name, own & ~_possible(typed, name), "give a value that its metric can have, such as 0 to 1"
    yield "reason", own & (typed["value"].is_null() != typed["reason"].is_not_null()), "give a value or a reason"
    yield "n", own & (typed["n"] < 0), "give a number of texts"
    keys = ["model_id", "split", "method", "metric"]
    again = ~typed.select(pl.struct(keys).is_first_distinct()).to_series()
    yield "metric", own & again, "this metric is already in an earlier row"


def _possible(typed: pl.DataFrame, name: str) -> pl.Series:
    """Whether each cell is empty or a possible value: 0 to 1, up to 2 for Brier scores, any for log loss."""
    largest = (
        pl.when(pl.col("metric").str.ends_with("log_loss"))
        .then(pl.lit(1e300))
        .when(pl.col("metric").str.ends_with("brier"))
        .then(2.0)
        .otherwise(1.0)
    )
    column = pl.col(name)
    return typed.select(column.is_null() | (column.is_finite() & (column >= 0) & (column <= largest))).to_series()

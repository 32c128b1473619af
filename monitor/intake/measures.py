"""Measures, which are numbers beside the texts: read them, and find the values that are not numbers."""

from __future__ import annotations

import json

import polars as pl

from monitor.intake.identity import PLACEHOLDERS
from monitor.intake.raw_rows import MAX_RAW_CHARACTERS, MEASURE_PREFIX, Fault
from monitor.intake.timestamps import UTC_TIME

BAD_NUMBER = "not a number; write it as 7.5 or 7,5, without a unit, or leave it empty. The row's text is kept"
OTHER_NUMBER = 'another number of this subject and time is stored; on_change = "replace" takes the newer one'
MEASURE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "row": pl.Int64,
    "subject_id": pl.String,
    "measured_at": UTC_TIME,
    "name": pl.String,
    "value": pl.Float64,
    "source": pl.String,
}


def find_measures(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The numbers of rows with a subject and a time, and the values that are not numbers; `7,5` is 7.5.

    Empty values and words for missing values are in neither frame. The measures of a row are kept even if its text is
    missing or refused.

    Returns:
        two frames with the columns of MEASURE_SCHEMA; the second one also has `given`.
    """
    names = [name for name in rows.columns if name.startswith(MEASURE_PREFIX)]
    known = rows.filter(pl.col("column").is_null() | pl.col("column").is_in(["text", "doc_id"]))
    if not names or known.is_empty():
        none = pl.DataFrame(schema=MEASURE_SCHEMA)
        return none, none.with_columns(given=pl.lit(None, pl.String))
    values = pl.col("given")
    decimal_comma = values.str.contains(r"^[-+]?\d+,\d+$") & ~values.str.contains(r"^[-+]?[1-9]\d{0,2},\d{3}$")
    number = pl.when(decimal_comma).then(values.str.replace(",", ".")).otherwise(values)
    index = ["row", "subject_id", "posted_at", "source"]
    long = known.select(*index, *names).unpivot(names, index=index, variable_name="name", value_name="given")
    long = long.with_columns(values.str.strip_chars(), pl.col("name").str.strip_prefix(MEASURE_PREFIX))
    long = long.filter(values != "", ~values.is_in(PLACEHOLDERS)).rename({"posted_at": "measured_at"})
    long = long.with_columns(value=number.cast(pl.Float64, strict=False)).sort("row", maintain_order=True)
    finite = pl.col("value").is_finite().fill_null(value=False)
    return long.filter(finite).select(MEASURE_SCHEMA.keys()), long.filter(~finite)


def numbers_alone(refused: pl.DataFrame, measures: pl.DataFrame) -> pl.Series:
    """Whether each refused row may be accepted as a row of numbers: its text is empty, but it has a measure."""
    is_empty = (refused["column"] == "text") & (refused["reason"] == "empty")
    return is_empty & refused["row"].is_in(measures["row"].implode())


def measure_faults(rows: pl.DataFrame, reason: str, has_pseudonyms: bool) -> list[Fault]:
    """A fault for each measure (MEASURE_SCHEMA and `given`); with pseudonyms it names the subject only."""
    faults = []
    for row in rows.iter_rows(named=True):
        own = {} if has_pseudonyms else {row["name"]: row["given"]}
        raw = json.dumps({"subject_id": row["subject_id"], **own}, ensure_ascii=False)
        key = "\0".join(map(str, (row["measured_at"], row["subject_id"], row["name"], row["given"])))
        faults.append(Fault(row["row"], row["name"], reason, raw[:MAX_RAW_CHARACTERS], key))
    return faults

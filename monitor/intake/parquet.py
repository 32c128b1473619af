"""Raw rows from Parquet files; `row` is a row's number from 1.

A file without the required columns or types raises DataError; an unreadable row becomes a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from math import isnan
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.errors import DataError
from monitor.intake.csv_jsonl import missing_columns
from monitor.intake.raw_rows import BATCH_BYTES, COLUMNS, REQUIRED, Batch, BatchBuilder, Fault

PART_ROWS = 256  # decoded at a time, because their size is unknown before
NO_WHOLE_ID = "a float, and no whole number below 2**53; export ids as strings or integers"


def read_parquet(path: Path, batch_rows: int) -> Iterator[Batch]:
    """Batches of a Parquet file; ids may be numbers, posted_at a date, a timestamp, a number or a string.

    Raises:
        DataError: it is no Parquet file, or a column is missing, repeated, or of an unusable type.
    """
    with path.open("rb") as stream:
        try:
            file = pq.ParquetFile(stream)
        except (
            pa.ArrowException,
            OSError,
            UnicodeDecodeError,
        ) as error:  # UnicodeDecodeError: in a column name
            raise DataError(
                f"{path}: not a readable Parquet file (cut short or damaged?); export it again"
            ) from error
        columns = _parquet_columns(path, file.schema_arrow)
        row = 1
        for part in _parts(file, columns, batch_rows):
            yield _parquet_batch(part, row)
            row += part.num_rows
        if row <= file.metadata.num_rows:
            damaged = Fault(row, None, "the file is damaged from here on", None)
            yield Batch(BatchBuilder().build().rows, [damaged])


def _parts(file: pq.ParquetFile, columns: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    """The rows up to the first damage, at most batch_rows at a time, fewer where they are large.

    The sizes in the file count a repeated text once, so we measure the decoded rows instead.
    """
    parts: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    step = min(batch_rows, PART_ROWS)
    with suppress(pa.ArrowException, OSError):
        groups = range(file.num_row_groups)  # read separately, or damage would lose rows of the group before
        for part in (part for n in groups for part in file.iter_batches(step, row_groups=[n], columns=columns)):
            parts.append(part)
            n_rows, n_bytes = n_rows + part.num_rows, n_bytes + sum(map(_decoded_bytes, part.columns))
            if n_rows + step > batch_rows or n_bytes >= BATCH_BYTES:
                yield pa.concat_batches(parts)
                parts, n_rows, n_bytes = [], 0, 0
    if parts:
        yield pa.concat_batches(parts)


def _decoded_bytes(column: pa.Array) -> int:
    """Decoded bytes of an array; the values of a dictionary array are strings."""
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0


def _parquet_columns(path: Path, schema: pa.Schema) -> list[str]:
    """The names of COLUMNS that the file has, after a check of their types."""
    if not all(name in schema.names for name in REQUIRED):
        raise missing_columns(path, schema.names)
    columns = [name for name in COLUMNS if name in schema.names]
    for name in columns:
        if schema.names.count(name) > 1:
            raise DataError(f"{path}: two columns are called {name}; keep one")
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        string = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        number = name != "text" and (pa.types.is_integer(kind) or pa.types.is_floating(kind))
        time = name == "posted_at" and (pa.types.is_date(kind) or pa.types.is_timestamp(kind))
        if not (string or number or time or pa.types.is_null(kind)):
            raise DataError(f"{path}: column {name} holds {kind}; export it as a string")
    return columns


def _parquet_batch(part: pa.RecordBatch, first_row: int) -> Batch:
    """Rows and faults: strings that are not UTF-8, because later steps fail on them, and inexact ids."""
    part = pa.RecordBatch.from_arrays(list(map(_in_utc, part.columns)), part.schema.names)
    bad: dict[int, tuple[str, str]] = {}
    for name in part.schema.names:
        column = part.column(name)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            values = column.cast(pa.large_binary()).to_pylist()
            bad |= {
                i: (name, "not UTF-8") for i, value in enumerate(values) if value is not None and not _is_utf8(value)
            }
        if pa.types.is_floating(column.type) and name != "posted_at":
            bad |= {i: (name, NO_WHOLE_ID) for i, value in enumerate(column.to_pylist()) if not _is_whole(value)}
    if bad:
        part = part.take(pa.array([i for i in range(part.num_rows) if i not in bad], pa.int64()))
    rows = pl.DataFrame({name: pl.Series(part.column(name)) for name in part.schema.names})
    numbers = [first_row + i for i in range(rows.height + len(bad)) if i not in bad]
    whole = [  # a number column with gaps comes as floats: 7.0 is the id 7
        pl.when(pl.col(name).is_finite()).then(pl.col(name)).cast(pl.Int64)
        for name, kind in rows.schema.items()
        if kind.is_float() and name != "posted_at"
    ]
    strings = [
        pl.col(name).cast(pl.String)
        for name, kind in rows.schema.items()
        if name != "posted_at" or kind == pl.Categorical
    ]
    absent = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in rows.columns]
    rows = rows.with_columns(whole).with_columns(*strings, *absent, row=pl.Series(numbers, dtype=pl.Int64))
    faults = [Fault(first_row + i, name, reason, None) for i, (name, reason) in sorted(bad.items())]
    return Batch(rows.select("row", *COLUMNS), faults)


def _in_utc(column: pa.Array) -> pa.Array:
    """Drop the zone of times, which Arrow stores as UTC; polars does not support every zone (not +05:30)."""
    zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
    return column.cast(pa.timestamp(column.type.unit)) if zoned else column


def _is_whole(value: float | None) -> bool:
    """Whether a float can be an id: 2.5 and 2.7 must not both become 2, and floats from 2**53 on are inexact."""
    return value is None or isnan(value) or (abs(value) < 2**53 and value.is_integer())


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

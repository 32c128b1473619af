"""Raw rows from Parquet files; `row` is a row's number from 1.

Warehouses write ids as UUID, DECIMAL or BINARY, and column names in upper case; every such id becomes the string that
a CSV export of the same rows holds. A file without the required columns or types raises DataError; an unreadable row
becomes a fault.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import isnan
from pathlib import Path
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.errors import DataError
from monitor.intake.identity import NO_WHOLE_ID
from monitor.intake.raw_rows import (
    BATCH_BYTES,
    COLUMNS,
    DAMAGED,
    REQUIRED,
    Batch,
    BatchBuilder,
    Fault,
    measure_column,
)
from monitor.intake.selection import Selection, join, missing_columns
from monitor.intake.streams import check_growth

MANY_ROWS, ROWS_A_BYTE = 10_000_000, 20  # a file is refused if its rows exceed both limits
PART_ROWS = 256  # rows decoded at a time, because their size is not known before
NOT_UTF8 = "not UTF-8"
NO_WHOLE_DECIMAL = "a decimal number with a fraction; export ids as strings or integers"


def read_parquet(path: Path, batch_rows: int, selection: Selection | None = None) -> Iterator[Batch]:
    """Batches of a Parquet file; ids may be numbers, posted_at a date, a timestamp, a number or a string.

    `selection` gives the meaning of the columns; None: the columns of the contract.

    Raises:
        DataError: the file is no Parquet file, or a column is missing, repeated, or of an unusable type.
    """
    with path.open("rb") as stream:
        try:
            file = pq.ParquetFile(stream)
        except (
            pa.ArrowException,
            OSError,
            UnicodeDecodeError,
        ) as error:  # UnicodeDecodeError comes from a column name
            raise DataError(
                f"{path}: not a readable Parquet file (cut short or damaged?); export it again"
            ) from error
        check_size(path, file.metadata)
        read = _FeedColumns(path, file.schema_arrow, selection) if selection and selection.feed else None
        columns = read.columns if read else _parquet_columns(path, file.schema_arrow)
        row = 1
        for part in _parts(file, read.names if read else list(columns.values()), batch_rows):
            batch = _parquet_batch(read.arranged(part) if read else part, columns, row)
            yield dataclasses.replace(batch, dates=selection.dates) if selection else batch
            row += part.num_rows
        if row <= file.metadata.num_rows:
            damaged = Fault(row, None, DAMAGED, None)
            yield Batch(BatchBuilder().build().rows, [damaged])


def check_size(path: Path, metadata: pq.FileMetaData) -> None:
    """Raise DataError if the file claims more rows or bytes than its size allows: no texts are packed so tightly."""
    size, n_rows = path.stat().st_size, metadata.num_rows
    check_growth(path, sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)), size)
    if n_rows > MANY_ROWS and n_rows > size * ROWS_A_BYTE:
        raise DataError(f"{path}: it claims {n_rows:,} rows in {size:,} bytes, which no export does; export it again")


class _FeedColumns:
    """The columns of a file that a feed names, as those of COLUMNS and of its measures.

    Attributes:
        names: of the columns to read.
        columns: name of COLUMNS or of a measure -> the same name, for those that the feed has.
    """

    def __init__(self, path: Path, schema: pa.Schema, selection: Selection) -> None:
        places = selection.places(schema.names)
        wanted = (*COLUMNS, *map(measure_column, selection.measures))
        pairs = zip(wanted, places.positions, strict=True)
        self._own = {name: [schema.names[i] for i in where] for name, where in pairs if where}
        self._subject = places.subject
        for name, own in self._own.items():
            for given in own:
                kind = schema.field(given).type
                if not _is_usable(name, kind.value_type if pa.types.is_dictionary(kind) else kind):
                    wanted_kind = "a string" if name in COLUMNS else "a number"
                    raise DataError(f"{path}: column {given} holds {kind}; export it as {wanted_kind}")
        self.names = list(dict.fromkeys(given for own in self._own.values() for given in own))
        named = {**self._own, **({"subject_id": []} if self._subject is not None else {})}
        self.columns = {name: name for name in named}

    def arranged(self, part: pa.RecordBatch) -> pa.RecordBatch:
        """The columns of the feed under the names of the contract; several columns of the text are joined."""
        arrays: dict[str, pa.Array] = {}
        for name, own in self._own.items():
            if len(own) > 1:
                arrays[name] = _joined([part.column(given) for given in own])
            elif name in COLUMNS:
                arrays[name] = part.column(own[0])
            else:
                arrays[name] = part.column(own[0]).cast(pa.string())
        if self._subject is not None:
            arrays["subject_id"] = pa.array([self._subject] * part.num_rows, pa.string())
        return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def _joined(columns: list[pa.Array]) -> pa.Array:
    """The text of each row from its parts; a row with a part that is not UTF-8 gets bytes that are not UTF-8."""
    read = [_readable("text", column) for column in columns]
    bad = {i for _, faults in read for i in faults}
    if not bad:
        return pa.array([join(texts) for texts in zip(*(c.to_pylist() for c, _ in read), strict=True)], pa.string())
    good = pa.array([i not in bad for i in range(len(columns[0]))], pa.bool_())
    parts = [pc.if_else(good, column.cast(pa.large_binary()), b"").to_pylist() for column, _ in read]
    texts = [join(value and value.decode() for value in row).encode() for row in zip(*parts, strict=True)]
    return pa.array([b"\xff" if i in bad else text for i, text in enumerate(texts)], pa.large_binary())


def _parts(file: pq.ParquetFile, columns: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    """The rows up to the first damage, at most batch_rows at a time, fewer where they are large.

    The sizes in the file count a repeated text once, so we measure the decoded rows instead.
    """
    parts: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    step = min(batch_rows, PART_ROWS)
    with suppress(pa.ArrowException, OSError):
        groups = range(file.num_row_groups)  # read one by one, or damage would cost rows of the group before it
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
    if not pa.types.is_string(column.type.value_type):
        return int(column.indices.nbytes) * 16
    return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0


def _parquet_columns(path: Path, schema: pa.Schema) -> dict[str, str]:
    """Name of COLUMNS -> the file's own name of that column, after a check of the types; letter case is ignored."""
    own = {name: [given for given in schema.names if given.strip().lower() == name] for name in COLUMNS}
    if not all(own[name] for name in REQUIRED):
        raise missing_columns(path, schema.names)
    for name, given in own.items():
        if len(given) > 1:
            raise DataError(f"{path}: two columns are called {name}; keep one")
        kind = schema.field(given[0]).type if given else pa.null()
        if not _is_usable(name, kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise DataError(f"{path}: column {given[0]} holds {kind}; export it as a string")
    return {name: given[0] for name, given in own.items() if given}


def _is_usable(name: str, kind: pa.DataType) -> bool:
    """Whether a column of COLUMNS, or a measure, can be read from this type."""
    types = pa.types
    string = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    number = name != "text" and (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))
    time = name == "posted_at" and (types.is_date(kind) or types.is_timestamp(kind))
    is_measure = name not in COLUMNS
    uuid = name != "text" and isinstance(kind, pa.UuidType) and not is_measure
    binary = _is_binary(kind) and not is_measure
    return bool(string or binary or number or time or uuid or types.is_null(kind))


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    is_variable = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(is_variable or types.is_fixed_size_binary(kind))


def _parquet_batch(part: pa.RecordBatch, columns: Mapping[str, str], first_row: int) -> Batch:
    """Rows and faults of a part, whose columns have the file's own names (`columns`: name -> own name)."""
    bad: dict[int, tuple[str, str]] = {}
    arrays: dict[str, pa.Array] = {}
    for name, own in columns.items():
        arrays[name], faults = _readable(name, part.column(own))
        bad |= {i: (name, reason) for i, reason in faults.items()}
    keep = [i for i in range(part.num_rows) if i not in bad]
    if bad:
        taken = pa.array(keep, pa.int64())
        arrays = {name: array.take(taken) for name, array in arrays.items()}
    rows = pl.DataFrame({name: pl.Series(array) for name, array in arrays.items()})
    strings = [
        pl.col(name).cast(pl.String)
        for name, kind in rows.schema.items()
        if name != "posted_at" or kind == pl.Categorical
    ]
    absent = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in columns]
    numbers = pl.Series([first_row + i for i in keep], dtype=pl.Int64)
    rows = rows.with_columns(*strings, *absent, row=numbers)
    found = [Fault(first_row + i, name, reason, None) for i, (name, reason) in sorted(bad.items())]
    measures = [name for name in columns if name not in COLUMNS]
    return Batch(rows.select("row", *COLUMNS, *measures), found)


def _readable(name: str, column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """A column as a type that later steps take, and the faults of its rows (index -> reason).

    Strings that are not UTF-8 are faults because later steps fail on them. Ids become strings: a float or decimal
    7.0 is the id 7 (a number column with gaps comes as floats), a UUID is written with hyphens.
    """
    if pa.types.is_dictionary(column.type) and not pa.types.is_string(column.type.value_type):
        column = column.dictionary_decode()
    kind = column.type
    if isinstance(kind, pa.UuidType):
        written = [value if value is None else str(UUID(bytes=value)) for value in column.storage.to_pylist()]
        return pa.array(written, pa.string()), {}
    if _is_binary(kind):
        return _decoded(name, column)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit, "UTC")), {}  # Arrow stores UTC; polars lacks some zones
    if pa.types.is_decimal(kind) or (pa.types.is_floating(kind) and name != "posted_at"):
        return _whole_numbers(name, column)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.large_binary()).to_pylist()
        return column, {i: NOT_UTF8 for i, value in enumerate(values) if value is not None and not _is_utf8(value)}
    return column, {}


def _decoded(name: str, column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Strings of a BINARY column: UTF-8, as Spark and Impala write text; an id of other bytes is written as hex."""
    values: list[str | None] = []
    faults: dict[int, str] = {}
    for i, value in enumerate(column.to_pylist()):
        readable = value is None or (_is_utf8(value) and (name == "text" or value.decode().isprintable()))
        if not readable and name not in ("subject_id", "doc_id"):
            faults[i] = NOT_UTF8
        values.append(None if value is None or i in faults else value.decode() if readable else value.hex())
    return pa.array(values, pa.large_string()), faults


def _whole_numbers(name: str, column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Whole numbers as strings. A float or decimal that is no whole number is a fault, except as a time."""
    values: list[str | None] = []
    faults: dict[int, str] = {}
    is_float = pa.types.is_floating(column.type)
    for i, value in enumerate(column.to_pylist()):
        if value is None or (is_float and isnan(value)):
            values.append(None)
        elif name == "posted_at":
            values.append(f"{value:f}")
        elif value.is_finite() and value == int(value) if not is_float else _is_exact(value):
            values.append(str(int(value)))
        else:
            faults[i] = NO_WHOLE_ID if is_float else NO_WHOLE_DECIMAL
            values.append(None)
    return pa.array(values, pa.string()), faults


def _is_exact(value: float) -> bool:
    """Whether a float can be an id: 2.5 and 2.7 must not both become 2, and floats from 2**53 on are inexact."""
    return abs(value) < 2**53 and value.is_integer()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

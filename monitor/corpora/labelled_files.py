"""Rows of one labelled file of any kind, and the names that the file itself gives to integer labels.

Kinds: `.txt` (`text;label` a line, split on the last `;`), `.csv` and `.tsv` (comma, semicolon or tab), `.jsonl`,
`.json` (an array, columns as pandas writes them, or one object per line), `.parquet`, and `.arrow` as `datasets`
saves it. Columns are called text and label, in any case. An integer label means nothing without names. `datasets`
writes names into the metadata of a file as ClassLabel. We never assume an order.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from monitor.errors import DataError
from monitor.json_keys import RepeatedKeyError, each_once
from monitor.regular_files import require_regular

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("text", "label")
Row = tuple[int, Any, Any]  # 1-based row in the file, text, label; as read, not yet checked
_INTEGER = re.compile(r"\s*(-?[0-9]{1,18})(?:\.0+)?\s*")


class LabelledRows(NamedTuple):
    """Rows as read, and the name of each integer label (None: the file names none)."""

    rows: Iterator[Row]
    names: tuple[str, ...] | None


def read_labelled(path: Path) -> LabelledRows:
    """Open a file whose ending is one of READERS; its rows are read lazily.

    Raises:
        DataError: the content does not fit the ending, or a column is missing. OSError: the file cannot be read.
    """
    require_regular(path)
    return READERS[path.suffix.lower()](path)


def label_name(label: Any, names: Sequence[str] | None) -> Any:
    """The name of an integer label (also as digits, or a whole float); any other label stays as it is.

    Raises:
        ValueError: an integer that nothing names; the message says so.
    """
    digits = _INTEGER.fullmatch(label if isinstance(label, str) else repr(label))
    if digits is None:
        return label
    number = int(digits[1])
    if names is None:
        raise ValueError(
            f"{number} is a number without a name, and an order is never assumed; write names of emotions, keep "
            "the ClassLabel that `datasets` writes, or add a file labels.txt with one name per line, beginning "
            "with the name of 0"
        )
    if not 0 <= number < len(names):
        raise ValueError(f"{number} has no name among the {len(names)} of its data set ({', '.join(names)[:200]})")
    return names[number]


def class_names(features: Any) -> tuple[str, ...] | None:
    """The ClassLabel names of the column label in the features of `datasets`: a mapping, or the list of a README."""
    if isinstance(features, list):
        features = {entry.get("name"): entry.get("dtype") for entry in features if isinstance(entry, dict)}
    if not isinstance(features, Mapping):
        return None
    label = next((value for name, value in features.items() if str(name).strip().lower() == "label"), None)
    if isinstance(label, Mapping) and isinstance(label.get("class_label"), Mapping):  # as in a README
        label = label["class_label"]
    names = label.get("names") if isinstance(label, Mapping) else None
    if isinstance(names, Mapping):  # {'0': sadness, ...}
        numbered = {int(number): name for number, name in names.items() if _INTEGER.fullmatch(str(number))}
        names = [numbered.get(number) for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names)


def check_columns(where: str, columns: Iterable[str] | None) -> tuple[str, str]:
    """The file's own names of the columns text and label, in any case.

    Raises:
        DataError: one of them is missing, or occurs twice.
    """
    present = [str(name) for name in columns or ()]
    own = []
    for column in COLUMNS:
        matches = [name for name in present if name.strip().lower() == column]
        if len(matches) != 1:
            raise DataError(
                f"{where}, row 1, column {column}: {'occurs twice' if matches else 'missing'} "
                f"(found: {', '.join(present) or 'none'}); name the columns text and label"
            )
        own += matches
    return own[0], own[1]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as stream:
        for row, raw in enumerate(stream, start=1):
            try:
                line = raw.decode("utf-8-sig" if row == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, row {row}: not UTF-8 (byte {error.object[error.start]:#04x}); save it as UTF-8"
                ) from error
            if line.strip():
                yield row, line


def _read_txt(path: Path) -> LabelledRows:
    def rows() -> Iterator[Row]:
        for row, line in _lines(path):
            text, separator, label = line.rpartition(";")
            if not separator:
                raise DataError(f"{path}, row {row}: no ';' between text and label; write text;label")
            yield row, text, label

    return LabelledRows(rows(), None)


def _read_csv(path: Path) -> LabelledRows:
    return LabelledRows(_csv_rows(path), None)


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(2**27)  # the default, 128 KiB, is less than a text may have
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            delimiter = _delimiter(stream.readline())
            stream.seek(0)
            reader = csv.DictReader(stream, strict=True, delimiter=delimiter)
            text, label = check_columns(str(path), reader.fieldnames)
            for record in reader:
                if None in record:
                    raise DataError(
                        f"{path}, row {reader.line_num}: more fields than the header; put the text in quotes"
                    )
                yield reader.line_num, record[text], record[label]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}, after row {reader.line_num}: not CSV ({error}); check its quotes") from error


def _delimiter(header: str) -> str:
    """The first of comma, semicolon and tab that separates text and label in a header; a comma if none does."""
    for delimiter in (",", ";", "\t"):
        names = [name.strip().strip('"').strip().lower() for name in header.split(delimiter)]
        if {*COLUMNS} <= {*names}:
            return delimiter
    return ","


def _read_jsonl(path: Path) -> LabelledRows:
    def rows() -> Iterator[Row]:
        for row, line in _lines(path):
            try:
                record = _parse_json(line)
            except RepeatedKeyError as error:
                raise DataError(f"{path}, row {row}: {error}") from error
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", error)
                raise DataError(f"{path}, row {row}: not JSON ({reason}); write one object per line") from error
            yield row, *_of_object(path, row, record)

    return LabelledRows(rows(), None)


def _read_json(path: Path) -> LabelledRows:
    try:
        whole = _parse_json(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    except RepeatedKeyError as error:
        with suppress(ValueError):
            json.loads(path.read_text(encoding="utf-8-sig"), parse_int=_whole)
            raise DataError(f"{path}: {error}") from error
        return _read_jsonl(path)
    except (ValueError, RecursionError):
        return _read_jsonl(path)  # `datasets` writes .json with one object per line
    if isinstance(whole, dict) and isinstance(whole.get("data"), list):
        whole = whole["data"]
    if isinstance(whole, list):
        return LabelledRows(((row, *_of_object(path, row, record)) for row, record in enumerate(whole, 1)), None)
    if isinstance(whole, dict) and all(isinstance(column, dict | list) for column in whole.values()):
        return LabelledRows(_json_columns(path, whole), None)
    return LabelledRows(iter([(1, *_of_object(path, 1, whole))]), None)


def _json_columns(path: Path, columns: dict[str, Any]) -> Iterator[Row]:
    """Rows of columns as pandas writes them: {"text": {"0": ...}, "label": {"0": ...}}, or lists."""
    text, label = (columns[own] for own in check_columns(str(path), columns))
    if (
        type(text) is not type(label)
        or len(text) != len(label)
        or (isinstance(text, dict) and text.keys() != label.keys())
    ):
        raise DataError(f"{path}: its columns text and label do not have the same rows; write one object per text")
    for row, key in enumerate(text if isinstance(text, dict) else range(len(text)), 1):
        yield row, text[key], label[key]


def _of_object(path: Path, row: int, record: Any) -> tuple[Any, Any]:
    if not isinstance(record, dict):
        raise DataError(f"{path}, row {row}: not a JSON object; write one object per line")
    if not {*COLUMNS} <= record.keys():
        own = {str(name).strip().lower(): value for name, value in record.items()}
        for column in COLUMNS:
            if column not in own:
                raise DataError(f"{path}, row {row}, column {column}: missing; give every object text and label")
        record = own
    return record["text"], record["label"]


def _parse_json(text: str) -> Any:
    return json.loads(text, parse_int=_whole, object_pairs_hook=each_once)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) < 20 else digits  # int() refuses thousands of digits


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Turn pyarrow's errors about a damaged file into a DataError of one line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(str(error).split())[:150]
        raise DataError(f"{path}: not a readable {kind} file ({reason}); write it again") from error


def _read_parquet(path: Path) -> LabelledRows:
    import pyarrow.parquet as pq

    with _readable(path, "Parquet"):
        file = pq.ParquetFile(path)
        own = check_columns(str(path), file.schema_arrow.names)
        return _of_table(file.read(columns=list(own)), own)


def _read_arrow(path: Path) -> LabelledRows:
    """A file of `save_to_disk`: an Arrow stream."""
    import pyarrow as pa

    with _readable(path, "Arrow"), pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
        own = check_columns(str(path), reader.schema.names)
        table = reader.read_all().select(list(own))
        table.validate(full=True)  # offsets in a damaged file may point outside of it, and reading there would kill
        # the process
        return _of_table(table, own)


def _of_table(table: pa.Table, own: tuple[str, str]) -> LabelledRows:
    text, label = (table.column(name).to_pylist() for name in own)
    rows = zip(range(1, table.num_rows + 1), text, label, strict=True)
    try:
        info = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))["info"]
        return LabelledRows(rows, class_names(info["features"]))
    except (ValueError, KeyError, TypeError):
        return LabelledRows(rows, None)


READERS: dict[str, Callable[[Path], LabelledRows]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
}

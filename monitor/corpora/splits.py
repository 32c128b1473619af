"""Labelled texts for training and evaluation: a local folder or a hub id, as splits.

A folder holds one file a split, `train`, `val` (or `validation`, `valid`, `dev`) and `test`, each as
`.txt` (`text;label` a line, split on the last `;`), `.csv`, `.jsonl` or `.parquet` (columns `text`, `label`;
`NAME-00000-of-00002.parquet` shards are joined).
Labels are emotion names, or integers in the order of EMOTIONS.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.errors import DataError
from monitor.labels import EMOTIONS

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {"train": "train", "test": "test"} | dict.fromkeys(("val", "validation", "valid", "dev"), "validation")
HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
HALF_PAIR = re.compile("[\ud800-\udfff]")  # of surrogates, which no UTF-8 can hold
SHARD = re.compile(r"^(?P<split>[a-z]+)(-\d+-of-\d+)?$")
Row = tuple[int, Any, Any]  # 1-based row in the file, text, label; as read, not yet checked


@dataclass(frozen=True)
class Split:
    """One split of a labelled data set.

    texts: n strings, none empty. labels: indices into EMOTIONS, shape (n,), int64.
    """

    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Split:
        """The rows chosen by a mask of shape (n,) or by indices."""
        rows = np.arange(len(self))[keep]
        return Split(tuple(self.texts[row] for row in rows), self.labels[rows])


def load_splits(source: str | Path, required: Sequence[str] = SPLITS) -> dict[str, Split]:
    """Read the splits of a folder, or of a data set on the Hugging Face hub.

    Args:
        source: a folder, or a hub id such as `dair-ai/emotion`.
        required: the splits the caller cannot do without, of `train`, `validation`, `test`.

    Returns:
        The splits found, by name (`val` files come back as `validation`), in the order of SPLITS.

    Raises:
        DataError: no such source, a missing split or column, an unreadable file, an empty text,
            or an unknown label.
    """
    folder = Path(source)
    if folder.is_file():
        raise DataError(f"{folder}: is a file; give the folder that holds train, val and test files")
    if not folder.is_dir() and not HUB_ID.fullmatch(str(source)):
        raise DataError(f"{source}: no such folder, and no hub id (owner/name); check the path")
    splits = _read_folder(folder) if folder.is_dir() else read_hub(str(source))
    missing = [name for name in required if name not in splits]
    if missing:
        raise DataError(
            f"{source}: no {' or '.join(missing)} split (found: {', '.join(splits) or 'none'}); "
            f"add {missing[0]}.txt, .csv, .jsonl or .parquet"
        )
    return {name: splits[name] for name in SPLITS if name in splits}


def unseen(split: Split, others: Iterable[Split]) -> npt.NDArray[np.bool_]:
    """Mask of the rows that remain without duplicates, shape (n,).

    A row goes when its text stands in one of `others`, or more than once in `split` with different labels;
    of repeats with the same label the first stays. Case and spacing make no difference.
    """
    elsewhere = {text_key(text) for other in others for text in other.texts}
    pairs = {(text_key(text), int(label)) for text, label in zip(split.texts, split.labels, strict=True)}
    disputed = {key for key, count in Counter(key for key, _ in pairs).items() if count > 1}
    seen = elsewhere | disputed
    keep = np.zeros(len(split), dtype=np.bool_)
    for row, text in enumerate(split.texts):
        key = text_key(text)
        keep[row] = key not in seen
        seen.add(key)
    return keep


def repeats(split: Split) -> tuple[int, int]:
    """How many texts stand in a split more than once, and how many of those with different labels."""
    labels: dict[str, list[int]] = {}
    for text, label in zip(split.texts, split.labels, strict=True):
        labels.setdefault(text_key(text), []).append(int(label))
    repeated = [group for group in labels.values() if len(group) > 1]
    return len(repeated), sum(len(set(group)) > 1 for group in repeated)


def read_hub(hub_id: str) -> dict[str, Split]:
    """Read every known split of a data set through `datasets` (downloads once, then from its cache).

    Raises:
        DataError: the data set cannot be reached or found, or lacks `text` and `label`.
    """
    import datasets  # heavy, and not needed for a folder

    try:
        tables = datasets.load_dataset(hub_id)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{hub_id}: neither a folder here nor a data set that could be loaded from the hub ({reason}); "
            "check the path, or the id and the network"
        ) from error
    splits = {}
    for name, table in tables.items():
        if name not in SPLIT_NAMES:
            continue
        where = f"{hub_id} ({name})"
        _check_columns(where, table.column_names)
        names = getattr(table.features["label"], "names", None)
        labels = [names[label] if names and label is not None and label >= 0 else label for label in table["label"]]
        rows = zip(range(1, len(labels) + 1), table["text"], labels, strict=True)
        splits[SPLIT_NAMES[name]] = _checked(where, rows)
    return splits


def _read_folder(folder: Path) -> dict[str, Split]:
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        shard = SHARD.match(path.stem)
        if path.suffix in READERS and shard and shard["split"] in SPLIT_NAMES:
            files.setdefault(SPLIT_NAMES[shard["split"]], []).append(path)
    splits = {}
    for name, paths in files.items():
        whole = [path for path in paths if "-of-" not in path.stem]
        if len(whole) > 1 or (whole and len(paths) > 1) or len({path.suffix for path in paths}) > 1:
            raise DataError(
                f"{folder}: more than one {name} file ({', '.join(path.name for path in paths)}); keep one"
            )
        parts = [_read(path) for path in paths]
        splits[name] = Split(
            tuple(text for part in parts for text in part.texts),
            np.concatenate([part.labels for part in parts]),
        )
    return splits


def _read(path: Path) -> Split:
    try:
        return _checked(str(path), READERS[path.suffix](path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); give a file you may read") from error


def _checked(where: str, rows: Iterable[Row]) -> Split:
    names = {name: index for index, emotion in enumerate(EMOTIONS) for name in (emotion, str(index))}
    texts: list[str] = []
    labels: list[int] = []
    for row, text, label in rows:
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{where}, row {row}, column text: empty or not a string; remove or mend the row")
        if HALF_PAIR.search(text):
            raise DataError(f"{where}, row {row}, column text: half a surrogate pair; remove or mend the row")
        if label is None:
            raise DataError(f"{where}, row {row}, column label: missing; remove or mend the row")
        if isinstance(label, str):
            index = names.get(label.strip().lower(), -1)
        else:
            index = int(label) if isinstance(label, int) and not isinstance(label, bool) else -1
        if not 0 <= index < len(EMOTIONS):
            raise DataError(
                f"{where}, row {row}, column label: unknown label {str(label)[:40]!r}; "
                f"use {', '.join(EMOTIONS)} or 0 to {len(EMOTIONS) - 1}"
            )
        texts.append(text)
        labels.append(index)
    if not texts:
        raise DataError(f"{where}: holds no rows; give at least one text and label")
    return Split(tuple(texts), np.array(labels, dtype=np.int64))


def _check_columns(where: str, columns: Iterable[str] | None) -> None:
    present = list(columns or ())
    for column in ("text", "label"):
        if present.count(column) != 1:
            raise DataError(
                f"{where}, row 1, column {column}: {'there twice' if column in present else 'missing'} "
                f"(found: {', '.join(map(str, present)) or 'none'}); name the columns text and label"
            )


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


def _read_txt(path: Path) -> Iterator[Row]:
    for row, line in _lines(path):
        text, separator, label = line.rpartition(";")
        if not separator:
            raise DataError(f"{path}, row {row}: no ';' between text and label; write text;label")
        yield row, text, label


def _read_jsonl(path: Path) -> Iterator[Row]:
    for row, line in _lines(path):
        try:
            record = json.loads(line, parse_int=_whole, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", error)
            raise DataError(f"{path}, row {row}: not JSON ({reason}); write one object a line") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, row {row}: not a JSON object; write one object a line")
        for column in ("text", "label"):
            if column not in record:
                raise DataError(f"{path}, row {row}, column {column}: missing; give every object text and label")
        yield row, record["text"], record["label"]


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) < 20 else digits  # int() refuses thousands of digits


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless a key stands in it twice."""
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return record


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(2**27)  # the default, 128 KiB, is less than a text may have
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_columns(str(path), reader.fieldnames)
            for record in reader:
                yield reader.line_num, record["text"], record["label"]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}, after row {reader.line_num}: not CSV ({error}); check its quotes") from error


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        _check_columns(str(path), file.schema_arrow.names)
        table = file.read(columns=["text", "label"])
    except pa.ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}); write it again") from error
    columns = table.column("text").to_pylist(), table.column("label").to_pylist()
    yield from zip(range(1, table.num_rows + 1), *columns, strict=True)


def text_key(text: str) -> str:
    """What two texts have in common that count as the same: all but letter case and spacing."""
    return " ".join(text.casefold().split())


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}

"""Labelled texts for training and evaluation: a local folder or a hub id, as splits.

A folder holds one file a split, `train`, `val` (or `validation`, `valid`, `dev`) and `test`, of a kind that
labelled_files.py reads (`NAME-00000-of-00002.parquet` shards are joined). The splits may be in a subfolder, such as
`data/` in clones of the hub, or be folders themselves, as `save_to_disk` of `datasets` writes them. Labels are
emotion names, or integers that the data set itself names: in the files' metadata, in a README.md as on the hub, or in
a file labels.txt.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.corpora.labelled_files import READERS, Row, check_columns, class_names, label_name, read_labelled
from monitor.errors import DataError
from monitor.labels import EMOTIONS

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("val", "validation", "valid", "dev"), "validation")
    | dict.fromkeys(("test", "testing"), "test")
)
HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
HALF_PAIR = re.compile("[\ud800-\udfff]")  # half of a surrogate pair, which UTF-8 cannot encode
SHARD = re.compile(r"(?P<split>[a-z]+)(?P<shard>-\d+-of-\d+(-[0-9a-f]+)?)?")
FEATURES = ("dataset_info.json", "dataset_infos.json", "README.md")  # where `datasets` and the hub name classes


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
        required: the splits that must exist, of `train`, `validation`, `test`.

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
    """Mask of the rows that stay when duplicates are removed, shape (n,).

    A row is removed if its text is in one of `others`, or occurs in `split` with different labels. If a text repeats
    with the same label, the first row stays. Case and spacing are ignored.
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
    """Number of texts that occur more than once in a split, and how many of them have different labels."""
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
    import datasets  # slow to import, and not needed for a folder

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
        text, label = check_columns(where, table.column_names)
        rows = zip(range(1, table.num_rows + 1), table[text], table[label], strict=True)
        splits[SPLIT_NAMES[name]] = _checked(where, rows, getattr(table.features[label], "names", None))
    return splits


def _read_folder(folder: Path) -> dict[str, Split]:
    files = _files_of_splits(folder)
    names = _names_in(folder)
    splits = {}
    for name, paths in files.items():
        parts = [_read(path, _names_in(path.parent) or names) for path in paths]
        splits[name] = Split(
            tuple(text for part in parts for text in part.texts),
            np.concatenate([part.labels for part in parts]),
        )
    return splits


def _files_of_splits(folder: Path) -> dict[str, list[Path]]:
    """The files of each split: those of the folder, of the folders that are splits, or of the one folder inside.

    Raises:
        DataError: several files or folders could be the split, or the folder is one data set without splits.
    """
    if (folder / "state.json").exists():
        raise DataError(
            f"{folder}: one data set of `datasets` without splits; save a DatasetDict with train and test"
        )
    if files := _files_here(folder):
        return files
    inside = {path: found for path in sorted(folder.iterdir()) if path.is_dir() and (found := _files_here(path))}
    if folder / "data" in inside:
        return inside[folder / "data"]
    if len(inside) > 1:
        names = ", ".join(path.name for path in inside)
        raise DataError(f"{folder}: several folders in it hold splits ({names}); name one of them")
    return next(iter(inside.values()), {})


def _files_here(folder: Path) -> dict[str, list[Path]]:
    """The files of each split in a folder, or in its subfolders that are named after splits."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        is_data = path.suffix.lower() in READERS
        name = SHARD.fullmatch((path.stem if is_data else path.name).lower())
        split = SPLIT_NAMES.get(name["split"]) if name else None
        if split is None:
            continue
        if is_data:
            files.setdefault(split, []).append(path)
        elif path.is_dir():
            files.setdefault(split, []).extend(_data_files(path))
    for split, paths in files.items():
        whole = [path for path in paths if path.parent == folder and "-of-" not in path.stem]
        folders = {path.parent for path in paths}
        if (
            len(whole) > 1
            or (whole and len(paths) > 1)
            or len({path.suffix for path in paths}) > 1
            or len(folders) > 1
        ):
            names = ", ".join(str(path.relative_to(folder)) for path in paths)
            raise DataError(f"{folder}: more than one {split} file ({names}); keep one")
    return {split: paths for split, paths in files.items() if paths}


def _data_files(folder: Path) -> list[Path]:
    """The files of a split that is a folder: those that its state.json names, or all of a known kind."""
    state = folder / "state.json"
    if not state.exists():
        return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in READERS and path.is_file()]
    try:
        content = json.loads(state.read_text(encoding="utf-8"))
        files = [folder / Path(entry["filename"]).name for entry in content["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{state}: not as `datasets` writes it; save the data set again") from error
    if content.get("_indices_data_files") or content.get("_indices_files"):
        raise DataError(f"{folder}: saved with an index of rows; call flatten_indices() and save the data set again")
    return files


def _names_in(folder: Path) -> tuple[str, ...] | None:
    """The names of integer labels from labels.txt beside the files of a folder, or from a file that `datasets` or the
    hub writes.
    """
    listed = folder / "labels.txt"
    if listed.is_file():
        return tuple(line.strip() for line in _text(listed).splitlines() if line.strip())
    for path in (folder / name for name in FEATURES):
        if path.is_file() and (names := _names_of(path)):
            return names
    return None


def _names_of(path: Path) -> tuple[str, ...] | None:
    """The class names in a dataset_info.json, dataset_infos.json (by configuration) or the head of a README.md."""
    import yaml

    text = _text(path)
    try:
        if path.suffix == ".md":
            head = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
            info = (yaml.safe_load(head[1]) or {}).get("dataset_info") if head else None
        else:
            info = json.loads(text)
    except (ValueError, AttributeError, RecursionError, yaml.YAMLError):
        return None
    if isinstance(info, dict) and "features" not in info:
        info = list(info.values())
    named = {
        class_names(one.get("features"))
        for one in (info if isinstance(info, list) else [info])
        if isinstance(one, dict)
    }
    return next(iter(named)) if len(named) == 1 else None  # if configurations differ, none is certain


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text; save it as UTF-8, or remove it") from error


def _read(path: Path, names: Sequence[str] | None) -> Split:
    """A file's rows. The file's own names of integer labels have precedence over those of its folder."""
    try:
        opened = read_labelled(path)
        return _checked(str(path), opened.rows, opened.names or names)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); give a file you may read") from error


def _checked(where: str, rows: Iterable[Row], names: Sequence[str] | None) -> Split:
    known = {emotion: index for index, emotion in enumerate(EMOTIONS)}
    texts: list[str] = []
    labels: list[int] = []
    for row, text, given in rows:
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{where}, row {row}, column text: empty or not a string; correct or remove the row")
        if HALF_PAIR.search(text):
            raise DataError(f"{where}, row {row}, column text: half a surrogate pair; correct or remove the row")
        if given is None:
            raise DataError(f"{where}, row {row}, column label: missing; correct or remove the row")
        try:
            label = label_name(given, names)
        except ValueError as error:
            raise DataError(f"{where}, row {row}, column label: {error}") from error
        index = known.get(label.strip().lower(), -1) if isinstance(label, str) else -1
        if index < 0:
            raise DataError(
                f"{where}, row {row}, column label: unknown label {str(label)[:40]!r}; use {', '.join(EMOTIONS)}"
            )
        texts.append(text)
        labels.append(index)
    if not texts:
        raise DataError(f"{where}: holds no rows; give at least one text and label")
    return Split(tuple(texts), np.array(labels, dtype=np.int64))


def text_key(text: str) -> str:
    """The text without letter case and spacing; texts with the same key count as equal."""
    return " ".join(text.casefold().split())

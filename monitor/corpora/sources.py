"""Corpora beside the emotion corpus, read from Parquet files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.corpora.splits import Split
from monitor.errors import DataError
from monitor.labels import EMOTIONS

Targets = npt.NDArray[np.float32]
FLAT = np.full(len(EMOTIONS), 1 / len(EMOTIONS), dtype=np.float32)
GOEMOTIONS = {
    "sadness": ("sadness", "grief", "remorse", "disappointment"),
    "joy": (
        "joy",
        "amusement",
        "excitement",
        "optimism",
        "pride",
        "relief",
        "gratitude",
        "admiration",
        "approval",
    ),
    "love": ("love", "caring", "desire"),
    "anger": ("anger", "annoyance", "disapproval", "disgust"),
    "fear": ("fear", "nervousness"),
    "surprise": ("surprise", "confusion", "curiosity", "realization"),
}
KINDS = {str: "a text", int: "a whole number"}
EMOTION_OF = {name: emotion for emotion, names in GOEMOTIONS.items() for name in names}


@dataclass(frozen=True)
class Comments:
    """GoEmotions comments: texts, targets (n, 6) and whether each is labelled neutral alone, (n,)."""

    texts: tuple[str, ...]
    targets: Targets
    neutral: npt.NDArray[np.bool_]
    labels: tuple[tuple[str, ...], ...]

    def take(self, count: int) -> Comments:
        """The first `count` comments."""
        return Comments(self.texts[:count], self.targets[:count], self.neutral[:count], self.labels[:count])


def read_extra(path: Path) -> Split:
    """The corpus beyond its splits: a Parquet file with columns text and emotion.

    Raises:
        DataError: the file is missing, or an emotion is unknown.
    """
    texts, names = _columns(path, text=str, emotion=str)
    unknown = sorted(set(names) - set(EMOTIONS))
    if unknown:
        raise DataError(f"{path}, column emotion: unknown {unknown}; use {', '.join(EMOTIONS)}")
    return Split(tuple(texts), np.array([EMOTIONS.index(name) for name in names], dtype=np.int64))


def read_texts(path: Path) -> list[str]:
    """The column text of a Parquet file.

    Raises:
        DataError: the file or the column is missing.
    """
    return _columns(path, text=str)[0]


def read_stress(path: Path) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """DREADDIT: a Parquet file with columns text and label (1: stress); n texts and whether each is stressed, (n,).

    Raises:
        DataError: the file or a column is missing.
    """
    texts, labels = _columns(path, text=str, label=int)
    if not texts:
        raise DataError(f"{path}: holds no posts; see the data's README")
    return texts, np.array(labels) == 1


def read_comments(path: Path, split: str = "train") -> Comments:
    """GoEmotions: a Parquet file with columns split, text and labels (names joined by commas).

    Comments without a label that maps to the six emotions are left out.

    Raises:
        DataError: the file or a column is missing, a value is of the wrong kind, or no comment is left.
    """
    texts, targets, neutral, kept = [], [], [], []
    for part, text, joined in zip(*_columns(path, split=str, text=str, labels=str), strict=True):
        names = tuple(joined.split(","))
        shares = [
            np.eye(len(EMOTIONS))[EMOTIONS.index(EMOTION_OF[name])] for name in names if name in EMOTION_OF
        ]
        shares += [FLAT for name in names if name == "neutral"]
        if part != split or not shares:
            continue
        texts.append(text)
        targets.append(np.mean(shares, axis=0))
        neutral.append(names == ("neutral",))
        kept.append(names)
    if not texts:
        raise DataError(f"{path}: no row of split {split!r} with a known label; see the data's README")
    return Comments(
        tuple(texts), np.array(targets, dtype=np.float32), np.array(neutral, dtype=np.bool_), tuple(kept)
    )


def _columns(path: Path, **wanted: type) -> list[list[Any]]:
    """The values of columns by name, each of the kind wanted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError(f"{path}: no such file; name the data's folder with --data (see the data's README)")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}); see the data's README") from error
    columns = []
    for name, kind in wanted.items():
        if table.column_names.count(name) != 1:
            found = ", ".join(table.column_names)
            raise DataError(f"{path}, column {name}: missing, or there twice (found: {found})")
        columns.append(table.column(name).to_pylist())
        if wrong := [row for row, value in enumerate(columns[-1], start=1) if not isinstance(value, kind)]:
            raise DataError(
                f"{path}, row {wrong[0]}, column {name}: not {KINDS[kind]}; mend or remove the row"
            )
    return columns


def instruction_pairs(comments: Comments, random: np.random.Generator) -> list[tuple[str, str]]:
    """(text, " emotion word") pairs for instruction tuning: one label a comment, as one of the six in 7 of 10 cases.

    Half of the neutral comments are left out, so that the word "neutral" does not crowd out the others.
    """
    pairs = []
    for text, names in zip(comments.texts, comments.labels, strict=True):
        name = str(random.choice(list(names)))
        word = EMOTION_OF.get(name, name) if random.random() < 0.7 else name
        if word != "neutral" or random.random() < 0.5:
            pairs.append((text, f" {word}"))
    return pairs

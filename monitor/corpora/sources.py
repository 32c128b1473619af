"""Corpora beside the emotion corpus, read from Parquet files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.corpora.examples import Examples
from monitor.corpora.splits import Split
from monitor.errors import DataError
from monitor.labels import ANSWERS, EMOTIONS

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
# Labels of texts that show no criterion: neutral, positive, or moved by one event.
CALM = {"neutral", *GOEMOTIONS["joy"], "love", "caring", "desire", *GOEMOTIONS["surprise"]}
CALM |= {"anger", "disapproval", "disgust"}
# The meaning of ISEAR's seven feelings and SemEval-2018's eleven in the six emotions, and the calm ones among them.
ISEAR = {
    **{name: {name: 1.0} for name in ("joy", "fear", "anger", "sadness")},
    "disgust": {"anger": 1.0},
    "guilt": {"sadness": 0.7, "fear": 0.2, "anger": 0.1},
    "shame": {"sadness": 0.55, "fear": 0.3, "anger": 0.15},
}
SEMEVAL = {
    **{name: {name: 1.0} for name in EMOTIONS},
    "disgust": {"anger": 1.0},
    "optimism": {"joy": 1.0},
    "pessimism": {"sadness": 1.0},
    "trust": {"love": 1.0},
}
CALM_ISEAR = {"joy", "disgust"}
CALM_SEMEVAL = {"joy", "love", "optimism", "trust", "surprise", "anticipation"}
KINDS = {str: "a text", int: "a whole number"}
EMOTION_OF = {name: emotion for emotion, names in GOEMOTIONS.items() for name in names}


def twin_key(text: str) -> str:
    """The first 60 letters and digits of a text in lower case; a text without any stays as it is. Twins share this
    key.
    """
    return "".join(filter(str.isalnum, text.casefold()))[:60] or text


@dataclass(frozen=True)
class Comments:
    """GoEmotions comments: texts, targets (n, 6), and whether neutral is a comment's only label, (n,)."""

    texts: tuple[str, ...]
    targets: Targets
    neutral: npt.NDArray[np.bool_]
    labels: tuple[tuple[str, ...], ...]

    @property
    def calm(self) -> npt.NDArray[np.bool_]:
        """Whether all labels of each comment are of texts that show no criterion; (n,)."""
        return np.array([CALM.issuperset(names) for names in self.labels], dtype=np.bool_)

    def examples(self) -> Examples:
        """The comments with targets. Calm comments show no criterion; the others have no target for the symptoms
        question.
        """
        nothing = np.zeros((len(self.texts), len(ANSWERS)), np.float32)
        ones = np.ones(len(self.texts), np.float32)
        return Examples(self.texts, self.targets, ones, nothing, self.calm.astype(np.float32))

    def first(self, count: int) -> Comments:
        """The first `count` comments."""
        return Comments(self.texts[:count], self.targets[:count], self.neutral[:count], self.labels[:count])


def read_extra(path: Path) -> Split:
    """Read the corpus's texts outside its splits, from a Parquet file with columns text and emotion.

    Raises:
        DataError: the file is missing, or an emotion is unknown.
    """
    texts, names = read_columns(path, text=str, emotion=str)
    unknown = sorted(set(names) - set(EMOTIONS))
    if unknown:
        raise DataError(f"{path}, column emotion: unknown {unknown}; use {', '.join(EMOTIONS)}")
    return Split(tuple(texts), np.array([EMOTIONS.index(name) for name in names], dtype=np.int64))


def read_texts(path: Path) -> list[str]:
    """The column `text` of a Parquet file.

    Raises:
        DataError: the file or the column is missing.
    """
    return read_columns(path, text=str)[0]


def read_stress(path: Path) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """DREADDIT: a Parquet file with columns text and label (1: stress); n texts and whether each is stressed, (n,).

    Raises:
        DataError: the file or a column is missing.
    """
    texts, labels = read_columns(path, text=str, label=int)
    if not texts:
        raise DataError(f"{path}: holds no posts; see the data's README")
    return texts, np.array(labels) == 1


def read_comments(path: Path, split: str = "train") -> Comments:
    """GoEmotions: a Parquet file with columns split, text and labels (names joined by commas).

    Comments without a label that maps to the six emotions are left out.

    Raises:
        DataError: the file or a column is missing, a value is of the wrong kind, or no comment is left.
    """
    texts, targets, neutral, labels = [], [], [], []
    for part, text, joined in zip(*read_columns(path, split=str, text=str, labels=str), strict=True):
        names = tuple(joined.split(","))
        shares = [np.eye(len(EMOTIONS))[EMOTIONS.index(EMOTION_OF[name])] for name in names if name in EMOTION_OF]
        shares += [FLAT for name in names if name == "neutral"]
        if part != split or not shares:
            continue
        texts.append(text)
        targets.append(np.mean(shares, axis=0))
        neutral.append(names == ("neutral",))
        labels.append(names)
    if not texts:
        raise DataError(f"{path}: no row of split {split!r} with a known label; see the data's README")
    return Comments(
        tuple(texts), np.array(targets, dtype=np.float32), np.array(neutral, dtype=np.bool_), tuple(labels)
    )


def read_isear(path: Path) -> Examples:
    """ISEAR (Scherer and Wallbott 1994): a Parquet file with columns text and emotion, one of seven feelings.

    Situations of joy or disgust show no criterion; the criteria of the others are unknown.

    Raises:
        DataError: the file or a column is missing, or a feeling is unknown.
    """
    texts, names = read_columns(path, text=str, emotion=str)
    return _cast(path, texts, [[name] for name in names], ISEAR, CALM_ISEAR)


def read_semeval(path: Path, split: str = "train") -> Examples:
    """SemEval-2018 Task 1 E-c: a Parquet file with columns split, text and labels (names joined by commas, or none).

    Tweets with only positive labels show no criterion; the criteria of the others are unknown.

    Raises:
        DataError: the file or a column is missing, or no tweet is of the split.
    """
    rows = [row for row in zip(*read_columns(path, split=str, text=str, labels=str), strict=True) if row[0] == split]
    if not rows:
        raise DataError(f"{path}: no row of split {split!r}; see the data's README")
    labels = [[name for name in joined.split(",") if name] for _, _, joined in rows]
    return _cast(path, [text for _, text, _ in rows], labels, SEMEVAL | {"anticipation": {}}, CALM_SEMEVAL)


def _cast(
    path: Path,
    texts: list[str],
    labels: list[list[str]],
    meanings: dict[str, dict[str, float]],
    calm: set[str],
) -> Examples:
    """The texts with the mean of their labels' meanings as emotion target, which is flat if no label has a meaning.

    Texts with calm labels alone also count as examples without a symptom.
    """
    unknown = sorted({name for names in labels for name in names} - set(meanings))
    if unknown:
        raise DataError(f"{path}: unknown labels {unknown}; use {', '.join(meanings)}")
    targets = np.tile(FLAT, (len(texts), 1))
    for row, names in enumerate(labels):
        shares = [meanings[name] for name in names if meanings[name]]
        if shares:
            targets[row] = [np.mean([share.get(name, 0.0) for share in shares]) for name in EMOTIONS]
    weights = np.array([bool(names) and calm.issuperset(names) for names in labels], np.float32)
    nothing = np.zeros((len(texts), len(ANSWERS)), np.float32)
    return Examples(texts, targets, np.ones(len(texts), np.float32), nothing, weights)


def read_distilled(path: Path, prefix: str = "s_") -> Examples:
    """Texts whose targets for both questions are the answers of teacher models.

    Args:
        path: a Parquet file with the column text, one for each of the six emotions, and, with a prefix, one for each
            criterion and for "any"; values are shares of 255.
        prefix: "s_", or another prefix, which is used if the file has its columns.

    Raises:
        DataError: the file or a column is missing.
    """
    import pyarrow.parquet as pq

    texts = read_texts(path)
    if f"{prefix}{ANSWERS[0]}" not in pq.read_schema(path).names:
        prefix = "s_"
    columns = dict.fromkeys((*EMOTIONS, *(f"{prefix}{name}" for name in ANSWERS)), int)
    shares = (np.array(read_columns(path, **columns)).T / 255).astype(np.float32)
    emotions = shares[:, : len(EMOTIONS)]
    emotions = emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1e-6)
    ones = np.ones(len(texts), np.float32)
    return Examples(texts, emotions, ones, shares[:, len(EMOTIONS) :], ones)


def read_posts(path: Path) -> list[str]:
    """Title and body of each post of a Parquet file, in its order.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    titles, bodies = read_columns(path, title=str, body=str)
    return [f"{title}\n{body}" for title, body in zip(titles, bodies, strict=True)]


def read_columns(path: Path, **wanted: type) -> list[list[Any]]:
    """The values of columns by name, after a check that each column has the wanted type."""
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
            names = ", ".join(table.column_names)
            raise DataError(f"{path}, column {name}: missing, or occurs twice (found: {names})")
        columns.append(table.column(name).to_pylist())
        if wrong := [row for row, value in enumerate(columns[-1], start=1) if not isinstance(value, kind)]:
            raise DataError(f"{path}, row {wrong[0]}, column {name}: not {KINDS[kind]}; correct or remove the row")
    return columns


def instruction_pairs(comments: Comments, random: np.random.Generator) -> list[tuple[str, str]]:
    """(text, " emotion word") pairs for instruction tuning: one label per comment, with 70% probability one of the
    six.

    Half of the neutral comments are left out, so that the word "neutral" does not crowd out the others.
    """
    pairs = []
    for text, names in zip(comments.texts, comments.labels, strict=True):
        name = str(random.choice(list(names)))
        word = EMOTION_OF.get(name, name) if random.random() < 0.7 else name
        if word != "neutral" or random.random() < 0.5:
            pairs.append((text, f" {word}"))
    return pairs

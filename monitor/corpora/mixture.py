"""What the embedded model's adapter is trained on: the emotion corpus, and text that does not look like it.

The corpus knows no neutral text, no punctuation, and nearly always says "feel". Three things teach the model the
rest of the world: more of the corpus at its natural mix of emotions, GoEmotions comments (Demszky et al. 2020) cast
to the six emotions, neutral ones with a flat target (outlier exposure, Hendrycks et al. 2019), and rewritten corpus
texts (punctuation, "im" for "i feel", a neutral sentence beside them). An epoch is drawn anew each time.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.corpora.label_overlap import Overlap
from monitor.corpora.splits import Split
from monitor.errors import DataError
from monitor.labels import EMOTIONS

Targets = npt.NDArray[np.float32]
FLAT = np.full(len(EMOTIONS), 1 / len(EMOTIONS), dtype=np.float32)
# Shares of the emotions in the whole corpus of dair-ai/emotion, in the order of EMOTIONS.
NATURAL_MIX = (0.292, 0.335, 0.082, 0.135, 0.121, 0.036)
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
LEFT_OUT = ("twins of held-out texts", "texts with two labels", "repeats")
KINDS = {str: "a text", int: "a whole number"}
EMOTION_OF = {name: emotion for emotion, names in GOEMOTIONS.items() for name in names}
ENDINGS = (".", ".", "!", "...", "!!", " :(", " :)", ", you know.", ". anyway.")
SHORTER = re.compile(r"\bi (?:feel|am feeling|was feeling|felt)(?: like)?\b|\bim feeling\b")


@dataclass(frozen=True)
class MixtureSettings:
    """Sizes and shares of one epoch.

    extra: use the rest of the corpus, resampled to the natural mix. trust: what a label is worth where a word
    stands for two emotions (`overlap`); 1 takes it as it is. balance: 0 draws the natural mix of emotions, 1 all
    emotions alike. neutral, emotional: GoEmotions comments an epoch. soften: share of the flat answer in an
    emotional comment's target. punctuate, shorten, surround: share of corpus texts rewritten in each way.
    surround_weight: share of the flat answer for a surrounded text.
    """

    extra: bool = True
    trust: float = 1.0
    balance: float = 0.0
    neutral: int = 8000
    emotional: int = 8000
    soften: float = 0.1
    punctuate: float = 0.2
    shorten: float = 0.15
    surround: float = 0.1
    surround_weight: float = 0.15
    seed: int = 0


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


def twin_key(text: str) -> str:
    """The first 60 letters and digits in lower case, or a text without any as it is; twins share it."""
    return "".join(filter(str.isalnum, text.casefold()))[:60] or text


def without_twins(split: Split, held_out: Iterable[Split]) -> tuple[Split, Counter[str]]:
    """The rows whose twin key is in none of the held-out splits, one row a text, none with two labels.

    Returns:
        The rows that stay, and how many went for each of LEFT_OUT.
    """
    taken = {twin_key(text) for other in held_out for text in other.texts}
    labels: dict[str, set[int]] = {}
    for text, label in zip(split.texts, split.labels, strict=True):
        labels.setdefault(text, set()).add(int(label))
    why, seen = [], set[str]()
    for text in split.texts:
        faults = (twin_key(text) in taken, len(labels[text]) > 1, text in seen)
        why.append(next((reason for reason, found in zip(LEFT_OUT, faults, strict=True) if found), ""))
        seen.add(text)
    return split.take(np.array(why, dtype=np.str_) == ""), Counter(filter(None, why))


def training_list(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Sorted 64-bit hashes of the texts' twin keys, so that anyone can check what was trained on; (n,)."""
    hashes = {
        int.from_bytes(hashlib.sha256(twin_key(text).encode()).digest()[:8], "little") for text in texts
    }
    return np.array(sorted(hashes), dtype=np.uint64)


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


class Mixture:
    """Draws the examples of each epoch.

    `splits` are corpus splits already free of twins (`without_twins`); the first is the canonical train split.
    """

    def __init__(self, splits: Sequence[Split], comments: Comments | None, settings: MixtureSettings) -> None:
        self.settings = settings
        self.comments = comments
        overlap = Overlap(splits[0]) if settings.trust < 1 else None
        used = list(splits) if settings.extra else list(splits[:1])
        self.texts = [text for split in used for text in split.texts]
        self.labels = np.concatenate([split.labels for split in used])
        self.targets = np.eye(len(EMOTIONS), dtype=np.float32)[self.labels]
        if overlap:
            first = len(used[0])
            overlap.soften_canonical(self.targets[:first], (1 + settings.trust) / 2)
            overlap.soften(self.targets[first:], self.texts[first:], settings.trust)

    def epoch(self, index: int) -> tuple[list[str], Targets]:
        """Texts and targets (n, 6) of one epoch; the same for the same seed and index."""
        random = np.random.default_rng([self.settings.seed, index])
        rows = self._draw_corpus(random)
        targets = self.targets[rows]
        texts = []
        for position, row in enumerate(rows):
            text, share = self._rewrite(self.texts[row], random)
            targets[position] = (1 - share) * targets[position] + share * FLAT
            texts.append(text)
        if self.comments is not None:
            more, more_targets = self._draw_comments(self.comments, random)
            texts += more
            targets = np.concatenate([targets, more_targets])
        return texts, targets

    def _draw_corpus(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        if not self.settings.extra and not self.settings.balance:
            return np.arange(len(self.texts))
        mix = np.array(NATURAL_MIX) ** (1 - self.settings.balance)
        mix /= mix.sum()
        counts = np.bincount(self.labels, minlength=len(EMOTIONS))
        total = min(counts / mix) if self.settings.extra else len(self.texts)
        drawn = [
            random.choice(
                np.flatnonzero(self.labels == k), int(total * share), replace=total * share > counts[k]
            )
            for k, share in enumerate(mix)
        ]
        return np.concatenate(drawn)

    def _rewrite(self, text: str, random: np.random.Generator) -> tuple[str, float]:
        """The text as it may stand in a real feed, and the share of the flat answer its target takes."""
        punctuate, shorten, surround = random.random(3)
        if shorten < self.settings.shorten:
            text = SHORTER.sub("im", text, count=1)
        if punctuate < self.settings.punctuate:
            text += str(random.choice(ENDINGS))
        if surround < self.settings.surround and self.comments is not None:
            beside = self.comments.texts[int(random.choice(np.flatnonzero(self.comments.neutral)))]
            text = f"{beside} {text}" if random.random() < 0.5 else f"{text} {beside}"
            return text, self.settings.surround_weight
        return text, 0.0

    def _draw_comments(self, comments: Comments, random: np.random.Generator) -> tuple[list[str], Targets]:
        flat, felt = np.flatnonzero(comments.neutral), np.flatnonzero(~comments.neutral)
        rows = np.concatenate(
            [
                random.choice(flat, min(self.settings.neutral, len(flat)), replace=False),
                random.choice(felt, min(self.settings.emotional, len(felt)), replace=False),
            ]
        )
        targets = (1 - self.settings.soften) * comments.targets[rows] + self.settings.soften * FLAT
        return [comments.texts[row] for row in rows], targets.astype(np.float32)


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

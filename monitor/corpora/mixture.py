"""The training texts of the embedded model's adapter: the emotion corpus, and texts of other kinds.

The corpus has no neutral text and no punctuation, and nearly always says "feel". Three sources teach the model other
text. The first is the rest of the corpus, with the natural shares of emotions. The second is GoEmotions comments
(Demszky et al. 2020): their labels are mapped to the six emotions, and neutral comments get a flat target (outlier
exposure, Hendrycks et al. 2019). The third is rewritten corpus texts (punctuation, "im" for "i feel", a neutral
sentence beside them). Each epoch is drawn anew.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from monitor.corpora.examples import Examples
from monitor.corpora.label_overlap import Overlap
from monitor.corpora.sources import FLAT, Comments, Targets, twin_key
from monitor.corpora.splits import Split
from monitor.corpora.symptoms import SymptomTexts
from monitor.labels import EMOTIONS

# Shares of the emotions in the whole corpus of dair-ai/emotion, in the order of EMOTIONS.
NATURAL_MIX = (0.292, 0.335, 0.082, 0.135, 0.121, 0.036)
LEFT_OUT = ("twins of held-out texts", "texts with two labels", "repeats")
ENDINGS = (".", ".", "!", "...", "!!", " :(", " :)", ", you know.", ". anyway.")
LEAD_IN = re.compile(r"\bi (?:feel|am feeling|was feeling|felt)(?: like)?\b|\bim feeling\b")
NEGATED_LEAD_INS = (
    "i do not feel",
    "i dont feel",
    "im not",
    "i am no longer",
    "i no longer feel",
    "i am not",
)
NEGATION = re.compile(r"\b(?:not|no|never|dont|didnt|cant|wont|isnt|wasnt|without|hardly)\b")
OPPOSITE = 0.42  # weight of the opposite emotion in a negated text's target; every other has 0.12, fear 0.10


@dataclass(frozen=True)
class MixtureSettings:
    """Sizes and shares of one epoch.

    extra: use the rest of the corpus, resampled to the natural shares of emotions.
    trust: trust in a label whose word names two emotions (`label_overlap`); 1: full trust.
    balance: 0 draws emotions with their natural shares, 1 draws all equally often.
    neutral, emotional: numbers of GoEmotions comments per epoch. soften: share of the flat answer in the target of an
    emotional comment.
    punctuate, shorten, surround: share of corpus texts rewritten in each way.
    surround_weight: share of the flat answer for a surrounded text.
    drop: share of corpus texts that lose their lead-in ("i feel").
    negate: share of texts of joy, love or sadness whose lead-in is negated; their target is between the opposite
    emotion and the flat answer.
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
    drop: float = 0.0
    negate: float = 0.0
    seed: int = 0


def without_twins(split: Split, held_out: Iterable[Split | SymptomTexts]) -> tuple[Split, Counter[str]]:
    """The rows whose twin key is in none of the held-out splits: one row per text, and no text with two labels.

    Returns:
        The rows that stay, and the number of removed rows for each of LEFT_OUT.
    """
    taken = {twin_key(text) for other in held_out for text in other.texts}
    labels: dict[str, set[int]] = {}
    for text, label in zip(split.texts, split.labels, strict=True):
        labels.setdefault(text, set()).add(int(label))
    why, seen = [], set[str]()
    for text in split.texts:
        faults = (twin_key(text) in taken, len(labels[text]) > 1, text in seen)
        why.append(next((reason for reason, fault in zip(LEFT_OUT, faults, strict=True) if fault), ""))
        seen.add(text)
    return split.select(np.array(why, dtype=np.str_) == ""), Counter(filter(None, why))


def training_list(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Sorted 64-bit hashes of the texts' twin keys, by which anyone can check whether a text was trained on; (n,)."""
    return np.unique(_hashes(texts))


def is_listed(texts: Iterable[str], listed: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each text, or a twin of it, is in a training list; (n,)."""
    return np.isin(_hashes(texts), listed)


def _hashes(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    keys = (hashlib.sha256(twin_key(text).encode()).digest()[:8] for text in texts)
    return np.array([int.from_bytes(key, "little") for key in keys], dtype=np.uint64)


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

    def epoch(self, index: int) -> Examples:
        """The examples of one epoch; the same for the same seed and index. Calm comments show no criterion."""
        random = np.random.default_rng([self.settings.seed, index])
        rows = self._draw_corpus(random)
        targets = self.targets[rows]
        texts = []
        for position, row in enumerate(rows):
            text, share = self._rewrite(self.texts[row], random)
            text, targets[position] = self._change_lead_in(text, targets[position], random)
            targets[position] = (1 - share) * targets[position] + share * FLAT
            texts.append(text)
        drawn = Examples(texts, targets)
        return drawn if self.comments is None else drawn + self._draw_comments(self.comments, random)

    def _draw_corpus(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        if not self.settings.extra and not self.settings.balance:
            return np.arange(len(self.texts))
        mix = np.array(NATURAL_MIX) ** (1 - self.settings.balance)
        mix /= mix.sum()
        counts = np.bincount(self.labels, minlength=len(EMOTIONS))
        total = min(counts / mix) if self.settings.extra else len(self.texts)
        drawn = [
            random.choice(np.flatnonzero(self.labels == k), int(total * share), replace=total * share > counts[k])
            for k, share in enumerate(mix)
        ]
        return np.concatenate(drawn)

    def _rewrite(self, text: str, random: np.random.Generator) -> tuple[str, float]:
        """Rewrite a text to look like a real feed's; returns it and the share of the flat answer in its target."""
        punctuate, shorten, surround = random.random(3)
        if shorten < self.settings.shorten:
            text = LEAD_IN.sub("im", text, count=1)
        if punctuate < self.settings.punctuate:
            text += str(random.choice(ENDINGS))
        if surround < self.settings.surround and self.comments is not None:
            beside = self.comments.texts[int(random.choice(np.flatnonzero(self.comments.neutral)))]
            text = f"{beside} {text}" if random.random() < 0.5 else f"{text} {beside}"
            return text, self.settings.surround_weight
        return text, 0.0

    def _change_lead_in(self, text: str, target: Targets, random: np.random.Generator) -> tuple[str, Targets]:
        """The text without its lead-in, or with a negated one, and its target (6,)."""
        if not self.settings.drop and not self.settings.negate:
            return text, target
        drop, negate = random.random(2)
        if drop < self.settings.drop:
            return LEAD_IN.sub("", text, count=1).strip() or text, target
        sadness, joy, love = (target[EMOTIONS.index(name)] for name in ("sadness", "joy", "love"))
        clear = sadness + joy + love > 0.8 and LEAD_IN.search(text) and not NEGATION.search(text)
        if negate >= self.settings.negate or not clear:
            return text, target
        shares = np.array([0.10 if name == "fear" else 0.12 for name in EMOTIONS], np.float32)
        shares[EMOTIONS.index("joy" if sadness > 0.5 else "sadness")] = OPPOSITE
        return LEAD_IN.sub(str(random.choice(NEGATED_LEAD_INS)), text, count=1), shares / shares.sum()

    def _draw_comments(self, comments: Comments, random: np.random.Generator) -> Examples:
        flat, felt = np.flatnonzero(comments.neutral), np.flatnonzero(~comments.neutral)
        rows = np.concatenate(
            [
                random.choice(flat, min(self.settings.neutral, len(flat)), replace=False),
                random.choice(felt, min(self.settings.emotional, len(felt)), replace=False),
            ]
        )
        drawn = comments.examples().select(rows)
        targets = (1 - self.settings.soften) * drawn.targets + self.settings.soften * FLAT
        return replace(drawn, targets=targets.astype(np.float32))

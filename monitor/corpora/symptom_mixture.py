"""The training texts of the symptoms question beside the emotion corpus: our texts, composites, other sources.

A composite resembles a long post. It consists of symptom texts and everyday sentences: one text that shows a
criterion among others, several criteria together, or only near misses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.corpora.examples import Examples
from monitor.corpora.sources import FLAT
from monitor.corpora.symptoms import SymptomTexts
from monitor.errors import DataError
from monitor.labels import ANSWERS, EMOTIONS

MARKS = re.compile(r"[^\w\s]")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
CALM_ANY = 0.06  # the filling is sentences of distilled posts with a smaller P(any)
LARGEST = 0.98  # largest target of a composite
LONG = 5  # with more sentences of filling, a text's target is a little lower
DOUBT = 0.01  # added to every target of a text with filling, because nobody has labelled the filling


@dataclass(frozen=True)
class SymptomSettings:
    """Sizes and shares of one epoch.

    repeats: number of times each symptom text is drawn. bare: share of these draws without punctuation.
    mild, marked, severe: target of a criterion that a text of this severity shows.
    composites: number of composites. isear, semeval: number of times these corpora are drawn.
    units, posts, topics: numbers of texts drawn from the distilled units (one to three sentences), from the distilled
    posts, and from the topic texts (about depression, their criteria unknown).
    topic_share: share of sadness in a topic text's target; the rest is flat.
    """

    repeats: int = 1
    bare: float = 0.2
    mild: float = 0.45
    marked: float = 0.78
    severe: float = 0.97
    composites: int = 0
    isear: int = 0
    semeval: int = 0
    units: int = 0
    posts: int = 0
    topics: int = 0
    topic_share: float = 0.6
    seed: int = 0


class SymptomMixture:
    """Draws the examples of each epoch.

    Args:
        texts: symptom texts of the train split.
        calm: neutral texts, which fill the composites.
        whole: sources that are used in full, each with its number of repetitions.
        drawn: sources that are sampled, each with the number of texts to draw.
        settings: sizes and shares.

    Raises:
        DataError: composites are wanted, but there is no calm text or no text with or without a criterion.
    """

    def __init__(
        self,
        texts: SymptomTexts,
        calm: Sequence[str],
        whole: Sequence[tuple[Examples, int]],
        drawn: Sequence[tuple[Examples, int]],
        settings: SymptomSettings,
    ) -> None:
        self.settings, self._calm, self._whole, self._drawn = settings, calm, whole, drawn
        self.examples = texts.examples((settings.mild, settings.marked, settings.severe))
        self._hits, self._misses = np.flatnonzero(texts.severity > 0), np.flatnonzero(texts.severity == 0)
        if settings.composites and not (len(calm) and len(self._hits) and len(self._misses)):
            raise DataError(
                "symptoms.composites: they need neutral comments (mixture.comments), and symptom texts with and "
                "without criteria; name the files, or set composites to 0"
            )

    @property
    def texts(self) -> list[str]:
        """Every text that an epoch may hold."""
        sources = [examples for examples, _ in (*self._whole, *self._drawn)]
        return [*self.examples.texts, *(text for examples in sources for text in examples.texts)]

    def epoch(self, index: int) -> Examples:
        """The examples of one epoch; the same for the same seed and index."""
        random = np.random.default_rng([self.settings.seed, index])
        rows = np.tile(np.arange(len(self.examples.texts)), self.settings.repeats)
        own = self.examples.select(rows)
        bare = random.random(len(rows)) < self.settings.bare
        texts = [MARKS.sub(" ", text) if cut else text for text, cut in zip(own.texts, bare, strict=True)]
        parts = [Examples(texts, own.targets, own.weights, own.criteria, own.criteria_weights)]
        if self.settings.composites:
            parts.append(Examples.joined([self._composite(random) for _ in range(self.settings.composites)]))
        parts += [examples for examples, times in self._whole for _ in range(times)]
        for examples, count in self._drawn:
            n = len(examples.texts)
            parts.append(examples.select(random.choice(n, min(count, n), replace=False)))
        return Examples.joined(parts)

    def _composite(self, random: np.random.Generator) -> Examples:
        """One text: a symptom text in filling (50%), several hits together (30%), or near misses (20%)."""
        kind = random.random()
        if kind < 0.5:
            rows = random.choice(self._hits if random.random() < 0.6 else self._misses, 1)
            n_calm = int(random.choice((1, 1, 2, 3, 5, 8)))
        elif kind < 0.8:
            rows = random.choice(self._hits, int(random.choice((2, 2, 3, 4))))
            n_calm = int(random.choice((0, 0, 1, 3, 6)))
        else:
            rows = random.choice(self._misses, int(random.integers(1, 4)))
            n_calm = int(random.choice((0, 2, 5, 8)))
        part = self.examples.select(rows)
        calm = self._filling(n_calm, random)
        cut = int(random.integers(len(calm) + 1))
        texts = list(part.texts)
        if len(texts) == 1:
            texts = [*calm[:cut], *texts, *calm[cut:]]
        else:
            place = int(random.integers(len(texts) + 1))
            texts = [*texts[:place], *calm, *texts[place:]]
        criteria = part.criteria.max(axis=0)
        criteria[-1] = 1 - np.prod(1 - part.criteria[:, -1])
        criteria = criteria * (0.93 if n_calm >= LONG and len(rows) == 1 else 1.0) + (DOUBT if calm else 0.0)
        known = part.targets[part.weights > 0]
        sure = 0.85 * (0.75 if n_calm else 1.0) if n_calm < LONG else 0.6
        target = sure * known.mean(axis=0) + (1 - sure) * FLAT if len(known) else FLAT
        return Examples(
            [" ".join(texts)],
            np.array([target], np.float32),
            np.array([bool(len(known))], np.float32),
            np.array([criteria.clip(0, LARGEST)], np.float32),
            np.ones(1, np.float32),
        )

    def _filling(self, count: int, random: np.random.Generator) -> list[str]:
        """Up to `count` consecutive sentences of one calm text, or of several short ones."""
        sentences: list[str] = []
        while len(sentences) < count:
            own = [part for part in SENTENCE.split(self._calm[int(random.integers(len(self._calm)))]) if part]
            first = int(random.integers(max(1, len(own) - count)))
            sentences += own[first : first + count - len(sentences)] or [""]
        return [sentence for sentence in sentences if sentence]


def calm_texts(comments: Sequence[str], posts: Examples | None) -> list[str]:
    """Neutral comments and distilled posts that show hardly any criterion; they fill the composites."""
    if posts is None:
        return list(comments)
    calm = np.flatnonzero(posts.criteria[:, ANSWERS.index("any")] < CALM_ANY)
    return [*comments, *(posts.texts[row] for row in calm.tolist())]


def topic_examples(texts: Sequence[str], share: float) -> Examples:
    """Texts about depression, therapy or loneliness: a weak target of sadness, their criteria unknown."""
    target = (1 - share) * FLAT
    target[EMOTIONS.index("sadness")] += share
    return Examples(texts, np.tile(target.astype(np.float32), (len(texts), 1)))

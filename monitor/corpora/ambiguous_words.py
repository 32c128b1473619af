"""Words that decide a label, and words that two labels share. They limit how well a corpus can be learned.

dair-ai/emotion was labelled by lists of words, and the lists overlap: "sweet" and "blessed" are joy or love,
"helpless" sadness or fear, "weird" fear or surprise, each label about equally often in the canonical splits. If only
such a word decides, no model can know the label. Accuracy is therefore given for these texts and for the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from scipy.stats import chi2
from sklearn.feature_extraction.text import CountVectorizer

from monitor.corpora.splits import Split
from monitor.labels import EMOTIONS

CHANCE = 1e-6  # a word decides if chance parts its labels from the corpus's as seldom as this (a G-test)
TOGETHER = 0.8  # share of the word's texts that its emotion, or its two emotions, have
LESSER = 0.3  # share that the lesser of two emotions has of both


class SharedWords:
    """The deciding words of a train split.

    Attributes:
        shared: words of two emotions, as indices into EMOTIONS, the commoner with this word first.
        clear: words of one emotion.
    """

    def __init__(self, train: Split) -> None:
        self.shared, self.clear = dict[str, tuple[int, int]](), dict[str, int]()
        if not any(text.split() for text in train.texts):
            return
        words = CountVectorizer(token_pattern=r"\S+", binary=True)
        is_label = np.eye(len(EMOTIONS))[train.labels]
        counts = np.asarray(words.fit_transform(train.texts).T @ is_label)
        totals = counts.sum(axis=1)
        expected = totals[:, None] * is_label.mean(axis=0)
        apart = 2 * xlogy(counts, counts / np.where(expected > 0, expected, 1)).sum(axis=1)
        decides = apart > chi2.isf(CHANCE, len(EMOTIONS) - 1)
        for word, row in words.vocabulary_.items():
            first, second = np.argsort(-counts[row], kind="stable")[:2].tolist()
            both = counts[row, first] + counts[row, second]
            if not decides[row] or both < TOGETHER * totals[row]:
                continue
            if counts[row, second] >= LESSER * both:
                self.shared[word] = (first, second)
            elif counts[row, first] >= TOGETHER * totals[row]:
                self.clear[word] = first

    def undecided(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether each text holds a shared word and no clear one; (n,)."""
        words = (set(text.lower().split()) for text in texts)
        undecided = [not (self.shared.keys().isdisjoint(w) or self.clear.keys() & w) for w in words]
        return np.array(undecided, dtype=np.bool_)

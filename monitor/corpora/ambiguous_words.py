"""Words that decide a label, and words that two labels share. They limit how well a corpus can be learned.

dair-ai/emotion was labelled by lists of words, and the lists overlap: "sweet" and "blessed" are joy or love,
"helpless" is sadness or fear, "weird" is fear or surprise. In the canonical splits the two labels of such a word are
about equally frequent. If a text has only such a word, no model can know its label. Accuracy is therefore given
separately for these texts and for the others.
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

# A word decides if its labels differ from the corpus's and chance alone explains this with at most this p (a G-test).
CHANCE = 1e-6
TOGETHER = 0.8  # least share of the word's texts with its emotion, or with one of its two emotions
LESSER = 0.3  # least share of the rarer emotion in a word's two


class SharedWords:
    """The deciding words of a train split.

    Attributes:
        shared: words of two emotions; the emotions are indices into EMOTIONS, the more frequent one first.
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

"""Words that name two emotions at once, and the trust in labels that such a word decides.

The emotion corpus was labelled by word lists, and the lists overlap: "blessed", "sweet" and "passionate" are joy or
love, "weird" and "overwhelmed" are fear or surprise. In the canonical splits the two labels are about equally
frequent. The rest of the corpus has all texts of love and surprise, but only samples of joy and fear, so that it
nearly always labels such a text love or surprise. A small text classifier, fitted on the canonical train split,
estimates the probabilities of the two emotions and corrects the targets of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.corpora.splits import Split
from monitor.labels import EMOTIONS

OVERLAPPING = (("joy", "love"), ("fear", "surprise"))
FOLDS = 5


class Overlap:
    """Probabilities of two overlapping emotions for a text, learned from the canonical train split."""

    def __init__(self, canonical: Split) -> None:
        # Slow to import, and not needed for the help of `train`.
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self.canonical = canonical
        self.pairs: list[tuple[int, int, Any]] = []
        for first, second in OVERLAPPING:
            a, b = EMOTIONS.index(first), EMOTIONS.index(second)
            rows = np.flatnonzero(np.isin(canonical.labels, (a, b)))
            model = make_pipeline(
                TfidfVectorizer(sublinear_tf=True, min_df=2), LogisticRegression(C=10, max_iter=1000)
            )
            model.fit([canonical.texts[row] for row in rows], canonical.labels[rows] == b)
            self.pairs.append((a, b, model))

    def soften(self, targets: npt.NDArray[np.float32], texts: Sequence[str], trust: float) -> None:
        """Share each hard target of an overlapping emotion between the two, in place.

        Args:
            targets: (n, 6), one-hot.
            texts: n strings that the classifier was not fitted on.
            trust: share of the label as given; the rest is the classifier's.
        """
        for a, b, model in self.pairs:
            rows = np.flatnonzero(targets[:, a] + targets[:, b] > 0)
            if len(rows):
                share = model.predict_proba([texts[int(row)] for row in rows])[:, 1]
                self._mix(targets, rows, a, b, share, trust)

    def soften_canonical(self, targets: npt.NDArray[np.float32], trust: float) -> None:
        """Soften the canonical split's own targets; the classifier of each text was not fitted on it."""
        from sklearn.model_selection import cross_val_predict

        for a, b, model in self.pairs:
            rows = np.flatnonzero(np.isin(self.canonical.labels, (a, b)))
            share = cross_val_predict(
                model,
                [self.canonical.texts[row] for row in rows],
                self.canonical.labels[rows] == b,
                cv=FOLDS,
                method="predict_proba",
            )[:, 1]
            self._mix(targets, rows, a, b, share, trust)

    @staticmethod
    def _mix(
        targets: npt.NDArray[np.float32],
        rows: npt.NDArray[np.int64],
        a: int,
        b: int,
        share: npt.NDArray[np.float64],
        trust: float,
    ) -> None:
        """Mix the label with the classifier's probability where the classifier is in doubt. A clear word keeps its
        label.
        """
        doubt = np.clip(1.0 - np.abs(share - 0.5) / 0.4, 0.0, 1.0) ** 0.5
        trusted = 1.0 - doubt * (1.0 - trust)
        total = targets[rows, a] + targets[rows, b]
        targets[rows, b] = trusted * targets[rows, b] + (1.0 - trusted) * share * total
        targets[rows, a] = total - targets[rows, b]

"""The baselines of an evaluation: the most frequent class of train, and TF-IDF with a linear SVM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from monitor.corpora.splits import Split
from monitor.labels import EMOTIONS


@dataclass(frozen=True)
class Answers:
    """A method's answers for n texts.

    predicted: indices into EMOTIONS, shape (n,). probabilities: P(emotion), shape (n, 6), or None for a method
    that gives labels only.
    """

    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64] | None = None


def majority(train: Split, test: Split) -> Answers:
    """Predict the most frequent class of train, with train's class shares as probabilities."""
    shares = np.bincount(train.labels, minlength=len(EMOTIONS)) / len(train)
    probabilities = np.tile(shares, (len(test), 1))
    return Answers(probabilities.argmax(axis=1).astype(np.int64), probabilities)


def tfidf_svm(train: Split, test: Split) -> Answers:
    """Predict by TF-IDF of words and word pairs with LinearSVC; labels only, without probabilities.

    Balanced classes and C=0.5 were the best of 36 settings on the validation split of dair-ai/emotion.

    Raises:
        ValueError: train has only one class, or no words.
    """
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    pipeline = make_pipeline(words, LinearSVC(C=0.5, class_weight="balanced", random_state=0))
    pipeline.fit(train.texts, train.labels)
    return Answers(np.asarray(pipeline.predict(test.texts), dtype=np.int64))

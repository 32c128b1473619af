"""Cheap baselines of a contrast between texts: each gives one score per text without a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

Floats = npt.NDArray[np.float64]
WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
FIRST_PERSON = {"i", "im", "i'm", "ive", "i've", "id", "i'd", "ill", "i'll", "me", "my", "mine", "myself"}


def length(texts: Sequence[str]) -> Floats:
    """Words of each text; (n,)."""
    return np.array([len(WORD.findall(text)) for text in texts], dtype=np.float64)


def first_person_rate(texts: Sequence[str]) -> Floats:
    """Share of each text's words that speak of the writer (I, me, my, ...); (n,)."""
    rates = []
    for text in texts:
        words = [word.replace("\u2019", "'") for word in WORD.findall(text.casefold())]
        rates.append(sum(word in FIRST_PERSON for word in words) / max(1, len(words)))
    return np.array(rates, dtype=np.float64)


def vader(texts: Sequence[str]) -> Floats | None:
    """How negative VADER (Hutto and Gilbert 2014) finds each text, 1 to -1; (n,).

    None without the package vaderSentiment, which only the tests and this comparison install.
    """
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    analyzer = SentimentIntensityAnalyzer()
    return np.array([-analyzer.polarity_scores(text)["compound"] for text in texts], dtype=np.float64)


def tfidf(train: Sequence[str], positive: npt.NDArray[np.bool_], texts: Sequence[str]) -> Floats | None:
    """Log-odds of TF-IDF over words and pairs of words with logistic regression; (n,).

    Args:
        train: m texts of other sources.
        positive: (m,) whether each is of the first kind; if all are of one kind, the result is None.
        texts: n texts to score.
    """
    if positive.all() or not positive.any():
        return None
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    pipeline = make_pipeline(words, LogisticRegression(C=10, class_weight="balanced", max_iter=300))
    pipeline.fit(train, positive)
    return np.asarray(pipeline.decision_function(texts), dtype=np.float64)

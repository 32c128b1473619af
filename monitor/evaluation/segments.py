"""Metrics on segments of a split: by length, negation, the word "feel", confidence and words of two emotions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.evaluation.metrics import Measurement, measure
from monitor.labels import EMOTIONS, confidence

Mask = npt.NDArray[np.bool_]
QUARTERS = 4
# Many texts lack apostrophes, so "dont" counts as "don't".
NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|cannot|without|[a-z]+n['’]t"
    r"|(?:do|does|did|ca|wo|is|are|was|were|have|has|had|would|could|should)nt)\b",
    re.IGNORECASE,
)
FEEL = re.compile(r"\b(?:feel|feels|feeling|feelings|felt)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """A part of a split: the property that divides the split, the name of the part, and its measurement."""

    by: str
    name: str
    measurement: Measurement


def segments(
    texts: Sequence[str],
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    undecided: Mask | None = None,
    *,
    resamples: int,
    seed: int,
) -> list[Segment]:
    """Emotion metrics of every segment that has a text; n texts, labels of shape (n,), probabilities of shape (n, 6).

    Length and confidence are cut at the split's quartiles. `undecided` is a mask of shape (n,): texts decided by a
    word that train labels with two emotions (`corpora.ambiguous_words`).
    """
    predicted = probabilities.argmax(axis=1)
    return [
        Segment(
            by,
            name,
            measure(labels[mask], predicted[mask], EMOTIONS, probabilities[mask], resamples=resamples, seed=seed),
        )
        for by, name, mask in _masks(texts, probabilities, undecided)
        if mask.any()
    ]


def worst(parts: Sequence[Segment]) -> list[Segment]:
    """The five segments with the lowest accuracy, lowest first; macro-F1 would need every class in each segment."""
    return sorted(parts, key=lambda segment: segment.measurement.metrics["accuracy"].value or 0.0)[:5]


def has_feel(texts: Sequence[str]) -> Mask:
    """Whether each text contains a form of "feel", by which the corpus was collected; shape (n,)."""
    return np.array([bool(FEEL.search(text)) for text in texts], dtype=np.bool_)


def _masks(
    texts: Sequence[str], probabilities: npt.NDArray[np.float64], undecided: Mask | None
) -> Iterator[tuple[str, str, Mask]]:
    words = np.array([len(text.split()) for text in texts], dtype=np.float64)
    yield from _quarters("length", words, ".0f", "{} words")
    negated = np.array([bool(NEGATION.search(text)) for text in texts], dtype=np.bool_)
    yield from (("negation", "a negation", negated), ("negation", "no negation", ~negated))
    feel = has_feel(texts)
    yield from (("feel", 'a form of "feel"', feel), ("feel", 'no form of "feel"', ~feel))
    if undecided is not None:
        yield "shared words", "decided by a word of two emotions", undecided
        yield "shared words", "not so decided", ~undecided
    yield from _quarters("confidence", confidence(probabilities), ".2f", "confidence {}")


def _quarters(by: str, values: npt.NDArray[np.float64], digits: str, name: str) -> Iterator[tuple[str, str, Mask]]:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, QUARTERS + 1)[1:-1]))
    quarter_of = np.searchsorted(edges, values, side="left")
    for quarter in np.unique(quarter_of):
        mask = quarter_of == quarter
        low, high = (format(edge, digits) for edge in (values[mask].min(), values[mask].max()))
        yield by, name.format(low if low == high else f"{low} to {high}"), mask

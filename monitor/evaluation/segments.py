"""Where a method is weak: the same metrics on parts of a split, by length, wording, confidence and shared words."""

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
# Apostrophes are dropped in much of the text this project reads, so "dont" stands beside "don't".
NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|cannot|without|[a-z]+n['’]t"
    r"|(?:do|does|did|ca|wo|is|are|was|were|have|has|had|would|could|should)nt)\b",
    re.IGNORECASE,
)
FEEL = re.compile(r"\b(?:feel|feels|feeling|feelings|felt)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """A part of a split: what divides it, which part, and what was measured there."""

    by: str
    name: str
    found: Measurement


def segments(
    texts: Sequence[str],
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    undecided: Mask | None = None,
    *,
    resamples: int,
    seed: int,
) -> list[Segment]:
    """Emotion metrics of every part that holds a text; n texts, labels (n,), probabilities (n, 6).

    Length and confidence are cut at the split's own quartiles. `undecided` tells which texts a word that train
    labels both ways decides (`shared_words`), shape (n,).
    """
    predicted = probabilities.argmax(axis=1)
    return [
        Segment(
            by,
            name,
            measure(
                labels[mask], predicted[mask], EMOTIONS, probabilities[mask], resamples=resamples, seed=seed
            ),
        )
        for by, name, mask in _masks(texts, probabilities, undecided)
        if mask.any()
    ]


def worst(found: Sequence[Segment], count: int = 5) -> list[Segment]:
    """The parts of the lowest accuracy (macro-F1 would need every class in each part), the lowest first."""
    return sorted(found, key=lambda segment: segment.found.metrics["accuracy"].value or 0.0)[:count]


def has_feel(texts: Sequence[str]) -> Mask:
    """Whether each text holds a form of "feel"; the corpus was collected by that word. (n,)"""
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


def _quarters(
    by: str, values: npt.NDArray[np.float64], digits: str, name: str
) -> Iterator[tuple[str, str, Mask]]:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, QUARTERS + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="left")
    for quarter in np.unique(place):
        mask = place == quarter
        low, high = (format(edge, digits) for edge in (values[mask].min(), values[mask].max()))
        yield by, name.format(low if low == high else f"{low} to {high}"), mask

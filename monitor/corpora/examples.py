"""Texts with targets for one question or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from monitor.labels import ANSWERS, EMOTIONS

Floats = npt.NDArray[np.float32]
NONE: Floats = np.empty(0, np.float32)


@dataclass(frozen=True)
class Examples:
    """n texts with their targets. A weight of 0 means that a text has no target for that question.

    Attributes:
        texts: n strings.
        targets: (n, 6) one distribution over EMOTIONS in each row; a row sums to 1.
        weights: (n,) weights of the emotion targets; 1 unless given.
        criteria: (n, 12) targets of the symptoms answers from 0 to 1, in the order of ANSWERS.
        criteria_weights: (n,) weights of the symptoms targets; 0 unless given.
    """

    texts: Sequence[str]
    targets: Floats
    weights: Floats = field(default_factory=lambda: NONE)
    criteria: Floats = field(default_factory=lambda: NONE)
    criteria_weights: Floats = field(default_factory=lambda: NONE)

    def __post_init__(self) -> None:
        n = len(self.texts)
        if not len(self.weights):
            object.__setattr__(self, "weights", np.ones(n, np.float32))
        if not len(self.criteria_weights):
            object.__setattr__(self, "criteria", np.zeros((n, len(ANSWERS)), np.float32))
            object.__setattr__(self, "criteria_weights", np.zeros(n, np.float32))

    @classmethod
    def from_labels(cls, texts: Sequence[str], labels: npt.NDArray[np.int64]) -> Examples:
        """One-hot emotion targets from indices into EMOTIONS, shape (n,)."""
        return cls(texts, np.eye(len(EMOTIONS), dtype=np.float32)[labels])

    @classmethod
    def of_criteria(
        cls,
        texts: Sequence[str],
        criteria: Floats,
        targets: Floats | None = None,
        weights: Floats | None = None,
    ) -> Examples:
        """Targets of the symptoms answers (n, 12); emotion targets count if their weight (n,) is above 0."""
        n = len(texts)
        if targets is None or weights is None:
            targets, weights = (
                np.full((n, len(EMOTIONS)), 1 / len(EMOTIONS), np.float32),
                np.zeros(n, np.float32),
            )
        return cls(texts, targets, weights, criteria, np.ones(n, np.float32))

    @property
    def several_emotions(self) -> bool:
        """Whether the texts' most likely target emotions include more than one emotion."""
        return len(set(self.targets[self.weights > 0].argmax(axis=1))) > 1

    @property
    def some_criteria(self) -> bool:
        """Whether at least one answer differs between the texts."""
        shown = self.criteria[self.criteria_weights > 0] > 0
        return bool(len(shown) and (shown.any(axis=0) & ~shown.all(axis=0)).any())

    def select(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Examples:
        """The rows chosen by a mask of shape (n,) or by indices."""
        index = np.arange(len(self.texts))[rows]
        return Examples(
            [self.texts[k] for k in index],
            self.targets[index],
            self.weights[index],
            self.criteria[index],
            self.criteria_weights[index],
        )

    def without_criteria(self) -> Examples:
        """The texts that have emotion targets, without their other targets."""
        kept = self.select(self.weights > 0)
        return Examples(kept.texts, kept.targets, kept.weights)

    def with_hard_emotions(self) -> Examples:
        """The examples without emotion targets that share their weight among several emotions."""
        hard = self.targets.max(axis=1) > 1 - 1e-6
        return replace(self, weights=np.where(hard, self.weights, 0).astype(np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """Several sets of examples, one after the other."""
        texts = [text for part in parts for text in part.texts]
        names = ("targets", "weights", "criteria", "criteria_weights")
        return cls(texts, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __add__(self, other: Examples) -> Examples:
        """These and other examples, in this order."""
        return Examples.joined([self, other])

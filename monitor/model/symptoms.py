"""The symptoms question: its words, the calibration of its answers, and the limits above which a criterion counts.

After the emotion question a prompt may ask a second one. Its answer for a criterion is the logit of the criterion's
word minus the logit of the word for "none", read at the last token of the question's own suffix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from monitor.errors import ConfigError
from monitor.labels import ANSWERS, CRITERIA

LARGEST = 1000.0  # largest slope and intercept
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SymptomsQuestion:
    """The text after the emotion question's end, and the words that answer it, each one token long.

    Attributes:
        after: text between the position of the emotion answer and the position of the symptoms answer.
        words: one word per criterion.
        none: the word that every other word is compared with.
        any: the word for "shows some criterion"; with None, the largest answer to a criterion is used instead.

    Raises:
        ConfigError: a criterion has no word or is unknown, or a word is not text or occurs twice.
    """

    after: str
    words: Mapping[str, str]
    none: str = " none"
    any: str | None = " any"

    def __post_init__(self) -> None:
        _check_names("prompt.symptoms.words", self.words, CRITERIA)
        words = [*self.answers, self.none]
        wrong = [word for word in (self.after, *words) if not isinstance(word, str) or not word]
        if wrong or len(set(words)) < len(words):
            raise ConfigError(
                f"prompt.symptoms: {wrong[0] if wrong else words!r}: give text for after, and a different word "
                "for each criterion, none and any"
            )

    @property
    def answers(self) -> tuple[str, ...]:
        """The words in the order of CRITERIA, then the word `any`, if there is one."""
        return (*(self.words[name] for name in CRITERIA), *([] if self.any is None else [self.any]))

    def to_json(self) -> dict[str, Any]:
        """The question as plain JSON values."""
        words = {name: self.words[name] for name in CRITERIA}
        return {"after": self.after, "words": words, "none": self.none, "any": self.any}

    @classmethod
    def from_json(cls, value: Any) -> SymptomsQuestion:
        """The question that `to_json` wrote.

        Raises:
            ConfigError: a key is missing, unknown or of the wrong type.
        """
        if not isinstance(value, dict) or set(value) != {"after", "words", "none", "any"}:
            raise ConfigError("prompt.symptoms: it needs after, words, none and any, and nothing else")
        return cls(**value)


class SymptomTokens(NamedTuple):
    """Tokens of the symptoms question: its suffix, one per word of `SymptomsQuestion.answers`, and that of `none`."""

    suffix_ids: tuple[int, ...]
    word_ids: tuple[int, ...]
    none_id: int


@dataclass(frozen=True)
class SymptomsCalibration:
    """Platt scaling (Platt 1999): P(answer) = sigmoid(slope * logit + intercept).

    slopes, intercepts: a value for each of ANSWERS, in that order. The default changes nothing.
    """

    slopes: tuple[float, ...] = (1.0,) * len(ANSWERS)
    intercepts: tuple[float, ...] = (0.0,) * len(ANSWERS)

    def probabilities(self, logits: npt.NDArray[np.floating]) -> Floats:
        """Calibrated P(criterion) and P(any); logits (n, 12) -> (n, 12)."""
        return np.asarray(expit(np.asarray(logits, np.float64) * self.slopes + self.intercepts))

    def to_json(self) -> dict[str, list[float]]:
        """Slope and intercept by name."""
        pairs = zip(self.slopes, self.intercepts, strict=True)
        return {name: list(pair) for name, pair in zip(ANSWERS, pairs, strict=True)}

    @classmethod
    def from_json(cls, value: Any) -> SymptomsCalibration:
        """The calibration that `to_json` wrote.

        Raises:
            ConfigError: a name is missing or unknown, or a value is not a pair of numbers with a slope above 0.
        """
        _check_names("symptoms_calibration", value, ANSWERS)
        for name, pair in value.items():
            numbers = isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair))
            if not numbers or not 0 < pair[0] <= LARGEST or abs(pair[1]) > LARGEST:
                raise ConfigError(
                    f"symptoms_calibration.{name} {pair!r}: give [slope, intercept], the slope above 0, "
                    "neither beyond 1,000"
                )
        return cls(*(tuple(float(value[name][part]) for name in ANSWERS) for part in (0, 1)))


def read_limits(value: Any) -> dict[str, float]:
    """The limit of each of ANSWERS from JSON values.

    Raises:
        ConfigError: a name is missing or unknown, or a limit is not a number from 0 to 1.
    """
    _check_names("criteria_limits", value, ANSWERS)
    for name, limit in value.items():
        if not _is_number(limit) or not 0 <= limit <= 1:
            raise ConfigError(f"criteria_limits.{name} {limit!r}: it must be a number from 0 to 1")
    return {name: float(value[name]) for name in ANSWERS}


def with_any(logits: npt.NDArray[np.floating]) -> Floats:
    """The answers as (n, 12): an (n, 11) array gets the largest answer of each row as its last column."""
    values = np.asarray(logits, dtype=np.float64)
    if values.shape[1] == len(ANSWERS):
        return values
    return np.concatenate([values, values.max(axis=1, keepdims=True)], axis=1)


def _check_names(key: str, value: Any, names: tuple[str, ...]) -> None:
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise ConfigError(f"{key}: give a value for each of {', '.join(names)}, and for nothing else")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

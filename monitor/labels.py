"""The six emotions, the three risk levels, the table that joins them, and the eleven criteria of depression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from monitor.errors import ConfigError

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
RISKS = ("low_risk", "mid_risk", "high_risk")
CRITERIA = (
    "mood",
    "hopeless",
    "interest",
    "worth",
    "suicidal",
    "psychomotor",
    "concentration",
    "energy",
    "sleep",
    "appetite",
    "irritable",
)
ANY = "any"
ANSWERS = (*CRITERIA, ANY)
"""The columns of every array of answers to the symptoms question: the eleven criteria, then whether any is shown."""
DEFAULT_RULES = MappingProxyType(
    {
        "sadness": "high_risk",
        "joy": "low_risk",
        "love": "low_risk",
        "anger": "mid_risk",
        "fear": "mid_risk",
        "surprise": "low_risk",
    }
)


@dataclass(frozen=True)
class RiskMap:
    """The risk level of each emotion; settings can replace it.

    Raises:
        ConfigError: an emotion is missing or unknown, or a risk level is unknown.
    """

    rules: Mapping[str, str] = field(default_factory=lambda: DEFAULT_RULES)

    def __post_init__(self) -> None:
        missing = [emotion for emotion in EMOTIONS if emotion not in self.rules]
        unknown = [emotion for emotion in self.rules if emotion not in EMOTIONS]
        levels = sorted({level for level in self.rules.values() if level not in RISKS})
        if missing or unknown:
            raise ConfigError(
                f"risk map: missing emotions {missing}, unknown emotions {unknown}; "
                f"name each of {', '.join(EMOTIONS)} once"
            )
        if levels:
            raise ConfigError(f"risk map: unknown risk levels {levels}; use {', '.join(RISKS)}")

    def matrix(self) -> npt.NDArray[np.float64]:
        """Membership of each emotion in each risk level, shape (6, 3), entries 0 or 1."""
        return np.array([[self.rules[emotion] == risk for risk in RISKS] for emotion in EMOTIONS], dtype=np.float64)

    def risk_of(self, emotion_index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index into RISKS for each index into EMOTIONS; shapes (n,) -> (n,)."""
        table = np.array([RISKS.index(self.rules[emotion]) for emotion in EMOTIONS], dtype=np.int64)
        return table[emotion_index]

    def risk_probabilities(self, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """P(risk), the sum of its emotions' probabilities; shapes (n, 6) -> (n, 3)."""
        return np.asarray(probabilities, dtype=np.float64) @ self.matrix()


def confidence(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """One minus the entropy over its maximum ln 6: 0 for equal probabilities, 1 for certainty; (n, 6) -> (n,)."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-12, 1.0)
    flatness = -(p * np.log(p)).sum(axis=1) / np.log(p.shape[1])
    return np.asarray(np.clip(1.0 - flatness, 0.0, 1.0), dtype=np.float64)


def score_columns(
    probabilities: npt.NDArray[np.floating], risk_map: RiskMap
) -> dict[str, npt.NDArray[np.float64] | list[str]]:
    """Columns of the `scores` table, computed from P(emotion), shape (n, 6).

    `risk` is the level of the greatest summed probability, not that of the top emotion.
    """
    p_risk = risk_map.risk_probabilities(probabilities)
    columns: dict[str, npt.NDArray[np.float64] | list[str]] = {
        "emotion": [EMOTIONS[i] for i in np.argmax(probabilities, axis=1)],
        "risk": [RISKS[i] for i in np.argmax(p_risk, axis=1)],
    }
    for index, emotion in enumerate(EMOTIONS):
        # A mean of ones is above 1 by rounding.
        columns[f"p_{emotion}"] = np.clip(np.asarray(probabilities[:, index], dtype=np.float64), 0.0, 1.0)
    for index, risk in enumerate(RISKS):
        columns[f"p_{risk.removesuffix('_risk')}"] = np.clip(p_risk[:, index], 0.0, 1.0)
    columns["confidence"] = confidence(probabilities)
    return columns


def names_above(probabilities: npt.NDArray[np.floating], limits: Mapping[str, float]) -> list[str]:
    """The criteria above their limits in each row of (n, 11), joined by commas; "" for none."""
    above = np.asarray(probabilities) > [limits[name] for name in CRITERIA]
    return [",".join(name for name, seen in zip(CRITERIA, row, strict=True) if seen) for row in above]


def criteria_columns(
    criteria: npt.NDArray[np.floating], any_shown: npt.NDArray[np.floating], limits: Mapping[str, float]
) -> dict[str, npt.NDArray[np.float64] | list[str]]:
    """Columns of the `scores` table that follow from P(criterion), shape (n, 11), and P(any), shape (n,).

    `criteria` names the criteria above their limits, separated by commas. Where only P(any) is above its limit it is
    the name "any".
    """
    columns: dict[str, npt.NDArray[np.float64] | list[str]] = {
        f"s_{name}": np.asarray(criteria[:, index], dtype=np.float64) for index, name in enumerate(CRITERIA)
    }
    columns["p_any"] = np.asarray(any_shown, dtype=np.float64)
    columns["criteria"] = [
        names or ("any" if p > limits["any"] else "")
        for names, p in zip(names_above(criteria, limits), any_shown, strict=True)
    ]
    return columns

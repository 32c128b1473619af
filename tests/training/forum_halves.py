"""The two halves of the forum posts: one may train the embedded model, the other measures it."""

import hashlib
import re

import numpy as np
import numpy.typing as npt

FORUMS = "posts: suicide forum against depression forum"  # the name of the contrast
OTHERS = re.compile(
    r"\b(he|she|him|her|his|they|them|brother|sister|friend|boyfriend|girlfriend|son|daughter)\b", re.IGNORECASE
)
MYSELF = re.compile(r"\b(i|im|me|my|ive|id)\b", re.IGNORECASE)


def is_trained_on(post: str) -> bool:
    """Whether a post of the forums is of the half that trains, by a hash of its beginning."""
    return hashlib.sha256(post[:200].encode()).digest()[0] % 2 == 0


def suicidal_factor(post: str, odds: float, *, in_suicide_forum: bool) -> float:
    """What the odds of P(suicidal) of a forum post are multiplied with; 1 where it speaks mainly of others."""
    if not in_suicide_forum:
        return 1 / odds
    return 1.0 if len(OTHERS.findall(post)) > 0.6 * len(MYSELF.findall(post)) else odds


def with_odds_times(
    probabilities: npt.NDArray[np.floating], factor: float | npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Probabilities below 1 whose odds are so many times as large."""
    odds = probabilities / (1 - probabilities) * factor
    return np.asarray(odds / (1 + odds))

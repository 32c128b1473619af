"""Faithfulness: does an answer rest on the words that an explanation names?

Comprehensiveness is the fall of P(high risk) when the words of most weight are left out; it should be large.
Sufficiency is the fall when only these words are kept; it should be small. Both are means over shares of the words
(ERASER: DeYoung et al. 2020, ACL, arXiv:1911.03429).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.explanation.occlusion import Answerer
from monitor.explanation.words import Span, without

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words of a text, as in ERASER
TOP_FIFTH = SHARES.index(0.2)
Floats = npt.NDArray[np.float64]


class Faithfulness(NamedTuple):
    """Measures of one explanation for each of n texts; arrays of shape (n,).

    Attributes:
        comprehensiveness: the mean fall of P(high risk) without the words of most weight.
        sufficiency: the mean fall of P(high risk) with these words alone.
        turned: 1.0 if high risk is no longer the most likely level without the fifth of words of most weight, else
            0.0.
    """

    comprehensiveness: Floats
    sufficiency: Floats
    turned: Floats


def high_risk(scorer: Answerer, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether high risk is the most likely level of each text; (n,)."""
    return np.asarray(_risks(scorer, texts).argmax(axis=1) == 2)


def faithfulness(
    scorer: Answerer, texts: Sequence[str], words: Sequence[Sequence[Span]], weights: Sequence[Floats]
) -> Faithfulness:
    """Measure one explanation of each text, all variants of all texts in one call of the scorer.

    Args:
        scorer: the model.
        texts: n texts that the scorer reads whole.
        words: for each text, first and last (exclusive) character of its words.
        weights: for each text, the weight of each word, (words,); only their order counts.
    """
    variants = list(texts)
    for text, spans, own in zip(texts, words, weights, strict=True):
        order = np.argsort(-own, kind="stable")
        for share in SHARES:
            is_top = np.zeros(len(spans), dtype=np.bool_)
            is_top[order[: math.ceil(share * len(spans))]] = True
            variants += [without(text, spans, is_top), without(text, spans, ~is_top)]
    risks = _risks(scorer, variants)
    whole, (left_out, alone) = risks[: len(texts)], risks[len(texts) :].reshape(-1, len(SHARES), 2, 3).swapaxes(0, 2)
    without_top, top_alone = ((whole[:, 2] - some[:, :, 2]).mean(axis=0) for some in (left_out, alone))
    return Faithfulness(without_top, top_alone, (left_out[TOP_FIFTH].argmax(axis=1) != 2).astype(np.float64))


def _risks(scorer: Answerer, texts: Sequence[str]) -> Floats:
    emotions, _ = scorer.answers(texts)
    return scorer.model.risk_map.risk_probabilities(emotions)

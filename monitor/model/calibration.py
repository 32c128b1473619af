"""Making probabilities mean what they say.

Fine-tuned: a temperature (Guo et al. 2017) and an exponent, fitted on held-out texts. Zero- and few-shot: the answers
to texts that say nothing are divided out (Zhao et al. 2021).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from monitor.errors import DataError
from monitor.model.label_tree import probabilities

COLDEST, HOTTEST = 0.05, 20.0
FLATTEST, STEEPEST = 0.2, 5.0
PRIOR_SD = 0.5  # of ln exponent around 0: it moves far from 1 only where many texts say so
CONTENT_FREE = ("N/A", "[MASK]", "")
"""The texts without content of Zhao et al."""


class Calibration(NamedTuple):
    """What turns label log-likelihoods into probabilities (`label_tree.probabilities`)."""

    temperature: float = 1.0
    exponent: float = 1.0


def fit_calibration(
    log_likelihoods: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]
) -> Calibration | None:
    """The temperature and exponent that turn log-likelihoods (n, 6) to the least log-loss on labels (n,).

    One temperature cannot mend a model that is too sure of texts with two fair answers and not sure enough of clear
    ones; an exponent above 1 does, and keeps the order of the labels (an intra order-preserving map, Rahimi et al.
    2020, of one parameter more). None where COLDEST or HOTTEST is as good as any: such texts, say with every answer
    right, cannot tell it.

    Raises:
        DataError: there is no text to fit on, or a log-likelihood is not finite.
    """
    values = np.asarray(log_likelihoods, dtype=np.float64)
    if not len(values):
        raise DataError("calibration: the validation split is empty; temperature needs labelled texts")
    if not np.isfinite(values).all():
        raise DataError("calibration: a label log-likelihood is not finite; the model is damaged")
    rows = np.arange(len(values))

    def loss(log_temperature: float, log_exponent: float = 0.0) -> float:
        found = probabilities(values, np.exp(log_temperature), np.exp(log_exponent))[rows, labels]
        prior = (log_exponent / PRIOR_SD) ** 2 / (2 * len(values))
        return float(-np.log(np.maximum(found, np.finfo(np.float64).tiny)).mean() + prior)

    bounds = np.log(COLDEST), np.log(HOTTEST)
    alone = minimize_scalar(loss, bounds=bounds, method="bounded")
    if alone.fun >= min(map(loss, bounds)):
        return None
    limits = (bounds, (np.log(FLATTEST), np.log(STEEPEST)))
    both = minimize(lambda x: loss(*x), (alone.x, 0.0), bounds=limits, method="Nelder-Mead")
    return Calibration(*np.exp(both.x).tolist())


def contextual(
    answers: npt.NDArray[np.float64], content_free: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """P(label) of answers divided by its mean over content-free texts, normalised anew; (n, 6) and (m, 6) -> (n, 6).

    Contextual calibration (Zhao et al. 2021, "Calibrate before use") with W = diag(p_cf)^-1 and b = 0. The paper's
    softmax over W p keeps the order but flattens the probabilities; dividing by the sum keeps p where p_cf is flat.
    """
    weighed = answers / np.maximum(content_free.mean(axis=0), np.finfo(np.float64).tiny)
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))

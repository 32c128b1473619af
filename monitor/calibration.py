"""Making probabilities mean what they say: one temperature, fitted on held-out texts (Guo et al. 2017)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from monitor.errors import DataError

COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(log_likelihoods: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> float:
    """The temperature that divides label log-likelihoods (n, 6) to the least log-loss on labels (n,).

    Raises:
        DataError: there is no text to fit on, or a log-likelihood is not finite.
    """
    values = np.asarray(log_likelihoods, dtype=np.float64)
    if not len(values):
        raise DataError("calibration: the validation split is empty; temperature needs labelled texts")
    if not np.isfinite(values).all():
        raise DataError("calibration: a label log-likelihood is not finite; the model is damaged")
    rows = np.arange(len(values))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(values / np.exp(log_temperature), axis=1)[rows, labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))

"""Making probabilities mean what they say.

Fine-tuned: one temperature, fitted on held-out texts (Guo et al. 2017). Zero- and few-shot: the answers to texts that
say nothing are divided out (Zhao et al. 2021).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from monitor.errors import DataError

COLDEST, HOTTEST = 0.05, 20.0
CONTENT_FREE = ("N/A", "[MASK]", "")
"""The texts without content of Zhao et al."""


def fit_temperature(log_likelihoods: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> float | None:
    """The temperature that divides label log-likelihoods (n, 6) to the least log-loss on labels (n,).

    None where COLDEST or HOTTEST is as good as any: such texts, say with every answer right, cannot tell it.

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

    bounds = np.log(COLDEST), np.log(HOTTEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x)) if found.fun < min(map(loss, bounds)) else None


def contextual(
    probabilities: npt.NDArray[np.float64], content_free: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """P(label) divided by its mean over content-free texts, normalised anew; (n, 6) and (m, 6) -> (n, 6).

    Contextual calibration (Zhao et al. 2021, "Calibrate before use") with W = diag(p_cf)^-1 and b = 0. The paper's
    softmax over W p keeps the order but flattens the probabilities; dividing by the sum keeps p where p_cf is flat.
    """
    weighed = probabilities / np.maximum(content_free.mean(axis=0), np.finfo(np.float64).tiny)
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))

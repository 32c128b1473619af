"""Recalibrate a probability with few labels: Platt's line on the log-odds; a prior keeps it close to no change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from monitor.errors import DataError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_LABELS = 30
LEAST_OF_EACH = 5
FOLDS, BINS = 10, 10
EDGE = 1e-6  # as in the view calibrated_scores
SLOPE_SD, INTERCEPT_SD = 0.5, 2.0  # standard deviations of the priors of ln slope and intercept; both means are 0


class Platt(NamedTuple):
    """p = 1 / (1 + exp(-(slope * logit(signal) + intercept)))."""

    slope: float
    intercept: float

    def apply(self, signal: Floats) -> Floats:
        """Calibrated probabilities; (n,) -> (n,)."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * _logit(signal) + self.intercept))))


class Recalibrated(NamedTuple):
    """A calibration, and the signal's calibration error without it and with it (cross-validated)."""

    platt: Platt
    ece_before: float
    ece_after: float


def recalibrate(signal: Floats, yes: Flags) -> Recalibrated:
    """Fit Platt's line to labels; signal and yes have shape (n,). The error with the calibration is measured on texts
    left out of the fit.

    Raises:
        DataError: fewer than LEAST_LABELS labels, or fewer than LEAST_OF_EACH of yes or no.
    """
    n, hits = len(yes), int(yes.sum())
    if n < LEAST_LABELS:
        raise DataError(f"{n} labelled texts; a calibration needs {LEAST_LABELS} or more; label more texts")
    if min(hits, n - hits) < LEAST_OF_EACH:
        raise DataError(f"{hits} yes and {n - hits} no; a calibration needs {LEAST_OF_EACH} of each or more")
    fold = np.empty(n, dtype=np.int64)
    rng = np.random.default_rng(0)
    for value in (True, False):  # every fold gets the same share of each
        rows = rng.permutation(np.flatnonzero(yes == value))
        fold[rows] = np.arange(len(rows)) % FOLDS
    left_out = np.empty(n)
    for number in range(FOLDS):
        left_out[fold == number] = fit(signal[fold != number], yes[fold != number]).apply(signal[fold == number])
    return Recalibrated(fit(signal, yes), calibration_error(signal, yes), calibration_error(left_out, yes))


def fit(signal: Floats, yes: Flags) -> Platt:
    """The slope and intercept of largest posterior probability; shapes (n,)."""
    values = _logit(signal)

    def loss(line: Floats) -> float:
        logits = np.exp(line[0]) * values + line[1]
        prior = (line[0] / SLOPE_SD) ** 2 / 2 + (line[1] / INTERCEPT_SD) ** 2 / 2
        return float((np.logaddexp(0, logits) - yes * logits).sum() + prior)

    best = minimize(loss, (0.0, 0.0), bounds=((-5.0, 5.0), (-50.0, 50.0)), method="L-BFGS-B")
    return Platt(float(np.exp(best.x[0])), float(best.x[1]))


def calibration_error(p: Floats, yes: Flags) -> float:
    """ECE of P(yes) in BINS bins of equal width; shapes (n,)."""
    bin_of = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    return float(np.abs(np.bincount(bin_of, weights=yes - p, minlength=BINS)).sum() / len(p))


def _logit(signal: Floats) -> Floats:
    inside = np.clip(signal, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))

"""Calibration: probabilities that match frequencies.

A fine-tuned model has a temperature (Guo et al. 2017) and an exponent for the emotions, and a slope and an intercept
(Platt 1999) for each criterion, all fitted on held-out texts. A sureness lowers the temperature of texts that show a
criterion (Joy et al. 2023). The limits of its criteria come from neutral texts. For zero- and few-shot scores,
answers are divided by the answers to texts without content (Zhao et al. 2021).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from monitor.errors import DataError
from monitor.labels import ANSWERS, CRITERIA
from monitor.model.label_tree import probabilities
from monitor.model.symptoms import SymptomsCalibration

COLDEST, HOTTEST = 0.05, 20.0
FLATTEST, STEEPEST = 0.2, 5.0
SUREST = 5.0  # the largest sureness
PRIOR_SD = 0.5  # of ln exponent around 0: only many texts move the exponent far from 1
SLOPES = (0.05, 20.0)  # the least and the largest slope of a criterion
SUICIDAL = CRITERIA.index("suicidal")
CONTENT_FREE = ("N/A", "[MASK]", "")
"""The texts without content of Zhao et al."""


class Calibration(NamedTuple):
    """Parameters that turn label log-likelihoods into probabilities (`label_tree.probabilities`, `temperatures`)."""

    temperature: float = 1.0
    exponent: float = 1.0
    sureness: float = 0.0


def fit_calibration(
    log_likelihoods: npt.NDArray[np.floating],
    labels: npt.NDArray[np.int64],
    neutral: npt.NDArray[np.floating] | None = None,
    flat_share: float = 0.0,
) -> Calibration | None:
    """The temperature and exponent with the least log-loss of log-likelihoods (n, 6) on labels (n,).

    A model can be overconfident on texts with two plausible answers and underconfident on clear texts. A temperature
    alone cannot correct both. An exponent above 1 can, and it preserves the order of the labels (an intra
    order-preserving map, Rahimi et al. 2020, with one more parameter). The result is None if COLDEST or HOTTEST has
    the least loss: then the texts do not determine a temperature, for example because every answer is right. The loss
    includes `flat_share` times the mean log-loss of neutral texts, `neutral` (m, 6), against the flat answer.

    Raises:
        DataError: there is no text to fit on, or a log-likelihood is not finite.
    """
    values = np.asarray(log_likelihoods, dtype=np.float64)
    flat = np.empty((0, values.shape[1])) if neutral is None else np.asarray(neutral, dtype=np.float64)
    if not len(values):
        raise DataError("calibration: the validation split is empty; temperature needs labelled texts")
    if not np.isfinite(values).all():
        raise DataError("calibration: a label log-likelihood is not finite; the model is damaged")
    rows = np.arange(len(values))

    def loss(log_temperature: float, log_exponent: float = 0.0) -> float:
        scale = np.exp(log_temperature), np.exp(log_exponent)
        prior = (log_exponent / PRIOR_SD) ** 2 / (2 * len(values))
        total = _log_loss(probabilities(values, *scale)[rows, labels]) + prior
        return total + (flat_share * _log_loss(probabilities(flat, *scale)) if len(flat) else 0.0)

    bounds = np.log(COLDEST), np.log(HOTTEST)
    alone = minimize_scalar(loss, bounds=bounds, method="bounded")
    if alone.fun >= min(map(loss, bounds)):
        return None
    limits = (bounds, (np.log(FLATTEST), np.log(STEEPEST)))
    both = minimize(lambda x: loss(*x), (alone.x, 0.0), bounds=limits, method="Nelder-Mead")
    return Calibration(*np.exp(both.x).tolist())


def temperatures(temperature: float, sureness: float, p_any: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The temperature of each text, from its P(any); (n,) -> (n,).

    A temperature that is right for a corpus can be too high for a part of it. Texts that clearly show a sign of
    depression are such a part: readers find sadness in them more often than P(sadness) at the common temperature
    says. So the temperature depends on the text (sample-dependent temperature scaling, Joy et al. 2023): the common
    temperature is divided by 1 + sureness * P(any)^2. The square leaves texts with a doubtful sign nearly unchanged.
    """
    return np.asarray(temperature / (1 + sureness * p_any**2))


def fit_sureness(
    log_likelihoods: npt.NDArray[np.floating],
    labels: npt.NDArray[np.int64],
    p_any: npt.NDArray[np.float64],
    calibration: Calibration,
) -> float:
    """The sureness, from 0 to SUREST, with the least log-loss of symptom texts; 0 if there is none.

    Args:
        log_likelihoods: (n, 6) of texts with a known emotion.
        labels: (n,) their emotions.
        p_any: (n,) calibrated P(any).
        calibration: fitted temperature and exponent.
    """
    if not len(labels):
        return 0.0
    rows = np.arange(len(labels))

    def loss(sureness: float) -> float:
        scales = temperatures(calibration.temperature, sureness, p_any)
        return _log_loss(probabilities(log_likelihoods, scales, calibration.exponent)[rows, labels])

    best = minimize_scalar(loss, bounds=(0.0, SUREST), method="bounded")
    return float(best.x) if best.fun < loss(0.0) else 0.0


def _log_loss(chosen: npt.NDArray[np.float64]) -> float:
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())


def fit_symptoms(
    logits: npt.NDArray[np.floating], shown: npt.NDArray[np.bool_]
) -> tuple[SymptomsCalibration, list[str]]:
    """Slope and intercept of each answer on labelled texts, and the names of answers that cannot be calibrated.

    The method is Platt scaling with Platt's smoothed targets (Platt 1999), so that probabilities stay below 1 even if
    all answers are right. If all texts show a criterion, or no text does, its answer keeps the slope 1 and the
    intercept 0.

    Args:
        logits: (n, 12) answers in the order of ANSWERS.
        shown: (n, 12) whether each text shows each criterion.

    Raises:
        DataError: there is no text to fit on, or a logit is not finite.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise DataError("calibration: no symptom text is held out, or an answer to one is not finite")
    fitted = [_fit_platt(values[:, k], shown[:, k]) for k in range(len(ANSWERS))]
    unfitted = [name for name, pair in zip(ANSWERS, fitted, strict=True) if pair is None]
    pairs = [pair or (1.0, 0.0) for pair in fitted]
    return SymptomsCalibration(*(tuple(part) for part in zip(*pairs, strict=True))), unfitted


def _fit_platt(logits: npt.NDArray[np.float64], shown: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    n, hits = len(shown), int(shown.sum())
    if hits in (0, n):
        return None
    targets = np.where(shown, (hits + 1) / (hits + 2), 1 / (n - hits + 2))

    def loss(line: npt.NDArray[np.float64]) -> float:
        values = logits * line[0] + line[1]
        return float((np.logaddexp(0, values) - targets * values).mean())

    best = minimize(loss, (1.0, 0.0), bounds=(SLOPES, (-100.0, 100.0)), method="L-BFGS-B")
    return round(float(best.x[0]), 4), round(float(best.x[1]), 4)


def neutral_limits(
    neutral: npt.NDArray[np.float64], share: float = 0.01, suicidal: float = 0.003
) -> npt.NDArray[np.float64]:
    """The limit of each of ANSWERS that few neutral texts pass; (12,).

    The limits of all criteria are quantiles at one common rate. It is the largest rate at which at most `share` of
    the texts pass any of these limits. At most `share` of the texts pass the limit of P(any), and at most `suicidal`
    of the texts pass the limit of P(suicidal).

    Args:
        neutral: (n, 12) calibrated probabilities of texts that show no criterion.
        share: share of the texts that may pass a limit.
        suicidal: share of the texts that may pass the limit of P(suicidal).

    Raises:
        DataError: there is no neutral text.
    """
    allowed = int(share * len(neutral))
    rates = [n for n in range(allowed + 1) if _passing(neutral, _limits(neutral, n)) <= allowed]
    limits = _limits(neutral, max(rates))
    limits[SUICIDAL] = max(limits[SUICIDAL], _limits(neutral, int(suicidal * len(neutral)))[SUICIDAL])
    limits[-1] = _limits(neutral, allowed)[-1]
    return limits


def everyday_limits(
    everyday: npt.NDArray[np.float64], share: float = 0.015, suicidal: float = 0.008
) -> npt.NDArray[np.float64]:
    """The limit of each of ANSWERS that at most `share` of everyday texts (n, 12) pass; (12,).

    At most `suicidal` of them pass the limit of P(suicidal).

    Raises:
        DataError: there is no text.
    """
    limits = _limits(everyday, int(share * len(everyday)))
    limits[SUICIDAL] = _limits(everyday, int(suicidal * len(everyday)))[SUICIDAL]
    return limits


def _limits(values: npt.NDArray[np.float64], texts: int) -> npt.NDArray[np.float64]:
    """For each column the value that at most `texts` rows exceed, rounded up to four digits."""
    if not len(values):
        raise DataError("limits: no text to compute them from; name a file with texts")
    ordered = np.sort(values, axis=0)[::-1]
    ceiling = np.ceil(ordered[min(texts, len(ordered) - 1)] * 1e4) / 1e4
    return np.asarray(np.minimum(ceiling, 1.0))


def _passing(values: npt.NDArray[np.float64], limits: npt.NDArray[np.float64]) -> int:
    """The number of rows above the limit of at least one criterion."""
    return int((values > limits)[:, :-1].any(axis=1).sum())


def contextual(answers: npt.NDArray[np.float64], content_free: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """P(label) of answers divided by its mean over content-free texts, normalised anew; (n, 6) and (m, 6) -> (n, 6).

    Contextual calibration (Zhao et al. 2021, "Calibrate before use") with W = diag(p_cf)^-1 and b = 0. The paper's
    softmax over W p keeps the order but flattens the probabilities; division by the sum returns p if p_cf is flat.
    """
    weighed = answers / np.maximum(content_free.mean(axis=0), np.finfo(np.float64).tiny)
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))

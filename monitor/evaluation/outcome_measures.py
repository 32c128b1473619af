"""The agreement of the signal with clinical outcomes. Every interval allows for the similarity of a subject's
outcomes.

AUROC and the correlation within persons (Bland & Altman 1995, BMJ 310:446) have intervals from a jackknife over
subjects, on the log-odds and on Fisher's scale, with Student's t. Spearman's correlation between persons, in which
each person counts once, has the interval of Bonett & Wright (2000, Psychometrika 65:23). Sensitivity, specificity and
the calibration curve have Wilson's interval on the effective number of outcomes, as sql/schema/038_risk_rolling.sql.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from monitor.evaluation.metrics import Metric, ranking_areas

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LEAST_SUBJECTS = 30
GROUPS = 200  # up to so many subjects the jackknife leaves out one by one, more in so many groups
BINS = 5  # of the calibration curve
NAMES = ("auroc", "sensitivity", "specificity", "between", "within")


def measure_outcomes(subjects: Ints, signal: Floats, values: Floats, positive: Flags, line: float) -> dict[str, Any]:
    """Measure how the signal agrees with outcomes.

    Args:
        subjects: number of each outcome's subject, from 0, shape (n,).
        signal: mean signal of the subject's texts before the outcome, shape (n,).
        values: the outcomes, shape (n,).
        positive: whether the outcome meets the criterion, shape (n,).
        line: the alert line; a signal at or above it is a positive test.

    Returns:
        n, n_subjects, n_positive; for each of NAMES a Metric: `between` is Spearman's correlation of subjects' means,
        `within` the correlation of differences from each subject's own mean; calibration: for each fifth of the
        signal its mean, n, and the share of positive outcomes with its interval.
    """
    _, subjects = np.unique(subjects, return_inverse=True)
    k = int(subjects.max()) + 1 if len(subjects) else 0
    result: dict[str, Any] = {"n": len(values), "n_subjects": k, "n_positive": int(positive.sum())}
    if k < LEAST_SUBJECTS:
        few = Metric(None, reason=f"{k} subjects, and {LEAST_SUBJECTS} are needed")
        return result | dict.fromkeys(NAMES, few) | {"calibration": []}
    at_line = signal >= line
    return result | {
        "auroc": _auroc(subjects, signal, positive),
        "sensitivity": share(subjects[positive], at_line[positive], "no outcome is positive"),
        "specificity": share(subjects[~positive], ~at_line[~positive], "every outcome is positive"),
        "between": _between(subjects, signal, values),
        "within": correlation_within(subjects, signal, values),
        "calibration": _calibration(subjects, signal, positive),
    }


def share(subjects: Ints, hits: Flags, none: str) -> Metric:
    """Share of hits with Wilson's interval on the effective number; `none` is the reason if there is no row."""
    if not len(hits):
        return Metric(None, reason=none)
    _, own = np.unique(subjects, return_inverse=True)
    n, k = np.bincount(own).astype(float), np.bincount(own, weights=hits)
    total, p = n.sum(), k.sum() / n.sum()
    if len(n) < 2:
        return Metric(float(p), no_interval="one subject")
    squares = float((n**2).sum())
    if 0 < p < 1:
        variance = len(n) / (len(n) - 1) * ((k - p * n) ** 2).sum() / total**2
        effective = p * (1 - p) / max(variance, p * (1 - p) / total)
    else:
        effective = total / (1 + max(0.0, squares / total - 1) * 0.2)
    t = float(stats.t.ppf(0.975, max(1.0, total**2 / squares - 1)))
    middle = (p + t * t / (2 * effective)) / (1 + t * t / effective)
    half = t * np.sqrt(p * (1 - p) / effective + t * t / (4 * effective**2)) / (1 + t * t / effective)
    return Metric(float(p), float(max(0.0, middle - half)), float(min(1.0, middle + half)))


def correlation_within(subjects: Ints, signal: Floats, values: Floats) -> Metric:
    """Correlation of differences from each subject's own mean, over subjects with two or more outcomes."""
    n = np.bincount(subjects)
    x, y = (part - (np.bincount(subjects, weights=part) / np.maximum(n, 1))[subjects] for part in (signal, values))
    sums = np.stack([np.bincount(subjects, weights=product) for product in (x * y, x * x, y * y)])[:, n > 1]
    if sums.shape[1] < LEAST_SUBJECTS:
        return Metric(None, reason=f"{sums.shape[1]} subjects have two outcomes or more, {LEAST_SUBJECTS} are needed")

    def correlation(total: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total[0] / np.sqrt(total[1] * total[2]))

    total = sums.sum(axis=1)
    if min(total[1:]) <= 1e-12:
        return Metric(None, reason="signal or outcome does not vary within subjects")
    return _jackknife(float(correlation(total)), correlation(total[:, None] - sums), np.arctanh, np.tanh)


def _jackknife(
    value: float, without: Floats, there: Callable[[Floats], Floats], back: Callable[[Floats], Floats]
) -> Metric:
    """A jackknife interval from the values without each group, computed on the scale `there`, with Student's t."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled, centre = there(without), there(np.float64(value))  # type: ignore[arg-type]
    if not (np.isfinite(scaled).all() and np.isfinite(centre)):
        return Metric(value, no_interval="undefined without some of the subjects, or at the end of its range")
    groups = len(scaled)
    reach = stats.t.ppf(0.975, groups - 1) * np.sqrt((groups - 1) * np.var(scaled))
    return Metric(value, float(back(centre - reach)), float(back(centre + reach)))


def _auroc(subjects: Ints, signal: Floats, positive: Flags) -> Metric:
    if positive.all() or not positive.any():
        return Metric(None, reason=f"{'every' if positive.any() else 'no'} outcome is positive")
    k = int(subjects.max()) + 1
    groups = np.random.default_rng(0).permutation(k)[subjects] % min(k, GROUPS)
    weights = (groups[None, :] != np.arange(min(k, GROUPS))[:, None]).astype(np.float64)
    value, _ = ranking_areas(np.ones((1, len(signal))), positive, signal)
    without, _ = ranking_areas(weights, positive, signal)
    return _jackknife(float(value[0]), without, lambda p: np.log(p / (1 - p)), lambda x: 1 / (1 + np.exp(-x)))


def _between(subjects: Ints, signal: Floats, values: Floats) -> Metric:
    n = np.bincount(subjects)
    x, y = (np.bincount(subjects, weights=part) / n for part in (signal, values))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Metric(None, reason="signal or outcome does not vary between subjects")
    r = float(stats.spearmanr(x, y).statistic)
    if abs(r) >= 1:
        return Metric(r, no_interval="a perfect correlation")
    reach = 1.96 * np.sqrt((1 + r * r / 2) / (len(n) - 3))
    return Metric(r, float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach)))


def _calibration(subjects: Ints, signal: Floats, positive: Flags) -> list[dict[str, Any]]:
    """A row for each fifth of the signal, the lowest first."""
    order = np.argsort(signal, kind="stable")
    rows = []
    for part in np.array_split(order, BINS):
        if len(part):
            of_part = share(subjects[part], positive[part], "")
            rows.append({"signal": float(signal[part].mean()), "n": len(part), "positive": of_part.to_json()})
    return rows

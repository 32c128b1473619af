"""Exact intervals of a share, of a rate of events, and of a median."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from scipy.stats import binom, binomtest, chi2

Json = dict[str, Any]
CONFIDENCE = 0.95


def share(hits: int, n: int, confidence: float = CONFIDENCE) -> Json:
    """The share hits / n with its interval (Clopper & Pearson 1934): value, low, high; value None for n = 0."""
    if not n:
        return {"value": None, "low": 0.0, "high": 1.0}
    interval = binomtest(hits, n).proportion_ci(confidence, method="exact")
    return {"value": hits / n, "low": float(interval.low), "high": float(interval.high)}


def rate(events: int, exposure: float, confidence: float = CONFIDENCE) -> Json:
    """Events per unit of exposure with the exact Poisson interval (Garwood 1936): value, low, high.

    Without exposure, value and high are None.
    """
    if exposure <= 0:
        return {"value": None, "low": 0.0, "high": None}
    tail = (1 - confidence) / 2
    low = chi2.ppf(tail, 2 * events) / 2 if events else 0.0
    high = chi2.isf(tail, 2 * events + 2) / 2
    return {"value": events / exposure, "low": float(low / exposure), "high": float(high / exposure)}


def middle(values: Sequence[float]) -> Json:
    """The median with its interval between two order statistics: value, low, high.

    The interval holds the median with at least 95% confidence. There is none for fewer than six values.
    """
    ordered = sorted(values)
    if not ordered:
        return {"value": None, "low": None, "high": None}
    n = len(ordered)
    below = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))  # P(fewer values below the median) is less than the tail
    enough = below >= 1
    return {
        "value": median(ordered),
        "low": ordered[below - 1] if enough else None,
        "high": ordered[n - below] if enough else None,
    }


def predictive_value(detection: Json, alarms: Json, incidence: float) -> Json:
    """The share of alerts that are true (PPV), if `incidence` low periods begin in each subject-year.

    PPV = incidence · detection / (incidence · detection + false alarms a subject-year). Its interval takes the bounds
    of both, each given at 97.5%, so that it holds at least 95% (Bonferroni).

    Args:
        detection: result of `share` at a confidence of 0.975.
        alarms: result of `rate` at a confidence of 0.975.
    """

    def value(found: float | None, false: float | None) -> float | None:
        if found is None or false is None:
            return None
        true = incidence * found
        return true / (true + false) if true + false > 0 else None

    return {
        "value": value(detection["value"], alarms["value"]),
        "low": value(detection["low"], alarms["high"]) or 0.0,
        "high": value(detection["high"], alarms["low"]),
    }

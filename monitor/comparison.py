"""Whether one method is better than another on the same texts: McNemar's test and the paired bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from monitor.metrics import INTERVAL, Measurement

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """First method less second: value, 95% interval and two-sided p, or None with the reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class McNemar:
    """Texts that only one of two methods got right, and the exact two-sided p (McNemar 1947; binomial)."""

    only_first: int
    only_second: int
    p: float | None
    reason: str | None = None


def mcnemar(labels: Ints, first: Ints, second: Ints) -> McNemar:
    """Exact McNemar test of two methods' predictions; all shapes (n,)."""
    right, other = first == labels, second == labels
    only_first, only_second = int((right & ~other).sum()), int((other & ~right).sum())
    if not only_first + only_second:
        return McNemar(0, 0, None, "the two are right on the same texts")
    p = binomtest(only_first, only_first + only_second).pvalue
    return McNemar(only_first, only_second, float(p))


def paired_bootstrap(first: Measurement, second: Measurement, metric: str) -> Difference:
    """Difference of one metric of two measurements of the same texts, made with the same seed.

    p is twice the smaller share of bootstrap draws on one side of zero, counting the measured value as a draw
    (Efron and Tibshirani 1993, chapter 16).
    """
    for found in (first, second):
        if found.metrics[metric].value is None:
            return Difference(None, reason=found.metrics[metric].reason)
    gaps = first.resampled[metric] - second.resampled[metric]
    drawn = gaps[1:][~np.isnan(gaps[1:])]
    if not len(drawn):
        return Difference(float(gaps[0]), reason="no bootstrap draw defines it")
    low, high = np.percentile(drawn, INTERVAL)
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1
    return Difference(float(gaps[0]), float(low), float(high), min(1.0, float(2 * tail / (len(drawn) + 1))))

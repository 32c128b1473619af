"""Whether one method is better than another on the same texts: McNemar's test and the paired bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from monitor.evaluation.bootstrap import interval
from monitor.evaluation.metrics import Measurement

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """First method minus second: value, 95% interval and two-sided p, or the reason why there are none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class McNemar:
    """Numbers of texts that only one of two methods got right, and the exact two-sided p (McNemar 1947; binomial)."""

    only_first: int
    only_second: int
    p: float | None
    reason: str | None = None


def mcnemar(labels: Ints, first: Ints, second: Ints) -> McNemar:
    """Exact McNemar test of two methods' predictions; all arrays have shape (n,)."""
    first_right, second_right = first == labels, second == labels
    only_first, only_second = (
        int((first_right & ~second_right).sum()),
        int((second_right & ~first_right).sum()),
    )
    if not only_first + only_second:
        return McNemar(0, 0, None, "the two are right on the same texts")
    p = binomtest(only_first, only_first + only_second).pvalue
    return McNemar(only_first, only_second, float(p))


def paired_bootstrap(first: Measurement, second: Measurement, metric: str) -> Difference:
    """Difference of a metric between two measurements of the same texts with the same seed.

    p is twice the smaller share of bootstrap draws on one side of zero; the measured value counts as a draw
    (Efron and Tibshirani 1993, chapter 16).
    """
    for measurement in (first, second):
        if measurement.metrics[metric].value is None:
            return Difference(None, reason=measurement.metrics[metric].reason)
    gaps = first.resampled[metric] - second.resampled[metric]
    ends = interval(gaps[1:], first.n)
    if ends is None or isinstance(ends, str):
        return Difference(float(gaps[0]), reason=ends or "no bootstrap draws were made")
    drawn = gaps[1:][~np.isnan(gaps[1:])]
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1
    return Difference(float(gaps[0]), *ends, min(1.0, float(2 * tail / (len(drawn) + 1))))

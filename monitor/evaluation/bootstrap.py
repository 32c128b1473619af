"""Bootstrap draws of the texts of a split, and percentile intervals from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

INTERVAL = (2.5, 97.5)  # percentiles of the draws: 95%
LEAST_DEFINED = 0.95  # least share of draws with a defined metric for an interval
ROOM = 20_000_000  # largest number of weights in memory at once


def row_weights(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield one row of ones, then for each draw how often it took each of n rows with replacement; shapes (b, n)."""
    yield np.ones((1, n))
    rng = np.random.default_rng(seed)
    step = max(1, ROOM // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)


def interval(drawn: Floats, n: int) -> tuple[float, float] | str | None:
    """The 95% interval of the bootstrap draws of a metric or a difference, or the reason why there is none.

    Without draws the interval is None. It is also None for a single text, whose draws are all equal, and if many
    draws are undefined, because it would describe only the others.

    Args:
        drawn: value of each draw, NaN if undefined, shape (resamples,).
        n: number of texts in each draw.
    """
    if not len(drawn):
        return None
    if n == 1:
        return "one text, which every bootstrap draw repeats"
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < LEAST_DEFINED * len(drawn):
        return f"undefined in {len(drawn) - len(defined):,} of {len(drawn):,} bootstrap draws"
    low, high = np.percentile(defined, INTERVAL)
    return float(low), float(high)

"""Bootstrap draws of the texts of a split, and the percentile intervals that they give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

INTERVAL = (2.5, 97.5)  # percentiles of the draws: 95%
LEAST_DEFINED = 0.95  # share of draws that must define a metric before their percentiles are its interval
ROOM = 20_000_000  # weights held at once


def row_weights(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """All ones first, then how often each row was drawn with replacement; shapes (b, n)."""
    yield np.ones((1, n))
    rng = np.random.default_rng(seed)
    step = max(1, ROOM // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)


def interval(drawn: Floats, n: int) -> tuple[float, float] | str | None:
    """The 95% interval of a metric's (or a difference's) bootstrap draws, or why they give none.

    None where there are no draws. Draws of one text are all alike, and too many undefined ones would leave an
    interval of the others alone.

    Args:
        drawn: value in each draw, NaN where undefined, shape (resamples,).
        n: texts that were drawn from.
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

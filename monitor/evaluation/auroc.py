"""AUROC of a score, over all texts and within fifths of their length, and the difference between two scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.evaluation.bootstrap import row_weights
from monitor.evaluation.fifths import fifths
from monitor.evaluation.metrics import Metric, metric_of, ranking_areas

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
DRAWS = 1000


def auroc_draws(positive: Bools, scores: Floats, lengths: Floats | None = None) -> Floats:
    """The AUROC, then that of each bootstrap draw, shape (1 + DRAWS,).

    Every score of the same texts gets the same draws.

    Args:
        positive: (n,) whether each text is of the first kind.
        scores: (n,) higher for the first kind.
        lengths: (n,) words of each text; with it, the mean of the AUROCs within fifths of length, each weighted by
            its number of pairs, so that a score gains nothing from telling long texts from short ones.
    """
    n = len(positive)
    groups = [np.arange(n)] if lengths is None else fifths(lengths)
    draws = []
    for weights in row_weights(n, DRAWS, seed=0):
        areas = np.zeros(len(weights))
        pairs = np.zeros(len(weights))
        for rows in groups:
            own = weights[:, rows]
            both = (own @ positive[rows]) * (own @ ~positive[rows])
            area = ranking_areas(own, positive[rows], scores[rows])[0]
            areas += np.where(both > 0, area, 0.0) * both
            pairs += both
        with np.errstate(invalid="ignore"):
            draws.append(areas / pairs)
    return np.concatenate(draws)


def one_sided(positive: Bools) -> str | None:
    """The reason why no AUROC exists (every text is of one kind), or None."""
    if positive.any() and not positive.all():
        return None
    return f"every text is {'inside' if positive.any() else 'outside'} the group"


def metric(draws: Floats, n: int) -> Metric:
    """An AUROC, or the difference of two AUROCs, with its 95% interval.

    Args:
        draws: as `auroc_draws` returns them, or the difference of two such arrays.
        n: number of texts.
    """
    return metric_of(draws, None, n)

"""ROC and precision-recall curves of one class against the rest, thinned to what a chart can show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

POINTS = 120


def ranking_curve(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]
) -> list[tuple[float, float, float]]:
    """(false-positive rate, recall, precision) from the highest threshold to the lowest; [] where undefined.

    Of more than POINTS thresholds those are kept that are evenly spaced along the ROC curve.

    Args:
        positive: whether each text is of the class, shape (n,).
        scores: P(class), shape (n,).
    """
    if positive.all() or not positive.any():
        return []
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    hits, calls = positive[order].cumsum()[last], last + 1
    recall, false = hits / positive.sum(), (calls - hits) / (~positive).sum()
    if len(last) > POINTS:
        along = recall + false
        kept = np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], POINTS)))
        hits, calls, recall, false = hits[kept], calls[kept], recall[kept], false[kept]
    return [(float(x), float(y), float(z)) for x, y, z in zip(false, recall, hits / calls, strict=True)]

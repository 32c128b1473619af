"""ROC and precision-recall curves of one class against the rest, with few enough points for a chart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

POINTS = 120


def ranking_curve(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]
) -> list[tuple[float, float, float]]:
    """(false-positive rate, recall, precision) from the highest threshold to the lowest; [] if undefined.

    The first point is (0, 0) with the precision of the second, because it calls no text positive. With more than
    POINTS thresholds, the curve has a subset that is evenly spaced along the ROC curve.

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
    precision = hits / calls
    points = np.stack([np.r_[0, false], np.r_[0, recall], np.r_[precision[0], precision]], axis=1)
    if len(points) > POINTS:
        along = points[:, 0] + points[:, 1]
        points = points[np.unique(np.searchsorted(along, np.linspace(0, 2, POINTS)))]
    return [(float(x), float(y), float(z)) for x, y, z in points]

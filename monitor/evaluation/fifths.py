"""Fifths of a set of texts by their length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def fifths(lengths: Floats) -> list[npt.NDArray[np.int64]]:
    """Rows of each fifth of the texts by length; ties stay together.

    Empty fifths are left out, so there may be fewer than five.
    """
    fifth = np.digitize(lengths, np.quantile(lengths, [0.2, 0.4, 0.6, 0.8]))
    return [rows for k in range(5) if len(rows := np.flatnonzero(fifth == k))]

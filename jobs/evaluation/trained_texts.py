"""The texts that a model was trained on, if its folder lists them. Measurements leave these texts out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def training_hashes(model: str) -> npt.NDArray[np.uint64]:
    """The training list of a model, given by name, folder or hub id; empty without a list; (n,).

    Raises:
        ModelError: there is no such model, or its list is damaged.
    """
    from monitor.model.folder import find_folder, open_folder
    from monitor.training.continued import trained_before

    return trained_before(open_folder(find_folder(model)))

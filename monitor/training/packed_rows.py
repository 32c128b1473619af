"""Rows of one prompt as one sequence: the input of a packed training step.

Letters in shapes: T tokens of a sequence, P positions that are read, W wanted tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from monitor.labels import ANSWERS
from monitor.training.answers import Row

STEP_TOKENS, STEP_PLACES, STEP_WANTED = 64, 32, 64  # sizes are rounded up to multiples of these, for few sizes


class PackedRows:
    """Rows of one prompt as one sequence: the input of `PackedTrainer`.

    Attributes:
        tokens: (3, T) id, position and owner of each token; the owner is 0 for the prefix, 1 and up for the rows, -1
            for the padding to T.
        places: (P,) indices of the tokens at which predictions are read.
        wanted: (2, W) index into `places`, and token, of each prediction that carries loss.
        weights: (W,) weights of the wanted log-probabilities; 0 for the padding to W.
        criteria: (P, 12) targets of the symptoms answers that are read at each place.
        criteria_weights: (P,) weights of the losses of `criteria`; 0 for places of other predictions.
        answer_places: (s,) indices into `places` of the symptoms answers, row by row.
    """

    def __init__(self, rows: Sequence[Row], n_prefix: int) -> None:
        own = [row.ids[n_prefix:] for row in rows]
        lengths = np.array([n_prefix, *map(len, own)])
        starts = np.cumsum(lengths) - lengths
        ids = np.concatenate([rows[0].ids[:n_prefix], *own])
        owners = np.repeat(np.arange(len(lengths)), lengths)
        positions = np.arange(len(ids)) - starts[owners] + np.where(owners > 0, n_prefix, 0)
        fill = -len(ids) % STEP_TOKENS
        filling = np.stack([np.zeros(fill), np.arange(fill), np.full(fill, -1)])
        self.tokens = np.concatenate([np.stack([ids, positions, owners]), filling], axis=1).astype(np.int64)
        offsets = starts[1:] - n_prefix
        read = [offset + p for offset, row in zip(offsets, rows, strict=True) for p in row.positions]
        with_criteria = [(k, row) for k, row in enumerate(rows) if row.criteria is not None]
        ends = [offsets[k] + len(row.ids) - 1 for k, row in with_criteria]
        places, index = np.unique(np.array([*read, *ends], np.int64), return_inverse=True)
        self.places: npt.NDArray[np.int64] = np.pad(places, (0, -len(places) % STEP_PLACES))
        self.n_wanted, fill = len(read), -len(read) % STEP_WANTED
        wanted = np.array([index[: len(read)], [token for row in rows for token in row.tokens]], np.int64)
        self.wanted: npt.NDArray[np.int64] = np.pad(wanted, ((0, 0), (0, fill)))
        weights = np.array([weight for row in rows for weight in row.weights], np.float32)
        self.weights: npt.NDArray[np.float32] = np.pad(weights, (0, fill))
        self.answer_places = index[len(read) :]
        self.criteria = np.zeros((len(self.places), len(ANSWERS)), np.float32)
        self.criteria_weights = np.zeros(len(self.places), np.float32)
        for place, (_, row) in zip(self.answer_places, with_criteria, strict=True):
            self.criteria[place], self.criteria_weights[place] = row.criteria, row.criteria_weight

    def to(self, device: torch.device) -> list[Tensor]:
        """All arrays except `answer_places` on a device, in order; copies to a GPU are asynchronous."""
        arrays = (self.tokens, self.places, self.wanted, self.weights, self.criteria, self.criteria_weights)
        parts = [torch.from_numpy(part) for part in arrays]
        if device.type == "cpu":
            return parts
        return [part.pin_memory().to(device, non_blocking=True) for part in parts]

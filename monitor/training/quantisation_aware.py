"""Quantisation-aware training for NF4: weights are rounded in the forward pass and exact in the update.

NF4: Dettmers et al. 2023 (QLoRA). Straight-through gradients: Bengio et al. 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

NF4_BLOCK = 64
NF4_LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
    1.0,
)  # fmt: skip


def round_to_nf4(weight: torch.Tensor) -> torch.Tensor:
    """The nearest NF4 values of a weight in the same shape; each block of 64 is scaled by its absolute maximum."""
    levels = torch.tensor(NF4_LEVELS, device=weight.device, dtype=torch.float32)
    blocks = weight.detach().float().reshape(-1, NF4_BLOCK)
    scale = blocks.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    nearest = torch.bucketize(blocks / scale, (levels[1:] + levels[:-1]) / 2)
    return (levels[nearest] * scale).reshape(weight.shape).to(weight.dtype)


@contextmanager
def nf4_forward(network: nn.Module) -> Iterator[None]:
    """Round the decoder's matrices to NF4 for the length of a block.

    The exact values return at the end of the block. The gradients of the rounded values are applied to the exact
    values (the straight-through estimator, Bengio et al. 2013).
    """
    matrices = decoder_matrices(network)
    exact = [matrix.data for matrix in matrices]
    for matrix in matrices:
        matrix.data = round_to_nf4(matrix.data)
    try:
        yield
    finally:
        for matrix, data in zip(matrices, exact, strict=True):
            matrix.data = data


def decoder_matrices(network: nn.Module) -> list[nn.Parameter]:
    """Weights of the decoder's linear layers, which are stored in NF4."""
    return [p for name, p in network.named_parameters() if p.ndim == 2 and "layers." in name]

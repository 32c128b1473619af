"""The model code that the measurement of several GPUs uses: a model of a given shape, and a GPU's peak."""

from __future__ import annotations

import torch

from monitor.benchmark.scoring_speed import SHAPES, matmul_peak, random_model, word_prompt
from monitor.scoring.scorer import LabelScorer

PREFIX_TOKENS = 32


def random_scorer(shape: str) -> LabelScorer:
    """A scorer on the GPU whose model has a shape of SHAPES and random weights; it needs no files."""
    return LabelScorer(random_model(SHAPES[shape], word_prompt(PREFIX_TOKENS), torch.device("cuda")))


def peak_and_operations(shape: str) -> tuple[float, float]:
    """Operations per second of one large matrix product, and operations of a model's products for one token."""
    return matmul_peak(torch.device("cuda")), 2.0 * SHAPES[shape].matrix_values

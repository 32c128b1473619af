"""Tune all weights of a base on both questions, so that its adapter starts from meaningful answers.

The matrices have their NF4 values in the forward pass (`quantisation_aware`), so that storing the base in NF4 loses
almost nothing. If the tokenizer lacks tokens of the symptoms question, they are added first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from monitor.corpora.examples import Examples
from monitor.labels import CRITERIA
from monitor.model.default_symptoms import SYMPTOMS_TOKEN
from monitor.model.prompts import PromptEncoder
from monitor.training.answers import Row
from monitor.training.finetuning import add_padded_gradients
from monitor.training.pretraining import EMOTION
from monitor.training.quantisation_aware import nf4_forward
from monitor.training.rows import row_groups, training_rows

NOISE = 0.01  # added to the new special token, which starts as a copy of the emotion question's token


@dataclass(frozen=True)
class InstructionSettings:
    """Recipe of one tuning: `rate` is the peak of a linear schedule after a warm-up of 5% of the steps.

    A step uses `texts` texts, in batches of `batch` texts.
    """

    epochs: int = 3
    texts: int = 384
    batch: int = 64
    rate: float = 8e-4
    weight_decay: float = 0.01
    max_text_tokens: int = 256
    seed: int = 0


def add_symptom_tokens(network: Any, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Add the special tokens of the symptoms question that the tokenizer of a base lacks; returns their names.

    The tokens are SYMPTOMS_TOKEN, and `<|name|>` for each criterion whose name is several tokens. The embedding of
    SYMPTOMS_TOKEN starts as the emotion token's embedding. The embedding of `<|name|>` starts as the mean of the
    name's tokens. The tokens are special so that no text contains them.
    """
    pieces = {name: tokenizer.encode(f" {name}", add_special_tokens=False) for name in CRITERIA}
    sources = {SYMPTOMS_TOKEN: tokenizer.convert_tokens_to_ids([EMOTION])}
    sources |= {f"<|{name}|>": ids for name, ids in pieces.items() if len(ids) > 1}
    vocabulary = tokenizer.get_vocab()
    sources = {token: ids for token, ids in sources.items() if token not in vocabulary}
    if not sources:
        return []
    tokenizer.add_tokens(list(sources), special_tokens=True)
    network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    table = network.get_input_embeddings().weight
    with torch.no_grad():
        for token, ids in sources.items():
            row = table[ids].mean(dim=0)
            if token == SYMPTOMS_TOKEN:
                row = row + NOISE * torch.randn(row.shape, generator=torch.Generator().manual_seed(0)).to(row)
            table[tokenizer.convert_tokens_to_ids(token)] = row
    return list(sources)


def tune(
    network: Any,
    encoder: PromptEncoder,
    epoch: Callable[[int], Examples],
    settings: InstructionSettings,
    *,
    device: str = "cpu",
    report: Callable[[dict[str, float]], None] = lambda _: None,
) -> None:
    """Train all parameters of a dense base in place on the examples of both questions.

    Args:
        network: a causal Llama of transformers, in fp32.
        encoder: the encoder of a prompt with the symptoms question.
        epoch: returns the examples of the epoch with the given index.
        settings: the recipe.
        device: the device of the training.
        report: called with step and loss of every 50th step and of the last step.
    """
    random = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    network.to(device).train()
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98))
    total = step = 0
    for index in range(settings.epochs):
        rows = training_rows(encoder, epoch(index), settings.max_text_tokens)
        steps = math.ceil(len(rows) / settings.texts)
        total = total or steps * settings.epochs
        for group in row_groups(rows, settings.texts, random, steps):
            loss = _step(network, encoder, settings.batch, group)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            warm = min(1.0, (step + 1) / max(1.0, 0.05 * total))
            for part in optimizer.param_groups:
                part["lr"] = settings.rate * warm * max(0.0, 1 - step / total)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if step % 50 == 0 or step == total - 1:
                report({"step": step, "loss": float(loss)})
            step += 1


def _step(network: Any, encoder: PromptEncoder, batch: int, group: list[Row]) -> Tensor:
    """Add the gradients of a group's mean loss at the matrices' NF4 values; returns the loss in nats."""
    with nf4_forward(network):
        return add_padded_gradients(network, encoder, batch, group)

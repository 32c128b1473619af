"""Training speed on a GPU with random weights: this project's steps compared with the recipe that they replace.

Both train the notebook's adapter (rank 16 beside q, k, v, o; steps of 4 x 4 texts) on an NF4 base. The replaced
recipe pads every prompt to 128 tokens, runs the 4-bit layers as they are and takes the loss over the whole prompt.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from monitor.benchmark.replaced_methods import nf4_llama, whole_prompts
from monitor.benchmark.scoring_speed import (
    MEAN_TEXT_TOKENS,
    SUFFIX_TOKENS,
    Speed,
    word_prompt,
    word_texts,
    word_tokenizer,
)
from monitor.corpora.examples import Examples
from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.scoring.llama import LlamaShape
from monitor.training.finetuning import TrainSettings, attach_adapter, fit

PADDED_TO = 128
VALIDATION = 2000
EPOCHS = 3


def training_speed(way: str, own: bool, shape: LlamaShape, prefix: int, n_texts: int, peak: float) -> Speed:
    """Texts a second of EPOCHS epochs over `n_texts`: a whole `fit`, or some steps of the replaced recipe.

    Args:
        way: the row's name; own: measure this project's steps, otherwise the replaced recipe.
        shape: of the base; prefix: tokens in front of every text.
        peak: operations per second of which `mfu` is a share.
    """
    encoder = PromptEncoder(word_prompt(prefix), word_tokenizer(shape.vocab_size))
    texts, settings = word_texts(n_texts, vocabulary=shape.vocab_size), TrainSettings(epochs=EPOCHS)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    network = attach_adapter(nf4_llama(shape), settings)
    rate = (_ours if own else _replaced)(network, encoder, texts, settings)
    tokens = MEAN_TEXT_TOKENS + SUFFIX_TOKENS + prefix / (settings.batch * settings.accumulation)
    # Four operations per value and token: two forward, and two backward through the activations alone.
    mfu = rate * tokens * 4 * shape.matrix_values / peak if own else None
    return Speed(way, own, rate, mfu, torch.cuda.max_memory_allocated() / 2**30)


def _ours(network: Any, encoder: PromptEncoder, texts: list[str], settings: TrainSettings) -> float:
    """Texts a second of a whole `fit`: preparing it, tokenising and a validation of 2,000 texts an epoch included."""
    labels = np.random.default_rng(1).integers(0, len(EMOTIONS), len(texts))
    data = Examples.from_labels(texts, labels)
    held_out = Examples.from_labels(texts[:VALIDATION], labels[:VALIDATION])
    started = time.perf_counter()
    fit(network, encoder, lambda _: data, held_out, settings)
    return settings.epochs * len(texts) / (time.perf_counter() - started)


def _replaced(network: Any, encoder: PromptEncoder, texts: list[str], settings: TrainSettings) -> float:
    """Texts a second of the replaced recipe's steps: 4 batches of 4 padded prompts, then the optimizer.

    The median of 9 steps after 3 for warming up. The recipe's 8-bit optimizer is left out, which makes it faster.
    """
    size = settings.batch * settings.accumulation
    prompts = whole_prompts(encoder, texts[: 12 * size])
    ids = torch.zeros(len(prompts), PADDED_TO, dtype=torch.long)
    for row, prompt in zip(ids, prompts, strict=True):
        row[: len(prompt)] = torch.from_numpy(prompt[:PADDED_TO])
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.rate)
    network.train()
    rates = []
    for group in torch.split(ids, size):
        started = time.perf_counter()
        for rows in torch.split(group, settings.batch):
            there = rows.to("cuda")
            with torch.autocast("cuda", dtype=torch.bfloat16):
                loss = network(input_ids=there, attention_mask=torch.ones_like(there), labels=there).loss
            (loss / settings.accumulation).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        rates.append(len(group) / (time.perf_counter() - started))
    return float(np.median(rates[3:]))

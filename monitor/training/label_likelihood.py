"""The tokens whose probability is a label's likelihood: how training and plain evaluation read a network.

A row is one prompt with, for each wanted token, the place it is predicted at. Labels of one token are all read
off the prompt's last place; a label of several tokens is followed along its own sequence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder

TokenScores = Callable[["list[Row]"], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Row:
    """One training sequence: ids (length,), and what it must predict as (position, token, weight) triples."""

    ids: npt.NDArray[np.int32]
    positions: list[int]
    tokens: list[int]
    weights: list[float]


def prompt_row(
    encoder: PromptEncoder,
    body: npt.NDArray[np.int32],
    word: tuple[int, ...],
    wanted: Sequence[tuple[int, float]],
) -> Row:
    """Prompt and word; `wanted` tokens are read off the prompt's end if `word` is empty, else along the word."""
    head = [np.array(encoder.prefix_ids, np.int32), body, np.array(encoder.suffix_ids, np.int32)]
    ids = np.concatenate([*head, np.array(word[:-1], np.int32)])
    last = sum(map(len, head)) - 1
    positions = [last + k if word else last for k in range(len(wanted))]
    return Row(ids, positions, [token for token, _ in wanted], [weight for _, weight in wanted])


def token_scores(network: Any, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """ln P of every wanted token of a right-padded batch, and the row each belongs to; both (wanted,).

    Causal attention makes padding behind a text invisible to it, so no mask is needed.
    """
    device = next(network.parameters()).device
    ids = torch.zeros(len(rows), max(len(row.ids) for row in rows), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.from_numpy(row.ids)
    owner = torch.tensor([index for index, row in enumerate(rows) for _ in row.positions], device=device)
    place = torch.tensor([p for row in rows for p in row.positions], device=device)
    token = torch.tensor([t for row in rows for t in row.tokens], device=device)
    causal = network.get_base_model() if hasattr(network, "get_base_model") else network
    with torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" else nullcontext():
        hidden = causal.model(input_ids=ids.to(device), use_cache=False).last_hidden_state
        logits = causal.lm_head(hidden[owner, place])
    return torch.log_softmax(logits.float(), dim=-1).gather(1, token[:, None])[:, 0], owner


@torch.no_grad()
def label_log_likelihoods(
    network: Any,
    encoder: PromptEncoder,
    texts: Sequence[str],
    max_text_tokens: int = 256,
    batch: int = 64,
    scores: TokenScores | None = None,
) -> npt.NDArray[np.float64]:
    """ln P(label | prompt), the words of a label summed, in nats; n texts -> (n, 6).

    The plain way, one sequence a (text, word) where words have several tokens; scoring proper is `scoring`. `scores`
    replaces `token_scores` of the network.
    """
    network.eval()
    read = scores or partial(token_scores, network)
    bodies, _, _ = encoder.encode_texts(texts, max_text_tokens)
    words = [(label, word) for label, group in enumerate(encoder.label_ids) for word in group]
    single = all(len(word) == 1 for _, word in words)
    rows = []
    for body in bodies:
        if single:
            rows.append(prompt_row(encoder, body, (), [(word[0], 1.0) for _, word in words]))
        else:
            rows += [prompt_row(encoder, body, word, [(token, 1.0) for token in word]) for _, word in words]
    order = np.argsort([-len(row.ids) for row in rows], kind="stable")
    values = np.empty((len(rows), len(words) if single else 1))
    for chunk in np.array_split(order, math.ceil(len(rows) / batch)) if len(rows) else []:
        found, owner = read([rows[i] for i in chunk])
        if single:
            values[chunk] = found.reshape(len(chunk), len(words)).cpu().double().numpy()
        else:
            sums = torch.zeros(len(chunk), device=found.device, dtype=found.dtype).index_add_(0, owner, found)
            values[chunk, 0] = sums.cpu().double().numpy()
    values = values.reshape(len(texts), len(words))
    columns = [[k for k, (label, _) in enumerate(words) if label == index] for index in range(len(EMOTIONS))]
    return np.stack([np.logaddexp.reduce(values[:, column], axis=1) for column in columns], axis=1)

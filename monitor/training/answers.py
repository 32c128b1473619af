"""Read label likelihoods and answers to the symptoms question from a network, for training and plain evaluation.

A row is one prompt, with the position at which each wanted token is predicted. Labels of one token are all read at
the prompt's last position. A label of several tokens has a sequence of its own. A row with the symptoms question ends
with the question's suffix, and the answers to that question are read at the row's last position.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from monitor.labels import ANSWERS, EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.model.symptoms import SymptomTokens, with_any


@dataclass(frozen=True)
class Row:
    """One training sequence: ids (length,), and the wanted predictions as (position, token, weight) triples.

    `criteria` are the targets of the symptoms answers, (12,), which are read at the last id; None without targets.
    """

    ids: npt.NDArray[np.int32]
    positions: list[int]
    tokens: list[int]
    weights: list[float]
    criteria: npt.NDArray[np.float32] | None = None
    criteria_weight: float = 0.0


class Answers(NamedTuple):
    """A network's answers to rows.

    scores: (wanted,) ln P of every wanted token. owners: (wanted,) the row of each wanted token. criteria: (s, 12 or
    11) logits of the symptoms answers, for the rows with the symptoms question, in their order.
    """

    scores: Tensor
    owners: Tensor
    criteria: Tensor


ReadRows = Callable[["list[Row]"], Answers]


def prompt_row(
    encoder: PromptEncoder,
    body: npt.NDArray[np.int32],
    word: tuple[int, ...],
    wanted: Sequence[tuple[int, float]],
) -> Row:
    """Prompt and word; `wanted` tokens are read at the prompt's end if `word` is empty, else along the word."""
    head = [np.array(encoder.prefix_ids, np.int32), body, np.array(encoder.suffix_ids, np.int32)]
    ids = np.concatenate([*head, np.array(word[:-1], np.int32)])
    last = sum(map(len, head)) - 1
    positions = [last + k if word else last for k in range(len(wanted))]
    return Row(ids, positions, [token for token, _ in wanted], [weight for _, weight in wanted])


def with_question(row: Row, symptoms: SymptomTokens, criteria: npt.NDArray[np.float32], weight: float) -> Row:
    """A row of a prompt, extended by the symptoms question; criteria (12,) are the question's targets."""
    ids = np.concatenate([row.ids, np.array(symptoms.suffix_ids, np.int32)])
    return Row(ids, row.positions, row.tokens, row.weights, criteria, weight)


def answer_directions(head: Tensor, symptoms: SymptomTokens | None) -> Tensor:
    """Differences of the head's rows (vocabulary, hidden); their products with a hidden state are the answers.

    Shape (12 or 11, hidden), without the symptoms question (0, hidden).
    """
    if symptoms is None:
        return head[:0].float()
    return head[list(symptoms.word_ids)].float() - head[symptoms.none_id].float()


def criteria_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of the answers' binary cross entropies in nats; (s, 12 or 11), (s, 12) and (s,)."""
    losses = F.binary_cross_entropy_with_logits(logits, targets[:, : logits.shape[1]], reduction="none")
    return (losses.sum(dim=1) * weights).sum()


def read_rows(network: Any, rows: list[Row], symptoms: SymptomTokens | None = None) -> Answers:
    """A network's answers to a right-padded batch of rows.

    With causal attention a text does not see the padding after it, so no mask is needed.
    """
    device = next(network.parameters()).device
    ids = torch.zeros(len(rows), max(len(row.ids) for row in rows), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.from_numpy(row.ids)
    wanted = [(index, place) for index, row in enumerate(rows) for place in row.positions]
    places, inverse = np.unique(np.array(wanted, np.int64).reshape(-1, 2), axis=0, return_inverse=True)
    row_of, place_of = torch.from_numpy(places.T.copy()).to(device)
    token_of = torch.from_numpy(inverse.reshape(-1)).to(device)
    token = torch.tensor([t for row in rows for t in row.tokens], dtype=torch.long, device=device)
    ends = [(index, len(row.ids) - 1) for index, row in enumerate(rows) if row.criteria is not None]
    end_row, end_place = torch.tensor(ends, dtype=torch.long, device=device).view(-1, 2).T
    causal = network.get_base_model() if hasattr(network, "get_base_model") else network
    with torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" else nullcontext():
        hidden = causal.model(input_ids=ids.to(device), use_cache=False).last_hidden_state
        logits = causal.lm_head(hidden[row_of, place_of])
    log_p = torch.log_softmax(logits.float(), dim=-1)[token_of, token]
    directions = answer_directions(causal.lm_head.weight, symptoms)
    with torch.autocast(device.type, enabled=False):
        criteria = hidden[end_row, end_place].float() @ directions.T
    return Answers(log_p, torch.tensor([index for index, _ in wanted], device=device), criteria)


@torch.no_grad()
def label_log_likelihoods(
    network: Any,
    encoder: PromptEncoder,
    texts: Sequence[str],
    max_text_tokens: int = 256,
    batch: int = 64,
    reader: ReadRows | None = None,
) -> npt.NDArray[np.float64]:
    """ln P(label | prompt), the words of a label summed, in nats; n texts -> (n, 6).

    The network reads one sequence per text, or per (text, word) if words have several tokens. This function serves
    training and evaluation; `LabelScorer` computes the scores of runs. `reader` replaces `read_rows` of the network.
    """
    network.eval()
    read = reader or partial(read_rows, network)
    bodies, _, _ = encoder.encode_texts(texts, max_text_tokens)
    words = [(label, word) for label, group in enumerate(encoder.label_ids) for word in group]
    single = all(len(word) == 1 for _, word in words)
    rows = []
    for body in bodies:
        if single:
            rows.append(prompt_row(encoder, body, (), [(word[0], 1.0) for _, word in words]))
        else:
            rows += [prompt_row(encoder, body, word, [(token, 1.0) for token in word]) for _, word in words]
    values = np.empty((len(rows), len(words) if single else 1))
    for chunk in _chunks(rows, batch):
        answers = read([rows[i] for i in chunk])
        if single:
            values[chunk] = answers.scores.reshape(len(chunk), len(words)).cpu().double().numpy()
        else:
            sums = torch.zeros(len(chunk), device=answers.scores.device, dtype=answers.scores.dtype)
            values[chunk, 0] = sums.index_add_(0, answers.owners, answers.scores).cpu().double().numpy()
    values = values.reshape(len(texts), len(words))
    columns = [[k for k, (label, _) in enumerate(words) if label == index] for index in range(len(EMOTIONS))]
    return np.stack([np.logaddexp.reduce(values[:, column], axis=1) for column in columns], axis=1)


@torch.no_grad()
def symptom_logits(
    network: Any,
    encoder: PromptEncoder,
    texts: Sequence[str],
    max_text_tokens: int = 256,
    batch: int = 64,
    reader: ReadRows | None = None,
) -> npt.NDArray[np.float64]:
    """Answers to the symptoms question in the order of ANSWERS, not calibrated; n texts -> (n, 12).

    The arguments are those of `label_log_likelihoods`; the encoder's prompt must have the question.
    """
    assert encoder.symptoms is not None
    network.eval()
    read = reader or partial(read_rows, network, symptoms=encoder.symptoms)
    bodies, _, _ = encoder.encode_texts(texts, max_text_tokens)
    nothing = np.zeros(len(ANSWERS), np.float32)
    rows = [with_question(prompt_row(encoder, body, (), ()), encoder.symptoms, nothing, 1.0) for body in bodies]
    values = np.empty((len(rows), len(encoder.symptoms.word_ids)))
    for chunk in _chunks(rows, batch):
        values[chunk] = read([rows[i] for i in chunk]).criteria.cpu().double().numpy()
    return with_any(values)


def _chunks(rows: list[Row], batch: int) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of rows of similar length, at most about `batch` at a time, longest first."""
    order = np.argsort([-len(row.ids) for row in rows], kind="stable")
    yield from np.array_split(order, math.ceil(len(rows) / batch)) if len(rows) else ()

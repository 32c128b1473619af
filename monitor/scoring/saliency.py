"""Two other explanations of an answer, with which occlusion is compared: gradient x input, and attention.

The forward pass here is a plain one, in fp32 with every operation recorded for autograd. The scorer's own forward
pass cannot be used, because it works in place, in batches and without gradients. This module serves comparisons only,
and handles one text at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from monitor.model.label_tree import LabelTree
from monitor.model.prompts import PromptEncoder
from monitor.scoring.attention import Rotary, rotate, visible_keys
from monitor.scoring.batching import Frame, pack
from monitor.scoring.loading import LoadedModel
from monitor.scoring.weight_matrices import Dense

Floats = npt.NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True)
class Saliency:
    """The weight of each word of a text by two methods; arrays of shape (words,).

    Attributes:
        gradient: the gradient of the log-odds of high risk with respect to the word's embeddings, times the
            embeddings (Shrikumar et al. 2017, arXiv:1704.02685).
        attention: attention of the prompt's last token to the word in the last layer, mean over heads.
        log_odds: log-odds of high risk of the unchanged text.
    """

    gradient: Floats
    attention: Floats
    log_odds: float


class SaliencyReader:
    """Weighs the words of texts by gradient x input and by attention.

    Args:
        model: a model whose matrices are dense or NF4, not 8-bit floats.
    """

    def __init__(self, model: LoadedModel) -> None:
        network = self._network = model.network
        assert not network.eight
        self._encoder = PromptEncoder(model.prompt, model.tokenizer)
        self._tree = LabelTree(self._encoder.label_ids)
        self._high = torch.from_numpy(model.risk_map.matrix()[self._tree.word_labels, -1] > 0)
        self._limit = model.max_text_tokens
        self._layers = [
            [
                cast(Dense, matrix).weight.to("cpu", torch.float32, copy=True)
                for matrix in (layer.qkv, layer.output, layer.gate_up, layer.down)
            ]
            for layer in network.layers
        ]
        self._embedding, self._head = network.embedding.cpu(), network.head.float().cpu()
        self._norm = network.norm.cpu()
        frequencies = torch.tensor(network.shape.inverse_frequencies)
        self._rotary = Rotary.of(frequencies, network.shape.max_positions)

    def weigh(self, text: str, words: Sequence[Span]) -> Saliency:
        """Weigh the words of a text, given by their first and last (exclusive) characters; a long text is cut."""
        ids, spans = self._encoder.encode_with_spans(text, self._limit)
        head, suffix = self._encoder.prefix_ids, np.array(self._encoder.suffix_ids, dtype=np.int32)
        frame = Frame(suffix, self._tree.branch_ids, self._tree.branch_depths, len(head))
        block = pack([ids], frame)
        tokens = np.concatenate([np.array(head, dtype=np.int32), block.token_ids])
        positions = np.concatenate([np.arange(len(head)), block.positions])
        embedded = self._embedding[torch.from_numpy(tokens).long()].float().requires_grad_()
        own = slice(len(head), len(head) + len(ids))
        with torch.enable_grad():
            hidden, attention = self._forward(embedded, torch.from_numpy(positions).long(), len(head))
            odds = self._log_odds(hidden[len(tokens) - block.n_scored :])
        (slope,) = torch.autograd.grad(odds, embedded)
        of_tokens = (slope * embedded).sum(dim=1).detach()[own].double().numpy()
        attended = attention[len(tokens) - block.n_scored, own].detach().double().numpy()
        member = (spans[None, :, 0] < np.array(words)[:, 1:]) & (spans[None, :, 1] > np.array(words)[:, :1])
        return Saliency(member @ of_tokens, member @ attended, float(odds.detach()))

    def _forward(self, x: Tensor, positions: Tensor, n_prefix: int) -> tuple[Tensor, Tensor]:
        """(T, hidden) embeddings to final hidden states, and the last layer's attention (T, T), mean over heads."""
        heads, length = self._network.shape.heads, len(x)
        visible = np.tri(length, dtype=np.bool_)
        visible[n_prefix:] = visible_keys(length - n_prefix, n_prefix, self._tree.visible)
        mask = torch.zeros(length, length).masked_fill_(torch.from_numpy(~visible), -torch.inf)
        cos, sin = self._rotary.at(positions, torch.float32)
        attention = mask
        for qkv, output, gate_up, down in self._layers:
            parts = (self._normal(x) @ qkv.T).view(length, -1, heads.size)
            turned = rotate(parts[:, : heads.query + heads.key], cos, sin)
            queries, keys = turned[:, : heads.query], turned[:, heads.query :]
            repeat = heads.query // heads.key
            keys, values = (
                one.repeat_interleave(repeat, dim=1) for one in (keys, parts[:, heads.query + heads.key :])
            )
            scores = torch.einsum("thd,shd->hts", queries, keys) * heads.size**-0.5 + mask
            shares = scores.softmax(dim=-1)
            x = x + torch.einsum("hts,shd->thd", shares, values).flatten(1) @ output.T
            gate, up = (self._normal(x) @ gate_up.T).chunk(2, dim=-1)
            x = x + (F.silu(gate) * up) @ down.T
            attention = shares.mean(dim=0)
        return self._normal(x) * self._norm, attention

    def _normal(self, x: Tensor) -> Tensor:
        """RMS norm without its weight, which is folded into the matrix that follows."""
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self._network.shape.norm_eps)

    def _log_odds(self, hidden: Tensor) -> Tensor:
        """Log-odds of high risk from the hidden states of the last suffix token and of each branch token.

        They are 0 if the risk map has no high-risk emotion, or only high-risk emotions, as those of `LabelScorer`.
        """
        tree = self._tree
        words = (self._head[torch.from_numpy(tree.first_ids).long()] @ hidden[0])[torch.from_numpy(tree.word_firsts)]
        if len(tree.step_ids):
            later = (hidden[1:] @ self._head.T).log_softmax(dim=-1)
            steps = later[torch.from_numpy(tree.step_branches), torch.from_numpy(tree.step_ids)]
            words = words + torch.from_numpy(tree.word_steps).float() @ steps
        if self._high.all() or not self._high.any():
            return (words * 0).sum()
        return words[self._high].logsumexp(dim=0) - words[~self._high].logsumexp(dim=0)

"""Attention over packed texts that share a prompt prefix.

Every text has the same mask: a key is visible if it is in the prefix, or in the same text, not later, and on the
text's trunk or the same branch. Two implementations give the same numbers. `GroupedAttention` runs on any device and
puts texts of equal length side by side in small matrix products. `packed_attention` runs on CUDA and is one Triton
kernel over all texts.

Letters in shapes: T tokens of a batch, N texts, P prefix tokens, H query heads, K key heads, G = H / K,
D head dimension, R rows that carry scores, L tokens of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from monitor.scoring.batching import PackedBatch


@dataclass(frozen=True)
class Heads:
    """The shape of the attention: query heads, key heads, head dimension."""

    query: int
    key: int
    size: int


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of every position, each (positions, D / 2) in fp32."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, inverse_frequencies: Tensor, positions: int) -> Rotary:
        """The table for `positions` positions; inverse_frequencies: (D / 2,)."""
        angles = torch.outer(
            torch.arange(positions, dtype=torch.float32, device=inverse_frequencies.device),
            inverse_frequencies.float(),
        )
        return cls(angles.cos(), angles.sin())

    def at(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines for (T,) positions, each (T, 1, D / 2)."""
        return (
            self.cos[positions].unsqueeze(1).to(dtype),
            self.sin[positions].unsqueeze(1).to(dtype),
        )


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of (T, heads, D) by (T, 1, D / 2) angles."""
    left, right = heads.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


def visible_keys(length: int, n_prefix: int, branches: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The keys that each token of a block sees: (length, n_prefix + length), for `branches` of shape (b, b)."""
    own = np.tri(length, dtype=np.bool_)
    n_branches = len(branches)
    if n_branches:
        own[length - n_branches :, length - n_branches :] = branches
    return np.concatenate([np.ones((length, n_prefix), dtype=np.bool_), own], axis=1)


@dataclass(frozen=True)
class _Group:
    """Neighbouring blocks of one length: first token row `row`, first scored row `scored`, and an additive mask."""

    row: int
    scored: int
    texts: int
    length: int
    mask: Tensor


class GroupedAttention:
    """Attention for one batch, by groups of neighbouring texts of equal length: no padding, any device.

    Args:
        batch: the packed texts.
        heads: the model's heads.
        rotary: the model's position table.
        n_prefix: P, tokens of the shared prefix.
        branches: (b, b) visibility among the branch tokens at the end of each block.
        dtype: type of queries, keys and values.
    """

    def __init__(
        self,
        batch: PackedBatch,
        heads: Heads,
        rotary: Rotary,
        n_prefix: int,
        branches: npt.NDArray[np.bool_],
        dtype: torch.dtype,
    ) -> None:
        self.heads = heads
        device = rotary.cos.device
        self.n_scored = batch.n_scored
        self.token_ids = torch.from_numpy(batch.token_ids).to(device)
        ends = batch.starts[1:, None]
        rows = (ends - batch.n_scored + np.arange(batch.n_scored)).reshape(-1)
        self.scored_rows = torch.from_numpy(rows.astype(np.int64)).to(device)
        self._cos, self._sin = rotary.at(torch.from_numpy(batch.positions).to(device, torch.int64), dtype)
        self._groups = []
        row = text = 0
        for length, same in groupby(batch.lengths.tolist()):
            texts = len(list(same))
            hidden = torch.from_numpy(~visible_keys(length, n_prefix, branches)).to(device)
            mask = torch.zeros(hidden.shape, dtype=dtype, device=device).masked_fill_(hidden, -torch.inf)
            self._groups.append(_Group(row, text * batch.n_scored, texts, length, mask))
            row += texts * length
            text += texts

    def rotated(self, heads: Tensor) -> Tensor:
        """Rotate queries or keys of every token, (T, heads, D)."""
        return rotate(heads, self._cos, self._sin)

    def __call__(self, qkv: Tensor, prefix: tuple[Tensor, Tensor]) -> Tensor:
        """Every token's attention: (T, (H + 2K) D) and the prefix's (P, K, D) keys, values -> (T, H D)."""
        n, k, d = self.heads.query, self.heads.key, self.heads.size
        both = self.rotated(qkv[:, : (n + k) * d].view(-1, n + k, d))
        values = qkv[:, (n + k) * d :].view(-1, k, d)
        return self._attend(both[:, :n], both[:, n:], values, prefix, scored_only=False)

    def last(self, queries: Tensor, kv: Tensor, prefix: tuple[Tensor, Tensor]) -> Tensor:
        """The scored rows' attention: their queries (R, H D), all tokens' keys and values (T, 2K D) -> (R, H D)."""
        n, k, d = self.heads.query, self.heads.key, self.heads.size
        rotated = rotate(queries.view(-1, n, d), self._cos[self.scored_rows], self._sin[self.scored_rows])
        keys = self.rotated(kv[:, : k * d].view(-1, k, d))
        return self._attend(rotated, keys, kv[:, k * d :].view(-1, k, d), prefix, scored_only=True)

    def _attend(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        prefix: tuple[Tensor, Tensor],
        *,
        scored_only: bool,
    ) -> Tensor:
        n, k, d = self.heads.query, self.heads.key, self.heads.size
        out = torch.empty(len(queries), n * d, dtype=queries.dtype, device=queries.device)
        for group in self._groups:
            length = self.n_scored if scored_only else group.length
            first = group.scored if scored_only else group.row
            rows = slice(first, first + group.texts * length)
            tokens = slice(group.row, group.row + group.texts * group.length)
            mixed = _attend_group(
                queries[rows].view(group.texts, length, n, d),
                _with_prefix(keys[tokens].view(group.texts, group.length, k, d), prefix[0]),
                _with_prefix(values[tokens].view(group.texts, group.length, k, d), prefix[1]),
                group.mask[-length:],
            )
            out[rows] = mixed.reshape(-1, n * d)
        return out


def _with_prefix(own: Tensor, prefix: Tensor) -> Tensor:
    """(N, L, K, D) and (P, K, D) -> (N, P + L, K, D)."""
    return torch.cat((prefix.expand(len(own), *prefix.shape), own), dim=1)


def _attend_group(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Queries (N, L, H, D), keys and values (N, S, K, D) and an additive mask (L, S) -> (N, L, H, D)."""
    texts, length, n, d = queries.shape
    seen, k = keys.shape[1:3]
    g = n // k
    q = queries.view(texts, length, k, g, d).permute(0, 2, 3, 1, 4).reshape(texts * k, g * length, d)
    scores = torch.baddbmm(mask.repeat(g, 1), q, keys.permute(0, 2, 3, 1).reshape(texts * k, d, seen), alpha=d**-0.5)
    mixed = torch.bmm(scores.softmax(dim=-1), values.transpose(1, 2).reshape(texts * k, seen, d))
    return mixed.view(texts, k, g, length, d).permute(0, 3, 1, 2, 4)

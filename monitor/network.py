"""A lean Llama forward for scoring: packed texts in, final hidden states of the scored rows out.

Nothing is computed that a score does not need: no padding, no prompt prefix (its keys and values are cached),
in the last layer keys and values for all tokens but queries, output and MLP for the scored rows alone. Queries,
keys and values are one matrix product, gate and up another, with the norm's weights folded into both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from monitor.attention import GroupedAttention, Heads, Rotary
from monitor.batching import Frame, PackedBatch, pack


@dataclass(frozen=True)
class LlamaShape:
    """The dimensions of a Llama, and the constants of its norms and positions."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: Heads
    norm_eps: float
    inverse_frequencies: tuple[float, ...]
    max_positions: int


@dataclass(frozen=True)
class Layer:
    """One layer's weights, (out, in): qkv ((H + 2K) D, hidden), output, gate_up (2 inner, hidden), down."""

    qkv: Tensor
    output: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True)
class PrefixCache:
    """Rotated keys and values of the prompt's prefix, one (P, K, D) pair a layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def length(self) -> int:
        """P, the tokens of the prefix."""
        return len(self.layers[0][0])


class LlamaNetwork:
    """The weights of a Llama in the form that scoring wants, and its forward pass.

    Attributes:
        embedding: (vocabulary, hidden).
        norm: (hidden,), the final norm's weight.
        head: (vocabulary, hidden), which makes logits of what `hidden` returns.
    """

    def __init__(
        self, shape: LlamaShape, embedding: Tensor, layers: Sequence[Layer], norm: Tensor, head: Tensor
    ) -> None:
        self.shape = shape
        self.embedding = embedding
        self.layers = tuple(layers)
        self.norm = norm.float()
        self.head = head
        self.dtype = layers[0].qkv.dtype
        self.device = embedding.device
        self._frequencies = torch.tensor(shape.inverse_frequencies, device=self.device)
        self._rotary = Rotary.of(self._frequencies, 512)

    def prefix_cache(self, prefix_ids: Sequence[int]) -> PrefixCache:
        """Keys and values of the prompt tokens that all texts share."""
        heads = self.shape.heads
        empty = torch.empty(0, heads.key, heads.size, dtype=self.dtype, device=self.device)
        nothing = PrefixCache(tuple((empty, empty) for _ in self.layers))
        if not prefix_ids:
            return nothing
        no_branches = np.empty(0, dtype=np.int32)
        last = np.array(prefix_ids[-1:], dtype=np.int32)
        frame = Frame(last, no_branches, no_branches, prefix_length=0)
        batch = pack([np.array(prefix_ids[:-1], dtype=np.int32)], frame)
        seen: list[tuple[Tensor, Tensor]] = []
        self.hidden(batch, nothing, np.empty((0, 0), dtype=np.bool_), seen)
        return PrefixCache(tuple(seen))

    @torch.inference_mode()
    def hidden(
        self,
        batch: PackedBatch,
        prefix: PrefixCache,
        branches: npt.NDArray[np.bool_],
        keep: list[tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """Final normalised hidden states of the scored rows, (texts * n_scored, hidden) in fp32.

        Args:
            batch: packed texts.
            prefix: what `prefix_cache` gave for the tokens in front of them.
            branches: (b, b) visibility among each block's branch tokens.
            keep: a list to which each layer's rotated keys and values are appended.
        """
        heads = self.shape.heads
        n_query = heads.query * heads.size
        attention = GroupedAttention(
            batch, heads, self._positions(int(batch.positions.max()) + 1), prefix.length, branches, self.dtype
        )
        x = self.embedding[torch.from_numpy(batch.token_ids).to(self.device, torch.int64)].float()
        for index, layer in enumerate(self.layers):
            normal = self._norm(x)
            if index == len(self.layers) - 1:
                x = x[attention.scored_rows]
                kv = F.linear(normal, layer.qkv[n_query:])
                queries = F.linear(normal[attention.scored_rows], layer.qkv[:n_query])
                mixed = attention.last(queries, kv, prefix.layers[index])
            else:
                qkv = F.linear(normal, layer.qkv)
                kv = qkv[:, n_query:]
                mixed = attention(qkv, prefix.layers[index])
            if keep is not None:
                keys, values = kv.view(len(kv), 2, heads.key, heads.size).unbind(1)
                keep.append((attention.rotated(keys), values))
            x += F.linear(mixed, layer.output)
            gate, up = F.linear(self._norm(x), layer.gate_up).chunk(2, dim=-1)
            x += F.linear(F.silu(gate).mul_(up), layer.down)
        return self._norm(x, torch.float32) * self.norm

    def _norm(self, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """RMS norm without its weight, which is folded into the matrix that follows."""
        scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.shape.norm_eps)
        return (x * scale).to(dtype or self.dtype)

    def _positions(self, needed: int) -> Rotary:
        if needed > len(self._rotary.cos):
            self._rotary = Rotary.of(self._frequencies, 2 * needed)
        return self._rotary

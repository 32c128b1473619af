"""A Llama forward pass for scoring: its input is packed texts, its output the final hidden states of scored rows.

The pass computes only values that a score needs: no padding, and no prompt prefix, whose keys and values are cached.
The last layer computes keys and values for all tokens, but queries, output and MLP only for the scored rows. Queries,
keys and values are one matrix product, gate and up another, and the norm's weights are folded into both matrices. On
CUDA the steps between the products are fused kernels.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from monitor.scoring.attention import GroupedAttention, Heads, Rotary
from monitor.scoring.batching import Frame, PackedBatch, pack
from monitor.scoring.weight_matrices import Matrix, Rows

logger = logging.getLogger(__name__)


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

    @property
    def matrix_values(self) -> int:
        """Number of values in the matrices of all layers; a token takes twice as many operations."""
        attention = 2 * (self.heads.query + self.heads.key) * self.heads.size
        return self.layers * self.hidden_size * (attention + 3 * self.intermediate_size)


@dataclass(frozen=True)
class Layer:
    """One layer's matrices, (out, in): qkv ((H + 2K) D, hidden), output, gate_up (2 inner, hidden), down."""

    qkv: Matrix
    output: Matrix
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True)
class PrefixCache:
    """Rotated keys and values of the prompt's prefix, one (P, K, D) pair a layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def length(self) -> int:
        """P, the tokens of the prefix."""
        return len(self.layers[0][0])


class LlamaNetwork:
    """The weights of a Llama in the form that scoring needs, and its forward pass.

    Args:
        shape: the dimensions.
        embedding: (vocabulary, hidden), in the dtype of the products.
        layers: the matrices.
        norm: (hidden,), the final norm's weight.
        head: (vocabulary, hidden), which turns the result of `hidden` into logits.
        fused: run the Triton kernels (CUDA only); otherwise plain torch operations on any device.
    """

    def __init__(
        self,
        shape: LlamaShape,
        embedding: Tensor,
        layers: Sequence[Layer],
        norm: Tensor,
        head: Tensor,
        *,
        fused: bool,
    ) -> None:
        self.shape, self.layers = shape, tuple(layers)
        self.embedding, self.norm, self.head = embedding, norm.float(), head
        self.dtype, self.device = embedding.dtype, embedding.device
        self.eight = layers[0].qkv.eight
        self._frequencies = torch.tensor(shape.inverse_frequencies, device=self.device)
        self._rotary = Rotary.of(self._frequencies, 512)
        self._kernels: Any = importlib.import_module("monitor.scoring.kernels") if fused else None
        self._packed: Any = importlib.import_module("monitor.scoring.packed_attention") if fused else None
        if self._packed and not self._packed.fits_kernel(shape.heads, 1):
            logger.warning("no fused attention for heads of %d: using a plain one, more slowly", shape.heads.size)

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
        cache: list[tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """Final normalised hidden states of the scored rows, (texts * n_scored, hidden) in fp32.

        On CUDA the call returns before the GPU has finished.

        Args:
            batch: packed texts.
            prefix: the result of `prefix_cache` for the tokens before the texts.
            branches: (b, b) visibility among each block's branch tokens.
            cache: a list to which each layer's rotated keys and values are appended.
        """
        n_query = self.shape.heads.query * self.shape.heads.size
        attention = self._attention(batch, prefix.length, branches)
        x = F.embedding(attention.token_ids, self.embedding)
        if self.device.type == "cpu":
            x = x.float()  # keeps sums over layers exact, where fp32 costs little
        for layer, prefix_kv in zip(self.layers, prefix.layers, strict=True):
            normal = self._norm(x)
            if layer is self.layers[-1]:
                x, kv = x[attention.scored_rows], layer.qkv.times(normal, first=n_query)
                queries = layer.qkv.times(_pick(normal, attention.scored_rows), last=n_query)
                mixed = attention.last(queries, kv, prefix_kv)
            else:
                qkv = layer.qkv.times(normal)
                kv, mixed = qkv[:, n_query:], attention(qkv, prefix_kv)
            if cache is not None:
                keys, values = kv.reshape(len(kv), 2, self.shape.heads.key, -1).unbind(1)
                cache.append((attention.rotated(keys).contiguous(), values.contiguous()))
            layer.output.add_to(x, self._rounded(mixed))
            layer.down.add_to(x, self._swiglu(layer.gate_up.times(self._norm(x))))
        x = x.float()
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.shape.norm_eps) * self.norm

    def _attention(self, batch: PackedBatch, n_prefix: int, branches: npt.NDArray[np.bool_]) -> Any:
        needed = int(batch.positions.max()) + 1
        if needed > len(self._rotary.cos):
            self._rotary = Rotary.of(self._frequencies, 2 * needed)
        heads = self.shape.heads
        if self._packed and self._packed.fits_kernel(heads, batch.n_scored):
            return self._packed.PackedAttention(batch, heads, self._rotary, branches)
        return GroupedAttention(batch, heads, self._rotary, n_prefix, branches, self.dtype)

    def _norm(self, x: Tensor) -> Rows:
        """RMS norm without its weight, which is folded into the matrix that follows."""
        if self._kernels:
            norm = self._kernels.rms_norm_eight if self.eight else self._kernels.rms_norm
            normal: Rows = norm(x, self.shape.norm_eps)
            return normal
        scale = torch.rsqrt(x.float().square().mean(dim=-1, keepdim=True) + self.shape.norm_eps)
        return (x * scale).to(self.dtype)

    def _swiglu(self, gate_up: Tensor) -> Rows:
        if self._kernels:
            inner: Rows = (self._kernels.swiglu_eight if self.eight else self._kernels.swiglu)(gate_up)
            return inner
        gate, up = gate_up.chunk(2, dim=-1)
        return F.silu(gate).mul_(up)

    def _rounded(self, x: Tensor) -> Rows:
        rounded: Rows = self._kernels.round_eight(x) if self.eight else x
        return rounded


def _pick(rows: Rows, index: Tensor) -> Rows:
    return rows[index] if isinstance(rows, Tensor) else (rows[0][index], rows[1][index])

"""Attention over packed texts after a shared prefix as one Triton kernel, without padding or a mask in memory.

A program processes a block of one text's queries for one key head, for all query heads of the group together. It
reads the prefix's keys first and then the text's own keys. It rotates queries and keys while reading them from the
fused projection's output, so that only the result is written. On an H100, 16,384 tokens of TinyLlama's shape after 60
tokens of prefix take 0.14 ms, a seventh of one product of the MLP. This module is imported on CUDA only.

Letters in shapes as in `attention`.
"""

# ruff: noqa: N803  compile-time arguments of Triton kernels are in capitals

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
import triton
import triton.language as tl
from torch import Tensor

from monitor.scoring.attention import Heads, Rotary, rotate
from monitor.scoring.batching import PackedBatch

# Measured on an H100: 64 rows and 32 keys take 142 µs; 64 x 64 take 180, 128 x 32 take 162, 128 x 64 take 170.
ROWS = 64  # query rows of a program, for all heads of a group together
KEYS = 32  # keys of one step
WARPS = 4


@triton.jit
def _load_rotated(base, rows, positions, cos, sin, inside, HALF: tl.constexpr):
    """The two (rows, D / 2) halves of rotated heads that begin at base + rows; `rows` are element offsets."""
    half = tl.arange(0, HALF)
    left = tl.load(base + rows[:, None] + half[None, :], mask=inside[:, None], other=0.0).to(tl.float32)
    right = tl.load(base + rows[:, None] + HALF + half[None, :], mask=inside[:, None], other=0.0).to(tl.float32)
    angle = positions[:, None] * HALF + half[None, :]
    c = tl.load(cos + angle, mask=inside[:, None], other=0.0)
    s = tl.load(sin + angle, mask=inside[:, None], other=0.0)
    return left * c - right * s, right * c + left * s


@triton.jit
def _softmax_step(left, right, key_left, key_right, value, seen, state_max, state_sum, mixed):
    """Add a block of keys to the running softmax: (rows, D / 2) queries, (keys, D / 2) keys, (keys, D) values."""
    scores = tl.dot(left, tl.trans(key_left), input_precision="ieee")
    scores = tl.dot(right, tl.trans(key_right), scores, input_precision="ieee")
    scores = tl.where(seen, scores, -1.0e30)
    new_max = tl.maximum(state_max, tl.max(scores, axis=1))
    weights = tl.where(seen, tl.exp2(scores - new_max[:, None]), 0.0)
    decay = tl.exp2(state_max - new_max)
    state_sum = state_sum * decay + tl.sum(weights, axis=1)
    mixed = tl.dot(weights.to(value.dtype), value, mixed * decay[:, None], input_precision="ieee")
    return new_max, state_sum, mixed


@triton.jit
def _over_prefix(left, right, keys, values, n_prefix, stride, max_, sum_, mixed,
                 D: tl.constexpr, KEYS: tl.constexpr):  # fmt: skip
    half, whole = tl.arange(0, D // 2), tl.arange(0, D)
    for start in range(0, n_prefix, KEYS):
        key = start + tl.arange(0, KEYS)
        inside = (key < n_prefix)[:, None]
        row = key[:, None] * stride
        key_left = tl.load(keys + row + half[None, :], mask=inside, other=0.0)
        key_right = tl.load(keys + row + D // 2 + half[None, :], mask=inside, other=0.0)
        value = tl.load(values + row + whole[None, :], mask=inside, other=0.0)
        seen = (key < n_prefix)[None, :]
        max_, sum_, mixed = _softmax_step(left, right, key_left, key_right, value, seen, max_, sum_, mixed)
    return max_, sum_, mixed


@triton.jit
def _over_own(left, right, place, branch_mask, kv, value_offset, kv_stride, positions, cos, sin, start, end,
              trunk, max_, sum_, mixed, D: tl.constexpr, KEYS: tl.constexpr, BRANCHES: tl.constexpr):  # fmt: skip
    whole = tl.arange(0, D)
    for first in range(0, end, KEYS):
        key = first + tl.arange(0, KEYS)
        inside = key < end
        row = (start + key).to(tl.int64) * kv_stride
        position = tl.load(positions + start + key, mask=inside, other=0)
        key_left, key_right = _load_rotated(kv, row, position, cos, sin, inside, D // 2)
        value = tl.load(kv + value_offset + row[:, None] + whole[None, :], mask=inside[:, None], other=0.0)
        seen = (key[None, :] <= place[:, None]) & inside[None, :]
        if BRANCHES:
            branch = tl.maximum(key - trunk, 0)
            seen = seen & ((key < trunk)[None, :] | (((branch_mask[:, None] >> branch[None, :]) & 1) == 1))
        max_, sum_, mixed = _softmax_step(
            left, right, key_left.to(value.dtype), key_right.to(value.dtype), value, seen, max_, sum_, mixed
        )
    return max_, sum_, mixed


@triton.jit
def _attention_kernel(q, kv, prefix_keys, prefix_values, out, cos, sin, positions, starts, block_text,
                      block_first, branch_masks, q_stride, kv_stride, value_offset, out_stride, n_prefix,
                      prefix_stride, scale, SCORED: tl.constexpr, G: tl.constexpr, D: tl.constexpr,
                      ROWS: tl.constexpr, KEYS: tl.constexpr, BRANCHES: tl.constexpr):  # fmt: skip
    text = tl.load(block_text + tl.program_id(0))
    head = tl.program_id(1)
    start = tl.load(starts + text)
    length = tl.load(starts + text + 1) - start
    trunk = length - BRANCHES
    # SCORED: one query row per scored position, text by text; otherwise one query row per token.
    queries = BRANCHES + 1 if SCORED else length
    rows = tl.arange(0, ROWS)
    query = tl.load(block_first + tl.program_id(0)) + rows // G
    inside = query < queries
    if ROWS % G:  # the last rows would belong to a query of the next block
        inside = inside & (rows < ROWS // G * G)
    place = query + length - queries
    row = (text * queries if SCORED else start) + query
    column = (head * G + rows % G) * D
    position = tl.load(positions + start + place, mask=inside, other=0)
    left, right = _load_rotated(q, row.to(tl.int64) * q_stride + column, position, cos, sin, inside, D // 2)
    kind = q.dtype.element_ty
    left, right = (left * scale).to(kind), (right * scale).to(kind)
    branch_mask = rows * 0
    if BRANCHES:
        branch_mask = tl.load(branch_masks + place - trunk, mask=inside & (place >= trunk), other=0)
    max_ = tl.full([ROWS], -1.0e30, tl.float32)
    sum_, mixed = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS, D], tl.float32)
    max_, sum_, mixed = _over_prefix(left, right, prefix_keys + head * D, prefix_values + head * D, n_prefix,
                                     prefix_stride, max_, sum_, mixed, D, KEYS)  # fmt: skip
    end = tl.minimum(tl.max(tl.where(inside, place, 0)) + 1, length)
    max_, sum_, mixed = _over_own(left, right, place, branch_mask, kv + head * D, value_offset, kv_stride,
                                  positions, cos, sin, start, end, trunk, max_, sum_, mixed, D, KEYS,
                                  BRANCHES)  # fmt: skip
    mixed = mixed / tl.where(inside, sum_, 1.0)[:, None]
    target = out + (row.to(tl.int64) * out_stride + column)[:, None] + tl.arange(0, D)[None, :]
    tl.store(target, mixed.to(kind), mask=inside[:, None])


class PackedAttention:
    """Attention for one batch on CUDA, with the same numbers as `GroupedAttention`.

    Args:
        batch: the packed texts.
        heads: the model's heads.
        rotary: the model's position table.
        branches: (b, b) visibility among the branch tokens at the end of each block.
    """

    def __init__(self, batch: PackedBatch, heads: Heads, rotary: Rotary, branches: npt.NDArray[np.bool_]) -> None:
        self.heads, self.rotary = heads, rotary
        self._n_scored = batch.n_scored
        group = heads.query // heads.key
        self._scored_rows_a_program = min(ROWS, max(16, triton.next_power_of_2(batch.n_scored * group)))
        ends = batch.starts[1:, None]
        scored = (ends - batch.n_scored + np.arange(batch.n_scored)).reshape(-1)
        masks = (branches * (1 << np.arange(len(branches)))).sum(axis=1) if len(branches) else np.zeros(1)
        parts = [
            *(batch.token_ids, batch.positions, batch.starts, scored, masks),
            *_blocks(batch.lengths, ROWS // group),
            *_blocks(np.full(len(batch.lengths), batch.n_scored), self._scored_rows_a_program // group),
        ]
        on_device = _upload([np.asarray(part, dtype=np.int32) for part in parts], rotary.cos.device)
        self.token_ids, self._positions, self._starts, self.scored_rows, self._masks = on_device[:5]
        self._texts, self._firsts, self._scored_texts, self._scored_firsts = on_device[5:]

    def rotated(self, heads: Tensor) -> Tensor:
        """Rotate queries or keys of every token, (T, heads, D)."""
        return rotate(heads, *self.rotary.at(self._positions, heads.dtype))

    def __call__(self, qkv: Tensor, prefix: tuple[Tensor, Tensor]) -> Tensor:
        """Every token's attention: (T, (H + 2K) D) and the prefix's (P, K, D) keys, values -> (T, H D)."""
        n = self.heads.query * self.heads.size
        return self._launch(qkv, qkv[:, n:], prefix, scored=False)

    def last(self, queries: Tensor, kv: Tensor, prefix: tuple[Tensor, Tensor]) -> Tensor:
        """The scored rows' attention: their queries (R, H D), all tokens' keys and values (T, 2K D) -> (R, H D)."""
        return self._launch(queries, kv, prefix, scored=True)

    def _launch(self, q: Tensor, kv: Tensor, prefix: tuple[Tensor, Tensor], *, scored: bool) -> Tensor:
        n, k, d = self.heads.query, self.heads.key, self.heads.size
        out = torch.empty(len(q), n * d, dtype=q.dtype, device=q.device)
        texts, firsts = (self._scored_texts, self._scored_firsts) if scored else (self._texts, self._firsts)
        keys, values = prefix
        _attention_kernel[(len(texts), k)](
            *(q, kv, keys, values, out, self.rotary.cos, self.rotary.sin),
            *(self._positions, self._starts, texts, firsts, self._masks),
            *(q.stride(0), kv.stride(0), k * d, n * d, len(keys), k * d, d**-0.5 * math.log2(math.e)),
            SCORED=scored,
            G=n // k,
            D=d,
            ROWS=self._scored_rows_a_program if scored else ROWS,
            KEYS=KEYS,
            BRANCHES=self._n_scored - 1,
            num_warps=WARPS,
        )
        return out


def fits_kernel(heads: Heads, n_scored: int) -> bool:
    """Whether the kernel supports these heads (dimension a power of two, 32 to 256) and scored rows (mask bits)."""
    power = heads.size & (heads.size - 1) == 0
    return power and 32 <= heads.size <= 256 and heads.query // heads.key <= ROWS and n_scored <= 31


def _blocks(lengths: npt.NDArray[np.int32], size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The text of each block of `size` queries, and the block's first query."""
    counts = -(-lengths // size)
    texts = np.repeat(np.arange(len(lengths)), counts)
    before = np.cumsum(counts) - counts
    return texts, (np.arange(len(texts)) - np.repeat(before, counts)) * size


def _upload(arrays: list[npt.NDArray[np.int32]], device: torch.device) -> list[Tensor]:
    """Copy all arrays in one asynchronous transfer."""
    # Every array begins at a multiple of 16 bytes, which lets the compiler load it in wide words.
    padded = [np.concatenate([array, np.zeros(-len(array) % 4, np.int32)]) for array in arrays]
    flat = torch.from_numpy(np.concatenate(padded))
    if device.type == "cuda":
        flat = flat.pin_memory()
    pieces = flat.to(device, non_blocking=True).split([len(array) for array in padded])
    return [piece[: len(array)] for piece, array in zip(pieces, arrays, strict=True)]

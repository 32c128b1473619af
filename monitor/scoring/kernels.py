"""Fused CUDA kernels in Triton: norm, SwiGLU, 8-bit rounding, NF4 decoding.

Between the matrix products the GPU waits for memory and not for arithmetic, because a token's activations pass
through memory several times per layer. So each kernel reads its input once and writes its output once. This module is
imported on CUDA only.

Letters in shapes: T tokens.
"""

# ruff: noqa: N803  compile-time arguments of Triton kernels are in capitals

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

FLOAT8 = torch.float8_e4m3fn


@triton.jit
def _norm_kernel(x, out, scales, width, eps, EIGHT: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    values = tl.load(x + row * width + columns, mask=inside, other=0.0).to(tl.float32)
    values = values * tl.rsqrt(tl.sum(values * values) / width + eps)
    if EIGHT:
        scale = tl.maximum(tl.max(tl.abs(values)), 1e-12) / 448.0
        tl.store(scales + row, scale)
        values = values / scale
    tl.store(out + row * width + columns, values.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _round_kernel(x, out, scales, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    values = tl.load(x + row * width + columns, mask=inside, other=0.0).to(tl.float32)
    scale = tl.maximum(tl.max(tl.abs(values)), 1e-12) / 448.0
    tl.store(scales + row, scale)
    tl.store(out + row * width + columns, (values / scale).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _swiglu_kernel(gate_up, out, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    gate = tl.load(gate_up + row * 2 * width + columns, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + columns, mask=inside, other=0.0).to(tl.float32)
    values = gate * tl.sigmoid(gate) * up
    tl.store(out + row * width + columns, values.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _swiglu_eight_kernel(gate_up, out, scales, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    gate = tl.load(gate_up + row * 2 * width + columns, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + columns, mask=inside, other=0.0).to(tl.float32)
    values = gate * tl.sigmoid(gate) * up
    scale = tl.maximum(tl.max(tl.abs(values)), 1e-12) / 448.0
    tl.store(scales + row, scale)
    tl.store(out + row * width + columns, (values / scale).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _nf4_kernel(packed, block_scales, codebook, columns_scale, out, values, width, BLOCK: tl.constexpr):
    pairs = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pairs < values // 2
    byte = tl.load(packed + pairs, mask=inside, other=0).to(tl.int32)
    scale = tl.load(block_scales + pairs // 32, mask=inside, other=0.0)
    first = tl.load(codebook + (byte >> 4)) * scale
    second = tl.load(codebook + (byte & 15)) * scale
    column = (pairs * 2) % width
    first = first * tl.load(columns_scale + column, mask=inside, other=0.0)
    second = second * tl.load(columns_scale + column + 1, mask=inside, other=0.0)
    both = tl.interleave(first, second)
    index = tl.program_id(0).to(tl.int64) * BLOCK * 2 + tl.arange(0, BLOCK * 2)
    tl.store(out + index, both.to(out.dtype.element_ty), mask=index < values)


def rms_norm(x: Tensor, eps: float) -> Tensor:
    """(T, width) -> its rows divided by their root mean square, without a weight."""
    out = torch.empty_like(x)
    _norm_kernel[(len(x),)](x, out, out, x.shape[1], eps, False, triton.next_power_of_2(x.shape[1]))
    return out


def rms_norm_eight(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`rms_norm` in 8-bit floats: (T, width) and the scale of each row (T, 1)."""
    out, scales = _eight_like(x, x.shape[1])
    _norm_kernel[(len(x),)](x, out, scales, x.shape[1], eps, True, triton.next_power_of_2(x.shape[1]))
    return out, scales


def round_eight(x: Tensor) -> tuple[Tensor, Tensor]:
    """(T, width) in 8-bit floats, and the scale of each row (T, 1)."""
    out, scales = _eight_like(x, x.shape[1])
    _round_kernel[(len(x),)](x, out, scales, x.shape[1], triton.next_power_of_2(x.shape[1]))
    return out, scales


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up of (T, 2 width) -> (T, width)."""
    width = gate_up.shape[1] // 2
    out = torch.empty(len(gate_up), width, dtype=gate_up.dtype, device=gate_up.device)
    block = min(2048, triton.next_power_of_2(width))
    _swiglu_kernel[(len(gate_up), triton.cdiv(width, block))](gate_up, out, width, block)
    return out


def swiglu_eight(gate_up: Tensor) -> tuple[Tensor, Tensor]:
    """`swiglu` in 8-bit floats: (T, width) and the scale of each row (T, 1)."""
    width = gate_up.shape[1] // 2
    out, scales = _eight_like(gate_up, width)
    _swiglu_eight_kernel[(len(gate_up),)](gate_up, out, scales, width, triton.next_power_of_2(width), num_warps=8)
    return out, scales


def decode_nf4(packed: Tensor, scales: Tensor, codebook: Tensor, columns: Tensor, out: Tensor) -> None:
    """Decode NF4 codes, in blocks of 64, into `out` (rows, width), and multiply column j by columns[j]."""
    block = 1024
    _nf4_kernel[(triton.cdiv(len(packed), block),)](
        packed, scales, codebook, columns, out, out.numel(), out.shape[1], block
    )


def _eight_like(x: Tensor, width: int) -> tuple[Tensor, Tensor]:
    return (
        torch.empty(len(x), width, dtype=FLOAT8, device=x.device),
        torch.empty(len(x), 1, dtype=torch.float32, device=x.device),
    )

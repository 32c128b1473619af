"""The three forms of a weight matrix in scoring: dense, NF4 as stored, and 8-bit floats.

Each form multiplies rows of activations by an (out, in) matrix, and can add the product to the residual stream.
Letters in shapes: T tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from threading import local

import torch
import torch.nn.functional as F
from torch import Tensor

logger = logging.getLogger(__name__)
KERNEL_BLOCK = 64  # values of a scale that the kernel decode_nf4 expects; bitsandbytes can also store larger blocks
Rows = Tensor | tuple[Tensor, Tensor]  # activations (T, in), or 8-bit activations with one scale per row (T, 1)


@cache
def can_fuse(device: torch.device) -> bool:
    """Whether the Triton kernels run on the device: CUDA of capability 8.0 or more, and a Triton that compiles."""
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0) and _compiles(device)


def _compiles(device: torch.device) -> bool:
    """Whether a small kernel runs; Triton needs a C compiler and must support the GPU."""
    try:
        from monitor.scoring.kernels import rms_norm

        rms_norm(torch.ones(1, 16, device=device), 1.0)
    except torch.OutOfMemoryError:
        raise
    except Exception as fault:  # compilers fail in many ways
        logger.warning("Triton compiles nothing for this GPU: %s", " ".join(str(fault).split())[:160])
        return False
    return True


@dataclass(frozen=True)
class Nf4:
    """A matrix in NF4: two 4-bit codes per byte, one scale per block of values.

    Attributes:
        packed: (values / 2,) uint8, the earlier value in the upper four bits.
        scales: (blocks,) fp32, restored from double quantisation.
        codebook: (16,) fp32.
        shape: (out, in).
    """

    packed: Tensor
    scales: Tensor
    codebook: Tensor
    shape: tuple[int, int]

    def dequantise(self) -> Tensor:
        """The dense (out, in) matrix in fp32."""
        codes = torch.stack((self.packed >> 4, self.packed & 15), dim=1).reshape(len(self.scales), -1)
        return (self.codebook[codes.int()] * self.scales[:, None]).reshape(self.shape)


class Dense:
    """A dense matrix; (out, in)."""

    eight = False

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    def times(self, x: Rows, first: int = 0, last: int | None = None) -> Tensor:
        """(T, in) times the matrix's rows `first` to `last` -> (T, rows)."""
        assert isinstance(x, Tensor)
        return F.linear(x, self.weight[first:last])

    def add_to(self, residual: Tensor, x: Rows) -> None:
        """residual (T, out) += x (T, in) times the matrix, in a single operation if the types allow that."""
        if residual.dtype == self.weight.dtype:
            assert isinstance(x, Tensor)
            residual.addmm_(x, self.weight.T)
        else:
            residual += self.times(x)


@dataclass(frozen=True)
class LowRank:
    """An adapter's update up @ down, with its scale folded in: up (out, r), down (r, in)."""

    up: Tensor
    down: Tensor


class Scratch(local):
    """A buffer into which NF4 matrices are decoded, one at a time.

    The buffer has the size of the largest matrix. Each thread has its own buffer.
    """

    def __init__(self) -> None:
        self._buffer: Tensor | None = None

    def buffer(self, shape: tuple[int, int], like: Tensor, dtype: torch.dtype) -> Tensor:
        """An (out, in) view of the buffer, with undefined content."""
        size = shape[0] * shape[1]
        if self._buffer is None or self._buffer.numel() < size:
            self._buffer = torch.empty(size, dtype=dtype, device=like.device)
        return self._buffer[:size].view(shape)


class StoredNf4(Dense):
    """NF4 matrices side by side, decoded at each use; they take a quarter of the memory of bf16.

    Args:
        parts: matrices with the same `in`, stacked along `out`.
        updates: the adapter's update of each matrix, or None; it is added after decoding, so it is not quantised.
        columns: (in,) fp32 factors of the columns: the norm's weight.
        scratch: the buffer for the dense form; shared by all matrices of a network.
        dtype: type of the dense form.
    """

    def __init__(
        self,
        parts: Sequence[Nf4],
        updates: Sequence[LowRank | None],
        columns: Tensor,
        scratch: Scratch,
        dtype: torch.dtype,
    ) -> None:
        self._parts, self._updates, self._columns = parts, updates, columns
        self._scratch, self._dtype = scratch, dtype

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The dense matrix; it is valid until the thread decodes the next matrix."""
        width = self._parts[0].shape[1]
        whole = self._scratch.buffer(
            (sum(part.shape[0] for part in self._parts), width), self._parts[0].packed, self._dtype
        )
        row = 0
        for part, update in zip(self._parts, self._updates, strict=True):
            target = whole[row : row + part.shape[0]]
            self._decode(part, target)
            if update is not None:
                target.addmm_(update.up.to(self._dtype), (update.down * self._columns).to(self._dtype))
            row += part.shape[0]
        return whole

    def _decode(self, part: Nf4, target: Tensor) -> None:
        of_a_scale = 2 * len(part.packed) // len(part.scales)
        if can_fuse(target.device) and of_a_scale == KERNEL_BLOCK:
            from monitor.scoring.kernels import decode_nf4

            decode_nf4(part.packed, part.scales, part.codebook, self._columns, target)
        else:
            target.copy_(part.dequantise() * self._columns)


class Float8:
    """A matrix in 8-bit floats with one scale per row, multiplied by activations rounded to 8 bits; CUDA only."""

    eight = True

    def __init__(self, weight: Tensor) -> None:
        from monitor.scoring.kernels import round_eight

        self._weight, self._scales = round_eight(weight.float().contiguous())

    def times(self, x: Rows, first: int = 0, last: int | None = None) -> Tensor:
        """(T, in) times the matrix's rows `first` to `last` -> (T, rows) in bf16."""
        assert isinstance(x, tuple)
        return torch._scaled_mm(
            x[0],
            self._weight[first:last].t(),
            scale_a=x[1],
            scale_b=self._scales[first:last].t(),
            out_dtype=torch.bfloat16,
            use_fast_accum=True,
        )

    def add_to(self, residual: Tensor, x: Rows) -> None:
        """residual (T, out) += x (T, in) times the matrix."""
        residual += self.times(x)


Matrix = Dense | Float8

"""Peak memory of a block of work: the GPU's if the model is on it, otherwise this process's."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESET, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@dataclass
class Peak:
    """Peak memory. bytes: the peak, set at the end of the block. where: the GPU or the process."""

    bytes: int | None = None
    where: str = "process"


@contextmanager
def peak_memory(device: str) -> Iterator[Peak]:
    """Measure the peak memory of the block. Without /proc it is the peak of the process since its start.

    Args:
        device: "cuda" or "cpu", where the model computes.
    """
    cuda: Any = sys.modules["torch"].cuda if device == "cuda" else None
    peak = Peak(where="GPU") if cuda else Peak()
    if cuda:
        cuda.reset_peak_memory_stats()
    else:
        _give_back()
        try:
            RESET.write_text("5")  # proc(5): resets VmHWM
        except OSError:
            peak.where = "process since its start"
    yield peak
    if cuda:
        peak.bytes = int(cuda.max_memory_allocated())
    elif peak.where == "process":
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        peak.bytes = int(line.split()[1]) * 1024
    else:
        unit = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss in bytes
        peak.bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _give_back() -> None:
    """Return freed memory to the system. Otherwise glibc keeps it, and it would count for the block."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)

"""Import bitsandbytes without letting it contact the Hugging Face hub.

On CPUs with AVX512-BF16 the import of bitsandbytes downloads code from the hub through the package `kernels`, or
advises to install that package. This project prevents both.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

_MISSING = object()


def bitsandbytes(part: str = "") -> Any:
    """Import bitsandbytes, or its submodule `part` such as "nn", and hide the package `kernels` meanwhile."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    before: Any = sys.modules.get("kernels", _MISSING)
    sys.modules["kernels"] = None  # type: ignore[assignment]  # None makes `import kernels` raise ImportError
    try:
        return import_module(f"bitsandbytes.{part}" if part else "bitsandbytes")
    finally:
        if before is _MISSING:
            del sys.modules["kernels"]
        else:
            sys.modules["kernels"] = before

"""Output folders: made and checked before hours of work depend on them."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.errors import ConfigError

MODEL_PARTS = ("monitor.json", "config.json", "adapter", "base")


def claim_folder(out: Path) -> None:
    """Make the folder if it does not exist.

    Raises:
        ConfigError: it cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError(f"--out {out}: cannot be made ({fault.strerror}); name another folder") from fault
    if not os.access(out, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {out}: may not be written to; name another folder")


def claim_model_folder(out: Path) -> None:
    """The same for a folder that will hold a model; no model in it is overwritten.

    Raises:
        ConfigError: it cannot be made or written to, or holds a part of a model.
    """
    parts = [name for name in MODEL_PARTS if (out / name).exists()]
    if parts:
        raise ConfigError(
            f"--out {out}: holds a model already ({', '.join(parts)}); name another folder, or move that one away"
        )
    claim_folder(out)

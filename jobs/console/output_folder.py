"""Output folders: made and checked before hours of work depend on them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from monitor.errors import ConfigError, cannot_write

MODEL_PARTS = ("monitor.json", "config.json", "adapter", "base")


def claim_folder(out: Path, option: str = "--out") -> None:
    """Make the folder that an option names, if it does not exist.

    Raises:
        ConfigError: it cannot be made or written to. StoreError: the disk is full.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise cannot_write(f"{option} {out}", error) from error


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

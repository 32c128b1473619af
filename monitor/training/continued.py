"""Training that continues from a model's adapter, and never makes it worse on the validation texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file

from monitor.errors import ConfigError, ModelError
from monitor.model.files import base_hash, damage_named, read_json
from monitor.model.folder import ModelFolder, find_folder, fingerprint, open_folder
from monitor.scoring.weights import Adapter
from monitor.training.finetuning import TrainSettings

TRAINING_LIST = "training_list.npy"


def open_source(base: str | None, start: str | None) -> ModelFolder:
    """The model folder whose base is trained: `base`, or `start`, from whose adapter training continues.

    Raises:
        ConfigError: both are missing, `start` has no adapter, or the two have different bases.
        ModelError: a folder is missing or damaged, or its manifest was written for another base.
    """
    if start is None:
        if base is None:
            raise ConfigError("--base is missing: name a base, or with --start a model to continue from")
        source = open_folder(find_folder(base))
        fingerprint(source, with_adapter=False)
        return source
    folder = find_folder(start)
    with damage_named(folder):
        source = open_folder(folder)
        if source.adapter is None:
            raise ConfigError(f"--start {start}: it has no adapter to continue from; give it as --base")
        fingerprint(source, with_adapter=True)
    if base is not None and base_hash(open_folder(find_folder(base)).base) != base_hash(source.base):
        raise ConfigError(f"--base {base}: not the base of --start {start}; leave --base out")
    return source


def settings_of(adapter: Path, settings: TrainSettings) -> TrainSettings:
    """The settings with rank, alpha and target layers of a stored adapter, which training cannot change.

    Raises:
        ModelError: the adapter is damaged, or of a kind that `train` does not write.
    """
    with damage_named(adapter):
        names, config = Adapter(adapter).names, read_json(adapter / "adapter_config.json")
        if config.get("use_rslora") or not names:
            raise ModelError(f"{adapter}: training cannot continue from it; start from one that `train` wrote")
        targets = tuple(sorted({name.rpartition(".")[2] for name in names}))
        return replace(settings, r=int(config["r"]), alpha=int(config["lora_alpha"]), targets=targets)


def load_adapter(adapted: Any, adapter: Path) -> None:
    """Load the adapter's matrices into a network from `attach_adapter` with the adapter's own `settings_of`.

    Raises:
        ModelError: the matrices do not fit the base.
    """
    from peft import set_peft_model_state_dict

    with damage_named(adapter):
        result = set_peft_model_state_dict(adapted, load_file(adapter / "adapter_model.safetensors"))
    if result.unexpected_keys:
        raise ModelError(f"{adapter}: it changes layers that the base lacks; give the base it was trained on")


def trained_before(source: ModelFolder) -> npt.NDArray[np.uint64]:
    """Hashes (`training_list`) of a model's training texts; (n,), empty if its folder does not list them.

    Raises:
        ModelError: the file is damaged.
    """
    path = source.path / TRAINING_LIST
    if not path.is_file():
        return np.empty(0, np.uint64)
    with damage_named(path):
        hashes: npt.NDArray[np.uint64] = np.load(path, allow_pickle=False).astype(np.uint64).reshape(-1)
        return hashes

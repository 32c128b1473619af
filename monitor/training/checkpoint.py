"""Load a base in the form that training needs (transformers, NF4 by bitsandbytes), and write model folders."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from monitor.errors import ConfigError, ModelError
from monitor.labels import EMOTIONS, RiskMap
from monitor.model.calibration import Calibration
from monitor.model.files import base_hash
from monitor.model.folder import Manifest, ModelFolder, find_folder, open_folder
from monitor.model.prompts import PromptTemplate
from monitor.model.symptoms import SymptomsCalibration
from monitor.scoring.bitsandbytes_loader import bitsandbytes

EMBEDDED_PROMPT = PromptTemplate("<s><|text|>", "<|emotion|>", {emotion: (f" {emotion}",) for emotion in EMOTIONS})
COPIED_UP_TO = 64 * 2**20


def pick_device(name: str) -> torch.device:
    """The device of this name; "auto" is CUDA if it is available, else the CPU.

    Raises:
        ConfigError: the name is unknown, or CUDA is not available.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device {name!r}: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda': no CUDA device was found; use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def quieten() -> None:
    """Silence the libraries' own progress bars and messages (dequantised, no compiled kernel)."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    bitsandbytes()


def load_trainable(base: Path, device: torch.device, *, dense: bool) -> Any:
    """The base as a transformers model on `device`, with NF4 values in its linear layers.

    `dense` dequantises these layers once, to the same values in fp32. On a CPU, training with dense layers is several
    times as fast as with 4-bit weights.

    Raises:
        ModelError: the folder's files are not a causal language model.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    quieten()
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=False)
        stored = getattr(config, "quantization_config", None)
        network = AutoModelForCausalLM.from_pretrained(
            base,
            **({} if stored else {"quantization_config": _nf4_config()}),
            dtype=torch.float32 if device.type == "cpu" else torch.bfloat16,
            device_map={"": str(device)},
            trust_remote_code=False,
            use_safetensors=True,  # loading a pickle would run code
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as fault:
        raise ModelError(
            f"{base}: not a causal language model, damaged ({type(fault).__name__}), or made for code of its own, "
            "which is never run; download another copy, or convert the model"
        ) from fault
    return network.dequantize().float() if dense else network


def load_base(name: str) -> tuple[Any, Any]:
    """A base in fp32 with NF4 values in its linear layers, and its transformers tokenizer.

    Raises:
        ModelError: there is no such model, or its files are not a causal language model.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    base = open_folder(find_folder(name)).base
    dequantised = load_trainable(base, torch.device("cpu"), dense=True)
    config = AutoConfig.from_pretrained(base, trust_remote_code=False)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    network = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, trust_remote_code=False
    )  # one that can be saved
    network.load_state_dict(dequantised.state_dict())
    return network, AutoTokenizer.from_pretrained(base, trust_remote_code=False)


def save_base(network: Any, tokenizer: Any, out: Path, name: str, prompt: PromptTemplate = EMBEDDED_PROMPT) -> None:
    """Write a dense base in NF4 as a model folder without adapter: `out`/base and monitor.json.

    The base is quantised from its saved bf16 weights and stored before any forward pass, because a forward pass could
    repack the weights.
    """
    from transformers import AutoModelForCausalLM

    quieten()
    folder, dense = out / "base", out / "base.dense"
    network.to(torch.bfloat16).save_pretrained(dense)
    packed = AutoModelForCausalLM.from_pretrained(
        dense,
        quantization_config=_nf4_config(),
        dtype=torch.bfloat16,
        device_map={"": "cpu"},
        trust_remote_code=False,
    )
    packed.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    shutil.rmtree(dense)
    Manifest(name, "base", base_hash(folder), "nf4-dq", None, prompt, 1.0, RiskMap()).save(out)


def save_model(
    adapted: Any,
    source: ModelFolder,
    out: Path,
    *,
    name: str,
    calibration: Calibration,
    prompt: PromptTemplate | None = None,
    symptoms_calibration: SymptomsCalibration | None = None,
    criteria_limits: Mapping[str, float] | None = None,
) -> None:
    """Write a fine-tuned model folder: adapter in bf16, monitor.json, and a small base.

    A base of more than 64 MB, or from the hub, is named in monitor.json instead of copied. `prompt` is the prompt of
    the training, if it differs from the source's prompt. Calibration and limits of the symptoms question require a
    prompt with that question.
    """
    out.mkdir(parents=True, exist_ok=True)
    adapted.save_pretrained(out / "adapter")
    weights = out / "adapter" / "adapter_model.safetensors"
    halved: Mapping[str, torch.Tensor] = {
        key: value.to(torch.bfloat16).contiguous() for key, value in load_file(weights).items()
    }
    save_file(dict(halved), weights, metadata={"format": "pt"})
    (out / "adapter" / "README.md").unlink(missing_ok=True)
    config = out / "adapter" / "adapter_config.json"
    # peft writes the base's path at training, which is useless on other machines; monitor.json names the base.
    unplaced = json.loads(config.read_text(encoding="utf-8")) | {"base_model_name_or_path": None}
    config.write_text(json.dumps(unplaced, indent=2) + "\n", encoding="utf-8")
    base = source.manifest.base
    size = sum(file.stat().st_size for file in source.base.glob("*.safetensors"))
    if size <= COPIED_UP_TO:
        base = "base"
        if source.base.resolve() != (out / "base").resolve():
            shutil.copytree(source.base, out / "base", dirs_exist_ok=True)
    elif base == "base" or Path(base).is_dir():
        base = os.path.relpath(source.base.resolve(), out.resolve())
    replace(
        source.manifest,
        name=name,
        base=base,
        base_hash=base_hash(source.base),
        adapter="adapter",
        temperature=calibration.temperature,
        exponent=calibration.exponent,
        sureness=calibration.sureness,
        prompt=prompt or source.manifest.prompt,
        symptoms_calibration=symptoms_calibration,
        criteria_limits=criteria_limits,
    ).save(out)


def _nf4_config() -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )

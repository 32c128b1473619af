"""Load a model by name: a hub id, a local folder, or the embedded model.

A folder of ours has `monitor.json` (see `monitor.model.folder`). A plain Hugging Face folder with dense or NF4
weights is scored zero-shot with the default prompt. Dense weights are rounded to NF4 at loading, so a model's scores
do not depend on how it was stored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from monitor.errors import ModelError
from monitor.labels import RiskMap
from monitor.model.files import damage_named, read_tokenizer
from monitor.model.folder import EMBEDDED, EVALUATION, ModelFolder, find_folder, fingerprint, open_folder
from monitor.model.prompts import PromptTemplate
from monitor.model.symptoms import SymptomsCalibration, read_limits
from monitor.scoring.llama import LlamaNetwork, LlamaShape
from monitor.scoring.weight_matrices import can_fuse
from monitor.scoring.weights import Adapter, StoredWeights, materialise, read_shape

logger = logging.getLogger(__name__)
BATCH_MEMORY = 6 * 2**30  # bytes reserved for the activations of a batch
__all__ = ["EMBEDDED", "LoadedModel", "load_model", "multiplies_bf16"]


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to score: weights, prompt and everything else that its scores depend on.

    Attributes:
        model_id: content hash of everything a score depends on, the same on every device.
        base: the base's name; quantisation: "nf4-dq" or "none".
        adapter: hash of the merged adapter, or None.
        temperature, exponent: calibration parameters of `label_tree.probabilities`.
        sureness: lowers the temperature of texts that show a criterion (`calibration.temperatures`).
        max_text_tokens: most tokens of a text that is read at once; `LabelScorer.score` reads longer texts in
            pieces, its other methods truncate them.
        evaluation: the file of measurements that came with the model, or None.
        symptoms_calibration: calibration of the answers to the symptoms question; None for a model without it.
        criteria_limits: the probability above which each criterion, and any, counts as shown; None without the
            question.
    """

    network: LlamaNetwork
    tokenizer: Any
    prompt: PromptTemplate
    temperature: float
    risk_map: RiskMap
    model_id: str
    name: str
    base: str
    quantisation: str
    adapter: str | None
    max_text_tokens: int
    evaluation: Path | None = None
    exponent: float = 1.0
    sureness: float = 0.0
    symptoms_calibration: SymptomsCalibration | None = None
    criteria_limits: Mapping[str, float] | None = None

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.network.device


def load_model(
    name: str | Path,
    *,
    device: str = "auto",
    weights: str = "auto",
    adapter: bool = True,
    risk_map: RiskMap | None = None,
    criteria_limits: Mapping[str, float] | None = None,
) -> LoadedModel:
    """Load a model for scoring.

    Args:
        name: "embedded", a folder, or a hub id.
        device: "auto" (CUDA if it is available), "cpu" or "cuda".
        weights: "dense" decodes once at loading, "nf4" at each use (a quarter of the memory), "fp8" rounds the inputs
            of products to 8 bits (CUDA only); "auto" is dense on a CPU, and on a GPU if the dense weights fit into
            its memory, else nf4.
        adapter: whether to use the adapter; False scores the base alone.
        risk_map: replaces the model's own risk map, and so changes the model_id.
        criteria_limits: replace the model's own limits of these names, and so change the model_id; ignored for a
            model without the symptoms question.

    Raises:
        ModelError: the model is missing or damaged, or its parts do not belong together.
        ConfigError: a limit has an unknown name or is not a probability.
    """
    path = find_folder(name)
    with damage_named(path):
        folder = _with_changes(open_folder(path), risk_map, criteria_limits)
        return _load(folder, device, weights, adapter)


def _load(folder: ModelFolder, device: str, weights: str, adapter: bool) -> LoadedModel:
    manifest, tokenizer = folder.manifest, read_tokenizer(folder.base)
    shape = read_shape(folder.base)
    lora = Adapter(folder.adapter) if adapter and folder.adapter else None
    model_id, adapter_hash = fingerprint(folder, with_adapter=lora is not None)
    target = _device(device)
    if target.type == "cuda" and not can_fuse(target):
        logger.warning("this GPU or platform lacks the fused kernels: scoring with plain ones, more slowly")
    stored = StoredWeights(folder.base, target)
    form = _form(weights, shape, target)
    try:
        network = materialise(
            stored, shape, lora, _dtype(target), quantise=manifest.quantisation == "nf4-dq", form=form
        )
    except torch.OutOfMemoryError as fault:
        raise ModelError(
            f"the GPU has too little free memory for the weights of {manifest.name}; free some, or use the CPU"
        ) from fault
    return LoadedModel(
        network=network,
        tokenizer=tokenizer,
        prompt=manifest.prompt,
        temperature=manifest.temperature,
        exponent=manifest.exponent,
        sureness=manifest.sureness,
        risk_map=manifest.risk_map,
        model_id=model_id,
        name=manifest.name,
        base=manifest.base,
        quantisation=manifest.quantisation,
        adapter=adapter_hash,
        max_text_tokens=manifest.max_text_tokens,
        evaluation=path if (path := folder.path / EVALUATION).is_file() else None,
        symptoms_calibration=manifest.symptoms_calibration,
        criteria_limits=manifest.criteria_limits,
    )


def _with_changes(folder: ModelFolder, risk_map: RiskMap | None, limits: Mapping[str, float] | None) -> ModelFolder:
    """The folder with another risk map and other limits, which change its model_id."""
    manifest = folder.manifest
    if risk_map is not None:
        manifest = replace(manifest, risk_map=risk_map)
    if limits and manifest.criteria_limits is not None:
        manifest = replace(manifest, criteria_limits=read_limits({**manifest.criteria_limits, **limits}))
    return replace(folder, manifest=manifest)


def _device(name: str) -> torch.device:
    if name not in ("auto", "cpu", "cuda"):
        raise ModelError(f"device {name!r}: use auto, cpu or cuda")
    if name != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        logger.warning("no CUDA device was found: scoring on the CPU")
    return torch.device("cpu")


def _form(weights: str, shape: LlamaShape, device: torch.device) -> str:
    if weights not in ("auto", "dense", "nf4", "fp8"):
        raise ModelError(f"weights {weights!r}: use auto, dense, nf4 or fp8")
    if weights == "fp8" and not (can_fuse(device) and torch.cuda.get_device_capability(device) >= (8, 9)):
        raise ModelError("weights 'fp8': no GPU here multiplies 8-bit floats; use dense")
    if weights != "auto":
        return weights
    if device.type == "cpu":
        return "dense"
    free, _ = torch.cuda.mem_get_info(device)
    return "dense" if _dtype(device).itemsize * shape.matrix_values + BATCH_MEMORY < free else "nf4"


def _dtype(device: torch.device) -> torch.dtype:
    """Bf16 if the processor multiplies it natively (at least twice the speed of fp32), else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if can_fuse(device) else torch.float32
    return torch.bfloat16 if multiplies_bf16() else torch.float32


def multiplies_bf16() -> bool:
    """Whether this CPU has bf16 matrix instructions."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())

"""Build a network from stored weights: read or quantise NF4, merge the adapter in fp32, fuse matrices.

Weights are stored in NF4 with double quantisation, and dequantised once to dense matrices for scoring. The adapter's
update B·A·(alpha / r) is added to the dequantised matrix in fp32, and the sum is rounded once. A merge into 4-bit
weights would lose the update to quantisation. The norms' weights are folded into the matrices that follow them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from monitor.errors import ModelError
from monitor.model.files import read_json, there
from monitor.scoring.attention import Heads
from monitor.scoring.bitsandbytes_loader import bitsandbytes
from monitor.scoring.llama import Layer, LlamaNetwork, LlamaShape
from monitor.scoring.weight_matrices import Dense, Float8, LowRank, Matrix, Nf4, Scratch, StoredNf4, can_fuse

BLOCK_SIZE = 64
LARGEST_DIMENSION = 10_000_000
# Settings of peft with which an adapter is more than up @ down, and beginnings that change the base's own weights.
NOT_PLAIN = (
    *("use_dora", "modules_to_save", "fan_in_fan_out", "rank_pattern", "alpha_pattern"),
    *("alora_invocation_tokens", "layer_replication"),
)
CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq")
PROJECTIONS = {
    "self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
}


def read_nf4(parts: Mapping[str, Tensor]) -> Nf4:
    """Read a matrix from the tensors that bitsandbytes stores: the codes under the name "", and the scales.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError: the scales are damaged or do not fit the codes.
    """
    state = json.loads(bytes(parts["quant_state.bitsandbytes__nf4"].tolist()))
    scales = parts["absmax"]
    if "nested_absmax" in parts:
        outer = parts["nested_absmax"].repeat_interleave(state["nested_blocksize"])[: len(scales)]
        scales = parts["nested_quant_map"][scales.int()] * outer + state["nested_offset"]
    codes, levels = parts[""].reshape(-1), parts["quant_map"].float()
    rows, columns = state["shape"]
    n = rows * columns
    if codes.dtype != torch.uint8 or 2 * len(codes) != n or not len(scales) or n % len(scales) or len(levels) != 16:
        raise ValueError("the quantisation state does not fit the codes")
    if not all(torch.isfinite(part).all() for part in (scales, levels)):
        raise ValueError("scales that are not numbers")
    return Nf4(codes, scales.float(), levels, (rows, columns))


def quantise_nf4(weight: Tensor) -> Nf4:
    """The matrix that bitsandbytes' loader would store for a dense (out, in) weight."""
    functional = bitsandbytes("functional")
    packed, state = functional.quantize_4bit(
        weight.contiguous(), blocksize=BLOCK_SIZE, compress_statistics=True, quant_type="nf4"
    )
    scales = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    return Nf4(packed.reshape(-1), scales.float(), state.code.float(), (weight.shape[0], weight.shape[1]))


class Adapter:
    """The low-rank updates of a peft LoRA folder, by the name of the matrix that each one changes.

    Raises:
        ModelError: a file is missing or damaged, or the adapter is of a kind that cannot be merged exactly.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config, self._tensors = _read_adapter(folder)
        odd = [key for key in NOT_PLAIN if config.get(key)]
        odd += ["init_lora_weights"] if str(config.get("init_lora_weights")).startswith(CHANGE_THE_BASE) else []
        odd += [name for name in self._tensors if not name.endswith((".lora_A.weight", ".lora_B.weight"))][:1]
        if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or odd:
            raise ModelError(f"{folder}: only a plain LoRA adapter can be merged, not one with {odd or 'biases'}")
        ranks = {t.shape[0] for name, t in self._tensors.items() if name.endswith(".lora_A.weight")}
        if ranks - {config["r"]}:
            raise ModelError(
                f"{folder}: adapter_config.json says rank {config['r']}, the weights have {sorted(ranks)}; "
                "copy both files of the adapter anew"
            )
        rank = config["r"] ** 0.5 if config.get("use_rslora") else config["r"]
        self.scale = config["lora_alpha"] / rank
        tensors = self._tensors.values()
        if not math.isfinite(self.scale) or not all(torch.isfinite(tensor).all() for tensor in tensors):
            raise ModelError(f"{folder}: the adapter is damaged (values are not numbers); copy or train it again")
        self.names = sorted(
            name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            for name in self._tensors
            if name.endswith(".lora_A.weight")
        )

    def update(self, name: str, shape: tuple[int, int], device: torch.device) -> LowRank | None:
        """The update of the matrix `name` in fp32, or None if the adapter does not change the matrix."""
        if name not in self.names:
            return None
        down = self._tensors[f"base_model.model.{name}.lora_A.weight"].to(device, torch.float32)
        up = self._tensors[f"base_model.model.{name}.lora_B.weight"].to(device, torch.float32)
        if (up.shape[0], down.shape[1]) != shape:
            raise ModelError(
                f"{self.folder}: the adapter changes {name} of shape {(up.shape[0], down.shape[1])}, but the "
                f"base's is {shape}; give the base this adapter was trained on"
            )
        return LowRank(up * self.scale, down)


def _read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    weights = folder / "adapter_model.safetensors"
    config = read_json(folder / "adapter_config.json")
    try:
        with safe_open(there(weights), framework="pt") as file:
            return config, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (ValueError, SafetensorError) as fault:
        raise ModelError(f"{folder}: the adapter is damaged; copy or train it again") from fault


class StoredWeights:
    """The tensors of a Hugging Face folder, read one at a time.

    Raises:
        ModelError: there is no safetensors file, or one is damaged.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.files = sorted(folder.glob("model*.safetensors"))
        if not self.files:
            raise ModelError(f"{folder}: no model*.safetensors; give a folder with weights in that format")
        self._where: dict[str, Any] = {}
        for path in self.files:
            try:
                file: Any = safe_open(path, framework="pt", device=str(device))
            except SafetensorError as fault:
                raise ModelError(f"{path}: damaged; copy or download it again") from fault
            self._where.update(dict.fromkeys(file.keys(), file))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors in the files."""
        return tuple(self._where)

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def tensor(self, name: str) -> Tensor:
        """One tensor in its stored form."""
        if name not in self:
            raise ModelError(f"{self.folder}: no tensor {name}; the files are not those of this config.json")
        tensor: Tensor = self._where[name].get_tensor(name)
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ModelError(f"{self.folder}: {name} holds values that are not numbers; copy or download it again")
        return tensor

    def matrix(self, name: str, shape: tuple[int, int], *, quantise: bool) -> Tensor | Nf4:
        """One projection, in NF4 if it is stored in NF4 or `quantise` is set, otherwise dense in fp32."""
        stem = f"{name}.weight"
        if f"{stem}.quant_state.bitsandbytes__nf4" in self:
            parts = {key[len(stem) :].lstrip("."): self.tensor(key) for key in self._where if key.startswith(stem)}
            try:
                matrix: Tensor | Nf4 = read_nf4(parts)
            except (ValueError, LookupError, TypeError, RuntimeError) as fault:
                raise ModelError(f"{self.folder}: {name} is damaged; copy or download it again") from fault
        else:
            matrix = self.tensor(stem)
        if tuple(matrix.shape) != shape:
            raise ModelError(f"{self.folder}: {name} is {tuple(matrix.shape)}, but config.json says {shape}")
        if isinstance(matrix, Tensor):
            return quantise_nf4(matrix) if quantise else matrix.float()
        return matrix


def read_shape(folder: Path) -> LlamaShape:
    """The dimensions in a folder's config.json.

    Raises:
        ModelError: the file is missing or damaged, or the model is not a plain Llama or Mistral.
    """
    path = folder / "config.json"
    config = read_json(path)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    biased = config.get("attention_bias") or config.get("mlp_bias")
    if config.get("model_type") not in ("llama", "mistral") or kind != "default" or biased:
        raise ModelError(
            f"{path}: a {config.get('model_type')!r} with {kind!r} positions{' and biases' if biased else ''}; "
            "only Llama and Mistral models with plain rotary positions can be scored"
        )

    def count(key: str, default: int | None = None) -> int:
        value = config.get(key) or default
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_DIMENSION:
            raise ModelError(
                f"{path}: {key} is not a whole number from 1 to {LARGEST_DIMENSION:,}; download it again"
            )
        return value

    heads = count("num_attention_heads")
    size = count("head_dim", count("hidden_size") // heads)
    base: Any = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    eps: Any = config.get("rms_norm_eps")
    for key, value in (("rope_theta", base), ("rms_norm_eps", eps)):
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ModelError(f"{path}: {key} is not a number above 0; download it again")
    return LlamaShape(
        vocab_size=count("vocab_size"),
        hidden_size=count("hidden_size"),
        intermediate_size=count("intermediate_size"),
        layers=count("num_hidden_layers"),
        heads=Heads(heads, count("num_key_value_heads", heads), size),
        norm_eps=eps,
        inverse_frequencies=tuple(float(base) ** (-2 * i / size) for i in range(size // 2)),
        max_positions=count("max_position_embeddings"),
    )


def materialise(
    weights: StoredWeights,
    shape: LlamaShape,
    adapter: Adapter | None,
    dtype: torch.dtype,
    *,
    quantise: bool,
    form: str = "dense",
) -> LlamaNetwork:
    """A network of fused matrices, on the device of `weights`.

    Args:
        weights: the base.
        shape: its dimensions.
        adapter: updates to merge, if any.
        dtype: type of the products.
        quantise: round dense stored matrices to NF4 first, as the 4-bit loader would.
        form: "dense" (decoded once, merged in fp32, rounded once), "nf4" (decoded at each use) or "fp8".

    Raises:
        ModelError: a tensor is missing or of another shape, or the adapter changes matrices that the base lacks.
    """
    if adapter:
        _check_names(adapter, weights, shape)
    _check_layers(weights, shape)
    scratch = Scratch()

    def matrix(names: tuple[str, ...], outs: tuple[int, ...], into: int, norm: str | None = None) -> Matrix:
        stored = [weights.matrix(name, (out, into), quantise=quantise) for name, out in zip(names, outs, strict=True)]
        updates = [
            adapter.update(name, (out, into), weights.device) if adapter else None
            for name, out in zip(names, outs, strict=True)
        ]
        columns = weights.tensor(f"{norm}.weight").float() if norm else torch.ones(into, device=weights.device)
        packed = [part for part in stored if isinstance(part, Nf4)]
        if form == "nf4" and len(packed) == len(stored):
            return StoredNf4(packed, updates, columns, scratch, dtype)
        merged = torch.cat([_merged(part, update) for part, update in zip(stored, updates, strict=True)])
        return (Float8 if form == "fp8" else Dense)((merged * columns).to(dtype))

    layers = [_layer(f"model.layers.{index}", shape, matrix) for index in range(shape.layers)]
    embedding = weights.tensor("model.embed_tokens.weight")
    head = weights.tensor("lm_head.weight") if "lm_head.weight" in weights else embedding
    norm = weights.tensor("model.norm.weight")
    fused = can_fuse(weights.device)
    return LlamaNetwork(shape, embedding.to(dtype), layers, norm, head, fused=fused)


def _check_layers(weights: StoredWeights, shape: LlamaShape) -> None:
    """Require the number of layers in config.json: the model_id covers the weights, but not how many are used."""
    stored = {int(found[1]) for name in weights.names if (found := re.match(r"model\.layers\.(\d+)\.", name))}
    if stored != set(range(shape.layers)):
        raise ModelError(
            f"{weights.folder}: the files have {len(stored)} layers, but config.json says {shape.layers}; "
            "copy or download both again"
        )


def _merged(stored: Tensor | Nf4, update: LowRank | None) -> Tensor:
    """The dense fp32 matrix with its update added."""
    matrix = stored.dequantise() if isinstance(stored, Nf4) else stored
    return matrix if update is None else torch.addmm(matrix, update.up, update.down)


def _layer(stem: str, shape: LlamaShape, matrix: Callable[..., Matrix]) -> Layer:
    h, inner, heads = shape.hidden_size, shape.intermediate_size, shape.heads
    n, k = heads.query * heads.size, heads.key * heads.size
    attn, mlp = f"{stem}.self_attn", f"{stem}.mlp"
    qkv = (f"{attn}.q_proj", f"{attn}.k_proj", f"{attn}.v_proj")
    return Layer(
        qkv=matrix(qkv, (n, k, k), h, f"{stem}.input_layernorm"),
        output=matrix((f"{attn}.o_proj",), (h,), n),
        gate_up=matrix((f"{mlp}.gate_proj", f"{mlp}.up_proj"), (inner, inner), h, f"{stem}.post_attention_layernorm"),
        down=matrix((f"{mlp}.down_proj",), (h,), inner),
    )


def _check_names(adapter: Adapter, weights: StoredWeights, shape: LlamaShape) -> None:
    known = {
        f"model.layers.{index}.{block}.{name}"
        for index in range(shape.layers)
        for block, names in PROJECTIONS.items()
        for name in names
    }
    strange = [name for name in adapter.names if name not in known]
    if strange:
        raise ModelError(
            f"{adapter.folder}: the adapter changes {strange[0]}, which the base {weights.folder} does not have; "
            "give the base this adapter was trained on"
        )

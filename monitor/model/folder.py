"""Model folders: their location, their content, and the hash that names their scores.

    monitor.json    base, adapter, prompt, calibration, limits, risk map (`Manifest`)
    evaluation.csv  optional: the model's rows of the table `evaluations`, for the score card of reports
    base/           Hugging Face folder: config.json, model.safetensors, tokenizer.json; or a path, or a hub id
    adapter/        peft folder: adapter_config.json, adapter_model.safetensors
    README.md       the model card

A folder with config.json but no monitor.json is a plain base. It has no adapter and gets the default prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor import ROOT
from monitor.errors import ConfigError, ModelError
from monitor.labels import ANSWERS, RiskMap
from monitor.model.chat_template import TemplateError
from monitor.model.files import base_hash, canonical, file_hash, read_json, read_tokenizer, text_hash
from monitor.model.prompts import PromptTemplate, default_template
from monitor.model.symptoms import SymptomsCalibration, read_limits

EMBEDDED = "embedded"
EMBEDDED_FOLDER = ROOT / "monitor" / "assets" / "emotion-llama"
MANIFEST = "monitor.json"
EVALUATION = "evaluation.csv"
LARGEST = 1000.0  # largest temperature and exponent
QUANTISATIONS = ("nf4-dq", "none")
MAX_TEXT_TOKENS = 256
MAX_NAME = 200  # characters; names are printed, and the folder's author chose them
LIMIT = 0.5  # limit of a criterion without one in the manifest
_REQUIRED = ("name", "base", "base_hash", "quantisation", "adapter", "prompt", "temperature", "risk_map")
_OPTIONAL = ("max_text_tokens", "exponent", "sureness", "symptoms_calibration", "criteria_limits")


@dataclass(frozen=True)
class Manifest:
    """The content of monitor.json: everything that a score depends on, except the weights.

    Attributes:
        base: "base" (inside the folder), another path, or a hub id.
        base_hash: hash of the base's weight files (`files.base_hash`); None: the base is not checked.
        quantisation: "nf4-dq" (NF4 with double quantisation) or "none".
        adapter: folder of the adapter, relative to monitor.json, or None.
        temperature, exponent: calibrate the label log-likelihoods (`label_tree.probabilities`).
        sureness: lowers the temperature of texts that show a criterion (`calibration.temperatures`); 0 without the
            symptoms question.
        max_text_tokens: most tokens of a text that is read at once; scoring reads longer texts in pieces.
        symptoms_calibration: calibration of the answers to the symptoms question; None for a prompt without it.
        criteria_limits: the probability above which each of ANSWERS counts as shown; None for a prompt without the
            symptoms question.
    """

    name: str
    base: str
    base_hash: str | None
    quantisation: str
    adapter: str | None
    prompt: PromptTemplate
    temperature: float
    risk_map: RiskMap
    max_text_tokens: int = MAX_TEXT_TOKENS
    exponent: float = 1.0
    sureness: float = 0.0
    symptoms_calibration: SymptomsCalibration | None = None
    criteria_limits: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain JSON values."""
        return {
            "format": 1,
            "name": self.name,
            "base": self.base,
            "base_hash": self.base_hash,
            "quantisation": self.quantisation,
            "adapter": self.adapter,
            "prompt": self.prompt.to_json(),
            "temperature": self.temperature,
            "exponent": self.exponent,
            "max_text_tokens": self.max_text_tokens,
            "risk_map": dict(self.risk_map.rules),
            **self.symptoms_json(),
        }

    def symptoms_json(self) -> dict[str, Any]:
        """Sureness, calibration and limits of the symptoms question as plain JSON values; empty if there are none."""
        value: dict[str, Any] = {}
        if self.sureness:  # so that models from before it keep their ids
            value["sureness"] = self.sureness
        if self.symptoms_calibration is not None:
            value["symptoms_calibration"] = self.symptoms_calibration.to_json()
        if self.criteria_limits is not None:
            value["criteria_limits"] = dict(self.criteria_limits)
        return value

    def save(self, folder: Path) -> None:
        """Write monitor.json into `folder`, which is created if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Manifest:
        """The manifest that `to_json` wrote.

        Raises:
            ConfigError: a key is missing or unknown, or its value is wrong.
        """
        missing = [key for key in _REQUIRED if key not in value]
        unknown = sorted(set(value) - {"format", *_OPTIONAL, *_REQUIRED})
        if value.get("format") != 1:
            raise ConfigError("not of format 1, which this version reads")
        if missing or unknown:
            newer = "; a newer version of this program may have written it" if unknown else ""
            raise ConfigError(f"missing keys {missing}, unknown keys {unknown}{newer}")
        limit = value.get("max_text_tokens", MAX_TEXT_TOKENS)
        calibration = {"temperature": value["temperature"], "exponent": value.get("exponent", 1.0)}
        for key, number in calibration.items():
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LARGEST:
                raise ConfigError(f"{key} {number!r}: it must be a number above 0, and at most 1,000")
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise ConfigError(f"max_text_tokens {limit!r}: it must be a whole number above 0")
        for key in ("base_hash", "adapter"):
            if not isinstance(value[key], str | None):
                raise ConfigError(f"{key} {value[key]!r}: it must be text or null")
        if value["quantisation"] not in QUANTISATIONS:
            raise ConfigError(f"quantisation {value['quantisation']!r}: use one of {', '.join(QUANTISATIONS)}")
        prompt = PromptTemplate.from_json(value["prompt"])
        scale, limits, sureness = _read_symptoms(value, asked=prompt.symptoms is not None)
        return cls(
            name="".join(part if part.isprintable() else " " for part in str(value["name"]))[:MAX_NAME],
            base=str(value["base"]),
            base_hash=value["base_hash"],
            quantisation=value["quantisation"],
            adapter=value["adapter"],
            prompt=prompt,
            temperature=float(calibration["temperature"]),
            risk_map=RiskMap(value["risk_map"]),
            max_text_tokens=limit,
            exponent=float(calibration["exponent"]),
            sureness=sureness,
            symptoms_calibration=scale,
            criteria_limits=limits,
        )


def _read_symptoms(
    value: Mapping[str, Any], *, asked: bool
) -> tuple[SymptomsCalibration | None, dict[str, float] | None, float]:
    """Read calibration, limits and sureness; neutral values if only the prompt has the symptoms question."""
    given = {key: value[key] for key in ("symptoms_calibration", "criteria_limits", "sureness") if key in value}
    if not asked:
        if given:
            raise ConfigError(f"{', '.join(given)}: the prompt has no symptoms question; add or remove both")
        return None, None, 0.0
    sureness = given.get("sureness", 0.0)
    if isinstance(sureness, bool) or not isinstance(sureness, int | float) or not 0 <= sureness <= LARGEST:
        raise ConfigError(f"sureness {sureness!r}: it must be a number from 0 to 1,000")
    neutral: dict[str, Any] = {
        "symptoms_calibration": SymptomsCalibration().to_json(),
        "criteria_limits": dict.fromkeys(ANSWERS, LIMIT),
    }
    whole = neutral | given
    scale = SymptomsCalibration.from_json(whole["symptoms_calibration"])
    return scale, read_limits(whole["criteria_limits"]), float(sureness)


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk: its manifest, the folder of its base, and that of its adapter, if any."""

    path: Path
    manifest: Manifest
    base: Path
    adapter: Path | None


def find_folder(name: str | Path) -> Path:
    """The folder of a model, given as "embedded", a local folder, or a hub id (downloaded if it is not cached).

    Raises:
        ModelError: there is no such model, or it is not cached and cannot be downloaded.
    """
    if name == EMBEDDED:
        if not EMBEDDED_FOLDER.is_dir():
            raise ModelError(f"{EMBEDDED_FOLDER}: the embedded model is missing; install the package again")
        return EMBEDDED_FOLDER
    path = Path(name)
    if path.is_dir():
        return path
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) or str(name).startswith("."):
        raise ModelError(f"no model {str(name)!r}: give {EMBEDDED!r}, a folder that exists, or a hub id (owner/name)")
    return _download(str(name))


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja"]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted))
    except (LocalEntryNotFoundError, OSError) as fault:
        if isinstance(fault, HfHubHTTPError) and fault.response is not None:
            raise ModelError(
                f"{hub_id}: the hub answered {fault.response.status_code}; check the name, and that you may read it"
            ) from fault
        raise ModelError(
            f"{hub_id}: not on this machine, and the hub cannot be reached; give a local folder, "
            f"use {EMBEDDED!r}, or download it first with: hf download {hub_id}"
        ) from fault
    except HFValidationError as fault:
        raise ModelError(f"{hub_id}: not a hub id ({fault}); give owner/name or a folder") from fault


def open_folder(path: Path) -> ModelFolder:
    """Read the manifest of a model folder.

    Raises:
        ModelError: it is not a model folder, monitor.json is wrong, or the named base or adapter is missing.
    """
    source = path / MANIFEST
    if not source.is_file():
        if not (path / "config.json").is_file():
            raise ModelError(f"{path}: neither {MANIFEST} nor config.json; give a model folder")
        return ModelFolder(path, _plain_manifest(path), path, None)
    try:
        manifest = Manifest.from_json(read_json(source))
    except (ConfigError, ValueError, AttributeError, TypeError) as fault:
        raise ModelError(f"{source}: {fault}; see monitor.json of a model that `train` wrote") from fault
    inside = path / manifest.base
    base = inside if inside.is_dir() else find_folder(manifest.base)
    if manifest.adapter is None:
        return ModelFolder(path, manifest, base, None)
    adapter = path / manifest.adapter
    if not adapter.is_dir():
        raise ModelError(
            f"{adapter}: missing, though {source.name} names it; copy the adapter there, train it again, "
            'or set "adapter" to null to score the base alone'
        )
    return ModelFolder(path, manifest, base, adapter)


def _plain_manifest(path: Path) -> Manifest:
    from transformers import AutoTokenizer

    read_tokenizer(path)  # its error is in plain words
    try:
        prompt = default_template(AutoTokenizer.from_pretrained(path, trust_remote_code=False))
    except TemplateError as fault:
        raise ModelError(f"{path}: {fault}; repair it, or write the prompt into a {MANIFEST}") from fault
    except Exception as fault:  # a stranger's files can raise any error, whose message may quote them
        raise ModelError(
            f"{path}: tokenizer or config.json damaged ({type(fault).__name__}), or made for code of their own, "
            "which is never run; download another copy, or convert the model"
        ) from fault
    name = path.resolve().name
    return Manifest(name, str(path), None, "nf4-dq", None, prompt, 1.0, RiskMap())


def fingerprint(folder: ModelFolder, *, with_adapter: bool) -> tuple[str, str | None]:
    """The model's id and its adapter's hash.

    The id covers base weights, shape and tokenizer, quantisation, adapter, prompt with verbalizers and symptoms
    question, calibration, limits, text length and risk map. The id does not depend on paths, the device or the order
    of keys.

    Raises:
        ModelError: the manifest was written for another base, or a file is missing or damaged.
    """
    manifest = folder.manifest
    weights = base_hash(folder.base)
    if manifest.base_hash is not None and manifest.base_hash != weights:
        raise ModelError(
            f"{folder.path}: the base {folder.base} does not match its adapter (hash {weights[:12]}, expected "
            f"{manifest.base_hash[:12]}); give the base this model was trained on"
        )
    adapter = None
    if folder.adapter and with_adapter:
        config = read_json(folder.adapter / "adapter_config.json")
        scale = {key: config.get(key) for key in ("r", "lora_alpha", "use_rslora")}
        adapter = text_hash(canonical(scale) + file_hash(folder.adapter / "adapter_model.safetensors"))
    parts = {
        "base": weights,
        "config": _shape_of(folder.base),
        "tokenizer": file_hash(folder.base / "tokenizer.json"),
        "quantisation": manifest.quantisation,
        "adapter": adapter,
        "prompt": manifest.prompt.to_json(),
        "temperature": format(manifest.temperature, ".9g"),
        "max_text_tokens": manifest.max_text_tokens,
        "risk_map": dict(manifest.risk_map.rules),
    }
    if manifest.exponent != 1:  # so that models from before exponents keep their ids
        parts["exponent"] = format(manifest.exponent, ".9g")
    parts |= manifest.symptoms_json()  # empty for a prompt without the question, so that its id stays the same
    return text_hash(canonical(parts))[:16], adapter


def _shape_of(base: Path) -> dict[str, Any]:
    config = read_json(base / "config.json")
    keys = ("model_type", "num_attention_heads", "num_key_value_heads", "rms_norm_eps", "rope_theta")
    return {key: config.get(key) for key in (*keys, "rope_parameters", "rope_scaling")}

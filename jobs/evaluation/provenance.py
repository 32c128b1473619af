"""Models, package versions and training curves behind an evaluation's numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from monitor.model.folder import find_folder

Json = dict[str, Any]


def model_provenance(model: Any) -> Json:
    """The id of a model, and the parts that decide its answers: base, adapter, quantisation, calibration, prompt,
    risk map.
    """
    names = (
        "name",
        "model_id",
        "base",
        "quantisation",
        "adapter",
        "temperature",
        "exponent",
        "sureness",
        "max_text_tokens",
    )
    return {name: getattr(model, name) for name in names} | {
        "prompt": model.prompt.to_json(),
        "risk_map": dict(model.risk_map.rules),
    }


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on."""
    return {name: version(name) for name in ("torch", "numpy", "scikit-learn", "altair")}


def training_curves(models: Sequence[str]) -> list[Json]:
    """The training curve that `train` wrote into each model's folder, if any."""
    curves = []
    for name in dict.fromkeys(models):
        path = find_folder(name) / "training_curve.json"
        if path.is_file():
            curves.append({"model": str(name), "curve": json.loads(path.read_text(encoding="utf-8"))})
    return curves

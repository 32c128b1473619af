"""What an evaluation's numbers were made with: models, packages, and how the models were trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from monitor.model.folder import find_folder

Json = dict[str, Any]


def about_model(model: Any) -> Json:
    """What stands behind a model's answers."""
    names = (
        "name",
        "model_id",
        "base",
        "quantisation",
        "adapter",
        "temperature",
        "exponent",
        "max_text_tokens",
    )
    return {name: getattr(model, name) for name in names} | {
        "prompt": model.prompt.to_json(),
        "risk_map": dict(model.risk_map.rules),
    }


def versions() -> dict[str, str]:
    """The packages that the numbers depend on."""
    return {name: version(name) for name in ("torch", "numpy", "scikit-learn", "altair")}


def training_curves(models: Sequence[str]) -> list[Json]:
    """What `train` wrote beside each model about its own course."""
    found = []
    for name in dict.fromkeys(models):
        path = find_folder(name) / "training_curve.json"
        if path.is_file():
            found.append({"model": str(name), "curve": json.loads(path.read_text(encoding="utf-8"))})
    return found

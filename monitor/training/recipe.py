"""Recipes of `train`: TOML files whose every value is checked before anything is loaded."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from monitor import ROOT
from monitor.corpora.mixture import MixtureSettings
from monitor.errors import ConfigError
from monitor.settings import plain_message, suggest

if TYPE_CHECKING:
    from monitor.training.finetuning import TrainSettings

RECIPES = {"embedded": ROOT / "monitor" / "assets" / "recipe.toml"}
COUNT, SHARE, NOT_BELOW_0 = {"ge": 1}, {"ge": 0, "le": 1}, {"ge": 0}
RANGES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("r", "alpha", "epochs", "batch", "accumulation"), COUNT),
    **dict.fromkeys(("evaluations", "max_text_tokens"), COUNT),
    **dict.fromkeys(("neutral", "emotional", "seed", "weight_decay"), NOT_BELOW_0),
    **dict.fromkeys(("warmup", "trust", "balance", "soften"), SHARE),
    **dict.fromkeys(("punctuate", "shorten", "surround", "surround_weight"), SHARE),
    "dropout": {"ge": 0, "lt": 1},
    "rate": {"gt": 0, "le": 1},
    "targets": {"min_length": 1, "strict": False},  # TOML knows lists, not tuples
}


class Recipe(NamedTuple):
    """Settings of the adapter, those of the mixture (None: the canonical texts alone), and the mixture's files."""

    adapter: TrainSettings
    mixture: MixtureSettings | None
    files: dict[str, str]


def read_recipe(name: str, changes: dict[str, Any]) -> Recipe:
    """A recipe by name or file, with `changes` of the adapter's settings; its seed is the mixture's too.

    Raises:
        ConfigError: there is no such recipe, or a key in it is unknown, or a value of the wrong kind or range.
    """
    from monitor.training.finetuning import TrainSettings

    if name == "notebook":
        return Recipe(TrainSettings(**changes), None, {})
    path = RECIPES.get(name, Path(name))
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise ConfigError(f"recipe {name}: {fault}; give notebook, embedded or a TOML file") from fault
    files = {"extra_texts": (str, ""), "comments": (str, "")}
    tables = {"adapter": _table(TrainSettings, {}), "mixture": _table(MixtureSettings, files)}
    whole: Any = {name: (table, None) for name, table in tables.items()}
    shape: Any = create_model("Recipe", __config__=ConfigDict(extra="forbid"), **whole)
    try:
        given = shape(**content).model_dump(exclude_unset=True)
    except ValidationError as error:
        lines = [_explain(fault["loc"], fault["type"], fault["msg"], tables) for fault in error.errors()]
        raise ConfigError(f"recipe {path}: {'; '.join(lines)}") from error
    adapter = TrainSettings(**given.get("adapter", {}) | changes)
    if "mixture" not in given:
        return Recipe(adapter, None, {})
    mixture = {"seed": adapter.seed} | given["mixture"] | {k: v for k, v in changes.items() if k == "seed"}
    named = {key: mixture.pop(key) for key in files if key in mixture}
    asked = {"extra_texts": ("extra",), "comments": ("neutral", "emotional")}
    for file, keys in asked.items():
        if file not in named and any(given["mixture"].get(key) for key in keys):
            raise ConfigError(
                f"recipe {path}: mixture.{' or '.join(keys)}: name the file in mixture.{file}, or ask for none"
            )
    return Recipe(adapter, MixtureSettings(**mixture), named)


def _table(settings: type, more: dict[str, Any]) -> type[BaseModel]:
    """The settings with their ranges, and more keys."""
    kinds = get_type_hints(settings)
    keys: Any = {
        key.name: (kinds[key.name], Field(key.default, **RANGES.get(key.name, {})))
        for key in fields(settings)
    }
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    table: type[BaseModel] = create_model(settings.__name__, __config__=config, **keys | more)
    return table


def _explain(
    place: tuple[int | str, ...], kind: str, message: str, tables: dict[str, type[BaseModel]]
) -> str:
    key = ".".join(map(str, place))
    if kind != "extra_forbidden":
        return f"{key}: {plain_message(kind, message)}"
    if len(place) == 1:
        return f"no such table: {key} (there are: {', '.join(tables)})"
    return f"no such setting: {key}{suggest(str(place[-1]), tables[str(place[0])])}"

"""Recipes of `train`: TOML files. Every value is checked before any data is loaded."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from monitor import ROOT
from monitor.corpora.mixture import MixtureSettings
from monitor.corpora.symptom_mixture import SymptomSettings
from monitor.errors import ConfigError
from monitor.regular_files import require_regular
from monitor.settings import plain_message, suggest

if TYPE_CHECKING:
    from monitor.training.finetuning import TrainSettings

RECIPES = {"embedded": ROOT / "monitor" / "assets" / "recipe.toml"}
COUNT, SHARE, NOT_BELOW_0 = {"ge": 1}, {"ge": 0, "le": 1}, {"ge": 0}
RANGES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("r", "alpha", "epochs", "batch", "accumulation"), COUNT),
    **dict.fromkeys(("evaluations", "max_text_tokens", "repeats"), COUNT),
    **dict.fromkeys(("neutral", "emotional", "seed", "weight_decay", "symptoms_weight"), NOT_BELOW_0),
    **dict.fromkeys(("composites", "isear", "semeval", "units", "posts", "topics"), NOT_BELOW_0),
    **dict.fromkeys(("warmup", "trust", "balance", "soften", "drop", "negate"), SHARE),
    **dict.fromkeys(("punctuate", "shorten", "surround", "surround_weight"), SHARE),
    **dict.fromkeys(("bare", "mild", "marked", "severe", "topic_share"), SHARE),
    **dict.fromkeys(("flat_share", "share", "suicidal", "everyday_share", "everyday_suicidal"), SHARE),
    "dropout": {"ge": 0, "lt": 1},
    "rate": {"gt": 0, "le": 1},
    "targets": {"min_length": 1, "strict": False},  # TOML has lists, but no tuples
}
# The files that a table may name, and the settings that require each file.
FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "mixture": {"extra_texts": ("extra",), "comments": ("neutral", "emotional")},
    "symptoms": {
        "texts": (),  # by default the package's own file
        "isear_file": ("isear",),
        "semeval_file": ("semeval",),
        "units_file": ("units",),
        "posts_file": ("posts",),
        "topics_file": ("topics",),
    },
    "calibration": {"neutral_comments": (), "everyday_posts": ()},
}


@dataclass(frozen=True)
class CalibrationSettings:
    """Settings of the fit of probabilities and limits after training.

    flat_share: weight of the loss of neutral comments against the flat answer, relative to the validation split's.
    share: share of neutral comments that may pass some criterion's limit, or the limit of P(any). suicidal: share of
    neutral comments that may pass the limit of P(suicidal). everyday_share: share of everyday posts that may pass the
    limit of each criterion, and of P(any). everyday_suicidal: share of everyday posts that may pass the limit of
    P(suicidal).
    """

    flat_share: float = 0.05
    share: float = 0.01
    suicidal: float = 0.003
    everyday_share: float = 0.015
    everyday_suicidal: float = 0.008


class Recipe(NamedTuple):
    """Settings of the adapter, the mixture (None: the canonical texts alone), the symptom texts and the calibration.

    `symptoms` is None if the recipe has no such table. `files` has the paths that the tables name, relative to the
    data's folder.
    """

    adapter: TrainSettings
    mixture: MixtureSettings | None = None
    files: Mapping[str, str] = MappingProxyType({})
    symptoms: SymptomSettings | None = None
    calibration: CalibrationSettings = CalibrationSettings()


def read_recipe(name: str, changes: dict[str, Any]) -> Recipe:
    """A recipe by name or file, with `changes` of the adapter's settings; the adapter's seed holds for all tables.

    Raises:
        ConfigError: there is no such recipe, a key is unknown, or a value is of the wrong type or out of range.
    """
    from monitor.training.finetuning import TrainSettings

    if name == "notebook":
        return Recipe(TrainSettings(**changes))
    path = RECIPES.get(name, Path(name))
    require_regular(path, ConfigError)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as fault:
        raise ConfigError(f"recipe {name}: {fault}; give notebook, embedded or a TOML file") from fault
    given = _checked(path, content)
    adapter = TrainSettings(**given.pop("adapter", {}) | changes)
    files: dict[str, str] = {}
    for table, values in given.items():
        files |= {key: values.pop(key) for key in FILES[table] if key in values}
        if table != "calibration":
            given[table] = {"seed": adapter.seed} | values | {k: v for k, v in changes.items() if k == "seed"}
        _check_files(path, table, values, files)
    mixture, symptoms = given.get("mixture"), given.get("symptoms")
    return Recipe(
        adapter,
        None if mixture is None else MixtureSettings(**mixture),
        files,
        None if symptoms is None else SymptomSettings(**symptoms),
        CalibrationSettings(**given.get("calibration", {})),
    )


def _checked(path: Path, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The values of each table that the file has."""
    from monitor.training.finetuning import TrainSettings

    settings = {
        "adapter": TrainSettings,
        "mixture": MixtureSettings,
        "symptoms": SymptomSettings,
        "calibration": CalibrationSettings,
    }
    tables = {name: _table(kind, dict.fromkeys(FILES.get(name, {}), (str, ""))) for name, kind in settings.items()}
    whole: Any = {name: (table, None) for name, table in tables.items()}
    shape: Any = create_model("Recipe", __config__=ConfigDict(extra="forbid"), **whole)
    try:
        values: dict[str, dict[str, Any]] = shape(**content).model_dump(exclude_unset=True)
    except ValidationError as error:
        lines = [_explain(fault["loc"], fault["type"], fault["msg"], tables) for fault in error.errors()]
        raise ConfigError(f"recipe {path}: {'; '.join(lines)}") from error
    return values


def _check_files(path: Path, table: str, values: dict[str, Any], files: dict[str, str]) -> None:
    for file, keys in FILES[table].items():
        if file not in files and any(values.get(key) for key in keys):
            raise ConfigError(
                f"recipe {path}: {table}.{' or '.join(keys)}: name the file in {table}.{file}, or ask for none"
            )


def _table(settings: type, more: dict[str, Any]) -> type[BaseModel]:
    """A model of the settings with their ranges, and of the additional keys `more`."""
    kinds = get_type_hints(settings)
    keys: Any = {
        key.name: (kinds[key.name], Field(key.default, **RANGES.get(key.name, {}))) for key in fields(settings)
    }
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    table: type[BaseModel] = create_model(settings.__name__, __config__=config, **keys | more)
    return table


def _explain(place: tuple[int | str, ...], kind: str, message: str, tables: dict[str, type[BaseModel]]) -> str:
    key = ".".join(map(str, place))
    if kind != "extra_forbidden":
        return f"{key}: {plain_message(kind, message)}"
    if len(place) == 1:
        return f"no such table: {key} (there are: {', '.join(tables)})"
    return f"no such setting: {key}{suggest(str(place[-1]), tables[str(place[0])])}"

"""Fine-tune a base on labelled texts (QLoRA), calibrate it, and write a model folder.

risk-monitor train --data ../shared/data/emotion --base embedded --out model
risk-monitor train --data ../shared/data/emotion --base embedded --out model --recipe embedded
risk-monitor train --data dair-ai/emotion --base TinyLlama/TinyLlama-1.1B-Chat-v1.0 --out model
"""

from __future__ import annotations

import json
import math
import time
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console

from jobs.cli import run
from jobs.progress import duration
from monitor import NOT_A_DIAGNOSIS
from monitor.corpus import Split, load_splits
from monitor.errors import ConfigError, DataError
from monitor.mixture import (
    Mixture,
    MixtureSettings,
    read_comments,
    read_extra,
    training_list,
    without_twins,
)
from reports.wording import count

if TYPE_CHECKING:
    from monitor.training import Examples, TrainSettings

RECIPES = {"embedded": Path(__file__).parents[1] / "monitor" / "assets" / "recipe.toml"}
MIXTURE_FILES = ("extra_texts", "comments")


class Prepared(NamedTuple):
    """What a run trains on: the examples of each epoch, the validation split, and every text it may see."""

    epoch: Callable[[int], Examples]
    validation: Split
    texts: list[str]


def command(
    data: Annotated[str, typer.Option(help="Folder of train and val files, or a hub id.")],
    base: Annotated[str, typer.Option(help='"embedded", a model folder, or a hub id.')],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    recipe: Annotated[
        str, typer.Option(help='"notebook", "embedded", or a TOML file; options below override it.')
    ] = "notebook",
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Texts a forward pass.")] = None,
    accumulation: Annotated[int | None, typer.Option(min=1, help="Forward passes an optimizer step.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Peak learning rate.")] = None,
    texts: Annotated[int | None, typer.Option(min=6, help="Train on only so many texts an epoch.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    weights: Annotated[str, typer.Option(help="auto, nf4, or dense: NF4 values dequantised once.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Fine-tune a base on labelled texts (QLoRA), calibrate it and write a model folder."""
    from monitor.calibration import fit_temperature
    from monitor.likelihood import label_log_likelihoods
    from monitor.model_folder import find_folder, fingerprint, open_folder, read_tokenizer
    from monitor.prompts import PromptEncoder
    from monitor.trainable import load_trainable, pick_device, save_model
    from monitor.training import Examples, attach_adapter, fit

    console, started = Console(), time.monotonic()
    changes = {"epochs": epochs, "batch": batch, "accumulation": accumulation, "rate": rate, "seed": seed}
    settings, mixture, files = read_recipe(recipe, {k: v for k, v in changes.items() if v is not None})
    prepared = prepare(data, mixture, files, texts)
    source, target = open_folder(find_folder(base)), pick_device(device)
    fingerprint(source, with_adapter=False)  # refuses a base that is not the one its folder was written for
    _claim(out)
    if weights not in ("auto", "nf4", "dense"):
        raise ConfigError(f"--weights {weights!r}: use auto, nf4 or dense")
    dense = weights == "dense" or (weights == "auto" and target.type == "cpu")
    network = attach_adapter(load_trainable(source.base, target, dense=dense), settings)
    encoder = PromptEncoder(source.manifest.prompt, read_tokenizer(source.base))
    console.print(
        f"training on {target.type}: {len(prepared.texts):,} texts, {count(settings.epochs, 'epoch')}"
    )
    validation = Examples.from_labels(prepared.validation.texts, prepared.validation.labels)
    result = fit(network, encoder, prepared.epoch, validation, settings, _reporter(console))
    scores = label_log_likelihoods(network, encoder, prepared.validation.texts, settings.max_text_tokens)
    temperature = round(fit_temperature(scores, prepared.validation.labels), 4)
    save_model(network, source, out, name=out.resolve().name, temperature=temperature)
    np.save(out / "training_list.npy", training_list(prepared.texts))
    _draw(result.curve, out)
    took = duration(time.monotonic() - started)
    console.print(f"best validation macro-F1 {result.best_f1:.4f} at step {result.best_step:,}")
    last = f"temperature {temperature}; {took}; model written to {out}\n{NOT_A_DIAGNOSIS}"
    console.print(last, highlight=False, soft_wrap=True)


def read_recipe(
    name: str, changes: dict[str, Any]
) -> tuple[TrainSettings, MixtureSettings | None, dict[str, str]]:
    """Training settings, mixture settings (None: the canonical texts alone) and the mixture's files.

    Raises:
        ConfigError: there is no such recipe, or a key in it is unknown.
    """
    from monitor.training import TrainSettings

    if name == "notebook":
        return replace(TrainSettings(), **changes), None, {}
    path = RECIPES.get(name, Path(name))
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigError(f"recipe {name}: {fault}; give notebook, embedded or a TOML file") from fault
    adapter, mixture = content.pop("adapter", {}), content.pop("mixture", None)
    files = {key: mixture.pop(key) for key in MIXTURE_FILES if mixture and key in mixture}
    unknown = [*content]
    unknown += [f"adapter.{key}" for key in adapter if key not in {f.name for f in fields(TrainSettings)}]
    unknown += [
        f"mixture.{key}" for key in mixture or {} if key not in {f.name for f in fields(MixtureSettings)}
    ]
    if unknown:
        raise ConfigError(f"recipe {path}: unknown keys {', '.join(unknown)}; remove or correct them")
    if "targets" in adapter:
        adapter["targets"] = tuple(adapter["targets"])
    seeded = None if mixture is None else MixtureSettings(**mixture | {"seed": changes.get("seed", 0)})
    return TrainSettings(**adapter | changes), seeded, files


def prepare(data: str, mixture: MixtureSettings | None, files: dict[str, str], limit: int | None) -> Prepared:
    """Read the splits, leave out of training every twin of a held-out text, and draw epochs.

    Raises:
        DataError: a split or a file of the mixture is missing.
    """
    from monitor.training import Examples

    splits = load_splits(data, required=("train", "validation"))
    held_out = [splits[name] for name in ("validation", "test") if name in splits]
    train = without_twins(splits["train"], held_out)
    if not len(train):
        raise DataError(f"{data}: every training text is a twin of a held-out one; check the splits")
    if mixture is None:
        kept = train.take(np.arange(min(limit or len(train), len(train))))
        whole = Examples.from_labels(kept.texts, kept.labels)
        return Prepared(lambda _: whole, splits["validation"], list(kept.texts))
    parts, comments = [train], None
    if mixture.extra and "extra_texts" in files:
        parts.append(without_twins(read_extra(Path(data) / files["extra_texts"]), held_out))
    if "comments" in files and mixture.neutral + mixture.emotional:
        comments = read_comments(Path(data) / files["comments"])
    drawn = Mixture(parts, comments, mixture)

    def epoch(index: int) -> Examples:
        texts, targets = drawn.epoch(index)
        return Examples(texts[:limit], targets[:limit])

    return Prepared(epoch, splits["validation"], [*drawn.texts, *(comments.texts if comments else ())])


def _claim(out: Path) -> None:
    """Make the folder to write to before hours are spent on what goes there."""
    if (out / "monitor.json").exists():
        raise ConfigError(f"--out {out}: holds a model already; name another folder, or move that one away")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError(f"--out {out}: cannot be made ({fault.strerror}); name another folder") from fault


def _reporter(console: Console) -> Callable[[dict[str, float]], None]:
    """A line every tenth of the run and at every validation, with the time left."""

    def report(record: dict[str, float]) -> None:
        step, total = int(record["step"]), int(record["of"])
        if "macro_f1" not in record and step % math.ceil(total / 10):
            return
        score = f", validation macro-F1 {record['macro_f1']:.4f}" if "macro_f1" in record else ""
        left = f", {duration(record['s'] / step * (total - step))} left" if step < total else ""
        console.print(f"step {step:,} of {total:,}: loss {record['loss']:.3f}{score}{left}")

    return report


def _draw(curve: list[dict[str, float]], out: Path) -> None:
    from reports.training_curve import training_curve

    kept = [{key: record[key] for key in ("step", "loss", "macro_f1") if key in record} for record in curve]
    (out / "training_curve.json").write_text(json.dumps(kept) + "\n", encoding="utf-8")
    training_curve(curve, f"Training of {out.resolve().name}").save(out / "training_curve.png", ppi=144)


def main() -> None:
    """Run as `python -m jobs.train`."""
    run(command)


if __name__ == "__main__":
    main()

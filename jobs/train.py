"""Fine-tune a base on labelled texts (QLoRA), calibrate it, and write a model folder.

risk-monitor train --data ../shared/data/emotion --base embedded --out model
risk-monitor train --data ../shared/data/emotion --base embedded --out model --recipe embedded
risk-monitor train --data dair-ai/emotion --base TinyLlama/TinyLlama-1.1B-Chat-v1.0 --out model
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from jobs.console.app import run
from jobs.console.output_folder import claim_model_folder
from jobs.console.progress import format_duration
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.mixture import LEFT_OUT, Mixture, training_list, without_twins
from monitor.corpora.sources import read_comments, read_extra
from monitor.corpora.splits import Split, load_splits
from monitor.errors import ConfigError, DataError
from monitor.model.calibration import Calibration, fit_calibration
from monitor.training.recipe import Recipe, read_recipe
from reports.style.wording import count

if TYPE_CHECKING:
    from monitor.corpora.examples import Examples
    from monitor.training.validation import TrainResult


class Prepared(NamedTuple):
    """What a run trains on: the examples of each epoch, the validation split, every text it may see, and what not."""

    epoch: Callable[[int], Examples]
    validation: Split
    texts: list[str]
    left_out: str


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
    rate: Annotated[float | None, typer.Option(min=1e-9, max=1.0, help="Peak learning rate.")] = None,
    texts: Annotated[int | None, typer.Option(min=6, help="Train on only so many texts an epoch.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    weights: Annotated[str, typer.Option(help="auto, nf4, or dense: NF4 values dequantised once.")] = "auto",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of everything random; default: the recipe's, or 0.")
    ] = None,
) -> None:
    """Fine-tune a base on labelled texts (QLoRA), calibrate it and write a model folder."""
    from monitor.corpora.examples import Examples
    from monitor.model.files import read_tokenizer
    from monitor.model.folder import find_folder, fingerprint, open_folder
    from monitor.model.prompts import PromptEncoder
    from monitor.training.checkpoint import load_trainable, pick_device, save_model
    from monitor.training.finetuning import attach_adapter, fit
    from monitor.training.label_likelihood import label_log_likelihoods

    if weights not in ("auto", "nf4", "dense"):
        raise ConfigError(f"--weights {weights!r}: use auto, nf4 or dense")
    console, started, target = Console(), time.monotonic(), pick_device(device)
    changes = {"epochs": epochs, "batch": batch, "accumulation": accumulation, "rate": rate, "seed": seed}
    asked = read_recipe(recipe, {key: value for key, value in changes.items() if value is not None})
    settings, prepared = asked.adapter, prepare(data, asked, texts)
    source = open_folder(find_folder(base))
    fingerprint(source, with_adapter=False)  # refuses a base that is not the one its folder was written for
    claim_model_folder(out)
    dense = weights == "dense" or (weights == "auto" and target.type == "cpu")
    network = attach_adapter(load_trainable(source.base, target, dense=dense), settings)
    encoder = PromptEncoder(source.manifest.prompt, read_tokenizer(source.base))
    console.print(f"training on {target.type}: {_size(prepared)}, {count(settings.epochs, 'epoch')}")
    console.print(f"left out: {prepared.left_out}")
    validation = Examples.from_labels(prepared.validation.texts, prepared.validation.labels)
    result = fit(network, encoder, prepared.epoch, validation, settings, _reporter(console))
    scores = label_log_likelihoods(network, encoder, prepared.validation.texts, settings.max_text_tokens)
    calibration = _calibrate(console, scores, prepared.validation)
    save_model(network, source, out, name=out.resolve().name, calibration=calibration)
    np.save(out / "training_list.npy", training_list(prepared.texts))
    _draw(result.curve, out)
    console.print(_best(result))
    took = format_duration(time.monotonic() - started)
    told = f"temperature {calibration.temperature}, exponent {calibration.exponent}; {took}"
    last = f"{told}; model written to {out}\n{NOT_A_DIAGNOSIS}"
    console.print(last, highlight=False, soft_wrap=True)


def prepare(data: str, recipe: Recipe, limit: int | None) -> Prepared:
    """Read the splits, leave out of training every twin of a held-out text, and draw epochs.

    Raises:
        DataError: a split or a file of the mixture is missing, or no training text is left.
    """
    from monitor.corpora.examples import Examples

    splits, (_, mixture, files) = load_splits(data, required=("train", "validation")), recipe
    held_out = [splits[name] for name in ("validation", "test") if name in splits]
    train, why = without_twins(splits["train"], held_out)
    if not len(train):
        raise DataError(f"{data}: no training text is left but {_told(why)}; check the splits")
    if mixture is None:
        kept = train.take(np.arange(min(limit or len(train), len(train))))
        whole = Examples.from_labels(kept.texts, kept.labels)
        return Prepared(lambda _: whole, splits["validation"], list(kept.texts), _told(why))
    parts, comments = [train], None
    if mixture.extra and "extra_texts" in files:
        extra, more = without_twins(read_extra(Path(data) / files["extra_texts"]), held_out)
        parts.append(extra)
        why += more
    if "comments" in files and mixture.neutral + mixture.emotional:
        comments = read_comments(Path(data) / files["comments"])
    drawn = Mixture(parts, comments, mixture)

    def epoch(index: int) -> Examples:
        texts, targets = drawn.epoch(index)
        return Examples(texts[:limit], targets[:limit])

    seen = [*drawn.texts, *(comments.texts if comments else ())]
    return Prepared(epoch, splits["validation"], seen, _told(why))


def _calibrate(console: Console, scores: npt.NDArray[np.float64], validation: Split) -> Calibration:
    fitted = fit_calibration(scores, validation.labels)
    if fitted is None:
        console.print(
            "validation cannot tell a temperature, for its answers are all right or no better than chance: 1 is kept"
        )
    return Calibration(*(round(value, 4) for value in fitted or Calibration()))


def _size(prepared: Prepared) -> str:
    drawn, known = len(prepared.epoch(0).texts), len(prepared.texts)
    return count(known, "text") if drawn == known else f"{drawn:,} of {known:,} texts an epoch"


def _told(why: Counter[str]) -> str:
    return ", ".join(f"{why[reason]:,} {reason}" for reason in LEFT_OUT)


def _best(result: TrainResult) -> str:
    if result.best_f1 is None:
        return "validation macro-F1 is undefined, for the texts have one emotion; the last step is kept"
    return f"best validation macro-F1 {result.best_f1:.4f} at step {result.best_step:,}"


def _reporter(console: Console) -> Callable[[dict[str, float]], None]:
    """A line every tenth of the run and at every validation, with the time left."""

    def report(record: dict[str, float]) -> None:
        step, total = int(record["step"]), int(record["of"])
        if "macro_f1" not in record and step % math.ceil(total / 10):
            return
        score = f", validation macro-F1 {record['macro_f1']:.4f}" if "macro_f1" in record else ""
        left = f", {format_duration(record['s'] / step * (total - step))} left" if step < total else ""
        console.print(f"step {step:,} of {total:,}: loss {record['loss']:.3f}{score}{left}")

    return report


def _draw(curve: list[dict[str, float]], out: Path) -> None:
    from reports.evaluation.training_curve import training_curve

    kept = [{key: record[key] for key in ("step", "loss", "macro_f1") if key in record} for record in curve]
    (out / "training_curve.json").write_text(json.dumps(kept) + "\n", encoding="utf-8")
    training_curve(curve, f"Training of {out.resolve().name}").save(out / "training_curve.png", ppi=144)


def main() -> None:
    """Run as `python -m jobs.train`."""
    run(command)


if __name__ == "__main__":
    main()

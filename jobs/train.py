"""Fine-tune a base on labelled texts (QLoRA), calibrate it, and write a model folder.

risk-monitor train --data ../shared/data/emotion --base embedded --out model
risk-monitor train --data ../shared/data/emotion --base embedded --out model --recipe embedded
risk-monitor train --data dair-ai/emotion --base TinyLlama/TinyLlama-1.1B-Chat-v1.0 --out model
risk-monitor train --data dair-ai/emotion --base TinyLlama/TinyLlama-1.1B-Chat-v1.0 --out model --symptoms embedded
risk-monitor train --data my-labels --start embedded --out model
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.output_folder import claim_model_folder
from jobs.console.progress import format_duration
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.mixture import training_list
from monitor.errors import ConfigError
from monitor.training.prepare import Prepared, described, prepare, trainable_epoch
from monitor.training.recipe import read_recipe
from reports.style.wording import count

if TYPE_CHECKING:
    from monitor.corpora.examples import Examples
    from monitor.model.folder import ModelFolder
    from monitor.training.fitted import Fitted
    from monitor.training.validation import TrainResult


def command(
    data: Annotated[str, typer.Option(help="Folder of train and val files, or a hub id.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    base: Annotated[str | None, typer.Option(help='"embedded", a model folder, or a hub id.')] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Continue from the adapter of this model, which stays where no step is better."),
    ] = None,
    recipe: Annotated[
        str, typer.Option(help='"notebook", "embedded", or a TOML file; options below override it.')
    ] = "notebook",
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Texts a forward pass.")] = None,
    accumulation: Annotated[int | None, typer.Option(min=1, help="Forward passes an optimizer step.")] = None,
    rate: Annotated[float | None, typer.Option(min=1e-9, max=1.0, help="Peak learning rate.")] = None,
    symptoms: Annotated[
        str | None,
        typer.Option(
            help='Train the symptoms question too: "embedded", a folder of train and validation files, or a file of '
            "JSON lines (text, criteria, severity, kind, perhaps emotion)."
        ),
    ] = None,
    texts: Annotated[int | None, typer.Option(min=6, help="Largest number of texts per epoch.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    weights: Annotated[str, typer.Option(help="auto, nf4, or dense: NF4 values dequantised once.")] = "auto",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of everything random; default: the recipe's, or 0.")
    ] = None,
) -> None:
    """Fine-tune a base on labelled texts (QLoRA), calibrate it and write a model folder."""
    from monitor.model.default_symptoms import with_symptoms
    from monitor.model.files import read_tokenizer
    from monitor.model.prompts import PromptEncoder
    from monitor.training import continued
    from monitor.training.checkpoint import load_trainable, pick_device, save_model
    from monitor.training.finetuning import attach_adapter, fit
    from monitor.training.fitted import fit_answers

    if weights not in ("auto", "nf4", "dense"):
        raise ConfigError(f"--weights {weights!r}: use auto, nf4 or dense")
    console, started, target = Console(), time.monotonic(), pick_device(device)
    changes = {"epochs": epochs, "batch": batch, "accumulation": accumulation, "rate": rate, "seed": seed}
    chosen = read_recipe(recipe, {key: value for key, value in changes.items() if value is not None})
    settings, prepared = chosen.adapter, prepare(data, chosen, texts, symptoms)
    source = continued.open_source(base, start)
    if adapter := source.adapter if start else None:
        settings = continued.settings_of(adapter, settings)
    claim_model_folder(out)
    dense = weights == "dense" or (weights == "auto" and target.type == "cpu")
    tokenizer, prompt = read_tokenizer(source.base), source.manifest.prompt
    prompt = with_symptoms(prompt, tokenizer) if prepared.symptoms else replace(prompt, symptoms=None)
    encoder = PromptEncoder(prompt, tokenizer)
    network = attach_adapter(load_trainable(source.base, target, dense=dense), settings)
    seen = continued.trained_before(source) if adapter else np.empty(0, np.uint64)
    if adapter:
        continued.load_adapter(network, adapter)
        _print_start(console, source, prepared, seen)
    size = f"{_size(prepared)}, {count(settings.epochs, 'epoch')}"
    console.print(f"training on {target.type}: {size}\nleft out: {described(prepared.left_out)}")
    validation = _validation(prepared)
    report, epoch = _reporter(console), trainable_epoch(prepared, encoder)
    result = fit(network, encoder, epoch, validation, settings, report, continued=bool(adapter))
    fitted = fit_answers(network, encoder, prepared, chosen.calibration, settings.max_text_tokens, console.print)
    save_model(network, source, out, name=out.resolve().name, prompt=prompt, **fitted._asdict())
    np.save(out / "training_list.npy", np.union1d(seen, training_list(prepared.texts)))
    _draw(result.curve, out)
    console.print(_best(result))
    console.print(Text(_last_line(fitted, time.monotonic() - started, out)), soft_wrap=True)


def _validation(prepared: Prepared) -> Examples:
    """The held-out texts of both questions."""
    from monitor.corpora.examples import Examples

    emotions = Examples.from_labels(prepared.validation.texts, prepared.validation.labels)
    return emotions + prepared.symptoms.examples() if prepared.symptoms else emotions


def _print_start(console: Console, source: ModelFolder, prepared: Prepared, seen: npt.NDArray[np.uint64]) -> None:
    """Print the number of validation texts that the model of --start was trained on, and its parts that are not
    kept.
    """
    known = len(np.intersect1d(seen, training_list(prepared.validation.texts)))
    console.print(
        f"continues from {source.manifest.name}, which was trained on {known:,} of the "
        f"{count(len(prepared.validation.texts), 'validation text')}",
        markup=False,
    )
    if source.manifest.prompt.symptoms and not prepared.symptoms:
        reason = "because nothing here teaches it; --symptoms embedded keeps it"
        console.print(f"its symptoms question is left out, {reason}")


def _last_line(fitted: Fitted, seconds: float, out: Path) -> str:
    names = ("temperature", "exponent") if fitted.symptoms_calibration is None else fitted.calibration._fields
    scale = ", ".join(f"{name} {getattr(fitted.calibration, name)}" for name in names)
    return f"{scale}; {format_duration(seconds)}; model written to {out}\n{NOT_A_DIAGNOSIS}"


def _size(prepared: Prepared) -> str:
    drawn, available = len(prepared.epoch(0).texts), len(prepared.texts)
    if drawn == available:
        return count(available, "text")
    return f"{drawn:,} of {available:,} texts an epoch"


def _best(result: TrainResult) -> str:
    figures = {"macro-F1": result.best_f1, "symptoms AUROC": result.best_auroc}
    measured = " and ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None)
    if not measured:
        return "validation macro-F1 is undefined, for the texts have one emotion; the last step is kept"
    if not result.before:
        return f"best validation {measured} at step {result.best_step:,}"
    if not result.best_step:
        return f"validation {measured}: no step was better than the adapter it began with, which is kept"
    before = {"macro-F1": "macro_f1", "symptoms AUROC": "symptoms_auroc"}
    began = " and ".join(f"{name} {result.before[key]:.4f}" for name, key in before.items() if key in result.before)
    return f"best validation {measured} at step {result.best_step:,}; it began with {began}"


def _reporter(console: Console) -> Callable[[dict[str, float]], None]:
    """A function that prints a line with the time left, at every tenth of the run and at every validation."""

    def report(record: dict[str, float]) -> None:
        step, total = int(record["step"]), int(record["of"])
        if not {"macro_f1", "symptoms_auroc"} & set(record) and step % math.ceil(total / 10):
            return
        score = f", validation macro-F1 {record['macro_f1']:.4f}" if "macro_f1" in record else ""
        score += f", symptoms AUROC {record['symptoms_auroc']:.4f}" if "symptoms_auroc" in record else ""
        left = f", {format_duration(record['s'] / step * (total - step))} left" if step < total else ""
        console.print(f"step {step:,} of {total:,}: loss {record['loss']:.3f}{score}{left}")

    return report


def _draw(curve: list[dict[str, float]], out: Path) -> None:
    from reports.evaluation.training_curve import training_curve

    points = [
        {key: record[key] for key in ("step", "loss", "macro_f1", "symptoms_auroc") if key in record}
        for record in curve
    ]
    (out / "training_curve.json").write_text(json.dumps(points) + "\n", encoding="utf-8")
    training_curve(curve, f"Training of {out.resolve().name}").save(out / "training_curve.png", ppi=144)


def main() -> None:
    """Run as `python -m jobs.train`."""
    run(command)


if __name__ == "__main__":
    main()

"""Measure the speed of scoring and training on this machine, and of the methods that they replace.

risk-monitor benchmark --device cuda --out out/benchmark
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.app import run
from jobs.console.output_folder import claim_files
from jobs.console.progress import print_note, print_warning
from monitor.corpora.splits import load_splits
from monitor.demo.feed import demo_texts
from monitor.errors import ConfigError, cannot_write
from monitor.output_files import OutputFiles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from monitor.benchmark.scoring_speed import Speed
    from monitor.scoring.loading import LoadedModel

FORMAT = 2  # of benchmark.json
GPU_TEXTS = 24576
TRAINING_TEXTS, EPOCHS = 16000, 3
NARROWEST = 118  # least width of the table in columns, if the output is no terminal
FILES = ("benchmark.json", "benchmark.png", "benchmark.svg")


def benchmark(
    device: str,
    out: Path,
    *,
    model: str = "embedded",
    texts: Sequence[str],
    labels: npt.NDArray[np.int64] | None = None,
    measure: str = "all",
) -> dict[str, Any]:
    """Measure every method on one device; write benchmark.json after each row, and then its chart, into `out`.

    Args:
        device: "auto", "cpu" or "cuda".
        model: model that the CPU measures; a GPU measures models of known shapes with random weights.
        texts: texts that the embedded model scores.
        labels: labels of the texts, shape (n,), to measure the effect of 8-bit products on a GPU; None skips that.
        measure: "all", or on a GPU "scoring" or "training" alone.

    Raises:
        ConfigError: the device is unknown or absent, or `out` cannot be written.
        ModelError: the model is not found.
    """
    from monitor.benchmark import table as speed_table

    cuda = on_gpu(device)
    if measure not in ("all", "scoring", "training"):
        raise ConfigError(f"--measure {measure}: use all, scoring or training")
    if measure == "training" and not cuda:
        raise ConfigError("--measure training: training is timed only on a GPU; leave the option out")
    files = claim_files(out, "benchmark", FILES, ("machine", "torch", "rows"))
    results: dict[str, Any] = {
        "format": FORMAT,
        "device": speed_table.device_name("cuda" if cuda else "cpu"),
        "machine": platform.machine(),
        "torch": version("torch"),
        "rows": [],
        "training": [],
    }
    if cuda:
        _write(results, files)
        measurements = _gpu_measurements(results, measure, texts)
    else:
        loaded, results["load_s"] = _timed_load(model)
        measurements = {"rows": speed_table.cpu_rows(loaded, texts)}
    for kind, rows in measurements.items():
        for row in rows:
            print_note(f"{row.way}: " + (row.reason or f"{row.texts_per_s:,.1f} texts/s"))
            results[kind].append(row.to_json())
            _write(results, files)
    if cuda and labels is not None:
        results["eight_bit"] = speed_table.eight_bit_effect(model, texts, labels)
        _write(results, files)
    _draw(results, out)
    return results


def on_gpu(device: str) -> bool:
    """Whether the device with this name is a GPU.

    Raises:
        ConfigError: the name is unknown, or there is no GPU.
    """
    from monitor.benchmark import table as speed_table

    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device {device}: use auto, cpu or cuda")
    if device == "cuda" and not speed_table.has_cuda():
        raise ConfigError("--device cuda: there is no CUDA device; use --device cpu")
    return device != "cpu" and speed_table.has_cuda()


def _gpu_measurements(results: dict[str, Any], measure: str, texts: Sequence[str]) -> dict[str, Iterator[Speed]]:
    """The rows to measure on the GPU. Its peak speed and use of time are measured now and written into `results`."""
    from monitor.benchmark import table as speed_table

    peak, measurements = speed_table.gpu_peak(), {}
    results["peak_tflops"] = peak / 1e12
    if measure != "training":
        results["gpu_time"] = speed_table.gpu_time(GPU_TEXTS // 4)
        measurements["rows"] = speed_table.gpu_rows(GPU_TEXTS, peak, texts)
    if measure != "scoring":
        measurements["training"] = speed_table.gpu_training_rows(TRAINING_TEXTS, peak)
    return measurements


def _timed_load(model: str) -> tuple[LoadedModel, float]:
    """The model on the CPU, and the seconds to load it as the first model of this process."""
    from monitor.scoring.loading import load_model

    started = time.perf_counter()
    loaded = load_model(model, device="cpu", weights="dense")
    return loaded, time.perf_counter() - started


def _draw(results: dict[str, Any], out: Path) -> None:
    try:
        from reports.evaluation.speed_chart import write_picture
    except ImportError as fault:  # a bare GPU machine has only torch
        print_note(f"no chart: {fault.name} is not installed here")
    else:
        try:
            if results["rows"]:
                write_picture(results, out)
        except ConfigError as error:  # the hours of measurements before are in benchmark.json
            print_warning(str(error))


def _write(results: dict[str, Any], files: OutputFiles) -> None:
    out = files.folder
    try:
        files.claim(*(out / name for name in FILES))
        (out / "benchmark.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(f"--out {out}", error) from error


def print_table(results: dict[str, Any], console: Console) -> None:
    """Print a line for each method: texts/s, ratio to the first method, share of the peak, memory; then training."""
    if results["rows"]:
        console.print(_table(results["rows"]))
    if results["training"]:
        console.print(_table(results["training"]))
        for row in results["training"]:
            if row["texts_per_s"]:
                seconds = EPOCHS * TRAINING_TEXTS / row["texts_per_s"]
                console.print(f"{row['way']}: {EPOCHS} epochs of {TRAINING_TEXTS:,} texts take {seconds:,.0f} s")
    if "eight_bit" in results:
        eight = results["eight_bit"]
        console.print(
            f"8-bit products change {eight['changed']} of {eight['texts']:,} answers: "
            f"macro-F1 {eight['macro_f1']:.4f} becomes {eight['macro_f1_fp8']:.4f}"
        )
    if "load_s" in results:
        console.print(f"loading the model took {results['load_s']:.1f} s")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("way")
    for heading in ("texts/s", "times the first", "MFU", "GPU memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    first = next((row["texts_per_s"] for row in rows if row["texts_per_s"]), None)
    for row in rows:
        rate = row["texts_per_s"]
        if rate is None:
            table.add_row(Text(row["way"]), Text(f"not measured: {row['reason']}"))
            continue
        table.add_row(
            Text(row["way"]),
            f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}",
            f"{rate / first:,.1f}" if first else "",
            "" if row["mfu"] is None else f"{row['mfu']:.0%}",
            "" if row["memory_gb"] is None else f"{row['memory_gb']:.1f} GB",
        )
    return table


def command(
    out: Annotated[Path, typer.Option(help="Folder for benchmark.json and its chart.")] = Path("out/benchmark"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    model: Annotated[
        str, typer.Option(help="The model that a CPU measures: embedded, a folder or a hub id.")
    ] = "embedded",
    data: Annotated[
        str | None,
        typer.Option(help="Score the test split of this folder or hub id; otherwise the demo feed."),
    ] = None,
    measure: Annotated[str, typer.Option(help="all, or on a GPU scoring or training alone.")] = "all",
    night: Annotated[
        bool,
        typer.Option("--night", help="Instead measure reading 1,000,000 rows and a night of 100,000 texts."),
    ] = False,
) -> None:
    """Measure the speed of scoring, of padded batches, an encoder, and one text at a time; on a GPU also of training.

    A GPU measures models with random weights in the shapes of TinyLlama, Llama 2 7B and Mistral 7B, on texts of 22
    tokens on average; a CPU measures the model itself. With --data a GPU also measures how 8-bit products change the
    answers. --night measures everything except the model: speed and memory of reading rows, and the share of a night
    that is not scoring.
    """
    from monitor.model.folder import find_folder, open_folder

    if model != "embedded" and data is None and not night and on_gpu(device):
        raise ConfigError(f"--model {model}: a GPU measures it only on the texts of --data; leave it out")
    open_folder(find_folder(model))  # fail before minutes of work
    if night:
        from jobs.benchmark_night import benchmark_night, print_night

        if data or measure != "all":
            raise ConfigError("--night scores the demo feed without training; leave --data and --measure out")
        on_gpu(device)
        print_night(benchmark_night(out, demo_texts(), model=model, device=device), Console())
        return
    if data:
        split = load_splits(data, required=("test",))["test"]
        results = benchmark(device, out, model=model, texts=split.texts, labels=split.labels, measure=measure)
    else:
        results = benchmark(device, out, model=model, texts=demo_texts(), measure=measure)
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, NARROWEST))
    print_table(results, console)
    console.print(Text(str(out / "benchmark.json")), soft_wrap=True)


if __name__ == "__main__":
    run(command)

"""Measure models on labelled texts: zero-shot, few-shot and fine-tuned, beside two baselines.

risk-monitor evaluate --data ../shared/data/emotion --model embedded --out out/evaluation
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import GATE_FIRED, run
from jobs.console.given_options import require_used
from jobs.console.output_folder import claim_folder
from jobs.console.progress import print_note, print_warning, progress
from jobs.evaluation.adapter_copy import copy_adapter
from jobs.evaluation.faithfulness import measure_words
from jobs.evaluation.measurements import (
    Evaluator,
    Measured,
    analyse,
    best_variants,
    compare,
    describe,
    main_method,
    new_evaluator,
)
from jobs.evaluation.methods import METHODS, NO_TRAIN, SHOTS, Engine, MethodResult, open_engine, run_methods
from jobs.evaluation.provenance import model_provenance, training_curves, versions
from jobs.evaluation.quality_gate import failing, gate, read_gate
from monitor import NOT_A_DIAGNOSIS
from monitor.benchmark.peak_memory import peak_memory
from monitor.corpora.sources import read_posts
from monitor.corpora.splits import load_splits
from monitor.errors import ConfigError, cannot_write
from monitor.evaluation.baselines import majority, tfidf_svm
from monitor.labels import RiskMap
from monitor.model.calibration import CONTENT_FREE
from monitor.model.folder import ModelFolder, find_folder, fingerprint, open_folder
from reports.evaluation import report
from reports.evaluation.tables import faithfulness_table, methods_table
from reports.evaluation.text_tables import WIDE, as_text
from reports.style.rendering import require_drawing

FORMAT = 2  # of metrics.json
BASELINES = {"majority": majority, "tfidf_svm": tfidf_svm}
DEVICES = ("auto", "cpu", "cuda")
Json = dict[str, Any]


def evaluate(
    data: str,
    models: Sequence[str],
    out: Path,
    *,
    engine: Callable[[], Engine] = open_engine,
    methods: Sequence[str] = METHODS,
    draws: int = 5,
    resamples: int = 1000,
    seed: int = 0,
    show_texts: bool = False,
    limits: dict[str, float] | None = None,
    db: Path | None = None,
    faithfulness: bool = False,
    posts: Path | None = None,
) -> Json:
    """Measure the baselines and each model by each method; write the report into `out` and return metrics.json.

    Args:
        data: a folder of train, val and test files, or a hub id; baselines and few-shot need train.
        models: names of models, opened one after another.
        engine: opens the functions that load models, score and generate.
        methods: members of METHODS.
        draws: number of draws of few-shot examples, for each number of examples.
        resamples: bootstrap draws for the 95% intervals.
        seed: seed of the bootstrap draws.
        show_texts: quote the most confident mistakes; otherwise only their row numbers are given.
        limits: limits of the gate on the fine-tuned models' metrics.
        db: database for the metrics, if any.
        faithfulness: also measure whether answers rest on the words that explanations name.
        posts: a Parquet file of posts, whose long posts are measured too.

    Raises:
        DataError: the data cannot be read.
        ModelError: a model cannot be opened.
        ConfigError: two models map emotions to risks differently, `limits` are given without a fine-tuned method,
            or `out` cannot be written.
        StoreError: the database cannot be written.
    """
    if limits and not (models and "fine_tuned" in methods):
        raise ConfigError("--gate: its limits apply to fine-tuned answers; add fine_tuned to --methods")
    splits = load_splits(data, required=("test",))
    long_texts = read_posts(posts) if posts else []
    _check_writable(out, db)
    results: list[tuple[MethodResult, Any]] = [(_fit_baseline(name, splits), None) for name in BASELINES]
    functions, words = engine(), []
    opened: list[Any] = []
    for name in dict.fromkeys(models):
        model, of_model = run_methods(functions, name, splits, methods, draws)
        if opened and opened[0].risk_map != model.risk_map:
            raise ConfigError(f"model {name} maps emotions to risks unlike {models[0]}; evaluate it by itself")
        if faithfulness:
            words += measure_words(functions, model, splits["test"].texts, long_texts, resamples, seed)
        # Dropping the network frees the memory of the weights; only its description is needed now.
        opened.append(replace(model, network=None))  # type: ignore[arg-type]
        results += [(result, model) for result in of_model]
    evaluator = new_evaluator(splits, opened[0].risk_map if opened else RiskMap(), resamples, seed)
    measured = _measure(results, evaluator)
    metrics = {
        "format": FORMAT,
        "note": NOT_A_DIAGNOSIS,
        "data": {"source": data, **describe(splits, evaluator)},
        "settings": {"resamples": resamples, "seed": seed, "draws": draws, "ways": list(methods)}
        | {"shots": list(SHOTS), "content_free": list(CONTENT_FREE), "versions": versions()},
        "models": [model_provenance(model) for model in opened],
        **_findings(measured, evaluator, show_texts, limits or {}),
        "training": training_curves(models),
        "faithfulness": words,
    }
    _write(metrics, out)
    copy_adapter(models, out)
    if db:
        from jobs.evaluation.save_metrics import write_metrics
        from monitor.database.connection import Database

        print_note(f"{write_metrics(Database(db), metrics, opened):,} metrics written to {db}")
    return metrics


def _measure(results: Sequence[tuple[MethodResult, Any]], evaluator: Evaluator) -> list[Measured]:
    """Measure every method, and warn about each method without answers."""
    methods = []
    total = len(evaluator.test) * sum(len(result.draws) for result, _ in results)
    with progress("measuring, with bootstrap intervals", "answers", total) as advance:
        for result, model in results:
            name, model_id = (model.name, model.model_id) if model else ("", None)
            methods.append(evaluator.measure(result, name, model_id, progress=advance))
    for method in methods:
        if reason := method.result.reason:
            print_warning(f"not measured: {method.title}{f' of {method.model}' if method.model else ''}: {reason}")
    return methods


def _findings(
    methods: Sequence[Measured], evaluator: Evaluator, show_texts: bool, limits: Mapping[str, float]
) -> Json:
    main, charted = main_method(methods), best_variants(methods)
    entries = [method.to_json() for method in methods]
    return {
        "methods": entries,
        "shown": [method.id for method in charted],
        "curves": {method.id: evaluator.curves(method.answers) for method in charted if method.answers},
        "comparisons": compare(methods, evaluator),
        "analysis": analyse(main, evaluator, show_texts) if main else None,
        "gate": gate(entries, limits),
    }


def _check_writable(out: Path, db: Path | None) -> None:
    """Refuse a folder or database that cannot be written, before minutes of work are spent. No file is left
    behind.
    """
    for option, folder in (("--out", out), ("--db", db and db.parent)):
        if folder:
            claim_folder(folder, option)
    require_drawing()
    try:
        report.evaluation_files(out).check(report.possible_files(out))
        if (file := out / "metrics.json").exists():
            file.open("ab").close()
    except OSError as error:
        raise cannot_write(f"--out {out}", error) from error
    if db and db.exists():
        from monitor.database.connection import Database  # not every machine that evaluates has DuckDB

        with Database(db).writing():
            pass


def _fit_baseline(name: str, splits: Any) -> MethodResult:
    if "train" not in splits:
        return MethodResult(name, reason=NO_TRAIN)
    print_note(f"fitting {name}")
    try:
        with peak_memory("cpu") as peak:
            answers = BASELINES[name](splits["train"], splits["test"])
    except ValueError as error:  # scikit-learn cannot learn from this train split; the report says so
        return MethodResult(name, reason=" ".join(str(error).split()))
    return MethodResult(name, (answers,), peak_bytes=peak.bytes, peak_where=peak.where)


def _write(metrics: Json, out: Path) -> None:
    print_note("writing the report")
    text = json.dumps(metrics, indent=1, allow_nan=False, ensure_ascii=False)
    report.evaluation_files(out).claim(out / report.METRICS)
    (out / report.METRICS).write_text(text + "\n", encoding="utf-8")
    report.write(metrics, out)


def print_table(metrics: Json, console: Console) -> None:
    """Print the headline numbers on the canonical test split, no wider than the terminal if there is one."""
    width = console.width if console.is_terminal else max(console.width, WIDE)
    for table in (methods_table(metrics), faithfulness_table(metrics)):
        if table.rows:
            console.print(as_text(table, width), markup=False, highlight=False, soft_wrap=True)


def _distinct(models: Sequence[str]) -> dict[str, ModelFolder]:
    """Model folders by name, in order; a repeated model is left out with a note."""
    folders = {name: open_folder(find_folder(name)) for name in models}
    names: dict[object, str] = {}
    for name in models:
        content = fingerprint(folders[name], with_adapter=True)
        if content in names:
            print_note(f"model {name} is the same as {names[content]}, and left out")
        names.setdefault(content, name)
    return {name: folders[name] for name in names.values()}


def _folder(name: str) -> Path:
    if not name:
        raise ConfigError("--out is empty; name a folder")
    return Path(name)


def command(
    context: typer.Context,
    data: Annotated[str, typer.Option(help="Folder of train, val and test files, or a hub id.")],
    out: Annotated[
        Path,
        typer.Option(parser=_folder, metavar="PATH", help="Folder for metrics.json, report and pictures."),
    ],
    model: Annotated[
        list[str] | None, typer.Option(help='"embedded", a model folder or a hub id; may be repeated.')
    ] = None,
    methods: Annotated[
        str, typer.Option("--methods", "--ways", help="Methods to measure (--ways is the old name).")
    ] = ",".join(METHODS),
    draws: Annotated[int, typer.Option(min=1, help="Draws of few-shot examples, each 1, 2 and 4 a label.")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap draws for the 95% intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap draws.")] = 0,
    show_texts: Annotated[
        bool, typer.Option("--show-texts", help="Quote the most confident mistakes in the report.")
    ] = False,
    gate: Annotated[
        str | None,
        typer.Option(help="Limits for the fine-tuned models: macro_f1=0.90,ece=0.02; exit 3 if one fails."),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(help="Save the metrics in this database, for its reports."),
    ] = None,
    faithfulness: Annotated[
        bool,
        typer.Option(
            "--faithfulness", help="Measure the words of explanations beside random words, attention and gradients."
        ),
    ] = False,
    posts: Annotated[
        Path | None,
        typer.Option(
            help="Parquet file (columns title, body); --faithfulness also measures words of its long posts."
        ),
    ] = None,
    readme: Annotated[
        Path | None, typer.Option(help="Write the table between the evaluation marks of this Markdown file.")
    ] = None,
) -> None:
    """Measure models on labelled texts: zero-shot, few-shot and fine-tuned, with one base and one scorer.

    The report compares them with the majority class, TF-IDF + LinearSVC, and labels parsed from generated text. Every
    method is measured on the whole test split, and again without texts that repeat or are in train or validation.
    """
    chosen = [method.strip() for method in methods.split(",")]
    if set(chosen) - set(METHODS):
        raise ConfigError(f"--methods {methods}: choose from {', '.join(METHODS)}")
    if "few_shot" not in chosen:
        require_used(context, f"--methods {methods}", context.params.keys() - {"draws"})
    if device not in DEVICES:
        raise ConfigError(f"--device {device}: use auto, cpu or cuda")
    if readme:
        report.check_readme(readme)
    limits = None if gate is None else read_gate(gate)
    # Open every folder first, so that a wrong name fails before minutes are spent on another model.
    folders = _distinct(model or ["embedded"])
    if limits and not any(folder.adapter for folder in folders.values()):
        raise ConfigError("--gate: no model here has an adapter, so none is fine-tuned; train one, or leave it out")
    metrics = evaluate(
        data,
        list(folders),
        out,
        engine=lambda: open_engine(device),
        methods=chosen,
        draws=draws,
        resamples=resamples,
        seed=seed,
        show_texts=show_texts,
        limits=limits,
        db=db,
        faithfulness=faithfulness or posts is not None,
        posts=posts,
    )
    if readme:
        report.write_readme(metrics, readme)
    console = Console()
    print_table(metrics, console)
    console.print(Text(f"{NOT_A_DIAGNOSIS}\n{out / 'index.html'}"), soft_wrap=True)
    for line in (lines := failing(metrics["gate"])):
        Console(stderr=True).print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    if lines:
        raise typer.Exit(GATE_FIRED)


if __name__ == "__main__":
    run(command)

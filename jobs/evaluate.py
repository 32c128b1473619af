"""Measure models on labelled texts: zero-shot, few-shot and fine-tuned, beside two floors.

risk-monitor evaluate --data ../shared/data/emotion --model embedded --out out/evaluation
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from jobs.console.app import GATE_FIRED, run
from jobs.console.progress import note, progress, warn
from jobs.evaluation.adapter_copy import keep_adapter
from jobs.evaluation.measurements import (
    Measured,
    Ruler,
    analyse,
    compare,
    describe,
    main_of,
    new_ruler,
    shown_of,
)
from jobs.evaluation.methods import NO_TRAIN, SHOTS, WAYS, Answered, Engine, ask_model, open_engine
from jobs.evaluation.provenance import about_model, training_curves, versions
from jobs.evaluation.quality_gate import failing, gate, read_gate
from monitor import NOT_A_DIAGNOSIS
from monitor.benchmark.peak_memory import peak_memory
from monitor.corpora.splits import load_splits
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.evaluation.baselines import majority, tfidf_svm
from monitor.labels import RiskMap
from monitor.model.calibration import CONTENT_FREE
from monitor.model.folder import ModelFolder, find_folder, fingerprint, open_folder
from reports.evaluation import report
from reports.evaluation.tables import methods_table
from reports.evaluation.text_tables import WIDE, as_text

FORMAT = 2  # of metrics.json
FLOORS = {"majority": majority, "tfidf_svm": tfidf_svm}
DEVICES = ("auto", "cpu", "cuda")
Json = dict[str, Any]


def evaluate(
    data: str,
    models: Sequence[str],
    out: Path,
    *,
    engine: Callable[[], Engine] = open_engine,
    ways: Sequence[str] = WAYS,
    draws: int = 5,
    resamples: int = 1000,
    seed: int = 0,
    show_texts: bool = False,
    limits: dict[str, float] | None = None,
    db: Path | None = None,
) -> Json:
    """Measure the floors and each model in each way; write everything into `out` and return what metrics.json holds.

    Args:
        data: a folder of train, val and test files, or a hub id; without train no floor and no few-shot.
        models: names of models, opened one after another.
        engine: opens models and scores.
        ways: of WAYS, those to ask.
        draws: of few-shot examples, for each number of them.
        resamples: bootstrap draws for the 95% intervals; seed: of those.
        show_texts: tell the texts of the most confident mistakes, not their rows alone.
        limits: least or most values of metrics that the gate asks of the fine-tuned models.
        db: a database to keep the metrics in.

    Raises:
        DataError: the data cannot be read. ModelError: a model cannot. ConfigError: two models map emotions to
            risks differently, a gate without fine-tuned answers to hold against it, or `out` cannot be written.
            StoreError: the database cannot be written.
    """
    if limits and not (models and "fine_tuned" in ways):
        raise ConfigError("--gate: it is held against fine-tuned answers; add fine_tuned to --ways")
    splits = load_splits(data, required=("test",))
    _claim(out, db)
    asked: list[tuple[Answered, Any]] = [(_floor(name, splits), None) for name in FLOORS]
    running, opened = engine(), []
    for name in dict.fromkeys(models):
        model, answers = ask_model(running, name, splits, ways, draws)
        if opened and opened[0].risk_map != model.risk_map:
            raise ConfigError(
                f"model {name} maps emotions to risks unlike {models[0]}; evaluate it by itself"
            )
        # The network is as large as the model, and no longer needed.
        opened.append(replace(model, network=None))
        asked += [(answered, model) for answered in answers]
    ruler = new_ruler(splits, opened[0].risk_map if opened else RiskMap(), resamples, seed)
    methods = _measure(asked, ruler)
    found = {
        "format": FORMAT,
        "note": NOT_A_DIAGNOSIS,
        "data": {"source": data, **describe(splits, ruler)},
        "settings": {"resamples": resamples, "seed": seed, "draws": draws, "ways": list(ways)}
        | {"shots": list(SHOTS), "content_free": list(CONTENT_FREE), "versions": versions()},
        "models": [about_model(model) for model in opened],
        **_findings(methods, ruler, show_texts, limits or {}),
        "training": training_curves(models),
    }
    _write(found, out)
    keep_adapter(models, out)
    if db:
        from jobs.evaluation.save_metrics import write_evaluations

        note(f"{write_evaluations(db, found, opened):,} metrics written to {db}")
    return found


def _measure(asked: Sequence[tuple[Answered, Any]], ruler: Ruler) -> list[Measured]:
    """Every method's measurements; what could not be measured is told."""
    methods = []
    total = len(ruler.test) * sum(len(answered.draws) for answered, _ in asked)
    with progress("measuring, with bootstrap intervals", "answers", total) as advance:
        for answered, model in asked:
            name, model_id = (model.name, model.model_id) if model else ("", None)
            methods.append(ruler.measure(answered, name, model_id, progress=advance))
    for method in methods:
        if why := method.answered.reason:
            warn(f"not measured: {method.title}{f' of {method.model}' if method.model else ''}: {why}")
    return methods


def _findings(
    methods: Sequence[Measured], ruler: Ruler, show_texts: bool, limits: Mapping[str, float]
) -> Json:
    main, shown = main_of(methods), shown_of(methods)
    told = [method.to_json() for method in methods]
    return {
        "methods": told,
        "shown": [method.id for method in shown],
        "curves": {method.id: ruler.curves(method.shown) for method in shown if method.shown},
        "comparisons": compare(methods, ruler),
        "analysis": analyse(main, ruler, show_texts) if main else None,
        "gate": gate(told, limits),
    }


def _claim(out: Path, db: Path | None) -> None:
    """Find out before minutes of work that its results could not be written, and leave no file behind."""
    for option, folder in (("--out", out), ("--db", db and db.parent)):
        if folder:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
                if folder == out and (file := out / "metrics.json").exists():
                    file.open("ab").close()
            except OSError as error:
                raise ConfigError(
                    f"{option} {folder}: cannot write there ({error.strerror}); name another folder"
                ) from error
    if db and db.exists():
        Database(db).connect().close()


def _floor(name: str, splits: Any) -> Answered:
    if "train" not in splits:
        return Answered(name, reason=NO_TRAIN)
    note(f"fitting {name}")
    try:
        with peak_memory("cpu") as peak:
            answers = FLOORS[name](splits["train"], splits["test"])
    except ValueError as error:  # a train split that scikit-learn cannot learn from; the report says so
        return Answered(name, reason=" ".join(str(error).split()))
    return Answered(name, (answers,), peak_bytes=peak.bytes, peak_where=peak.where)


def _write(found: Json, out: Path) -> None:
    note("writing the report")
    text = json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False)
    (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    report.write(found, out)


def print_table(found: Json, console: Console) -> None:
    """The headline numbers on the canonical test split, within the width of the terminal if there is one."""
    wide = console.width if console.is_terminal else max(console.width, WIDE)
    console.print(as_text(methods_table(found), wide), markup=False, highlight=False, soft_wrap=True)


def _distinct(models: Sequence[str]) -> dict[str, ModelFolder]:
    """Different models by name, in order; that one stands there twice is told."""
    folders = {name: open_folder(find_folder(name)) for name in models}
    names: dict[object, str] = {}
    for name in models:
        known = fingerprint(folders[name], with_adapter=True)
        if known in names:
            note(f"model {name} is {names[known]} again, and left out")
        names.setdefault(known, name)
    return {name: folders[name] for name in names.values()}


def _folder(name: str) -> Path:
    if not name:
        raise ConfigError("--out is empty; name a folder")
    return Path(name)


def command(
    data: Annotated[str, typer.Option(help="Folder of train, val and test files, or a hub id.")],
    out: Annotated[
        Path,
        typer.Option(parser=_folder, metavar="PATH", help="Folder for metrics.json, report and pictures."),
    ],
    model: Annotated[
        list[str] | None, typer.Option(help='"embedded", a model folder or a hub id; may be repeated.')
    ] = None,
    ways: Annotated[str, typer.Option(help="Which of these to measure.")] = ",".join(WAYS),
    draws: Annotated[
        int, typer.Option(min=1, help="Draws of few-shot examples, each 1, 2 and 4 a label.")
    ] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap draws for the 95% intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap draws.")] = 0,
    show_texts: Annotated[
        bool, typer.Option("--show-texts", help="Quote the most confident mistakes in the report.")
    ] = False,
    gate: Annotated[
        str | None,
        typer.Option(help="Limits of the fine-tuned models: macro_f1=0.90,ece=0.02; exit 3 where one fails."),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(help="Keep the metrics of what is measured in this database, for its reports."),
    ] = None,
    readme: Annotated[
        Path | None, typer.Option(help="Put the table between the evaluation marks of this Markdown file.")
    ] = None,
) -> None:
    """Measure models on labelled texts: zero-shot, few-shot and fine-tuned, with one base and one scorer.

    Beside them stand the majority class, TF-IDF + LinearSVC, and labels parsed from generated text. The whole test
    split is measured, and again without the texts that stand in train, in validation or twice.
    """
    chosen = [way.strip() for way in ways.split(",")]
    if set(chosen) - set(WAYS):
        raise ConfigError(f"--ways {ways}: choose from {', '.join(WAYS)}")
    if device not in DEVICES:
        raise ConfigError(f"--device {device}: use auto, cpu or cuda")
    if readme:
        report.check_readme(readme)
    limits = None if gate is None else read_gate(gate)
    # A model that cannot be opened is told before minutes are spent on another, one named twice is asked once.
    folders = _distinct(model or ["embedded"])
    if limits and not any(folder.adapter for folder in folders.values()):
        raise ConfigError(
            "--gate: no model here has an adapter, so none is fine-tuned; train one, or leave it out"
        )
    found = evaluate(
        data,
        list(folders),
        out,
        engine=lambda: open_engine(device),
        ways=chosen,
        draws=draws,
        resamples=resamples,
        seed=seed,
        show_texts=show_texts,
        limits=limits,
        db=db,
    )
    if readme:
        report.write_readme(found, readme)
    console = Console()
    print_table(found, console)
    console.print(f"{NOT_A_DIAGNOSIS}\n{out / 'index.html'}", highlight=False, soft_wrap=True)
    for line in (lines := failing(found["gate"])):
        Console(stderr=True).print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    if lines:
        raise typer.Exit(GATE_FIRED)


if __name__ == "__main__":
    run(command)

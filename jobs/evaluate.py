"""Measure models on the test split of a labelled data set, beside two floors.

risk-monitor evaluate --data data/emotion --model embedded --out out/evaluation
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from jobs.cli import run
from jobs.progress import note, progress
from jobs.score import Scorer, open_scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.baselines import Answers, majority, tfidf_svm
from monitor.corpus import Split, load_splits, unseen
from monitor.errors import ConfigError
from monitor.labels import EMOTIONS, RISKS, RiskMap
from monitor.metrics import Measurement, measure
from reports.evaluation import CANONICAL, DEDUPLICATED, Method, compact, summary_text, write_pictures

FORMAT = 1  # of metrics.json
FLOORS = {"majority class": majority, "TF-IDF + LinearSVC": tfidf_svm}
NARROWEST = 118  # columns that the table needs where the width is nobody's choice


@dataclass(frozen=True)
class Ruler:
    """What every method of one evaluation is measured with.

    rows: by split name, a mask over the test texts, shape (n,).
    """

    test: Split
    rows: Mapping[str, npt.NDArray[np.bool_]]
    resamples: int
    seed: int

    def measure(
        self, answers: Answers, risk_map: RiskMap
    ) -> tuple[dict[str, Measurement], dict[str, Measurement]]:
        """Emotion and risk by split name. Risk follows the summed probabilities, or the predicted emotion."""
        p = answers.probabilities
        p_risk = None if p is None else risk_map.risk_probabilities(p)
        risk = risk_map.risk_of(answers.predicted) if p_risk is None else p_risk.argmax(axis=1)
        kinds = (
            (self.test.labels, answers.predicted, EMOTIONS, p),
            (risk_map.risk_of(self.test.labels), risk, RISKS, p_risk),
        )
        emotion, by_risk = (
            {
                split: measure(
                    labels[keep],
                    predicted[keep],
                    names,
                    None if probabilities is None else probabilities[keep],
                    resamples=self.resamples,
                    seed=self.seed,
                )
                for split, keep in self.rows.items()
            }
            for labels, predicted, names, probabilities in kinds
        )
        return emotion, by_risk


def evaluate(
    data: str,
    models: Sequence[str],
    out: Path,
    *,
    load: Callable[[str], Scorer] = open_scorer,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Method]:
    """Measure the floors and each model; write metrics.json, summary.txt and the pictures into `out`.

    Args:
        data: a folder of train, val and test files, or a hub id.
        models: names for `load`, which opens them one after another.
        resamples: bootstrap draws for the 95% intervals.
        seed: of the draws.

    Raises:
        DataError: the data cannot be read. ModelError: a model cannot. ConfigError: two models map emotions to
            risks differently, or `out` cannot be written.
    """
    splits = load_splits(data, required=("train", "test"))
    keep = unseen(splits["test"], [split for name, split in splits.items() if name != "test"])
    rows = {CANONICAL: np.ones_like(keep), DEDUPLICATED: keep}
    ruler = Ruler(splits["test"], rows, resamples, seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "metrics.json").touch()
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot write there ({error.strerror}); name another folder"
        ) from error
    risk_map: RiskMap | None = None
    scored = []
    for name in dict.fromkeys(models):
        scorer = load(name)
        risk_map = risk_map or scorer.model.risk_map
        if scorer.model.risk_map != risk_map:
            raise ConfigError(
                f"model {name} maps emotions to risks unlike {models[0]}; evaluate it by itself"
            )
        scored.append(_measured(scorer, ruler))
    methods = [_floor(name, splits, ruler, risk_map or RiskMap()) for name in FLOORS] + scored
    kept = {"n_train": len(splits["train"]), CANONICAL: len(keep), DEDUPLICATED: int(keep.sum())}
    _write(methods, {"data": {"source": data, **kept}, "resamples": resamples, "seed": seed}, out)
    return methods


def _measured(scorer: Scorer, ruler: Ruler) -> Method:
    model = scorer.model
    began = time.monotonic()
    with progress(f"scoring with {model.name}", "texts", len(ruler.test)) as advance:
        probabilities = scorer.score(ruler.test.texts, progress=advance).probabilities
    rate = len(ruler.test) / max(time.monotonic() - began, 1e-9)
    note("measuring, with bootstrap intervals")
    emotion, risk = ruler.measure(Answers(probabilities.argmax(axis=1), probabilities), model.risk_map)
    name = f"{model.name} {model.model_id[:8]}"  # folders may share a name, models never an id
    return Method(name, emotion, risk, model_id=model.model_id, texts_per_second=rate)


def _floor(name: str, splits: Mapping[str, Split], ruler: Ruler, risk_map: RiskMap) -> Method:
    note(f"fitting {name}")
    try:
        answers = FLOORS[name](splits["train"], splits["test"])
    except ValueError as error:  # a train split that scikit-learn cannot learn from; the report says so
        return Method(name, {}, {}, reason=" ".join(str(error).split()))
    emotion, risk = ruler.measure(answers, risk_map)
    return Method(name, emotion, risk)


def _write(methods: Sequence[Method], about: Mapping[str, Any], out: Path) -> None:
    found = {"format": FORMAT, **about, "methods": [method.to_json() for method in methods]}
    (out / "metrics.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    data = about["data"]
    lines = [
        f"Data: {data['source']}: {data['n_train']:,} training texts, {data[CANONICAL]:,} test texts, of which "
        f"{data[DEDUPLICATED]:,} stand nowhere else.",
        f"In brackets: 95% intervals from {about['resamples']:,} bootstrap draws, seed {about['seed']}.",
    ]
    (out / "summary.txt").write_text(summary_text(methods, lines), encoding="utf-8")
    write_pictures(methods, out)


def print_table(methods: Sequence[Method], console: Console) -> None:
    """The headline numbers on the canonical test split, a line a method."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("method")
    headings = ("macro F1 (95%)", "accuracy", "ECE", "risk macro F1", "risk AUROC", "risk PR-AUC", "texts/s")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for method in methods:
        if method.reason:
            table.add_row(method.name, f"not measured: {method.reason}")
            continue
        emotion, risk = method.emotion[CANONICAL].metrics, method.risk[CANONICAL].metrics
        table.add_row(
            method.name,
            compact(emotion["macro_f1"], interval=True),
            compact(emotion["accuracy"]),
            compact(emotion["ece"]),
            *(compact(risk[name]) for name in ("macro_f1", "auroc", "pr_auc")),
            f"{method.texts_per_second:,.0f}" if method.texts_per_second else "",
        )
    console.print(table)


def command(
    data: Annotated[str, typer.Option(help="Folder of train, val and test files, or a hub id.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, summary.txt and the pictures.")],
    model: Annotated[
        list[str] | None, typer.Option(help='"embedded", a model folder or a hub id; may be repeated.')
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap draws for the 95% intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
) -> None:
    """Measure models on labelled texts, beside the majority class and TF-IDF + LinearSVC.

    The whole test split is measured, and again without the texts that stand in train, in validation or twice.
    """
    names = model or ["embedded"]
    methods = evaluate(
        data, names, out, load=lambda name: open_scorer(name, device), resamples=resamples, seed=seed
    )
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, NARROWEST))
    print_table(methods, console)
    console.print(f"{NOT_A_DIAGNOSIS}\n{out / 'summary.txt'}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run(command)

"""Measure a model on text unlike its corpus: GoEmotions comments and DREADDIT posts.

    risk-monitor transfer --data ../shared/data/external --model embedded --out out/transfer

Most real text is neutral, so the first question is how often a neutral comment is called high risk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from jobs.console.app import run
from jobs.console.output_folder import claim_folder
from jobs.pipeline.run import open_scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.sources import GOEMOTIONS, read_comments, read_stress
from monitor.evaluation.bootstrap import row_weights
from monitor.evaluation.metrics import Metric, metric_of, ranking_areas
from monitor.labels import confidence

DRAWS = 1000
HIGH = 0.5  # limit of P(high)


def command(
    data: Annotated[Path, typer.Option(help="Folder with goemotions_train_dev.parquet and dreaddit_train.parquet.")],
    out: Annotated[Path, typer.Option(help="Folder for transfer.json.")],
    model: Annotated[str, typer.Option(help='"embedded", a model folder, or a hub id.')] = "embedded",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure a model on text unlike its corpus: neutral comments, sad ones, and posts about stress."""
    comments = read_comments(data / "goemotions_train_dev.parquet", "dev")
    posts, stressed = read_stress(data / "dreaddit_train.parquet")
    claim_folder(out)
    scorer = open_scorer(model, device)
    risks = scorer.model.risk_map.risk_probabilities
    emotions = scorer.score(comments.texts).probabilities
    high, confidences = risks(emotions)[:, 2], confidence(emotions)
    mid_or_high = risks(scorer.score(posts).probabilities)[:, 1:].sum(axis=1)
    sad = np.array([bool(set(GOEMOTIONS["sadness"]) & set(names)) for names in comments.labels])
    metrics = {
        "neutral comments with P(high) above 0.5": mean_with_interval(high[comments.neutral] > HIGH),
        "mean confidence on neutral comments": mean_with_interval(confidences[comments.neutral]),
        "mean confidence on other comments": mean_with_interval(confidences[~comments.neutral]),
        "AUROC of P(high) for the sad group": auroc_with_interval(sad, high),
        "AUROC of P(mid) + P(high) for stress": auroc_with_interval(stressed, mid_or_high),
    }
    sizes = {
        "neutral": int(comments.neutral.sum()),
        "sad": int(sad.sum()),
        "comments": len(sad),
        "posts": len(posts),
    }
    record = {
        "model_id": scorer.model.model_id,
        "n": sizes,
        "values": {name: _with_interval(metric) for name, metric in metrics.items()},
        "undefined": {name: metric.reason for name, metric in metrics.items() if metric.value is None},
        "note": NOT_A_DIAGNOSIS,
    }
    (out / "transfer.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    console = Console()
    counts = ", ".join(f"{n:,} {kind}" for kind, n in sizes.items())
    console.print(f"{scorer.model.name} {scorer.model.model_id[:8]}: {counts}")
    console.print(_table(metrics))
    console.print(f"{NOT_A_DIAGNOSIS}\n{out / 'transfer.json'}", highlight=False, soft_wrap=True)


def mean_with_interval(values: npt.NDArray[np.generic]) -> Metric:
    """Mean of values, shape (n,), with its 95% bootstrap interval."""
    if not len(values):
        return Metric(None, reason="there are no such texts")
    n = len(values)
    draws = [weights @ values.astype(np.float64) / n for weights in row_weights(n, DRAWS, seed=0)]
    return metric_of(np.concatenate(draws), None, n)


def auroc_with_interval(positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> Metric:
    """AUROC with its 95% bootstrap interval; positive and scores have shape (n,)."""
    if positive.all() or not positive.any():
        return Metric(None, reason=f"every text is {'inside' if positive.any() else 'outside'} the group")
    n = len(positive)
    draws = [ranking_areas(weights, positive, scores)[0] for weights in row_weights(n, DRAWS, seed=0)]
    return metric_of(np.concatenate(draws), None, n)


def _with_interval(metric: Metric) -> tuple[float, float | None, float | None] | None:
    return None if metric.value is None else (metric.value, metric.low, metric.high)


def _table(metrics: Mapping[str, Metric]) -> Table:
    table = Table("measure", f"value (95%, {DRAWS:,} bootstrap draws)", box=None)
    for name, metric in metrics.items():
        if metric.value is None:
            table.add_row(name, f"undefined: {metric.reason}")
        elif metric.low is None:
            table.add_row(name, f"{metric.value:.3f} (no interval: {metric.no_interval})")
        else:
            table.add_row(name, f"{metric.value:.3f} ({metric.low:.3f}\N{EN DASH}{metric.high:.3f})")
    return table


def main() -> None:
    """Run as `python -m jobs.transfer`."""
    run(command)


if __name__ == "__main__":
    main()

"""Measure a model on text that does not look like its corpus: GoEmotions comments and DREADDIT posts.

    risk-monitor transfer --data ../shared/data/external --model embedded --out out/transfer

Most real text is neutral, so the first question is how often a neutral comment is called high risk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from jobs.console.app import run
from jobs.console.output_folder import claim_folder
from jobs.pipeline.run import open_scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.mixture import GOEMOTIONS, read_comments, read_stress
from monitor.labels import confidence

Value = tuple[float, float, float] | str  # with its interval, or why it is undefined
DRAWS = 1000
HIGH = 0.5


def command(
    data: Annotated[
        Path, typer.Option(help="Folder with goemotions_train_dev.parquet and dreaddit_train.parquet.")
    ],
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
    spoken = scorer.score(comments.texts).probabilities
    high, sure = risks(spoken)[:, 2], confidence(spoken)
    strain = risks(scorer.score(posts).probabilities)[:, 1:].sum(axis=1)
    sad = np.array([bool(set(GOEMOTIONS["sadness"]) & set(names)) for names in comments.labels])
    values = {
        "neutral comments with P(high) above 0.5": interval(high[comments.neutral] > HIGH),
        "mean confidence on neutral comments": interval(sure[comments.neutral]),
        "mean confidence on other comments": interval(sure[~comments.neutral]),
        "AUROC of P(high) for the sad group": ranking(sad, high),
        "AUROC of P(mid) + P(high) for stress": ranking(stressed, strain),
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
        "values": {name: None if isinstance(value, str) else value for name, value in values.items()},
        "undefined": {name: value for name, value in values.items() if isinstance(value, str)},
        "note": NOT_A_DIAGNOSIS,
    }
    (out / "transfer.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    console = Console()
    counts = ", ".join(f"{n:,} {kind}" for kind, n in sizes.items())
    console.print(f"{scorer.model.name} {scorer.model.model_id[:8]}: {counts}")
    console.print(_table(values))
    console.print(f"{NOT_A_DIAGNOSIS}\n{out / 'transfer.json'}", highlight=False, soft_wrap=True)


def interval(values: npt.NDArray[np.generic]) -> Value:
    """Mean and its 95% bootstrap interval over rows, shape (n,)."""
    if not len(values):
        return "there are no such texts"
    values = values.astype(np.float64)
    draws = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def ranking(positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> Value:
    """AUROC and its 95% bootstrap interval, drawn within each class; positive and scores (n,)."""
    random = np.random.default_rng(0)
    classes = [np.flatnonzero(positive == value) for value in (True, False)]
    if not all(map(len, classes)):
        return f"every text is {'inside' if len(classes[0]) else 'outside'} the group"
    rows = (np.concatenate([random.choice(rows, len(rows)) for rows in classes]) for _ in range(DRAWS))
    draws = [roc_auc_score(positive[row], scores[row]) for row in rows]
    low, high = np.percentile(draws, (2.5, 97.5))
    return float(roc_auc_score(positive, scores)), float(low), float(high)


def _table(values: dict[str, Value]) -> Table:
    table = Table("measure", f"value (95%, {DRAWS:,} bootstrap draws)", box=None)
    for name, found in values.items():
        if isinstance(found, str):
            table.add_row(name, f"undefined: {found}")
        else:
            table.add_row(name, "{:.3f} ({:.3f}\N{EN DASH}{:.3f})".format(*found))
    return table


def main() -> None:
    """Run as `python -m jobs.transfer`."""
    run(command)


if __name__ == "__main__":
    main()

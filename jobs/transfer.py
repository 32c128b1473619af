"""Measure a model and cheap baselines on text unlike its corpus.

    risk-monitor transfer --data ../shared/data/external --model embedded --out out/transfer

Most real text is neutral, so the first question is how often a neutral comment is called high risk. The second is how
well the answers tell the two sides of each contrast apart (see monitor/corpora/contrasts.py), over all texts and
within fifths of their length. They are compared with the best of four cheap baselines: length, first-person words,
VADER, and TF-IDF with logistic regression, fitted on the other sources (leave one source out). Texts of a contrast
that are in the model's training list are left out and counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.app import run
from jobs.console.output_folder import claim_files
from jobs.evaluation.trained_texts import training_hashes
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_new import Scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.contrasts import Contrast, read_contrasts
from monitor.corpora.mixture import is_listed
from monitor.corpora.sources import GOEMOTIONS, read_comments, read_stress
from monitor.evaluation import auroc, cheap_baselines
from monitor.evaluation.bootstrap import row_weights
from monitor.evaluation.metrics import Metric, metric_of, ranking_areas
from monitor.labels import CRITERIA, confidence

DRAWS = 1000
HIGH = 0.5  # limit of P(high)
LEAST_TEXTS = 100  # smallest source on which the TF-IDF baseline is fitted


def command(
    data: Annotated[Path, typer.Option(help="Folder with goemotions_train_dev.parquet and dreaddit_train.parquet.")],
    out: Annotated[Path, typer.Option(help="Folder for transfer.json.")],
    model: Annotated[str, typer.Option(help='"embedded", a model folder, or a hub id.')] = "embedded",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    texts: Annotated[int, typer.Option(help="At most this many texts a contrast, drawn with a fixed seed.")] = 3000,
) -> None:
    """Measure a model on text unlike its corpus, beside cheap baselines: comments, tweets, posts, written texts."""
    files = claim_files(out, "transfer", ["transfer.json"], ("model_id", "values"))
    comments = read_comments(data / "goemotions_train_dev.parquet", "dev")
    posts, stressed = read_stress(data / "dreaddit_train.parquet")
    all_contrasts = read_contrasts(data)
    untrained, left_out = _without_trained(all_contrasts, training_hashes(model))
    contrasts = [contrast.sample(texts) for contrast in untrained]
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
    sizes = {"neutral": int(comments.neutral.sum()), "sad": int(sad.sum()), "comments": len(sad), "posts": len(posts)}
    record = {
        "model_id": scorer.model.model_id,
        "n": sizes,
        "values": {name: _with_interval(metric) for name, metric in metrics.items()},
        "undefined": {name: metric.reason for name, metric in metrics.items() if metric.value is None},
        "contrasts": (rows := compare(contrasts, scorer)),
        "left_out_as_trained_on": left_out,
        "note": NOT_A_DIAGNOSIS,
    }
    files.claim(out / "transfer.json")
    (out / "transfer.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    console = Console()
    console.print(Text(f"{scorer.model.name} {scorer.model.model_id[:8]}: {_counts(sizes, left_out)}"))
    console.print(_table(metrics))
    console.print(_contrast_table(rows))
    console.print(Text(f"{NOT_A_DIAGNOSIS}\n{out / 'transfer.json'}"), soft_wrap=True)


def _counts(sizes: Mapping[str, int], left_out: Mapping[str, int]) -> str:
    """The numbers of measured and of left-out texts."""
    counts = ", ".join(f"{n:,} {kind}" for kind, n in sizes.items())
    if not left_out:
        return counts
    n = sum(left_out.values())
    return f"{counts}\nleft out, because the model was trained on them: {n:,} texts of {len(left_out)} contrasts"


def _without_trained(
    contrasts: Sequence[Contrast], trained: npt.NDArray[np.uint64]
) -> tuple[list[Contrast], dict[str, int]]:
    """The contrasts without texts of the training list, and the number of texts removed from each, by name."""
    left = [contrast.without(is_listed(contrast.texts, trained)) for contrast in contrasts]
    lost = {one.name: len(one.texts) - len(rest.texts) for one, rest in zip(contrasts, left, strict=True)}
    return left, {name: n for name, n in lost.items() if n}


def compare(contrasts: Sequence[Contrast], scorer: Scorer) -> list[dict[str, Any]]:
    """For each contrast, AUROCs of the model's answers and of the baselines, and the lead over the best baseline.

    Returns:
        One dict per contrast: `name`, `source`, `trained_on`, `n`, `n_positive` and `undefined` (a reason or None).
        Its keys "all" and "within_fifths" have the AUROC of every score with its interval, the names of the best
        answer and the best baseline, and `lead`, the difference of these two with its interval on the same draws.
    """
    rows = []
    for contrast in contrasts:
        row: dict[str, Any] = {"name": contrast.name, "source": contrast.source, "trained_on": contrast.trained_on}
        row |= {"n": len(contrast.texts), "n_positive": int(contrast.positive.sum())}
        row["undefined"] = auroc.one_sided(contrast.positive)
        if row["undefined"] is None:
            answers, baselines = _answers(contrast, scorer), _baselines(contrast, contrasts)
            words = cheap_baselines.length(contrast.texts)
            row["all"] = _areas(contrast, answers, baselines, None)
            row["within_fifths"] = _areas(contrast, answers, baselines, words)
        rows.append(row)
    return rows


def _answers(contrast: Contrast, scorer: Scorer) -> dict[str, npt.NDArray[np.float64]]:
    """The model's answers that the contrast names; only P(high) for a model without the symptoms question."""
    scores = scorer.score(contrast.texts)
    answers = {"p_high": scorer.model.risk_map.risk_probabilities(scores.probabilities)[:, 2]}
    if scores.any is not None and scores.criteria is not None:
        answers |= {"p_any": scores.any, "p_suicidal": scores.criteria[:, CRITERIA.index("suicidal")]}
    chosen = {name: answers[name] for name in contrast.scores if name in answers}
    return chosen or {"p_high": answers["p_high"]}


def _baselines(contrast: Contrast, contrasts: Sequence[Contrast]) -> dict[str, npt.NDArray[np.float64]]:
    """Scores of the cheap baselines; a baseline that cannot be computed is left out."""
    others = [other for other in contrasts if other.source != contrast.source and len(other.texts) >= LEAST_TEXTS]
    train = [text for other in others for text in other.texts]
    labels = np.concatenate([np.zeros(0, np.bool_), *(other.positive for other in others)])
    scores = {
        "length": cheap_baselines.length(contrast.texts),
        "first person": cheap_baselines.first_person_rate(contrast.texts),
        "VADER": cheap_baselines.vader(contrast.texts),
        "TF-IDF of other sources": cheap_baselines.tfidf(train, labels, contrast.texts) if train else None,
    }
    return {name: values for name, values in scores.items() if values is not None}


def _areas(
    contrast: Contrast,
    answers: Mapping[str, npt.NDArray[np.float64]],
    baselines: Mapping[str, npt.NDArray[np.float64]],
    lengths: npt.NDArray[np.float64] | None,
) -> dict[str, Any]:
    draws = {
        name: auroc.auroc_draws(contrast.positive, scores, lengths)
        for name, scores in {**answers, **baselines}.items()
    }
    n = len(contrast.texts)
    best = max(answers, key=lambda name: draws[name][0])
    cheap = max(baselines, key=lambda name: draws[name][0])
    return {
        "auroc": {name: _with_interval(auroc.metric(values, n)) for name, values in draws.items()},
        "best": best,
        "best_baseline": cheap,
        "lead": _with_interval(auroc.metric(draws[best] - draws[cheap], n)),
    }


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


def _contrast_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    title = "AUROC within fifths of length; lead over the best cheap baseline on the same draws"
    table = Table("contrast", "texts", "model", "best baseline", "lead", box=None, title=title)
    for row in rows:
        texts = f"{row['n_positive']:,} of {row['n']:,}"
        if row["undefined"]:
            table.add_row(row["name"], texts, f"undefined: {row['undefined']}")
            continue
        areas = row["within_fifths"]
        best, cheap = (f"{_number(areas['auroc'][areas[key]])} {areas[key]}" for key in ("best", "best_baseline"))
        table.add_row(row["name"], texts, best, cheap, _number(areas["lead"], "+"))
    return table


def _number(value: tuple[float, float | None, float | None] | None, sign: str = "") -> str:
    if value is None:
        return "undefined"
    middle, low, high = value
    ends = "" if low is None or high is None else f" ({low:{sign}.3f} to {high:{sign}.3f})"
    return f"{middle:{sign}.3f}{ends}"


def main() -> None:
    """Run as `python -m jobs.transfer`."""
    run(command)


if __name__ == "__main__":
    main()

"""Metrics of predictions: F1, AUROC, PR-AUC, ECE, Brier, log-loss, each with a bootstrap interval.

Every metric is a function of row weights, shape (b, n), so that one implementation serves the value and its interval.
The row of ones gives the value; every other row counts how often a bootstrap draw took each text. An undefined metric
is None with a reason, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.evaluation.bootstrap import interval, row_weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 15  # of the expected calibration error
NULL_DRAWS = 500  # draws of labels from the probabilities themselves
LEAST_PROBABILITY = 1e-12  # one wrong answer of probability 0 would make log-loss infinite
RATES = ("accuracy", "macro_f1", "weighted_f1")
CLASS_RATES = ("precision", "recall", "f1")
SOFT = ("auroc", "pr_auc", "ece", "brier", "log_loss")


@dataclass(frozen=True)
class Metric:
    """A value with its 95% interval, or None with the reason why it is undefined.

    spread: standard deviation over draws of few-shot examples; the value is their mean.
    no_interval: why the bootstrap draws give no interval.
    null: of the ECE, the value that a perfectly calibrated model would show by chance.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    spread: float | None = None
    no_interval: str | None = None
    null: float | None = None

    def to_json(self) -> dict[str, float | str | None]:
        """The value and every other field that is not None."""
        names = ("low", "high", "spread", "reason", "no_interval", "null")
        fields = {name: getattr(self, name) for name in names}
        return {"value": self.value} | {key: item for key, item in fields.items() if item is not None}


@dataclass(frozen=True)
class Measurement:
    """Everything measured about one set of predictions.

    Attributes:
        names: the k classes.
        n: number of texts.
        metrics: metric by name.
        per_class: precision, recall and f1 by class.
        confusion: counts, shape (k, k); rows are true classes, columns predicted classes.
        unanswered: number of texts of each true class without an answer, shape (k,).
        reliability: count, mean confidence and accuracy of each confidence bin, shape (bins, 3); None without
            probabilities.
        resampled: by metric (of a class as `f1_joy`) its value followed by its bootstrap draws, shape (1 +
            resamples,); `ece_null` is calibration_null. Draws of the same texts with the same seed can be compared
            one by one.
    """

    names: tuple[str, ...]
    n: int
    metrics: Mapping[str, Metric]
    per_class: Mapping[str, Mapping[str, Metric]]
    confusion: Ints
    unanswered: Ints
    reliability: Floats | None = None
    resampled: Mapping[str, Floats] = field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, as metrics.json holds them."""
        support = self.confusion.sum(axis=1) + self.unanswered
        return {
            "n": self.n,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "per_class": {
                name: {"support": int(support[row])} | {key: m.to_json() for key, m in values.items()}
                for row, (name, values) in enumerate(self.per_class.items())
            },
            "classes": list(self.names),
            "confusion": self.confusion.tolist(),
            "unanswered": self.unanswered.tolist(),
            "reliability": None if self.reliability is None else _plain(self.reliability),
        }


def measure(
    labels: Ints,
    predicted: Ints,
    names: Sequence[str],
    probabilities: Floats | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Measurement:
    """Measure predictions against labels.

    Args:
        labels: true class of each text, indices into names, shape (n,).
        predicted: predicted class, shape (n,); k means no answer, which counts as wrong.
        names: the k classes.
        probabilities: P(class), shape (n, k); None for a method that gives labels only.
        resamples: number of bootstrap draws; 0 leaves the intervals out.
        seed: seed of the draws. Equal seeds draw the same texts, so methods can be compared draw by draw.
    """
    k, n = len(names), len(labels)
    counts = np.zeros((k, k + 1), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    parts: dict[str, list[Floats]] = {}
    if n:
        for weights in row_weights(n, resamples, seed):
            for name, values in _all_metrics(weights, labels, predicted, probabilities, k).items():
                parts.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    for rate in CLASS_RATES:
        columns = joined.pop(rate, np.empty((0, k))).T
        joined |= {f"{rate}_{name}": column for name, column in zip(names, columns, strict=True)}
    reasons = _reasons(counts, names, probabilities is not None)
    metrics = {name: metric_of(joined.get(name, np.empty(0)), reason, n) for name, reason in reasons.items()}
    if probabilities is not None and n:
        joined["ece_null"] = calibration_null(probabilities, seed)
        metrics["ece"] = _judged_calibration(metrics["ece"], joined["ece"], joined["ece_null"])
    reliability = None if probabilities is None else reliability_bins(labels, probabilities)
    return Measurement(
        tuple(names),
        n,
        {name: metrics[name] for name in (*RATES, *SOFT)},
        {name: {rate: metrics[f"{rate}_{name}"] for rate in CLASS_RATES} for name in names},
        counts[:, :k],
        counts[:, k],
        reliability,
        joined,
    )


def average(draws: Sequence[Measurement], counted: int) -> Measurement:
    """The mean of measurements of the same texts, with each metric's spread. Counts are those of draws[counted].

    The interval of the mean comes from the bootstrap draws that the measurements share. The mean of a metric is
    undefined if one measurement lacks it.
    """

    def mean(name: str, metrics: Sequence[Metric]) -> Metric:
        values = [metric.value for metric in metrics if metric.value is not None]
        undefined = [metric.reason for metric in metrics if metric.value is None]
        if undefined:
            where = f", in {len(undefined)} of {len(metrics)} draws" if values else ""
            return Metric(None, reason=f"{undefined[0]}{where}")
        drawn = np.mean([draw.resampled[name] for draw in draws], axis=0)
        metric = metric_of(drawn, None, draws[0].n)
        if name == "ece":
            metric = _judged_calibration(
                metric, drawn, np.mean([draw.resampled["ece_null"] for draw in draws], axis=0)
            )
        return replace(metric, spread=float(np.std(values, ddof=1)) if len(values) > 1 else None)

    base = draws[counted]
    return replace(
        base,
        metrics={name: mean(name, [draw.metrics[name] for draw in draws]) for name in base.metrics},
        per_class={
            label: {
                rate: mean(f"{rate}_{label}", [draw.per_class[label][rate] for draw in draws]) for rate in CLASS_RATES
            }
            for label in base.names
        },
        resampled={name: np.mean([draw.resampled[name] for draw in draws], axis=0) for name in base.resampled},
    )


def reliability_bins(labels: Ints, probabilities: Floats) -> Floats:
    """Count, mean confidence and accuracy of each equal-width bin of confidence, shape (BINS, 3).

    Confidence is the probability of the predicted class. Empty bins hold NaN for mean and accuracy.
    """
    confidence, correct, bin_of = _confidence_bins(labels, probabilities)
    sums = np.eye(BINS)[bin_of].T @ np.stack([np.ones_like(correct), confidence, correct], axis=1)
    with np.errstate(invalid="ignore"):
        sums[:, 1:] /= sums[:, :1]
    return np.asarray(sums, dtype=np.float64)


def calibration_null(probabilities: Floats, seed: int = 0) -> Floats:
    """ECE that a perfectly calibrated model with these probabilities (n, k) shows by chance, shape (NULL_DRAWS,)."""
    confidence = probabilities.max(axis=1)
    bin_of = _bins(confidence)
    order = np.argsort(bin_of, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(bin_of[order]) > 0])
    rng = np.random.default_rng(seed)
    gaps = (rng.random((NULL_DRAWS, len(order)), dtype=np.float32) < confidence[order]) - confidence[order]
    return np.asarray(np.abs(np.add.reduceat(gaps, starts, axis=1)).sum(axis=1) / len(order))


def calibration_interval(drawn: Floats, null: Floats) -> tuple[float, float]:
    """A 95% interval of the ECE that holds the true one, from its value and bootstrap draws, and the null.

    Chance makes every bin's gap larger, so the ECE of few texts is too high, and the draws are higher still: their
    percentiles miss the truth. The lower end is the smaller of two numbers. One is the value minus the null's noise,
    because the true ECE differs by no more than the noise of all bins together. The other is the value minus the
    null's mean and minus 1.96 standard deviations. The upper end is the value plus 1.96 standard deviations. The
    interval is wider than 95% would need.

    Args:
        drawn: the value, then its bootstrap draws, shape (1 + resamples,).
        null: as `calibration_null` returns it.
    """
    value, spread = float(drawn[0]), 1.96 * float(np.std(drawn[1:]))
    freed = max(0.0, value**2 - float(null.mean()) ** 2) ** 0.5
    low = min(freed - spread, value - float(np.percentile(null, 97.5)))
    return max(0.0, low), min(1.0, value + spread)


def _judged_calibration(ece: Metric, drawn: Floats, null: Floats) -> Metric:
    """The ECE with its null, and with `calibration_interval` in place of the draws' percentiles."""
    judged = replace(ece, null=float(null.mean()))
    if ece.low is None:
        return judged
    low, high = calibration_interval(drawn, null)
    return replace(judged, low=low, high=high)


def _all_metrics(
    weights: Floats, labels: Ints, predicted: Ints, probabilities: Floats | None, k: int
) -> dict[str, Floats]:
    """Each metric for each row of weights, shape (b, n): shape (b,), or (b, k) for metrics of a class."""
    cells = np.eye(k * (k + 1))[labels * (k + 1) + predicted]
    metrics = _rates((weights @ cells).reshape(-1, k, k + 1))
    if probabilities is None:
        return metrics
    chosen = np.clip(probabilities[np.arange(len(labels)), labels], LEAST_PROBABILITY, 1.0)
    squares = ((probabilities - np.eye(k)[labels]) ** 2).sum(axis=1)
    total = weights.sum(axis=1)
    metrics["log_loss"] = weights @ -np.log(chosen) / total
    metrics["brier"] = weights @ squares / total
    metrics["ece"] = _calibration_error(weights, labels, probabilities)
    curves = [ranking_areas(weights, labels == row, probabilities[:, row]) for row in range(k)]
    share = np.stack([weights @ (labels == row) for row in range(k)], axis=1) / total[:, None]
    for name, values in zip(("auroc", "pr_auc"), zip(*curves, strict=True), strict=True):
        metrics[name] = (np.stack(values, axis=1) * share).sum(axis=1)
    return metrics


def _rates(confusion: Floats) -> dict[str, Floats]:
    """Accuracy, precision, recall, F1 of counts (b, k, k + 1): a row is a true class, the last column no answer."""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    support, calls = confusion.sum(axis=2), confusion.sum(axis=1)[:, :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hits / calls, hits / support
        f1 = np.where(support > 0, 2 * hits / (support + calls), np.nan)
    weight = support / support.sum(axis=1, keepdims=True)
    return {
        "accuracy": hits.sum(axis=1) / confusion.sum(axis=(1, 2)),
        "macro_f1": f1.mean(axis=1),
        "weighted_f1": np.where(weight > 0, f1 * weight, 0.0).sum(axis=1),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def _calibration_error(weights: Floats, labels: Ints, probabilities: Floats) -> Floats:
    """Expected calibration error of the predicted class; (b, n) -> (b,)."""
    confidence, correct, bin_of = _confidence_bins(labels, probabilities)
    gaps = np.eye(BINS)[bin_of] * (correct - confidence)[:, None]
    return np.asarray(np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1))


def _confidence_bins(labels: Ints, probabilities: Floats) -> tuple[Floats, Floats, Ints]:
    """Confidence, 1.0 if correct else 0.0, and bin of each row, each of shape (n,); bin i is (i/BINS, (i+1)/BINS]."""
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return confidence, correct, _bins(confidence)


def _bins(confidence: Floats) -> Ints:
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def ranking_areas(weights: Floats, positive: npt.NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """AUROC and average precision, each (b,), of one class against the rest, for weights (b, n); ties count half."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    hits = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    misses = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    true, false = hits.cumsum(axis=1), misses.cumsum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = (hits * (false[:, -1:] - false + misses / 2)).sum(axis=1) / (true[:, -1] * false[:, -1])
        precision = np.where(true > 0, true / (true + false), 0.0)
        average = (hits * precision).sum(axis=1) / true[:, -1]
    return auroc, average


def _reasons(counts: Ints, names: Sequence[str], soft: bool) -> dict[str, str | None]:
    """The reason why each metric is undefined, or None if it is defined; counts have shape (k, k + 1)."""
    support, calls = counts.sum(axis=1), counts.sum(axis=0)[:-1]
    absent = [name for name, count in zip(names, support, strict=True) if not count]
    everything = None if counts.sum() else "no rows"
    missing = everything or (f"no example of {', '.join(absent)}" if absent else None)
    labels_only = everything or (None if soft else "the method gives labels only, no probabilities")
    reasons: dict[str, str | None] = {"accuracy": everything, "weighted_f1": everything, "macro_f1": missing}
    reasons |= {name: labels_only or (missing if name in ("auroc", "pr_auc") else None) for name in SOFT}
    for name, examples, called in zip(names, support, calls, strict=True):
        no_example = None if examples else f"no example of {name}"
        reasons[f"recall_{name}"] = no_example
        reasons[f"precision_{name}"] = None if called else f"{name} was never predicted"
        reasons[f"f1_{name}"] = no_example
    return reasons


def _plain(table: Floats) -> list[list[float | None]]:
    """Nested lists with None for NaN, because JSON has no NaN."""
    return [[None if np.isnan(number) else float(number) for number in row] for row in table]


def metric_of(draws: Floats, reason: str | None, n: int) -> Metric:
    """A metric of n texts from its value followed by its bootstrap draws, shape (1 + resamples,).

    With a reason the metric is undefined.
    """
    if reason is not None:
        return Metric(None, reason=reason)
    value, ends = float(draws[0]), interval(draws[1:], n)
    if ends is None or isinstance(ends, str):
        return Metric(value, no_interval=ends)
    return Metric(value, *ends)

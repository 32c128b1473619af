"""Metrics: re-derived with scikit-learn or by hand, undefined where they are undefined, intervals that cover."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from monitor.evaluation.metrics import Measurement, Metric, average, measure, reliability_bins
from monitor.labels import EMOTIONS, RISKS, RiskMap


def drawn(n: int, seed: int = 0, k: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and probabilities (n, k) that are right more often than not; some scores tie."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(k, size=n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))
    logits = rng.normal(size=(n, k)) + 1.8 * np.eye(k)[labels]
    probabilities = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 2) + 1e-3
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def value(found: Measurement, name: str) -> float:
    number = found.metrics[name].value
    assert number is not None
    return number


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_metric_agrees_with_scikit_learn(seed: int) -> None:
    labels, p = drawn(700, seed)
    predicted = p.argmax(axis=1)
    found = measure(labels, predicted, EMOTIONS, p, resamples=0)
    onehot = np.eye(6)[labels]
    assert value(found, "accuracy") == pytest.approx(sk.accuracy_score(labels, predicted))
    assert value(found, "macro_f1") == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert value(found, "weighted_f1") == pytest.approx(sk.f1_score(labels, predicted, average="weighted"))
    assert value(found, "auroc") == pytest.approx(sk.roc_auc_score(labels, p, multi_class="ovr", average="weighted"))
    assert value(found, "pr_auc") == pytest.approx(sk.average_precision_score(onehot, p, average="weighted"))
    assert value(found, "log_loss") == pytest.approx(sk.log_loss(labels, p))
    assert value(found, "brier") == pytest.approx(((p - onehot) ** 2).sum(axis=1).mean())
    assert (found.confusion == sk.confusion_matrix(labels, predicted)).all()
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predicted)
    for row, name in enumerate(EMOTIONS):
        assert found.per_class[name]["precision"].value == pytest.approx(precision[row])
        assert found.per_class[name]["recall"].value == pytest.approx(recall[row])
        assert found.per_class[name]["f1"].value == pytest.approx(f1[row])
        assert found.to_json()["per_class"][name]["support"] == support[row]


def test_calibration_error_agrees_with_a_plain_loop() -> None:
    labels, p = drawn(500)
    error = 0.0
    for low in np.arange(15) / 15:
        inside = [row for row in range(500) if low < p[row].max() <= low + 1 / 15 + 1e-12]
        if inside:
            accuracy = np.mean([p[row].argmax() == labels[row] for row in inside])
            error += len(inside) / 500 * abs(accuracy - np.mean([p[row].max() for row in inside]))
    found = measure(labels, p.argmax(axis=1), EMOTIONS, p, resamples=0)
    assert value(found, "ece") == pytest.approx(error)
    bins = reliability_bins(labels, p)
    assert bins[:, 0].sum() == 500
    filled = bins[bins[:, 0] > 0]
    assert (np.abs(filled[:, 1] - filled[:, 2]) * filled[:, 0]).sum() / 500 == pytest.approx(error)


def test_two_texts_by_hand() -> None:
    p = np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2]])
    found = measure(np.array([0, 1]), p.argmax(axis=1), RISKS, p, resamples=0)
    assert value(found, "accuracy") == 0.5
    assert value(found, "brier") == pytest.approx((0.04 + 0.01 + 0.01 + 0.25 + 0.49 + 0.04) / 2)
    assert value(found, "log_loss") == pytest.approx(-(np.log(0.8) + np.log(0.3)) / 2)
    assert value(found, "ece") == pytest.approx((abs(1 - 0.8) + abs(0 - 0.5)) / 2)
    assert value(found, "weighted_f1") == pytest.approx((2 / 3 + 0) / 2)


def test_what_is_undefined_says_why_and_is_never_zero() -> None:
    labels = np.array([0, 0, 1, 1])
    predicted = np.array([0, 1, 1, 1])
    called = measure(labels, np.array([0, 2, 1, 1]), RISKS, resamples=0)
    assert called.per_class["high_risk"]["f1"] == Metric(None, reason="no example of high_risk")
    found = measure(labels, predicted, RISKS, resamples=50)
    assert found.metrics["macro_f1"] == Metric(None, reason="no example of high_risk")
    assert found.metrics["auroc"].reason == "the method gives labels only, no probabilities"
    assert found.per_class["high_risk"]["recall"].reason == "no example of high_risk"
    assert found.per_class["high_risk"]["precision"].reason == "high_risk was never predicted"
    assert found.per_class["high_risk"]["f1"].value is None
    assert found.metrics["accuracy"].value == 0.75
    assert value(found, "weighted_f1") == pytest.approx(sk.f1_score(labels, predicted, average="weighted"))
    with_p = measure(labels, predicted, RISKS, np.eye(3)[predicted], resamples=0)
    assert with_p.metrics["auroc"] == Metric(None, reason="no example of high_risk")
    assert with_p.metrics["log_loss"].value is not None


def test_a_class_that_is_never_found_has_f1_zero_but_no_precision() -> None:
    found = measure(np.array([0, 1, 2]), np.array([0, 1, 1]), RISKS, resamples=0)
    assert found.per_class["high_risk"]["f1"].value == 0
    assert found.per_class["high_risk"]["precision"].value is None
    assert found.metrics["macro_f1"].value == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_no_rows_and_one_row() -> None:
    empty = np.array([], dtype=np.int64)
    found = measure(empty, empty, RISKS, np.zeros((0, 3)))
    assert {metric.reason for metric in found.metrics.values()} == {"no rows"}
    one = measure(np.array([2]), np.array([2]), RISKS, np.array([[0.1, 0.2, 0.7]]))
    assert one.metrics["accuracy"] == Metric(1.0, no_interval="one text, which every bootstrap draw repeats")
    assert one.metrics["auroc"].reason == "no example of low_risk, mid_risk"


def test_a_metric_that_many_draws_leave_undefined_says_why_it_has_no_interval() -> None:
    labels = np.array([0] * 40 + [1] * 40 + [2])  # a third of all draws lack the last text
    found = measure(labels, labels, RISKS, resamples=200)
    macro = found.metrics["macro_f1"]
    assert (macro.value, macro.low, macro.high) == (1.0, None, None)
    missing = int(np.isnan(found.resampled["macro_f1"]).sum())
    assert macro.to_json()["no_interval"] == f"undefined in {missing} of 200 bootstrap draws"
    assert average([found, found], counted=0).metrics["macro_f1"].no_interval == macro.no_interval
    assert found.metrics["accuracy"].no_interval is None


@pytest.mark.slow
def test_intervals_repeat_by_seed_hold_the_value_and_match_theory() -> None:
    labels, p = drawn(1500)
    predicted = p.argmax(axis=1)
    found = measure(labels, predicted, EMOTIONS, p, seed=3)
    assert measure(labels, predicted, EMOTIONS, p, seed=3).metrics == found.metrics
    assert measure(labels, predicted, EMOTIONS, p, seed=4).metrics != found.metrics
    for name, metric in found.metrics.items():
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low < value(found, name) < metric.high
    accuracy = value(found, "accuracy")
    half = 1.96 * np.sqrt(accuracy * (1 - accuracy) / 1500)
    interval = found.metrics["accuracy"]
    assert (interval.low, interval.high) == pytest.approx((accuracy - half, accuracy + half), abs=0.004)


def confidences(rng: np.random.Generator, n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and probabilities (n, 2) of a model whose answers are right less often by `shift` than it says."""
    confidence = 0.5 + 0.5 * rng.beta(4, 1, n)
    right = rng.random(n) < confidence - shift
    return np.where(right, 0, 1), np.stack([confidence, 1 - confidence], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("n", [300, 1000])
def test_interval_of_the_calibration_error_holds_the_true_one(n: int, shift: float) -> None:
    rng = np.random.default_rng(4)
    held = []
    for _ in range(45):
        labels, p = confidences(rng, n, shift)
        ece = measure(labels, np.zeros(n, dtype=int), ("right", "wrong"), p, resamples=100).metrics["ece"]
        assert ece.low is not None
        assert ece.high is not None
        held.append(ece.low - 1e-9 <= shift <= ece.high)
    assert np.mean(held) >= 0.93


def test_null_of_the_calibration_error_is_what_a_calibrated_model_shows() -> None:
    rng = np.random.default_rng(4)
    values, nulls = [], []
    for _ in range(40):
        labels, p = confidences(rng, 600, 0.0)
        ece = measure(labels, np.zeros(600, dtype=int), ("right", "wrong"), p, resamples=0).metrics["ece"]
        values.append(ece.value)
        nulls.append(ece.null)
    assert np.mean(nulls) == pytest.approx(np.mean(values), rel=0.1)
    assert np.mean(values) > 0.015  # though nothing is miscalibrated


def test_bootstrap_draws_of_auroc_agree_with_scikit_learn_on_the_drawn_rows() -> None:
    labels, p = drawn(60, seed=9, k=3)
    weights = np.random.default_rng(7).multinomial(60, np.full(60, 1 / 60), size=25)
    expected = []
    for draw in weights:
        rows = np.repeat(np.arange(60), draw)
        expected.append(sk.roc_auc_score(labels[rows], p[rows], multi_class="ovr", average="weighted"))
    found = measure(labels, p.argmax(axis=1), RISKS, p, resamples=25, seed=7)
    interval = found.metrics["auroc"]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.percentile(expected, [2.5, 97.5])))


def test_large_splits_are_drawn_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, p = drawn(200)
    whole = measure(labels, p.argmax(axis=1), EMOTIONS, p, resamples=40)
    monkeypatch.setattr("monitor.evaluation.bootstrap.ROOM", 200 * 7)
    parts = measure(labels, p.argmax(axis=1), EMOTIONS, p, resamples=40)
    for name, metric in whole.metrics.items():
        assert metric.to_json() == pytest.approx(parts.metrics[name].to_json())


def test_everything_is_plain_json_and_risk_uses_summed_probabilities() -> None:
    labels, p = drawn(80)
    table = RiskMap()
    risk = table.risk_probabilities(p)
    found = measure(table.risk_of(labels), risk.argmax(axis=1), RISKS, risk, resamples=20).to_json()
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again["classes"] == list(RISKS)
    assert again["n"] == 80
    assert sum(map(sum, again["confusion"])) == 80
    assert set(again["metrics"]) == {
        "accuracy", "macro_f1", "weighted_f1", "auroc", "pr_auc", "ece", "brier", "log_loss",
    }  # fmt: skip

"""Methods are compared on the same texts: McNemar, paired bootstrap, curves, and parts of a split."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn import metrics as sk

from monitor.evaluation.metrics import average, measure
from monitor.evaluation.ranking_curves import POINTS, ranking_curve
from monitor.evaluation.segments import segments, worst
from monitor.evaluation.significance import mcnemar, paired_bootstrap
from monitor.labels import EMOTIONS, RISKS
from monitor.model.calibration import contextual

RANDOM = np.random.default_rng(3)
LABELS = RANDOM.integers(0, 6, 900)


def answers(skill: float, seed: int) -> np.ndarray:
    """P(emotion) of LABELS, (900, 6), right more often the greater the skill."""
    logits = np.random.default_rng(seed).normal(size=(900, 6)) + skill * np.eye(6)[LABELS]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_mcnemar_counts_what_one_method_alone_got_right() -> None:
    labels = np.zeros(20, dtype=np.int64)
    first, second = np.ones(20, dtype=np.int64), np.ones(20, dtype=np.int64)
    first[:12], second[10:13] = 0, 0
    found = mcnemar(labels, first, second)
    assert (found.only_first, found.only_second) == (10, 1)
    assert found.p == pytest.approx(2 * binom.cdf(1, 11, 0.5))


def test_mcnemar_of_equal_methods_is_undefined_with_its_reason() -> None:
    found = mcnemar(LABELS, LABELS, LABELS)
    assert found.p is None
    assert found.reason == "the two are right on the same texts"


def test_paired_bootstrap_tells_better_from_equal_and_is_narrower_than_unpaired() -> None:
    good, poor = answers(3.0, 1), answers(2.0, 2)
    same = good + 1e-4 * answers(0.0, 3)
    found = [measure(LABELS, p.argmax(axis=1), EMOTIONS, p, resamples=400) for p in (good, poor, same)]
    gap = paired_bootstrap(found[0], found[1], "macro_f1")
    assert gap.value == pytest.approx(found[0].metrics["macro_f1"].value - found[1].metrics["macro_f1"].value)
    assert gap.low > 0
    assert gap.p == pytest.approx(2 / 401)
    none = paired_bootstrap(found[0], found[2], "macro_f1")
    assert none.p > 0.5
    width = found[0].metrics["macro_f1"].high - found[0].metrics["macro_f1"].low
    assert none.high - none.low < width / 3


def test_a_difference_of_an_undefined_metric_keeps_its_reason() -> None:
    soft = measure(LABELS, LABELS, EMOTIONS, answers(1.0, 1), resamples=5)
    hard = measure(LABELS, LABELS, EMOTIONS, resamples=5)
    assert paired_bootstrap(soft, hard, "auroc").reason == "the method gives labels only, no probabilities"


def test_a_difference_that_few_draws_define_has_neither_interval_nor_p() -> None:
    labels = np.array([0] * 40 + [1] * 40 + [2])  # a third of all draws lack the last text
    found = measure(labels, labels, RISKS, resamples=200)
    rare = paired_bootstrap(found, found, "macro_f1")
    assert (rare.value, rare.low, rare.p) == (0.0, None, None)
    assert "of 200 bootstrap draws" in rare.reason
    alone = measure(labels, labels, RISKS, resamples=0)
    assert paired_bootstrap(alone, alone, "accuracy").reason == "no bootstrap draws were made"
    one = measure(labels[:1], labels[:1], RISKS, resamples=9)
    assert "one text" in paired_bootstrap(one, one, "accuracy").reason


def test_average_of_draws_is_their_mean_with_spread_and_undefined_where_one_is() -> None:
    several = [answers(1.0, seed) for seed in range(5)]
    found = [measure(LABELS, p.argmax(axis=1), EMOTIONS, p, resamples=100) for p in several]
    values = [sk.f1_score(LABELS, p.argmax(axis=1), average="macro") for p in several]
    whole = average(found, counted=2)
    metric = whole.metrics["macro_f1"]
    assert metric.value == pytest.approx(np.mean(values))
    assert metric.spread == pytest.approx(np.std(values, ddof=1))
    assert metric.low < metric.value < metric.high
    assert (whole.confusion == found[2].confusion).all()
    never = measure(LABELS, np.zeros_like(LABELS), EMOTIONS, resamples=100)
    mixed = average([measure(LABELS, LABELS, EMOTIONS, resamples=100), never], counted=0)
    assert mixed.per_class["joy"]["precision"].reason == "joy was never predicted, in 1 of 2 draws"


def test_texts_without_an_answer_count_as_wrong_and_as_no_call_of_any_class() -> None:
    labels, predicted = np.array([0, 0, 1, 2]), np.array([0, 3, 1, 3])
    found = measure(labels, predicted, ("a", "b", "c"), resamples=0)
    assert found.metrics["accuracy"].value == 0.5
    assert found.unanswered.tolist() == [1, 0, 1]
    assert found.confusion.sum() == 2
    assert found.per_class["a"]["recall"].value == 0.5
    assert found.per_class["a"]["precision"].value == 1.0
    expected = sk.f1_score(labels, predicted, average="macro", labels=[0, 1, 2], zero_division=0)
    assert found.metrics["macro_f1"].value == pytest.approx(expected)
    assert found.to_json()["per_class"]["a"]["support"] == 2


def test_a_thinned_curve_keeps_the_areas_of_scikit_learn() -> None:
    p = answers(2.0, 4)[:, 0]
    positive = LABELS == 0
    points = np.array(ranking_curve(positive, p))
    assert len(points) <= POINTS
    assert points[0].tolist() == [0.0, 0.0, points[1, 2]]
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert area == pytest.approx(sk.roc_auc_score(positive, p), abs=0.003)
    assert points[-1].tolist() == [1.0, 1.0, pytest.approx(positive.mean())]
    assert ranking_curve(np.zeros(900, dtype=bool), p) == []


def test_contextual_calibration_divides_out_what_the_prompt_says_of_nothing() -> None:
    bias = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    truth = answers(2.0, 5)
    biased = truth * bias
    biased /= biased.sum(axis=1, keepdims=True)
    assert contextual(biased, np.stack([bias, bias])) == pytest.approx(truth)
    assert contextual(truth, np.full((3, 6), 1 / 6)) == pytest.approx(truth)


def test_segments_cover_the_split_and_the_worst_comes_first() -> None:
    texts = [f"i {'dont ' if n % 3 else ''}feel {'so very ' * (n % 5)}x" for n in range(900)]
    texts[0] = "no word of it here"
    found = segments(texts, LABELS, answers(1.5, 6), resamples=0, seed=0)
    for by in ("length", "negation", "feel", "confidence"):
        assert sum(part.measurement.n for part in found if part.by == by) == 900
    assert next(part.measurement.n for part in found if part.name == 'no form of "feel"') == 1
    negated = next(part for part in found if part.name == "a negation")
    assert negated.measurement.n == 601
    low = worst(found)
    assert len(low) == 5
    assert all(
        low[0].measurement.metrics["accuracy"].value <= part.measurement.metrics["accuracy"].value for part in found
    )
    marked = segments(texts, LABELS, answers(1.5, 6), undecided=np.arange(900) < 90, resamples=0, seed=0)
    assert [part.measurement.n for part in marked if part.by == "shared words"] == [90, 810]
    one = segments(["only one"], LABELS[:1], answers(1.0, 1)[:1], resamples=0, seed=0)
    assert {part.measurement.n for part in one} == {1}
    assert next(part.name for part in one if part.by == "length") == "2 words"
    assert next(part.name for part in found if part.by == "length") == "3 to 5 words"

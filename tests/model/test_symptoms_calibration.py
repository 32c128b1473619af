"""Criteria: slopes and intercepts fitted on labelled texts, limits from neutral ones."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.errors import DataError
from monitor.labels import ANSWERS, CRITERIA
from monitor.model.calibration import everyday_limits, fit_symptoms, neutral_limits


def drawn(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """True logits of 12 answers, and labels drawn from them."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (n, 12))
    return logits, random.random((n, 12)) < 1 / (1 + np.exp(-logits))


def test_a_scaled_and_shifted_answer_is_scaled_and_shifted_back() -> None:
    logits, shown = drawn()
    calibration, untold = fit_symptoms(logits * 3 + 2, shown)
    assert untold == []
    assert np.array(calibration.slopes) == pytest.approx(1 / 3, abs=0.05)
    assert np.array(calibration.intercepts) == pytest.approx(-2 / 3, abs=0.15)


def test_answers_that_are_all_right_stay_below_certainty() -> None:
    logits, _ = drawn(200)
    calibration, _ = fit_symptoms(logits, logits > 0)
    shares = calibration.probabilities(logits)
    assert np.isfinite(shares).all()
    assert max(calibration.slopes) <= 20


def test_a_criterion_without_hit_or_miss_keeps_its_answer_and_is_named() -> None:
    logits, shown = drawn(100)
    shown[:, 0], shown[:, 8] = False, True
    calibration, untold = fit_symptoms(logits, shown)
    assert untold == ["mood", "sleep"]
    assert (calibration.slopes[0], calibration.intercepts[8]) == (1.0, 0.0)


def test_no_text_or_an_answer_that_is_not_finite_is_refused() -> None:
    logits, shown = drawn(10)
    with pytest.raises(DataError, match="no symptom text is held out"):
        fit_symptoms(logits[:0], shown[:0])
    with pytest.raises(DataError, match="not finite"):
        fit_symptoms(np.full_like(logits, np.nan), shown)


def test_at_most_the_given_shares_of_neutral_texts_pass_a_limit() -> None:
    random = np.random.default_rng(0)
    neutral = random.beta(1, 20, (3000, 12))
    limits = neutral_limits(neutral, share=0.01, suicidal=0.003)
    assert limits.shape == (len(ANSWERS),)
    above = neutral > limits
    assert 0.005 <= above[:, :11].any(axis=1).mean() <= 0.01
    assert 0.008 <= above[:, 11].mean() <= 0.01
    assert above[:, CRITERIA.index("suicidal")].mean() <= 0.003


def test_limits_of_few_or_flat_neutral_texts_are_their_largest_values() -> None:
    neutral = np.full((5, 12), 0.25)
    assert set(neutral_limits(neutral)) == {0.25}
    neutral[2] = 1.0
    assert set(neutral_limits(neutral)) == {1.0}
    for limits in (neutral_limits, everyday_limits):
        with pytest.raises(DataError, match="no text to compute them from"):
            limits(neutral[:0])


def test_at_most_the_given_shares_of_everyday_texts_pass_each_limit() -> None:
    everyday = np.random.default_rng(1).beta(1, 5, (2000, 12))
    above = everyday > everyday_limits(everyday, share=0.02, suicidal=0.005)
    shares = above.mean(axis=0)
    assert shares[CRITERIA.index("suicidal")] <= 0.005
    assert (np.delete(shares, CRITERIA.index("suicidal")) <= 0.02).all()
    assert shares.min() >= 0.003
    assert np.delete(shares, CRITERIA.index("suicidal")).min() >= 0.018

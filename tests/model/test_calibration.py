"""A temperature makes over-confident answers honest, and an exponent those that are too sure of some texts only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from monitor.errors import DataError
from monitor.model.calibration import (
    FLATTEST,
    STEEPEST,
    Calibration,
    fit_calibration,
    fit_sureness,
    temperatures,
)
from monitor.model.label_tree import probabilities


def drawn(temperature: float, exponent: float = 1.0, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihoods that this calibration makes honest, and labels drawn from what it makes of them."""
    random = np.random.default_rng(0)
    honest = random.normal(0, 2, (count, 6))
    chances = softmax(honest, axis=1).cumsum(axis=1)
    labels = (random.random((count, 1)) > chances).sum(axis=1)
    return -temperature * (honest.max(axis=1, keepdims=True) - honest) ** (1 / exponent), labels


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [(0.5, 1.0), (1.0, 1.0), (3.0, 1.0), (1.4, 1.8), (0.8, 0.6)])
def test_the_calibration_that_makes_spoiled_answers_honest_is_found(wanted: tuple[float, float]) -> None:
    assert fit_calibration(*drawn(*wanted)) == pytest.approx((*wanted, 0.0), rel=0.06)


def test_few_texts_do_not_move_the_exponent_far() -> None:
    few = fit_calibration(*drawn(1.0, 3.0, count=12))
    many = fit_calibration(*drawn(1.0, 3.0))
    assert few is not None
    assert many is not None
    assert abs(np.log(few.exponent)) < abs(np.log(many.exponent)) / 2


def test_without_a_calibration_the_answer_is_the_softmax() -> None:
    values = np.random.default_rng(1).normal(0, 9, (50, 6))
    np.testing.assert_allclose(probabilities(values, Calibration().temperature), softmax(values, axis=1))


@given(
    arrays(np.float64, (4, 6), elements=st.floats(-700, 700)),
    st.floats(0.05, 20),
    st.floats(FLATTEST, STEEPEST),
)
def test_no_calibration_changes_the_order_of_labels_or_leaves_the_simplex(
    values: np.ndarray, temperature: float, exponent: float
) -> None:
    found = probabilities(values, temperature, exponent)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    order = np.argsort(-values, axis=1)
    assert (np.diff(np.take_along_axis(found, order, axis=1), axis=1) <= 0).all()


@pytest.mark.parametrize("answers", [np.eye(6) * 3, np.eye(6) * 300, -np.eye(6)])
def test_no_temperature_is_told_where_all_answers_are_right_or_all_wrong(answers: np.ndarray) -> None:
    assert fit_calibration(answers, np.arange(6)) is None


def test_an_empty_or_broken_split_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        fit_calibration(np.empty((0, 6)), np.empty(0, dtype=np.int64))
    with pytest.raises(DataError, match="not finite"):
        fit_calibration(np.full((2, 6), np.nan), np.zeros(2, dtype=np.int64))


def test_neutral_texts_flatten_their_answers() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 3, (400, 6))
    labels = np.array([random.choice(6, p=row) for row in probabilities(values, 1.0)])
    neutral = random.normal(0, 1, (300, 6))
    plain = fit_calibration(values, labels)
    flatter = fit_calibration(values, labels, neutral, flat_share=0.5)
    assert plain is not None
    assert flatter is not None
    largest = [probabilities(neutral, *fitted[:2]).max(axis=1).mean() for fitted in (plain, flatter)]
    assert largest[1] < largest[0]
    assert fit_calibration(values, labels, neutral, flat_share=0.0) == plain


@pytest.mark.parametrize("wanted", [0.0, 0.6, 2.0])
def test_the_sureness_of_texts_that_show_a_criterion_is_found(wanted: float) -> None:
    """Answers are made honest by a temperature that falls with P(any); the fit finds how fast it falls."""
    random = np.random.default_rng(2)
    p_any = random.random(20_000)
    honest, labels = drawn(1.0)
    answers = honest * temperatures(1.3, wanted, p_any)[:, None]
    assert fit_sureness(answers, labels, p_any, Calibration(1.3)) == pytest.approx(wanted, abs=0.08)


def test_sureness_leaves_a_text_without_a_sign_as_it_is_and_keeps_the_order_of_labels() -> None:
    values = np.random.default_rng(3).normal(0, 3, (40, 6))
    p_any = np.linspace(0, 1, 40)
    plain, surer = (probabilities(values, temperatures(1.4, sureness, p_any), 1.3) for sureness in (0.0, 0.6))
    np.testing.assert_allclose(surer[0], plain[0])
    assert (surer[1:].max(axis=1) > plain[1:].max(axis=1)).all()
    assert (np.argsort(surer, axis=1) == np.argsort(plain, axis=1)).all()


def test_no_symptom_text_with_an_emotion_leaves_the_sureness_at_0() -> None:
    assert fit_sureness(np.empty((0, 6)), np.empty(0, np.int64), np.empty(0), Calibration(1.3)) == 0

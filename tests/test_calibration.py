"""One temperature makes over-confident answers honest."""

import numpy as np
import pytest
from scipy.special import softmax

from monitor.calibration import fit_temperature
from monitor.errors import DataError


def drawn(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    honest = random.normal(0, 2, (count, 6))
    chances = softmax(honest, axis=1).cumsum(axis=1)
    labels = (random.random((count, 1)) > chances).sum(axis=1)
    return honest * temperature, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoiled_the_answers_is_found(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("answers", [np.eye(6) * 3, np.eye(6) * 300, -np.eye(6)])
def test_no_temperature_is_told_where_all_answers_are_right_or_all_wrong(answers: np.ndarray) -> None:
    assert fit_temperature(answers, np.arange(6)) is None


def test_an_empty_or_broken_split_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        fit_temperature(np.empty((0, 6)), np.empty(0, dtype=np.int64))
    with pytest.raises(DataError, match="not finite"):
        fit_temperature(np.full((2, 6), np.nan), np.zeros(2, dtype=np.int64))

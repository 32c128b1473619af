"""Few-shot examples: balanced, repeatable, nested in k, and short enough for the model."""

from collections.abc import Sequence

import numpy as np
import pytest

from monitor.corpora.splits import Split
from monitor.errors import DataError
from monitor.evaluation.few_shot import Shot, draw_shots
from monitor.labels import EMOTIONS

TRAIN = Split(tuple(f"text {number} " + "long " * (number % 11) for number in range(240)), np.arange(240) % 6)


def words(pairs: Sequence[Shot]) -> int:
    return sum(len(text.split()) + 1 for text, _ in pairs)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_every_label_has_k_examples_with_its_own_label(k: int) -> None:
    shots = draw_shots(TRAIN, k, 0, 10_000, words)
    assert [emotion for _, emotion in shots.pairs].count("fear") == k
    assert len(set(shots.pairs)) == 6 * k
    for text, emotion in shots.pairs:
        assert TRAIN.labels[TRAIN.texts.index(text)] == EMOTIONS.index(emotion)
    assert shots.replaced == 0


def test_the_seed_decides_the_draw_and_the_order() -> None:
    first, again, other = (draw_shots(TRAIN, 2, seed, 10_000, words) for seed in (5, 5, 6))
    assert first == again
    assert set(first.pairs) != set(other.pairs)
    assert set(draw_shots(TRAIN, 1, 5, 10_000, words).pairs) < set(first.pairs)
    assert [emotion for _, emotion in first.pairs] != sorted(emotion for _, emotion in first.pairs)


def test_shorter_texts_replace_long_examples_until_the_prompt_fits() -> None:
    whole = draw_shots(TRAIN, 4, 1, 10_000, words)
    room = words(whole.pairs) - 30
    fitted = draw_shots(TRAIN, 4, 1, room, words)
    assert words(fitted.pairs) <= room
    assert fitted.replaced > 0
    assert len(set(fitted.pairs) & set(whole.pairs)) >= 24 - fitted.replaced
    assert [emotion for _, emotion in fitted.pairs] == [emotion for _, emotion in whole.pairs]


def test_too_few_texts_or_too_long_a_prompt_raises_an_error() -> None:
    with pytest.raises(DataError, match=r"too few texts for 4 examples a label: sadness 1, .*fear 0"):
        draw_shots(TRAIN.select(np.arange(3)), 4, 0, 10_000, words)
    with pytest.raises(DataError, match=r"too few texts for 1 example a label: .*fear 0"):
        draw_shots(TRAIN.select(np.arange(3)), 1, 0, 10_000, words)
    with pytest.raises(DataError, match="more than the 20 tokens"):
        draw_shots(TRAIN, 4, 0, 20, words)

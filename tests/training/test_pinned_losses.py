"""The first training losses of a tiny fp32 model as numbers, so that a change of the training code is noticed."""

import pytest

from monitor.training.finetuning import fit
from tests.training.test_finetuning import SETTINGS, adapted, encoder, examples

ONE_TOKEN = [7.649483, 7.021561, 5.963441, 4.898893, 3.969157, 4.234729]
SEVERAL_TOKENS = [23.083122, 25.928900, 17.463989, 21.099815]


@pytest.mark.parametrize(
    ("tree", "pinned"),
    [(False, ONE_TOKEN), (True, SEVERAL_TOKENS)],
    ids=["one token a label", "several tokens"],
)
def test_the_first_training_losses_equal_the_numbers_written_down(tree: bool, pinned: list[float]) -> None:
    curve = fit(adapted(), encoder(tree), lambda _: examples(16), examples(6), SETTINGS).curve
    assert [record["loss"] for record in curve[: len(pinned)]] == pytest.approx(pinned, rel=1e-4)

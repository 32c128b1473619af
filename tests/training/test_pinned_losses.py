"""The first training losses of a tiny fp32 model as numbers, so that a change of the training code is noticed."""

import pytest

from monitor.training.finetuning import fit
from tests.training.test_finetuning import SETTINGS, adapted, encoder, examples

ONE_TOKEN = [7.205045, 6.906526, 4.009108, 4.706541, 3.858058, 2.527870]
SEVERAL_TOKENS = [15.273877, 28.803005, 11.671598, 23.541216]


@pytest.mark.parametrize(
    ("tree", "pinned"),
    [(False, ONE_TOKEN), (True, SEVERAL_TOKENS)],
    ids=["one token a label", "several tokens"],
)
def test_the_first_training_losses_equal_the_numbers_written_down(
    tree: bool, pinned: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.training.finetuning.multiplies_bf16", lambda: False)  # in bf16 they differ by 1%
    curve = fit(adapted(), encoder(tree), lambda _: examples(16), examples(6), SETTINGS).curve
    assert [record["loss"] for record in curve[: len(pinned)]] == pytest.approx(pinned, rel=1e-4)

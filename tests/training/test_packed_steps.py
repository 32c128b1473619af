"""Packed training: loss, gradients and scores of texts behind one shared prefix are those of the texts one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monitor.corpora.examples import Examples
from monitor.scoring.weight_matrices import Scratch, StoredNf4
from monitor.training import packed_steps
from monitor.training.answers import Row, label_log_likelihoods, read_rows
from monitor.training.finetuning import TrainSettings, attach_adapter, fit
from monitor.training.packed_steps import PackedTrainer, can_train_packed
from monitor.training.rows import training_rows
from tests.training.test_finetuning import SETTINGS, adapted, encoder, examples, four_bit

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
SOME = ("q_proj", "v_proj", "up_proj", "down_proj")
EVERY = (*ATTENTION, "gate_proj", "up_proj", "down_proj")


def stirred(network: Any) -> Any:
    """With adapters that change something: a new one is zero."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn_like(parameter) * 0.1
    return network


def settings(targets: tuple[str, ...], **changes: Any) -> TrainSettings:
    return TrainSettings(**{**vars(SETTINGS), "targets": targets, **changes})


def gradients(network: Any) -> list[torch.Tensor]:
    return [p.grad.clone() for p in network.parameters() if p.requires_grad]


def naive(network: Any, rows: list[Row]) -> torch.Tensor:
    """The mean loss of the rows and its gradients, one row at a time through transformers and peft."""
    network.train()
    total = torch.zeros(())
    for row in rows:
        scores, *_ = read_rows(network, [row])
        loss = -(scores * torch.tensor(row.weights)).sum() / len(rows)
        loss.backward()
        total += loss.detach()
    return total


@pytest.mark.parametrize("targets", [ATTENTION, SOME, EVERY], ids=["attention", "some", "every"])
@pytest.mark.parametrize("tree", [False, True], ids=["one token a label", "several tokens a label"])
def test_loss_and_gradients_equal_those_of_the_texts_one_by_one(
    tree: bool, targets: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_steps, "TOKENS", 200)
    network, prompt = stirred(adapted(settings(targets))), encoder(tree)
    data = examples(20)
    texts = [text * (1 + index % 3) for index, text in enumerate(data.texts)]
    rows = training_rows(prompt, Examples(texts, data.targets), 64)
    want = naive(network, rows)
    slopes = gradients(network)
    trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32)
    assert len(trainer._parts(rows, packed_steps.TOKENS)) > 1
    assert float(trainer.add_gradients(rows)) == pytest.approx(float(want), rel=1e-5)
    for got, slope in zip(gradients(network), slopes, strict=True):
        torch.testing.assert_close(got, slope, rtol=1e-4, atol=1e-5)
    trainer.add_gradients(rows)
    for got, slope in zip(gradients(network), slopes, strict=True):
        torch.testing.assert_close(got, 2 * slope, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("tree", [False, True], ids=["one token a label", "several tokens a label"])
def test_likelihoods_equal_those_of_the_padded_way(tree: bool) -> None:
    network, prompt = stirred(adapted()), encoder(tree)
    texts = ["i am lost", "", "the sun is out and it was a surprise to see them all again", "fear"] * 9
    trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32)
    got = label_log_likelihoods(network, prompt, texts, reader=trainer.read_rows)
    np.testing.assert_allclose(got, label_log_likelihoods(network, prompt, texts), atol=1e-4)


def test_soft_targets_carry_their_weights() -> None:
    network, prompt = stirred(adapted()), encoder()
    random = np.random.default_rng(0)
    rows = training_rows(prompt, Examples(examples(9).texts, random.dirichlet(np.ones(6), 9).astype(np.float32)), 64)
    want = naive(network, rows)
    trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32)
    assert float(trainer.add_gradients(rows)) == pytest.approx(float(want), rel=1e-5)


def test_a_base_in_four_bits_is_decoded_once_or_at_each_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, prompt = stirred(attach_adapter(four_bit(tmp_path), SETTINGS)), encoder()
    rows = training_rows(prompt, examples(12), 64)
    found = []
    for fits in (True, False):
        monkeypatch.setattr(packed_steps, "_fits", lambda *_, fits=fits: fits)
        trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32)
        assert isinstance(trainer._matrices[0][0].frozen, StoredNf4) != fits
        found.append([trainer.add_gradients(rows), *gradients(network)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)
    network.float()
    want = naive(network, rows)
    assert float(found[0][0]) == pytest.approx(float(want), rel=0.02)


def test_the_layers_of_a_matrix_drop_the_same_inputs() -> None:
    network = stirred(adapted(settings(ATTENTION, dropout=0.5)))
    layer = network.get_base_model().model.layers[0].self_attn
    twins = packed_steps.AdaptedMatrix([layer.k_proj, layer.k_proj], torch.float32, Scratch())
    x = torch.randn(30, 64)
    still, moving = twins(x, training=False), twins(x, training=True)
    left, right = moving.chunk(2, dim=1)
    torch.testing.assert_close(left, right)
    assert not torch.allclose(moving, still)
    torch.testing.assert_close(still[:, : left.shape[1]], layer.k_proj.eval()(x))


def test_only_what_runs_there_is_packed() -> None:
    assert can_train_packed(adapted()) == torch.cuda.is_available()
    assert not can_train_packed(adapted().get_base_model())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("tree", [False, True], ids=["one token a label", "several tokens a label"])
def test_recorded_steps_train_on_the_gpu_as_plain_ones_do_on_the_cpu(tree: bool) -> None:
    plan = settings(ATTENTION, epochs=3)
    curves = []
    for device in ("cpu", "cuda"):
        network = adapted(plan).to(device)
        result = fit(network, encoder(tree), lambda _: examples(96), examples(24), plan)
        curves.append([record["loss"] for record in result.curve])
        assert result.curve[-1]["loss"] < 0.7 * result.curve[0]["loss"]
    np.testing.assert_allclose(curves[1][:6], curves[0][:6], rtol=0.03)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_recorded_step_gives_the_gradients_of_a_plain_one() -> None:
    network, prompt = stirred(adapted()).to("cuda"), encoder()
    trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32)
    short, long = (training_rows(prompt, examples(n), 64) for n in (6, 30))
    found = []
    for rows in (short, long, short, long, long, short):  # the first of each size is plain
        for parameter in trainer._parameters:
            parameter.grad.zero_()
        found.append((rows is short, float(trainer.add_gradients(rows)), gradients(network)))
    assert len(trainer._graphs) > 1
    for kind in (True, False):
        first, *others = [(loss, slopes) for short, loss, slopes in found if short == kind]
        for loss, slopes in others:
            assert loss == pytest.approx(first[0], rel=1e-5)
            torch.testing.assert_close(slopes, first[1], rtol=1e-3, atol=1e-5)

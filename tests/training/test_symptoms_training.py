"""Training both questions: each loss falls, packed steps equal padded ones, a weight of 0 teaches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from monitor.corpora.examples import Examples
from monitor.errors import DataError
from monitor.labels import CRITERIA, EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.training import packed_steps
from monitor.training.answers import read_rows, symptom_logits
from monitor.training.finetuning import TrainSettings, add_padded_gradients, fit
from monitor.training.packed_steps import PackedTrainer
from monitor.training.rows import row_groups, training_rows
from monitor.training.validation import validation_auroc
from tests.support.tiny_models import (
    byte_level_tokenizer,
    one_token_template,
    symptoms_question,
    tiny_llama,
    tree_template,
)
from tests.training.test_finetuning import SETTINGS, adapted, examples
from tests.training.test_packed_steps import gradients, stirred

PARTS = ["one token a label", "several tokens a label"]


def encoder(tree: bool = False, after: str = "<|symptoms|>") -> PromptEncoder:
    template = tree_template() if tree else one_token_template()
    return PromptEncoder(replace(template, symptoms=symptoms_question(after)), byte_level_tokenizer(symptoms=True))


def symptom_texts(count: int) -> Examples:
    """Texts that show the criterion they name, every fourth none."""
    texts, criteria = [], np.zeros((count, 12), np.float32)
    for index in range(count):
        k = index % 4
        texts.append(f"my {('mood', 'sleep', 'energy', 'summer')[k]} was gone on day {index}")
        if k < 3:
            criteria[index, [CRITERIA.index(("mood", "sleep", "energy")[k]), 11]] = 0.97
    return Examples.of_criteria(texts, criteria)


@pytest.mark.slow
def test_both_questions_are_learned_from_sources_with_one_kind_of_label_each() -> None:
    both = examples(96) + symptom_texts(96)
    held_out = examples(24) + symptom_texts(40)
    settings = TrainSettings(**{**vars(SETTINGS), "epochs": 6})
    network, prompt = adapted(), encoder()
    result = fit(network, prompt, lambda _: both, held_out, settings)
    losses = [record["loss"] for record in result.curve]
    assert np.mean(losses[-4:]) < 0.4 * np.mean(losses[:4])
    assert result.best_f1 is not None
    assert result.best_f1 > 0.9
    assert result.best_auroc is not None
    assert result.best_auroc > 0.95
    last = result.curve[result.best_step - 1]
    assert (last["macro_f1"], last["symptoms_auroc"]) == (result.best_f1, result.best_auroc)
    shown = symptom_logits(network, prompt, ["my sleep was gone on day 900", "my summer was gone on day 901"])
    assert shown[0, CRITERIA.index("sleep")] > 0 > shown[1, CRITERIA.index("sleep")]
    assert shown[0, 11] > 0 > shown[1, 11]


@pytest.mark.slow
def test_criteria_alone_are_learned_and_choose_the_best_step() -> None:
    data = symptom_texts(80)
    network, prompt = adapted(), encoder(tree=True, after="\nSymptoms:")
    result = fit(network, prompt, lambda _: data, symptom_texts(40), SETTINGS)
    assert result.best_f1 is None
    assert result.best_auroc is not None
    assert result.best_auroc > 0.95


def random_examples(tree: bool) -> Examples:
    """Texts with targets for either question, both, or none."""
    random = np.random.default_rng(0)
    data = examples(20)
    texts = [text * (1 + index % 3) for index, text in enumerate(data.texts)]
    targets = data.targets if tree else random.dirichlet(np.ones(6), 20).astype(np.float32)
    criteria = random.random((20, 12)).astype(np.float32)
    weights, criteria_weights = (random.choice([0.0, 0.5, 1.0], 20).astype(np.float32) for _ in range(2))
    return Examples(texts, targets, weights, criteria, criteria_weights)


@pytest.mark.parametrize("tree", [False, True], ids=PARTS)
def test_the_loss_is_cross_entropy_plus_weighted_binary_cross_entropy(tree: bool) -> None:
    network, prompt, data = stirred(adapted()).double().eval(), encoder(tree), random_examples(tree)
    rows = training_rows(prompt, data, 64, symptoms_weight=0.3)
    got = float(add_padded_gradients(network, prompt, 7, rows)) * len(rows)
    want = 0.0
    bodies, _, _ = prompt.encode_texts(data.texts, 64)
    assert prompt.symptoms is not None

    @torch.no_grad()
    def logits_after(ids: list[int]) -> torch.Tensor:
        return network(torch.tensor([ids]), use_cache=False).logits[0]

    for body, target, weight, criteria, share in zip(
        bodies, data.targets, data.weights, data.criteria, data.criteria_weights, strict=True
    ):
        start = [*prompt.prefix_ids, *body.tolist(), *prompt.suffix_ids]
        for k, words in enumerate(prompt.label_ids):
            log_p = logits_after([*start, *words[0]]).log_softmax(-1)[len(start) - 1 : -1]
            want -= weight * target[k] * float(sum(log_p[i, token] for i, token in enumerate(words[0])))
        last = logits_after([*start, *prompt.symptoms.suffix_ids])[-1]
        answers = last[list(prompt.symptoms.word_ids)] - last[prompt.symptoms.none_id]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            answers.float(), torch.from_numpy(criteria), reduction="sum"
        )
        want += 0.3 * share * float(losses)
    assert got == pytest.approx(want, rel=2e-2)  # the steps multiply in bf16 where the processor does


@pytest.mark.parametrize("tree", [False, True], ids=PARTS)
def test_packed_steps_have_the_loss_and_gradients_of_the_rows_one_by_one(
    tree: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_steps, "TOKENS", 300)
    monkeypatch.setattr("monitor.training.finetuning.multiplies_bf16", lambda: False)
    network, prompt = stirred(adapted()).train(), encoder(tree)
    rows = training_rows(prompt, random_examples(tree), 64, symptoms_weight=0.5)
    want = add_padded_gradients(network, prompt, 1, rows)
    slopes = gradients(network)
    trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32, prompt.symptoms)
    assert len(trainer._parts(rows, packed_steps.TOKENS)) > 1
    assert float(trainer.add_gradients(rows)) == pytest.approx(float(want), rel=1e-5)
    for got, slope in zip(gradients(network), slopes, strict=True):
        torch.testing.assert_close(got, slope, rtol=1e-4, atol=1e-5)


def test_packed_answers_are_those_of_padded_rows_in_the_same_order() -> None:
    network, prompt = stirred(adapted()).eval(), encoder()
    rows = training_rows(prompt, random_examples(False), 64)
    trainer = PackedTrainer(network, len(prompt.prefix_ids), torch.float32, prompt.symptoms)
    with torch.no_grad():
        want, got = read_rows(network, rows, prompt.symptoms), trainer.read_rows(rows)
    for ours, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    texts = [f"my sleep was {'so ' * (k % 5)}gone" for k in range(30)]
    np.testing.assert_allclose(
        symptom_logits(network, prompt, texts, reader=trainer.read_rows),
        symptom_logits(network, prompt, texts),
        atol=1e-3,
    )


def test_answers_equal_the_naive_forward() -> None:
    network, prompt = tiny_llama(500), encoder(tree=True, after="\nSymptoms:")
    texts = ["i am lost", "", "the sun is out and it was a surprise to see them all again"]
    got = symptom_logits(network, prompt, texts)
    assert prompt.symptoms is not None
    for row, body in enumerate(prompt.encode_texts(texts, 64)[0]):
        ids = [*prompt.prefix_ids, *body.tolist(), *prompt.suffix_ids, *prompt.symptoms.suffix_ids]
        with torch.no_grad():
            logits = network(torch.tensor([ids]), use_cache=False).logits[0, -1]
        want = logits[list(prompt.symptoms.word_ids)] - logits[prompt.symptoms.none_id]
        assert got[row] == pytest.approx(want.numpy(), abs=1e-4)


def test_a_text_without_a_target_makes_no_row_and_one_with_both_makes_one_or_two() -> None:
    data = Examples(
        ["a", "b", "c", "d"],
        np.eye(6, dtype=np.float32)[:4],
        np.array([1, 0, 1, 0], np.float32),
        np.zeros((4, 12), np.float32),
        np.array([0, 1, 1, 0], np.float32),
    )
    single, tree = training_rows(encoder(), data, 64), training_rows(encoder(tree=True), data, 64)
    assert [(len(row.tokens), row.criteria is not None) for row in single] == [
        (1, False),
        (0, True),
        (1, True),
    ]
    assert [(bool(row.tokens), row.criteria is not None) for row in tree] == [
        (True, False),
        (False, True),
        (True, False),
        (False, True),
    ]
    groups = list(row_groups(single, 2, np.random.default_rng(0), 2))
    assert sorted(map(len, groups)) == [1, 2]


def test_criteria_without_the_question_in_the_prompt_are_refused() -> None:
    plain = PromptEncoder(one_token_template(), byte_level_tokenizer(symptoms=True))
    with pytest.raises(DataError, match="no symptoms question"):
        training_rows(plain, symptom_texts(4), 64)


def test_examples_are_joined_and_chosen_with_their_weights() -> None:
    both = examples(6) + symptom_texts(4)
    assert both.weights.tolist() == [1] * 6 + [0] * 4
    assert both.criteria_weights.tolist() == [0] * 6 + [1] * 4
    assert (both.several_emotions, both.some_criteria) == (True, True)
    assert (examples(6).some_criteria, symptom_texts(4).several_emotions) == (False, False)
    chosen = both.select(both.criteria_weights > 0)
    assert list(chosen.texts) == list(symptom_texts(4).texts)
    assert len(EMOTIONS) == both.targets.shape[1]


def test_auroc_is_the_mean_over_the_answers_that_the_texts_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    data = symptom_texts(8)

    def answers(*_: Any) -> np.ndarray:
        found = data.criteria.copy()
        found[:, CRITERIA.index("mood")] *= -1
        return found

    monkeypatch.setattr("monitor.training.validation.symptom_logits", answers)
    assert validation_auroc(None, encoder(), data) == pytest.approx((0 + 1 + 1 + 1) / 4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("tree", [False, True], ids=PARTS)
def test_recorded_steps_on_the_gpu_train_both_questions_as_plain_ones_on_the_cpu(tree: bool) -> None:
    data, settings = examples(48) + symptom_texts(48), TrainSettings(**{**vars(SETTINGS), "epochs": 3})
    curves = []
    for device in ("cpu", "cuda"):
        result = fit(adapted(settings).to(device), encoder(tree), lambda _: data, symptom_texts(24), settings)
        curves.append([record["loss"] for record in result.curve])
    np.testing.assert_allclose(curves[1][:6], curves[0][:6], rtol=0.03)

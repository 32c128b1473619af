"""Training on tiny models: the loss is on the label alone, it falls, and evaluations do no harm."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import BitsAndBytesConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from monitor.corpora.examples import Examples
from monitor.errors import ConfigError, DataError
from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.training.answers import label_log_likelihoods
from monitor.training.finetuning import TrainSettings, attach_adapter, fit
from tests.support.tiny_models import (
    WORDS,
    byte_level_tokenizer,
    one_token_template,
    tiny_llama,
    tree_template,
)

SETTINGS = TrainSettings(
    r=8, alpha=16, dropout=0.0, epochs=5, batch=8, accumulation=1, rate=1e-2, optimizer="adamw_torch"
)


def examples(count: int) -> Examples:
    labels = np.arange(count) % len(EMOTIONS)
    texts = [f"i am {WORDS[EMOTIONS[label]]} today and {index}" for index, label in enumerate(labels)]
    return Examples.from_labels(texts, labels)


def encoder(tree: bool = False) -> PromptEncoder:
    return PromptEncoder(tree_template() if tree else one_token_template(), byte_level_tokenizer())


def adapted(settings: TrainSettings = SETTINGS, seed: int = 0) -> Any:
    return attach_adapter(tiny_llama(500, seed=seed, initializer_range=0.2), settings)


def four_bit(folder: Any) -> LlamaForCausalLM:
    tiny_llama(500, initializer_range=0.2).save_pretrained(folder)
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return LlamaForCausalLM.from_pretrained(folder, quantization_config=config)


def mean_loss(curve: list[dict[str, float]], part: slice) -> float:
    return float(np.mean([record["loss"] for record in curve[part]]))


@pytest.mark.slow
@pytest.mark.parametrize("tree", [False, True], ids=["one token a label", "several tokens a label"])
def test_training_learns_the_labels_of_a_separable_set(tree: bool) -> None:
    data = examples(96)
    result = fit(adapted(), encoder(tree), lambda _: data, examples(24), SETTINGS)
    assert mean_loss(result.curve, slice(-4, None)) < 0.4 * mean_loss(result.curve, slice(0, 4))
    assert result.best_f1 > (0.7 if tree else 0.95)


@pytest.mark.slow
def test_training_after_an_evaluation_still_learns_in_four_bits(tmp_path: Any) -> None:
    """bitsandbytes repacks NF4 weights in a no-grad forward on AVX512 CPUs; gradients were then wrong."""
    network = attach_adapter(four_bit(tmp_path), SETTINGS)
    before = label_log_likelihoods(network, encoder(), examples(12).texts)
    data = examples(96)
    result = fit(network, encoder(), lambda _: data, examples(24), SETTINGS)
    assert np.isfinite(before).all()
    assert mean_loss(result.curve, slice(-4, None)) < 0.4 * mean_loss(result.curve, slice(0, 4))
    assert result.best_f1 > 0.95


def test_gradients_in_four_bits_are_the_same_before_and_after_an_evaluation(tmp_path: Any) -> None:
    network = attach_adapter(four_bit(tmp_path), SETTINGS)
    ids = torch.arange(40).view(2, 20) + 10

    def gradient() -> torch.Tensor:
        network.train()
        network.zero_grad()
        network(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    first = gradient()
    label_log_likelihoods(network, encoder(), ["i am lost"])
    assert torch.allclose(first, gradient(), rtol=1e-3, atol=1e-6)
    assert first.abs().sum() > 0


def test_the_first_losses_are_pinned() -> None:
    result = fit(adapted(), encoder(), lambda _: examples(16), examples(6), SETTINGS)
    again = fit(adapted(), encoder(), lambda _: examples(16), examples(6), SETTINGS)
    assert [r["loss"] for r in result.curve] == pytest.approx([r["loss"] for r in again.curve], rel=1e-4)
    start = -label_log_likelihoods(adapted(), encoder(), examples(16).texts)[np.arange(16), np.arange(16) % 6]
    whole = TrainSettings(**{**vars(SETTINGS), "batch": 16, "epochs": 1})
    one_step = fit(adapted(), encoder(), lambda _: examples(16), examples(6), whole)
    assert one_step.curve[0]["loss"] == pytest.approx(start.mean(), rel=1e-2)


def test_a_flat_target_gives_a_flat_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.training.finetuning.multiplies_bf16", lambda: False)  # a tiny model needs fp32
    data = examples(48)
    neutral = [f"the summer of {index}" for index in range(48)]
    flat = np.full((48, len(EMOTIONS)), 1 / len(EMOTIONS), dtype=np.float32)
    both = Examples([*data.texts, *neutral], np.concatenate([data.targets, flat]))
    network = adapted()
    fit(network, encoder(), lambda _: both, examples(12), TrainSettings(**{**vars(SETTINGS), "epochs": 8}))
    likelihoods = label_log_likelihoods(network, encoder(), ["the summer of 7", "i am lost today and 6"])
    shares = np.exp(likelihoods - np.logaddexp.reduce(likelihoods, axis=1, keepdims=True))
    assert shares[0].max() < 0.45
    assert shares[1].max() > 0.7


def test_accumulation_equals_one_large_batch() -> None:
    split = TrainSettings(**{**vars(SETTINGS), "batch": 4, "accumulation": 4, "epochs": 1})
    whole = TrainSettings(**{**vars(SETTINGS), "batch": 16, "accumulation": 1, "epochs": 1})
    curves = [
        [r["loss"] for r in fit(adapted(s), encoder(), lambda _: examples(48), examples(6), s).curve]
        for s in (split, whole)
    ]
    assert curves[0] == pytest.approx(curves[1], rel=1e-2)


def test_the_best_evaluation_is_kept() -> None:
    network = adapted()
    settings = TrainSettings(**{**vars(SETTINGS), "evaluations": 3})
    result = fit(network, encoder(), lambda _: examples(48), examples(24), settings)
    measured = {r["step"]: r["macro_f1"] for r in result.curve if "macro_f1" in r}
    assert len(measured) == 15
    assert result.best_f1 == max(measured.values()) == measured[result.best_step]


def test_a_soft_target_with_labels_of_several_tokens_is_refused() -> None:
    soft = Examples(["i am lost"], np.full((1, 6), 1 / 6, dtype=np.float32))
    with pytest.raises(DataError, match="soft target"):
        fit(adapted(), encoder(tree=True), lambda _: soft, examples(6), SETTINGS)


def test_an_empty_epoch_is_refused() -> None:
    with pytest.raises(DataError, match="no example"):
        fit(adapted(), encoder(), lambda _: examples(0), examples(6), SETTINGS)


def test_unknown_adapter_targets_are_named() -> None:
    with pytest.raises(ConfigError, match="query_key_value"):
        attach_adapter(tiny_llama(500), TrainSettings(targets=("query_key_value",)))


def test_likelihoods_equal_the_naive_forward() -> None:
    network = tiny_llama(500)
    for tree in (False, True):
        prompt = encoder(tree)
        texts = ["i am lost", "", "the sun is out and it was a surprise to see them all again"]
        got = label_log_likelihoods(network, prompt, texts)
        bodies, _, _ = prompt.encode_texts(texts, 64)
        for row, body in enumerate(bodies):
            for column, words in enumerate(prompt.label_ids):
                ways = []
                for word in words:
                    ids = torch.tensor([[*prompt.prefix_ids, *body.tolist(), *prompt.suffix_ids, *word]])
                    with torch.no_grad():
                        logs = network(ids, use_cache=False).logits[0].log_softmax(-1)
                    last = ids.shape[1] - len(word)
                    ways.append(sum(float(logs[last - 1 + k, token]) for k, token in enumerate(word)))
                assert got[row, column] == pytest.approx(np.logaddexp.reduce(ways), abs=1e-4)


def test_a_tokenizer_of_transformers_serves_as_well() -> None:
    fast = PreTrainedTokenizerFast(tokenizer_object=byte_level_tokenizer())
    assert PromptEncoder(one_token_template(), fast).label_ids == encoder().label_ids

"""The base's own making: tokenizer style, NF4 rounding, windows, and that both stages learn."""

import itertools

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from monitor.errors import DataError
from monitor.labels import EMOTIONS
from monitor.training.pretraining import (
    BaseShape,
    PretrainSettings,
    build_tokenizer,
    draw_windows,
    encode_corpus,
    instruct,
    instruction_windows,
    new_base,
    pretrain,
    rate_at,
)
from monitor.training.quantisation_aware import decoder_matrices, nf4_forward, round_to_nf4

TEXTS = ["i feel so very sad and alone today", "the sun is out and i am full of joy", "what a surprise"] * 40
SHAPE = BaseShape(hidden=64, layers=2, heads=2, mlp=128, vocabulary=400)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer([*TEXTS, *[f" {emotion}" for emotion in EMOTIONS] * 50], vocabulary=400)


@pytest.fixture
def base(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return new_base(SHAPE, tokenizer)


def test_the_tokenizer_writes_text_in_the_corpus_style(tokenizer: PreTrainedTokenizerFast) -> None:
    plain = tokenizer("dont feel sad")["input_ids"]
    for variant in ("Don't feel SAD", "DON’T  feel\nsad ", "don't feel\tsad\x00", "ｄｏｎ't feel sad"):
        assert tokenizer(variant)["input_ids"] == plain
    assert tokenizer("see https://a.b/c?d=e now")["input_ids"] == tokenizer("see url now")["input_ids"]


def test_every_emotion_is_one_token_and_any_text_has_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert all(len(tokenizer(f" {emotion}")["input_ids"]) == 1 for emotion in EMOTIONS)
    assert len(tokenizer("你好 🙂")["input_ids"]) > 0
    assert tokenizer.unk_token is None


def test_rounding_to_nf4_equals_bitsandbytes() -> None:
    functional = pytest.importorskip("bitsandbytes").functional
    weight = torch.randn(96, 128, generator=torch.Generator().manual_seed(0))
    packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    assert torch.allclose(round_to_nf4(weight), functional.dequantize_4bit(packed, state), atol=1e-6)


def test_weights_are_rounded_inside_the_context_alone(base: LlamaForCausalLM) -> None:
    before = [matrix.detach().clone() for matrix in decoder_matrices(base)]
    with nf4_forward(base):
        inside = [matrix.detach().clone() for matrix in decoder_matrices(base)]
    assert all(torch.equal(round_to_nf4(a), b) and not torch.equal(a, b) for a, b in zip(before, inside, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, decoder_matrices(base), strict=True))
    assert len(before) == 2 * 7


def test_windows_are_pieces_of_their_sources() -> None:
    sources = [(np.arange(100, dtype=np.uint16), 1.0), (np.arange(500, 700, dtype=np.uint16), 3.0)]
    windows = draw_windows(sources, 400, 10, np.random.default_rng(0))
    assert windows.shape == (400, 11)
    assert (np.diff(windows, axis=1) == 1).all()
    assert 0.6 < (windows[:, 0] >= 500).mean() < 0.9


def test_the_rate_warms_up_holds_and_falls_to_nothing() -> None:
    settings = PretrainSettings(steps=1000, warmup=100, decay=0.5)
    rates = [rate_at(step, settings) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[100:500] == [1.0] * 400
    assert rates[-1] == pytest.approx(0.002)
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))


@pytest.mark.slow
def test_pretraining_learns_and_nf4_costs_little(tokenizer: PreTrainedTokenizerFast, base: LlamaForCausalLM) -> None:
    stream = encode_corpus(tokenizer, TEXTS)
    assert stream.dtype == np.uint16
    settings = PretrainSettings(steps=60, batch=8, window=16, warmup=5, quantised=0.5)
    losses = pretrain(base, [(stream, 1.0)], settings)
    assert losses[-1] < 0.4 * losses[0]


def test_texts_too_short_for_a_window_are_one_clear_line(
    tokenizer: PreTrainedTokenizerFast, base: LlamaForCausalLM
) -> None:
    settings = PretrainSettings(steps=1, batch=1, window=16, warmup=1)
    for texts in ([], ["i feel sad"]):
        with pytest.raises(DataError, match="give more texts"):
            pretrain(base, [(encode_corpus(tokenizer, texts), 1.0)], settings)


def test_instruction_windows_weigh_the_words_and_lose_no_pair(tokenizer: PreTrainedTokenizerFast) -> None:
    pairs = [(text, f" {EMOTIONS[index % 6]}") for index, text in enumerate(TEXTS)]
    ids, weights = instruction_windows(tokenizer, pairs, 64, np.random.default_rng(0))
    emotion, bos, pad = tokenizer.convert_tokens_to_ids(["<|emotion|>", "<s>", "<pad>"])
    assert (ids == emotion).sum() == len(pairs)
    assert (weights == 1.0).sum() == len(pairs)
    assert (ids[:, 0] == bos).all()
    assert (weights[ids == pad] == 0).all()


@pytest.mark.slow
def test_instruction_tuning_teaches_the_words(tokenizer: PreTrainedTokenizerFast, base: LlamaForCausalLM) -> None:
    pairs = [(TEXTS[0], " sadness"), (TEXTS[1], " joy"), (TEXTS[2], " surprise")] * 40
    seen: list[float] = []
    instruct(
        base,
        tokenizer,
        pairs,
        epochs=20,
        batch=8,
        window=64,
        rate=3e-3,
        report=lambda r: seen.append(r["loss"]),
    )
    assert seen[-1] < 0.3 * seen[0]

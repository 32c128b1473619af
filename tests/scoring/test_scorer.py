"""Scores: equal to the naive forward one (text, label) at a time, whatever the batch, order and neighbours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from monitor.benchmark.scoring_speed import word_prompt, word_texts, word_tokenizer
from monitor.errors import ModelError
from monitor.labels import RiskMap
from monitor.model.prompts import PromptEncoder, PromptTemplate, plain_template
from monitor.scoring.batching import PackedBatch
from monitor.scoring.loading import LoadedModel
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.weights import StoredWeights, materialise, read_shape
from tests.support import tiny_models

TEXTS = [
    "i feel so very sad and alone today",
    "",
    "hooray",
    "Joy! LOVE?! </s>",
    "what a surprise it was " * 6,
    "fear",
    "🙂 你好",
    "i am angry",
    "i am angrx",
]


def loaded(
    tmp_path: Path,
    tokenizer: Tokenizer,
    prompt: PromptTemplate,
    dtype: torch.dtype = torch.float32,
    **shape: Any,
) -> tuple[LoadedModel, Any]:
    """A random model as scoring sees it, and the same weights as transformers sees them."""
    network = tiny_models.tiny_llama(tokenizer.get_vocab_size(), **shape)
    network.save_pretrained(tmp_path)
    cpu = torch.device("cpu")
    ours = materialise(StoredWeights(tmp_path, cpu), read_shape(tmp_path), None, dtype, quantise=False)
    model = LoadedModel(
        ours, tokenizer, prompt, 1.0, RiskMap(), "id", "tiny", "tiny", "none", None, max_text_tokens=64
    )
    return model, network


@torch.no_grad()
def naive(network: Any, model: LoadedModel, texts: list[str]) -> np.ndarray:
    """Label log-likelihoods by transformers, one (text, word) sequence at a time, the whole prompt each time."""
    encoder = PromptEncoder(model.prompt, model.tokenizer)
    ids, _, _ = encoder.encode_texts(texts, model.max_text_tokens)
    rows = []
    for text in ids:
        prompt = [*encoder.prefix_ids, *text.tolist(), *encoder.suffix_ids]
        labels = []
        for words in encoder.label_ids:
            sums = []
            for word in words:
                logits = network(torch.tensor([[*prompt, *word]]), use_cache=False).logits[0].double()
                log_p = logits.log_softmax(-1)[len(prompt) - 1 : -1]
                sums.append(sum(float(log_p[i, token]) for i, token in enumerate(word)))
            labels.append(np.logaddexp.reduce(sums))
        rows.append(labels)
    return np.array(rows)


def centred(values: np.ndarray) -> np.ndarray:
    """Without the constant a text that the scorer leaves open."""
    return values - values.mean(axis=1, keepdims=True)


BYTE_LEVEL = tiny_models.byte_level_tokenizer()
PROMPTS = {
    "one token": tiny_models.one_token_template(),
    "tree": tiny_models.tree_template(),
    "long prefix": plain_template("<s>"),
}
SHAPES: dict[str, dict[str, Any]] = {
    "grouped heads": {},
    "plain heads": {"num_key_value_heads": 4, "tie_word_embeddings": False},
    "one key head, one layer": {"num_key_value_heads": 1, "num_hidden_layers": 1},
    "wide heads": {"head_dim": 32, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_scores_equal_the_naive_forward(tmp_path: Path, prompt: PromptTemplate, shape: dict[str, Any]) -> None:
    model, network = loaded(tmp_path, BYTE_LEVEL, prompt, **shape)
    got = LabelScorer(model, max_tokens=128).log_likelihoods(TEXTS)
    np.testing.assert_allclose(centred(got), centred(naive(network, model, TEXTS)), atol=1e-5)


@pytest.mark.parametrize("labels", ["one token", "tree"])
@pytest.mark.parametrize("n_prefix", [0, 1, 37, 128, pytest.param(300, marks=pytest.mark.slow)])
def test_scores_equal_the_naive_forward_behind_any_prefix(tmp_path: Path, n_prefix: int, labels: str) -> None:
    model, network = loaded(tmp_path, word_tokenizer(500), word_prompt(n_prefix, labels), max_position_embeddings=512)
    texts = ["", "w300", *word_texts(6, vocabulary=499)]
    scorer = LabelScorer(model, max_tokens=100)
    assert scorer._prefix.length == n_prefix
    np.testing.assert_allclose(
        centred(scorer.log_likelihoods(texts)), centred(naive(network, model, texts)), atol=1e-5
    )


@pytest.mark.slow
def test_llama_2_labels_score_as_a_tree(tmp_path: Path, data_dir: Path) -> None:
    tokenizer = tiny_models.metaspace_tokenizer(data_dir / "tokenizer" / "llama2_tokenizer.model")
    chat = PromptTemplate(
        "<s><|user|>\nName the emotion.\n\nText: ",
        "</s>\n<|assistant|>\n",
        {emotion: (emotion,) for emotion in RiskMap().rules},
    )
    model, network = loaded(tmp_path, tokenizer, chat)
    scorer = LabelScorer(model)
    assert len(scorer._tree.branch_ids) == 6
    got = scorer.log_likelihoods(TEXTS)
    np.testing.assert_allclose(centred(got), centred(naive(network, model, TEXTS)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_score_does_not_depend_on_its_batch(tmp_path: Path, prompt: PromptTemplate, dtype: torch.dtype) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, prompt, dtype)
    random = np.random.default_rng(1)
    words = ["i", "feel", "sad", "joy", "love", "angry", "today", "and", "alone", "summer"]
    texts = [" ".join(random.choice(words, size=random.integers(0, 30))) for _ in range(256)]
    together = LabelScorer(model).score(texts).probabilities
    shuffled = random.permutation(len(texts))
    np.testing.assert_allclose(
        LabelScorer(model, max_tokens=300).score([texts[i] for i in shuffled]).probabilities,
        together[shuffled],
        atol=1e-3,
    )
    scorer = LabelScorer(model)
    alone = np.concatenate([scorer.score([text]).probabilities for text in texts[:20]])
    np.testing.assert_allclose(alone, together[:20], atol=1e-3)


def test_rows_come_back_in_input_order_and_twins_are_scored_once(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    done: list[int] = []
    texts = [*TEXTS, *TEXTS[::-1]]
    scores = LabelScorer(model, max_tokens=40).score(texts, done.append)
    assert sum(done) == len(texts)
    np.testing.assert_array_equal(scores.probabilities[: len(TEXTS)], scores.probabilities[: len(TEXTS) - 1 : -1])
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1.0)
    assert scores.n_tokens[1] == 0
    assert len(np.unique(scores.probabilities[: len(TEXTS)], axis=0)) == len(TEXTS)


def test_a_long_text_is_cut_and_flagged(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["tree"])
    text = "so low today " * 40
    scores = LabelScorer(model, max_pieces=1).score([text, "low"])
    assert scores.truncated.tolist() == [True, False]
    assert scores.n_tokens[0] > 64
    assert np.isfinite(scores.probabilities).all()
    budget = LabelScorer(model, max_tokens=30)
    assert budget.max_text_tokens == budget.piece_tokens == 30 - budget._frame.extra
    assert budget.score([text]).truncated.tolist() == [False]


@pytest.mark.parametrize("text", ["", " ", "\n", "🙂🙂", "https://x.org", "\x00\x01\x02", "ж" * 5000, "\ud800"[:0]])
def test_odd_texts_have_a_valid_row(tmp_path: Path, text: str) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    row = LabelScorer(model).score([text]).probabilities
    assert row.shape == (1, 6)
    assert np.isfinite(row).all()
    assert row.sum() == pytest.approx(1)


def test_no_texts_make_no_rows(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    assert LabelScorer(model).score([]).probabilities.shape == (0, 6)


def test_the_temperature_divides_the_log_likelihoods(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    warm = LabelScorer(replace(model, temperature=2.0)).score(TEXTS).probabilities
    weights = np.exp(LabelScorer(model).log_likelihoods(TEXTS) / 2)
    np.testing.assert_allclose(warm, weights / weights.sum(axis=1, keepdims=True))


def test_the_exponent_raises_the_gaps_to_the_likeliest_label(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    steep = LabelScorer(replace(model, temperature=0.5, exponent=1.7)).score(TEXTS).probabilities
    values = LabelScorer(model).log_likelihoods(TEXTS)
    weights = np.exp(-(((values.max(axis=1, keepdims=True) - values) / 0.5) ** 1.7))
    np.testing.assert_allclose(steep, weights / weights.sum(axis=1, keepdims=True))


def test_a_prompt_without_room_for_a_text_is_an_error(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["long prefix"], max_position_embeddings=60)
    with pytest.raises(ModelError, match="no room"):
        LabelScorer(model)


class Cramped:
    """A network that runs out of memory above a number of tokens, as a small GPU does."""

    def __init__(self, network: Any, tokens: int) -> None:
        self._network, self._tokens = network, tokens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def hidden(self, batch: PackedBatch, *rest: Any) -> torch.Tensor:
        if len(batch.token_ids) > self._tokens:
            raise torch.OutOfMemoryError("out of memory")
        return self._network.hidden(batch, *rest)


def test_out_of_memory_halves_the_batch_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    texts = [f"{text} {number}" for number in range(30) for text in TEXTS]
    want = LabelScorer(model).log_likelihoods(texts)
    scorer = LabelScorer(replace(model, network=Cramped(model.network, 600)))
    ids, _, _ = scorer._encoder.encode_texts(texts, 64)
    windows = [(0, ids[:100]), (100, ids[100:])]
    got = np.empty_like(want)
    for done in scorer._on_gpu(windows):
        got[done.rows] = scorer._tree.log_likelihoods(*done.fetch()[:2])
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert scorer.max_tokens == 512
    assert [record.getMessage() for record in caplog.records] == [
        "out of GPU memory: going on with batches of 1024 tokens"
    ]
    hopeless = LabelScorer(replace(model, network=Cramped(model.network, 10)))
    with pytest.raises(ModelError, match="too little free memory"):
        list(hopeless._on_gpu(windows))


def test_a_window_is_launched_before_the_last_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    scorer = LabelScorer(model)
    ids, _, _ = scorer._encoder.encode_texts(TEXTS, 64)
    launch, launched = scorer._launch, []

    def noted(first: int, *rest: Any) -> Any:
        launched.append(first)
        return launch(first, *rest)

    monkeypatch.setattr(scorer, "_launch", noted)
    running = scorer._on_gpu([(first, ids[first : first + 3]) for first in (0, 3, 6)])
    assert sorted(next(running).rows) == [0, 1, 2]
    assert launched == [0, 3]
    assert sorted(row for done in running for row in done.rows) == [3, 4, 5, 6, 7, 8]

"""The symptoms answer: equal to the naive forward, beside an emotion answer that it leaves as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monitor.errors import ConfigError, ModelError
from monitor.model.folder import MANIFEST
from monitor.model.prompts import PromptEncoder, PromptTemplate
from monitor.model.symptoms import SymptomsCalibration, with_any
from monitor.scoring.loading import LoadedModel, load_model
from monitor.scoring.scorer import LabelScorer
from tests.scoring.test_loading import write_model
from tests.scoring.test_scorer import PROMPTS, SHAPES, TEXTS, centred, loaded, naive
from tests.support.tiny_models import byte_level_tokenizer, symptoms_question

BYTE_LEVEL = byte_level_tokenizer(symptoms=True)
# Every mixture of prompt and suffix is tested with two shapes, and with the other two by `make test`.
MIXED_SHAPES = [
    pytest.param(shape, id=name, marks=pytest.mark.slow if name in ("plain heads", "wide heads") else ())
    for name, shape in SHAPES.items()
]
SUFFIXES = {"a special token": "<|symptoms|>", "a text": "\nSymptoms:"}


def asked(prompt: PromptTemplate, after: str = "<|symptoms|>") -> PromptTemplate:
    return replace(prompt, symptoms=symptoms_question(after))


@torch.no_grad()
def naive_answers(network: Any, model: LoadedModel, texts: list[str]) -> np.ndarray:
    """Logits of the words less that of none, by transformers, one whole prompt at a time; (n, 12)."""
    encoder = PromptEncoder(model.prompt, model.tokenizer)
    assert encoder.symptoms is not None
    rows = []
    for text in encoder.encode_texts(texts, model.max_text_tokens)[0]:
        ids = [*encoder.prefix_ids, *text.tolist(), *encoder.suffix_ids, *encoder.symptoms.suffix_ids]
        logits = network(torch.tensor([ids]), use_cache=False).logits[0, -1].double().numpy()
        rows.append(logits[list(encoder.symptoms.word_ids)] - logits[encoder.symptoms.none_id])
    return with_any(np.array(rows))


@pytest.mark.parametrize("shape", MIXED_SHAPES)
@pytest.mark.parametrize("after", SUFFIXES.values(), ids=SUFFIXES)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_both_answers_equal_the_naive_forward(
    tmp_path: Path, prompt: PromptTemplate, after: str, shape: dict[str, Any]
) -> None:
    model, network = loaded(tmp_path, BYTE_LEVEL, asked(prompt, after), **shape)
    scorer = LabelScorer(model, max_tokens=128)
    np.testing.assert_allclose(scorer.symptom_logits(TEXTS), naive_answers(network, model, TEXTS), atol=1e-4)
    got = scorer.log_likelihoods(TEXTS)
    np.testing.assert_allclose(centred(got), centred(naive(network, model, TEXTS)), atol=1e-5)


@pytest.mark.parametrize("after", SUFFIXES.values(), ids=SUFFIXES)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_the_emotion_answer_is_the_same_without_the_question(
    tmp_path: Path, prompt: PromptTemplate, after: str
) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, prompt)
    plain = LabelScorer(model).score(TEXTS)
    both = LabelScorer(replace(model, prompt=asked(prompt, after))).score(TEXTS)
    np.testing.assert_allclose(both.probabilities, plain.probabilities, atol=2e-6)
    np.testing.assert_array_equal(both.n_tokens, plain.n_tokens)
    assert plain.criteria is None
    assert plain.any is None
    assert both.criteria is not None
    assert both.any is not None
    assert both.criteria.shape == (len(TEXTS), 11)
    assert both.any.shape == (len(TEXTS),)


def test_label_branches_and_the_symptoms_suffix_do_not_see_each_other(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, asked(PROMPTS["tree"], "\nSymptoms:"))
    scorer = LabelScorer(model)
    labels, suffix = len(scorer._tree.branch_ids), len(scorer._encoder.symptoms.suffix_ids)
    assert scorer._visible.shape == (labels + suffix, labels + suffix)
    assert not scorer._visible[:labels, labels:].any()
    assert not scorer._visible[labels:, :labels].any()
    np.testing.assert_array_equal(scorer._visible[labels:, labels:], np.tri(suffix, dtype=bool))
    assert scorer._frame.branch_depths[labels:].tolist() == list(range(1, suffix + 1))


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_an_answer_does_not_depend_on_its_batch(tmp_path: Path, prompt: PromptTemplate, dtype: torch.dtype) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, asked(prompt), dtype)
    random = np.random.default_rng(1)
    words = ["i", "feel", "sad", "joy", "love", "angry", "today", "and", "alone", "summer"]
    texts = [" ".join(random.choice(words, size=random.integers(0, 30))) for _ in range(120)]
    together = LabelScorer(model).score(texts)
    shuffled = random.permutation(len(texts))
    apart = LabelScorer(model, max_tokens=300).score([texts[i] for i in shuffled])
    assert together.criteria is not None
    assert together.any is not None
    np.testing.assert_allclose(apart.criteria, together.criteria[shuffled], atol=2e-3)
    np.testing.assert_allclose(apart.any, together.any[shuffled], atol=2e-3)
    scorer = LabelScorer(model)
    alone = np.concatenate([scorer.score([text]).criteria for text in texts[:10]])
    np.testing.assert_allclose(alone, together.criteria[:10], atol=2e-3)


def test_answers_are_calibrated_and_any_may_be_the_largest(tmp_path: Path) -> None:
    calibration = SymptomsCalibration(tuple(1 + k / 8 for k in range(12)), tuple(-k / 4 for k in range(12)))
    model, _ = loaded(tmp_path, BYTE_LEVEL, asked(PROMPTS["one token"]))
    logits = LabelScorer(model).symptom_logits(TEXTS)
    scores = LabelScorer(replace(model, symptoms_calibration=calibration)).score(TEXTS)
    np.testing.assert_allclose(scores.criteria, calibration.probabilities(logits)[:, :11])
    np.testing.assert_allclose(scores.any, calibration.probabilities(logits)[:, 11])
    largest = replace(model.prompt, symptoms=replace(symptoms_question(), any=None))
    scores = LabelScorer(replace(model, prompt=largest)).score(TEXTS)
    np.testing.assert_allclose(scores.any, scores.criteria.max(axis=1))
    np.testing.assert_allclose(scores.any, 1 / (1 + np.exp(-logits[:, :11].max(axis=1))))


def test_sureness_lowers_the_temperature_of_a_text_by_its_any(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, asked(PROMPTS["one token"]))
    model = replace(model, temperature=1.4, exponent=1.3)
    scores = LabelScorer(replace(model, sureness=0.8)).score(TEXTS)
    plain = LabelScorer(model).score(TEXTS)
    assert scores.any is not None
    values = LabelScorer(model).log_likelihoods(TEXTS)
    scaled = (values.max(axis=1, keepdims=True) - values) / (1.4 / (1 + 0.8 * scores.any**2))[:, None]
    weights = np.exp(-(scaled**1.3))
    np.testing.assert_allclose(scores.probabilities, weights / weights.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(scores.any, plain.any)
    assert not np.allclose(scores.probabilities, plain.probabilities)


def test_odd_and_no_texts_have_finite_answers(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, asked(PROMPTS["one token"]))
    scorer = LabelScorer(model)
    scores = scorer.score(["", " ", "🙂🙂", "ж" * 5000, "<|symptoms|> mood", "so low " * 5000])
    assert np.isfinite(scores.criteria).all()
    assert ((scores.any > 0) & (scores.any < 1)).all()
    none = scorer.score([])
    assert none.criteria.shape == (0, 11)
    assert none.any.shape == (0,)


def test_a_model_without_the_question_refuses_its_logits(tmp_path: Path) -> None:
    model, _ = loaded(tmp_path, BYTE_LEVEL, PROMPTS["one token"])
    with pytest.raises(ModelError, match="no symptoms question; train it with --symptoms"):
        LabelScorer(model).symptom_logits(TEXTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with NF4 base, adapter and the question."""
    folder = write_model(tmp_path_factory.mktemp("model"), symptoms=True)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["prompt"]["symptoms"] = symptoms_question().to_json()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_four_bits_decoded_at_each_use_answer_as_dense_ones_do(folder: Path) -> None:
    answers = [
        LabelScorer(load_model(folder, device="cpu", weights=weights)).symptom_logits(TEXTS)
        for weights in ("dense", "nf4")
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=0.15)


def test_limits_may_be_replaced_and_change_the_id(folder: Path) -> None:
    own = load_model(folder, device="cpu")
    other = load_model(folder, device="cpu", criteria_limits={"sleep": 0.2})
    assert own.criteria_limits is not None
    assert other.criteria_limits == {**own.criteria_limits, "sleep": 0.2}
    assert other.model_id != own.model_id
    assert load_model(folder, device="cpu", criteria_limits={"sleep": 0.5}).model_id == own.model_id
    with pytest.raises(ConfigError, match="criteria_limits: give a value for each of mood"):
        load_model(folder, device="cpu", criteria_limits={"joy": 0.2})

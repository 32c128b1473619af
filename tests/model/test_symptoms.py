"""The symptoms question in a prompt and a manifest: words, calibration, limits, and what they do to a model's id."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.errors import ConfigError, ModelError
from monitor.labels import ANSWERS, CRITERIA, RiskMap, names_above
from monitor.model.default_symptoms import with_symptoms
from monitor.model.folder import Manifest, fingerprint, open_folder
from monitor.model.prompts import PromptEncoder, PromptTemplate, few_shot
from monitor.model.special_tokens import rename
from monitor.model.symptoms import SymptomsCalibration, with_any
from tests.support.tiny_models import (
    byte_level_tokenizer,
    metaspace_tokenizer,
    one_token_template,
    symptoms_question,
    tree_template,
)

BYTE_LEVEL = byte_level_tokenizer(symptoms=True)
ASKED = replace(one_token_template(), symptoms=symptoms_question())
CALIBRATION = SymptomsCalibration(tuple(1 + k / 8 for k in range(12)), tuple(-k / 4 for k in range(12)))
MANIFEST = Manifest("tiny", "base", None, "none", None, one_token_template(), 1.25, RiskMap(), exponent=1.5)


def written(folder: Path, manifest: Manifest) -> Path:
    """A model folder whose files are fixed bytes: enough for its id."""
    base = folder / "base"
    base.mkdir(parents=True)
    (base / "model.safetensors").write_bytes(b"weights")
    (base / "tokenizer.json").write_text("{}")
    (base / "config.json").write_text('{"model_type": "llama"}')
    manifest.save(folder)
    return folder


def model_id(folder: Path) -> str:
    return fingerprint(open_folder(folder), with_adapter=True)[0]


@pytest.mark.parametrize("after", ["<|symptoms|>", "\nSymptoms:"])
@pytest.mark.parametrize("template", [one_token_template(), tree_template()], ids=["one token", "tree"])
def test_the_question_follows_the_emotion_suffix_with_words_of_one_token(
    template: PromptTemplate, after: str
) -> None:
    plain = PromptEncoder(template, BYTE_LEVEL)
    encoder = PromptEncoder(replace(template, symptoms=symptoms_question(after)), BYTE_LEVEL)
    assert plain.symptoms is None
    assert encoder.suffix_ids == plain.suffix_ids
    assert encoder.label_ids == plain.label_ids
    assert encoder.symptoms is not None
    tokens = [*encoder.symptoms.word_ids, encoder.symptoms.none_id]
    assert len(encoder.symptoms.word_ids) == 12
    assert len(set(tokens)) == 13
    before = [*encoder.prefix_ids, *encoder.encode_texts(["sun"], 9)[0][0], *encoder.suffix_ids]
    whole = encoder._whole("sun", rename(after, encoder._names) + " mood")
    assert whole == [*before, *encoder.symptoms.suffix_ids, encoder.symptoms.word_ids[0]]


def test_a_special_token_of_the_question_in_a_text_is_plain_characters() -> None:
    encoder = PromptEncoder(ASKED, BYTE_LEVEL)
    ids = encoder.encode_texts(["<|symptoms|>"], 40)[0][0]
    assert encoder.symptoms is not None
    assert encoder.symptoms.suffix_ids[0] not in ids


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": {name: f" {name}" for name in CRITERIA} | {"mood": " low spirits"}}, "' low spirits' is "),
        ({"none": " nothing at all"}, "' nothing at all' is "),
        ({"any": " some of them"}, "' some of them' is "),
    ],
)
def test_a_word_of_several_tokens_is_refused_in_one_line(change: dict[str, Any], message: str) -> None:
    question = replace(symptoms_question(), **change)
    with pytest.raises(ConfigError, match=r"prompt\.symptoms: the word ") as refused:
        PromptEncoder(replace(one_token_template(), symptoms=question), BYTE_LEVEL)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"after": ""},
        {"after": 3},
        {"none": " mood"},
        {"any": " mood"},
        {"words": {"mood": " mood"}},
        {"words": {name: f" {name}" for name in CRITERIA} | {"joy": " joy"}},
        {"words": dict.fromkeys(CRITERIA, " same")},
        {"words": None},
        {"more": 1},
    ],
)
def test_a_question_with_a_wrong_part_is_refused(change: dict[str, Any]) -> None:
    value = ASKED.to_json()
    value["symptoms"] |= change
    with pytest.raises(ConfigError, match=r"prompt\.symptoms"):
        PromptTemplate.from_json(value)


def test_a_question_comes_back_from_json_and_stays_in_a_few_shot_prompt() -> None:
    for question in (symptoms_question(), replace(symptoms_question(), any=None)):
        template = replace(one_token_template(), symptoms=question)
        assert PromptTemplate.from_json(json.loads(json.dumps(template.to_json()))) == template
        assert few_shot(template, [("sun", "joy")]).symptoms == question
    assert "symptoms" not in one_token_template().to_json()


def test_a_prompt_without_the_question_gets_the_default_one_and_keeps_its_own() -> None:
    added = with_symptoms(one_token_template(), BYTE_LEVEL)
    assert added == ASKED
    own = replace(one_token_template(), symptoms=symptoms_question("\nSymptoms:"))
    assert with_symptoms(own, BYTE_LEVEL) is own


@pytest.mark.slow
def test_the_default_words_are_one_token_each_with_the_llama_2_tokenizer(data_dir: Path) -> None:
    tokenizer = metaspace_tokenizer(data_dir / "tokenizer" / "llama2_tokenizer.model")
    words = dict.fromkeys(RiskMap().rules, ("x",)) | {name: (name,) for name in RiskMap().rules}
    chat = PromptTemplate("<s><|user|>\nName the emotion.\n\nText: ", "</s>\n<|assistant|>\n", words)
    encoder = PromptEncoder(with_symptoms(chat, tokenizer), tokenizer)
    assert encoder.symptoms is not None
    assert len(set(encoder.symptoms.word_ids)) == 12


def test_answers_are_calibrated_each_by_itself() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 12))
    got = CALIBRATION.probabilities(logits)
    want = 1 / (1 + np.exp(-(logits * CALIBRATION.slopes + CALIBRATION.intercepts)))
    np.testing.assert_allclose(got, want)
    extreme = CALIBRATION.probabilities(np.array([[-1e6] * 12, [1e6] * 12]))
    assert np.isfinite(extreme).all()


def test_without_a_word_of_its_own_any_is_the_largest_answer() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 11))
    whole = with_any(logits)
    assert whole.shape == (5, 12)
    np.testing.assert_array_equal(whole[:, -1], logits.max(axis=1))
    np.testing.assert_array_equal(with_any(whole), whole)


def test_criteria_above_their_limits_are_named_in_order() -> None:
    shown = np.zeros((3, 11))
    shown[0, [8, 0]] = 0.6
    shown[1, 4] = 0.5
    assert names_above(shown, dict.fromkeys(ANSWERS, 0.5)) == ["mood,sleep", "", ""]


def test_calibration_and_limits_come_back_from_the_manifest(tmp_path: Path) -> None:
    limits = {name: 0.1 + k / 20 for k, name in enumerate(ANSWERS)}
    manifest = replace(MANIFEST, prompt=ASKED, sureness=0.6, symptoms_calibration=CALIBRATION, criteria_limits=limits)
    again = open_folder(written(tmp_path / "model", manifest)).manifest
    assert again == manifest
    assert json.loads((tmp_path / "model" / "monitor.json").read_text())["format"] == 1


def test_a_question_without_calibration_or_limits_has_neutral_ones(tmp_path: Path) -> None:
    manifest = open_folder(written(tmp_path, replace(MANIFEST, prompt=ASKED))).manifest
    assert manifest.symptoms_calibration == SymptomsCalibration()
    assert manifest.criteria_limits == dict.fromkeys(ANSWERS, 0.5)
    assert manifest.sureness == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symptoms_calibration": None}, "symptoms_calibration: give a value for each of mood"),
        ({"symptoms_calibration": {"mood": [1, 0]}}, "symptoms_calibration: give a value for each of mood"),
        ({"symptoms_calibration": {name: [0, 1] for name in ANSWERS}}, "symptoms_calibration.mood [0, 1]"),
        (
            {"symptoms_calibration": {name: [1, 2000] for name in ANSWERS}},
            "symptoms_calibration.mood [1, 2000]",
        ),
        ({"symptoms_calibration": dict.fromkeys(ANSWERS, 1)}, "symptoms_calibration.mood 1"),
        ({"criteria_limits": dict.fromkeys(ANSWERS, 1.5)}, "criteria_limits.mood 1.5"),
        ({"criteria_limits": dict.fromkeys(ANSWERS, True)}, "criteria_limits.mood True"),
        ({"criteria_limits": dict.fromkeys(CRITERIA, 0.5)}, "criteria_limits: give a value for each of mood"),
        ({"sureness": -0.1}, "sureness -0.1: it must be a number from 0 to 1,000"),
        ({"sureness": "0.6"}, "sureness '0.6'"),
        ({"sureness": True}, "sureness True"),
        ({"sureness": float("nan")}, "sureness nan"),
    ],
)
def test_a_wrong_calibration_or_limit_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = written(tmp_path, replace(MANIFEST, prompt=ASKED))
    path = folder / "monitor.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=r"monitor\.json: ") as refused:
        open_folder(folder)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("criteria_limits", dict.fromkeys(ANSWERS, 0.5)), ("sureness", 0.6)],
    ids=["limits", "sureness"],
)
def test_limits_for_a_prompt_without_the_question_are_refused(tmp_path: Path, name: str, value: Any) -> None:
    folder = written(tmp_path, replace(MANIFEST, **{name: value}))
    with pytest.raises(ModelError, match=f"{name}: the prompt has no symptoms question"):
        open_folder(folder)


def test_the_id_of_a_model_without_the_question_stays_as_it_was(tmp_path: Path) -> None:
    """Written down before there was a symptoms question; that of the embedded model stands in test_golden_scores."""
    assert model_id(written(tmp_path, MANIFEST)) == "14d1d96c445f06ba"


def test_the_id_covers_question_calibration_and_limits(tmp_path: Path) -> None:
    asked = replace(MANIFEST, prompt=ASKED)
    other = replace(ASKED, symptoms=replace(symptoms_question(), any=None))
    manifests = [
        MANIFEST,
        asked,
        replace(asked, prompt=other),
        replace(asked, symptoms_calibration=CALIBRATION),
        replace(asked, criteria_limits=dict.fromkeys(ANSWERS, 0.4)),
        replace(asked, sureness=0.6),
    ]
    ids = [model_id(written(tmp_path / str(k), manifest)) for k, manifest in enumerate(manifests)]
    assert len(set(ids)) == len(manifests)
    neutral = replace(asked, symptoms_calibration=SymptomsCalibration(), criteria_limits=dict.fromkeys(ANSWERS, 0.5))
    assert model_id(written(tmp_path / "neutral", neutral)) == ids[1]

"""The train job with the symptoms question, end to end on a tiny base, and the recipe's tables for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from transformers import PreTrainedTokenizerFast

from monitor.corpora.sources import twin_key
from monitor.errors import ConfigError, DataError
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS
from monitor.model.calibration import Calibration
from monitor.model.files import read_tokenizer
from monitor.model.folder import open_folder
from monitor.model.prompts import PromptEncoder
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from monitor.training import fitted
from monitor.training.checkpoint import save_base
from monitor.training.fitted import criteria_limits
from monitor.training.prepare import prepare
from monitor.training.recipe import CalibrationSettings, read_recipe
from tests.model.test_prompts import CHAT
from tests.support.tiny_models import WORDS, byte_level_tokenizer, tiny_llama
from tests.training.test_train_command import corpus, recipe, refused, run

__all__ = ["corpus"]
SHOWN = ("mood", "sleep", "energy")


def symptom_rows(start: int, count: int) -> list[dict[str, Any]]:
    rows = []
    for k in range(start, start + count):
        name = (*SHOWN, None)[k % 4]
        criteria, kind = ([name], "present") if name else ([], "neutral")
        text = f"my {name or 'summer'} was gone, on day {k}"
        rows.append({"text": text, "criteria": criteria, "severity": 3 * bool(name), "kind": kind})
    return rows


@pytest.fixture(scope="module")
def symptoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("symptoms")
    for name, start, count in (("train", 0, 120), ("validation", 200, 40), ("test", 300, 20)):
        rows = symptom_rows(start, count)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_level_tokenizer(symptoms=True), bos_token="<s>", pad_token="<pad>"
    )
    save_base(tiny_llama(len(tokenizer), initializer_range=0.2), tokenizer, folder, "tiny-base")
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every file that a recipe's tables may name."""
    folder = tmp_path_factory.mktemp("files")
    comments = [(part, f"the bus to town is number {k}", "neutral") for part in ("train", "dev") for k in range(60)]
    comments += [("train", f"what a sun, {k}", "joy") for k in range(20)]
    frame = pl.DataFrame(comments, schema=["split", "text", "labels"], orient="row")
    answers = dict.fromkeys(EMOTIONS, 40) | {f"s_{name}": 3 for name in ANSWERS}
    distilled = pl.DataFrame([{"text": f"we ate soup {k}. it rained"} | answers for k in range(20)])
    frames = {
        "comments": frame,
        "isear": pl.DataFrame({"text": ["i won", "they lied"], "emotion": ["joy", "anger"]}),
        "semeval": pl.DataFrame({"split": ["train"], "text": ["sun!"], "labels": ["joy,optimism"]}),
        "distilled": distilled,
        "topics": pl.DataFrame({"text": [f"therapy number {k}" for k in range(9)]}),
        "everyday": pl.DataFrame({"text": [f"a long day in town, part {k}" for k in range(50)]}),
    }
    for name, table in frames.items():
        table.write_parquet(folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in frames}


def whole_recipe(files: dict[str, Path]) -> str:
    return f"""
[adapter]
r = 8
alpha = 16
epochs = 5
batch = 16
accumulation = 1
rate = 1e-2
symptoms_weight = 0.5
[mixture]
extra = false
comments = "{files["comments"]}"
neutral = 20
emotional = 10
[symptoms]
isear_file = "{files["isear"]}"
semeval_file = "{files["semeval"]}"
units_file = "{files["distilled"]}"
posts_file = "{files["distilled"]}"
topics_file = "{files["topics"]}"
repeats = 2
composites = 30
isear = 1
semeval = 2
units = 5
posts = 4
topics = 3
[calibration]
neutral_comments = "{files["comments"]}"
everyday_posts = "{files["everyday"]}"
share = 0.1
"""


@pytest.mark.slow
def test_both_questions_are_trained_calibrated_and_score_from_the_folder(
    base: Path, corpus: Path, symptoms: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    path, out = recipe(tmp_path, whole_recipe(files)), tmp_path / "model"
    call = ("--data", str(corpus), "--base", str(base), "--out", str(out), "--recipe", str(path))
    output = run("train", *call, "--symptoms", str(symptoms))
    assert "symptoms AUROC" in output
    manifest = open_folder(out).manifest
    assert manifest.prompt.symptoms is not None
    assert manifest.prompt.symptoms.after == "<|symptoms|>"
    assert manifest.symptoms_calibration is not None
    assert manifest.criteria_limits is not None
    assert "show all or none of hopeless, interest, worth" in " ".join(output.split())
    model = load_model(out, device="cpu")
    texts = [f"my {name} was gone, on day 900" for name in SHOWN] + ["my summer was gone, on day 900"]
    scores = LabelScorer(model).score(texts)
    assert scores.criteria is not None
    assert scores.any is not None
    for row, name in enumerate(SHOWN):
        assert scores.criteria[row, CRITERIA.index(name)] > 0.5 > scores.criteria[3, CRITERIA.index(name)]
    assert scores.any[:3].min() > scores.any[3]
    emotions = LabelScorer(model).score([f"i am {WORDS[emotion]} on day 900" for emotion in EMOTIONS])
    assert (emotions.probabilities.argmax(axis=1) == np.arange(6)).mean() > 0.6
    trained_on = set(np.load(out / "training_list.npy").tolist())
    assert len(trained_on) > 200


@pytest.mark.slow
def test_a_model_trained_without_symptom_texts_has_no_question(base: Path, corpus: Path, tmp_path: Path) -> None:
    quick = recipe(tmp_path, "[adapter]\nr = 4\nepochs = 1\nrate = 1e-2\n")
    out = tmp_path / "model"
    call = ("--data", str(corpus), "--base", str(base), "--out", str(out), "--recipe", str(quick))
    output = run("train", *call)
    assert "AUROC" not in output
    manifest = json.loads((out / "monitor.json").read_text())
    assert not {"symptoms_calibration", "criteria_limits", "sureness"} & set(manifest)
    assert "symptoms" not in manifest["prompt"]
    scores = LabelScorer(load_model(out, device="cpu")).score(["i am lost"])
    assert (scores.criteria, scores.any) == (None, None)


def test_symptom_texts_need_no_recipe_and_may_be_one_file(
    base: Path, corpus: Path, symptoms: Path, tmp_path: Path
) -> None:
    prepared = prepare(str(corpus), read_recipe("notebook", {}), 40, str(symptoms / "train.jsonl"))
    first = prepared.epoch(0)
    assert len(first.texts) == 40
    assert 0 < (first.criteria_weights > 0).sum() < 40
    assert prepared.symptoms is not None
    assert len(prepared.symptoms) > 3
    assert not set(map(twin_key, prepared.symptoms.texts)) & set(map(twin_key, first.texts))
    told = refused(
        *("train", "--data", str(corpus), "--base", str(base), "--out", str(tmp_path / "m")),
        *("--symptoms", str(tmp_path / "none")),
    )
    assert "none: no such file or folder; give symptom texts as JSON lines, or 'embedded'" in told


@pytest.mark.slow
def test_a_chat_model_of_a_hub_learns_the_question_with_the_same_command(
    corpus: Path, symptoms: Path, tmp_path: Path
) -> None:
    """Its labels are several tokens long, and the question's suffix is a text."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_level_tokenizer(words=True), bos_token="<s>", pad_token="<pad>"
    )
    tokenizer.chat_template = CHAT
    folder, out = tmp_path / "hub", tmp_path / "model"
    tiny_llama(len(tokenizer), initializer_range=0.2).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    quick = recipe(tmp_path, "[adapter]\nr = 8\nalpha = 16\nepochs = 2\nbatch = 8\naccumulation = 1\nrate = 1e-2\n")
    call = ("--data", str(corpus), "--base", str(folder), "--out", str(out), "--recipe", str(quick), "--texts", "60")
    output = run("train", *call, "--symptoms", str(symptoms))
    assert "symptoms AUROC" in output
    model = load_model(out, device="cpu")
    assert model.prompt.symptoms is not None
    assert model.prompt.symptoms.after == "\nSymptoms:"
    scorer = LabelScorer(model)
    assert len(scorer._tree.branch_ids) > 6
    scores = scorer.score(["my sleep was gone, on day 900", "i am lost on day 900"])
    assert scores.any is not None
    assert np.isfinite(scores.any).all()


def test_texts_held_out_anywhere_are_trained_on_nowhere(
    corpus: Path, symptoms: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    held_out = symptom_rows(200, 1)[0]["text"]
    pl.DataFrame({"text": [held_out, "they lied"], "emotion": ["joy", "anger"]}).write_parquet(
        tmp_path / "isear.parquet"
    )
    text = whole_recipe(files | {"isear": tmp_path / "isear.parquet"})
    prepared = prepare(str(corpus), read_recipe(str(recipe(tmp_path, text)), {}), None, str(symptoms))
    assert "they lied" in prepared.texts
    assert held_out not in prepared.texts
    assert held_out not in prepared.epoch(0).texts
    assert len(prepared.epoch(0).texts) == 120 + 30 + 240 + 30 + 2 + 2 + 5 + 4 + 3 - 1
    assert prepared.epoch(0).texts == prepared.epoch(0).texts
    assert (len(prepared.neutral), len(prepared.everyday)) == (60, 50)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[symptoms]\nunits = 5", "symptoms.units: name the file in symptoms.units_file, or ask for none"),
        ("[symptoms]\nisear = 1", "symptoms.isear: name the file in symptoms.isear_file, or ask for none"),
        ("[symptoms]\nmild = 1.5", "symptoms.mild: it should be less than or equal to 1"),
        ("[symptoms]\nrepeats = 0", "symptoms.repeats: it should be greater than or equal to 1"),
        ("[symptoms]\ncomposite = 3", "no such setting: symptoms.composite (did you mean composites?)"),
        ("[calibration]\nshare = 2", "calibration.share: it should be less than or equal to 1"),
        ("[calibration]\neveryday_posts = 2", "calibration.everyday_posts: give a text in quotes"),
        ("[adapter]\nsymptoms_weight = -1.0", "adapter.symptoms_weight: it should be greater than or equal"),
    ],
)
def test_a_wrong_table_is_one_line_that_names_the_key(tmp_path: Path, content: str, told: str) -> None:
    path = recipe(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        read_recipe(str(path), {})
    assert str(caught.value).startswith(f"recipe {path}: {told}")


def test_composites_without_neutral_comments_are_refused(corpus: Path, symptoms: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, "[symptoms]\ncomposites = 5\n")
    with pytest.raises(DataError, match=r"symptoms\.composites"):
        prepare(str(corpus), read_recipe(str(path), {}), None, str(symptoms))


def test_limits_are_the_larger_of_neutral_and_everyday_texts_or_a_half() -> None:
    neutral, everyday, none = np.full((300, 12), 0.1), np.full((300, 12), 0.05), np.empty((0, 12))
    everyday[:50, 3] = 0.4
    settings = CalibrationSettings()
    assert set(criteria_limits(none, none, settings).values()) == {0.5}
    assert set(criteria_limits(neutral, none, settings).values()) == {0.1}
    both = criteria_limits(neutral, everyday, settings)
    assert both == dict.fromkeys(ANSWERS, 0.1) | {CRITERIA[3]: 0.4}


@pytest.mark.parametrize(("everyday", "notes"), [(["a plain day"] * 300, 0), ([], 1)])
def test_limits_of_everyday_posts_alone_are_not_called_a_half(
    corpus: Path, symptoms: Path, monkeypatch: pytest.MonkeyPatch, everyday: list[str], notes: int
) -> None:
    def answers(_: object, __: object, texts: Sequence[str], *, max_text_tokens: int, width: int) -> Any:
        return np.random.default_rng(max_text_tokens).normal(size=(len(texts), width))

    monkeypatch.setattr(fitted, "label_log_likelihoods", partial(answers, width=6))
    monkeypatch.setattr(fitted, "symptom_logits", partial(answers, width=12))
    prepared = prepare(str(corpus), read_recipe("notebook", {}), 40, str(symptoms))._replace(everyday=everyday)
    told: list[str] = []
    found = fitted.fit_answers(None, None, prepared, CalibrationSettings(), 9, told.append)  # type: ignore[arg-type]
    assert sum("to take limits from" in line for line in told) == notes
    assert found.criteria_limits is not None
    assert (set(found.criteria_limits.values()) == {0.5}) == bool(notes)


def test_sureness_is_fitted_on_the_held_out_symptom_texts_that_name_an_emotion(
    corpus: Path, symptoms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(_: object, __: object, texts: Sequence[str], *, max_text_tokens: int, width: int) -> Any:
        return np.array([[len(text), *range(width - 1)] for text in texts], np.float64).reshape(-1, width)

    def fit(likelihoods: Any, labels: Any, p_any: Any, calibration: Calibration) -> float:
        given.append((likelihoods[:, 0].tolist(), labels.tolist(), len(p_any), calibration.sureness))
        return 0.70004

    given: list[tuple[list[float], list[int], int, float]] = []
    monkeypatch.setattr(fitted, "label_log_likelihoods", partial(answers, width=6))
    monkeypatch.setattr(fitted, "symptom_logits", partial(answers, width=12))
    monkeypatch.setattr(fitted, "fit_sureness", fit)
    prepared = prepare(str(corpus), read_recipe("notebook", {}), 40, str(symptoms))
    held_out = prepared.symptoms
    assert held_out is not None
    emotions = tuple(("fear", "none", None, "joy")[k % 4] for k in range(len(held_out)))
    prepared = prepared._replace(symptoms=replace(held_out, emotions=emotions))
    found = fitted.fit_answers(None, None, prepared, CalibrationSettings(), 9, lambda _: None)  # type: ignore[arg-type]
    named = [k for k in range(len(held_out)) if k % 4 in (0, 3)]
    lengths = [float(len(held_out.texts[k])) for k in named]
    assert given == [(lengths, [EMOTIONS.index(str(emotions[k])) for k in named], len(named), 0.0)]
    assert found.calibration.sureness == 0.7


def test_an_untrained_prompt_of_this_base_reads_the_default_question(base: Path) -> None:
    folder = open_folder(base)
    assert folder.manifest.prompt.symptoms is None
    assert PromptEncoder(folder.manifest.prompt, read_tokenizer(folder.base)).symptoms is None

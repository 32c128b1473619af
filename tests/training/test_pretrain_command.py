"""The pretrain job end to end on a handful of texts: what it reads, leaves out and writes."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from jobs.cli import build_app
from jobs.pretrain import read_corpora, tuning_examples
from monitor.errors import ConfigError, DataError
from monitor.labels import ANSWERS, EMOTIONS
from monitor.model.default_symptoms import with_symptoms
from monitor.model.files import read_tokenizer
from monitor.model.folder import open_folder
from monitor.model.prompts import PromptEncoder
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from monitor.training.answers import symptom_logits
from monitor.training.checkpoint import EMBEDDED_PROMPT
from monitor.training.instruction import InstructionSettings, add_symptom_tokens, tune
from monitor.training.quantisation_aware import nf4_forward
from tests.support.tiny_models import byte_level_tokenizer, one_token_template, symptoms_question, tiny_llama
from tests.training.test_finetuning import examples
from tests.training.test_symptoms_training import symptom_texts

NAMES = ("anna", "ben", "carla", "dan", "eve", "finn", "gina", "hugo", "ida", "jan")
PLACES = ("park", "kitchen", "office", "garden", "library", "station", "museum", "market")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    draw = random.Random(0)
    words = [f"{name}{suffix}" for name in NAMES for suffix in ("", "s", "ish", "like", "less", "ward")]
    posts = [
        f"I went to the {draw.choice(PLACES)} with {' '.join(draw.sample(words, 12))} and I'm fine." * 4
        for _ in range(300)
    ]
    posts.append("The committee met on Tuesday and the minutes were read aloud to all.")
    (folder / "pretrain").mkdir()
    pl.DataFrame({"text": posts}).write_parquet(folder / "pretrain" / "posts.parquet")
    (folder / "emotion").mkdir()
    for name, count in (("train", 60), ("val", 6), ("test", 6)):
        rows = [
            f"{name} {i} i feel {EMOTIONS[i % 6]} at the {draw.choice(PLACES)};{EMOTIONS[i % 6]}"
            for i in range(count)
        ]
        (folder / "emotion" / f"{name}.txt").write_text(
            "\n".join([*rows, "the very same;joy"]) + "\n", encoding="utf-8"
        )
    extra = {"text": ["the very same", "something else"], "emotion": ["joy", "love"]}
    pl.DataFrame(extra).write_parquet(folder / "emotion" / "unsplit_extra.parquet")
    (folder / "external").mkdir()
    comments = [
        ("train", f"comment by {draw.choice(NAMES)} {i}", ("neutral", "joy", "grief")[i % 3]) for i in range(60)
    ]
    frame = pl.DataFrame(comments, schema=["split", "text", "labels"], orient="row")
    frame.write_parquet(folder / "external" / "goemotions_train_dev.parquet")
    return folder


def test_only_first_person_posts_and_no_held_out_text_are_read(data: Path) -> None:
    posts, short, _ = read_corpora(data, None)
    assert len(posts) == 300
    assert not any("committee" in post for post in posts)
    assert "something else" in short
    assert "the very same" not in short
    assert not any(text.startswith(("val", "test")) for text in short)


def test_a_base_is_made_that_loads_and_scores(data: Path, tmp_path: Path) -> None:
    tiny = [
        "--steps",
        "2",
        "--batch",
        "2",
        "--hidden",
        "64",
        "--layers",
        "1",
        "--mlp",
        "64",
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(
        build_app(["pretrain"]), ["pretrain", "--data", str(data), "--out", str(tmp_path / "base"), *tiny]
    )
    assert result.exit_code == 0, result.output
    folder = open_folder(tmp_path / "base")
    encoder = PromptEncoder(folder.manifest.prompt, read_tokenizer(folder.base))
    assert all(len(word) == 1 for words in encoder.label_ids for word in words)
    scores = LabelScorer(load_model(tmp_path / "base", device="cpu")).score(["I am here", ""])
    assert scores.probabilities.sum(axis=1) == pytest.approx([1, 1])


def test_a_model_is_not_written_over_nor_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "monitor.json").touch()
    for name, told in (("file", "cannot write there"), ("model", r"holds a model already \(monitor.json\)")):
        words = ["pretrain", "--data", str(tmp_path / "no data"), "--out", str(tmp_path / name)]
        with pytest.raises(ConfigError, match=told):
            CliRunner().invoke(build_app(words), words, catch_exceptions=False)


def test_missing_posts_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Parquet file"):
        read_corpora(tmp_path, None)


@pytest.fixture(scope="module")
def symptoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("symptoms")
    for name, count in (("train", 40), ("validation", 8)):
        rows = [
            {
                "text": f"{name} {k}: {'i lie awake at the market' if k % 2 else 'a fine day at the market'}",
                "criteria": ["sleep"] * (k % 2),
                "severity": 2 * (k % 2),
                "kind": "present" if k % 2 else "positive",
            }
            for k in range(count)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def whole_data(data: Path) -> Path:
    """The data folder with the sources of the symptoms question."""
    isear = {"text": ["i won at the market", "they lied"], "emotion": ["joy", "anger"]}
    pl.DataFrame(isear).write_parquet(data / "external" / "isear.parquet")
    tweets = {"split": ["train"], "text": ["sun!"], "labels": ["joy"]}
    pl.DataFrame(tweets).write_parquet(data / "external" / "semeval2018_ec_train_dev.parquet")
    return data


@pytest.mark.slow
def test_a_base_is_tuned_on_both_questions_and_answers_them(whole_data: Path, symptoms: Path, tmp_path: Path) -> None:
    small = (
        "--steps",
        "2",
        "--batch",
        "2",
        "--hidden",
        "64",
        "--layers",
        "1",
        "--mlp",
        "64",
        "--texts",
        "60",
    )
    first, again = tmp_path / "first", tmp_path / "again"
    words = ("pretrain", "--data", str(whole_data), *small, "--symptoms", str(symptoms), "--out")
    result = CliRunner().invoke(build_app(words), [*words, str(first)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "both questions: step" in result.output
    assert "new tokens" not in result.output
    words = ("pretrain", "--data", str(whole_data), "--base", str(first), "--symptoms", str(symptoms))
    words = (*words, "--texts", "60", "--out", str(again))
    result = CliRunner().invoke(build_app(words), list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    for folder in (first, again):
        model = load_model(folder, device="cpu")
        assert model.prompt.symptoms is not None
        assert model.prompt.symptoms.words["suicidal"] == " suicidal"
        scores = LabelScorer(model).score(["i lie awake", "a fine day"])
        assert scores.criteria is not None
        assert np.isfinite(scores.criteria).all()


def test_an_older_base_gets_the_tokens_of_the_second_question() -> None:
    backend = byte_level_tokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", pad_token="<pad>")
    network = tiny_llama(len(tokenizer))
    before = network.get_input_embeddings().weight.detach().clone()
    added = add_symptom_tokens(network, tokenizer)
    assert added[0] == "<|symptoms|>"
    assert "<|psychomotor|>" in added
    table = network.get_input_embeddings().weight
    assert len(tokenizer) == len(table) == len(before) + len(added)
    torch.testing.assert_close(table[: len(before)], before)
    pieces = tokenizer.encode(" psychomotor", add_special_tokens=False)
    row = tokenizer.convert_tokens_to_ids("<|psychomotor|>")
    torch.testing.assert_close(table[row], before[pieces].mean(dim=0))
    assert torch.cosine_similarity(table[len(before)], before[3], dim=0) > 0.9  # that of the emotion token
    question = with_symptoms(EMBEDDED_PROMPT, tokenizer.backend_tokenizer).symptoms
    assert question is not None
    assert (question.after, question.words["psychomotor"]) == ("<|symptoms|>", "<|psychomotor|>")
    assert add_symptom_tokens(network, tokenizer) == []


@pytest.mark.slow
def test_tuning_lowers_the_loss_of_both_questions_at_the_four_bit_values() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_tokenizer(symptoms=True))
    encoder = PromptEncoder(replace(one_token_template(), symptoms=symptoms_question()), tokenizer)
    data = examples(48) + symptom_texts(48)
    network, losses = tiny_llama(len(tokenizer), initializer_range=0.2), list[float]()
    settings = InstructionSettings(epochs=30, texts=48, batch=48, rate=3e-3)
    tune(network, encoder, lambda _: data, settings, report=lambda record: losses.append(record["loss"]))
    assert losses[-1] < 0.3 * losses[0]
    with nf4_forward(network):
        shown = symptom_logits(network, encoder, ["my sleep was gone on day 900"])
    assert shown[0, ANSWERS.index("sleep")] > 0 > shown[0, ANSWERS.index("mood")]


def test_what_a_base_is_tuned_on_leaves_the_emotion_corpus_and_held_out_texts_out(
    whole_data: Path, symptoms: Path
) -> None:
    epoch = tuning_examples(whole_data, str(symptoms), {}, 60)(0)
    texts = set(epoch.texts)
    assert "they lied" in texts
    assert not any(text.startswith(("validation", "train 0 i feel")) for text in texts)
    assert len(epoch.texts) == 60 + 40 + 60 + 2 + 1


def test_options_of_the_tuning_need_symptom_texts(tmp_path: Path) -> None:
    words = ["pretrain", "--data", str(tmp_path), "--base", "embedded", "--out", str(tmp_path / "m")]
    refused = CliRunner().invoke(build_app(tuple(words)), words)
    assert "add --symptoms" in str(refused.exception)


def test_sizes_and_steps_of_a_new_base_are_refused_beside_another_base(tmp_path: Path) -> None:
    words = ["pretrain", "--data", str(tmp_path), "--base", "embedded", "--symptoms", "embedded"]
    words += ["--out", str(tmp_path / "m"), "--layers", "2", "--steps", "9"]
    refused = CliRunner().invoke(build_app(tuple(words)), words)
    assert "--base does not use --steps and --layers; leave them out" in str(refused.exception)
    assert not (tmp_path / "m").exists()

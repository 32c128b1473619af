"""The benchmark: its ways give equal probabilities, its texts the lengths it says; its job writes all of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from jobs.benchmark import benchmark, command, print_table
from monitor.benchmark.replaced_methods import as_transformers, padded_llama, whole_prompts
from monitor.benchmark.scoring_speed import (
    LABEL_TOKENS,
    Speed,
    _shape,
    random_model,
    word_prompt,
    word_texts,
    word_tokenizer,
)
from monitor.benchmark.table import in_float32
from monitor.demo.feed import demo_texts
from monitor.errors import ConfigError, ModelError, MonitorError
from monitor.model.prompts import PromptEncoder
from monitor.scoring.attention import Heads
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from reports.evaluation.speed_chart import speed_chart, speed_frame
from reports.style.palette import LIGHT
from tests.scoring.test_loading import write_model

SMALL = _shape(1000, 64, 128, 2, Heads(4, 2, 32), 1e4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def test_texts_and_prompts_have_the_lengths_they_are_said_to_have() -> None:
    lengths = [len(text.split()) for text in word_texts(5000)]
    assert 21 < np.mean(lengths) < 23
    assert (min(lengths), max(lengths) <= 80) == (3, True)
    for labels, tokens in LABEL_TOKENS.items():
        encoder = PromptEncoder(word_prompt(60, labels), word_tokenizer(32000))
        assert (len(encoder.prefix_ids), len(encoder.suffix_ids)) == (60, 12)
        assert tuple(len(words[0]) for words in encoder.label_ids) == tokens
        (ids,), _, _ = encoder.encode_texts(["w300 w301 w302"], 100)
        assert ids.tolist() == [300, 301, 302]


def test_the_padded_way_gives_the_same_probabilities_as_ours(folder: Path) -> None:
    model = in_float32(load_model(folder, device="cpu"))
    texts = demo_texts()[:40]
    encoder = PromptEncoder(model.prompt, model.tokenizer)
    prompts = whole_prompts(encoder, texts, model.max_text_tokens)
    network = as_transformers(model.network)
    labels = [words[0][0] for words in encoder.label_ids]
    ours = LabelScorer(model).log_likelihoods(texts)
    for ordered in (False, True):
        logits = padded_llama(network, prompts, 16, ordered=ordered, last_only=ordered)[:, labels]
        np.testing.assert_allclose(
            ours - ours.mean(axis=1, keepdims=True),
            logits - logits.mean(axis=1, keepdims=True),
            atol=2e-5,
        )


def test_random_models_score_in_every_form() -> None:
    texts = [" ".join(text.split()[:9]) for text in word_texts(6, vocabulary=900)]
    for labels in LABEL_TOKENS:
        for form in ("dense", "nf4"):
            model = random_model(SMALL, word_prompt(20, labels), torch.device("cpu"), form)
            scorer = LabelScorer(model)
            assert scorer.tokens_beside_text == 12 + (6 if labels == "tree" else 0)
            np.testing.assert_allclose(scorer.score(texts).probabilities.sum(axis=1), 1.0)


@pytest.mark.slow
def test_the_job_writes_rows_and_a_chart(folder: Path, tmp_path: Path) -> None:
    found = benchmark("cpu", tmp_path, model=str(folder), texts=demo_texts()[:8])
    assert json.loads((tmp_path / "benchmark.json").read_text()) == found
    assert [row["own"] for row in found["rows"]][:3] == [False, False, True]
    assert all(row["texts_per_s"] > 0 for row in found["rows"])
    assert (tmp_path / "benchmark.png").stat().st_size > 1000
    assert "ours, tiny, fp32" in (tmp_path / "benchmark.svg").read_text()


def test_the_job_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use auto, cpu or cuda"):
        benchmark("tpu", tmp_path, texts=[])
    with pytest.raises(ConfigError, match="use all, scoring or training"):
        benchmark("cpu", tmp_path, texts=[], measure="loading")
    with pytest.raises(ConfigError, match="only on a GPU"):
        benchmark("cpu", tmp_path, texts=[], measure="training")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write there"):
        benchmark("cpu", tmp_path / "file", texts=[])
    with pytest.raises(ModelError, match="no model 'nope'"):
        benchmark("cpu", tmp_path / "out", model="nope", texts=[])
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"device": "tpu"}, "use auto, cpu or cuda"),
        ({"measure": "bogus"}, "leave --data and --measure out"),
        ({"data": "/nonexistent"}, "leave --data and --measure out"),
        ({"model": "nope"}, "no model 'nope'"),
    ],
)
def test_a_night_is_refused_before_its_rows_are_read(tmp_path: Path, options: dict[str, str], told: str) -> None:
    with pytest.raises(MonitorError, match=told):
        command(out=tmp_path / "out", night=True, **options)
    assert not (tmp_path / "out").exists()


def test_a_gpu_refuses_a_model_that_it_would_not_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.benchmark.on_gpu", lambda _: True)
    with pytest.raises(ConfigError, match="--model mine: a GPU measures it only on the texts of --data"):
        command(out=tmp_path / "out", model="mine")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no CUDA device"):
        benchmark("cuda", tmp_path, texts=[])


def test_table_and_chart_leave_out_what_was_not_measured() -> None:
    rows = [
        Speed("slow", False, 1.5, 0.001, 2.0),
        Speed("none", False, None, reason="bitsandbytes is not installed"),
        Speed("ours", True, 8000.0, 0.7, 2.5),
    ]
    found = [row.to_json() for row in rows]
    frame = speed_frame(found)
    assert frame.rows() == [("slow", False, 1.5, "1.5"), ("ours", True, 8000.0, "8,000")]
    assert speed_chart(frame, LIGHT, "a GPU").to_dict()["layer"]
    console = Console(width=120, record=True)
    training = [Speed("ours", True, 2000.0).to_json()]
    eight_bit = {"texts": 2000, "changed": 12, "macro_f1": 0.9081, "macro_f1_fp8": 0.9076}
    print_table({"rows": found, "training": training, "load_s": 0.44, "eight_bit": eight_bit}, console)
    text = console.export_text()
    assert "change 12 of 2,000 answers: macro-F1 0.9081 becomes 0.9076" in text
    assert "ours: 3 epochs of 16,000 texts take 24 s" in text
    assert "loading the model took 0.4 s" in text
    assert "not measured: bitsandbytes is not installed" in text
    assert "5,333.3" in text

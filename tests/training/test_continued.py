"""`train --start`: training continues from an adapter and never ends below where it began."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from jobs.cli import build_app
from jobs.train import _best
from monitor.corpora.examples import Examples
from monitor.errors import ConfigError, DataError, ModelError
from monitor.labels import EMOTIONS
from monitor.model.calibration import Calibration
from monitor.model.files import read_tokenizer
from monitor.model.folder import ModelFolder, open_folder
from monitor.model.prompts import PromptEncoder
from monitor.training.answers import label_log_likelihoods
from monitor.training.checkpoint import load_trainable, save_base, save_model
from monitor.training.continued import load_adapter, open_source, settings_of
from monitor.training.finetuning import TrainSettings, attach_adapter, fit
from monitor.training.validation import TrainResult
from tests.support.tiny_models import WORDS, byte_level_tokenizer, tiny_llama

pytestmark = pytest.mark.slow  # a model is trained for them

CPU = torch.device("cpu")
QUICK = TrainSettings(r=8, alpha=16, dropout=0.0, epochs=3, batch=8, accumulation=1, rate=1e-2)


def examples(count: int, first: int = 0) -> Examples:
    labels = np.arange(count) % len(EMOTIONS)
    return Examples.from_labels([f"i am {WORDS[EMOTIONS[i % 6]]} on day {first + i}" for i in range(count)], labels)


def encoder_of(source: ModelFolder) -> PromptEncoder:
    return PromptEncoder(source.manifest.prompt, read_tokenizer(source.base))


def network_of(source: ModelFolder) -> Any:
    assert source.adapter
    network = attach_adapter(load_trainable(source.base, CPU, dense=True), settings_of(source.adapter, QUICK))
    load_adapter(network, source.adapter)
    return network


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_tokenizer(), bos_token="<s>", pad_token="<pad>")
    save_base(tiny_llama(500, initializer_range=0.2), tokenizer, folder, "tiny-base")
    return folder


@pytest.fixture(scope="module")
def model(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained until it told the words of WORDS apart."""
    source, folder = open_folder(base), tmp_path_factory.mktemp("model")
    network = attach_adapter(load_trainable(source.base, CPU, dense=True), QUICK)
    result = fit(network, encoder_of(source), lambda _: examples(96), examples(24, 100), QUICK)
    assert result.best_f1
    assert not result.before
    save_model(network, source, folder, name="first", calibration=Calibration())
    np.save(folder / "training_list.npy", np.array([5], np.uint64))
    return folder


def test_a_loaded_adapter_answers_as_the_saved_one_and_keeps_its_shape(model: Path) -> None:
    source = open_source(None, str(model))
    assert source.adapter
    got = settings_of(source.adapter, TrainSettings(r=4, alpha=99, targets=("o_proj",)))
    assert (got.r, got.alpha, got.targets) == (8, 16, ("k_proj", "o_proj", "q_proj", "v_proj"))
    network, texts = network_of(source), examples(12).texts
    new = attach_adapter(load_trainable(source.base, CPU, dense=True), QUICK)
    answers = label_log_likelihoods(network, encoder_of(source), texts)
    assert np.abs(answers - label_log_likelihoods(new, encoder_of(source), texts)).max() > 0.1
    stored = {k: v for k, v in network.named_parameters() if v.requires_grad}
    assert all(value.dtype == torch.float32 for value in stored.values())
    assert all(torch.equal(value, value.bfloat16().float()) for value in stored.values())


@pytest.mark.parametrize("continued", [True, False])
def test_training_that_only_harms_ends_where_it_began(model: Path, continued: bool) -> None:
    source = open_source(str(model), str(model))
    network, encoder, held_out = network_of(source), encoder_of(source), examples(48, 300)
    before = label_log_likelihoods(network, encoder, held_out.texts)
    wrong = Examples.from_labels(held_out.texts, (np.arange(48) + 1) % 6)
    harmful = replace(QUICK, epochs=2)
    result = fit(network, encoder, lambda _: wrong, held_out, harmful, continued=continued)
    after = label_log_likelihoods(network, encoder, held_out.texts)
    assert np.array_equal(before, after) == continued
    assert (result.best_step == 0) == continued
    if continued:
        assert result.best_f1 == result.before["macro_f1"]
        assert "no step was better than the adapter it began with, which is kept" in _best(result)


def test_training_on_labels_of_another_kind_gains(model: Path) -> None:
    source = open_source(None, str(model))
    network, encoder = network_of(source), encoder_of(source)
    rows, held_out = (
        Examples.from_labels(e.texts, (np.arange(len(e.texts)) + 1) % 6) for e in (examples(96), examples(24, 900))
    )
    result = fit(network, encoder, lambda _: rows, held_out, QUICK, continued=True)
    assert result.best_f1 is not None
    assert result.best_f1 > result.before["macro_f1"] + 0.2
    assert f"; it began with macro-F1 {result.before['macro_f1']:.4f}" in _best(result)


def test_validation_that_cannot_compare_is_refused_before_the_first_step(model: Path) -> None:
    source = open_source(None, str(model))
    one = Examples.from_labels(["i am lost", "i am so lost"], np.array([0, 0]))
    with pytest.raises(DataError, match="one emotion"):
        fit(network_of(source), encoder_of(source), lambda _: examples(8), one, QUICK, continued=True)


def test_a_new_adapter_is_best_at_its_first_validation_even_at_0() -> None:
    assert _best(TrainResult(best_f1=0.5, best_step=3)) == "best validation macro-F1 0.5000 at step 3"


def test_the_command_continues_and_tells_where_it_began(model: Path, tmp_path: Path) -> None:
    for name, count, first in (("train", 24, 0), ("val", 12, 500)):
        rows = examples(count, first)
        lines = [f"{text};{EMOTIONS[i % 6]}\n" for i, text in enumerate(rows.texts)]
        (tmp_path / f"{name}.txt").write_text("".join(lines))
    out = tmp_path / "second"
    call = ["train", "--data", str(tmp_path), "--start", str(model), "--out", str(out), "--epochs", "1"]
    result = CliRunner().invoke(build_app(["train"]), call, catch_exceptions=False)
    told = " ".join(result.output.split())
    assert "continues from first, which was trained on 0 of the 12 validation texts" in told
    assert "no step was better" in told or "; it began with macro-F1" in told
    assert json.loads((out / "adapter" / "adapter_config.json").read_text())["r"] == 8
    assert len(np.load(out / "training_list.npy")) == 25
    assert 5 in np.load(out / "training_list.npy")


def test_a_start_that_cannot_be_continued_is_refused(base: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--base is missing"):
        open_source(None, None)
    with pytest.raises(ConfigError, match="no adapter to continue from"):
        open_source(None, str(base))
    with pytest.raises(ConfigError, match="not the base of --start"):
        open_source("embedded", str(model))
    assert open_source(str(base), str(model)).adapter
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    (copy / "adapter" / "adapter_model.safetensors").write_bytes(b"secret")
    with pytest.raises(ModelError) as damaged:
        settings_of(copy / "adapter", QUICK)
    assert "secret" not in str(damaged.value)
    config = copy / "adapter" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"use_rslora": True}))
    shutil.copy(model / "adapter" / "adapter_model.safetensors", copy / "adapter")
    with pytest.raises(ModelError, match="cannot continue"):
        settings_of(copy / "adapter", QUICK)

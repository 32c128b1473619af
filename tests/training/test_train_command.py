"""The train job end to end on a tiny base, and the folders it writes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from jobs.cli import build_app
from jobs.train import _size
from monitor.corpora.mixture import MixtureSettings
from monitor.errors import ConfigError, ModelError
from monitor.labels import EMOTIONS
from monitor.model.calibration import Calibration
from monitor.model.files import read_tokenizer
from monitor.model.folder import EMBEDDED_FOLDER, open_folder
from monitor.model.prompts import PromptEncoder
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from monitor.training.answers import label_log_likelihoods
from monitor.training.checkpoint import load_trainable, pick_device, save_base, save_model
from monitor.training.finetuning import TrainSettings, attach_adapter
from monitor.training.prepare import prepare
from monitor.training.recipe import Recipe, read_recipe
from reports.evaluation.training_curve import training_curve
from tests.support.tiny_models import WORDS, byte_level_tokenizer, tiny_llama

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_tokenizer(), bos_token="<s>", pad_token="<pad>")
    save_base(tiny_llama(500, initializer_range=0.2), tokenizer, folder, "tiny-base")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, count, start in (("train", 120, 0), ("val", 30, 200), ("test", 30, 300)):
        rows = [(f"i am {WORDS[EMOTIONS[i % 6]]} on day {i + start}", EMOTIONS[i % 6]) for i in range(count)]
        (folder / f"{name}.txt").write_text("".join(f"{text};{label}\n" for text, label in rows), encoding="utf-8")
    return folder


def run(*words: str) -> str:
    result = CliRunner().invoke(build_app(words), list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def recipe(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_base_is_trained_calibrated_and_scores_the_same_from_its_folder(
    base: Path, corpus: Path, tmp_path: Path
) -> None:
    quick = recipe(tmp_path, "[adapter]\nr = 8\nalpha = 16\nepochs = 5\nbatch = 8\naccumulation = 1\nrate = 1e-2\n")
    out = tmp_path / "model"
    output = run("train", "--data", str(corpus), "--base", str(base), "--out", str(out), "--recipe", str(quick))
    assert "training on cpu: 120 texts, 5 epochs" in output
    assert "best validation macro-F1" in output
    assert "Not a diagnosis" in output
    manifest = json.loads((out / "monitor.json").read_text())
    assert manifest["adapter"] == "adapter"
    assert manifest["base"] == "base"
    assert manifest["temperature"] > 0
    assert manifest["exponent"] > 0
    assert (out / "training_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert len(np.load(out / "training_list.npy")) == 120
    assert "left out: 0 twins of held-out texts, 0 texts with two labels, 0 repeats" in output
    texts = [f"i am {WORDS[emotion]} on day 900" for emotion in EMOTIONS]
    probabilities = LabelScorer(load_model(out, device="cpu")).score(texts).probabilities
    assert (probabilities.argmax(axis=1) == np.arange(6)).mean() > 0.8


def test_saving_after_an_evaluation_keeps_what_was_evaluated(base: Path, tmp_path: Path) -> None:
    """bitsandbytes on AVX512 CPUs repacked the weights that save_pretrained then wrote."""
    source = open_folder(base)
    network = attach_adapter(load_trainable(source.base, CPU, dense=False), TrainSettings(r=4))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
    encoder = PromptEncoder(source.manifest.prompt, read_tokenizer(source.base))
    texts = ["i am lost", "the sun is out today", "what a surprise"]
    before = label_log_likelihoods(network, encoder, texts)
    save_model(network, source, tmp_path / "model", name="tiny", calibration=Calibration())
    after = LabelScorer(load_model(tmp_path / "model", device="cpu")).log_likelihoods(texts)

    def shares(values: np.ndarray) -> np.ndarray:
        return np.exp(values - np.logaddexp.reduce(values, axis=1, keepdims=True))

    assert shares(after) == pytest.approx(shares(before), abs=0.03)


def test_dense_training_sees_the_same_values_as_four_bits(base: Path) -> None:
    source = open_folder(base)
    encoder = PromptEncoder(source.manifest.prompt, read_tokenizer(source.base))
    settings = TrainSettings(r=4)
    ways = [
        label_log_likelihoods(
            attach_adapter(load_trainable(source.base, CPU, dense=dense), settings),
            encoder,
            ["i am lost", "sun"],
        )
        for dense in (False, True)
    ]
    assert ways[0] == pytest.approx(ways[1], abs=0.05)


def test_a_run_says_how_many_texts_an_epoch_has_and_of_how_many(corpus: Path) -> None:
    few = read_recipe("notebook", {})
    assert _size(prepare(str(corpus), few, None)) == "120 texts"
    mixed = Recipe(few.adapter, MixtureSettings(), few.files)
    assert _size(prepare(str(corpus), mixed, 6)) == "6 of 120 texts an epoch"


def test_the_notebooks_settings_are_the_defaults() -> None:
    settings, mixture, files, symptoms, _ = read_recipe("notebook", {})
    assert symptoms is None
    assert (settings.r, settings.alpha, settings.dropout) == (16, 32, 0.05)
    assert settings.targets == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (settings.epochs, settings.batch, settings.accumulation) == (3, 4, 4)
    assert (settings.rate, settings.warmup) == (2e-4, 0.05)
    assert mixture is None
    assert not files


def test_the_embedded_recipe_is_read_and_options_override_it() -> None:
    settings, mixture, files, symptoms, calibration = read_recipe("embedded", {"epochs": 1, "seed": 7})
    assert settings.epochs == 1
    assert mixture is not None
    assert mixture.seed == 7
    assert {"extra_texts", "comments", "units_file", "everyday_posts"} <= set(files)
    assert files["texts"] == "embedded"
    assert symptoms is not None
    assert symptoms.seed == 7
    assert symptoms.composites > 0
    assert calibration.flat_share > 0


def test_the_seed_of_a_recipe_stands_unless_an_option_says_otherwise(tmp_path: Path) -> None:
    path = str(recipe(tmp_path, "[adapter]\nseed = 3\n[mixture]\n"))
    for changes, seed in (({}, 3), ({"seed": 0}, 0)):
        settings, mixture, *_ = read_recipe(path, changes)
        assert mixture is not None
        assert (settings.seed, mixture.seed) == (seed, seed)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[adapter]\nrank = 8", "no such setting: adapter.rank"),
        ("[adapter]\ndropuot = 0.1", "no such setting: adapter.dropuot (did you mean dropout?)"),
        ("[adapters]", "no such table: adapters (there are: adapter, mixture, symptoms, calibration)"),
        ("[mixture]\nextra = true", "mixture.extra: name the file in mixture.extra_texts, or ask for none"),
        ("[mixture]\nneutral = 5", "mixture.neutral or emotional: name the file in mixture.comments, or"),
        ("adapter = 3", "adapter: this is a table"),
        ("mixture = 3", "mixture: this is a table"),
        ("[adapter]\nbatch = 0", "adapter.batch: it should be greater than or equal to 1"),
        ("[adapter]\nepochs = 0", "adapter.epochs: it should be greater"),
        ("[adapter]\nepochs = 1.5", "adapter.epochs: give a whole number"),
        ("[adapter]\nevaluations = 0", "adapter.evaluations: it"),
        ("[adapter]\nmax_text_tokens = 0", "adapter.max_text_tokens: it"),
        ("[adapter]\nseed = -1", "adapter.seed: it should be greater than or equal to 0"),
        ('[adapter]\nr = "big"', "adapter.r: give a whole number"),
        ("[adapter]\nr = true", "adapter.r: give a whole number"),
        ("[adapter]\ndropout = 2.0", "adapter.dropout: it should be less than 1"),
        ("[adapter]\nrate = -1.0", "adapter.rate: it should be greater than 0"),
        ("[adapter]\nrate = nan", "adapter.rate"),
        ("[adapter]\ntargets = 5", "adapter.targets: give a list, in [ ]"),
        ("[adapter]\ntargets = []", "adapter.targets: give at least one"),
        ('[adapter]\ntargets = "q_proj"', "adapter.targets: give a list, in [ ]"),
        ('[adapter]\noptimizer = "sgd"', "adapter.optimizer: it should be 'adamw_torch' or"),
        ("[mixture]\nextra_texts = 5", "mixture.extra_texts: give a text in quotes"),
        ('[mixture]\nneutral = "x"', "mixture.neutral: give a whole number"),
        ("[mixture]\ntrust = 9", "mixture.trust: it should be less than or equal to 1"),
        ("[mixture]\nbalance = -3", "mixture.balance: it should be greater"),
    ],
)
def test_a_wrong_recipe_is_one_line_that_names_file_key_and_remedy(tmp_path: Path, content: str, told: str) -> None:
    path = recipe(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        read_recipe(str(path), {})
    assert str(caught.value).startswith(f"recipe {path}: {told}")
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="give notebook, embedded or a TOML file"):
        read_recipe("nowhere", {})


def test_validation_of_one_emotion_is_told_and_neither_scored_nor_calibrated_on(
    base: Path, corpus: Path, tmp_path: Path
) -> None:
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").write_text(f"i am lost in {name};sadness\n" * 2, encoding="utf-8")
    quick = recipe(tmp_path, "[adapter]\nr = 8\nepochs = 30\nrate = 1e-2\n")
    call = (
        "--data",
        str(tmp_path),
        "--base",
        str(base),
        "--out",
        str(tmp_path / "m"),
        "--recipe",
        str(quick),
    )
    output = " ".join(run("train", *call).split())
    assert "left out: 0 twins of held-out texts, 0 texts with two labels, 1 repeats" in output
    assert "validation macro-F1 is undefined, for the texts have one emotion; the last step is kept" in output
    assert "validation cannot tell a temperature, for its answers are all right" in output
    assert "temperature 1.0, exponent 1.0; " in output
    assert json.loads((tmp_path / "m" / "monitor.json").read_text())["temperature"] == 1.0
    curve = json.loads((tmp_path / "m" / "training_curve.json").read_text())
    assert len(training_curve(curve, "m").vconcat) == 1


def test_data_of_twins_alone_is_refused_with_what_was_left_out(base: Path, tmp_path: Path) -> None:
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").write_text("je suis là;joy\nje suis là;joy\n", encoding="utf-8")
    told = refused("train", "--data", str(tmp_path), "--base", str(base), "--out", str(tmp_path / "m"))
    assert "no training text is left but 2 twins of held-out texts, 0 texts with two labels" in told


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="tpu"):
        pick_device("tpu")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(ModelError, match="not a causal language model"):
        load_trainable(tmp_path, CPU, dense=True)


def refused(*words: str) -> str:
    return str(CliRunner().invoke(build_app(words), list(words)).exception)


def test_a_place_that_cannot_be_written_or_is_taken_is_refused_before_training(
    base: Path, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    call = ("train", "--data", str(corpus), "--base", str(base), "--out")
    assert "cannot write there" in refused(*call, str(tmp_path / "file"))
    assert "holds a model already" in refused(*call, str(base))
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "adapter").touch()
    assert "holds a model already (adapter)" in refused(*call, str(tmp_path / "part"))
    assert "use auto, nf4 or dense" in refused(*call, str(tmp_path / "new"), "--weights", "foo")
    assert not (tmp_path / "new").exists()


def test_a_base_other_than_its_manifest_names_is_refused_before_training(
    base: Path, corpus: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(base, damaged)
    weights = damaged / "base" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    message = refused("train", "--data", str(corpus), "--base", str(damaged), "--out", str(tmp_path / "out"))
    assert "does not match" in message


def test_an_adapter_of_another_rank_than_it_says_is_refused(tmp_path: Path) -> None:
    shutil.copytree(EMBEDDED_FOLDER, tmp_path / "model")
    config = tmp_path / "model" / "adapter" / "adapter_config.json"
    config.write_text(config.read_text().replace('"r": 32', '"r": 16'))
    with pytest.raises(ModelError, match="rank 16"):
        load_model(tmp_path / "model", device="cpu")


def test_the_shipped_adapter_names_no_path() -> None:
    config = json.loads((EMBEDDED_FOLDER / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None

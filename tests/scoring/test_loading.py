"""Models: NF4 in and out, the adapter merged by hand, model ids, and one clear line for each broken folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from monitor.errors import ModelError
from monitor.labels import RiskMap
from monitor.model.calibration import Calibration
from monitor.model.files import base_hash
from monitor.model.folder import MANIFEST, open_folder
from monitor.scoring.batching import Frame, pack
from monitor.scoring.bitsandbytes_loader import bitsandbytes
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.weight_matrices import Nf4
from monitor.scoring.weights import Adapter, StoredWeights, materialise, quantise_nf4, read_shape
from monitor.training.checkpoint import load_trainable, save_base, save_model
from tests.support import tiny_models

TEXTS = ["i feel so very sad and alone today", "", "what a surprise", "i am angry"]
CPU = torch.device("cpu")


def attach(network: Any, seed: int = 0) -> Any:
    """The network with a random LoRA on its attention, large enough to matter."""
    from peft import LoraConfig, get_peft_model  # takes seconds, so not at the top

    torch.manual_seed(seed)
    names = ["q_proj", "k_proj", "v_proj", "o_proj"]
    adapted = get_peft_model(network, LoraConfig(r=4, lora_alpha=8, target_modules=names, lora_dropout=0.0))
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter, dtype=torch.float32) * 0.1
    return adapted.eval()


def write_model(folder: Path, *, symptoms: bool = False) -> Path:
    """A model folder as `train` writes one: NF4 base, adapter, manifest."""
    write_base(folder, symptoms=symptoms)
    trained = attach(load_trainable(folder / "base", CPU, dense=False))
    save_model(trained, open_folder(folder), folder, name="tiny", calibration=Calibration(1.3, 1.2))
    return folder


def write_base(folder: Path, *, symptoms: bool = False, **shape: Any) -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_models.byte_level_tokenizer(symptoms=symptoms),
        bos_token="<s>",
        pad_token="<pad>",
    )
    save_base(tiny_models.tiny_llama(len(tokenizer), **shape), tokenizer, folder, "tiny")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(original, tmp_path / "model"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_nf4_is_read_and_made_as_bitsandbytes_does(original: Path) -> None:
    bnb = bitsandbytes("functional")
    stored = StoredWeights(original / "base", CPU)
    name = "model.layers.1.mlp.down_proj"
    ours = stored.matrix(name, (64, 128), quantise=True)
    network = load_trainable(original / "base", CPU, dense=False)
    weight = network.get_submodule(name).weight
    state = weight.quant_state
    state.dtype = torch.float32
    assert isinstance(ours, Nf4)
    torch.testing.assert_close(ours.dequantise(), bnb.dequantize_4bit(weight.data, state), atol=1e-7, rtol=1e-6)
    dense = torch.randn(96, 64)
    packed, state = bnb.quantize_4bit(dense, blocksize=64, compress_statistics=True, quant_type="nf4")
    torch.testing.assert_close(quantise_nf4(dense).dequantise(), bnb.dequantize_4bit(packed, state))


def test_a_dense_base_scores_as_its_nf4_copy(original: Path, tmp_path: Path) -> None:
    tokenizer = tiny_models.byte_level_tokenizer()
    network = tiny_models.tiny_llama(tokenizer.get_vocab_size()).bfloat16()
    network.save_pretrained(tmp_path)
    dense = materialise(StoredWeights(tmp_path, CPU), read_shape(tmp_path), None, torch.float32, quantise=True)
    stored = original / "base"
    packed = materialise(StoredWeights(stored, CPU), read_shape(stored), None, torch.float32, quantise=False)
    for ours, theirs in zip(dense.layers, packed.layers, strict=True):
        torch.testing.assert_close(ours.qkv.weight, theirs.qkv.weight)
        torch.testing.assert_close(ours.down.weight, theirs.down.weight)


@torch.no_grad()
def test_the_adapter_is_merged_as_peft_adds_it(original: Path) -> None:
    from peft import PeftModel

    shape = read_shape(original / "base")
    merged = materialise(
        StoredWeights(original / "base", CPU),
        shape,
        Adapter(original / "adapter"),
        torch.float32,
        quantise=True,
    )
    dense = tiny_models.tiny_llama(shape.vocab_size)
    stored = StoredWeights(original / "base", CPU)
    for name, parameter in dense.named_parameters():
        stem = name.removesuffix(".weight")
        matrix = stored.matrix(stem, tuple(parameter.shape), quantise=False) if "proj" in name else None
        parameter.data = matrix.dequantise() if isinstance(matrix, Nf4) else stored.tensor(name).float()
    adapted = PeftModel.from_pretrained(dense, original / "adapter").eval()
    ids = torch.tensor([[1, 2, 40, 50, 60, 3]])
    want = adapted.base_model.model.model(ids).last_hidden_state[0, -1]
    none = np.empty(0, np.int32)
    batch = pack([np.array([40, 50, 60], np.int32)], Frame(np.array([3], np.int32), none, none, 2))
    got = merged.hidden(batch, merged.prefix_cache((1, 2)), np.empty((0, 0), bool))[0]
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    plain = materialise(stored, shape, None, torch.float32, quantise=True)
    assert (plain.layers[0].qkv.weight - merged.layers[0].qkv.weight).abs().max() > 0.01


def test_a_loaded_model_scores_and_says_what_it_is(original: Path) -> None:
    model = load_model(original, device="cpu")
    scores = LabelScorer(model).score(TEXTS)
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1.0)
    assert (model.name, model.base, model.quantisation) == ("tiny", "base", "nf4-dq")
    assert (model.temperature, model.exponent) == (1.3, 1.2)
    assert model.adapter is not None
    bare = load_model(original, device="cpu", adapter=False)
    assert bare.adapter is None
    assert bare.model_id != model.model_id
    assert np.abs(LabelScorer(bare).score(TEXTS).probabilities - scores.probabilities).max() > 1e-3


def test_weights_as_stored_score_as_decoded_ones(original: Path) -> None:
    shape, lora = read_shape(original / "base"), Adapter(original / "adapter")
    stored = StoredWeights(original / "base", CPU)
    model = load_model(original, device="cpu")
    scores = [
        LabelScorer(replace(model, network=materialise(stored, shape, lora, torch.float32, quantise=True, form=form)))
        .score(TEXTS)
        .probabilities
        for form in ("nf4", "dense")
    ]
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_unknown_forms_of_weights_are_refused(original: Path) -> None:
    with pytest.raises(ModelError, match="use auto, dense, nf4 or fp8"):
        load_model(original, device="cpu", weights="int3")
    with pytest.raises(ModelError, match="use auto, cpu or cuda"):
        load_model(original, device="tpu")
    with pytest.raises(ModelError, match="8-bit floats"):
        load_model(original, device="cpu", weights="fp8")


def test_the_id_follows_the_content_and_nothing_else(original: Path, folder: Path) -> None:
    first = load_model(original, device="cpu").model_id
    assert load_model(folder, device="cpu").model_id == first
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(dict(reversed(manifest.items()))))
    assert load_model(folder, device="cpu").model_id == first
    rules = dict(RiskMap().rules) | {"surprise": "mid_risk"}
    for change in (
        {"temperature": 1.31},
        {"exponent": 1.21},
        {"max_text_tokens": 65},
        {"risk_map": rules},
        {"prompt": manifest["prompt"] | {"before": "<s>"}},
        {"adapter": None},
    ):
        edit(folder / MANIFEST, **(manifest | change))
        assert load_model(folder, device="cpu").model_id != first, change


@pytest.mark.slow
def test_loading_for_scoring_needs_no_training_library(original: Path) -> None:
    code = (
        "import sys\n"
        "from monitor.scoring.loading import load_model\n"
        f"load_model({str(original)!r}, device='cpu')\n"
        "print([n for n in ('transformers', 'peft', 'bitsandbytes', 'duckdb') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nonsense", "no model 'nonsense'"),
        ("/no/such/folder", "no model '/no/such/folder'"),
        ("some-owner/some-model-that-is-not-here", "hf download some-owner/some-model-that-is-not-here"),
    ],
)
def test_an_unknown_model_is_one_clear_line(name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says) as fault:
        load_model(name)
    assert "\n" not in str(fault.value)


def test_a_broken_folder_is_one_clear_line(folder: Path) -> None:
    def says(words: str) -> None:
        with pytest.raises(ModelError, match=words) as fault:
            load_model(folder, device="cpu")
        assert "\n" not in str(fault.value)

    good = json.loads((folder / MANIFEST).read_text())
    for change, words in (
        ({"format": 2}, "not of format 1"),
        ({"temperature": 0}, "temperature 0"),
        ({"exponent": -1}, "exponent -1"),
        ({"exponent": float("inf")}, "exponent inf"),
        ({"exponent": True}, "exponent True"),
        ({"temperature": 10**400}, "temperature 1000"),
        ({"max_text_tokens": 0}, "max_text_tokens 0"),
        ({"max_text_tokens": True}, "max_text_tokens True"),
        ({"quantisation": "int3"}, "int3"),
        ({"prompt": {"before": ""}}, "verbalizers"),
        ({"risk_map": {}}, "risk map"),
        ({"colour": "blue"}, "unknown keys .'colour'.; a newer version of this program may have written it"),
        ({"base": "elsewhere"}, "no model 'elsewhere'"),
        ({"adapter": "other"}, "missing, though monitor.json names it"),
        ({"base_hash": "0" * 64}, "does not match its adapter"),
    ):
        (folder / MANIFEST).write_text(json.dumps(good | change))
        says(words)
    (folder / MANIFEST).write_text("{")
    says(r"monitor\.json: ")
    (folder / MANIFEST).write_text(json.dumps(good))
    weights = folder / "adapter" / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    says("adapter is damaged")
    weights.unlink()
    says(r"adapter_model\.safetensors: missing")
    weights.write_bytes(whole)
    (folder / "base" / "tokenizer.json").unlink()
    says(r"tokenizer\.json: missing")


def test_a_base_of_another_shape_does_not_take_the_adapter(folder: Path) -> None:
    good = json.loads((folder / MANIFEST).read_text())

    def put(**shape: Any) -> None:
        shutil.rmtree(folder / "base")
        write_base(folder, **shape)
        edit(folder / MANIFEST, **(good | {"base_hash": base_hash(folder / "base")}))

    put(hidden_size=32, num_attention_heads=2)
    with pytest.raises(ModelError, match="give the base this adapter was trained on"):
        load_model(folder, device="cpu")
    put(num_hidden_layers=2)
    with pytest.raises(ModelError, match=r"layers\.2.*does not have"):
        load_model(folder, device="cpu")


def test_a_base_that_cannot_be_scored_is_named(folder: Path) -> None:
    path = folder / "base" / "config.json"
    good = json.loads(path.read_text())
    for change, words in (
        ({"model_type": "gpt2"}, "gpt2"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "yarn"),
        ({"attention_bias": True}, "biases"),
        ({"num_hidden_layers": 4}, "3 layers, but config.json says 4"),
        ({"intermediate_size": 256}, "config.json says"),
    ):
        edit(path, **(good | change))
        with pytest.raises(ModelError, match=words):
            load_model(folder, device="cpu")
    path.unlink()
    with pytest.raises(ModelError, match=r"config\.json: missing"):
        load_model(folder, device="cpu")


def test_a_plain_folder_is_scored_with_the_default_prompt(original: Path, tmp_path: Path) -> None:
    base = tmp_path / "plain"
    shutil.copytree(original / "base", base)
    model = load_model(base, device="cpu")
    assert model.prompt.before.startswith("<s>Which emotion")
    assert model.adapter is None
    assert np.isfinite(LabelScorer(model).score(TEXTS).probabilities).all()

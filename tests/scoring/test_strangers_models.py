"""Model folders of strangers: their bytes make the id, their code never runs, and their files are never quoted."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from monitor import ROOT
from monitor.errors import ModelError
from monitor.model import chat_template
from monitor.model.folder import fingerprint, open_folder
from monitor.model.prompts import default_template
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from tests.scoring.test_loading import edit, write_model
from tests.support import tiny_models

ADAPTER, BASE = "adapter/adapter_model.safetensors", "base/model.safetensors"
SECRET = "root:x:0:0:hunter2"
CHAT = (
    "{{ bos_token }}{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(original, tmp_path / "model"))


def change_tensors(path: Path, change: Callable[[str, torch.Tensor], torch.Tensor]) -> None:
    save_file({name: change(name, tensor) for name, tensor in load_file(path).items()}, path)


def in_blobs(path: Path, name: str) -> None:
    """Replace a file by a link to blobs/NAME, as the hub's cache stores it."""
    blobs = path.parents[1] / "blobs"
    blobs.mkdir(exist_ok=True)
    shutil.move(path, blobs / name)
    path.symlink_to(blobs / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [ADAPTER, BASE, "base/tokenizer.json"])
def test_a_link_to_a_blob_of_the_right_name_does_not_carry_the_id(folder: Path, name: str) -> None:
    genuine = fingerprint(open_folder(folder), with_adapter=True)[0]
    sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    edit(folder / "monitor.json", base_hash=None)
    in_blobs(folder / name, sha256)
    assert fingerprint(open_folder(folder), with_adapter=True)[0] == genuine
    blob = (folder / name).resolve()
    if name.endswith("json"):
        blob.write_text(blob.read_text() + "\n")
    else:
        change_tensors(blob, lambda _, tensor: tensor + 1 if tensor.is_floating_point() else tensor)
    assert fingerprint(open_folder(folder), with_adapter=True)[0] != genuine


def test_every_layer_in_the_files_is_used_or_the_model_is_refused(folder: Path) -> None:
    edit(folder / "base" / "config.json", num_hidden_layers=2)
    edit(folder / "monitor.json", adapter=None)
    with pytest.raises(ModelError, match=r"3 layers, but config\.json says 2"):
        load_model(folder, device="cpu")


def test_no_call_of_transformers_asks_for_code_or_runs_it() -> None:
    for path in (ROOT / "monitor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and "Auto" in ast.unparse(node.func)
            ):
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert options.get("trust_remote_code") == "False", f"{path}: {ast.unparse(node)}"


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_in_a_folder_is_never_run_and_nobody_is_asked(
    original: Path, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, ran = tmp_path / "base", tmp_path / "ran"
    shutil.copytree(original / "base", base)
    (base / "theirs.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: ...\nclass Model: ...\n")
    kinds = {"AutoConfig": "theirs.Config", "AutoTokenizer": ["theirs.Model", "theirs.Model"]}
    edit(base / file, auto_map=kinds, **({"model_type": "theirs"} if file == "config.json" else {}))
    edit(base / file, **({} if file == "config.json" else {"tokenizer_class": "Theirs"}))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    for load in (lambda: load_model(base, device="cpu"), lambda: _load_trainable(base)):
        with suppress(ModelError):
            load()
        assert not ran.exists()


def _load_trainable(base: Path) -> Any:
    from monitor.training.checkpoint import load_trainable

    return load_trainable(base, torch.device("cpu"), dense=False)


def chat_folder(original: Path, folder: Path, template: str) -> Path:
    shutil.copytree(original / "base", folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
FILLS = "{% set ns = namespace(x='x') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}"


@pytest.mark.slow
@pytest.mark.parametrize("template", [LOOPS, FILLS, "{{ 1 / 0 }}", "no message"])
def test_a_template_that_loops_fills_or_fails_is_one_line(
    original: Path, tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_template, "CPU_S", 1)
    with pytest.raises(ModelError) as error:
        load_model(chat_folder(original, tmp_path / "base", template), device="cpu")
    assert "\n" not in str(error.value)
    assert template not in str(error.value)


@pytest.mark.slow
def test_a_chat_format_is_rendered_as_transformers_renders_it() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_models.byte_level_tokenizer(), bos_token="<s>", pad_token="<pad>"
    )
    tokenizer.chat_template = CHAT
    chat = [{"role": "user", "content": "ä\n{{ 1 }}"}]
    theirs = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert chat_template.render(CHAT, [chat], tokenizer.special_tokens_map) == [theirs]
    assert default_template(tokenizer).before.startswith("<s>[user] Which emotion")


def broken_state(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.flip(0) if "quant_state" in name else tensor


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (ADAPTER, lambda _, tensor: tensor * float("nan")),
        (BASE, lambda _, tensor: tensor * float("nan") if tensor.is_floating_point() else tensor),
        (BASE, lambda name, tensor: tensor * float("inf") if name == "model.norm.weight" else tensor),
        (BASE, lambda name, tensor: tensor[:-1] if "absmax" in name else tensor),
        (BASE, lambda name, tensor: tensor[:7] if "quant_map" in name else tensor),
        (BASE, broken_state),
    ],
)
def test_weights_that_are_no_numbers_or_do_not_fit_are_one_line(
    folder: Path, name: str, change: Callable[[str, torch.Tensor], torch.Tensor]
) -> None:
    change_tensors(folder / name, change)
    edit(folder / "monitor.json", base_hash=None)
    with pytest.raises(ModelError) as error:
        load_model(folder, device="cpu")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.model.embed_tokens.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias",
    ],
)
def test_an_adapter_that_changes_more_than_matrices_is_refused(folder: Path, name: str) -> None:
    tensors = load_file(folder / ADAPTER)
    save_file(tensors | {name: torch.zeros(4, 4)}, folder / ADAPTER)
    with pytest.raises(ModelError, match="only a plain LoRA adapter can be merged"):
        load_model(folder, device="cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"init_lora_weights": "pissa_niter_16"},
        {"init_lora_weights": "olora"},
        {"alora_invocation_tokens": [1, 2]},
        {"layer_replication": [[0, 2], [1, 3]]},
    ],
)
def test_an_adapter_of_another_kind_of_lora_is_refused(folder: Path, changes: dict[str, object]) -> None:
    edit(folder / "adapter" / "adapter_config.json", **changes)
    with pytest.raises(ModelError, match="only a plain LoRA adapter can be merged"):
        load_model(folder, device="cpu")


def test_scores_that_are_no_numbers_are_no_scores(folder: Path) -> None:
    edit(folder / "adapter" / "adapter_config.json", lora_alpha=1e38)
    with pytest.raises(ModelError, match="not numbers"):
        LabelScorer(load_model(folder, device="cpu")).score(["a text"])


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("base/config.json", {"num_attention_heads": "four"}),
        ("base/config.json", {"hidden_size": -64}),
        ("base/config.json", {"head_dim": 10**12}),
        ("base/config.json", {"num_hidden_layers": None}),
        ("base/config.json", {"rms_norm_eps": "NaN"}),
        ("base/config.json", {"rope_parameters": "x"}),
        ("adapter/adapter_config.json", {"r": 0}),
        ("adapter/adapter_config.json", {"lora_alpha": None}),
        ("adapter/adapter_config.json", {"r": "4"}),
        ("monitor.json", {"prompt": {"before": "", "after": "", "verbalizers": {"joy": 3}}}),
        ("monitor.json", {"risk_map": [1]}),
    ],
)
def test_a_value_of_another_kind_is_one_line(folder: Path, file: str, changes: dict[str, object]) -> None:
    edit(folder / file, **changes)
    with pytest.raises(ModelError) as error:
        LabelScorer(load_model(folder, device="cpu"))
    assert "\n" not in str(error.value)


FILES = ["monitor.json", "base/config.json", "base/tokenizer.json", "adapter/adapter_config.json", ADAPTER, BASE]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("content", [SECRET, json.dumps({SECRET: SECRET}), json.dumps(SECRET)])
def test_no_message_quotes_a_file_that_a_link_leads_to(folder: Path, tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    (folder / file).unlink()
    (folder / file).symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError) as error:
        load_model(folder, device="cpu")
    assert "hunter2" not in str(error.value)


def test_a_plain_folder_quotes_no_file_either(original: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    for file in ("tokenizer_config.json", "config.json"):
        base = tmp_path / file.replace(".", "_")
        shutil.copytree(original / "base", base)
        (base / file).unlink(missing_ok=True)
        (base / file).symlink_to(tmp_path / "secret")
        with pytest.raises(ModelError) as error:
            load_model(base, device="cpu")
        assert "hunter2" not in str(error.value)

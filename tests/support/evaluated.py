"""A real evaluation of a tiny model of TinyLlama's architecture, and a quick engine that answers by keywords."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from jobs.cli import build_app
from jobs.evaluate import evaluate
from jobs.evaluation.methods import Engine
from monitor import ROOT
from monitor.labels import EMOTIONS
from tests.support import tiny_models
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

# The chat template of TinyLlama-1.1B-Chat-v1.0.
CHAT = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + "
    "eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + "
    "eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
    "{% endfor %}"
)
RECIPE = """[adapter]
r = 32
alpha = 64
dropout = 0.0
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
epochs = 4
batch = 12
accumulation = 1
rate = 5e-3
"""


@dataclass(frozen=True)
class Evaluated:
    """Paths of one evaluation, the content of its metrics.json, and the output of the command."""

    data: Path
    model: Path
    out: Path
    db: Path
    readme: Path
    printed: str

    @property
    def found(self) -> dict[str, Any]:
        numbers: dict[str, Any] = json.loads((self.out / "metrics.json").read_text(encoding="utf-8"))
        return numbers

    def method(self, key: str) -> dict[str, Any]:
        return next(method for method in self.found["methods"] if method["key"] == key)


def write_data(folder: Path, rows: dict[str, list[tuple[str, str]]]) -> Path:
    folder.mkdir(parents=True)
    for name, pairs in rows.items():
        lines = "".join(f"{text};{label}\n" for text, label in pairs)
        (folder / f"{name}.txt").write_text(lines, encoding="utf-8")
    return folder


def rows_of(n: int, seed: int) -> list[tuple[str, str]]:
    """n labelled texts; three of four name their own emotion, the others a random one."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        label = EMOTIONS[number % 6]
        named = label if rng.random() < 0.75 else EMOTIONS[rng.integers(6)]
        feel = rng.choice(["i feel", "i dont", "so much"])
        rows.append((f"{feel} {tiny_models.WORDS[named]} {named} at {seed}-{number}", label))
    return rows


def read_test(data: Path) -> tuple[list[str], np.ndarray]:
    pairs = [line.rsplit(";", 1) for line in (data / "test.txt").read_text().splitlines()]
    return [text for text, _ in pairs], np.array([EMOTIONS.index(label) for _, label in pairs])


def _tokenizer() -> Tokenizer:
    """Llama 2's tokenizer, which TinyLlama has, if the file is there; otherwise a tiny one."""
    data = Path(os.environ.get("RISK_MONITOR_DATA", ROOT.parent / "shared" / "data"))
    model_file = data / "tokenizer" / "llama2_tokenizer.model"
    if model_file.is_file():
        return tiny_models.metaspace_tokenizer(model_file)
    tokenizer = tiny_models.byte_level_tokenizer()
    tokenizer.add_special_tokens([AddedToken("</s>", special=True, normalized=False)])
    return tokenizer


def tiny_llama_chat(folder: Path) -> Path:
    """A base folder of TinyLlama's architecture: grouped queries, chat template, 2,048 positions, random weights."""
    tokenizer = _tokenizer()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    wrapped.chat_template = CHAT
    shape = {"max_position_embeddings": 2048, "num_hidden_layers": 2, "tie_word_embeddings": False}
    network = tiny_models.tiny_llama(tokenizer.get_vocab_size(), initializer_range=0.2, **shape)
    network.to(torch.bfloat16).save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(build_app(words), list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def evaluate_tiny_chat(folder: Path) -> Evaluated:
    """Train the tiny chat model and evaluate it by every method, as a user would, on the command line."""
    train, test = rows_of(240, 1), rows_of(90, 2)
    test += [train[0], train[1], test[5]]  # two texts of train and a repeat, to be dropped when de-duplicated
    data = write_data(folder / "data", {"train": train, "val": rows_of(24, 3), "test": test})
    base, model = tiny_llama_chat(folder / "base"), folder / "model"
    (folder / "recipe.toml").write_text(RECIPE)
    run(
        "train",
        "--data",
        str(data),
        "--base",
        str(base),
        "--out",
        str(model),
        "--recipe",
        str(folder / "recipe.toml"),
    )
    readme = folder / "README.md"
    readme.write_text("# Mine\n\n<!-- evaluation -->\nold\n<!-- end of evaluation -->\n\nmore\n")
    out, db = folder / "deep" / "out", folder / "risk.duckdb"
    words = ["evaluate", "--data", str(data), "--model", str(model), "--out", str(out), "--db", str(db)]
    words += ["--readme", str(readme), "--draws", "3", "--resamples", "40", "--show-texts"]
    printed = run(*words, "--gate", "macro_f1=0.999,log_loss=100", code=3)
    return Evaluated(data, model, out, db, readme, printed)


def keyword_engine(*models: KeywordModel) -> Callable[[], Engine]:
    """An engine whose models, opened in this order, answer by keywords."""
    waiting = list(models) or [replace(KeywordModel(), adapter="words")]

    def never(*_: object) -> list[str]:
        raise AssertionError("a model of keywords cannot generate text")

    return lambda: Engine(lambda name, adapter: waiting.pop(0), KeywordScorer, never)  # type: ignore[arg-type]


def words_alone(data: Path, out: Path, **options: Any) -> dict[str, Any]:
    """An evaluation whose only model answers by keywords."""
    options = {"engine": keyword_engine(), "methods": ["fine_tuned"], "resamples": 0} | options
    return evaluate(str(data), ["embedded"], out, **options)

"""The rows of the benchmark: this project's methods, and those that it replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import f1_score

from monitor.benchmark.replaced_methods import (
    as_transformers,
    distilbert,
    generate_one_at_a_time,
    notebook_llama,
    padded_encoder,
    padded_llama,
    whole_prompts,
)
from monitor.benchmark.scoring_speed import (
    MEAN_TEXT_TOKENS,
    SHAPES,
    SUFFIX_TOKENS,
    Speed,
    embedded_speed,
    engine_speed,
    matmul_peak,
    random_model,
    texts_per_second,
    time_by_kind,
    word_prompt,
    word_texts,
    word_tokenizer,
)
from monitor.benchmark.training_speed import training_speed
from monitor.model.prompts import PromptEncoder
from monitor.scoring.llama import Layer, LlamaNetwork
from monitor.scoring.loading import LoadedModel, load_model
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.weight_matrices import Dense

ZERO_SHOT, FEW_SHOT = 60, 300  # tokens of the prompt in front of the text
TINY = SHAPES["TinyLlama 1.1B"]
OWN = (  # name, prompt tokens, labels, form of the weights
    ("ours, one-token labels", ZERO_SHOT, "one token", "dense"),
    ("ours, exact label tree", ZERO_SHOT, "tree", "dense"),
    ("ours, one-token labels, few-shot", FEW_SHOT, "one token", "dense"),
    ("ours, exact label tree, few-shot", FEW_SHOT, "tree", "dense"),
    ("ours, one-token labels, fp8", ZERO_SHOT, "one token", "fp8"),
    ("ours, exact label tree, fp8", ZERO_SHOT, "tree", "fp8"),
    ("ours, one-token labels, NF4 as stored", ZERO_SHOT, "one token", "nf4"),
)
LARGER = (
    ("Llama 2 7B", "nf4", "NF4 as stored"),
    ("Llama 2 7B", "dense", "decoded once"),
    ("Mistral 7B", "nf4", "NF4 as stored"),
    ("Mistral 7B", "dense", "decoded once"),
)


def device_name(device: str) -> str:
    """The device's name for reports; for the CPU also the number of threads."""
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' if count > 1 else ''}"


def has_cuda() -> bool:
    """Whether there is a GPU to measure."""
    return torch.cuda.is_available()


def gpu_peak() -> float:
    """Operations a second of one large bf16 product on the GPU."""
    return matmul_peak(torch.device("cuda"))


def gpu_time(n_texts: int) -> dict[str, float]:
    """Shares of a run's wall time on the GPU; see `scoring_speed.time_by_kind`."""
    model = random_model(TINY, word_prompt(ZERO_SHOT), torch.device("cuda"))
    return time_by_kind(LabelScorer(model), word_texts(n_texts))


def gpu_rows(n_texts: int, peak: float, posts: Sequence[str]) -> Iterator[Speed]:
    """Every method on TinyLlama's shape, and ours on larger shapes; random weights, 22 tokens per text.

    The embedded model scores real posts. Each post is repeated with a different number at its end.
    """
    name = "ours, the embedded model"
    numbered = [f"{post} {number}" for number in range(-(-4 * n_texts // len(posts))) for post in posts]
    yield _measured(name, True, partial(embedded_speed, name, numbered[: 4 * n_texts]))
    yield from _replaced(peak)
    texts = word_texts(n_texts)
    few, opening = texts[: n_texts // 8], word_prompt(ZERO_SHOT).before
    name = "packed, prefix not shared"
    unshared = [opening + text for text in few]
    yield _measured(name, True, partial(engine_speed, name, TINY, word_prompt(0), unshared, peak))
    for name, prefix, labels, form in OWN:
        prompt = word_prompt(prefix, labels)
        yield _measured(name, True, partial(engine_speed, name, TINY, prompt, texts, peak, form))
    for model, form, label in LARGER:
        name = f"{model}, {label}"
        prompt = word_prompt(ZERO_SHOT)
        yield _measured(name, True, partial(engine_speed, name, SHAPES[model], prompt, few[::2], peak, form))


def gpu_training_rows(n_texts: int, peak: float) -> Iterator[Speed]:
    """Three epochs over `n_texts` with TinyLlama's shape: the recipe that this project replaces, and ours."""
    for name, own in (("training: the replaced recipe, some of its steps", False), ("training: ours", True)):
        yield _measured(name, own, partial(training_speed, name, own, TINY, ZERO_SHOT, n_texts, peak))


def _replaced(peak: float) -> Iterator[Speed]:
    """transformers with NF4 and an unmerged adapter: the notebook's generation, and padded batches."""
    prompts = whole_prompts(PromptEncoder(word_prompt(ZERO_SHOT), word_tokenizer(32000)), word_texts(1024))
    networks: list[Any] = []

    tokens = ZERO_SHOT + MEAN_TEXT_TOKENS + SUFFIX_TOKENS

    def measure(name: str, score: Callable[..., object], n: int, repeats: int) -> Speed:
        networks[:] = networks or [notebook_llama(TINY)]
        torch.cuda.reset_peak_memory_stats()
        rate = texts_per_second(partial(score, networks[0]), prompts[:n], repeats)
        generated = score is generate_one_at_a_time
        mfu = None if generated else rate * tokens * 2 * TINY.matrix_values / peak
        return Speed(name, False, rate, mfu, torch.cuda.max_memory_allocated() / 2**30)

    batches = partial(padded_llama, batch=64, ordered=False, last_only=False)
    sorted_batches = partial(padded_llama, batch=256, ordered=True, last_only=True)
    for name, score, n, repeats in (
        ("notebook: generate 10 tokens, one text at a time", generate_one_at_a_time, 4, 1),
        ("padded, batches of 64, all logits", batches, 512, 2),
        ("padded, batches of 256, sorted, last logits", sorted_batches, 1024, 2),
    ):
        yield _measured(name, False, partial(measure, name, score, n, repeats))


def eight_bit_effect(model: str, texts: Sequence[str], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """The effect of 8-bit products on the GPU: number of texts, of changed answers, macro-F1 in bf16 and in 8
    bits.
    """
    answers = [
        LabelScorer(load_model(model, device="cuda", weights=form)).score(texts).probabilities.argmax(axis=1)
        for form in ("dense", "fp8")
    ]
    exact, eight = (float(f1_score(labels, labels_of, average="macro")) for labels_of in answers)
    changed = int((answers[0] != answers[1]).sum())
    return {"texts": len(texts), "changed": changed, "macro_f1": exact, "macro_f1_fp8": eight}


def cpu_rows(model: LoadedModel, texts: Sequence[str]) -> Iterator[Speed]:
    """An encoder of DistilBERT's size, the model padded and unsorted in transformers, and ours."""
    prompts = whole_prompts(PromptEncoder(model.prompt, model.tokenizer), texts, model.max_text_tokens)
    few = prompts[: max(64, len(prompts) // 8)]

    def measure(name: str, own: bool, score: Callable[..., object], work: Sequence[object]) -> Speed:
        return Speed(name, own, texts_per_second(score, work))

    exact = in_float32(model)
    name = "encoder of DistilBERT's size, fp32, padded, sorted"
    yield measure(name, False, partial(padded_encoder, distilbert()), few)
    padded = partial(padded_llama, as_transformers(exact.network), batch=64, ordered=False, last_only=False)
    yield measure(f"{model.name} in transformers, fp32, padded, unsorted", False, padded, few)
    yield measure(f"ours, {model.name}, fp32", True, LabelScorer(exact).score, texts)
    if model.network.dtype != torch.float32:
        yield measure(f"ours, {model.name}, bf16", True, LabelScorer(model).score, texts)


def in_float32(model: LoadedModel) -> LoadedModel:
    """The model with the same dense weights in fp32."""
    old = model.network

    def wide(layer: Layer) -> Layer:
        names = ("qkv", "output", "gate_up", "down")
        return Layer(**{name: Dense(getattr(layer, name).weight.float()) for name in names})

    layers = [wide(layer) for layer in old.layers]
    network = LlamaNetwork(old.shape, old.embedding.float(), layers, old.norm, old.head, fused=False)
    return replace(model, network=network)


def _measured(name: str, own: bool, measure: Callable[[], Speed]) -> Speed:
    """The row of a method. If a library is missing or the GPU is too small, the row has the reason instead of
    numbers.
    """
    try:
        return measure()
    except ImportError as fault:
        return Speed(name, own, None, reason=f"{fault.name} is not installed")
    except torch.OutOfMemoryError:
        return Speed(name, own, None, reason="out of GPU memory")

"""Scoring speed: models of a given shape with random weights score texts of given lengths.

Speed depends on the shapes of the weights, not on their values, so a model can be measured without its files. Every
word is one token, so prompts and texts have exact lengths.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from monitor.labels import EMOTIONS, RiskMap
from monitor.model.prompts import PromptTemplate
from monitor.scoring.attention import Heads
from monitor.scoring.llama import Layer, LlamaNetwork, LlamaShape
from monitor.scoring.loading import LoadedModel, load_model
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.weight_matrices import Dense, Float8, Matrix, Nf4, Scratch, StoredNf4, can_fuse

SUFFIX_TOKENS = 12
MEAN_TEXT_TOKENS = 22
# Words of one token each, or those of the Llama-2 tokenizer: s·ad·ness, jo·y, lo·ve, anger, f·ear, sur·prise.
LABEL_TOKENS = {"one token": (1, 1, 1, 1, 1, 1), "tree": (3, 2, 2, 1, 2, 2)}


def _shape(vocabulary: int, hidden: int, inner: int, layers: int, heads: Heads, theta: float) -> LlamaShape:
    frequencies = tuple(theta ** (-2 * i / heads.size) for i in range(heads.size // 2))
    return LlamaShape(vocabulary, hidden, inner, layers, heads, 1e-5, frequencies, 4096)


SHAPES = {
    "TinyLlama 1.1B": _shape(32000, 2048, 5632, 22, Heads(32, 4, 64), 1e4),
    "Llama 2 7B": _shape(32000, 4096, 11008, 32, Heads(32, 32, 128), 1e4),
    "Mistral 7B": _shape(32000, 4096, 14336, 32, Heads(32, 8, 128), 1e4),
}


@dataclass(frozen=True)
class Speed:
    """One row of the benchmark.

    Attributes:
        way: name of the measured method.
        own: true for this project's engine, false for a method that it replaces.
        texts_per_s: texts per second, from strings to probabilities; None if not measured.
        mfu: operations per second of the matrix products, as a share of the measured peak of one large product.
            Counts each computed token without padding, and each layer in full. None if not compared.
        memory_gb: peak memory on the GPU, or None.
        reason: why the method was not measured.
    """

    way: str
    own: bool
    texts_per_s: float | None
    mfu: float | None = None
    memory_gb: float | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """The row as plain JSON values."""
        return asdict(self)


def word_texts(n: int, vocabulary: int = 32000) -> list[str]:
    """`n` texts of 3 to 80 words, 22 on average, with the lengths of short posts."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.gamma(4.0, MEAN_TEXT_TOKENS / 4.0, n).round().astype(int), 3, 80)
    words = random.integers(200, vocabulary, lengths.sum())
    return [" ".join(f"w{word}" for word in part) for part in np.split(words, np.cumsum(lengths)[:-1])]


def word_prompt(prefix_tokens: int, labels: str = "one token") -> PromptTemplate:
    """A prompt of `prefix_tokens` words before the text and 12 after, with labels of LABEL_TOKENS[labels] tokens."""
    before = "".join(f"w{100 + i % 60} " for i in range(prefix_tokens))
    after = "".join(f" w{60 + i}" for i in range(SUFFIX_TOKENS))
    words, used = {}, 0
    for emotion, length in zip(EMOTIONS, LABEL_TOKENS[labels], strict=True):
        words[emotion] = ("".join(f" w{used + i}" for i in range(length)),)
        used += length
    return PromptTemplate(before, after, words)


def word_tokenizer(vocabulary: int) -> Tokenizer:
    """A tokenizer with one token for each of the words w0, w1, ..."""
    vocab = {f"w{i}": i for i in range(vocabulary - 1)} | {"<unk>": vocabulary - 1}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def random_model(shape: LlamaShape, prompt: PromptTemplate, device: torch.device, form: str = "dense") -> LoadedModel:
    """A model of the given shape with random weights, its matrices in `form` (see `materialise`)."""
    torch.manual_seed(0)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    scratch = Scratch()

    def matrix(out: int, into: int) -> Matrix:
        if form == "nf4":
            packed = torch.randint(0, 256, (out * into // 2,), dtype=torch.uint8, device=device)
            scales = torch.full((out * into // 64,), 0.05, device=device)
            part = Nf4(packed, scales, torch.linspace(-1, 1, 16, device=device), (out, into))
            return StoredNf4([part], [None], torch.ones(into, device=device), scratch, dtype)
        weight = torch.randn(out, into, dtype=dtype, device=device) * 0.02
        return Float8(weight) if form == "fp8" else Dense(weight)

    h, inner, heads = shape.hidden_size, shape.intermediate_size, shape.heads
    n, k = heads.query * heads.size, heads.key * heads.size
    layers = [
        Layer(matrix(n + 2 * k, h), matrix(h, n), matrix(2 * inner, h), matrix(h, inner)) for _ in range(shape.layers)
    ]
    table = torch.randn(shape.vocab_size, h, dtype=dtype, device=device) * 0.02
    norm = torch.ones(h, device=device)
    network = LlamaNetwork(shape, table, layers, norm, table, fused=can_fuse(device))
    tokenizer = word_tokenizer(shape.vocab_size)
    parts = (network, tokenizer, prompt, 1.0, RiskMap(), "random", "random", "random", form, None, 256)
    return LoadedModel(*parts)


def texts_per_second(score: Callable[[Sequence[Any]], object], texts: Sequence[Any], repeats: int = 3) -> float:
    """The median rate of `score` over `texts`, after one run to warm up."""
    score(texts[: len(texts) // 4 + 1])
    rates = []
    for _ in range(repeats):
        started = time.perf_counter()
        score(texts)
        rates.append(len(texts) / (time.perf_counter() - started))
    return float(np.median(rates))


def matmul_peak(device: torch.device) -> float:
    """Operations a second of one large bf16 matrix product on random data, the best of several runs."""
    size = 8192
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(4):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        first.record()
        for _ in range(10):
            left @ right
        last.record()
        last.synchronize()
        best = max(best, 10 * 2 * size**3 / (first.elapsed_time(last) / 1e3))
    return best


def engine_speed(
    way: str,
    shape: LlamaShape,
    prompt: PromptTemplate,
    texts: Sequence[str],
    peak: float,
    form: str = "dense",
) -> Speed:
    """Texts a second of this project's engine on the GPU, with random weights."""
    device = torch.device("cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    scorer = LabelScorer(random_model(shape, prompt, device, form))
    rate = texts_per_second(scorer.score, texts)
    own = float(np.mean([len(text.split()) for text in texts])) + scorer.tokens_beside_text
    mfu = rate * own * 2 * shape.matrix_values / peak
    return Speed(way, True, rate, mfu, torch.cuda.max_memory_allocated() / 2**30)


def embedded_speed(way: str, texts: Sequence[str]) -> Speed:
    """Texts a second of the embedded model on the GPU."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    scorer = LabelScorer(load_model("embedded", device="cuda"))
    rate = texts_per_second(scorer.score, texts)
    return Speed(way, True, rate, memory_gb=torch.cuda.max_memory_allocated() / 2**30)


def time_by_kind(scorer: LabelScorer, texts: Sequence[str]) -> dict[str, float]:
    """Shares of a run's wall time in which the GPU computes products, attention or other steps, or is idle."""
    scorer.score(texts)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        started = time.perf_counter()
        scorer.score(texts)
        wall = time.perf_counter() - started
    kinds = {"products": 0.0, "attention": 0.0, "between": 0.0}
    for event in profile.key_averages():
        name, seconds = event.key.lower(), event.self_device_time_total / 1e6
        product = any(mark in name for mark in ("gemm", "cutlass", "nvjet", "sm90", "cublas"))
        kind = "products" if product else "attention" if "attention" in name else "between"
        kinds[kind] += seconds
    shares = {kind: seconds / wall for kind, seconds in kinds.items()}
    return shares | {"idle": max(0.0, 1.0 - sum(shares.values()))}

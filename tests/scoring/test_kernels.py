"""The CUDA kernels against the plain operations they replace, and whole scores on the GPU against the CPU's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monitor.benchmark.scoring_speed import random_model, word_prompt, word_texts
from monitor.labels import RiskMap
from monitor.model.label_tree import LabelTree
from monitor.scoring.attention import GroupedAttention, Heads, Rotary
from monitor.scoring.batching import Frame, pack
from monitor.scoring.llama import LlamaShape
from monitor.scoring.loading import LoadedModel
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.weight_matrices import Float8, LowRank, Nf4, Scratch, StoredNf4
from monitor.scoring.weights import StoredWeights, materialise, read_shape
from tests.support import tiny_models

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]
TREE = [[[1, 2, 3]], [[4, 5]], [[6, 7]], [[8]], [[9, 10]], [[11, 12], [11, 13, 14]]]
SINGLE = [[[i]] for i in range(6)]
TEXTS = [
    "i feel so very sad and alone today",
    "",
    "hooray",
    "what a surprise it was " * 6,
    "fear",
    "i am angry",
]


def close(got: torch.Tensor, want: torch.Tensor, tolerance: float) -> None:
    """Relative error of the whole, in fp32."""
    error = (got.float() - want.float()).norm() / want.float().norm()
    assert float(error) < tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("labels", [SINGLE, TREE], ids=["one token", "tree"])
@pytest.mark.parametrize("n_prefix", [0, 37, 300])
@pytest.mark.parametrize("heads", [Heads(32, 4, 64), Heads(4, 4, 64), Heads(8, 2, 128), Heads(9, 3, 64)], ids=str)
def test_packed_attention_equals_grouped_attention(
    heads: Heads, n_prefix: int, labels: Any, dtype: torch.dtype
) -> None:
    from monitor.scoring.packed_attention import PackedAttention, fits_kernel

    torch.manual_seed(0)
    tree = LabelTree(labels)
    n, k, d = heads.query, heads.key, heads.size
    rotary = Rotary.of(torch.tensor([1e4 ** (-2 * i / d) for i in range(d // 2)], device="cuda"), 700)
    frame = Frame(np.array([3, 4], np.int32), tree.branch_ids, tree.branch_depths, n_prefix)
    batch = pack([np.arange(n, dtype=np.int32) for n in (260, 50, 37, 37, 20, 3, 1, 0)], frame)
    assert fits_kernel(heads, batch.n_scored)
    packed = PackedAttention(batch, heads, rotary, tree.visible)
    exact = GroupedAttention(batch, heads, rotary, n_prefix, tree.visible, torch.float32)
    qkv = torch.randn(len(batch.token_ids), (n + 2 * k) * d, device="cuda").to(dtype)
    prefix = tuple(torch.randn(n_prefix, k, d, device="cuda").to(dtype) for _ in range(2))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-2
    full = (prefix[0].float(), prefix[1].float())
    close(packed(qkv, (prefix[0], prefix[1])), exact(qkv.float(), full), tolerance)
    queries, kv = qkv[:, : n * d][packed.scored_rows].contiguous(), qkv[:, n * d :]
    close(
        packed.last(queries, kv, (prefix[0], prefix[1])),
        exact.last(queries.float(), kv.float(), full),
        tolerance,
    )


@pytest.mark.parametrize("width", [64, 100, 2048, 5632])
def test_norm_and_swiglu_equal_the_plain_operations(width: int) -> None:
    from monitor.scoring import kernels

    torch.manual_seed(width)
    x = torch.randn(33, width, device="cuda", dtype=torch.bfloat16)
    wide = torch.randn(33, 2 * width, device="cuda", dtype=torch.bfloat16)
    normal = x.float() * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)
    gate, up = wide.float().chunk(2, -1)
    inner = torch.nn.functional.silu(gate) * up
    close(kernels.rms_norm(x, 1e-5), normal, 4e-3)
    close(kernels.swiglu(wide), inner, 4e-3)
    for (values, scales), want in (
        (kernels.rms_norm_eight(x, 1e-5), normal),
        (kernels.swiglu_eight(wide), inner),
        (kernels.round_eight(x), x),
    ):
        close(values.float() * scales, want, 0.04)


def test_nf4_is_decoded_on_the_gpu_as_on_the_cpu() -> None:
    torch.manual_seed(0)
    packed = torch.randint(0, 256, (96 * 128 // 2,), dtype=torch.uint8)
    part = Nf4(packed, torch.rand(96 * 128 // 64), torch.linspace(-1, 1, 16), (96, 128))
    columns, update = torch.rand(128), LowRank(torch.randn(96, 4), torch.randn(4, 128))
    want = StoredNf4([part, part], [None, update], columns, Scratch(), torch.float32).weight
    there = Nf4(part.packed.cuda(), part.scales.cuda(), part.codebook.cuda(), part.shape)
    low = LowRank(update.up.cuda(), update.down.cuda())
    got = StoredNf4([there, there], [None, low], columns.cuda(), Scratch(), torch.float32).weight
    close(got.cpu(), want, 1e-6)


def test_an_8_bit_product_is_near_the_exact_one() -> None:
    from monitor.scoring import kernels

    torch.manual_seed(0)
    weight = torch.randn(96, 64, device="cuda") * 0.05
    x = torch.randn(33, 64, device="cuda", dtype=torch.bfloat16)
    got = Float8(weight).times(kernels.round_eight(x), first=32, last=96)
    close(got, x.float() @ weight[32:96].T, 0.06)


def scorer(folder: Path, prompt: str, device: str, dtype: torch.dtype, form: str = "dense") -> LabelScorer:
    """A tiny random model; the folder is written at its first use."""
    if not (folder / "config.json").exists():
        shape = {"head_dim": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
        tiny_models.tiny_llama(512, **shape).save_pretrained(folder)
    template = tiny_models.one_token_template() if prompt == "one token" else tiny_models.tree_template()
    weights = StoredWeights(folder, torch.device(device))
    network = materialise(weights, read_shape(folder), None, dtype, quantise=False, form=form)
    tokenizer = tiny_models.byte_level_tokenizer()
    parts = (network, tokenizer, template, 1.0, RiskMap(), "id", "tiny", "tiny", "none", None, 64)
    return LabelScorer(LoadedModel(*parts))


@pytest.mark.parametrize("form", ["dense", "nf4", "fp8"])
@pytest.mark.parametrize("prompt", ["one token", "tree"])
def test_scores_on_the_gpu_equal_those_on_the_cpu(tmp_path: Path, prompt: str, form: str) -> None:
    want = scorer(tmp_path, prompt, "cpu", torch.float32).score(TEXTS).probabilities
    if form != "fp8":
        exact = scorer(tmp_path, prompt, "cuda", torch.float32, form).score(TEXTS).probabilities
        np.testing.assert_allclose(exact, want, atol=2e-5)
    rounded = scorer(tmp_path, prompt, "cuda", torch.bfloat16, form).score(TEXTS * 50).probabilities
    np.testing.assert_allclose(rounded[: len(TEXTS)], want, atol=0.1 if form == "fp8" else 0.03)
    np.testing.assert_allclose(rounded[: len(TEXTS)], rounded[-len(TEXTS) :], atol=1e-3)


@pytest.mark.parametrize("form", ["dense", "nf4"])
@pytest.mark.parametrize("prompt", ["one token", "tree"])
def test_a_gpu_without_the_kernels_scores_the_same(
    tmp_path: Path, prompt: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = scorer(tmp_path, prompt, "cpu", torch.float32).score(TEXTS).probabilities
    for module in ("materialise", "matrices"):
        monkeypatch.setattr(f"monitor.{module}.can_fuse", lambda _: False)
    plain = scorer(tmp_path, prompt, "cuda", torch.float32, form)
    assert plain._network._kernels is None
    np.testing.assert_allclose(plain.score(TEXTS).probabilities, want, atol=2e-5)


def test_batches_are_halved_until_they_fit_into_the_memory_there_is(caplog: pytest.LogCaptureFixture) -> None:
    wide = LlamaShape(2000, 1024, 8192, 2, Heads(16, 4, 64), 1e-5, tuple([0.1] * 32), 4096)
    model = random_model(wide, word_prompt(60), torch.device("cuda"))
    texts = word_texts(3000, vocabulary=2000)
    want = LabelScorer(model).score(texts).probabilities
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 200 * 2**20) / total)
    try:
        cramped = LabelScorer(model)
        got = cramped.score(texts).probabilities
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert cramped.max_tokens < 16384
    assert len(caplog.records) == 1
    np.testing.assert_allclose(got, want, atol=0.02)

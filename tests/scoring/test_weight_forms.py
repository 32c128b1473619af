"""Forms of weights and kernels: chosen by memory and GPU, said or refused in one line, decoded without races."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import pytest
import torch

from monitor.benchmark.scoring_speed import SHAPES
from monitor.errors import ModelError
from monitor.scoring import loading, weight_matrices
from monitor.scoring.attention import Heads
from monitor.scoring.llama import LlamaNetwork, LlamaShape
from monitor.scoring.weight_matrices import Nf4, Scratch, StoredNf4
from tests.scoring.test_loading import write_model


@pytest.mark.parametrize(
    ("capability", "gibibytes", "form"),
    [((9, 0), 20, "dense"), ((9, 0), 18, "nf4"), ((7, 0), 28, "nf4"), ((7, 0), 40, "dense")],
)
def test_weights_are_decoded_where_they_fit_in_the_type_of_the_products(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], gibibytes: int, form: str
) -> None:
    monkeypatch.setattr(loading, "can_fuse", lambda _: capability >= (8, 0))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (gibibytes * 2**30, 80 * 2**30))
    assert loading._form("auto", SHAPES["Llama 2 7B"], torch.device("cuda")) == form


def test_weights_that_do_not_fit_are_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    folder = write_model(tmp_path)
    monkeypatch.setattr(loading, "materialise", full)
    with pytest.raises(ModelError, match="too little free memory for the weights of tiny"):
        loading.load_model(folder, device="cpu")


def test_threads_decode_stored_weights_each_into_memory_of_its_own() -> None:
    scratch, both = Scratch(), Barrier(2)

    def take(_: int) -> list[int]:
        places = [scratch.buffer((3, 4), torch.empty(0), torch.float32).data_ptr() for _ in range(2)]
        both.wait(timeout=60)
        return places

    with ThreadPoolExecutor(2) as pool:
        (first, again), (second, _) = pool.map(take, range(2))
    assert first == again != second


def test_blocks_that_the_kernel_does_not_expect_are_decoded_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_matrices, "can_fuse", lambda _: True)
    kernels = SimpleNamespace(decode_nf4=lambda *parts: parts[-1].fill_(7.0))
    monkeypatch.setitem(sys.modules, "monitor.scoring.kernels", kernels)
    for block, by_kernel in ((64, True), (128, False)):
        packed, scales = torch.arange(256, dtype=torch.uint8), torch.arange(1.0, 512 // block + 1)
        part = Nf4(packed, scales, torch.linspace(-1, 1, 16), (4, 128))
        matrix = StoredNf4([part], [None], torch.ones(128), Scratch(), torch.float32)
        want = torch.full((4, 128), 7.0) if by_kernel else part.dequantise()
        torch.testing.assert_close(matrix.weight, want)


@pytest.mark.parametrize("fault", [RuntimeError("Failed to find C compiler"), None])
def test_a_gpu_that_triton_cannot_compile_for_is_scored_with_plain_kernels(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception | None
) -> None:
    def rms_norm(*_: object) -> None:
        if fault:
            raise fault

    monkeypatch.setattr(weight_matrices, "find_spec", lambda _: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (13, 0))
    monkeypatch.setattr(torch, "ones", lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "monitor.scoring.kernels", SimpleNamespace(rms_norm=rms_norm))
    weight_matrices.can_fuse.cache_clear()
    try:
        found = [weight_matrices.can_fuse(torch.device("cuda")) for _ in range(2)]
    finally:
        weight_matrices.can_fuse.cache_clear()
    assert found == [fault is None] * 2
    said = [record.getMessage() for record in caplog.records]
    assert said == (["Triton compiles nothing for this GPU: Failed to find C compiler"] if fault else [])


@pytest.mark.parametrize("takes", [True, False])
def test_heads_that_the_fused_attention_does_not_take_are_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, takes: bool
) -> None:
    monkeypatch.setitem(sys.modules, "monitor.scoring.kernels", SimpleNamespace())
    packed = SimpleNamespace(fits_kernel=lambda heads, n_scored: takes)
    monkeypatch.setitem(sys.modules, "monitor.scoring.packed_attention", packed)
    shape = LlamaShape(8, 80, 8, 1, Heads(1, 1, 80), 1e-5, (1.0,) * 40, 64)
    layers = [SimpleNamespace(qkv=SimpleNamespace(eight=False))]
    table = torch.zeros(8, 80)
    LlamaNetwork(shape, table, layers, torch.ones(80), table, fused=True)  # type: ignore[arg-type]
    assert ["heads of 80" in record.getMessage() for record in caplog.records] == [True] * (not takes)

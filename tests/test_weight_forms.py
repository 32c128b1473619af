"""The forms of weights: chosen by free memory, refused in one line where none fits, decoded without races."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch
from test_models import write_model

from monitor import models
from monitor.errors import ModelError
from monitor.matrices import Scratch
from monitor.speed import SHAPES


@pytest.mark.parametrize(
    ("capability", "gibibytes", "form"),
    [((9, 0), 20, "dense"), ((9, 0), 18, "nf4"), ((7, 0), 28, "nf4"), ((7, 0), 40, "dense")],
)
def test_weights_are_decoded_where_they_fit_in_the_type_of_the_products(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], gibibytes: int, form: str
) -> None:
    monkeypatch.setattr(models, "can_fuse", lambda _: capability >= (8, 0))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (gibibytes * 2**30, 80 * 2**30))
    assert models._form("auto", SHAPES["Llama 2 7B"], torch.device("cuda")) == form


def test_weights_that_do_not_fit_are_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    folder = write_model(tmp_path)
    monkeypatch.setattr(models, "materialise", full)
    with pytest.raises(ModelError, match="too little free memory for the weights of tiny"):
        models.load_model(folder, device="cpu")


def test_threads_decode_stored_weights_each_into_memory_of_its_own() -> None:
    scratch, both = Scratch(), Barrier(2)

    def take(_: int) -> list[int]:
        places = [scratch.take((3, 4), torch.empty(0), torch.float32).data_ptr() for _ in range(2)]
        both.wait(timeout=60)
        return places

    with ThreadPoolExecutor(2) as pool:
        (first, again), (second, _) = pool.map(take, range(2))
    assert first == again != second

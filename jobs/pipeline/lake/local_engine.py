"""The engine `local`: worker processes on this machine, one per GPU, or one with all cores."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from jobs.pipeline.lake.hand_out import Worker
from jobs.pipeline.lake.shard_scorer import ModelRows, ShardResult, ShardScorer
from jobs.pipeline.processes import THREADS, cores, end_with_parent, own_cores
from jobs.pipeline.score_new import Scorer
from monitor.errors import ConfigError
from monitor.lake.shards import Shard

CARDS = "CUDA_VISIBLE_DEVICES"
Result = TypeVar("Result")

_scorer: ShardScorer  # the scorer of a worker process


class LocalCrew:
    """Worker processes on this machine.

    Args:
        url: folder or address of the lake.
        load: opens the model in a worker; it is pickled.
        crisis_list: file of crisis wording, or None.
        n_workers: number of workers; None: one per GPU, or one if there is no GPU.
        device: "auto", "cpu" or "cuda".

    Raises:
        ConfigError: more workers than GPUs or cores.
    """

    lost = (BrokenProcessPool,)

    def __init__(
        self,
        url: str,
        load: Callable[[], Scorer],
        crisis_list: Path | None = None,
        n_workers: int | None = None,
        device: str = "auto",
    ) -> None:
        cards = [] if device == "cpu" else visible_cards()
        n = n_workers or len(cards) or 1
        if cards and n > len(cards):
            raise ConfigError(f"--workers {n}: there are {len(cards)} GPUs, and each takes one worker")
        if not cards and n > own_cores():
            raise ConfigError(f"--workers {n}: cores that this process may use: {own_cores()}; give at most as many")
        threads = str(max(1, cores() // n))
        self._arguments = (url, load, crisis_list)
        self._environments = [
            dict.fromkeys(THREADS, threads) | ({CARDS: cards[number]} if cards else {}) for number in range(n)
        ]
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        self.workers = [
            LocalWorker(f"worker {number}", environment, self._arguments)
            for number, environment in enumerate(self._environments)
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            assert isinstance(worker, LocalWorker)
            worker.end()

    def replace(self, worker: Worker) -> list[Worker]:
        """A new process on the same card. `hand_out` gives up a shard after several lost workers, so this always
        starts one.
        """
        assert isinstance(worker, LocalWorker)
        worker.start()
        return [worker]

    def join(self) -> list[Worker]:
        """Returns no workers, because there is only this machine."""
        return []


class LocalWorker:
    """One process with its own variables and pool, so that its death does not affect the others."""

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        arguments: tuple[str, Callable[[], Scorer], Path | None],
    ) -> None:
        self.name = name
        self._initial = (dict(environment), *arguments)
        self.start()

    def start(self) -> None:
        """Start the process, in place of one that died."""
        self._pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_start, initargs=self._initial
        )

    def model_rows(self) -> Future[ModelRows]:
        """See `Worker`."""
        return self._submit(_model_rows, *self._initial)

    def score(self, shard: Shard, run_id: str) -> Future[ShardResult]:
        """See `Worker`."""
        return self._submit(_score, shard, run_id)

    def _submit(self, call: Callable[..., Result], *arguments: object) -> Future[Result]:
        """The call's Future. If the process died while it was idle, its error is in the Future too."""
        try:
            return self._pool.submit(call, *arguments)
        except BrokenProcessPool as error:
            lost: Future[Result] = Future()
            lost.set_exception(error)
            return lost

    def end(self) -> None:
        """End the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def visible_cards() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get(CARDS)
    if given is not None:
        return [card.strip() for card in given.split(",") if card.strip() not in ("", "-1", "NoDevFiles")]
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


def _start(environment: dict[str, str], url: str, load: Callable[[], Scorer], crisis_list: Path | None) -> None:
    """Set the variables before anything imports torch; end with the driver, also if it is killed."""
    os.environ.update(environment)
    end_with_parent()


def _model_rows(
    _environment: dict[str, str], url: str, load: Callable[[], Scorer], crisis_list: Path | None
) -> ModelRows:
    """Load the model. It is not loaded in the initializer, whose errors do not reach the driver."""
    global _scorer
    _scorer = ShardScorer(url, load, crisis_list)
    atexit.register(_forget_scorer)  # otherwise DuckDB warns of an open connection at the end of the process
    return _scorer.model_rows()


def _forget_scorer() -> None:
    global _scorer
    del _scorer


def _score(shard: Shard, run_id: str) -> ShardResult:
    return _scorer.score(shard, run_id)

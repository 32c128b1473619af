"""Give shards to workers as the workers become free. If a worker dies, its shard goes to another worker."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import print_warning
from jobs.pipeline.lake.shard_scorer import ModelRows, ShardResult
from monitor.errors import MonitorError, StoreError
from monitor.lake.shards import Shard

POLL_S = 1.0
MOST_TRIES = 3  # a shard on which so many workers died is not tried again


class Worker(Protocol):
    """A process that has a model, on this machine or another."""

    name: str

    def model_rows(self) -> Future[ModelRows]:
        """The model's rows, once it is loaded."""

    def score(self, shard: Shard, run_id: str) -> Future[ShardResult]:
        """Score a shard."""


class Crew(Protocol):
    """The workers of an engine; a context manager that starts and ends them.

    Attributes:
        workers: those that run.
        lost: classes of errors that a Future raises if its worker is gone.
    """

    workers: list[Worker]
    lost: tuple[type[BaseException], ...]

    def replace(self, worker: Worker) -> list[Worker]:
        """Start a worker in place of a dead one; returns none if its machine is gone."""

    def join(self) -> list[Worker]:
        """Start workers on machines that joined since the last call."""


def hand_out(
    shards: Iterable[Shard],
    crew: Crew,
    run_id: str,
    done: Callable[[ShardResult], None],
    accept: Callable[[Worker, ModelRows], bool],
) -> dict[Shard, str]:
    """Score shards; returns those that could not be scored, each with the reason.

    Args:
        shards: the work list.
        crew: the workers, whose models were compared before.
        run_id: the run that the scores name as theirs.
        done: called with each result.
        accept: checks the model of a worker that was started during the run; False excludes the worker.

    Raises:
        Stopped: a stop was requested; the shards that were being scored are done.
        StoreError: no worker is left.
    """
    waiting, idle = deque(shards), list(crew.workers)
    tries, failed = Counter[Shard](), dict[Shard, str]()
    busy: dict[Future[ShardResult], tuple[Worker, Shard]] = {}
    loading: dict[Future[ModelRows], Worker] = {}
    while waiting or busy:
        while waiting and idle:
            worker, shard = idle.pop(), waiting.popleft()
            busy[worker.score(shard, run_id)] = (worker, shard)
        if not busy and not loading:
            raise StoreError(f"no worker is left, and {len(waiting):,} shards wait; check the machines and run again")
        running: list[Future[Any]] = [*busy, *loading]
        wait(running, POLL_S, FIRST_COMPLETED)
        for future in [future for future in busy if future.done()]:
            worker, shard = busy.pop(future)
            try:
                result = future.result()
            except crew.lost as error:
                tries[shard] += 1
                print_warning(f"{worker.name} died ({type(error).__name__}); its shard goes to another worker")
                if tries[shard] < MOST_TRIES:
                    waiting.append(shard)
                else:
                    failed[shard] = f"{MOST_TRIES} workers died on it"
                loading |= {new.model_rows(): new for new in crew.replace(worker)}
                continue
            if result.error:
                failed[shard] = result.error
            else:
                done(result)
            idle.append(worker)
        loading |= {new.model_rows(): new for new in crew.join()}
        idle += _loaded(loading, crew, accept)
        _stop_if_asked(busy)
    return failed


def _loaded(
    loading: dict[Future[ModelRows], Worker], crew: Crew, accept: Callable[[Worker, ModelRows], bool]
) -> Iterator[Worker]:
    """Remove the workers that have loaded the model from `loading`; returns those with the run's model."""
    for future in [future for future in loading if future.done()]:
        worker = loading.pop(future)
        try:
            if accept(worker, future.result()):
                yield worker
        except crew.lost as error:
            print_warning(f"{worker.name} died while it loaded the model ({type(error).__name__})")
        except MonitorError as error:
            print_warning(f"{worker.name} is not used: {error}")


def _stop_if_asked(busy: Collection[Future[ShardResult]]) -> None:
    """On a request to stop, wait for the shards that are being scored, because their workers write them."""
    try:
        raise_if_stopped()
    except BaseException:
        wait(busy)
        raise

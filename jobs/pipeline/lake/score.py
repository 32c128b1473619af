"""Score the texts of a lake that a model has not scored: the steps of `risk-monitor lake score`."""

from __future__ import annotations

import time
from concurrent.futures import wait
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

from jobs.console.interrupts import stoppable
from jobs.console.progress import print_note, print_warning, progress
from jobs.pipeline.lake.hand_out import Crew, Worker, hand_out
from jobs.pipeline.lake.ingest import lake_run
from jobs.pipeline.lake.shard_scorer import ModelRows, ShardResult
from monitor.database import ledger
from monitor.errors import ModelError, StoreError
from monitor.lake.shards import Lake, Shard
from monitor.lake.storage import Storage

WAIT_S = 30.0  # seconds until a note says that workers are not ready
PASSES = 3  # work lists; a later list has the shards that other commands changed during the one before


class LakeScored(NamedTuple):
    """The result of `score_lake`: model id and name, number of new scores and of scored shards, and seconds.

    The time begins when every worker has loaded the model.
    """

    model_id: str
    name: str
    n_scored: int
    n_shards: int
    seconds: float


def score_lake(url: str, crew_of: AbstractContextManager[Any]) -> LakeScored:
    """Score every shard that the crew's model has not scored.

    The work list is the difference of two lists of files, so any number of drivers may run at once, and a run after
    a kill scores what is missing.

    Args:
        url: folder or address of the lake.
        crew_of: starts the workers (`Crew`).

    Raises:
        StoreError: shards could not be scored, a worker died while it loaded the model, or no worker is left.
        ModelError: a worker cannot load the model, or the workers' models differ.
    """
    lake = Lake(Storage(url))
    lake.list_shards()  # an address that does not answer fails before a model is loaded
    with stoppable(), crew_of as crew:
        model = _agreed_model(crew)
        for table, rows in model.tables.items():
            lake.write_small(table, rows)
        with lake_run(lake, "score", model.model_id) as (con, run_id):
            n_scored = n_shards = 0
            started = time.monotonic()

            def done(result: ShardResult) -> None:
                nonlocal n_scored, n_shards
                advance(result.n_documents)
                ledger.count_in_run(con, run_id, n_scored=result.n_scored)
                n_scored, n_shards = n_scored + result.n_scored, n_shards + 1

            failed: dict[Shard, str] = {}
            for _ in range(PASSES):
                shards = [shard for shard in lake.list_shards().unscored(model.model_id) if shard not in failed]
                if not shards:
                    break
                with progress("scoring", "texts", sum(shard.rows for shard in shards)) as advance:
                    failed |= hand_out(shards, crew, run_id, done, partial(_has_model, model))
            seconds = time.monotonic() - started
            _raise_failed(failed)
    name = model.tables["models"]["name"][0].as_py()
    return LakeScored(model.model_id, name, n_scored, n_shards, seconds)


def _agreed_model(crew: Crew) -> ModelRows:
    """The model of all workers. They load it at the same time.

    Raises:
        StoreError: there is no worker, or one died. ModelError: a worker cannot load the model, or the models differ.
    """
    futures = {worker.model_rows(): worker for worker in crew.workers}
    while waiting := wait(futures, WAIT_S).not_done:
        print_note(
            f"waiting for {len(waiting)} of {len(futures)} workers, which load the model or wait for a machine"
        )
    models = []
    for future, worker in futures.items():
        try:
            models.append((worker, future.result()))
        except crew.lost as error:
            raise StoreError(
                f"{worker.name} died while it loaded the model ({type(error).__name__}); if memory was too small, "
                "use fewer workers or a smaller model, and run again"
            ) from error
    if not models:
        raise StoreError("there is no worker; start a machine, or use --engine local")
    first = models[0][1]
    for worker, model in models:
        if model.model_id != first.model_id:
            raise ModelError(
                f"{worker.name} loads model {model.model_id}, {models[0][0].name} {first.model_id}; "
                "copy one model to every machine"
            )
    return first


def _has_model(model: ModelRows, worker: Worker, loaded: ModelRows) -> bool:
    """Whether a worker that was started during the run has the run's model."""
    if loaded.model_id != model.model_id:
        print_warning(f"{worker.name} loads model {loaded.model_id}, not {model.model_id}, and gets no work")
    return loaded.model_id == model.model_id


def _raise_failed(failed: dict[Shard, str]) -> None:
    if failed:
        shard, reason = next(iter(failed.items()))
        others = f"; and {len(failed) - 1:,} more" if len(failed) > 1 else ""
        raise StoreError(f"{len(failed):,} shards are not scored: {reason} (shard {shard.name}){others}")

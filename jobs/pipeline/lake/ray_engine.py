"""The engine `ray`: one actor per GPU, or per node with all its cores, on this machine or a cluster.

Ray only schedules actors. `hand_out` hands out the shards, and files show which of them are done. We therefore use
neither Ray's pipelines nor checkpoints, and nothing is lost if the driver dies.

Nothing leaves the machine unless an address is given. Ray listens on every network interface, so it is started with a
token that only this user can read. Its usage statistics are off.
"""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobs.pipeline.lake.hand_out import Worker
from jobs.pipeline.lake.local_engine import visible_cards
from jobs.pipeline.lake.shard_scorer import ModelRows, ShardResult, ShardScorer
from jobs.pipeline.processes import THREADS, cores
from jobs.pipeline.score_new import Scorer
from monitor.errors import ConfigError, ModelError, MonitorError, StoreError
from monitor.lake.shards import Shard

JOIN_S = 10.0  # seconds between two checks for new nodes
LOCALHOST = "127.0.0.1"


class RayCrew:
    """Actors of Ray: one per GPU, or on a node without GPUs one with all its cores.

    Args:
        url: address of the lake, or a folder that every node sees.
        load: opens the model in an actor; it is pickled.
        crisis_list: file of crisis wording, or None.
        address: of a cluster; None starts Ray on this machine alone.
        device: "auto", "cpu" or "cuda".

    Raises:
        ConfigError: Ray is not installed. StoreError: the cluster cannot be reached.
    """

    def __init__(
        self,
        url: str,
        load: Callable[[], Scorer],
        crisis_list: Path | None = None,
        address: str | None = None,
        device: str = "auto",
    ) -> None:
        self._arguments = (url, load, crisis_list)
        self._address, self._device = address, device
        self._token_folder: str | None = None
        self._nodes: set[str] = set()
        self._looked = 0.0
        self.workers: list[Worker] = []
        self.lost: tuple[type[BaseException], ...] = ()

    def __enter__(self) -> Self:
        self._prepare_environment()
        self._ray = _import_ray()
        errors = self._ray.exceptions
        self.lost = (
            errors.RayActorError,
            errors.ActorUnschedulableError,
            errors.WorkerCrashedError,
            errors.ObjectLostError,
        )
        options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
        if self._address is None:
            cards = [] if self._device == "cpu" else visible_cards()
            options |= {"num_cpus": cores(), "num_gpus": len(cards), "_node_ip_address": LOCALHOST}
            options |= {"address": "local"}
        else:
            options = {"address": self._address, "log_to_driver": False, "configure_logging": False}
        try:
            self._ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, errors.RayError) as error:
            self._remove_token()
            reason = str(error).splitlines()[0]
            raise StoreError(
                f"--address {self._address or 'local'}: Ray does not start or answer ({reason})"
            ) from error
        self.workers = self.join()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()
        self._remove_token()

    def replace(self, worker: Worker) -> list[Worker]:
        """An actor in place of a dead one; none if its node is gone."""
        assert isinstance(worker, RayWorker)
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        return [self._start(worker.node, worker.options)] if worker.node in alive else []

    def join(self) -> list[Worker]:
        """Actors on nodes that joined; checks every JOIN_S seconds."""
        if self._nodes and time.monotonic() - self._looked < JOIN_S:
            return []
        self._looked = time.monotonic()
        new = [node for node in self._ray.nodes() if node["Alive"] and node["NodeID"] not in self._nodes]
        self._nodes |= {node["NodeID"] for node in new}
        return [self._start(node["NodeID"], options) for node in new for options in self._shares(node["Resources"])]

    def _shares(self, resources: dict[str, float]) -> list[dict[str, float]]:
        """The share of a node's cores and GPUs for each actor."""
        n_cpus = int(resources.get("CPU", 0))
        n_cards = 0 if self._device == "cpu" else int(resources.get("GPU", 0))
        if n_cards:
            return [{"num_gpus": 1, "num_cpus": max(1, n_cpus // n_cards)}] * n_cards
        return [{"num_cpus": n_cpus}] if n_cpus else []

    def _start(self, node: str, options: dict[str, float]) -> Worker:
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        actor = self._ray.remote(ActorScorer).options(scheduling_strategy=affinity(node, soft=False), **options)
        return RayWorker(node, options, actor.remote(*self._arguments, str(int(options["num_cpus"]))))

    def _prepare_environment(self) -> None:
        """Switch statistics off, and write a token into a folder of this user, unless the user has one for the
        cluster.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise Ray 2.60 warns of a change
        if self._address is not None or "RAY_AUTH_TOKEN_PATH" in os.environ or "RAY_AUTH_TOKEN" in os.environ:
            return
        self._token_folder = tempfile.mkdtemp(prefix="risk-monitor-ray-")  # mode 700
        token = Path(self._token_folder) / "token"
        with os.fdopen(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            os.fchmod(stream.fileno(), 0o600)  # whatever the umask
            stream.write(secrets.token_hex(32))
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}

    def _remove_token(self) -> None:
        if self._token_folder is not None:
            shutil.rmtree(self._token_folder, ignore_errors=True)
            for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
                os.environ.pop(name, None)
            self._token_folder = None


class RayWorker:
    """An actor on a node, with its share of the node's cores and GPUs."""

    def __init__(self, node: str, options: dict[str, float], actor: Any) -> None:
        self.node, self.options, self._actor = node, options, actor
        self.name = f"the actor on node {node[:8]}"

    def model_rows(self) -> Future[ModelRows]:
        """See `Worker`."""
        answer: Future[ModelRows] = Future()

        def pass_on(source: Future[Any]) -> None:
            error = source.exception()
            if error is not None:
                answer.set_exception(error)
            elif isinstance(rows := source.result(), str):
                answer.set_exception(ModelError(rows))
            else:
                answer.set_result(rows)

        self._actor.model_rows.remote().future().add_done_callback(pass_on)
        return answer

    def score(self, shard: Shard, run_id: str) -> Future[ShardResult]:
        """See `Worker`."""
        future: Future[ShardResult] = self._actor.score.remote(shard, run_id).future()
        return future


class ActorScorer:
    """The actor: a ShardScorer that loads its model at the first call, so that its errors reach the driver."""

    def __init__(self, url: str, load: Callable[[], Scorer], crisis_list: Path | None, threads: str) -> None:
        os.environ.update(dict.fromkeys(THREADS, threads))  # before anything imports torch
        self._arguments = (url, load, crisis_list)

    def model_rows(self) -> ModelRows | str:
        """The model's rows, or the error that a user can correct."""
        try:
            self._scorer = ShardScorer(*self._arguments)
            return self._scorer.model_rows()
        except MonitorError as error:
            return str(error)

    def score(self, shard: Shard, run_id: str) -> ShardResult:
        """Score a shard."""
        return self._scorer.score(shard, run_id)


def _import_ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError("--engine ray needs Ray; install it: pip install 'risk-monitor[ray]'") from error

"""Two local nodes of Ray, on which an actor, a node and a driver are killed once each while they score a lake.

python -m tests.support.ray_process FOLDER           FOLDER has the lake
python -m tests.support.ray_process FOLDER ADDRESS   a driver alone
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from jobs.pipeline.lake.ray_engine import RayCrew
from jobs.pipeline.lake.score import score_lake
from tests.support.worker_scorers import WorkerScorer

SHARD_S = 0.4


def drive(folder: Path, address: str) -> int:
    """Score the lake on a cluster; returns the number of new scores."""
    load = partial(WorkerScorer, folder / "pids", SHARD_S)
    return score_lake(str(folder / "lake"), RayCrew(str(folder / "lake"), load, address=address)).n_scored


def n_scored_files(folder: Path) -> int:
    return len(list((folder / "lake" / "scores").rglob("*.parquet")))


def wait_for_files(folder: Path, n: int) -> None:
    while n_scored_files(folder) < n:
        time.sleep(0.05)


def main(folder: Path) -> None:
    from ray.cluster_utils import Cluster

    (folder / "pids").mkdir()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    other = cluster.add_node(num_cpus=1)
    driver = subprocess.Popen([sys.executable, "-m", "tests.support.ray_process", str(folder), cluster.address])
    wait_for_files(folder, 2)
    driver.kill()
    print("driver", driver.wait(), flush=True)
    known = {path.name for path in (folder / "pids").iterdir()}
    done = n_scored_files(folder)

    def kill() -> None:
        wait_for_files(folder, done + 2)
        actor = next(path for path in (folder / "pids").iterdir() if path.name not in known)
        os.kill(int(actor.name), signal.SIGKILL)
        wait_for_files(folder, done + 4)
        cluster.remove_node(other, allow_graceful=False)
        print("killed an actor and a node", flush=True)

    threading.Thread(target=kill, daemon=True).start()
    print("scored", drive(folder, cluster.address), flush=True)
    os._exit(0)  # the namespace goes, and all of Ray with it


if __name__ == "__main__":
    if len(sys.argv) > 2:
        drive(Path(sys.argv[1]), sys.argv[2])
    else:
        main(Path(sys.argv[1]))

"""The engines: workers bound to cards, workers that die, two nodes of Ray, and an object store."""

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import pytest

from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.lake.local_engine import LocalCrew, visible_cards
from jobs.pipeline.lake.score import score_lake
from jobs.pipeline.lake.shard_scorer import ModelRows
from jobs.query import run_query
from monitor import ROOT
from monitor.errors import ConfigError, ModelError, StoreError
from monitor.lake.check import check_lake
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from tests.support.keyword_scorer import KeywordModel, KeywordScorer
from tests.support.lakes import OwnCrew, contents, control
from tests.support.worker_scorers import WorkerScorer, die

pytestmark = pytest.mark.slow
N_SHARDS = 12


@pytest.fixture(scope="module")
def unscored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of a year, with a shard a month."""
    folder = tmp_path_factory.mktemp("unscored")
    feed = folder / "feed.csv"
    rows = [f"d{i},s{i % 5},2025-{i % N_SHARDS + 1:02d}-03,joy {i}" for i in range(5 * N_SHARDS)]
    feed.write_text("\n".join(["doc_id,subject_id,posted_at,text", *rows, ""]))
    ingest_files([str(feed)], str(folder / "lake"), key_file=None)
    return folder / "lake"


@pytest.fixture
def lake(unscored: Path, tmp_path: Path) -> Path:
    """A copy of that lake."""
    return Path(shutil.copytree(unscored, tmp_path / "lake"))


def expected(lake: Path, folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of a copy that one process scored."""
    shutil.copytree(lake, folder / "copy")
    score_lake(str(folder / "copy"), OwnCrew(folder / "copy", KeywordScorer))
    return contents(control(folder / "copy", folder / "copy.duckdb"))


def test_each_worker_has_its_card_and_the_shard_of_a_dead_one_is_scored(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    rows, pids = expected(lake, tmp_path), tmp_path / "pids"
    pids.mkdir()
    done = score_lake(str(lake), LocalCrew(str(lake), partial(WorkerScorer, pids, dies=True)))
    assert done.n_scored == 5 * N_SHARDS
    cards = [path.read_text() for path in pids.iterdir() if path.name != "died"]
    assert set(cards) == {"4", "7"}
    assert (pids / "died").exists()
    assert contents(control(lake, tmp_path / "lake.duckdb")) == rows


def test_cards_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_cards() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, GPU-5")
    assert visible_cards() == ["0", "GPU-5"]
    with pytest.raises(ConfigError, match="there are 2 GPUs"):
        LocalCrew("lake", KeywordScorer, n_workers=3)


def test_a_shard_on_which_every_worker_dies_is_given_up(lake: Path) -> None:
    with pytest.raises(StoreError, match="3 workers died on it"):
        score_lake(str(lake), OwnCrew(lake, KeywordScorer, deaths={0, N_SHARDS, N_SHARDS + 1}))
    assert len(list((lake / "scores").rglob("*.parquet"))) == N_SHARDS - 1
    assert score_lake(str(lake), OwnCrew(lake, KeywordScorer)).n_shards == 1


def test_a_worker_that_dies_while_it_loads_the_model_is_one_line(lake: Path) -> None:
    with pytest.raises(StoreError, match=r"worker 0 died while it loaded the model \(BrokenProcessPool\)"):
        score_lake(str(lake), LocalCrew(str(lake), die, n_workers=1, device="cpu"))


def test_a_worker_that_dies_while_it_is_idle_is_replaced(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def agreed(crew: LocalCrew) -> ModelRows:
        (worker,) = crew.workers
        model = worker.model_rows().result()
        (process,) = worker._pool._processes.values()
        process.kill()
        process.join()
        with pytest.raises(BrokenProcessPool):
            worker.model_rows().result()
        return model

    monkeypatch.setattr("jobs.pipeline.lake.score._agreed_model", agreed)
    done = score_lake(str(lake), LocalCrew(str(lake), KeywordScorer, n_workers=1, device="cpu"))
    assert done.n_scored == 5 * N_SHARDS


def test_workers_with_different_models_score_nothing(lake: Path) -> None:
    crew = OwnCrew(lake, KeywordScorer)
    with crew:
        other = OwnCrew(lake, lambda: KeywordScorer(KeywordModel("keywords-2")))
        with other:
            crew.workers.append(other)
            from jobs.pipeline.lake.score import _agreed_model

            with pytest.raises(ModelError, match="copy one model to every machine"):
                _agreed_model(crew)


def test_two_nodes_of_ray_outlive_an_actor_a_node_and_a_driver(lake: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    rows = expected(lake, tmp_path)
    own_network = ["unshare", "-rn", "sh", "-c", 'ip link set lo up 2>/dev/null || ifconfig lo up; exec "$@"', "sh"]
    has_namespaces = subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode == 0
    done = subprocess.run(
        [*(own_network if has_namespaces else []), sys.executable, "-m", "tests.support.ray_process", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "killed an actor and a node" in done.stdout
    assert "driver -9" in done.stdout
    assert contents(control(lake, tmp_path / "lake.duckdb")) == rows
    assert not check_lake(Lake(Storage(str(lake)))).faults


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a lake in a local server of S3's protocol."""
    moto = pytest.importorskip("moto.server")
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y", "EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    signed = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/texts", method="PUT", headers={"Authorization": signed}
    )
    urllib.request.urlopen(request).close()
    yield f"s3://texts/lake?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
    server.stop()


def test_an_object_store_holds_a_lake(bucket: str, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("subject_id,posted_at,text\ns1,2026-01-03,joy\ns1,2026-02-03,sadness\ns2,2026-02-04,fear\n")
    assert ingest_files([str(feed)], bucket, key_file=None).n_appended == 3
    assert ingest_files([str(feed)], bucket, key_file=None).n_appended == 0
    assert score_lake(bucket, OwnCrew(bucket, KeywordScorer)).n_shards == 2
    assert not check_lake(Lake(Storage(bucket)), deep=True).faults
    db = control(bucket, tmp_path / "lake.duckdb")
    assert run_query(db, "SELECT emotion FROM latest_scores ORDER BY posted_at").rows == [
        ("joy",),
        ("sadness",),
        ("fear",),
    ]

"""What every test shares: no network, few threads, and the way to the real data."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "2")  # torch reads it at import; more only slows tiny tensors

import atexit
import gc
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, sync_playwright

from monitor import ROOT
from monitor.database import connection, copy, schema
from monitor.lake import control
from monitor.model import chat_template, prompts

# A busy machine must fail no test: none is timed by the clock.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Take what is imported out of garbage collection, each pass of which took 0.4 s to go through it."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # so that the interpreter can end in order


@pytest.fixture(scope="session", autouse=True)
def new_databases_are_copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """New databases of this process are copies of its first one: some 600 tests need one, and each costs 0.3 s.

    So are those that snapshots begin with.

    The children of a test make theirs the usual way, and so does a test that replaces the files of the schema.
    """
    folder, make, files = tmp_path_factory.mktemp("empty"), schema.make_empty, schema._migrations
    create = copy._create

    def copy_first(path: Path, storage_version: str | None = None) -> None:
        first = folder / f"{storage_version}.duckdb"
        if schema._migrations is not files:
            make(path, storage_version)
            return
        if not first.exists():
            make(first, storage_version)
        path.write_bytes(first.read_bytes())

    def copy_for_readers(new: Path, keys: bool) -> None:
        first = folder / "readers.duckdb"
        if keys or schema._migrations is not files:
            create(new, keys)
            return
        if not first.exists():
            create(first, keys)
        new.write_bytes(first.read_bytes())

    with pytest.MonkeyPatch.context() as patched:
        for module in (connection, copy, control):
            patched.setattr(module, "make_empty", copy_first)
        patched.setattr(copy, "_create", copy_for_readers)
        yield


@pytest.fixture(scope="session", autouse=True)
def chat_templates_are_rendered_once() -> Iterator[None]:
    """Prompts get what the same template gave before: each rendering starts a process that imports transformers."""
    known: dict[str, list[str]] = {}

    def once(*order: Any) -> list[str]:
        key = json.dumps(order, default=str)
        if key not in known:
            known[key] = chat_template.render(*order)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(prompts, "render", once)
        yield


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without pictures: for each report, two processes start and load the renderer, which takes seconds."""
    monkeypatch.setattr("reports.risk.pictures.write", lambda *_, **__: [])


@pytest.fixture
def no_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nights without reports and snapshot, which take two thirds of their time."""
    monkeypatch.setattr("jobs.pipeline.night.report_and_publish", lambda _, chosen, *__: chosen.out / "index.html")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets (emotion/, timelines/, ...); the test is skipped where it is missing."""
    path = Path(os.environ.get("RISK_MONITOR_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "emotion" / "test.txt").is_file():
        pytest.skip(f"no real data at {path}; set RISK_MONITOR_DATA to a folder that holds emotion/test.txt")
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium for the tests marked `browser`; the test is skipped where there is none."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no chromium on PATH; install it (apt-get install chromium) to run the browser tests")
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()

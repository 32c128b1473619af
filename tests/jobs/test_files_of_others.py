"""A file in an output folder that we did not write stays, and is named before anything is computed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jobs import benchmark_lake, evaluate
from jobs.console.output_folder import claim_files, claim_model_folder
from jobs.evaluate_alerts import draw_feeds
from monitor.database.connection import Database
from monitor.errors import ConfigError
from tests.support.failing import last_line

COMMANDS = {
    "feed.csv": ("evaluate-alerts", "--seeds", "1"),
    "truth.csv": ("evaluate-alerts", "--seeds", "1"),
    "alerts.json": ("evaluate-alerts", "--db", "no.duckdb"),
    "alerts.svg": ("evaluate-alerts", "--feed", "no.csv"),
    "fusion.json": ("evaluate-alerts", "--numbers", "20"),
    "replay.html": ("evaluate-alerts", "--background", "no.csv", "--low", "no.csv"),
    "index.html": ("validate", "no.csv", "--db", "risk.duckdb"),
    "validation.json": ("validate", "no.csv", "--db", "risk.duckdb"),
    "transfer.json": ("transfer", "--data", "no"),
    "benchmark.png": ("benchmark", "--device", "cpu"),
    "night.json": ("benchmark", "--device", "cpu", "--night"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_refuses_files_of_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "site"
    site.mkdir()
    (site / name).write_text("theirs")
    with Database(tmp_path / "risk.duckdb").writing():
        pass
    line = last_line(capfd, *COMMANDS[name], "--out", "site")
    assert line.startswith(f"risk-monitor: site/{name}: risk-monitor did not write this file")
    assert {path.name: path.read_text() for path in site.iterdir()} == {name: "theirs"}


@pytest.mark.parametrize("name", ["metrics.json", "Summary_Report.txt", "roc_pr.svg", "training_curve.html"])
def test_an_evaluation_checks_all_its_files_first(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("theirs")
    with pytest.raises(ConfigError, match="did not write this file"):
        evaluate._check_writable(tmp_path, None)


@pytest.mark.parametrize(
    ("call", "name"),
    [(partial(benchmark_lake.workers, counts="1"), "lake-1"), (partial(benchmark_lake.gpus, counts="1"), "strong-1")],
)
def test_a_measurement_of_lakes_removes_no_lake_of_others(
    tmp_path: Path, call: Callable[..., None], name: str
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "theirs.parquet").touch()
    with pytest.raises(ConfigError, match="did not write this file"):
        call(out=tmp_path)
    assert (tmp_path / name / "theirs.parquet").exists()


def test_a_model_folder_with_files_that_training_replaces_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training_curve.json").write_text("theirs")
    with pytest.raises(ConfigError, match=r"holds training_curve\.json"):
        claim_model_folder(tmp_path)


@pytest.mark.slow
def test_our_own_files_are_replaced_also_those_of_a_version_without_lists(tmp_path: Path) -> None:
    feed, _ = draw_feeds([1], tmp_path)
    draw_feeds([2], tmp_path)
    assert feed.read_text().splitlines()[1].startswith("2-")
    names, marks = ("validation.json", "index.html"), ("criterion", "window_days")
    (tmp_path / names[0]).write_text('{"criterion": "phq9>=10", "window_days": 14}')
    (tmp_path / names[1]).write_text("a page of others")
    with pytest.raises(ConfigError, match=r"index\.html: risk-monitor did not write"):
        claim_files(tmp_path, "validation", names, marks)
    (tmp_path / names[1]).write_text('<a class="skip" href="#main">ours</a>')
    claim_files(tmp_path, "validation", names, marks).claim(*(tmp_path / name for name in names))
    claim_files(tmp_path, "validation", names)

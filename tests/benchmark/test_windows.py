"""The benchmarks of windows and of a lake: a small run measures every text, and options are checked."""

import json
from pathlib import Path

import pytest

from jobs import benchmark_lake, benchmark_windows
from monitor.errors import ConfigError


@pytest.mark.slow
def test_windows_of_few_scores_are_measured_and_the_scores_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n_generated in (1, 0):
        benchmark_windows.command(tmp_path, rows=300, subjects=3, threads=1, memory="1GB")
        results = json.loads((tmp_path / "windows.json").read_text())
        assert (results["rows"], results["subjects"]) == (300, 3)
        assert results["texts_in_windows"] > results["rows_of_answer"] > 100
        assert capsys.readouterr().err.count("generating 300 scores") == n_generated


@pytest.mark.parametrize("given", ["x", "1,,2", "0", "2,-1", ""])
def test_numbers_of_workers_and_gpus_that_cannot_be_are_one_line(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigError, match=r"--workers .* whole numbers from 1"):
        benchmark_lake.workers(tmp_path, given, 1, 0.0)
    with pytest.raises(ConfigError, match=r"--gpus .* whole numbers from 1"):
        benchmark_lake.gpus(tmp_path, given)
    assert list(tmp_path.iterdir()) == []

"""The benchmark of a night on few rows: its counts and shares."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from jobs import benchmark_night
from monitor.errors import ConfigError
from tests.support.keyword_scorer import KeywordScorer


@pytest.mark.slow
def test_a_night_is_timed_without_its_scoring_and_leaves_one_file_and_its_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark_night, "open_scorer", lambda *_: KeywordScorer())
    results = benchmark_night.benchmark_night(tmp_path / "out", ['a sad, "sad" day', "joy"], n_rows=300, n_texts=200)
    assert (results["reading"]["rows"], results["night"]["texts"]) == (300, 200)
    assert results["reading"]["peak_bytes"] > 10**7
    assert 0 < results["night"]["scoring_s"] < results["night"]["other_s"]  # a keyword scorer takes almost no time
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".risk-monitor-night", "night.json"}
    assert json.loads((tmp_path / "out" / "night.json").read_text()) == results
    capsys.readouterr()
    benchmark_night.print_night(results, Console(width=200))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("reading: 300 rows in ")
    assert lines[1].startswith("night: 200 texts scored in ")


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write there"):
        benchmark_night.benchmark_night(tmp_path / "file", ["x"])

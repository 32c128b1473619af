"""The transfer command: its numbers, from a scorer whose answers are fixed."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs import transfer
from monitor.errors import ConfigError, DataError
from tests.support.keyword_scorer import KeywordScorer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [("dev", f"plain line {i}", "neutral") for i in range(20)]
    rows += [("dev", f"such sadness on day {i}", "sadness") for i in range(10)]
    rows += [("dev", f"what joy on day {i}", "joy") for i in range(10)]
    comments = pl.DataFrame(rows, schema=["split", "text", "labels"], orient="row")
    comments.write_parquet(tmp_path / "goemotions_train_dev.parquet")
    posts = pl.DataFrame({"text": ["such sadness"] * 5 + ["what joy"] * 5, "label": [1] * 5 + [0] * 5})
    posts.write_parquet(tmp_path / "dreaddit_train.parquet")
    return tmp_path


def test_the_measures_are_computed_from_the_scorers_answers(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transfer, "open_scorer", lambda *_: KeywordScorer())
    transfer.command(data, tmp_path / "out")
    values = json.loads((tmp_path / "out" / "transfer.json").read_text())["values"]
    assert values["AUROC of P(high) for the sad group"][0] > 0.9
    assert values["AUROC of P(mid) + P(high) for stress"][0] == 1.0
    assert 0 <= values["neutral comments with P(high) above 0.5"][0] <= 1
    assert "Not a diagnosis" in capsys.readouterr().out


def test_a_measure_without_texts_is_undefined_with_a_reason(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / "goemotions_train_dev.parquet"
    pl.read_parquet(path).filter(pl.col("labels") == "joy").write_parquet(path)
    monkeypatch.setattr(transfer, "open_scorer", lambda *_: KeywordScorer())
    transfer.command(data, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "transfer.json").read_text(), parse_constant=pytest.fail)
    assert record["values"]["AUROC of P(high) for the sad group"] is None
    assert record["undefined"]["AUROC of P(high) for the sad group"] == "every text is outside the group"
    assert record["undefined"]["mean confidence on neutral comments"] == "there are no such texts"
    assert "undefined: every text is outside" in capsys.readouterr().out


def test_an_output_folder_that_cannot_be_written_is_refused_before_scoring(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--out .*file: cannot be made"):
        transfer.command(data, tmp_path / "file", model="no/model")


def test_an_interval_holds_its_value_and_narrows_with_rows() -> None:
    few, many = (transfer.mean_with_interval(np.arange(n) % 2) for n in (20, 2000))
    assert few.low <= few.value <= few.high
    assert many.high - many.low < few.high - few.low


def test_missing_data_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="goemotions_train_dev"):
        transfer.command(tmp_path, tmp_path / "out")

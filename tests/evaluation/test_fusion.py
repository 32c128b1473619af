"""Fusion against texts alone on simulated people, on seeds that nothing was tuned on."""

import json
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.console.app import USER_ERROR
from monitor.evaluation.fusion import Design, compare

MOST_LOSS = 7.0  # days of 42, where the number carries nothing


@pytest.mark.slow
def test_fusion_gains_with_a_signal_and_loses_little_without() -> None:
    found = compare(Design(subjects=150), (2.0, 0.0), seed=77)
    signal, none = found["shifts"]
    for part in (signal, none):
        for row in part["rules"].values():
            assert row["rate"]["low"] <= found["design"]["alarms"] <= row["rate"]["high"]
    for name in ("fusion", "half"):
        assert signal["gain"][name]["low"] > 0
    assert none["gain"]["half"]["value"] > -MOST_LOSS
    assert none["rules"]["texts"] == signal["rules"]["texts"]  # the texts are the same


@pytest.mark.slow
def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["evaluate-alerts", "--numbers", "20", "--seed", "5", "--out", str(out)]
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code
    found = json.loads((out / "fusion.json").read_text())
    assert [part["shift"] for part in found["shifts"]] == [2.0, 1.0, 0.0]
    assert "days sooner" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main([*words, "--db", str(tmp_path / "x")])
    assert stop.value.code == USER_ERROR

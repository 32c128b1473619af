"""The evaluate job on odd splits, labels and folders: what is undefined says so, what cannot be is one line."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from evaluated import keyword_engine, read_test, rows_of, run, write_data
from keyword_scorer import KeywordModel
from rich.console import Console

from jobs.evaluate import evaluate, print_table
from jobs.gate import read_gate
from monitor.errors import ConfigError, DataError
from monitor.labels import DEFAULT_RULES, RiskMap


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take seconds, and say nothing that a test of numbers needs."""
    monkeypatch.setattr("reports.evaluation._save_pictures", lambda *_: None)


def words_alone(data: Path, out: Path, **options: Any) -> dict[str, Any]:
    """An evaluation whose only model answers by words."""
    options = {"engine": keyword_engine(), "ways": ["fine_tuned"], "resamples": 0} | options
    return evaluate(str(data), ["embedded"], out, **options)


@pytest.mark.parametrize("text", ["macro_f1", "macro=0.9", "ece=low", "f1_envy=0.5", "ece=nan", ""])
def test_a_gate_that_names_no_metric_or_number_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="METRIC=NUMBER"):
        read_gate(text)


@pytest.mark.usefixtures("no_pictures")
def test_gates_reach_classes_and_risk_and_fail_where_a_metric_is_undefined(tmp_path: Path) -> None:
    test = [row for row in rows_of(30, 2) if row[1] != "surprise"]
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": test})
    limits = read_gate("macro_f1=0.1, risk_f1_high_risk=0.1,recall_joy=0.2")
    held = words_alone(data, tmp_path / "out", limits=limits)["gate"]
    assert [row["passed"] for row in held] == [False, True, True]
    assert held[0]["reason"] == "no example of surprise"


@pytest.mark.usefixtures("no_pictures")
def test_a_second_evaluation_takes_the_place_of_the_first(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": rows_of(30, 2)})
    for test in (rows_of(30, 2), rows_of(18, 4)):
        (data / "test.txt").write_text("".join(f"{text};{label}\n" for text, label in test))
        words_alone(data, tmp_path / "out", db=tmp_path / "risk.duckdb")
    with duckdb.connect(tmp_path / "risk.duckdb", read_only=True) as con:
        sizes = con.execute("SELECT DISTINCT n FROM evaluations").fetchall()
    assert sizes == [(18,)]


@pytest.mark.usefixtures("no_pictures")
def test_texts_are_told_only_where_asked_for(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": rows_of(60, 2)})
    words_alone(data, tmp_path / "out")
    texts, _ = read_test(data)
    written = "".join(
        path.read_text()
        for path in (tmp_path / "out").iterdir()
        if path.suffix in (".json", ".md", ".txt", ".html")
    )
    assert not [text for text in texts if text in written]


@pytest.mark.usefixtures("no_pictures")
def test_a_class_without_examples_makes_macro_f1_undefined_not_zero(tmp_path: Path) -> None:
    test = [row for row in rows_of(30, 2) if row[1] != "surprise"]
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": test})
    found = words_alone(data, tmp_path / "out")
    metrics = found["methods"][-1]["emotion"]["test"]["metrics"]
    assert metrics["macro_f1"] == {"value": None, "reason": "no example of surprise"}
    assert metrics["weighted_f1"]["value"] > 0
    assert "no example of surprise" in (tmp_path / "out" / "Summary_Report.txt").read_text()


@pytest.mark.usefixtures("no_pictures")
def test_one_row_and_a_train_split_of_one_class_are_told_not_hidden(tmp_path: Path) -> None:
    rows = {"train": [("only joy here", "joy")], "test": [("so much joy", "joy")]}
    data = write_data(tmp_path / "data", rows)
    found = words_alone(data, tmp_path / "out", resamples=20)
    _, svm, model = found["methods"]
    assert svm["emotion"] == {}
    assert "class" in svm["reason"]
    assert model["emotion"]["test"]["metrics"]["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert model["emotion"]["test"]["metrics"]["macro_f1"]["reason"].startswith("no example of sadness")
    summary = (tmp_path / "out" / "Summary_Report.txt").read_text()
    assert "not measured" in summary
    assert svm["reason"][:40] in " ".join(summary.split())
    console = Console(width=160, record=True, file=io.StringIO())
    print_table(found, console)
    assert "undefined" in console.export_text()


@pytest.mark.usefixtures("no_pictures")
def test_few_shot_without_enough_examples_and_a_model_without_adapter_say_why(tmp_path: Path) -> None:
    rows = {"train": [*rows_of(12, 1), ("x", "joy")], "test": rows_of(6, 2)}
    data = write_data(tmp_path / "data", rows)
    found = evaluate(
        str(data), ["embedded"], tmp_path / "out", ways=["few_shot", "fine_tuned"], draws=1, resamples=0
    )
    reasons = {method["key"]: method["reason"] for method in found["methods"]}
    assert reasons["few_shot_2"] is None
    assert "train has too few texts for 4 examples a label: sadness 2" in reasons["few_shot_4_calibrated"]
    engine = keyword_engine(KeywordModel())
    plain = words_alone(data, tmp_path / "plain", engine=engine)["methods"][-1]
    assert plain["reason"] == "the model has no adapter: train one"


def test_an_empty_test_split_or_a_label_outside_the_map_is_refused(tmp_path: Path) -> None:
    empty = write_data(tmp_path / "empty", {"train": rows_of(6, 1), "test": []})
    with pytest.raises(DataError, match="holds no rows"):
        words_alone(empty, tmp_path / "out")
    strange = write_data(tmp_path / "strange", {"train": rows_of(6, 1), "test": [("hm", "envy")]})
    with pytest.raises(DataError, match=r"test.txt, row 1, column label: unknown label 'envy'"):
        words_alone(strange, tmp_path / "out")


def test_models_with_another_risk_map_are_not_compared(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(6, 2)})
    usual = replace(KeywordModel(), adapter="words")
    other = replace(usual, risk_map=RiskMap({**DEFAULT_RULES, "fear": "high_risk"}))
    with pytest.raises(ConfigError, match="model b maps emotions to risks unlike a"):
        evaluate(
            str(data), ["a", "b"], tmp_path / "out", engine=keyword_engine(usual, other), ways=["fine_tuned"]
        )


def test_out_that_is_a_file_and_data_without_train_are_refused_before_a_model_is_loaded(
    tmp_path: Path,
) -> None:
    def never() -> Any:
        raise AssertionError("a model was loaded")

    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(6, 2)})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write there"):
        evaluate(str(data), ["m"], tmp_path / "file", engine=never)
    lone = write_data(tmp_path / "lone", {"test": rows_of(6, 1)})
    with pytest.raises(DataError, match="no train split"):
        evaluate(str(lone), ["m"], tmp_path / "out", engine=never)
    words = ("evaluate", "--data", str(data), "--out", str(tmp_path / "out"))
    with pytest.raises(ConfigError, match="--ways zero: choose from"):
        run(*words, "--ways", "zero")
    with pytest.raises(ConfigError, match="add both lines once"):
        run(*words, "--readme", str(tmp_path / "file"))


def test_an_evaluation_runs_where_duckdb_is_missing(tmp_path: Path) -> None:
    import subprocess
    import sys

    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(12, 2)})
    code = (
        "import sys\nsys.modules['duckdb'] = None\n"
        "from jobs.cli import main\n"
        f"main(['evaluate', '--data', {str(data)!r}, '--out', {str(tmp_path / 'out')!r}, '--draws', '1', "
        "'--resamples', '0', '--device', 'cpu'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["format"] == 2


@pytest.mark.slow
def test_the_embedded_model_beats_the_floor_on_the_real_test_split(data_dir: Path, tmp_path: Path) -> None:
    found = evaluate(str(data_dir / "emotion"), ["embedded"], tmp_path, ways=["fine_tuned"], resamples=0)
    values = [method["emotion"]["test"]["metrics"]["macro_f1"]["value"] for method in found["methods"]]
    assert 0.80 < values[1] < 0.86
    assert values[2] > max(values[1], 0.85)
    assert found["data"]["test_deduplicated"] == 1986

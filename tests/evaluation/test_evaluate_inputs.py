"""The evaluate command on odd splits, labels and folders: reasons for what is undefined, one line for a mistake."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from jobs.evaluate import evaluate, print_table
from jobs.evaluation.adapter_copy import copy_adapter
from jobs.evaluation.quality_gate import failing, read_gate
from monitor.database.connection import Database
from monitor.errors import ConfigError, DataError
from monitor.labels import DEFAULT_RULES, RiskMap
from monitor.model.folder import EMBEDDED_FOLDER
from monitor.windows import window_queries
from reports.evaluation import report
from reports.evaluation.undefined_metrics import undefined
from tests.support.evaluated import keyword_engine, read_test, rows_of, run, words_alone, write_data
from tests.support.keyword_scorer import KeywordModel


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the pictures, which take seconds and do not affect the numbers."""
    monkeypatch.setattr("reports.evaluation.report._save_pictures", lambda *_: None)


@pytest.mark.parametrize("text", ["macro_f1", "macro=0.9", "ece=low", "f1_envy=0.5", "ece=nan", ""])
def test_a_gate_that_names_no_metric_or_number_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="METRIC=NUMBER"):
        read_gate(text)


@pytest.mark.parametrize("text", ["macro_f1=90", "ece=2", "risk_brier=2.1", "accuracy=-0.1", "log_loss=-1"])
def test_a_limit_outside_the_metrics_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is never outside 0 to"):
        read_gate(text)


def test_brier_reaches_2_and_log_loss_has_no_largest_value() -> None:
    assert read_gate("risk_brier=2,log_loss=100") == {"risk_brier": 2.0, "log_loss": 100.0}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--gate", ""), "METRIC=NUMBER"),
        (("--gate", "ece=0.1,ece=5"), "ece has two limits"),
        (("--gate", "ece=1", "--methods", "few_shot"), "add fine_tuned to --methods"),
        (("--gate", "ece=1", "--model", str(EMBEDDED_FOLDER / "base")), "no model here has an adapter"),
        (("--draws", "9", "--methods", "zero_shot"), "--methods zero_shot does not use --draws; leave it out"),
        (("--device", "tpu"), "--device tpu: use auto, cpu or cuda"),
        (("--out", ""), "--out is empty"),
    ],
)
def test_wrong_options_are_refused_before_any_work(words: tuple[str, ...], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        run("evaluate", "--data", "nowhere", "--out", "nowhere", *words)
    assert not Path("nowhere").exists()


def test_a_seed_below_zero_is_refused() -> None:
    words = ("evaluate", "--data", "nowhere", "--out", "nowhere", "--seed", "-1")
    assert "'--seed'" in run(*words, code=2)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_gate_without_a_measured_fine_tuned_model_does_not_pass(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": rows_of(30, 2)})
    engine = keyword_engine(KeywordModel())
    found = words_alone(data, tmp_path / "out", engine=engine, limits={"macro_f1": 0.1})
    (line,) = failing(found["gate"])
    assert "macro_f1 is undefined (the model has no adapter: train one)" in line


def test_the_first_adapter_is_copied_and_replaces_only_an_earlier_copy(tmp_path: Path) -> None:
    copied, base = tmp_path / "lora_emotion_final", str(EMBEDDED_FOLDER / "base")
    copy_adapter([base, "embedded"], tmp_path)
    (copied / "stale").touch()
    copy_adapter(["embedded"], tmp_path)
    assert (copied / "adapter_model.safetensors").is_file()
    assert not (copied / "stale").exists()
    copy_adapter([base], tmp_path)
    assert not copied.exists()
    copied.mkdir()
    for models in ([base], ["embedded"]):
        copy_adapter(models, tmp_path)
        assert list(copied.iterdir()) == []


def test_an_interrupted_evaluation_leaves_no_file(tmp_path: Path) -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(6, 2)})
    with pytest.raises(KeyboardInterrupt):
        words_alone(data, tmp_path / "out", engine=interrupt, db=tmp_path / "db" / "risk.duckdb")
    assert list((tmp_path / "out").iterdir()) == list((tmp_path / "db").iterdir()) == []


@pytest.mark.slow
def test_a_readme_keeps_its_line_ends(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(6, 2)})
    (tmp_path / "README.md").write_bytes(b"a\r\n<!-- evaluation -->\r\n<!-- end of evaluation -->\r\n")
    report.write_readme(words_alone(data, tmp_path / "out"), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") == 8


def test_a_readme_with_a_mark_twice_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("{0}\n{1}\nkept\n{1}\nlost\n".format(*report.MARKS))
    with pytest.raises(ConfigError, match="add both lines once"):
        report.check_readme(readme)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_gates_reach_classes_and_risk_and_fail_where_a_metric_is_undefined(tmp_path: Path) -> None:
    test = [row for row in rows_of(30, 2) if row[1] != "surprise"]
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": test})
    limits = read_gate("macro_f1=0.1, risk_f1_high_risk=0.1,recall_joy=0.2")
    checks = words_alone(data, tmp_path / "out", limits=limits)["gate"]
    assert [row["passed"] for row in checks] == [False, True, True]
    assert checks[0]["reason"] == "no example of surprise"


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_second_evaluation_replaces_the_rows_of_the_first(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": rows_of(30, 2)})
    for test in (rows_of(30, 2), rows_of(18, 4)):
        (data / "test.txt").write_text("".join(f"{text};{label}\n" for text, label in test))
        words_alone(data, tmp_path / "out", db=tmp_path / "risk.duckdb")
    card = "SELECT DISTINCT method, n FROM evaluations WHERE split = 'test' ORDER BY method"
    with duckdb.connect(tmp_path / "risk.duckdb", read_only=True) as con:
        assert con.execute(card).fetchall() == [("fine_tuned", 18), ("majority", 18), ("tfidf_svm", 18)]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_another_methods_evaluation_leaves_earlier_rows_and_the_card_mixes_no_data(
    tmp_path: Path,
) -> None:
    model, db, cards = replace(KeywordModel(), adapter="words"), tmp_path / "risk.duckdb", []
    for n, method in ((30, "fine_tuned"), (30, "zero_shot"), (18, "zero_shot")):
        if not (data := tmp_path / str(n)).exists():
            write_data(data, {"train": rows_of(60, 1), "test": rows_of(n, 2)})
        words_alone(data, tmp_path / "out", engine=keyword_engine(model, model), methods=[method], db=db)
        with Database(db).reading() as con:
            card = window_queries.run(con, "score_card", model_id=model.model_id)
        cards.append(dict(card.select("method", "n").iter_rows()))
    assert cards[0] == dict.fromkeys(["majority", "tfidf_svm", "fine_tuned"], 30)
    assert cards[1] == cards[0] | dict.fromkeys(["zero_shot", "zero_shot_calibrated"], 30)
    assert cards[2] == {"fine_tuned": 30}


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_texts_are_quoted_only_with_show_texts(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": rows_of(60, 2)})
    words_alone(data, tmp_path / "out")
    texts, _ = read_test(data)
    written = "".join(
        path.read_text() for path in (tmp_path / "out").iterdir() if path.suffix in (".json", ".md", ".txt", ".html")
    )
    assert not [text for text in texts if text in written]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_class_without_examples_makes_macro_f1_undefined_not_zero(tmp_path: Path) -> None:
    test = [row for row in rows_of(30, 2) if row[1] != "surprise"]
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": test})
    found = words_alone(data, tmp_path / "out")
    metrics = found["methods"][-1]["emotion"]["test"]["metrics"]
    assert metrics["macro_f1"] == {"value": None, "reason": "no example of surprise"}
    assert metrics["weighted_f1"]["value"] > 0
    assert "no example of surprise" in (tmp_path / "out" / "Summary_Report.txt").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_one_row_and_a_train_split_of_one_class_are_reported(tmp_path: Path) -> None:
    rows = {"train": [("only joy here", "joy")], "test": [("so much joy", "joy")]}
    data = write_data(tmp_path / "data", rows)
    found = words_alone(data, tmp_path / "out", resamples=20)
    _, svm, model = found["methods"]
    assert svm["emotion"] == {}
    assert "class" in svm["reason"]
    reason = "one text, which every bootstrap draw repeats"
    assert model["emotion"]["test"]["metrics"]["accuracy"] == {"value": 1.0, "no_interval": reason}
    assert any(row[1] == reason and "interval of emotion accuracy" in row[2] for row in undefined(found).rows)
    assert model["emotion"]["test"]["metrics"]["macro_f1"]["reason"].startswith("no example of sadness")
    summary = (tmp_path / "out" / "Summary_Report.txt").read_text()
    assert "not measured" in summary
    assert set(svm["reason"].split()) <= set(summary.split())
    console = Console(width=160, record=True, file=io.StringIO())
    print_table(found, console)
    assert "undefined" in console.export_text()


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_few_shot_without_enough_examples_and_a_model_without_adapter_say_why(tmp_path: Path) -> None:
    rows = {"train": [*rows_of(12, 1), ("x", "joy")], "test": rows_of(6, 2)}
    data = write_data(tmp_path / "data", rows)
    found = evaluate(
        str(data), ["embedded"], tmp_path / "out", methods=["few_shot", "fine_tuned"], draws=1, resamples=0
    )
    reasons = {method["key"]: method["reason"] for method in found["methods"]}
    assert reasons["few_shot_2"] is None
    assert "train has too few texts for 4 examples a label: sadness 2" in reasons["few_shot_4_calibrated"]
    engine = keyword_engine(KeywordModel())
    plain = words_alone(data, tmp_path / "plain", engine=engine)["methods"][-1]
    assert plain["reason"] == "the model has no adapter: train one"


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_test_split_alone_measures_the_model_and_gives_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "data", {"test": rows_of(12, 2)})
    methods = ["few_shot", "fine_tuned"]
    found = evaluate(str(data), ["embedded"], tmp_path / "out", methods=methods, draws=1, resamples=0)
    measured = {method["key"] for method in found["methods"] if method["emotion"]}
    assert measured == {"fine_tuned"}
    reason = "the data has no train split"
    reasons = {method["reason"] for method in found["methods"] if method["key"] not in measured}
    assert reasons == {reason}
    assert f"not measured: few-shot, 4 a label of emotion-llama: {reason}" in capsys.readouterr().err
    for report_name in ("Summary_Report.txt", "index.html", "Technical_Report.md"):
        assert reason in " ".join((tmp_path / "out" / report_name).read_text().split())


def test_an_empty_test_split_or_a_label_outside_the_map_is_refused(tmp_path: Path) -> None:
    empty = write_data(tmp_path / "empty", {"train": rows_of(6, 1), "test": []})
    with pytest.raises(DataError, match="holds no rows"):
        words_alone(empty, tmp_path / "out")
    strange = write_data(tmp_path / "strange", {"train": rows_of(6, 1), "test": [("hm", "envy")]})
    with pytest.raises(DataError, match=r"test.txt, row 1, column label: unknown label 'envy'"):
        words_alone(strange, tmp_path / "out")


@pytest.mark.slow
def test_models_with_another_risk_map_are_not_compared(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(6, 2)})
    usual = replace(KeywordModel(), adapter="words")
    other = replace(usual, risk_map=RiskMap({**DEFAULT_RULES, "fear": "high_risk"}))
    with pytest.raises(ConfigError, match="model b maps emotions to risks unlike a"):
        evaluate(
            str(data),
            ["a", "b"],
            tmp_path / "out",
            engine=keyword_engine(usual, other),
            methods=["fine_tuned"],
        )


def test_out_that_is_a_file_and_data_without_test_are_refused_before_a_model_is_loaded(
    tmp_path: Path,
) -> None:
    def never() -> Any:
        raise AssertionError("a model was loaded")

    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(6, 2)})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write there"):
        evaluate(str(data), ["m"], tmp_path / "file", engine=never)
    lone = write_data(tmp_path / "lone", {"train": rows_of(6, 1)})
    with pytest.raises(DataError, match="no test split"):
        evaluate(str(lone), ["m"], tmp_path / "out", engine=never)
    words = ("evaluate", "--data", str(data), "--out", str(tmp_path / "out"))
    with pytest.raises(ConfigError, match="--methods zero: choose from"):
        run(*words, "--methods", "zero")
    with pytest.raises(ConfigError, match="add both lines once"):
        run(*words, "--readme", str(tmp_path / "file"))


@pytest.mark.slow
def test_an_evaluation_runs_where_duckdb_is_missing(tmp_path: Path) -> None:
    import subprocess
    import sys

    data = write_data(tmp_path / "data", {"train": rows_of(12, 1), "test": rows_of(12, 2)})
    code = (
        "import sys\nsys.modules['duckdb'] = None\n"
        "from jobs.cli import main\n"
        f"main(['evaluate', '--data', {str(data)!r}, '--out', {str(tmp_path / 'out')!r}, "
        "'--methods', 'zero_shot,fine_tuned', '--resamples', '0', '--device', 'cpu'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["format"] == 2


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_the_embedded_model_beats_the_baseline_on_the_real_test_split(data_dir: Path, tmp_path: Path) -> None:
    found = evaluate(str(data_dir / "emotion"), ["embedded"], tmp_path, methods=["fine_tuned"], resamples=0)
    values = [method["emotion"]["test"]["metrics"]["macro_f1"]["value"] for method in found["methods"]]
    assert 0.80 < values[1] < 0.86
    assert values[2] > max(values[1], 0.85)
    assert found["data"]["test_deduplicated"] == 1986

"""The evaluate command: its numbers can be computed again from the data, and undefined metrics give a reason."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from monitor import NOT_A_DIAGNOSIS
from monitor.labels import DEFAULT_RULES, EMOTIONS, RISKS
from monitor.model.answer_parsing import parse
from monitor.model.prompts import plain_template
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from reports.evaluation.tables import all_tables
from tests.support import expected_tables
from tests.support.evaluated import Evaluated, evaluate_tiny_chat, read_test, run

pytestmark = pytest.mark.slow

RISK_OF = np.array([RISKS.index(DEFAULT_RULES[emotion]) for emotion in EMOTIONS])
KEYS = [
    *("majority", "tfidf_svm", "zero_shot", "zero_shot_calibrated", "few_shot_1", "few_shot_1_calibrated"),
    *("few_shot_2", "few_shot_2_calibrated", "few_shot_4", "few_shot_4_calibrated", "fine_tuned", "generate"),
    "generate_fine_tuned",
]
FIGURES = ("method_comparison", "confusion_matrices", "roc_pr", "reliability", "per_class", "training_curve")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    return evaluate_tiny_chat(tmp_path_factory.mktemp("evaluated"))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the pictures, which take seconds and do not affect the numbers."""
    monkeypatch.setattr("reports.evaluation.report._save_pictures", lambda *_: None)


@pytest.fixture
def found(done: Evaluated) -> dict[str, Any]:
    return done.found


def test_every_method_uses_one_base_in_tinyllamas_shape_and_chat_format(done: Evaluated) -> None:
    assert [method["key"] for method in done.found["methods"]] == KEYS
    assert all(method["emotion"]["test"]["n"] == 93 for method in done.found["methods"])
    (model,) = done.found["models"]
    assert "<|user|>" in model["prompt"]["before"]
    assert model["prompt"]["after"].rstrip().endswith("<|assistant|>")
    assert {method["model_id"] for method in done.found["methods"]} == {None, model["model_id"]}
    for method in done.found["methods"][2:]:
        assert method["texts_per_second"] > 0
        assert method["peak_memory_mb"] > 10


def test_training_is_what_makes_the_difference(done: Evaluated) -> None:
    zero, fine = (done.method(key)["emotion"]["test"]["metrics"] for key in ("zero_shot", "fine_tuned"))
    assert fine["macro_f1"]["low"] > zero["macro_f1"]["high"]
    row = next(row for row in done.found["comparisons"] if row["second"].startswith("zero_shot@"))
    assert row["emotion"]["mcnemar"]["p"] < 0.001
    assert row["emotion"]["macro_f1"]["low"] > 0


@pytest.mark.parametrize("key", ["fine_tuned", "zero_shot"])
def test_the_numbers_can_be_derived_again_with_scikit_learn(done: Evaluated, key: str) -> None:
    texts, labels = read_test(done.data)
    model = load_model(done.model, device="cpu", adapter=key == "fine_tuned")
    if key == "zero_shot":
        model = replace(model, temperature=1.0, exponent=1.0, sureness=0.0)
    p = LabelScorer(model).score(texts).probabilities
    values = {name: m["value"] for name, m in done.method(key)["emotion"]["test"]["metrics"].items()}
    predicted = p.argmax(axis=1)
    assert values["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert values["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert values["weighted_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="weighted"))
    assert values["log_loss"] == pytest.approx(sk.log_loss(labels, p), abs=1e-5)
    assert values["auroc"] == pytest.approx(
        sk.roc_auc_score(labels, p, multi_class="ovr", average="weighted"), abs=1e-5
    )
    risk = {name: m["value"] for name, m in done.method(key)["risk"]["test"]["metrics"].items()}
    truth, p_risk = RISK_OF[labels], p @ np.eye(3)[RISK_OF]
    assert risk["macro_f1"] == pytest.approx(sk.f1_score(truth, p_risk.argmax(axis=1), average="macro"))
    area = sk.average_precision_score(np.eye(3)[truth], p_risk, average="weighted")
    assert risk["pr_auc"] == pytest.approx(area, abs=1e-5)
    matrix = sk.confusion_matrix(truth, p_risk.argmax(axis=1))
    assert done.method(key)["risk"]["test"]["confusion"] == matrix.tolist()


def test_the_baselines_equal_those_made_with_scikit_learn(done: Evaluated) -> None:
    texts, labels = read_test(done.data)
    train = [line.rsplit(";", 1) for line in (done.data / "train.txt").read_text().splitlines()]
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LinearSVC(C=0.5, class_weight="balanced", random_state=0)
    model.fit(vectors.fit_transform([text for text, _ in train]), [label for _, label in train])
    predicted = model.predict(vectors.transform(texts))
    f1 = sk.f1_score([EMOTIONS[label] for label in labels], predicted, average="macro")
    svm, majority = done.method("tfidf_svm"), done.method("majority")
    assert svm["emotion"]["test"]["metrics"]["macro_f1"]["value"] == pytest.approx(f1)
    reason = "the method gives labels only, no probabilities"
    assert svm["risk"]["test"]["metrics"]["auroc"] == {"value": None, "reason": reason}
    assert majority["emotion"]["test"]["metrics"]["auroc"]["value"] == pytest.approx(0.5)


def test_few_shot_is_the_mean_of_its_draws_with_spread(done: Evaluated) -> None:
    for key in KEYS[4:10]:
        method = done.method(key)
        values = [draw["macro_f1"] for draw in method["draws"]]
        metric = method["emotion"]["test"]["metrics"]["macro_f1"]
        assert [draw["seed"] for draw in method["draws"]] == [0, 1, 2]
        assert metric["value"] == pytest.approx(np.mean(values))
        assert metric["spread"] == pytest.approx(np.std(values, ddof=1))
        (shown,) = (draw["macro_f1"] for draw in method["draws"] if draw["shown"])
        assert shown == np.median(values)
    tokens = [np.mean([d["prompt_tokens"] for d in done.method(f"few_shot_{k}")["draws"]]) for k in (1, 2, 4)]
    assert tokens[0] * 1.5 < tokens[1] < tokens[2] < 2048
    for shown in done.found["shown"][:2]:  # the charts hold the best variant of each family
        best = next(m for m in done.found["methods"] if m["id"] == shown)["emotion"]["test"]["metrics"]["macro_f1"]
        family = [m for m in done.found["methods"] if m["key"].startswith(shown[:8])]
        assert best["value"] == max(m["emotion"]["test"]["metrics"]["macro_f1"]["value"] for m in family)


def test_generated_answers_without_a_label_are_counted_and_wrong(done: Evaluated) -> None:
    base, tuned = done.method("generate"), done.method("generate_fine_tuned")
    assert base["unparseable"] == sum(base["emotion"]["test"]["unanswered"]) > 0
    assert base["unparseable_share"] == base["unparseable"] / 93
    assert base["emotion"]["test"]["metrics"]["accuracy"]["value"] <= 1 - base["unparseable_share"]
    assert tuned["unparseable"] < base["unparseable"]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (" Sadness.", "sadness"),
        ("I would say anger, not joy", "anger"),
        ("The emotion is LOVE", "love"),
        ("a lovely gloves", None),
        ("", None),
    ],
)
def test_an_answer_is_its_first_label_word(answer: str, label: str | None) -> None:
    assert parse(answer, plain_template()) == (EMOTIONS.index(label) if label else len(EMOTIONS))


def test_the_deduplicated_split_and_repeated_texts_are_counted(done: Evaluated) -> None:
    data = done.found["data"]
    assert data["splits"]["test"]["n"] == 93
    assert data["test_deduplicated"] == 90
    assert data["seen_elsewhere"] == 2
    assert (data["splits"]["test"]["repeated"], data["splits"]["test"]["disputed"]) == (1, 0)
    assert data["splits"]["train"]["classes"]["joy"] == {"n": 40, "share": pytest.approx(1 / 6)}
    assert done.method("fine_tuned")["risk"]["test_deduplicated"]["n"] == 90


def test_the_folder_holds_every_page_picture_and_report(done: Evaluated) -> None:
    names = {path.name for path in done.out.iterdir()}
    pictures = {f"{name}.{suffix}" for name in FIGURES for suffix in ("html", "png", "svg")}
    assert names == pictures | {
        *("index.html", "metrics.json", "Summary_Report.txt", "Technical_Report.md", "lora_emotion_final"),
        ".risk-monitor-evaluation",
    }
    for name in FIGURES:
        assert (done.out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert NOT_A_DIAGNOSIS in (done.out / f"{name}.svg").read_text().replace("&amp;", "&")
        assert NOT_A_DIAGNOSIS in (done.out / f"{name}.html").read_text()
    for name in ("index.html", "Summary_Report.txt", "Technical_Report.md", "metrics.json"):
        assert NOT_A_DIAGNOSIS in (done.out / name).read_text()


def test_every_cell_of_the_tables_is_the_metric_it_names(done: Evaluated, found: dict[str, Any]) -> None:
    summary, report = ((done.out / name).read_text() for name in ("Summary_Report.txt", "Technical_Report.md"))
    tables = {table.key: table for table in all_tables(found)}
    for table in tables.values():
        assert table.title in summary
        assert table.title in report
        for cell in [cell for row in table.rows for cell in row]:
            assert cell.replace("|", "\\|").replace("<", "&lt;") in report
    checked = 0
    for key, rows in expected_tables.expected(found).items():
        for row, numbers in zip(tables[key].rows, rows, strict=True):
            assert row[0] == numbers[0]
            for cell, values in zip(row[1:], numbers[1:], strict=True):
                assert expected_tables.cell_agrees(cell, values), (key, row, cell, values)
                checked += 1
    assert checked > 350
    assert set(tables) - set(expected_tables.expected(found)) == {"undefined"}
    assert "<table" in (done.out / "index.html").read_text()


def test_the_adapter_folder_scores_like_the_model(done: Evaluated) -> None:
    folder = done.out / "lora_emotion_final"
    assert {path.name for path in folder.iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}
    assert load_model(folder, device="cpu").model_id == load_model(done.model, device="cpu").model_id
    assert NOT_A_DIAGNOSIS in (folder / "README.md").read_text()


@pytest.mark.usefixtures("no_pictures")
def test_several_models_are_compared_and_a_repeated_one_is_left_out(done: Evaluated, tmp_path: Path) -> None:
    models = [done.model, done.data.parent / "base", done.out / "lora_emotion_final"]
    words = [word for model in models for word in ("--model", str(model))]
    options = ["--ways", "zero_shot,fine_tuned", "--resamples", "10", "--db", str(tmp_path / "risk.duckdb")]
    printed = run("evaluate", "--data", str(done.data), "--out", str(tmp_path / "out"), *words, *options)
    assert f"model {models[2]} is the same as {done.model}, and left out" in printed
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [model["name"] for model in found["models"]] == ["model", "base"]
    assert len({method["id"] for method in found["methods"]}) == len(found["methods"]) == 2 + 3 + 3
    assert found["methods"][-1]["reason"] == "the model has no adapter: train one"
    with duckdb.connect(tmp_path / "risk.duckdb", read_only=True) as con:
        baselines = con.execute(
            "SELECT count(DISTINCT model_id) FROM evaluations WHERE method = 'majority'"
        ).fetchone()
    assert baselines == (2,)


def test_the_gate_exits_3_with_the_lines_that_fail(done: Evaluated, found: dict[str, Any]) -> None:
    value = done.method("fine_tuned")["emotion"]["test"]["metrics"]["macro_f1"]["value"]
    name = f"fine_tuned@{found['models'][0]['model_id'][:8]}"
    assert f"gate: {name}: macro_f1 is {value:.4f}, and the limit is at least 0.999" in done.printed
    assert "log_loss is" not in done.printed
    assert [row["passed"] for row in found["gate"]] == [False, True]


def test_the_metrics_are_saved_in_the_database_with_their_model(done: Evaluated, found: dict[str, Any]) -> None:
    with duckdb.connect(done.db, read_only=True) as con:
        rows = con.execute(
            "SELECT value, lo, hi FROM evaluations JOIN models USING (model_id) "
            "WHERE split = 'test' AND method = 'fine_tuned' AND metric = 'risk_f1_high_risk'"
        ).fetchall()
        undefined = con.execute(
            "SELECT reason FROM evaluations WHERE method = 'tfidf_svm' AND metric = 'ece' AND value IS NULL"
        ).fetchall()
        methods = con.execute("SELECT DISTINCT method FROM evaluations ORDER BY method").fetchall()
    metric = done.method("fine_tuned")["risk"]["test"]["per_class"]["high_risk"]["f1"]
    assert rows == [(metric["value"], metric["low"], metric["high"])]
    assert undefined == [("the method gives labels only, no probabilities",)] * 2
    assert [name for (name,) in methods] == sorted(KEYS)


def test_the_table_in_a_readme_is_replaced_between_its_marks(done: Evaluated) -> None:
    text = done.readme.read_text()
    assert text.startswith("# Mine\n\n<!-- evaluation -->\n| method | macro-F1 (95%) |")
    assert text.endswith("<!-- end of evaluation -->\n\nmore\n")
    assert "old" not in text
    assert "| fine-tuned (LoRA) |" in text


def test_weak_segments_and_confident_mistakes_are_reported(done: Evaluated, found: dict[str, Any]) -> None:
    analysis = found["analysis"]
    assert sum(part["worst"] for part in analysis["segments"]) == 5
    assert sum(part["n"] for part in analysis["segments"] if part["by"] == "negation") == 93
    texts, labels = read_test(done.data)
    sure = [mistake["p_predicted"] for mistake in analysis["mistakes"]]
    assert sure == sorted(sure, reverse=True)
    first = analysis["mistakes"][0]
    assert first["text"] == texts[first["row"] - 1]
    assert first["labelled"] == EMOTIONS[labels[first["row"] - 1]] != first["predicted"]

"""The evaluate job: what it writes can be derived again from the data, and what is undefined says so."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from keyword_scorer import KeywordModel, KeywordScorer
from rich.console import Console
from sklearn import metrics as sk
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from jobs.evaluate import evaluate, print_table
from monitor.errors import ConfigError, DataError
from monitor.labels import DEFAULT_RULES, EMOTIONS, RISKS, RiskMap
from monitor.metrics import Metric, measure
from reports.evaluation import Method, confusion_frame, confusion_matrix, reliability, reliability_frame
from reports.palette import LIGHT

RISK_OF = [RISKS.index(DEFAULT_RULES[emotion]) for emotion in EMOTIONS]


def write_data(folder: Path, rows: dict[str, list[tuple[str, str]]]) -> str:
    folder.mkdir()
    for name, pairs in rows.items():
        (folder / f"{name}.txt").write_text("".join(f"{text};{label}\n" for text, label in pairs))
    return str(folder)


def rows_of(n: int, seed: int) -> list[tuple[str, str]]:
    """Texts that name their emotion three times in four, and another one otherwise."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        label = EMOTIONS[number % 6]
        named = label if rng.random() < 0.75 else EMOTIONS[rng.integers(6)]
        rows.append(
            (f"{rng.choice(['today', 'again', 'still'])} much {named} at place {seed}-{number}", label)
        )
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    train, test = rows_of(120, 1), rows_of(90, 2)
    test += [train[0], train[1]]  # two texts of train, to be dropped from the de-duplicated split
    folder = tmp_path_factory.mktemp("labelled") / "data"
    return write_data(folder, {"train": train, "val": rows_of(12, 3), "test": test})


@pytest.fixture(scope="module")
def done(data: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Method]]:
    """The folder that a run wrote, and what it returned."""
    out = tmp_path_factory.mktemp("evaluated") / "deep" / "out"
    return out, evaluate(data, ["keywords"], out, load=lambda _: KeywordScorer(), resamples=20)


@pytest.fixture
def found(done: tuple[Path, list[Method]]) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads((done[0] / "metrics.json").read_text())
    return numbers


def read_test(data: str) -> tuple[list[str], np.ndarray]:
    pairs = [line.rsplit(";", 1) for line in (Path(data) / "test.txt").read_text().splitlines()]
    return [text for text, _ in pairs], np.array([EMOTIONS.index(label) for _, label in pairs])


def test_every_number_of_the_model_can_be_derived_again(data: str, found: dict[str, Any]) -> None:
    method = found["methods"][-1]
    assert method["name"] == "keywords keywords"
    assert method["model_id"] == "keywords-1"
    assert method["texts_per_second"] > 0
    texts, labels = read_test(data)
    p = KeywordScorer().score(texts).probabilities
    emotion = {name: entry["value"] for name, entry in method["emotion"]["canonical"]["metrics"].items()}
    predicted = p.argmax(axis=1)
    assert emotion["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert emotion["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert emotion["weighted_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="weighted"))
    risk = {name: entry["value"] for name, entry in method["risk"]["canonical"]["metrics"].items()}
    membership = np.eye(3)[RISK_OF]
    truth, p_risk = np.array(RISK_OF)[labels], p @ membership
    assert risk["macro_f1"] == pytest.approx(sk.f1_score(truth, p_risk.argmax(axis=1), average="macro"))
    assert risk["auroc"] == pytest.approx(
        sk.roc_auc_score(truth, p_risk, multi_class="ovr", average="weighted")
    )
    assert risk["pr_auc"] == pytest.approx(
        sk.average_precision_score(np.eye(3)[truth], p_risk, average="weighted")
    )
    matrix = sk.confusion_matrix(truth, p_risk.argmax(axis=1))
    assert method["risk"]["canonical"]["confusion"] == matrix.tolist()


def test_the_floors_are_what_scikit_learn_makes_of_them(data: str, found: dict[str, Any]) -> None:
    majority, svm = found["methods"][:2]
    texts, labels = read_test(data)
    train = [line.rsplit(";", 1) for line in (Path(data) / "train.txt").read_text().splitlines()]
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LinearSVC(C=0.5, class_weight="balanced", random_state=0)
    model.fit(vectors.fit_transform([text for text, _ in train]), [label for _, label in train])
    predicted = model.predict(vectors.transform(texts))
    f1 = sk.f1_score([EMOTIONS[label] for label in labels], predicted, average="macro")
    assert svm["emotion"]["canonical"]["metrics"]["macro_f1"]["value"] == pytest.approx(f1)
    assert svm["risk"]["canonical"]["metrics"]["auroc"] == {
        "value": None,
        "reason": "the method gives labels only, no probabilities",
    }
    assert majority["emotion"]["canonical"]["metrics"]["auroc"]["value"] == pytest.approx(0.5)
    assert majority["emotion"]["canonical"]["metrics"]["accuracy"]["value"] == (labels == 0).mean()


def test_the_deduplicated_split_leaves_out_the_texts_of_train(data: str, found: dict[str, Any]) -> None:
    assert found["data"] == {"source": data, "n_train": 120, "canonical": 92, "deduplicated": 90}
    for method in found["methods"]:
        assert method["emotion"]["canonical"]["n"] == 92
        assert method["risk"]["deduplicated"]["n"] == 90


def test_folder_holds_numbers_text_and_pictures(
    done: tuple[Path, list[Method]], found: dict[str, Any]
) -> None:
    out, _ = done
    assert {path.name for path in out.iterdir()} == {
        *("metrics.json", "summary.txt", "confusion_matrices.png", "confusion_matrices.svg"),
        *("reliability.png", "reliability.svg"),
    }
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")
    summary = (out / "summary.txt").read_text()
    for method in found["methods"]:
        assert method["name"] in summary
        for kind in ("emotion", "risk"):
            for metric in method[kind]["canonical"]["metrics"].values():
                assert (
                    f"undefined: {metric['reason']}" if metric["value"] is None else f"{metric['value']:.4f}"
                ) in summary


def test_a_class_without_examples_makes_macro_f1_undefined_not_zero(tmp_path: Path) -> None:
    test = [row for row in rows_of(30, 2) if row[1] != "surprise"]
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": test})
    methods = evaluate(data, ["k"], tmp_path / "out", load=lambda _: KeywordScorer(), resamples=0)
    metrics = methods[-1].emotion["canonical"].metrics
    assert metrics["macro_f1"] == Metric(None, reason="no example of surprise")
    assert (metrics["weighted_f1"].value or 0) > 0


def test_one_row_and_a_train_split_of_one_class_are_told_not_hidden(tmp_path: Path) -> None:
    rows = {"train": [("only joy here", "joy")], "test": [("so much joy", "joy")]}
    out = tmp_path / "out"
    data = write_data(tmp_path / "data", rows)
    _, svm, model = evaluate(data, ["k"], out, load=lambda _: KeywordScorer(), resamples=20)
    assert svm.emotion == {}
    assert "class" in (svm.reason or "")
    assert f"not measured: {svm.reason}" in (out / "summary.txt").read_text()
    assert model.emotion["canonical"].metrics["accuracy"] == Metric(1.0, 1.0, 1.0)
    assert model.emotion["canonical"].metrics["auroc"].value is None


def test_models_with_another_risk_map_are_not_compared(data: str, tmp_path: Path) -> None:
    other = RiskMap({**DEFAULT_RULES, "fear": "high_risk"})
    scorers = {
        "a": KeywordScorer(),
        "b": KeywordScorer(replace(KeywordModel(), risk_map=other)),
    }
    with pytest.raises(ConfigError, match="model b maps emotions to risks unlike a"):
        evaluate(data, ["a", "b"], tmp_path / "out", load=scorers.__getitem__, resamples=0)


def test_out_that_is_a_file_and_data_without_train_are_refused_before_a_model_is_loaded(
    data: str, tmp_path: Path
) -> None:
    def never(name: str) -> KeywordScorer:
        raise AssertionError(f"{name} was loaded")

    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write there"):
        evaluate(data, ["m"], tmp_path / "file", load=never)
    lone = write_data(tmp_path / "lone", {"test": rows_of(6, 1)})
    with pytest.raises(DataError, match="no train split"):
        evaluate(lone, ["m"], tmp_path / "out", load=never)


def test_the_table_shows_each_method_with_a_dash_for_what_is_undefined(
    done: tuple[Path, list[Method]],
) -> None:
    _, methods = done
    console = Console(width=118, record=True, file=io.StringIO())
    print_table(methods, console)
    lines = console.export_text().splitlines()
    assert len(lines) == 1 + len(methods)
    assert "–" in lines[2]
    macro = methods[-1].emotion["canonical"].metrics["macro_f1"]
    assert f"{macro.value:.3f} ({macro.low:.3f}–{macro.high:.3f})" in lines[3]


def test_charts_hold_the_counts_and_the_bins() -> None:
    labels, p = np.array([0, 1, 2, 2]), np.eye(3)[[0, 1, 1, 2]] * 0.7 + 0.1
    found = measure(labels, p.argmax(axis=1), RISKS, p, resamples=0)
    cells = confusion_frame(found)
    assert cells.filter(pl.col("true") == "high_risk")["share"].to_list() == [0.0, 0.5, 0.5]
    assert cells["label"].to_list()[0] == "100%\n1"
    spec = confusion_matrix(cells, RISKS, LIGHT, "risk").to_dict()
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["rect", "text"]
    assert spec["layer"][0]["encoding"]["y"]["sort"] == list(RISKS)
    bins = reliability_frame(found)
    assert bins["n"].to_list() == [4]
    assert bins["accuracy"].to_list() == [0.75]
    assert bins["confidence"].to_list() == [pytest.approx(0.8)]
    marks = reliability(bins, LIGHT, "risk").to_dict()["vconcat"]
    assert [layer["mark"]["type"] for layer in marks[0]["layer"]] == ["bar", "line", "point"]


@pytest.mark.slow
def test_the_embedded_model_beats_the_floor_on_the_real_test_split(data_dir: Path, tmp_path: Path) -> None:
    methods = evaluate(str(data_dir / "emotion"), ["embedded"], tmp_path, resamples=0)
    _, floor, model = (method.emotion["canonical"].metrics["macro_f1"].value or 0 for method in methods)
    assert 0.80 < floor < 0.86
    assert model > max(floor, 0.85)
    assert methods[-1].emotion["deduplicated"].n == 1986

"""risk-monitor calibrate: few labels make probabilities mean what they say, and never touch the scores."""

from pathlib import Path

import numpy as np
import pytest

from jobs.calibrate import calibrate, command, read_labels
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError, DataError
from monitor.evaluation.platt import Platt, calibration_error, recalibrate
from tests.support.keyword_scorer import KeywordScorer


def drawn(n: int, seed: int, slope: float = 0.4, intercept: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Signals (n,), and labels whose log-odds are slope * logit(signal) + intercept."""
    rng = np.random.default_rng(seed)
    signal = rng.beta(0.8, 0.8, n)
    return signal, rng.random(n) < Platt(slope, intercept).apply(signal)


def test_recalibration_finds_the_line_and_lowers_the_error() -> None:
    signal, yes = drawn(3000, 1)
    fitted = recalibrate(signal, yes)
    assert fitted.platt.slope == pytest.approx(0.4, abs=0.06)
    assert fitted.platt.intercept == pytest.approx(-1.0, abs=0.1)
    assert fitted.ece_before == pytest.approx(calibration_error(signal, yes))
    assert fitted.ece_after < 0.3 * fitted.ece_before


def test_few_labels_of_a_calibrated_signal_change_little() -> None:
    gained = []
    for seed in range(20):
        signal, yes = drawn(40, seed, 1.0, 0.0)
        new = recalibrate(signal, yes).platt.apply(np.array([0.2, 0.5, 0.8]))
        gained.append(np.abs(new - [0.2, 0.5, 0.8]).max())
    assert np.mean(gained) < 0.15


def test_too_few_labels_are_refused() -> None:
    signal, yes = drawn(29, 0)
    with pytest.raises(DataError, match="29 labelled texts; a calibration needs 30 or more"):
        recalibrate(signal, yes)
    with pytest.raises(DataError, match="2 yes and 98 no"):
        recalibrate(np.linspace(0.1, 0.9, 100), np.arange(100) < 2)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrate")
    rows = [f"d{n},s,2026-01-01,{n} {'sadness' if n % 2 else 'joy'}\n" for n in range(60)]
    (folder / "feed.csv").write_text("doc_id,subject_id,posted_at,text\n" + "".join(rows))
    score_files([folder / "feed.csv"], Database(folder / "risk.duckdb"), KeywordScorer, key_file=folder / "key")
    return folder / "risk.duckdb"


@pytest.mark.parametrize("column", ["doc_id", "text"])
def test_labels_by_id_or_text_are_kept_beside_the_scores(db: Path, tmp_path: Path, column: str) -> None:
    keys = [f"d{n}" if column == "doc_id" else f"{n} {'sadness' if n % 2 else 'joy'}" for n in range(60)]
    lines = [f"{key},{'yes' if n % 2 or n % 5 == 0 else 'no'}\n" for n, key in enumerate(keys)]
    (tmp_path / "labels.csv").write_text(f"{column},label\n" + "".join(lines))
    scores = "SELECT * FROM scores ORDER BY doc_id"
    before = Database(db).connect(read_only=True).execute(scores).fetchall()
    name, fitted, n, n_yes = calibrate(
        tmp_path / "labels.csv", Database(db), db.with_name("key"), "p_high", KeywordScorer
    )
    assert (n, n_yes) == (60, 36)
    with Database(db).reading() as con:
        assert con.execute(scores).fetchall() == before
        rows = con.execute(
            "SELECT p_before, p FROM calibrated_scores WHERE calibration_id = ? ORDER BY doc_id", [name]
        ).fetchall()
    assert len(rows) == 60
    p_before, p = np.array(rows).T
    assert p == pytest.approx(fitted.platt.apply(p_before))


@pytest.mark.slow
def test_labels_without_a_score_are_counted_aloud(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{'d' if n < 50 else 'gone'}{n},{'yes' if n % 2 or n % 5 == 0 else 'no'}\n" for n in range(60)]
    labels = tmp_path / "labels.csv"
    labels.write_text("doc_id,label\n" + "".join(lines))
    *_, n, _ = calibrate(labels, Database(db), db.with_name("key"), "p_high", KeywordScorer)
    assert n == 50
    assert "10 of 60 labels are not used: their ids have no score" in " ".join(capsys.readouterr().err.split())


def test_labels_of_a_snapshot_are_lost_because_of_its_key(tmp_path: Path) -> None:
    feed, key = tmp_path / "feed.csv", tmp_path / "key"
    feed.write_text("doc_id,subject_id,posted_at,text\nd1,s,2026-01-01,a line of joy\n")
    score_files([feed], Database(tmp_path / "risk.duckdb"), KeywordScorer, key_file=key)
    snapshot = Database(publish(Database(tmp_path / "risk.duckdb"), tmp_path / "snapshot"))
    labels = tmp_path / "labels.csv"
    labels.write_text("doc_id,label\nd1,yes\n")
    with pytest.raises(DataError, match=r"1 of the ids have no score .* does not record the key of its ids"):
        calibrate(labels, snapshot, key, "p_high", KeywordScorer)


def test_an_id_of_a_document_may_be_written_as_excel_writes_it(tmp_path: Path) -> None:
    rows = [f"{n},s,2026-01-01,{n} {'sadness' if n % 2 else 'joy'}\n" for n in range(1, 61)]
    (tmp_path / "feed.csv").write_text("doc_id,subject_id,posted_at,text\n" + "".join(rows))
    db, key = Database(tmp_path / "risk.duckdb"), tmp_path / "key"
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, key_file=key)
    lines = [f"{n}.0,{'yes' if n % 2 else 'no'}\n" for n in range(1, 61)]
    (tmp_path / "labels.csv").write_text("doc_id,label\n" + "".join(lines))
    assert calibrate(tmp_path / "labels.csv", db, key, "p_high", KeywordScorer)[2] == 60


def test_a_label_that_comes_twice_counts_once_in_any_spelling_of_its_id(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("doc_id,label\n7,yes\n7.0,yes\nd1,no\nd1,no\n")
    frame, column = read_labels(labels)
    assert (frame.rows(), column) == ([(2, "7", True), (4, "d1", False)], "doc_id")
    labels.write_text("text,label\n7,yes\n7.0,no\n")
    assert read_labels(labels)[0].rows() == [(2, "7", True), (3, "7.0", False)]


def test_no_message_quotes_a_text(tmp_path: Path, db: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,text\nmy secret diary,yes\n")
    with pytest.raises(DataError) as error:
        calibrate(tmp_path / "labels.csv", Database(db), db.with_name("key"), "p_high", KeywordScorer)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\nd1,yes\n", "give the columns doc_id"),
        ("doc_id,label\nd1,maybe\n", "row 2: column label is neither yes nor no"),
        ("doc_id,label\nd1,yes,no\n", "row 2: 3 cells, and the header has 2"),
        ("text,text,label\na,b,yes\n", "two columns are called text"),
        ("text;label\na;yes\n", "commas do not separate its columns"),
        ('text,label\n"never closed,yes\n', "line 2: not a CSV"),
        ("doc_id,label\nd1,yes\nd1,no\n", "row 3: row 2 has another label"),
        ("doc_id,label\n7,yes\n7.0,no\n", "row 3: row 2 has another label"),
        ("doc_id,label\nd1,yes\nd999,no\n", "1 labelled texts; .* 1 of the ids have no score"),
    ],
)
def test_a_mistake_in_the_labels_is_one_clear_line(db: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        calibrate(tmp_path / "labels.csv", Database(db), db.with_name("key"), "p_high", KeywordScorer)


def test_a_model_beside_labels_by_id_is_refused_because_they_are_scored(db: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("doc_id,label\nd1,yes\n")
    with pytest.raises(ConfigError, match="--model nonsense: labels by doc_id use the scores"):
        command(tmp_path / "labels.csv", db=db, model="nonsense")

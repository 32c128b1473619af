"""risk-monitor validate: from a scored database and a file of outcomes to the page and validation.json."""

import json
import shutil
import stat
import unicodedata
from pathlib import Path

import duckdb
import pytest

from jobs.pipeline.score_files import score_files
from jobs.validate import command
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError, DataError
from reports.evaluation.outcomes import tables
from tests.support.keyword_scorer import KeywordScorer


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 subjects of two cohorts with five texts each; every second one is sad. Their ids are pseudonyms."""
    folder = tmp_path_factory.mktemp("validate")
    rows = [
        f"s{who},2026-01-{day:02d},{day} {'sadness' if who % 2 else 'joy'} {who},{'x' if who < 35 else 'y'}\n"
        for who in range(40)
        for day in range(10, 15)
    ]
    (folder / "feed.csv").write_text("subject_id,posted_at,text,source\n" + "".join(rows))
    path = folder / "risk.duckdb"
    score_files([folder / "feed.csv"], Database(path), KeywordScorer, key_file=folder / "risk.duckdb.key")
    return path


def outcomes(path: Path, more: str = "") -> Path:
    rows = [
        f"s{who},2026-01-15,phq9,{(14 if who % 2 else 4) + who % 3 - 6 * (who in (3, 7, 15))}\n" for who in range(40)
    ]
    path.write_text("subject_id,date,name,value\n" + "".join(rows) + more)
    return path


def test_outcomes_of_raw_ids_meet_the_scores_of_their_pseudonyms(db: Path, tmp_path: Path) -> None:
    more = "s1,2025-01-01,phq9,5\nnobody,2026-01-15,phq9,5\ns1,2026-03-15,phq9,5\ns2,2026-01-15,phq9,99\n"
    command(outcomes(tmp_path / "o.csv", more), db=db, out=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    counts = found["counts"]
    assert (counts["n_before"], counts["n_unknown"], counts["n_few_texts"], counts["n_rejected"]) == (1, 1, 1, 1)
    assert found["rejects"][0]["row"] == 45
    assert (found["everyone"]["n"], found["everyone"]["n_subjects"]) == (40, 40)
    assert found["everyone"]["sensitivity"]["value"] > 0.9
    assert found["everyone"]["auroc"]["low"] > 0.5
    assert found["cohorts"]["x"]["auroc"]["value"] is not None
    assert found["cohorts"]["y"]["auroc"]["reason"] == "5 subjects, and 30 are needed"
    html = (tmp_path / "out" / "index.html").read_text()
    assert "Not a diagnosis" in html or "diagnosis" in html
    assert "undefined: 5 subjects, and 30 are needed" in html
    assert "s1" not in json.dumps(found["rejects"])
    named_alike = tables({**found, "cohorts": {"everyone": found["cohorts"]["y"]}})[0]
    assert named_alike.columns == ("measure", "everyone", "everyone")
    assert named_alike.rows[0] == ("outcomes", "40", "5")


def test_an_id_in_two_spellings_is_one_outcome_a_day(db: Path, tmp_path: Path) -> None:
    command(outcomes(tmp_path / "o.csv", "s1\u200b,2026-01-15,phq9,1\n"), db=db, out=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert (found["everyone"]["n"], found["counts"]["n_repeated"], found["counts"]["n_averaged"]) == (40, 1, 1)


def test_a_cohort_and_a_folder_may_look_like_marks_of_style(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(db, tmp_path / "risk.duckdb")
    with duckdb.connect(tmp_path / "risk.duckdb") as con:
        con.execute("UPDATE scores SET cohort = '[/x]' WHERE cohort = 'x'")
    shutil.copy(db.with_name("risk.duckdb.key"), tmp_path)
    command(outcomes(tmp_path / "o.csv"), db=tmp_path / "risk.duckdb", out=tmp_path / "[red]")
    told = capsys.readouterr().out
    assert "[/x]" in told
    assert str(tmp_path / "[red]" / "index.html") in told


@pytest.mark.slow
def test_an_id_may_be_written_as_excel_and_keyboards_write_it(tmp_path: Path) -> None:
    people = [*map(str, range(1, 31)), "josé"]
    rows = [f"{who},2026-01-{day},{day} joy {who}\n" for who in people for day in range(10, 15)]
    (tmp_path / "feed.csv").write_text("subject_id,posted_at,text\n" + "".join(rows))
    path = tmp_path / "risk.duckdb"
    score_files([tmp_path / "feed.csv"], Database(path), KeywordScorer, key_file=tmp_path / "risk.duckdb.key")
    written = [*(f" {who}.0" for who in people[:-1]), unicodedata.normalize("NFD", "josé")]
    lines = [f"{who},2026-01-15,phq9,{number % 20}\n" for number, who in enumerate(written)]
    (tmp_path / "o.csv").write_text("subject_id,date,name,value\n" + "".join(lines))
    command(tmp_path / "o.csv", db=path, out=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert (found["counts"]["n_unknown"], found["everyone"]["n_subjects"]) == (0, 31)


def test_outcomes_that_need_a_missing_key_say_so(db: Path, tmp_path: Path) -> None:
    shutil.copy(db, tmp_path / "risk.duckdb")
    with pytest.raises(DataError, match=r"40 outcomes of subjects without a score.*; the key is not here"):
        command(outcomes(tmp_path / "o.csv"), db=tmp_path / "risk.duckdb", out=tmp_path / "out")


def test_snapshot_says_that_it_does_not_record_its_key(db: Path, tmp_path: Path) -> None:
    snapshot = publish(Database(db), tmp_path / "snapshot")
    copy = Path(shutil.copy(snapshot, tmp_path / "copy.duckdb"))
    for path in (snapshot, copy):
        shutil.copy(db.with_name("risk.duckdb.key"), path.with_name(f"{path.name}.key"))
        with pytest.raises(DataError, match=r"40 outcomes of subjects without a score.*: name the database itself"):
            command(outcomes(tmp_path / "o.csv"), db=path, out=tmp_path / "out")


def test_outcomes_without_texts_before_them_are_refused_with_counts(db: Path, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("subject_id,date,name,value\nnobody,2026-01-15,phq9,5\n")
    with pytest.raises(DataError, match=r"no outcome has 5 texts .*1 outcomes of subjects without a score"):
        command(tmp_path / "o.csv", db=db, out=tmp_path / "out")
    with pytest.raises(ConfigError, match="--window 0"):
        command(tmp_path / "o.csv", db=db, window=0, out=tmp_path / "out")


def test_reasons_hold_no_content_of_cells_and_the_files_are_private(db: Path, tmp_path: Path) -> None:
    more = "s1,a note about Maria,phq9,5\ns2,2026-01-15,phq9,a note about Maria\n"
    command(outcomes(tmp_path / "o.csv", more), db=db, out=tmp_path / "out")
    files = [tmp_path / "out" / name for name in ("validation.json", "index.html")]
    assert json.loads(files[0].read_text())["counts"]["n_rejected"] == 2
    for file in files:
        assert "Maria" not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

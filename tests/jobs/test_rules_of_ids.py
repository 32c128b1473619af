"""The rules of ids ([ids]) that a database was filled with: other rules are refused, and given ids follow them."""

from pathlib import Path
from typing import Any

import pytest

from jobs.forget import forget_subject
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.people import open_roster
from jobs.pipeline.score_files import score_files
from jobs.score import command as score
from jobs.validate import validate
from jobs.who import who
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.database.snapshot import NAME
from monitor.errors import ConfigError
from monitor.intake.row_rules import IdRules
from monitor.settings import Settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.lakes import control

FOLDED = IdRules(casefold=True)


def settings(folder: Path, **given: Any) -> Settings:
    (folder / "inbox").mkdir(exist_ok=True)
    paths = {"db": "risk.duckdb", "inbox": "inbox", "out": "out", "snapshot": "snapshot"}
    return Settings(settle_s=0, **{key: folder / path for key, path in paths.items()}, **given)


def feed(path: Path, subject: str, day: int = 1) -> Path:
    return write(path, f"subject_id,posted_at,text\n{subject},2026-01-{day:02d},joy of day {day}\n")


def rules_of(db: Database) -> list[tuple[Any, ...]]:
    with db.reading() as con:
        return con.execute("SELECT casefold, strip FROM id_rules").fetchall()


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
def test_a_night_with_other_rules_of_ids_is_refused(tmp_path: Path) -> None:
    first = settings(tmp_path, ids=FOLDED)
    feed(first.inbox / "1.csv", "Anna")
    run_pipeline(first, KeywordScorer, report=False)
    changed = settings(tmp_path)
    feed(first.inbox / "2.csv", "Anna", 2)
    message = r"risk.duckdb: its ids were read with \[ids\] casefold = true, strip = false, .* \(score: --casefold\)"
    for job in ("nightly", "watch"):
        with pytest.raises(ConfigError, match=message):
            run_pipeline(changed, KeywordScorer, job)
    db, key = Database(first.db), first.db.with_name("risk.duckdb.key")
    with pytest.raises(ConfigError, match=message):
        score_files([first.inbox / "2.csv"], db, KeywordScorer, key_file=key)
    run_pipeline(first, KeywordScorer)
    with db.reading() as con:
        assert con.execute("SELECT count(*), count(DISTINCT subject_id) FROM documents").fetchall() == [(2, 1)]
    assert rules_of(db) == rules_of(Database(first.snapshot / NAME)) == [(True, False)]


def test_rules_of_ids_may_change_while_a_database_has_no_subject(tmp_path: Path) -> None:
    first = settings(tmp_path)
    run_pipeline(first, KeywordScorer, report=False)
    assert rules_of(Database(first.db)) == [(False, False)]
    run_pipeline(settings(tmp_path, ids=FOLDED), KeywordScorer, report=False)
    assert rules_of(Database(first.db)) == [(True, False)]


def test_an_older_database_takes_the_rules_of_its_first_night(tmp_path: Path) -> None:
    folded = settings(tmp_path, ids=FOLDED)
    feed(folded.inbox / "1.csv", "Anna")
    run_pipeline(folded, KeywordScorer, report=False)
    db, key = Database(folded.db), folded.db.with_name("risk.duckdb.key")
    with db.writing() as con:
        con.execute("DELETE FROM id_rules")  # as in a database of before the table
    score_files([feed(tmp_path / "2.csv", "Berta", 2)], db, KeywordScorer, key_file=key)
    assert rules_of(db) == [], "a score without the settings does not tell the rules of the nights"
    run_pipeline(folded, KeywordScorer, report=False)
    assert rules_of(db) == [(True, False)]
    with pytest.raises(ConfigError, match="the rules of its ids were recorded on "):
        run_pipeline(settings(tmp_path), KeywordScorer, report=False)


@pytest.mark.slow
@pytest.mark.parametrize("had_nights", [False, True])
def test_a_night_without_rules_records_its_own_only_after_other_nights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], had_nights: bool
) -> None:
    night = settings(tmp_path)
    db, key = Database(night.db), night.db.with_name("risk.duckdb.key")
    if had_nights:
        feed(night.inbox / "1.csv", "Anna")
        run_pipeline(night, KeywordScorer, report=False)
    else:
        score_files([feed(tmp_path / "1.csv", "Anna")], db, KeywordScorer, key_file=key, ids=FOLDED)
    with db.writing() as con:
        con.execute("DELETE FROM id_rules")  # as in a database of before the table
    run_pipeline(night, KeywordScorer, report=False)
    told = " ".join(capsys.readouterr().err.split())
    assert ("the rules by which its ids were read are not recorded" in told) != had_nights
    assert rules_of(db) == ([(False, False)] if had_nights else [])


@pytest.mark.slow
def test_older_database_records_only_rules_that_a_score_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jobs.score.open_scorer", lambda **_: KeywordScorer())
    db = Database(tmp_path / "risk.duckdb")
    first = [str(feed(tmp_path / "1.csv", "Anna"))]
    score(first, db=db.path, casefold=True)
    with db.writing() as con:
        con.execute("DELETE FROM id_rules")  # as in a database of before the table
    assert "not recorded" not in capsys.readouterr().err
    score([str(feed(tmp_path / "2.csv", "berta", 2))], db=db.path)
    assert "the rules by which its ids were read are not recorded" in " ".join(capsys.readouterr().err.split())
    assert rules_of(db) == []
    score(first, db=db.path, casefold=True)
    assert rules_of(db) == [(True, False)]
    assert "not recorded" not in capsys.readouterr().err
    with pytest.raises(
        ConfigError, match=r"the rules of its ids were recorded on 2\d{3}-\d\d-\d\d as \[ids\] casefold"
    ):
        score(first, db=db.path)


@pytest.mark.slow
def test_older_database_records_rules_that_its_settings_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jobs.score.open_scorer", lambda **_: KeywordScorer())
    db = Database(tmp_path / "risk.duckdb")
    first = [str(feed(tmp_path / "1.csv", "Anna"))]
    score(first, db=db.path)
    with db.writing() as con:
        con.execute("DELETE FROM id_rules")
    config = write(tmp_path / "settings.toml", 'db = "risk.duckdb"\n[ids]\ncasefold = false\n')
    score(first, db=db.path, config=config)
    assert rules_of(db) == [(False, False)]


@pytest.mark.slow
def test_given_ids_follow_the_rules_of_the_database(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The settings' rules were changed since, or are not at hand."""
    db, key = Database(tmp_path / "risk.duckdb"), tmp_path / "risk.duckdb.key"
    source = feed(tmp_path / "1.csv", "Anna")
    score_files([source], db, KeywordScorer, key_file=key, ids=FOLDED)
    roster = write(tmp_path / "roster.csv", "subject_id,name\nANNA,Ana Novak\n")
    outcomes = write(
        tmp_path / "outcomes.csv", "subject_id,date,name,value\nANNA,2026-01-02,phq9,12\nAnna,2026-01-03,phq9,1\n"
    )
    for rules in (None, IdRules()):
        assert who(db, "ANNA", key, roster, rules)[1] == "Ana Novak"
        assert list(open_roster(db, roster, key, rules).names.values()) == ["Ana Novak"]
        counts = validate(outcomes, db, key, "phq9>=10", 14, AlertRules(min_texts=1), rules)["counts"]
        assert counts["n_unknown"] == 0
    forget_subject(db, "ANNA", settings(tmp_path))
    assert f"{source} is your file and still names this subject" in " ".join("".join(capfd.readouterr()).split())
    with db.reading() as con:
        assert con.execute("FROM documents").fetchall() == []


@pytest.mark.slow
def test_a_control_file_has_the_rules_of_lake_ingest(tmp_path: Path) -> None:
    ingest_files([feed(tmp_path / "1.csv", "Anna")], str(tmp_path / "lake"), key_file=None)
    for _ in range(2):
        db = control(tmp_path / "lake", tmp_path / "lake.duckdb")
        assert rules_of(db) == [(False, False)]

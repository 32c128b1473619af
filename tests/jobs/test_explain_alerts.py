"""The night weighs the words of the texts behind open alerts, once, and within its share of the work."""

import shutil
from pathlib import Path

import pytest

from jobs.pipeline import explain_alerts as step
from jobs.pipeline.explain_alerts import explain_alerts
from jobs.pipeline.score_files import score_files
from jobs.query import run_query
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.privacy.forgetting import forget
from tests.explanation.test_occlusion import WordScorer
from tests.support.keyword_scorer import KeywordScorer


class Both(WordScorer, KeywordScorer):
    """Scores by keywords, and explains by words."""

    def __init__(self) -> None:
        KeywordScorer.__init__(self)
        self.n_calls = 0


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    rows = [
        f"{subject},2026-01-{day:02d},worthless again {day} I want to kill myself"
        for subject in "ab"
        for day in (5, 6)
    ]
    (folder / "feed.csv").write_text("\n".join(["subject_id,posted_at,text", *rows, "c,2026-01-05,calm", ""]))
    score_files([folder / "feed.csv"], Database(folder / "risk.duckdb"), Both)
    return folder / "risk.duckdb"


@pytest.fixture
def db(scored: Path, tmp_path: Path) -> Database:
    return Database(Path(shutil.copy(scored, tmp_path)))


def rows(db: Database, sql: str) -> list[tuple]:
    return list(run_query(db, sql).rows)


@pytest.mark.slow
def test_the_words_behind_open_alerts_are_weighed_once(db: Database) -> None:
    ((run_id,),) = rows(db, "SELECT run_id FROM runs")
    assert explain_alerts(db, Both(), run_id, AlertRules()) == 4, (
        "the texts of the day that opened each alert, and those of the cards"
    )
    found = rows(
        db,
        "SELECT substr(d.text, w.first + 1, w.last - w.first), adds_high FROM word_weights AS w"
        " JOIN documents AS d USING (doc_id) WHERE adds_high > 0.5 ORDER BY d.subject_id, d.posted_at, w.first",
    )
    assert [word for word, _ in found] == ["worthless", "again"] * 4
    assert [weight for _, weight in found] == pytest.approx([2.0, 1.0] * 4)
    assert explain_alerts(db, Both(), run_id, AlertRules()) == 0
    with db.only_writer():
        forget(db, ["a"])
    assert rows(db, "SELECT count(DISTINCT doc_id) FROM word_weights") == [(2,)]


@pytest.mark.slow
def test_what_exceeds_the_share_is_left_for_the_next_run(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ((run_id,),) = rows(db, "SELECT run_id FROM runs")
    monkeypatch.setattr(step, "LEAST_TOKENS", 300)
    assert explain_alerts(db, Both(), run_id, AlertRules()) == 1
    assert explain_alerts(db, Both(), run_id, AlertRules()) == 1


@pytest.mark.slow
def test_the_tokens_of_the_question_count_for_each_half(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ((run_id,),) = rows(db, "SELECT run_id FROM runs")
    monkeypatch.setattr(step, "LEAST_TOKENS", 1500)
    monkeypatch.setattr(Both, "tokens_beside_text", 10)
    assert explain_alerts(db, Both(), run_id, AlertRules()) == 1


def test_a_scorer_without_log_odds_explains_nothing(db: Database) -> None:
    assert explain_alerts(db, KeywordScorer(), "run", AlertRules()) == 0

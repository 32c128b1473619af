"""A run stores the criteria of each text and the crisis wording in it, and alerts on crisis wording at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.pipeline.score_files import score_files
from jobs.query import run_query
from monitor.crisis import CrisisList
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.labels import CRITERIA
from monitor.privacy.forgetting import forget
from monitor.settings import load_settings
from tests.support.keyword_scorer import KeywordModel, KeywordScorer, KeywordScores

LIMITS = dict.fromkeys((*CRITERIA, "any"), 0.5)
FEED = """subject_id,posted_at,text
a,2026-01-05,I want to kill myself
a,2026-01-06,no sleep and no energy
b,2026-01-05,joy at the lake
c,2026-01-05,my friend wants to kill himself
"""


class CriteriaScorer(KeywordScorer):
    """Shows each criterion that a text names."""

    def __init__(self) -> None:
        super().__init__(KeywordModel(model_id="criteria-1", criteria_limits=LIMITS))

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> KeywordScores:
        plain = super().score(texts, progress)
        criteria = np.array([[0.9 if name in text else 0.1 for name in CRITERIA] for text in texts])
        return KeywordScores(plain.probabilities, plain.n_tokens, plain.truncated, criteria, criteria.max(axis=1))


@pytest.fixture
def db(tmp_path: Path) -> Database:
    (tmp_path / "feed.csv").write_text(FEED)
    return Database(tmp_path / "risk.duckdb")


def rows(db: Database, sql: str) -> list[tuple]:
    return list(run_query(db, sql).rows)


@pytest.mark.slow
def test_criteria_above_their_limits_are_named(db: Database) -> None:
    score_files([db.path.with_name("feed.csv")], db, CriteriaScorer)
    named = rows(db, "SELECT criteria, round(p_any, 1) FROM scores JOIN documents USING (doc_id) ORDER BY text")
    assert named == [("", 0.1), ("", 0.1), ("", 0.1), ("energy,sleep", 0.9)]
    assert rows(db, "SELECT round(s_sleep, 1) FROM latest_scores WHERE criteria <> ''") == [(0.9,)]


@pytest.mark.slow
def test_a_model_without_the_question_leaves_the_columns_empty(db: Database) -> None:
    score_files([db.path.with_name("feed.csv")], db, KeywordScorer)
    assert rows(db, "SELECT count(*), count(p_any), count(criteria), count(s_mood) FROM scores") == [(4, 0, 0, 0)]


@pytest.mark.slow
def test_crisis_wording_is_kept_with_its_place_and_raises_its_alert(db: Database) -> None:
    score_files([db.path.with_name("feed.csv")], db, KeywordScorer)
    found = rows(
        db,
        "SELECT m.subject_id, m.state, substr(d.text, m.first + 1, m.last - m.first) FROM mentions AS m "
        "JOIN documents AS d USING (doc_id) ORDER BY ALL",
    )
    assert [(subject, state) for subject, state, _ in found] == [("a", "raised"), ("c", "held")]
    assert "kill myself" in found[0][2]
    assert rows(db, "SELECT subject_id, CAST(opened_on AS VARCHAR) FROM open_alerts WHERE rule = 'crisis'") == [
        ("a", "2026-01-05")
    ]
    score_files([db.path.with_name("feed.csv")], db, KeywordScorer)
    assert rows(db, "SELECT count(*) FROM mentions") == [(2,)]


@pytest.mark.slow
def test_forgetting_removes_the_mentions_too(db: Database) -> None:
    score_files([db.path.with_name("feed.csv")], db, KeywordScorer)
    with db.only_writer():
        forget(db, ["a"])
    assert rows(db, "SELECT subject_id FROM mentions") == [("c",)]


@pytest.mark.slow
def test_another_list_finds_other_wording(db: Database, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[phrases]]\nphrase = "by the river again"\ncriterion = "suicidal"\nwhy = "a known sign"\n')
    (tmp_path / "feed.csv").write_text(FEED + "d,2026-01-05,I am by the river again tonight\n")
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, crisis=CrisisList.read(own))
    assert rows(db, "SELECT subject_id, phrase FROM mentions") == [("d", "by the river again")]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("[criteria]\ntired = 0.5", "no such criterion: tired; there are mood, hopeless"),
        ("[criteria]\nmood = 1.5", "criteria.mood"),
    ],
)
def test_wrong_limits_are_refused(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "risk-monitor.toml").write_text(line)
    with pytest.raises(ConfigError, match=fault):
        load_settings(tmp_path / "risk-monitor.toml")


def test_the_path_of_the_list_is_relative_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "risk-monitor.toml").write_text('crisis_list = "own.toml"\n[criteria]\nmood = 0.4\n')
    settings = load_settings(tmp_path / "risk-monitor.toml")
    assert settings.crisis_list == tmp_path / "own.toml"
    assert settings.model_choice["criteria_limits"] == {"mood": 0.4}

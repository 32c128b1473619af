"""A run stores the pieces of long texts with their scores; they go where their texts go."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.pipeline.score_files import score_files
from jobs.pipeline.score_new import Scorer
from jobs.query import run_query
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.intake.quality import judge, measure
from monitor.intake.quality_limits import Quality
from monitor.labels import CRITERIA
from monitor.privacy.forgetting import forget
from monitor.scoring.scores import PieceScores, Scores
from tests.support.keyword_scorer import KeywordModel

LIMITS = dict.fromkeys((*CRITERIA, "any"), 0.5)
N_LONG = 2
FEED = """subject_id,posted_at,text
a,2026-01-05,a long text of two pieces
a,2026-01-06,a short text
b,2026-01-05,another long text
c,2026-01-05,cut
"""


class PieceScorer(Scorer):
    """Two pieces for each text with the word long: the second is darker; a text "cut" is not read to its end."""

    def __init__(self) -> None:
        self.model = KeywordModel(model_id="pieces-1", criteria_limits=LIMITS)  # type: ignore[assignment]

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        n_pieces = np.array([2 if "long" in text else 1 for text in texts])
        owners = np.repeat(np.arange(len(texts)), n_pieces)
        second = np.append(False, owners[1:] == owners[:-1])
        emotions = np.where(second[:, None], [0.9, 0.02, 0.02, 0.02, 0.02, 0.02], np.full(6, 1 / 6))
        symptoms = np.where(second, 0.8, 0.1)[:, None] * np.ones(12)
        spans = np.stack([second * 4, 4 + second * 4], axis=1)
        high = np.array([1.0, 0, 0, 0, 0, 0])
        peaks = emotions @ high + 0.01
        rows = PieceScores(owners, spans, np.where(second, 1, 3), emotions, symptoms, high, peaks)
        cut = np.array([text == "cut" for text in texts])
        return rows.documents(np.arange(len(texts)), np.full(len(texts), 9, dtype=np.int32), cut)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    (folder / "feed.csv").write_text(FEED)
    counts = score_files([folder / "feed.csv"], Database(folder / "risk.duckdb"), PieceScorer).counts
    assert counts.n_truncated == 1
    return folder / "risk.duckdb"


@pytest.fixture
def db(scored: Path, tmp_path: Path) -> Database:
    return Database(Path(shutil.copy(scored, tmp_path)))


def rows(db: Database, sql: str) -> list[tuple]:
    return list(run_query(db, sql).rows)


def test_pieces_are_stored_for_texts_of_several_alone(db: Database) -> None:
    assert rows(db, "SELECT n_pieces, count(*) FROM scores GROUP BY ALL ORDER BY ALL") == [(1, 2), (2, N_LONG)]
    stored = rows(db, "SELECT piece, first, last, n_tokens, p_sadness, s_sleep FROM pieces ORDER BY doc_id, piece")
    assert stored == [(1, 0, 4, 3, 1 / 6, 0.1), (2, 4, 8, 1, 0.9, 0.8)] * N_LONG
    joined = rows(
        db,
        "SELECT round(any_value(s.p_sadness) - sum(p.p_sadness * p.n_tokens) / sum(p.n_tokens), 9),"
        " any_value(s.peak_high) - max(p.peak_high), any_value(s.p_any) - max(p.p_any), any_value(s.criteria) <> ''"
        " FROM scores AS s JOIN pieces AS p USING (doc_id, model_id) GROUP BY doc_id",
    )
    assert joined == [(0, 0, 0, True)] * N_LONG
    assert rows(db, "SELECT peak_high > p_high, n_tokens_read FROM scores WHERE n_pieces = 1 AND NOT truncated") == [
        (True, 9)
    ]
    assert rows(db, "SELECT n_tokens_read FROM scores WHERE truncated") == [(3,)]


@pytest.mark.slow
def test_forgetting_removes_the_pieces_too(db: Database) -> None:
    with db.only_writer():
        forget(db, ["a"])
    assert rows(db, "SELECT count(*) FROM pieces") == [(2,)]
    assert rows(db, "SELECT count(*) FROM pieces ANTI JOIN documents USING (doc_id)") == [(0,)]


@pytest.mark.slow
def test_the_snapshot_holds_the_pieces(db: Database, tmp_path: Path) -> None:
    with db.only_writer():
        copy = publish(db, tmp_path / "snapshot")
    assert rows(Database(copy), "SELECT count(*) FROM pieces") == [(2 * N_LONG,)]


@pytest.mark.slow
def test_texts_that_were_not_read_to_their_end_count_in_the_quality(db: Database) -> None:
    ((run_id,),) = rows(db, "SELECT run_id FROM runs")
    with db.reading() as con:
        measures = measure(con, run_id, min_rows=1)
    assert measures["truncated"] == 0.25
    judgement = judge({"truncated": 0.25}, Quality())
    assert judgement.level == "red"
    assert "25% of the texts were not read to their end" in judgement.findings[0]
    with db.reading() as con:
        assert "truncated" not in measure(con, run_id, min_rows=50)

"""The score job on a real database: every row once, whatever happens in between."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.cli import main
from jobs.pipeline.inbox import complete_files
from jobs.pipeline.ingest import ingest
from jobs.pipeline.run import add_model, open_scorer, recorded_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_files import score_files
from jobs.pipeline.score_new import score_rows
from monitor.crisis import CrisisList, Mention
from monitor.database import store
from monitor.database.connection import Database
from monitor.errors import DataError, MonitorError, StoreError
from monitor.intake.documents import REPEATED_ID
from monitor.labels import EMOTIONS
from monitor.privacy.pseudonyms import default_key_file, open_pseudonyms
from monitor.scoring.weight_matrices import StoredNf4
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordModel, KeywordScorer, KeywordScores

HEADER = "doc_id,subject_id,posted_at,text\n"
FEED = HEADER + "".join(f"d{i},s{i % 3},2026-01-{i + 1:02d},today is all {EMOTIONS[i % 6]}\n" for i in range(10))


def ask(db: Database, sql: str) -> list[tuple[Any, ...]]:
    with db.reading() as con:
        return con.execute(sql).fetchall()


class OneOfAHundred(CrisisList):
    """The crisis list, for one text of a hundred: to search all 43,617 blog posts takes most of a minute."""

    def find(self, texts: Sequence[str]) -> list[list[Mention]]:
        return [super(OneOfAHundred, self).find([text])[0] if i % 100 == 0 else [] for i, text in enumerate(texts)]


def score(
    db: Path,
    *inputs: Path,
    scorer: KeywordScorer | None = None,
    chunk_rows: int = 4,
    crisis: CrisisList | None = None,
) -> RunCounts:
    return score_files(inputs, Database(db), lambda: scorer or KeywordScorer(), chunk_rows, crisis=crisis).counts


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "risk.duckdb"


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return write(tmp_path / "feed.csv", FEED)


@pytest.mark.slow
def test_each_text_gets_its_own_scores(db: Path, feed: Path) -> None:
    counts = score(db, feed)
    assert (counts.n_read, counts.n_rejected, counts.n_appended, counts.n_scored) == (10, 0, 10, 10)
    rows = ask(
        Database(db),
        "SELECT text, emotion, risk, p_sadness, p_high, n_tokens FROM documents JOIN scores USING (doc_id)",
    )
    assert len(rows) == 10
    for text, emotion, risk, p_sadness, p_high, n_tokens in rows:
        assert text == f"today is all {emotion}"
        assert risk == KeywordModel().risk_map.rules[emotion]
        assert p_sadness == p_high == pytest.approx(8 / 13 if emotion == "sadness" else 1 / 13)
        assert n_tokens == 4


@pytest.mark.slow
def test_the_ledger_the_model_and_the_file_are_remembered(db: Path, feed: Path) -> None:
    score(db, feed)
    ((status, n_read, n_rejected, n_duplicate, n_appended, n_scored, message),) = ask(
        Database(db),
        "SELECT status, n_read, n_rejected, n_duplicate, n_appended, n_scored, message FROM runs",
    )
    assert (status, n_read, n_rejected, n_duplicate, n_appended, n_scored, message) == (
        "done",
        10,
        0,
        0,
        10,
        10,
        None,
    )
    assert ask(Database(db), "SELECT name, risk_map->>'joy' FROM models") == [("keywords", "low_risk")]
    assert ask(Database(db), "SELECT path, size FROM files") == [(str(feed), feed.stat().st_size)]
    assert ask(
        Database(db),
        "SELECT count(*) FROM scores s JOIN runs r USING (run_id) JOIN documents d USING (doc_id, run_id)",
    ) == [(10,)]


def test_a_recorded_model_has_its_calibration(db: Path) -> None:
    with Database(db).writing() as con:
        add_model(con, KeywordModel(temperature=1.3, exponent=1.2, sureness=0.6))  # type: ignore[arg-type]
    assert ask(Database(db), "SELECT temperature, exponent, sureness FROM models") == [(1.3, 1.2, 0.6)]


@pytest.mark.slow
def test_a_second_run_appends_nothing_and_scores_nothing(db: Path, feed: Path) -> None:
    score(db, feed)
    before = (
        ask(Database(db), "SELECT * FROM scores ORDER BY doc_id"),
        ask(Database(db), "SELECT * FROM documents ORDER BY doc_id"),
    )
    again = KeywordScorer()
    counts = score(db, feed, scorer=again)
    assert (counts.n_read, counts.n_duplicate, counts.n_appended, counts.n_scored) == (10, 10, 0, 0)
    assert again.seen == []
    assert before == (
        ask(Database(db), "SELECT * FROM scores ORDER BY doc_id"),
        ask(Database(db), "SELECT * FROM documents ORDER BY doc_id"),
    )


@pytest.mark.slow
def test_a_new_model_scores_beside_the_old_one(db: Path, feed: Path) -> None:
    score(db, feed)
    counts = score(db, feed, scorer=KeywordScorer(KeywordModel(model_id="keywords-2")))
    assert counts.n_scored == 10
    assert ask(Database(db), "SELECT model_id, count(*) FROM scores GROUP BY ALL ORDER BY ALL") == [
        ("keywords-1", 10),
        ("keywords-2", 10),
    ]


@pytest.mark.slow
def test_after_a_crash_the_next_run_completes_the_rest(db: Path, feed: Path) -> None:
    with pytest.raises(RuntimeError):
        score(db, feed, scorer=KeywordScorer(die_after=8))
    assert ask(Database(db), "SELECT count(*) FROM scores") == [(8,)]
    assert ask(Database(db), "SELECT status, n_scored, message FROM runs") == [("failed", 8, "RuntimeError")]
    rest = KeywordScorer()
    counts = score(db, feed, scorer=rest)
    assert len(rest.seen) == counts.n_scored == 2
    assert ask(Database(db), "SELECT count(*), count(DISTINCT doc_id) FROM scores") == [(10, 10)]


@pytest.mark.slow
def test_a_run_that_died_without_a_word_is_closed_by_the_next(db: Path, feed: Path) -> None:
    score(db, feed)
    with Database(db).writing() as con:
        con.execute("UPDATE runs SET status = 'running', finished_at = NULL")
    score(db, feed)
    statuses = ask(Database(db), "SELECT status, finished_at IS NOT NULL FROM runs ORDER BY run_id")
    assert statuses == [("failed", True), ("done", True)]


@pytest.mark.slow
def test_rejects_are_kept_with_their_place_and_do_not_double(db: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.csv", FEED + "d10,s1,someday,text\nd0,s0,2026-01-01,changed\nd11,s1\n")
    counts = score(db, path)
    assert (counts.n_read, counts.n_rejected, counts.n_appended, counts.n_scored) == (13, 3, 10, 10)
    score(db, path)
    rejects = ask(Database(db), 'SELECT file, "row", "column", raw FROM rejects ORDER BY "row"')
    assert [(file, row, column) for file, row, column, _ in rejects] == [
        (str(path), 12, "posted_at"),
        (str(path), 13, "doc_id"),
        (str(path), 14, None),
    ]
    assert json.loads(rejects[0][3])["posted_at"] == "someday"
    assert rejects[2][3] == "d11,s1"


@pytest.mark.slow
def test_a_doc_id_of_an_earlier_file_with_other_content_is_a_reject(db: Path, feed: Path, tmp_path: Path) -> None:
    score(db, feed)
    later = write(tmp_path / "later.csv", HEADER + "d3,s0,2026-01-04,edited\nd4,s1,2026-01-05,today is all fear\n")
    counts = score(db, later)
    assert (counts.n_read, counts.n_rejected, counts.n_duplicate, counts.n_appended) == (2, 1, 1, 0)
    assert counts.reasons == {f"doc_id: {REPEATED_ID}": 1}
    assert ask(Database(db), "SELECT text FROM documents WHERE given_id = 'd3'") == [("today is all anger",)]


def test_nothing_is_begun_when_one_input_cannot_be_read(db: Path, feed: Path, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.csv", "when,text\n")
    with pytest.raises(DataError, match=r"bad\.csv: no column subject_id, posted_at"):
        score(db, feed, bad)
    assert not db.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begun_plain", "key", "told"),
    [
        (False, "short", "a key needs at least 16 characters"),
        (False, "f" * 64, "another key made the pseudonyms"),
        (False, None, "begun with pseudonyms and cannot take plain ids"),
        (True, "f" * 64, "begun with plain ids and cannot take pseudonyms"),
    ],
)
def test_a_wrong_key_is_refused_before_the_model_loads(
    db: Path, feed: Path, tmp_path: Path, begun_plain: bool, key: str | None, told: str
) -> None:
    score_files([feed], Database(db), KeywordScorer, key_file=None if begun_plain else tmp_path / "first.key")
    if key is not None:
        write(tmp_path / "other.key", key).chmod(0o600)
    before = set(tmp_path.iterdir())

    def load() -> KeywordScorer:
        raise AssertionError("loaded")

    with pytest.raises(MonitorError, match=told):
        score_files([feed], Database(db), load, key_file=None if key is None else tmp_path / "other.key")
    if key is not None:
        with pytest.raises(MonitorError):
            score_files([feed], Database(db), load, key_file=tmp_path / "missing.key")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.slow
@pytest.mark.parametrize("way", ["option", "variable", "variable with ~", "settings of this database"])
def test_the_key_file_can_be_named(
    db: Path, feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("jobs.score.open_scorer", lambda **_: KeywordScorer())
    monkeypatch.delenv("RISK_MONITOR_KEY", raising=False)
    key, words = tmp_path / "keys" / "of risk", ["score", str(feed), "--db", str(db)]
    if way == "option":
        words += ["--key-file", str(key)]
    elif way == "variable":
        monkeypatch.setenv("RISK_MONITOR_KEY_FILE", str(key))
    elif way == "variable with ~":
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("RISK_MONITOR_KEY_FILE", "~/keys/of risk")
    else:
        write(tmp_path / "risk-monitor.toml", f'db = "{db.name}"\nkey_file = "keys/of risk"\n')
        monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code
    assert not default_key_file(db).exists()
    assert ask(Database(db), "SELECT fingerprint FROM pseudonyms") == [
        (open_pseudonyms(key, create=False).fingerprint,)
    ]


@pytest.mark.slow
def test_two_runs_at_once_are_refused(db: Path, feed: Path) -> None:
    with (
        Database(db).only_writer(),
        pytest.raises(StoreError, match="another run is working on this database"),
    ):
        score(db, feed)
    assert score(db, feed).n_appended == 10


@pytest.mark.slow
def test_a_forgotten_document_gets_no_score(db: Path, feed: Path) -> None:
    score(db, feed)
    (doc_id,) = ask(Database(db), "SELECT doc_id FROM documents WHERE given_id = 'd1'")[0]
    rows = pl.DataFrame({"doc_id": [doc_id, "gone"], "text": ["a", "b"]})
    scores = score_rows(rows, KeywordScorer(KeywordModel(model_id="late"))).scores
    with Database(db).writing() as con:
        assert store.append_scores(con, pl.concat([scores, scores]), "run") == 1


def test_an_inbox_is_read_once_and_bad_files_are_refused(db: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write(inbox / "1.csv", "when,text\n")
    write(inbox / "2.csv", FEED)
    write(inbox / ".3.csv", FEED)
    with Database(db).writing():
        pass
    for expected in ((10, 10, 1, 0), (0, 0, 0, 1)):
        counts = RunCounts()
        with recorded_run(Database(db), "nightly", None) as run_id:
            ingest(Database(db), complete_files(inbox, settle_s=0), run_id, counts, unattended=True)
        refused, again = len(counts.refused), len(counts.still_refused)
        assert (counts.n_read, counts.n_appended, refused, again) == expected
    assert (counts.n_skipped_files, counts.n_rejected) == (1, 0)
    assert ask(Database(db), "SELECT n_files, n_refused_files FROM runs ORDER BY run_id") == [(1, 1), (0, 0)]
    ((file, row, reason),) = ask(Database(db), 'SELECT file, "row", reason FROM rejects')
    assert (file, row) == (str(inbox / "1.csv"), None)
    assert reason.startswith("no column subject_id"), "the file is named already"


def test_the_messages_of_a_bug_stay_out_of_the_ledger(db: Path, feed: Path) -> None:
    with pytest.raises(RuntimeError):
        score(db, feed, scorer=KeywordScorer(die_after=0))
    assert ask(Database(db), "SELECT message FROM runs") == [("RuntimeError",)]


@pytest.mark.slow
def test_the_real_feed_is_read_whole(db: Path, data_dir: Path) -> None:
    path = data_dir / "timelines" / "blogs_2004.parquet"
    if not path.is_file():
        pytest.skip(f"no {path}")
    counts = score(db, path, chunk_rows=10_000, crisis=OneOfAHundred.read())
    assert counts.n_read == 43_617
    assert counts.n_appended + counts.n_duplicate + counts.n_rejected == 43_617
    assert counts.n_scored == counts.n_appended
    assert score(db, path, chunk_rows=10_000).n_appended == 0


class Interrupted(KeywordScorer):
    """A user who presses Ctrl-C while the second chunk is scored."""

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> KeywordScores:
        if self.seen:
            raise KeyboardInterrupt
        return super().score(texts, progress)


@pytest.mark.slow
def test_an_interrupted_run_is_a_stopped_one_and_loses_nothing(db: Path, feed: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        score(db, feed, scorer=Interrupted())
    assert ask(Database(db), "SELECT status, n_scored FROM runs") == [("stopped", 4)]
    assert score(db, feed).n_scored == 6


@pytest.mark.slow
def test_the_embedded_model_scores_and_another_risk_map_is_another_model(db: Path, feed: Path) -> None:
    scorer = open_scorer("embedded", "cpu")
    counts, model, _ = score_files([feed], Database(db), lambda: scorer)
    assert counts.n_scored == 10
    assert ask(Database(db), "SELECT DISTINCT model_id FROM scores") == ask(
        Database(db), "SELECT model_id FROM models"
    )
    rules = {**model.risk_map.rules, "surprise": "mid_risk"}
    other = open_scorer("embedded", "cpu", rules, "nf4").model
    assert other.risk_map.rules == rules
    assert isinstance(other.network.layers[0].qkv, StoredNf4)
    assert other.model_id != model.model_id
    assert open_scorer("embedded", "cpu", dict(model.risk_map.rules)).model.model_id == model.model_id

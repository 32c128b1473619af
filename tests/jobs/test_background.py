"""Chunks are committed while the next one is made: overlapping, in order, and none lost after an error."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.pipeline import batches, ingest, score_new
from jobs.pipeline.background import Background
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.errors import StoreError
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

LIMIT_S = 20
ROWS = "".join(f"s,2026-01-01T00:{n // 60:02}:{n % 60:02},joy {n}\n" for n in range(120))


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return write(tmp_path / "many.csv", "subject_id,posted_at,text\n" + ROWS)


def test_tasks_run_in_order_and_the_caller_is_one_ahead() -> None:
    done: list[int] = []
    may_end = threading.Event()

    def first() -> None:
        assert may_end.wait(LIMIT_S)
        done.append(1)

    with Background() as background:
        background.run(first)
        assert done == []
        may_end.set()
        background.run(done.append, 2)
        assert done[0] == 1
    assert done == [1, 2]


def fail() -> None:
    raise ZeroDivisionError


def run(*tasks: Callable[[], None], then: type[Exception] | None = None) -> None:
    with Background() as background:
        for task in tasks:
            background.run(task)
        if then:
            raise then


def test_a_failed_task_raises_at_the_next_and_none_follows() -> None:
    done: list[int] = []
    with pytest.raises(ZeroDivisionError):
        run(fail, lambda: done.append(2))
    assert done == []


def test_the_last_task_ends_and_raises_if_the_block_fails() -> None:
    done: list[int] = []
    with pytest.raises(KeyError):
        run(lambda: done.append(1), then=KeyError)
    assert done == [1]
    with pytest.raises(ZeroDivisionError) as caught:
        run(fail, then=KeyError)
    assert isinstance(caught.value.__context__, KeyError)


@pytest.mark.slow
def test_a_chunk_is_committed_while_the_next_is_scored(
    tmp_path: Path, feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring, committed = threading.Event(), threading.Event()

    def append(*args: object) -> None:
        assert scoring.wait(LIMIT_S), "the second chunk is scored only after this commit"
        commit_scores(*args)  # type: ignore[arg-type]
        committed.set()

    class Waits(KeywordScorer):
        def score(self, texts, progress=None):  # type: ignore[no-untyped-def]
            if self.seen:
                scoring.set()
                assert committed.wait(LIMIT_S), "the first chunk is not committed meanwhile"
            return super().score(texts, progress)

    commit_scores = score_new.commit_scores
    monkeypatch.setattr("jobs.pipeline.score_new.commit_scores", append)
    assert score_files([feed], Database(tmp_path / "risk.duckdb"), Waits, chunk_rows=60).counts.n_scored == 120


@pytest.mark.slow
def test_a_chunk_is_committed_while_the_next_is_read(
    tmp_path: Path, feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading_on, n_committed = threading.Event(), []
    read_documents, commit_batch = ingest.documents.read_documents, batches.commit_batch

    def read(path: Path, **known: object):  # type: ignore[no-untyped-def]
        for number, chunk in enumerate(read_documents(path, chunk_rows=60, **known)):  # type: ignore[arg-type]
            if number:
                reading_on.set()
            yield chunk

    def append(*args: object) -> None:
        assert reading_on.wait(LIMIT_S), "the second chunk is read only after this commit"
        commit_batch(*args)  # type: ignore[arg-type]
        n_committed.append(1)

    monkeypatch.setattr("jobs.pipeline.ingest.documents.read_documents", read)
    monkeypatch.setattr("jobs.pipeline.batches.commit_batch", append)
    monkeypatch.setattr("jobs.pipeline.batches.COMMIT_ROWS", 60)
    monkeypatch.setattr("jobs.pipeline.score_files.check_files", lambda *_: None)
    assert score_files([feed], Database(tmp_path / "risk.duckdb"), KeywordScorer).counts.n_scored == 120
    assert len(n_committed) >= 2


def test_ctrl_c_stops_a_task_that_still_waits(tmp_path: Path) -> None:
    db = Database(tmp_path / "risk.duckdb")
    ended, waiting = threading.Event(), threading.Event()

    def commit(stop: threading.Event) -> None:
        waiting.set()
        try:
            with db.writing(stop=stop):
                pytest.fail("a reader holds the database")
        finally:
            ended.set()

    def interrupted() -> None:
        with Background() as background:
            background.run(commit, background.stop)
            waiting.wait(LIMIT_S)
            raise KeyboardInterrupt

    db.connect().close()
    code = "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, db.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"open\n"
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert ended.is_set()
        reader.kill()


@pytest.mark.slow
def test_a_database_deleted_during_a_run_ends_it_without_loss(tmp_path: Path, feed: Path) -> None:
    db = tmp_path / "risk.duckdb"

    class Deletes(KeywordScorer):
        def score(self, texts, progress=None):  # type: ignore[no-untyped-def]
            db.unlink(missing_ok=True)
            return super().score(texts, progress)

    with pytest.raises(StoreError, match="the database was deleted or replaced while this run worked on it"):
        score_files([feed], Database(db), Deletes)
    assert score_files([feed], Database(db), KeywordScorer).counts.n_scored == 120


def test_a_chunk_that_fails_costs_no_chunk_before_it(tmp_path: Path, feed: Path) -> None:
    db = tmp_path / "risk.duckdb"
    with pytest.raises(RuntimeError):
        score_files([feed], Database(db), lambda: KeywordScorer(die_after=110), chunk_rows=50)
    with Database(db).reading() as con:
        assert con.execute("SELECT count(*) FROM scores").fetchone() == (100,)
        assert con.execute("SELECT n_scored, status FROM runs").fetchall() == [(100, "failed")]

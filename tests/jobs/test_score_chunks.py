"""How many texts are held, and scored between two commits, at once."""

import datetime as dt
from pathlib import Path

import pytest

from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer


@pytest.mark.slow
def test_large_texts_are_fetched_few_at_a_time_and_none_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.pipeline.score_new.FETCH_BYTES", 1000)
    rows = "".join(f"s1,{dt.date(2026, 1, 1 + i)},{'x' * 900} joy {i}\n" for i in range(5))
    counts = score_files(
        [write(tmp_path / "a.csv", "subject_id,posted_at,text\n" + rows)],
        Database(tmp_path / "risk.duckdb"),
        KeywordScorer,
    ).counts
    assert counts.n_scored == 5


@pytest.mark.slow
@pytest.mark.parametrize(("texts_a_second", "sizes"), [(1, [64, 32, 32]), (7, [64, 210, 210]), (100, [64, 300, 300])])
def test_a_slow_model_commits_after_fewer_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts_a_second: int, sizes: list[int]
) -> None:
    class Clock(KeywordScorer):
        now = 0.0

        def score(self, texts, progress=None):  # type: ignore[no-untyped-def]
            chunks.append(len(texts))
            Clock.now += len(texts) / texts_a_second
            return super().score(texts, progress)

    chunks: list[int] = []
    monkeypatch.setattr("jobs.pipeline.score_new.time.monotonic", lambda: Clock.now)
    rows = [f"s,2026-01-01T00:00:{n % 60:02},joy {n}" for n in range(700)]
    feed = write(tmp_path / "many.csv", "subject_id,posted_at,text\n" + "\n".join(rows) + "\n")
    score_files([feed], Database(tmp_path / "risk.duckdb"), Clock, chunk_rows=300)
    assert chunks[:3] == sizes
    assert sum(chunks) == 700

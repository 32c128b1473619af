"""Whatever comes in, in whatever order and how often: valid + rejected = read, and the tables are the same."""

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.ingest import ingest
from jobs.pipeline.run import recorded_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import score_pending
from monitor.database import store
from tests.support.empty_database import in_memory
from tests.support.hostile_strings import HOSTILE
from tests.support.inputs import read, write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.memory_database import memory_database
from tests.support.rows import documents, scores
from tests.support.tries import tries

ANY_VALUE = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=20), st.none(), st.integers(), st.floats(), st.booleans(),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
NAMES = ("subject_id", "posted_at", "text", "doc_id", "source", "other")
ANY_OBJECT = st.dictionaries(st.sampled_from(NAMES), ANY_VALUE, max_size=6)
GOOD_OBJECT = st.fixed_dictionaries(
    {
        "subject_id": st.sampled_from(["s1", "s2", " s1 "]),
        "posted_at": st.sampled_from(["2026-01-05", "2026-01-05T00:00Z", "1767571200", "2026-02-01", "never"]),
        "text": st.sampled_from(["joy", "sadness", "", *HOSTILE[:40]]),
    }
)
QUICK = settings(max_examples=tries(20))


@pytest.mark.slow
@QUICK
@given(rows=st.lists(ANY_OBJECT, max_size=15), chunk_rows=st.integers(1, 6))
def test_any_json_objects_are_each_read_as_valid_or_rejected(rows: list[dict[str, Any]], chunk_rows: int) -> None:
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        chunk = read(path, chunk_rows)
    assert chunk.n_read == chunk.n_valid + chunk.rejects.height == len(rows)
    assert chunk.documents.null_count().select("doc_id", "subject_id", "posted_at", "text").row(0) == (
        0,
        0,
        0,
        0,
    )


def tables(runs: list[list[Path]]) -> list[list[tuple[Any, ...]]]:
    """What is kept after these files were read, some a run, and scored."""
    with memory_database() as db:
        for files in runs:
            counts = RunCounts()
            with recorded_run(db, "score", None) as run_id:
                ingest(db, files, run_id, counts)
                score_pending(db, KeywordScorer(), run_id, counts, chunk_rows=3)
            assert counts.n_read - counts.n_rejected == counts.n_appended + counts.n_duplicate
        with db.reading() as con:
            return [sorted(con.execute(sql).fetchall(), key=repr) for sql in KEPT]


KEPT = (
    "SELECT doc_id, subject_id, posted_at, text FROM documents",
    "SELECT doc_id, model_id, emotion, p_sadness, n_tokens FROM scores",
    'SELECT file, "row", "column", reason, raw FROM rejects',
)


@pytest.mark.slow
@settings(max_examples=tries(4))
@given(batches=st.lists(st.lists(GOOD_OBJECT, max_size=8), min_size=1, max_size=2), seed=st.integers(0, 99))
def test_files_in_any_order_and_number_give_the_same_tables(batches: list[list[dict[str, str]]], seed: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = [
            write(folder / f"{i}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
            for i, rows in enumerate(batches)
        ]
        again = random.Random(seed).sample(files * 2, 2 * len(files))
        one_by_one = tables([[path] for path in files])
        assert one_by_one == tables([[path] for path in again])
        assert one_by_one == tables([again])


@pytest.mark.slow
@settings(max_examples=12)
@given(
    ids=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["m1", "m2"])), max_size=12),
    seed=st.integers(0, 99),
)
def test_scores_are_appended_once_in_any_order(ids: list[tuple[str, str]], seed: int) -> None:
    kept = []
    for order in (ids, random.Random(seed).sample(ids * 2, 2 * len(ids))):
        with in_memory() as con:
            store.append_documents(con, documents(*"abc"), "r")
            frames = [scores(doc_id, model=model) for doc_id, model in order]
            for frame in [*frames, pl.concat(frames)] if frames else []:
                store.append_scores(con, frame, "r")
            kept.append(con.execute("SELECT doc_id, model_id, p_high FROM scores ORDER BY ALL").fetchall())
    assert kept[0] == kept[1]
    assert {row[:2] for row in kept[0]} == {pair for pair in ids if pair[0] != "d"}

"""Strings that break programs, as texts, ids and sources, in every format, from the file to the page."""

import json
from pathlib import Path

import polars as pl
import pytest

from jobs.pipeline.score_files import score_files
from jobs.pipeline.write_report import write_report
from jobs.query import Format, export_rows, run_query
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.intake.identity import clean_ids
from tests.support.hostile_strings import HOSTILE, UNUSABLE
from tests.support.inputs import read, write_rows
from tests.support.keyword_scorer import KeywordScorer

DAY = "2026-01-05"
USABLE = [text for text in HOSTILE if text not in UNUSABLE]
FORMATS = ["feed.csv", "feed.csv.gz", "feed.jsonl", "feed.jsonl.gz", "feed.parquet"]


def test_there_are_many_and_all_differ() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 300
    assert {"", "\0", "\u3000"} <= set(UNUSABLE)
    assert len(UNUSABLE) < 35


@pytest.mark.parametrize("name", FORMATS)
def test_a_hostile_text_is_kept_as_it_is_or_rejected(tmp_path: Path, name: str) -> None:
    rows: list[dict[str, object]] = [
        {"doc_id": f"d{i}", "subject_id": "s1", "posted_at": DAY, "text": text} for i, text in enumerate(HOSTILE)
    ]
    chunk = read(write_rows(tmp_path / name, rows))
    assert chunk.n_read == len(HOSTILE)
    assert chunk.documents["text"].to_list() == USABLE
    assert set(chunk.rejects["column"]) == {"text"}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("column", ["subject_id", "doc_id", "source"])
def test_a_hostile_id_is_kept_but_for_the_spaces_around_it_or_rejected(
    tmp_path: Path, name: str, column: str
) -> None:
    rows: list[dict[str, object]] = [
        {"subject_id": "s1", "posted_at": DAY, "text": f"text {i}", "doc_id": "", "source": ""} | {column: text}
        for i, text in enumerate(HOSTILE)
    ]
    chunk = read(write_rows(tmp_path / name, rows))
    assert chunk.n_read == len(HOSTILE)
    assert set(chunk.rejects["column"]) <= {column}
    kept = chunk.documents["given_id" if column == "doc_id" else column].drop_nulls()
    given = {text.strip() for text in HOSTILE} | {text.strip("\x1c\x1d\x1e\x1f\x85 \t\r\n") for text in HOSTILE}
    given |= {value.strip() for value in given}
    if column != "source":
        given = set(clean_ids(pl.Series(sorted(given))).ids)
    assert set(kept) <= given
    assert kept.n_unique() > 290


@pytest.mark.slow
def test_hostile_texts_pass_through_database_snapshot_query_and_report(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"doc_id": f"d{i}", "subject_id": text[:50], "posted_at": DAY, "text": text, "source": text[:50]}
        for i, text in enumerate(USABLE)
    ]
    db = tmp_path / "risk.duckdb"
    counts = score_files([write_rows(tmp_path / "feed.jsonl", rows)], Database(db), KeywordScorer).counts
    assert counts.n_scored == counts.n_appended == counts.n_read - counts.n_rejected
    kept = dict(run_query(Database(db), "SELECT given_id, text FROM documents", max_rows=10_000).rows)
    assert kept == {row["doc_id"]: row["text"] for row in rows if row["doc_id"] in kept}
    for style in (Format.JSON, Format.CSV):
        with (tmp_path / "answer").open("w", encoding="utf-8", newline="") as out:
            assert export_rows(Database(db), "FROM documents", style, out) == len(kept)
    publish(Database(db), tmp_path / "snapshot", texts=True, parquet=True)
    assert run_query(
        Database(tmp_path / "snapshot" / "risk-snapshot.duckdb"), "SELECT count(text) FROM documents"
    ).rows == [(len(kept),)]
    assert "alert(1)" not in write_report(Database(db), tmp_path / "report").read_text()


def test_hostile_rejects_are_json_that_says_what_the_row_held(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"subject_id": text, "posted_at": "never", "text": "x"} for text in HOSTILE]
    chunk = read(write_rows(tmp_path / "feed.jsonl", rows))
    assert chunk.rejects.height == len(HOSTILE)
    assert all(json.loads(raw)["text"] == "x" for raw in chunk.rejects["raw"] if len(raw) < 300)

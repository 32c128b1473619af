"""A database of schema 17, written by the code of that time, is brought up to date and loses nothing.

schema-17.gz holds invented texts of four people, scored in two runs, with an open, an acknowledged and
a closed alert, a reject, a model and an evaluation.
"""

import gzip
from pathlib import Path
from typing import Any

import pytest

from jobs.pipeline.score_files import score_files
from jobs.pipeline.write_report import write_report
from monitor.database.connection import Database
from monitor.database.schema import _migrations
from monitor.errors import StoreError
from monitor.intake.documents import REPEATED_ID
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

OLD = Path(__file__).with_name("schema-17.gz")
COUNTS = {
    "alert_updates": 1,
    "alerts": 5,
    "documents": 216,
    "evaluations": 1,
    "files": 2,
    "models": 1,
    "pseudonyms": 1,
    "rejects": 1,
    "runs": 2,
    "schema_version": 17,
    "scores": 216,
}


@pytest.fixture
def db(tmp_path: Path) -> Database:
    (tmp_path / "risk.duckdb").write_bytes(gzip.decompress(OLD.read_bytes()))
    return Database(tmp_path / "risk.duckdb")


def columns(db: Database) -> dict[str, list[str]]:
    """Table -> names of its columns."""
    con = db.connect()
    rows = con.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()"
        " SEMI JOIN duckdb_tables() USING (table_oid) GROUP BY table_name"
    ).fetchall()
    con.close()
    return dict(rows)


def contents(db: Database, names: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of these tables, as far as these columns."""
    con = db.connect()
    rows = {
        table: sorted(con.table(table).select(*(f'"{name}"' for name in names[table])).fetchall(), key=repr)
        for table in names
    }
    con.close()
    return rows


def test_old_database_is_refused_to_readers_until_updated(db: Database) -> None:
    with pytest.raises(StoreError, match="schema 17 is older than this risk-monitor's"):
        db.check()
    db.connect().close()
    db.check()


def test_update_keeps_every_row_of_an_old_database(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("monitor.database.schema._migrations", lambda: _migrations()[:17])
        names = columns(db)
        before = contents(db, names)
    assert {table: len(rows) for table, rows in before.items()} == COUNTS
    after = contents(db, names)
    versions = after.pop("schema_version")
    assert sorted(name for _, name, _ in versions) == [file.stem for file in _migrations()]
    assert set(before.pop("schema_version")) < set(versions)
    assert {table: after[table] for table in before} == before


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
def test_old_database_takes_new_texts_alerts_and_reports(db: Database, tmp_path: Path) -> None:
    names = columns(db)
    before = contents(db, names)
    lines = [f"n{day},invented-1,2026-02-{day:02d},an invented line of sadness,invented-a" for day in range(13, 23)]
    feed = write(tmp_path / "third.csv", "\n".join(["doc_id,subject_id,posted_at,text,source", *lines, ""]))
    scored = score_files([feed], db, KeywordScorer)
    assert scored.alerts.raised > 0
    with db.reading() as con:
        states = con.execute("SELECT subject_id, rule, state FROM alerts").fetchall()
        rolling = con.execute(
            "SELECT count(*), bool_and(share_high_7 BETWEEN share_high_lo_7 - 1e-9 AND share_high_hi_7 + 1e-9)"
            " FROM risk_rolling"
        ).fetchall()
    assert ("invented-2", "change", "acknowledged") in states
    assert ("invented-1", "level", "open") in states
    assert rolling[0][0] > 0
    assert rolling[0][1]
    after = contents(db, names)
    assert set(before["documents"]) < set(after["documents"])
    assert set(before["scores"]) < set(after["scores"])
    page = write_report(db, tmp_path / "report")
    assert "226" in page.read_text(encoding="utf-8"), "all texts, old and new"


@pytest.mark.slow
def test_old_rows_keep_their_doc_ids_and_are_still_recognised(db: Database, tmp_path: Path) -> None:
    with db.writing() as con:
        old = con.execute(
            "SELECT doc_id, subject_id, posted_at, text FROM documents WHERE text IS NOT NULL ORDER BY doc_id LIMIT 3"
        ).fetchall()
        con.execute("UPDATE documents SET text = NULL WHERE doc_id = ?", [old[0][0]])  # as retention does
    lines = [f'{doc_id},{subject},{posted_at},"{text}"' for doc_id, subject, posted_at, text in old]
    lines.append(f"{old[0][0]},somebody-else,{old[0][2]},the same doc_id after the text was emptied")
    lines.append(f"{old[1][0]},somebody-else,{old[1][2]},the same doc_id")
    lines.append(f"{old[2][0]},{old[2][1]},{old[2][2]},changed")
    feed = write(tmp_path / "again.csv", "\n".join(["doc_id,subject_id,posted_at,text", *lines, ""]))
    counts = score_files([feed], db, KeywordScorer).counts
    assert (counts.n_duplicate, counts.n_appended, counts.n_rejected, counts.n_scored) == (3, 2, 1, 2)
    assert list(counts.reasons) == [f"doc_id: {REPEATED_ID}"]
    with db.reading() as con:
        rows = con.execute("SELECT given_id, doc_id <> given_id FROM documents WHERE subject_id = 'somebody-else'")
        assert sorted(rows.fetchall()) == [(old[0][0], True), (old[1][0], True)]

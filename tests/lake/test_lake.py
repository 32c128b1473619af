"""A lake and a database file of the same input give the same rows, windows, alerts and answers."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from jobs.alerts import list_alerts, update_alerts
from jobs.lake import check
from jobs.pipeline.lake.forget import stored_ids
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.lake.score import score_lake
from jobs.pipeline.score_files import score_files
from jobs.query import run_query
from jobs.status import read_health
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.errors import ConfigError, DataError, StoreError
from monitor.lake.check import check_lake
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from monitor.windows import window_queries
from tests.support.keyword_scorer import KeywordScorer
from tests.support.lakes import OwnCrew, contents, control
from tests.support.nights import fill
from tests.whole.test_docs import QUERIES

pytestmark = pytest.mark.slow  # a lake is made, scored and compacted

RULES = AlertRules(threshold=0.1)
PARAMETERS: dict[str, Any] = {
    "model_id": "keywords-1",
    "as_of": dt.date(2026, 5, 27),
    "until": dt.date(2026, 5, 27),
    "window_days": 7,
    "days": 60,
    "weeks": 8,
    "top": 5,
    "threshold": AlertRules().threshold,
    "min_texts": 3,
    "signal": "p_high",
}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Files of every format, with rejects, repeats and texts of five months."""
    folder = tmp_path_factory.mktemp("inputs") / "inbox"
    for night in (1, 2):
        fill(folder, night)
    crisis = folder / "f.csv"
    crisis.write_text("subject_id,posted_at,text\ns1,2026-05-20,i want to kill myself sadness\n")
    return sorted(str(path) for path in folder.iterdir() if not path.name.startswith("d"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, inbox: list[str]) -> Path:
    path = tmp_path_factory.mktemp("lake") / "lake"
    ingest_files(inbox, str(path), key_file=path.with_name("key"))
    score_lake(str(path), OwnCrew(path, KeywordScorer))
    return path


@pytest.fixture(scope="module")
def opened(lake: Path, database: Database) -> Database:
    """The control file, with the codes of the database, which are drawn at random."""
    db = control(lake, lake.with_name("lake.duckdb"))
    with database.reading() as con:
        codes = con.execute("FROM codes").fetchall()
    with db.writing() as con:
        assert con.execute("SELECT count(*) FROM codes").fetchall() == [(len(codes),)]
        con.execute("DELETE FROM codes")
        con.executemany("INSERT INTO codes VALUES (?, ?, ?)", codes)
    update_alerts(db, RULES)
    return db


@pytest.fixture(scope="module")
def database(lake: Path, inbox: list[str]) -> Database:
    db = Database(lake.with_name("risk.duckdb"))
    score_files(inbox, db, KeywordScorer, key_file=lake.with_name("key"), rules=RULES)
    return db


def test_a_lake_holds_the_rows_of_a_database(opened: Database, database: Database) -> None:
    expected = contents(database)
    assert all(expected.values())
    assert contents(opened) == expected


@pytest.mark.parametrize("name", window_queries.names())
def test_every_window_gives_the_same_frame(opened: Database, database: Database, name: str) -> None:
    parameters = window_queries.load(name).pick(PARAMETERS)
    frames = []
    for db in (opened, database):
        with db.reading() as con:
            frame = window_queries.run(con, name, **parameters)
        frames.append(frame.drop("last_scored", "state_changed_at", "alert_id", strict=False))
    assert_frame_equal(*frames, check_row_order=name != "alert_evidence")


@pytest.mark.parametrize("sql", QUERIES)
def test_queries_of_the_readme_give_the_same_answer(opened: Database, database: Database, sql: str) -> None:
    ours, theirs = (run_query(db, sql) for db in (opened, database))
    assert ours.names == theirs.names
    assert _rounded(ours.rows) == _rounded(theirs.rows)


def _rounded(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(repr([round(value, 9) if isinstance(value, float) else value for value in row]) for row in rows)


def test_alerts_and_status_run_on_the_control_file(opened: Database, database: Database) -> None:
    def alerts(db: Database) -> list[tuple[object, ...]]:
        rows = list_alerts(db, "keywords-1", closed=True)
        return [tuple(row[name] for name in ("alert_id", "rule", "opened_on", "n", "state")) for row in rows]

    assert alerts(opened) == alerts(database)
    assert {rule for _, rule, *_ in alerts(opened)} >= {"level", "crisis"}
    ours, theirs = (read_health(db, late_hours=26) for db in (opened, database))
    for name in ("n_documents", "n_scores", "n_rejects", "n_unscored", "n_open_alerts", "problems", "last_job"):
        assert ours[name] == theirs[name], name


def test_a_second_run_adds_nothing(lake: Path, inbox: list[str]) -> None:
    before = {path for path in lake.rglob("*.parquet") if "runs" not in path.parts}
    counts = ingest_files(inbox, str(lake), key_file=lake.with_name("key"))
    assert (counts.n_appended, counts.n_duplicate) == (0, counts.n_read - counts.n_rejected)
    assert score_lake(str(lake), OwnCrew(lake, KeywordScorer)).n_scored == 0
    assert {path for path in lake.rglob("*.parquet") if "runs" not in path.parts} == before
    found = check_lake(Lake(Storage(str(lake))), deep=True)
    assert not found.faults
    assert found.n_scores == {"keywords-1": found.n_documents}


def test_opening_again_keeps_acknowledged_alerts(lake: Path, opened: Database) -> None:
    with opened.writing() as con:
        ((alert,),) = con.execute("SELECT alert_id FROM alerts WHERE state = 'open' ORDER BY ALL LIMIT 1").fetchall()
        con.execute("UPDATE alerts SET state = 'acknowledged' WHERE alert_id = ?", [alert])
    control(lake, opened.path)
    with opened.reading() as con:
        assert con.execute("SELECT state FROM alerts WHERE alert_id = ?", [alert]).fetchall() == [("acknowledged",)]


@pytest.mark.parametrize(
    "sql", ["PRAGMA table_info('runs')", "CALL duckdb_tables()", "PIVOT runs ON job USING count(*)"]
)
def test_query_on_a_lake_takes_select_and_explain_alone(opened: Database, sql: str) -> None:
    assert run_query(opened, "EXPLAIN SELECT 1").rows
    with pytest.raises(DataError, match="query changes nothing"):
        run_query(opened, sql)


def test_no_query_writes_into_a_lake_or_reads_beside_it(lake: Path, opened: Database) -> None:
    target = lake / "scores" / "x.parquet"
    for sql in (f"COPY (SELECT 1) TO '{target}'", f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'"):
        with pytest.raises(DataError):
            run_query(opened, sql)
    assert not target.exists()
    with pytest.raises(DataError, match="nothing else on this machine"):
        run_query(opened, f"FROM read_csv('{lake.with_name('key')}')")


def test_a_control_file_takes_no_rows(opened: Database, inbox: list[str]) -> None:
    with pytest.raises(StoreError, match="lake ingest INPUT"):
        score_files(inbox, opened, KeywordScorer)


def test_a_lake_keeps_to_the_key_of_its_first_run(lake: Path, inbox: list[str], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="begun with pseudonyms"):
        ingest_files(inbox, str(lake), key_file=None)
    (tmp_path / "key").write_text("another key, long enough")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(StoreError, match="another key"):
        ingest_files(inbox, str(lake), key_file=tmp_path / "key")


def test_an_empty_lake_opens(tmp_path: Path) -> None:
    Lake.create(Storage(str(tmp_path / "lake")), "plain")
    db = control(tmp_path / "lake", tmp_path / "lake.duckdb")
    assert run_query(db, "SELECT count(*) FROM latest_scores").rows == [(0,)]
    with db.reading() as con:
        assert window_queries.run(
            con, "rolling_cohort", model_id="m", as_of=dt.date(2026, 1, 1), window_days=7
        ).is_empty()


def test_a_database_with_rows_is_not_replaced(lake: Path, database: Database) -> None:
    with pytest.raises(StoreError, match="rows of its own"):
        control(lake, database.path)


def test_a_search_for_a_subject_knows_the_pseudonym_or_is_refused(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file, (known,) = (
        lake.with_name("key"),
        stored_ids(Lake(Storage(str(lake))), ["s1"], lake.with_name("key"))[1:],
    )
    for subject in ("s1", " s1\u200b", known):
        with pytest.raises(StoreError, match="holding"):
            check(str(lake), deep=False, subject=[subject], key_file=key_file, fail_on_missing=False)
    with pytest.raises(StoreError, match="holding"):
        check(str(lake), deep=False, subject=[known], key_file=None, fail_on_missing=False)
    check(str(lake), deep=False, subject=["nobody"], key_file=key_file, fail_on_missing=False)
    for subject in ("s1", " "):
        with pytest.raises(ConfigError, match="--subject"):
            check(str(lake), deep=False, subject=[subject], key_file=None, fail_on_missing=False)
    assert "s1" not in capsys.readouterr().out.split()

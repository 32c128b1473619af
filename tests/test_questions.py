"""Questions asked at once: each answered, failures their own, and none outlives a block that failed."""

import time
from concurrent.futures import Future
from pathlib import Path

import duckdb
import pytest

from monitor.database import connect, reading
from monitor.questions import AT_ONCE, Questions

LONG = "SELECT sum(a.range * b.range) FROM range(1_000_000) AS a, range(1_000_000) AS b"  # an hour


@pytest.fixture
def db(tmp_path: Path) -> Path:
    connect(tmp_path / "risk.duckdb").close()
    return tmp_path / "risk.duckdb"


def number(con: duckdb.DuckDBPyConnection, sql: str) -> object:
    ((found,),) = con.execute(sql).fetchall()
    return found


def test_every_question_has_its_own_answer_in_utc_or_its_own_fault(db: Path) -> None:
    with reading(db) as con, Questions(con) as questions:
        asked = [questions.ask(number, f"SELECT {i}") for i in range(5 * AT_ONCE)]
        wrong = questions.ask(number, "SELECT nothing")
        zone = questions.ask(number, "SELECT current_setting('TimeZone')")
    assert [answer.result() for answer in asked] == list(range(5 * AT_ONCE))
    assert zone.result() == "UTC"
    with pytest.raises(duckdb.BinderException):
        wrong.result()


def test_a_question_may_change_nothing_where_its_connection_may_not(db: Path) -> None:
    with reading(db) as con, Questions(con) as questions:
        asked = questions.ask(number, "DELETE FROM documents")
    with pytest.raises(duckdb.Error, match="read-only"):
        asked.result()


def fail_beside(db: Path, asked: list[Future[object]]) -> None:
    with reading(db) as con, Questions(con) as questions:
        asked += (questions.ask(number, LONG) for _ in range(AT_ONCE + 1))
        while not asked[AT_ONCE - 1].running():
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_a_block_that_fails_waits_for_no_answer(db: Path) -> None:
    asked: list[Future[object]] = []
    with pytest.raises(KeyboardInterrupt):
        fail_beside(db, asked)
    assert asked[AT_ONCE].cancelled()
    assert all(answer.exception() for answer in asked[:AT_ONCE])

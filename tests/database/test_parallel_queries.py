"""Questions asked at once: each answered, failures their own, and none outlives a block that failed."""

from pathlib import Path

import duckdb
import pytest

from monitor.database.connection import connect, reading
from monitor.database.parallel_queries import AT_ONCE, Questions
from tests.support.interrupted import Send, interrupted, once, twice

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


def test_a_cursor_is_closed_at_the_end(db: Path) -> None:
    with reading(db) as con:
        with Questions(con) as questions:
            asked = questions.ask(lambda cursor: cursor)
        with pytest.raises(duckdb.ConnectionException):
            asked.result().execute("SELECT 1")
        assert number(con, "SELECT 1") == 1


@pytest.mark.parametrize("send", [once, twice])
@pytest.mark.parametrize("waiting", ["asked.result()", "pass", "raise ValueError"])
def test_ctrl_c_is_heard_while_a_long_question_is_asked(db: Path, waiting: str, send: Send) -> None:
    code = f"""
import pathlib
from monitor.database import reading
from monitor.questions import Questions

def stubborn(con):
    try:
        con.sql("{LONG}").pl()
    finally:
        con.sql("{LONG}").pl()

with reading(pathlib.Path({str(db)!r})) as con:
    con.sql("SELECT 1").pl()  # polars puts its signal handler over Python's
    with Questions(con) as questions:
        asked = [questions.ask(stubborn) for _ in range(3)][0]
        print("asked", flush=True)
        {waiting}
"""
    _, error = interrupted(code, at="asked", send=send)
    assert {"KeyboardInterrupt", "ValueError"} & set(error.splitlines()), error

"""The query job: read-only, every type of answer, errors in one line."""

import json
from pathlib import Path

import duckdb
import pytest

from jobs.query import Answer, Format, ask, show
from monitor.database import writing
from monitor.errors import DataError, StoreError


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "risk.duckdb"
    with writing(path) as con:
        con.execute(
            "INSERT INTO documents VALUES ('d1', 's1', '2026-01-05', 'fine', NULL, 'r', '2026-01-05')"
        )
    return path


def test_a_question_is_answered(db: Path) -> None:
    answer = ask(db, "SELECT doc_id, count(*) AS n FROM documents GROUP BY doc_id")
    assert answer == Answer(["doc_id", "n"], [("d1", 1)])


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("SELEC 1", "syntax error"),
        ("FROM documentz", 'Did you mean "documents"'),
        ("DELETE FROM documents", "read-only"),
        ("CREATE TABLE x (a INTEGER)", "read-only"),
        ("COPY documents TO 'stolen.csv'", "disabled"),
        ("ATTACH 'other.duckdb'", "disabled"),
        ("FROM read_text('/etc/hostname')", "disabled"),
        ("INSTALL httpfs", ""),
        ("  -- nothing", "no SQL to answer"),
        ("SELECT 'a'::INTEGER", "Conversion Error"),
    ],
)
def test_wrong_sql_and_every_change_are_refused_in_one_line(db: Path, sql: str, part: str) -> None:
    before = db.read_bytes()
    with pytest.raises(DataError) as caught:
        ask(db, sql)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert db.read_bytes() == before


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        ask(tmp_path / "no.duckdb", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_variables_of_the_program_are_no_tables(db: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        ask(db, "FROM answer")


EVERY_TYPE = (
    "SELECT NULL AS n, 1.5::DECIMAL(5, 2) AS d, INTERVAL 1 DAY AS i, [1, 2] AS l, {'a': 1} AS s, 'x'::BLOB AS b, "
    "DATE '2026-01-05' AS day, 'nan'::DOUBLE AS x, uuid() AS u, TRUE AS t, 'a\tb\x1b[31m' AS hostile, '[red]' AS tag"
)


def test_every_type_can_be_printed_and_no_text_steers_the_terminal(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = ask(db, EVERY_TYPE)
    show(answer, Format.TABLE)
    table = capsys.readouterr().out
    assert "\x1b" not in table
    assert "[red]" in table
    show(answer, Format.JSON)
    assert json.loads(capsys.readouterr().out.replace("NaN", "null"))[0]["day"] == "2026-01-05"
    show(answer, Format.CSV)
    assert capsys.readouterr().out.startswith("n,d,i,l,s,b,day,x,u,t,hostile,tag\n")


def test_a_table_is_cut_and_csv_is_whole(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(db, "SELECT range AS i, repeat('x', 500) AS long FROM range(300)")
    show(answer, Format.TABLE)
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + 100
    assert table[-1].split() == ["99", "x" * 199 + "…"]
    show(answer, Format.CSV)
    assert capsys.readouterr().out.count("x" * 500) == 300


def test_a_table_too_wide_for_the_screen_is_printed_row_by_row(
    db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    show(ask(db, "FROM documents"), Format.TABLE)
    lines = capsys.readouterr().out.splitlines()
    assert "row 1" in lines[0]
    assert len(lines) == 1 + 7


def test_a_reader_does_not_see_what_is_not_committed(db: Path) -> None:
    with duckdb.connect(db) as con:
        con.execute("BEGIN")
        con.execute("DELETE FROM documents")
    assert ask(db, "SELECT count(*) FROM documents").rows == [(1,)]

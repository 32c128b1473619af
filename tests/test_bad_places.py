"""A database or input that is none, in every state: one clear line, exit code 2, and nothing is changed."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from jobs.cli import main
from jobs.query import ask
from jobs.score import score_files
from tests.inputs import GOOD, HEADER, write
from tests.keyword_scorer import KeywordScorer

NOBODY = 65534


def ours(path: Path) -> None:
    score_files([write(path.with_suffix(".csv"), HEADER + GOOD)], path, KeywordScorer)


def foreign(path: Path) -> None:
    with duckdb.connect(path) as con:
        con.execute("CREATE TABLE customers (id INTEGER)")


def newer(path: Path) -> None:
    ours(path)
    with duckdb.connect(path) as con:
        con.execute("INSERT INTO schema_version VALUES (999, '999_tomorrow', TIMESTAMP '2030-01-01')")


def sqlite(path: Path) -> None:
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE t (a)")
    con.close()


def cut(path: Path) -> None:
    ours(path)
    path.write_bytes(path.read_bytes()[:5000])


STATES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "this is a folder"),
    "a text": (
        lambda path: path.write_text("not a database, but long enough " * 999),
        "not a DuckDB database",
    ),
    "empty": (Path.touch, "not a DuckDB database"),
    "of SQLite": (sqlite, "not a DuckDB database"),
    "of another program": (foreign, "a database of another program"),
    "of a newer schema": (newer, "written by a newer risk-monitor"),
    "cut short": (cut, "the file is damaged; restore it from a backup"),
    "a device": (lambda path: path.symlink_to(os.devnull), "not a regular file"),
}


@pytest.fixture
def fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: object) -> str:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        *_, line = capfd.readouterr().err.splitlines()
        assert stop.value.code == 2
        assert line.startswith("risk-monitor: ")
        return line

    return run


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", ["query", "report", "score", "nightly", "status", "alerts"])
def test_a_database_that_is_none_is_named_and_left_as_it_is(
    tmp_path: Path, fails: Callable[..., str], state: str, command: str
) -> None:
    db = tmp_path / "risk.duckdb"
    make, words = STATES[state]
    make(db)
    before = db.read_bytes() if stat.S_ISREG(db.stat().st_mode) else None
    (tmp_path / "inbox").mkdir()
    feed = write(tmp_path / "inbox" / "feed.csv", HEADER + GOOD)
    config = write(tmp_path / "risk-monitor.toml", 'db = "risk.duckdb"\n')
    line = fails(
        *{
            "query": ("query", "FROM runs", "--db", db),
            "report": ("report", "--db", db, "--out", tmp_path / "out"),
            "score": ("score", feed, "--db", db),
            "nightly": ("nightly", "--config", config),
            "status": ("status", "--db", db),
            "alerts": ("alerts", "--db", db, "--update"),
        }[command]
    )
    assert words in line
    assert str(db) in line
    assert before is None or db.read_bytes() == before


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path, fails: Callable[..., str]) -> None:
    feed = write(tmp_path / "feed.csv", HEADER + GOOD)
    assert "cannot make this lock file (No such file or directory)" in fails(
        "score", feed, "--db", "/proc/risk.duckdb"
    )
    assert "cannot make this folder (File exists)" in fails("score", feed, "--db", feed / "risk.duckdb")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_who_may_only_read_can_ask_and_is_told_that_he_cannot_write(fails: Callable[..., str]) -> None:
    folder = Path("/tmp") / f"risk-monitor-{os.getpid()}"  # pytest's own folders are closed to others
    try:
        folder.mkdir()
        db, feed = folder / "risk.duckdb", write(folder / "feed.csv", HEADER + GOOD)
        ours(db)
        db.chmod(0o444)
        os.seteuid(NOBODY)
        assert ask(db, "SELECT count(*) FROM scores").rows == [(1,)]
        assert "cannot make this lock file (Permission denied)" in fails("score", feed, "--db", db)
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.csv", "", "the input holds no rows"),
        ("a.csv", HEADER, "the input holds no rows"),
        ("a.jsonl", "\n\n", "the input holds no rows"),
        ("a.csv", HEADER + "s1,someday,x\n", "no row of the input could be used"),
        ("a.csv", "when,\x1b[31mtext\n", "no column subject_id"),
    ],
)
def test_input_without_one_row_that_can_be_used_is_one_clear_line(
    tmp_path: Path, fails: Callable[..., str], name: str, content: str, part: str
) -> None:
    line = fails("score", write(tmp_path / name, content), "--db", tmp_path / "risk.duckdb")
    assert part in line
    assert "\x1b" not in line

"""A database or input that is none, in every state: one clear line, exit code 2, and nothing is changed."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest

from jobs.backup import backup
from jobs.pipeline.score_files import score_files
from jobs.query import run_query
from monitor.database.connection import Database
from monitor.errors import IN_THE_WAY
from tests.support.failing import last_line
from tests.support.inputs import GOOD, HEADER, write, write_rows
from tests.support.keyword_scorer import KeywordScorer

pytestmark = pytest.mark.slow

NOBODY = 65534


@cache
def scored_database() -> bytes:
    """A database of this project with one scored text, made once."""
    with TemporaryDirectory() as folder:
        db = Path(folder) / "risk.duckdb"
        score_files([write(db.with_suffix(".csv"), HEADER + GOOD)], Database(db), KeywordScorer)
        return db.read_bytes()


def ours(path: Path) -> None:
    path.write_bytes(scored_database())


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


def encrypted(path: Path) -> None:
    with duckdb.connect() as con:
        con.execute("SET force_mbedtls_unsafe = 'true'")
        con.execute(f"ATTACH '{path}' AS e (ENCRYPTION_KEY 'a key of somebody')")
        con.execute("CREATE TABLE e.t (a INTEGER)")


def cut(path: Path) -> None:
    ours(path)
    path.write_bytes(path.read_bytes()[:5000])


STATES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "this is a folder"),
    "a text": (
        lambda path: path.write_text("not a database, but long enough " * 999),
        "not a DuckDB database",
    ),
    "empty": (Path.touch, "not a DuckDB database, because it is empty; name another file"),
    "of SQLite": (sqlite, "not a DuckDB database; name another file"),
    "encrypted": (encrypted, "an encrypted database; risk-monitor has no key to it"),
    "of another program": (foreign, "a database of another program"),
    "of a newer schema": (newer, "written by a newer risk-monitor"),
    "cut short": (cut, "the file is damaged; restore it from a backup"),
    "a device": (lambda path: path.symlink_to(os.devnull), "not a regular file"),
}


@pytest.fixture
def fails(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must end with exit code 2; returns its last line."""
    return partial(last_line, capfd)


def call(command: str, db: Path) -> tuple[object, ...]:
    """The words of a command on a database."""
    folder = db.parent
    (folder / "inbox").mkdir()
    feed = write(folder / "inbox" / "feed.csv", HEADER + GOOD)
    config = write(folder / "risk-monitor.toml", f'db = "{db.name}"\n')
    return {
        "query": ("query", "FROM runs", "--db", db),
        "report": ("report", "--db", db, "--out", folder / "out"),
        "score": ("score", feed, "--db", db),
        "nightly": ("nightly", "--config", config),
        "schedule": ("schedule", "--config", config),
        "watch": ("watch", "--config", config),
        "status": ("status", "--db", db),
        "forget": ("forget", "nobody", "--db", db),
        "alerts": ("alerts", "--db", db, "--update"),
        "evaluate-alerts": ("evaluate-alerts", "--db", db, "--out", folder / "out"),
    }[command]


COMMANDS = [
    "query",
    "report",
    "score",
    "nightly",
    "schedule",
    "watch",
    "status",
    "forget",
    "alerts",
    "evaluate-alerts",
]


@pytest.mark.parametrize("name", ["feed.csv", "feed.json", "feed.jsonl", "feed.parquet"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_input_file_given_as_database_is_refused_unread(
    tmp_path: Path, fails: Callable[..., str], name: str, command: str
) -> None:
    db = write_rows(tmp_path / name, [{"subject_id": "s1", "posted_at": "2026-01-05", "text": "a"}])
    before = db.read_bytes()
    line = fails(*call(command, db))
    assert line == f"risk-monitor: {db}: not a DuckDB database; name another file"
    assert db.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {name, "inbox", "risk-monitor.toml", "out"}


def test_a_log_without_its_database_is_not_taken_for_that_of_a_new_one(
    tmp_path: Path, fails: Callable[..., str]
) -> None:
    db = tmp_path / "risk.duckdb"
    log = write(tmp_path / "risk.duckdb.wal", "what was committed last")
    for command in ("score", "query"):
        assert "bring the database back, or move the log away" in fails(*call(command, db))
        shutil.rmtree(tmp_path / "inbox")
    assert log.read_text() == "what was committed last"
    assert not db.exists()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", ["query", "report", "score", "nightly", "watch", "status", "alerts"])
def test_a_database_that_is_none_is_named_and_left_as_it_is(
    tmp_path: Path, fails: Callable[..., str], state: str, command: str
) -> None:
    db = tmp_path / "risk.duckdb"
    make, words = STATES[state]
    make(db)
    before = db.read_bytes() if stat.S_ISREG(db.stat().st_mode) else None
    line = fails(*call(command, db))
    assert words in line
    assert str(db) in line
    assert before is None or db.read_bytes() == before


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path, fails: Callable[..., str]) -> None:
    feed = write(tmp_path / "feed.csv", HEADER + GOOD)
    assert "cannot make this lock file (No such file or directory)" in fails(
        "score", feed, "--db", "/proc/risk.duckdb"
    )
    assert f"cannot make this folder ({IN_THE_WAY}); name" in fails("score", feed, "--db", feed / "risk.duckdb")


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        "backup PLACE",
        "restore kept --to PLACE",
        "report --db risk.duckdb --out PLACE",
        "demo --out PLACE",
        "evaluate-alerts --out PLACE",
        "validate feed.csv --db risk.duckdb --out PLACE",
        "transfer --data . --out PLACE",
        "pretrain --data . --out PLACE",
        "benchmark --out PLACE",
    ],
)
def test_a_file_where_an_output_folder_should_be_is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., str], words: str, *, below: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    ours(tmp_path / "risk.duckdb")
    monkeypatch.setenv("RISK_MONITOR_DB", "risk.duckdb")
    write(tmp_path / "feed.csv", HEADER + GOOD)
    backup(Database(tmp_path / "risk.duckdb"), tmp_path / "backups").rename(tmp_path / "kept")
    write(tmp_path / "file", "theirs")
    line = fails(*words.replace("PLACE", "file/below" if below else "file").split())
    assert f"({IN_THE_WAY}); name another" in line
    assert (tmp_path / "file").read_text() == "theirs"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_user_who_may_only_read_can_query_and_not_score(fails: Callable[..., str]) -> None:
    folder = Path("/tmp") / f"risk-monitor-{os.getpid()}"  # pytest's own folders are closed to others
    try:
        folder.mkdir()
        db, feed = folder / "risk.duckdb", write(folder / "feed.csv", HEADER + GOOD)
        ours(db)
        db.chmod(0o444)
        os.seteuid(NOBODY)
        assert run_query(Database(db), "SELECT count(*) FROM scores").rows == [(1,)]
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


@pytest.mark.parametrize(
    "words",
    [
        "validate outcomes.csv --db risk.duckdb --positive nonsense --out made/below",
        "evaluate-alerts --feed feed.csv --truth outcomes.csv --out made/below",
        "evaluate-alerts --background no.csv --low no.csv --out made/below",
        "transfer --data nowhere --out made/below",
        "pretrain --data nowhere --out made/below",
        "benchmark --device cpu --measure training --out made/below",
        "report --db no.duckdb --out made/below",
    ],
)
def test_a_command_that_fails_leaves_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ours(tmp_path / "risk.duckdb")
    write(tmp_path / "feed.csv", HEADER + GOOD)
    write(tmp_path / "outcomes.csv", "subject_id,date,name,value\ns1,2026-01-06,phq9,4\n")
    fails(*words.split())
    assert not Path("made").exists()


def test_a_folder_that_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    fails("evaluate-alerts", "--background", "no.csv", "--low", "no.csv", "--out", "there/made")
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
    assert not list(Path("there").iterdir())

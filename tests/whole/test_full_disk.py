"""A full disk and a damaged log: what was committed stays readable, and the message says what to do."""

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from monitor.database.connection import Database
from monitor.database.store import append_documents
from monitor.errors import MonitorError, StoreError
from monitor.settings import Settings
from tests.support import forked
from tests.support.nightly_process import NIGHT, run_night
from tests.support.nights import assert_ledger_adds_up, contents, settings, write_csv
from tests.support.rows import documents
from tests.support.small_disk import mounted

MODEL = "keywords-1"
LARGEST = 4_000_000  # bytes of a file, under a limit
FILE_LIMIT = 1_000_000  # bytes of a file; a database of a hundred of the texts below is larger
DISK = "10500k"


def rows(first: int, n: int) -> list[dict[str, str]]:
    """Texts of 16 KB that no compression makes much smaller."""
    chance = random.Random(first)
    texts = ["joy " + chance.randbytes(8000).hex() for _ in range(n)]
    return [
        {"doc_id": f"d{first + i}", "subject_id": f"s{i % 9}", "posted_at": "2026-01-05", "text": text}
        for i, text in enumerate(texts)
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", DISK) as folder:
        yield folder


def first_night(db_folder: Path, inbox: Path, elsewhere: Path) -> Settings:
    """A night that fits, and then a file that does not."""
    inbox.mkdir()
    write_csv(inbox / "1.csv", rows(0, 25))
    chosen = settings(db_folder, inbox).model_copy(
        update={"out": elsewhere / "report", "snapshot": elsewhere / "snapshot"}
    )
    run_night(chosen, MODEL, draw=False)
    write_csv(inbox / "2.csv", rows(25, 375))
    return chosen


def a_night_fails(chosen: Settings, file_bytes: int | None = None) -> None:
    done = forked.run(NIGHT, chosen.model_dump_json(exclude_unset=True), MODEL, file_bytes=file_bytes)
    assert done.returncode == 2, done.stderr
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"risk-monitor: {chosen.db}: the disk is full, or this user's quota is used up; make room")


def assert_nothing_was_lost(chosen: Settings, before: dict[str, list[tuple[object, ...]]]) -> None:
    kept = contents(chosen.db)
    assert set(kept["documents"]) > set(before["documents"])
    assert len(kept["documents"]) < 400
    assert kept["scores"] == before["scores"]
    assert_ledger_adds_up(chosen.db)


def assert_the_next_night_completes(chosen: Settings) -> None:
    run_night(chosen, MODEL, draw=False)
    assert {name: len(contents(chosen.db)[name]) for name in ("documents", "scores", "files")} == {
        "documents": 400,
        "scores": 400,
        "files": 2,
    }
    assert_ledger_adds_up(chosen.db)


@pytest.mark.slow
def test_a_full_disk_costs_no_committed_row(small_disk: Path, tmp_path: Path) -> None:
    chosen = first_night(small_disk, tmp_path / "inbox", tmp_path)
    before = contents(chosen.db)
    for _ in range(2):
        a_night_fails(chosen)
        assert_nothing_was_lost(chosen, before)
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    assert_the_next_night_completes(chosen)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "left"), [("snapshot", [".risk-monitor-snapshot"]), ("out", None)])
def test_of_two_disks_the_full_one_is_named(
    small_disk: Path, tmp_path: Path, setting: str, left: list[str] | None
) -> None:
    subprocess.run(["mount", "-o", "remount,size=1m" if left else "remount,size=64k", small_disk], check=True)
    inbox, folder = tmp_path / "inbox", small_disk / setting
    inbox.mkdir()
    write_csv(inbox / "1.csv", rows(0, 25))
    chosen = settings(tmp_path / "db", inbox).model_copy(update={setting: folder})
    with pytest.raises(MonitorError, match=rf"^(--out )?{folder}: the disk is full"):
        run_night(chosen, MODEL, draw=setting == "out")
    if left:
        assert [file.name for file in folder.iterdir()] == left  # no torn copy
    assert len(contents(chosen.db)["scores"]) == 25


@pytest.mark.slow
@pytest.mark.parametrize(("output", "n_files"), [("db", 2), ("db", 4), ("out", 3), ("snapshot", 3), ("key_file", 0)])
def test_a_disk_with_room_for_no_more_files_costs_no_row(
    small_disk: Path, tmp_path: Path, output: str, n_files: int
) -> None:
    inbox, fresh = tmp_path / "inbox", small_disk / output
    inbox.mkdir()
    write_csv(inbox / "1.csv", rows(0, 25))
    chosen = settings(tmp_path / "elsewhere", inbox)
    place = {"db": fresh / "risk.duckdb"}.get(output, fresh)
    chosen = chosen.model_copy(update={output: place})
    fresh.mkdir() if output == "db" else None
    used = 2 if output == "db" else 1
    subprocess.run(["mount", "-o", f"remount,size=90m,nr_inodes={used + n_files}", small_disk], check=True)
    with pytest.raises(MonitorError, match=rf"^(--out )?{place}: the disk is full"):
        run_night(chosen, MODEL, draw=output == "out")
    subprocess.run(["mount", "-o", "remount,nr_inodes=200", small_disk], check=True)
    run_night(chosen, MODEL, draw=False)
    kept = contents(chosen.db)
    assert len(kept["documents"]) == len(kept["scores"]) == 25
    assert_ledger_adds_up(chosen.db)


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_costs_no_committed_row(tmp_path: Path) -> None:
    chosen = first_night(tmp_path / "disk", tmp_path / "inbox", tmp_path)
    before = contents(chosen.db)
    a_night_fails(chosen, LARGEST)
    assert_nothing_was_lost(chosen, before)
    assert_the_next_night_completes(chosen)


COPIES = """
import pathlib, sys
from monitor.database.connection import Database
from monitor.database.copy import copy_file, database_copy
from monitor.database.store import append_documents
from monitor.errors import StoreError
from tests.support.rows import documents
db, new = Database(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2])
with db.writing() as con:
    append_documents(con, documents("small"), "run")
for copy in (lambda: copy_file(db, new), lambda: database_copy(db, new).__enter__()):
    try:
        copy()
    except StoreError as error:
        print(error)
"""


def test_a_copy_tells_that_the_log_has_no_room_in_the_file(tmp_path: Path) -> None:
    db = tmp_path / "risk.duckdb"
    with Database(db).writing() as con:
        texts = pl.Series("text", [row["text"] for row in rows(0, 120)])
        append_documents(con, documents(*map(str, range(120))).with_columns(texts), "run")
    assert db.stat().st_size > FILE_LIMIT
    done = forked.run(COPIES, db, tmp_path / "new", file_bytes=FILE_LIMIT)
    assert db.with_name("risk.duckdb.wal").exists(), "the small commit"
    assert [line.partition(";")[0] for line in done.stdout.splitlines()] == [
        f"{db}: the disk is full, or this user's quota is used up"
    ] * 2, done.stderr
    assert not (tmp_path / "new").exists()


TWO_COMMITS = """
import os, pathlib, sys
from monitor.database.connection import Database
from monitor.database.store import append_documents
from tests.support.rows import documents
from tests.support.small_disk import mounted
con = Database(pathlib.Path(sys.argv[1])).connect()
for ids in ("ab", "cd"):
    con.execute("BEGIN")
    append_documents(con, documents(*ids, text="a text " * 1000), "run")
    con.execute("COMMIT")
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("from_end", [1, 100, 4096])
def test_a_damaged_log_page_costs_one_commit_and_names_the_remedy(tmp_path: Path, from_end: int) -> None:
    db = tmp_path / "risk.duckdb"
    with Database(db).writing() as con:
        append_documents(con, documents("in the file"), "run")
    forked.run(TWO_COMMITS, db)
    log = tmp_path / "risk.duckdb.wal"
    raw = bytearray(log.read_bytes())
    assert len(raw) > 2 * from_end
    raw[-from_end] ^= 0xFF
    log.write_bytes(raw)
    with (
        pytest.raises(StoreError, match="the log beside it is damaged at its end") as caught,
        Database(db).reading(),
    ):
        pytest.fail("a damaged log was read")
    (command,) = re.findall(r"`(truncate .*?)`", str(caught.value))
    subprocess.run(command.split(), check=True)
    with Database(db).reading() as con:
        ids = {doc_id for (doc_id,) in con.execute("SELECT doc_id FROM documents").fetchall()}
    assert ids == {"in the file", "a", "b"}
    with Database(db).writing() as con:
        assert append_documents(con, documents("a", "b", "c", "d", text="a text " * 1000), "run") == 2

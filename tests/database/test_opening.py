"""DuckDB reads the header of the database under its lock, so that no commit in between is missed or overwritten.

If DuckDB 2.0 has to detect a file's type, it reads the header through one descriptor, closes it, and locks another.
With the lock delayed (`strace -f -e inject=fcntl:delay_enter=3000000:when=7 python ...`) a writer wiped out what
another process had just committed. These tests count the openings of the file with inotify.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from monitor.database.connection import Database
from monitor.database.copy import database_copy
from monitor.errors import StoreError
from monitor.privacy.retention import rewrite
from tests.support.rows import count, database

IN_OPEN, IN_CLOSE = 0x20, 0x08 | 0x10
EVENT = struct.Struct("iIII")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts the openings of a file with inotify")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return database(tmp_path / "risk.duckdb")


@contextmanager
def events(path: Path) -> Iterator[Callable[[], str]]:
    """A function that returns what happened to the file since its last call: o for opened, c for closed."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(path), IN_OPEN | IN_CLOSE) > 0

    def read_events() -> str:
        try:
            raw = os.read(watch, 65536)
        except BlockingIOError:
            return ""
        # Events of a watched file have no name, so each is as long as its header.
        return "".join("o" if mask & IN_OPEN else "c" for _, mask, _, _ in EVENT.iter_unpack(raw))

    try:
        yield read_events
    finally:
        os.close(watch)


@pytest.mark.parametrize("open_it", [Database.reading, Database.writing])
def test_header_is_read_through_the_descriptor_that_is_locked(
    db: Path, open_it: Callable[[Database], AbstractContextManager[object]]
) -> None:
    with events(db) as read_events:
        with open_it(Database(db)):
            assert read_events() == "oc" + "o", "our check of the first bytes, then DuckDB's opening"
        assert set(read_events()) == {"c"}


def test_copy_reads_the_header_under_its_lock_too(db: Path, tmp_path: Path) -> None:
    with events(db) as read_events:
        with database_copy(Database(db), tmp_path / "copy.duckdb"):
            assert read_events() == "oc" + "oc" + "o" + "cc" + "o", (
                "the look whether it is a database; our check, and the openings (one event) to empty the log; "
                "that of the copy"
            )
        assert read_events() == "c"


@pytest.mark.slow
@pytest.mark.parametrize("open_it", [Database.reading, Database.writing])
def test_large_query_spills_into_a_folder_beside_the_database(db: Path, open_it) -> None:  # type: ignore[no-untyped-def]
    with open_it(Database(db)) as con:
        assert con.execute("SELECT current_setting('temp_directory')").fetchone() == (f"{db}.tmp",)
        con.execute("SET memory_limit = '60MB'; SET threads = 1")
        sorted_rows = "SELECT hash(range) AS h, range::VARCHAR || repeat('x', 30) FROM range(1_500_000) ORDER BY h"
        assert len(con.execute(sorted_rows).fetchmany(5)) == 5


def test_a_query_without_enough_memory_is_one_line_with_a_remedy(db: Path) -> None:
    def query() -> None:
        with Database(db).reading() as con:
            con.execute("SET memory_limit = '20MB'; SET max_temp_directory_size = '0B'")
            con.execute("SELECT count(*) FROM (SELECT DISTINCT range FROM range(5_000_000))").fetchall()

    with pytest.raises(StoreError, match="not enough memory; end other programs, or"):
        query()


@pytest.mark.parametrize("name", [":memory:", "~"])
def test_database_of_any_name_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    database(Path(name))
    assert rewrite(Database(Path(name)), subjects=["s"])["documents"] == 2
    with Database(Path(name)).reading() as con:
        assert count(con, "documents") == 0

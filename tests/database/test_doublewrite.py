"""A kill in the middle of a checkpoint, which leaves a block half written, costs no committed row."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from monitor.database import doublewrite, store
from monitor.database.connection import Database
from monitor.database.doublewrite import HEADERS, copy_path, restore_blocks
from monitor.errors import StoreError
from monitor.privacy.retention import rewrite
from tests.support.rows import count, database, documents


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A database as a writer leaves it that was killed between its commit and the end of its checkpoint."""
    path, found = tmp_path / "risk.duckdb", tmp_path / "killed" / "risk.duckdb"
    found.parent.mkdir()
    database(path)
    with Database(path).writing() as con:
        store.append_documents(con, documents("c"), "run")
        con.execute("COMMIT")
        for file in (path, copy_path(path), path.with_name(f"{path.name}.wal")):
            shutil.copy(file, found.parent)
        con.execute("BEGIN")
    return found


def tear(path: Path, at: int = HEADERS, n: int = 100_000) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(os.urandom(n))


@pytest.mark.parametrize("open_it", [Database.reading, Database.writing])
def test_a_block_that_was_half_written_is_put_back_and_the_log_brings_what_was_committed(
    killed: Path, open_it: Callable[[Database], AbstractContextManager[duckdb.DuckDBPyConnection]]
) -> None:
    tear(killed)
    with open_it(Database(killed)) as con:
        assert count(con, "documents") == 3
    with Database(killed).writing() as con:
        store.append_documents(con, documents("d"), "run")
    assert not copy_path(killed).exists()
    with Database(killed).reading() as con:
        assert count(con, "documents") == 4


def test_after_a_commit_that_is_a_checkpoint_the_copy_is_of_what_that_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, keep, kept = tmp_path / "risk.duckdb", doublewrite.save_blocks, list[Path]()

    def keep_and_look(*args: Any) -> bytes:
        headers = keep(*args)
        kept.append(tmp_path / str(len(kept)) / path.name)
        kept[-1].parent.mkdir()
        for file in (path, copy_path(path)):
            shutil.copy(file, kept[-1].parent)
        return headers

    database(path)
    monkeypatch.setattr("monitor.database.doublewrite.save_blocks", keep_and_look)
    with Database(path).writing() as con:
        con.execute("SET checkpoint_threshold = '1 KB'")
        store.append_documents(con, documents("c"), "run")
    before, after = kept  # the second is what a kill leaves before the end of the closing
    for copy, n in ((before, 2), (after, 3)):
        tear(copy)
        with Database(copy).reading() as con:
            assert count(con, "documents") == n


def test_a_commit_counts_where_no_second_copy_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, keep = database(tmp_path / "risk.duckdb"), doublewrite.save_blocks

    def full(file: int, path: Path, con: duckdb.DuckDBPyConnection, known: bytes = b"") -> bytes:
        if known:
            raise OSError(errno.ENOSPC, "No space left on device")
        return keep(file, path, con)

    monkeypatch.setattr("monitor.database.doublewrite.save_blocks", full)
    with Database(path).writing() as con:
        store.append_documents(con, documents("c"), "run")
    with Database(path).reading() as con:
        assert count(con, "documents") == 3


def test_killed_again_and_again_it_is_put_back_each_time(killed: Path) -> None:
    for _ in range(3):
        tear(killed)
        with Database(killed).reading() as con:
            assert count(con, "documents") == 3


def test_without_the_copy_it_would_be_lost(killed: Path) -> None:
    tear(killed)
    copy_path(killed).unlink()
    with pytest.raises(StoreError, match="the file is damaged"), Database(killed).reading():
        pass


def test_nothing_is_put_back_where_nothing_is_torn(killed: Path) -> None:
    before = killed.read_bytes()
    assert not restore_blocks(killed)
    assert killed.read_bytes() == before


def test_a_copy_of_an_earlier_state_or_half_a_copy_is_never_put_back(killed: Path) -> None:
    early = copy_path(killed).read_bytes()
    with Database(killed).writing() as con:
        store.append_documents(con, documents("d"), "run")
    after = killed.read_bytes()
    for copy in (early, early[: len(early) // 2], b""):
        copy_path(killed).write_bytes(copy)
        assert not restore_blocks(killed)
        assert not copy_path(killed).exists()
    assert killed.read_bytes() == after
    with Database(killed).reading() as con:
        assert count(con, "documents") == 4


def test_while_somebody_writes_the_copy_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "risk.duckdb"
    with Database(path).writing() as con:
        store.append_documents(con, documents("a"), "run")
        assert copy_path(path).stat().st_mode & 0o777 == 0o600
        pid = os.fork()
        if not pid:
            os._exit(restore_blocks(path) or not copy_path(path).exists())
        assert os.waitpid(pid, 0)[1] == 0
    assert not copy_path(path).exists()


def test_what_is_forgotten_is_not_kept_in_the_copy(killed: Path) -> None:
    assert b"a text" in copy_path(killed).read_bytes()
    rewrite(Database(killed), subjects=["s"])
    assert not copy_path(killed).exists()

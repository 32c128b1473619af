"""A kill in the middle of a checkpoint leaves a block half written; no committed row is lost."""

from __future__ import annotations

import errno
import gzip
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
from monitor.database.copy import database_copy
from monitor.database.doublewrite import HEADERS, copy_path, restore_blocks
from monitor.errors import StoreError
from monitor.privacy.retention import rewrite
from tests.support.rows import count, database, documents


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A database whose writer was killed between its commit and the end of its checkpoint."""
    path, copy = tmp_path / "risk.duckdb", tmp_path / "killed" / "risk.duckdb"
    copy.parent.mkdir()
    database(path)
    with Database(path).writing() as con:
        store.append_documents(con, documents("c"), "run")
        con.execute("COMMIT")
        for file in (path, copy_path(path), path.with_name(f"{path.name}.wal")):
            shutil.copy(file, copy.parent)
        con.execute("BEGIN")
    return copy


def damage(path: Path, at: int = HEADERS, n: int = 100_000) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(os.urandom(n))


@pytest.mark.parametrize("open_it", [Database.reading, Database.writing])
def test_half_written_block_is_restored_and_log_is_replayed(
    killed: Path, open_it: Callable[[Database], AbstractContextManager[duckdb.DuckDBPyConnection]]
) -> None:
    damage(killed)
    with open_it(Database(killed)) as con:
        assert count(con, "documents") == 3
    with Database(killed).writing() as con:
        store.append_documents(con, documents("d"), "run")
    assert not copy_path(killed).exists()
    with Database(killed).reading() as con:
        assert count(con, "documents") == 4


def test_new_schema_of_an_old_database_is_written_under_the_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, is_guarded, remove_copy = tmp_path / "risk.duckdb", list[bool](), doublewrite.remove_copy
    path.write_bytes(gzip.decompress(Path(__file__).with_name("schema-17.gz").read_bytes()))

    def removed(file: Path) -> None:
        is_guarded.append(copy_path(file).exists())
        remove_copy(file)

    monkeypatch.setattr(doublewrite, "remove_copy", removed)
    with database_copy(Database(path), tmp_path / "new.duckdb"):
        assert is_guarded == [True]


def test_copy_is_renewed_after_a_commit_with_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, save_blocks, copies = tmp_path / "risk.duckdb", doublewrite.save_blocks, list[Path]()

    def save_and_copy(*args: Any) -> bytes:
        headers = save_blocks(*args)
        copies.append(tmp_path / str(len(copies)) / path.name)
        copies[-1].parent.mkdir()
        for file in (path, copy_path(path)):
            shutil.copy(file, copies[-1].parent)
        return headers

    database(path)
    monkeypatch.setattr("monitor.database.doublewrite.save_blocks", save_and_copy)
    with Database(path).writing() as con:
        con.execute("SET checkpoint_threshold = '1 KB'")
        store.append_documents(con, documents("c"), "run")
    before, after = copies  # the second is what a kill leaves before the end of the closing
    for copy, n in ((before, 2), (after, 3)):
        damage(copy)
        with Database(copy).reading() as con:
            assert count(con, "documents") == n


def test_commit_counts_if_no_second_copy_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, save_blocks = database(tmp_path / "risk.duckdb"), doublewrite.save_blocks

    def full(file: int, path: Path, con: duckdb.DuckDBPyConnection, saved: bytes = b"") -> bytes:
        if saved:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save_blocks(file, path, con)

    monkeypatch.setattr("monitor.database.doublewrite.save_blocks", full)
    with Database(path).writing() as con:
        store.append_documents(con, documents("c"), "run")
    with Database(path).reading() as con:
        assert count(con, "documents") == 3


def test_blocks_are_restored_after_each_of_several_kills(killed: Path) -> None:
    for _ in range(3):
        damage(killed)
        with Database(killed).reading() as con:
            assert count(con, "documents") == 3


def test_database_without_its_copy_would_be_damaged(killed: Path) -> None:
    damage(killed)
    copy_path(killed).unlink()
    with pytest.raises(StoreError, match="the file is damaged"), Database(killed).reading():
        pass


def test_undamaged_database_is_not_changed_by_a_restore(killed: Path) -> None:
    before = killed.read_bytes()
    assert not restore_blocks(killed)
    assert killed.read_bytes() == before


def test_old_or_incomplete_copy_is_removed_and_not_restored(killed: Path) -> None:
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


def test_copy_stays_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "risk.duckdb"
    with Database(path).writing() as con:
        store.append_documents(con, documents("a"), "run")
        assert copy_path(path).stat().st_mode & 0o777 == 0o600
        pid = os.fork()
        if not pid:
            os._exit(restore_blocks(path) or not copy_path(path).exists())
        assert os.waitpid(pid, 0)[1] == 0
    assert not copy_path(path).exists()


def test_forgetting_removes_the_copy_with_its_texts(killed: Path) -> None:
    assert b"a text" in copy_path(killed).read_bytes()
    rewrite(Database(killed), subjects=["s"])
    assert not copy_path(killed).exists()

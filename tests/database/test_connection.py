"""Opening the database: complete or not at all, refused if it is foreign, and locked no longer than needed."""

import datetime as dt
import fcntl
import os
import stat
import threading
from pathlib import Path

import duckdb
import pytest

from monitor.database import connection, schema, store, writer_gate
from monitor.database.connection import Database
from monitor.database.remedies import explained
from monitor.errors import StoreError
from tests.support import rows
from tests.support.forked import Forked
from tests.support.rows import count, documents


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return rows.database(tmp_path / "risk.duckdb")


def start_process(code: str) -> Forked:
    """A process that runs this Python code, once the code has printed `ready`."""
    process = Forked(code)
    assert process.stdout.readline() == "ready\n"
    return process


def test_new_database_is_complete_private_and_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "risk.duckdb"
    Database(path).connect().close()
    made = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert made == {"risk.duckdb": 0o600, "risk.duckdb.gate": 0o600}
    with Database(path).reading() as con:
        assert con.sql("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        tables = {name for (name,) in con.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert tables >= {"documents", "scores", "models", "runs", "files", "rejects", "schema_version"}


def test_block_that_raises_leaves_database_unchanged(db: Path) -> None:
    with pytest.raises(duckdb.CatalogException), Database(db).writing() as con:
        store.append_documents(con, documents("c"), "run") and con.execute("FROM no_such_table")
    with Database(db).reading() as con:
        assert count(con, "documents") == 2


def test_reading_refuses_changes_and_access_to_other_files(db: Path, tmp_path: Path) -> None:
    with Database(db).reading() as con:
        for sql in ("DELETE FROM documents", f"COPY documents TO '{tmp_path}/x.csv'", "FROM '/etc/passwd'"):
            with pytest.raises(duckdb.Error):
                con.execute(sql)
    assert not (tmp_path / "x.csv").exists()


def test_interrupted_query_becomes_a_keyboard_interrupt(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), explained(tmp_path):
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="another"), explained(tmp_path):
        raise RuntimeError("another")


@pytest.mark.parametrize("read_only", [True, False])
def test_foreign_file_is_refused_and_not_changed(tmp_path: Path, read_only: bool) -> None:
    text, foreign, other = tmp_path / "notes.txt", tmp_path / "foreign.duckdb", tmp_path / "other.duckdb"
    text.write_text("not a database " * 1000)
    with duckdb.connect(foreign) as con:
        con.execute("CREATE TABLE customers (id INTEGER)")
    with duckdb.connect(other) as con:
        con.execute("CREATE TABLE schema_version (version INTEGER, name VARCHAR)")
        con.execute("INSERT INTO schema_version VALUES (1, '001_customers')")
    before = [path.read_bytes() for path in (text, foreign, other)]
    for path, words in (
        (text, "not a DuckDB database"),
        (foreign, "another program"),
        (other, "another program"),
    ):
        with pytest.raises(StoreError, match=words) as caught:
            Database(path).connect(read_only=read_only)
        assert str(caught.value).startswith(str(path))
    assert before == [path.read_bytes() for path in (text, foreign, other)]


def test_folder_missing_file_and_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="this is a folder"):
        Database(tmp_path).connect()
    with pytest.raises(StoreError, match="no such database"):
        Database(tmp_path / "no.duckdb").connect(read_only=True)
    with pytest.raises(StoreError, match="not a regular file"):
        Database(Path(os.devnull)).connect()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot make this folder"):
        Database(tmp_path / "file" / "risk.duckdb").connect()


@pytest.mark.parametrize("name", ["sqlite:a", "duckdb:a", ":memory:", "a:b", "memory", "%41 'ü'\".duckdb", "#"])
def test_any_name_opens_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    rows.database(Path(name))
    with Database(Path(name)).reading() as con:
        assert count(con, "documents") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.gate"]


def test_name_with_a_question_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name a file without one"):
        Database(tmp_path / "a?b.duckdb").connect()
    assert list(tmp_path.iterdir()) == []


def test_newer_schema_is_refused_and_older_one_is_migrated(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = schema._migrations()
    monkeypatch.setattr(schema, "_migrations", lambda: known[:-1])
    with pytest.raises(
        StoreError, match=rf"newer risk-monitor \(schema {len(known)}, this one knows {len(known) - 1}\)"
    ):
        Database(db).connect()
    old = db.with_name("old.duckdb")
    Database(old).connect().close()
    monkeypatch.setattr(schema, "_migrations", lambda: known)
    with pytest.raises(StoreError, match=r"schema \d+ is older"):
        Database(old).connect(read_only=True)
    Database(old).connect().close()
    with Database(old).reading() as con:
        assert count(con, "schema_version") == len(known)
        assert con.execute("SELECT count(exponent), count(sureness) FROM models").fetchone() == (0, 0)


def test_damaged_database_is_reported_with_a_remedy(db: Path) -> None:
    raw = bytearray(db.read_bytes())
    db.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(StoreError, match="the file is damaged; restore it"), Database(db).reading() as con:
        con.execute("SELECT sum(strlen(text)) FROM documents").fetchall()
    raw[4096 + 8 : 4096 + 16] = raw[8192 + 8 : 8192 + 16] = b"\xff" * 8
    db.write_bytes(raw)
    with pytest.raises(StoreError, match="the file is damaged; restore it"):
        Database(db).connect()


def test_error_in_a_statement_is_not_blamed_on_the_file(db: Path) -> None:
    with pytest.raises(duckdb.CatalogException), Database(db).reading() as con:
        con.execute("FROM corrupt_WAL_file")


def test_reader_waits_until_a_short_write_ends(db: Path) -> None:
    writer = start_process(
        "import pathlib, time\nfrom monitor.database.connection import Database\n"
        f"with Database(pathlib.Path({str(db)!r})).writing():\n    print('ready', flush=True); time.sleep(0.5)\n"
    )
    with Database(db).reading(wait_s=30) as con:
        assert count(con, "documents") == 2
    assert writer.wait() == 0


def test_writer_waits_for_a_reader_and_stops_with_one_line(db: Path) -> None:
    reader = start_process(
        "import pathlib, time\nfrom monitor.database.connection import Database\n"
        f"with Database(pathlib.Path({str(db)!r})).reading():\n    print('ready', flush=True); input()\n".replace(
            "input()", "__import__('time').sleep(60)"
        )
    )
    try:
        with pytest.raises(StoreError, match="in use by another process"):
            Database(db).connect(wait_s=0.2)
    finally:
        reader.kill()
        reader.wait()
    Database(db).connect(wait_s=30).close()


def test_waiting_writer_closes_the_gate_and_opens_it_again(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer_gate.Gate(db, read_only=False) as writer, writer_gate.Gate(db, read_only=True) as reader:
        assert reader._try_lock(fcntl.LOCK_SH)  # while no writer waits, every reader passes
        reader._try_lock(fcntl.LOCK_UN)
        monkeypatch.setattr(writer_gate, "CLOSED_S", 1e9)
        writer.close_or_open()
        assert not reader._try_lock(fcntl.LOCK_SH)
        monkeypatch.setattr(writer_gate, "CLOSED_S", 0)
        writer.close_or_open()
        assert reader._try_lock(fcntl.LOCK_SH)
    with writer_gate.Gate(db, read_only=True) as reader:  # the lock of the gate ends with its process
        assert reader._try_lock(fcntl.LOCK_SH)


@pytest.mark.slow
def test_endless_stream_of_readers_lets_a_writer_in(db: Path) -> None:
    code = (
        "import pathlib, time\nfrom monitor.database.connection import Database\nprint('ready', flush=True)\n"
        f"while True:\n    with Database(pathlib.Path({str(db)!r})).reading():\n        time.sleep(0.2)\n"
    )
    readers = [start_process(code) for _ in range(6)]
    try:
        with Database(db).writing(wait_s=60) as con:
            store.append_documents(con, documents("c"), "run")
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()


def test_second_run_is_refused_while_readers_may_read(db: Path) -> None:
    with Database(db).only_writer():
        with pytest.raises(StoreError, match="another run is working"), Database(db).only_writer():
            pytest.fail("two runs at once")
        with Database(db).reading() as con:
            assert count(con, "documents") == 2
    with Database(db).only_writer():
        pass


def test_link_and_its_target_are_one_database(db: Path, tmp_path: Path) -> None:
    link = tmp_path / "links" / "tonight.duckdb"
    link.parent.mkdir()
    link.symlink_to(db)
    with (
        Database(link).only_writer(),
        pytest.raises(StoreError, match="another run is working"),
        Database(db).only_writer(),
    ):
        pytest.fail("two runs at once")
    code = (
        "import os, pathlib\nfrom monitor.database.connection import Database\n"
        f"con = Database(pathlib.Path({str(link)!r})).connect()\ncon.execute('DELETE FROM documents')\n"
        "print('ready', flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    start_process(code).wait()
    with Database(db).reading() as con:
        assert count(con, "documents") == 0, "the log lies beside the target, where the next run reads it"
    assert [path.name for path in link.parent.iterdir()] == [link.name]


def test_link_to_nothing_is_created_and_circular_link_refused(
    tmp_path: Path,
) -> None:
    link = tmp_path / "tonight.duckdb"
    link.symlink_to(tmp_path / "disk" / "risk.duckdb")
    with Database(link).writing() as con:
        assert count(con, "documents") == 0
    assert link.is_symlink()
    assert (tmp_path / "disk" / "risk.duckdb").is_file()
    circle = tmp_path / "circle.duckdb"
    circle.symlink_to(circle)
    for refused in (lambda: Database(circle).connect(), lambda: Database(circle).only_writer().__enter__()):
        with pytest.raises(StoreError, match="a link that leads in a circle"):
            refused()


def test_lock_of_a_dead_run_is_free_again(db: Path) -> None:
    holder = start_process(
        "import pathlib, time\nfrom monitor.database.connection import Database\n"
        f"with Database(pathlib.Path({str(db)!r})).only_writer():\n    print('ready', flush=True); time.sleep(60)\n"
    )
    with pytest.raises(StoreError), Database(db).only_writer():
        pytest.fail("the lock did not hold")
    holder.kill()
    holder.wait()
    with Database(db).only_writer():
        pass


def test_a_run_removes_unfinished_files_of_killed_processes_alone(db: Path) -> None:
    ended = start_process("print('ready', flush=True)")
    ended.wait()
    pid = ended._process.pid
    left = [f".risk.duckdb.{pid}.new", f".risk.duckdb.key.{pid}.new", ".risk.duckdb.open.new"]
    kept = [".risk.duckdb.1.new", ".risk.duckdb.key.1.new", ".risk.duckdb.blocks.new"]
    for name in (*left, *kept):
        db.with_name(name).touch()
    with Database(db).only_writer():
        assert sorted(path.name for path in db.parent.glob(".*.new")) == sorted(kept)


def test_two_creators_at_once_make_one_database(tmp_path: Path) -> None:
    path = tmp_path / "risk.duckdb"
    faults: list[BaseException] = []

    def create() -> None:
        try:
            connection._create(path)
        except BaseException as error:
            faults.append(error)

    connection._create(path)
    with duckdb.connect(path) as con:
        con.execute("UPDATE schema_version SET applied_at = TIMESTAMP '2000-01-01'")
    late = threading.Thread(target=create)
    late.start()
    late.join()
    assert not faults
    with Database(path).reading() as con:  # the file of the first creator stays
        assert con.execute("SELECT DISTINCT applied_at FROM schema_version").fetchall() == [
            (dt.datetime(2000, 1, 1),)
        ]

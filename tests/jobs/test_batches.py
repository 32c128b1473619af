"""Files of a run are committed together, in batches of rows, bytes and files; what fails takes no other with it."""

from pathlib import Path
from typing import Any

import pytest

from jobs.pipeline import batches
from jobs.pipeline.ingest import ingest
from jobs.pipeline.run import recorded_run
from jobs.pipeline.run_counts import RunCounts
from jobs.query import run_query
from monitor.database.connection import Database
from monitor.errors import DataError, StoreError
from monitor.intake.documents import REPEATED_ID
from tests.support.inputs import write
from tests.support.nights import assert_ledger_adds_up

HEADER = "doc_id,subject_id,posted_at,text\n"
N = 30


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / f"{i:02}.csv", f"{HEADER}d{i},s{i},2026-01-05,joy {i}\nx{i},s{i},never,a\n")
        for i in range(N)
    ]


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[batches.Batch]:
    """The batches that are committed."""
    done, commit = [], batches.commit_batch

    def record(db: Database, batch: batches.Batch, *args: Any) -> None:
        commit(db, batch, *args)
        done.append(batch)

    monkeypatch.setattr(batches, "commit_batch", record)
    return done


def read(db: Path, files: list[Path], *, unattended: bool = True) -> RunCounts:
    counts = RunCounts()
    try:
        with recorded_run(Database(db), "score", None) as run_id:
            ingest(Database(db), files, run_id, counts, unattended=unattended)
    finally:
        assert_ledger_adds_up(db)
    return counts


def counted(db: Path) -> tuple[int, ...]:
    rows = run_query(
        Database(db),
        "FROM (SELECT count(*) FROM documents), (SELECT count(*) FROM files), (SELECT count(*) FROM rejects)",
    ).rows
    return tuple(int(n) for n in rows[0])


@pytest.mark.slow
def test_small_files_are_one_commit(tmp_path: Path, files: list[Path], commits: list[batches.Batch]) -> None:
    counts = read(tmp_path / "risk.duckdb", files)
    assert (counts.n_files, counts.n_read, counts.n_rejected, counts.n_appended) == (N, 2 * N, N, N)
    assert counted(tmp_path / "risk.duckdb") == (N, N, N)
    assert len(commits) == 1
    assert read(tmp_path / "risk.duckdb", files).n_skipped_files == N
    assert len(commits) == 1, "a run with nothing new opens no database to say so"


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "value"), [("COMMIT_ROWS", 20), ("COMMIT_BYTES", 300), ("COMMIT_FILES", 10)])
def test_rows_bytes_and_files_limit_what_a_crash_costs(
    tmp_path: Path,
    files: list[Path],
    commits: list[batches.Batch],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    monkeypatch.setattr(batches, limit, value)
    read(tmp_path / "risk.duckdb", files)
    assert 3 <= len(commits) <= 10
    assert counted(tmp_path / "risk.duckdb") == (N, N, N)


def test_an_id_in_two_files_is_kept_once_and_the_first_is_in_before(
    tmp_path: Path, commits: list[batches.Batch]
) -> None:
    first = write(tmp_path / "a.csv", f"{HEADER}d,s,2026-01-05,joy\nf,s,2026-01-05,joy\n")
    same = write(tmp_path / "b.csv", f"{HEADER}d,s,2026-01-05,joy\ne,s,2026-01-05,joy\n")
    other = write(tmp_path / "c.csv", f"{HEADER}d,s,2026-01-05,anger\n")
    counts = read(tmp_path / "risk.duckdb", [first, same, other])
    assert [len(batch.chunks) for batch in commits] == [1, 1, 1]
    assert (counts.n_read, counts.n_appended, counts.n_duplicate, counts.n_rejected) == (5, 3, 1, 1)
    assert counts.examples == {f"doc_id: {REPEATED_ID}": "c.csv row 2"}
    assert run_query(Database(tmp_path / "risk.duckdb"), "SELECT text FROM documents WHERE given_id = 'd'").rows == [
        ("joy",)
    ]


def test_a_bug_in_reading_one_file_keeps_no_other_out(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_documents = batches.documents.read_documents

    def fails(path: Path, **known: object):  # type: ignore[no-untyped-def]
        if path == files[20]:
            raise ZeroDivisionError
        return read_documents(path, **known)  # type: ignore[arg-type]

    monkeypatch.setattr(batches.documents, "read_documents", fails)
    with pytest.raises(ZeroDivisionError):
        read(tmp_path / "risk.duckdb", files)
    assert counted(tmp_path / "risk.duckdb") == (20, 20, 20)


@pytest.mark.slow
def test_strings_of_rejected_rows_count_for_the_memory_of_a_batch(
    tmp_path: Path, commits: list[batches.Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "COMMIT_BYTES", 3_000_000)
    long = f"x,s,2026-01-05,{'a' * 1_200_000}\n"
    files = [write(tmp_path / f"{i}.csv", f"{HEADER}d{i},s,2026-01-05,joy\n{long}") for i in range(6)]
    read(tmp_path / "risk.duckdb", files)
    assert len(commits) == 3, "two that are full, and what is left"


def test_unreadable_files_are_refused_together_and_counted_once(tmp_path: Path, commits: list[batches.Batch]) -> None:
    db = tmp_path / "risk.duckdb"
    bad = [write(tmp_path / f"{i}.csv", "no,such,columns\n1,2,3\n") for i in range(5)]
    assert list(read(db, bad[:3]).refused) == bad[:3]
    again = read(db, bad)
    assert (list(again.refused), list(again.still_refused)) == (bad[3:], bad[:3])
    assert run_query(Database(db), "SELECT list(n_refused_files ORDER BY run_id) FROM runs").rows == [([3, 2],)]


@pytest.mark.slow
@pytest.mark.parametrize("unattended", [True, False])
def test_a_file_that_cannot_be_read_keeps_no_other_out(
    tmp_path: Path, files: list[Path], commits: list[batches.Batch], unattended: bool
) -> None:
    bad = write(tmp_path / "05b.csv", "no,such,columns\n1,2,3\n")
    asked, db = [*files[:6], bad, *files[6:]], tmp_path / "risk.duckdb"
    if unattended:
        assert list(read(db, asked).refused) == [bad]
        assert counted(db) == (N, N, N + 1)
    else:
        with pytest.raises(DataError, match=r"05b\.csv"):
            read(db, asked, unattended=False)
        assert counted(db) == (6, 6, 6)
    assert len(commits) == 1


@pytest.mark.slow
def test_a_failed_commit_leaves_nothing_and_the_next_run_completes_it(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, add_file = tmp_path / "risk.duckdb", batches.store.add_file

    def fails(con: object, file: batches.store.InputFile, run_id: str) -> None:
        if file.path.endswith("15.csv"):
            raise StoreError("the disk is full")
        add_file(con, file, run_id)  # type: ignore[arg-type]

    monkeypatch.setattr(batches, "COMMIT_FILES", 10)
    with monkeypatch.context() as broken:
        broken.setattr(batches.store, "add_file", fails)
        with pytest.raises(StoreError, match="the disk is full"):
            read(db, files)
        assert counted(db) == (10, 10, 10)
    counts = read(db, files)
    assert (counts.n_skipped_files, counts.n_appended) == (10, N - 10)
    assert counted(db) == (N, N, N)

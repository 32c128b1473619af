"""The control file of a lake whose files changed since, its daily sums, and its key."""

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.alerts import update_alerts
from jobs.backup import backup
from jobs.forget import forget_subject
from jobs.lake import retention
from jobs.pipeline.lake.forget import forget_in_lake
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.lake.local_engine import LocalCrew
from jobs.pipeline.lake.score import score_lake
from jobs.pipeline.people import default_key
from jobs.query import run_query
from jobs.status import read_health
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.database.lake_views import MEMORY_BYTES, lake_folder
from monitor.database.spills import spill_folder
from monitor.database.statements import utc_now
from monitor.errors import BusyError, ConfigError, StoreError
from monitor.lake import control as control_file
from monitor.lake import replacement
from monitor.lake.check import check_lake
from monitor.lake.compaction import compact
from monitor.lake.control import default_control, open_lake
from monitor.lake.shards import Lake, Listing, Shard
from monitor.lake.storage import Storage
from monitor.privacy.forgetting import search_files
from monitor.privacy.pseudonyms import default_key_file
from tests.support.inputs import write_rows
from tests.support.keyword_scorer import KeywordScorer
from tests.support.lakes import OwnCrew, control

LATER = dt.date(2027, 1, 1)
AN_ALERT = (
    "INSERT INTO alerts BY NAME SELECT 'a' AS alert_id, 'm' AS model_id, 's1' AS subject_id, 'level' AS rule,"
    " DATE '2026-01-01' AS opened_on, opened_on AS evidence_from, opened_on AS evidence_to, 1 AS n,"
    " 1 AS value, 1 AS threshold, 'open' AS state, now() AS state_changed_at, 'r' AS run_id,"
    " now() AS raised_at"
)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake: two shards of one month, scored; the key lies beside the lake."""
    folder = tmp_path_factory.mktemp("scored")
    path = folder / "lake"
    for part in range(2):
        rows = [f"s{who},2026-01-{day},{day} joy {who}\n" for who in range(4) for day in range(10 + part, 14, 2)]
        (folder / f"{part}.csv").write_text("subject_id,posted_at,text\n" + "".join(rows))
        ingest_files([folder / f"{part}.csv"], str(path), key_file=folder / "lake.key")
    score_lake(str(path), OwnCrew(path, KeywordScorer))
    return folder


@pytest.fixture
def lake(scored: Path, tmp_path: Path) -> Lake:
    """The lake of a copy of that folder."""
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    return Lake(Storage(str(tmp_path / "lake")))


def sums_of(lake: Lake) -> Path:
    (file,) = Path(lake.storage.root).glob("cells/*/*/*.parquet")
    return file


@pytest.mark.slow
def test_after_a_compaction_each_command_says_to_open_the_lake_again(lake: Lake, tmp_path: Path) -> None:
    db = control(lake.storage.root, tmp_path / "lake.duckdb")
    assert compact(lake, LATER).n_old == 2
    for call in (
        lambda: run_query(db, "FROM latest_scores"),
        lambda: read_health(db, late_hours=26),
        lambda: update_alerts(db, AlertRules()),
    ):
        with pytest.raises(StoreError, match=r"moved, merged or removed since; run `risk-monitor lake open` again"):
            call()
    control(lake.storage.root, db.path)
    assert run_query(db, "SELECT count(*) FROM latest_scores").rows == [(16,)]


def test_a_compaction_during_open_is_no_fault(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, documents = Lake.list_shards, check_lake(lake).n_documents

    def overtaken(self: Lake) -> Listing:
        found = listed(self)
        monkeypatch.undo()
        compact(lake, LATER)
        return found

    monkeypatch.setattr(Lake, "list_shards", overtaken)
    assert open_lake(lake, Database(tmp_path / "lake.duckdb")).n_documents == documents
    monkeypatch.setattr(control_file, "_read_footers", lambda *_: (_ for _ in ()).throw(FileNotFoundError))
    with pytest.raises(BusyError, match="start again when it is done"):
        open_lake(lake, Database(tmp_path / "lake.duckdb"))


def test_a_replacement_that_ends_during_the_listing_shows_every_row_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacement, "remove_shards", lambda *_: None)  # killed after the new documents
    compact(lake, LATER)
    monkeypatch.undo()
    assert len(lake.list_shards().documents) == 1
    place, read = Lake._place, Storage.read

    def overtaken(self: Lake, *args: object) -> set[Shard]:
        shards = place(self, *args)
        monkeypatch.undo()
        replacement.finish_replacements(lake)
        return shards

    def removed(self: Storage, path: str) -> bytes:
        if path.startswith("replaced/"):
            raise FileNotFoundError
        return read(self, path)

    monkeypatch.setattr(Lake, "_place", overtaken)
    assert len(lake.list_shards().documents) == 1
    (Path(lake.storage.root) / "replaced" / "note.json").write_text("{}")
    monkeypatch.setattr(Storage, "read", removed)
    assert len(lake.list_shards().documents) == 1


@pytest.mark.slow
def test_torn_or_foreign_sums_are_found(lake: Lake, tmp_path: Path) -> None:
    compact(lake, LATER)
    assert not check_lake(lake, deep=True).faults
    file = sums_of(lake)
    content, rows = file.read_bytes(), pq.read_table(file)
    file.write_bytes(content[: len(content) // 2])
    assert "cells/" in check_lake(lake).faults["torn"][0]
    with pytest.raises(StoreError, match="torn or no Parquet file"):
        control(lake.storage.root, tmp_path / "lake.duckdb")
    pq.write_table(rows.slice(0, 3), file)
    assert "3 rows, and 16 were written" in check_lake(lake).faults["foreign"][0]
    with pytest.raises(StoreError, match="3 rows, and 16 were written"):
        control(lake.storage.root, tmp_path / "lake.duckdb")
    other = rows.set_column(rows.column_names.index("n"), "n", rows["n"].combine_chunks().take([0] * 15 + [0]))
    other = other.set_column(other.column_names.index("low"), "low", rows["high"])
    pq.write_table(other, file)
    assert not check_lake(lake).faults
    assert "not the sums of its scores" in check_lake(lake, deep=True).faults["foreign"][0]


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_no_proof(lake: Lake) -> None:
    stale = Path(lake.storage.root, "cells", "model_id=old", "month=2025-01", f"{'a' * 32}.parquet")
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"PAR1 torn")
    with pytest.raises(StoreError, match=r"is removed, but cells/model_id=old.* cannot be read"):
        forget_in_lake(lake.url, "s1", Path(f"{lake.storage.root}.key"), None)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["forget", "retention"])
def test_nothing_is_removed_where_the_control_file_cannot_be_made_anew(
    lake: Lake, tmp_path: Path, command: str
) -> None:
    def remove(db: Path) -> None:
        if command == "forget":
            forget_in_lake(lake.url, "s1", Path(f"{lake.storage.root}.key"), db)
        else:
            retention(lake.url, 1, yes=True, db=db)

    Database(tmp_path / "other.duckdb").connect().close()
    (tmp_path / "foreign.csv").write_text("subject_id,posted_at,text\ns9,2026-01-01,joy\n")
    ingest_files([tmp_path / "foreign.csv"], str(tmp_path / "foreign"), key_file=tmp_path / "lake.key")
    control(tmp_path / "foreign", tmp_path / "foreign.duckdb")
    before = sorted(Path(lake.storage.root).rglob("*.parquet"))
    for name, match in (("other", "no control file of a lake"), ("foreign", "the control file of another lake")):
        with pytest.raises(StoreError, match=match):
            remove(tmp_path / f"{name}.duckdb")
    held = Database(tmp_path / "foreign.duckdb")
    with held.only_writer(), pytest.raises(BusyError, match="another run is working"):
        remove(held.path)
    assert sorted(Path(lake.storage.root).rglob("*.parquet")) == before


def test_forget_that_cannot_make_the_control_file_says_that_the_subject_is_removed(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db = control(lake.storage.root, tmp_path / "lake.duckdb")
    monkeypatch.setattr(control_file, "_make_views", lambda *_: (_ for _ in ()).throw(StoreError("disk")))
    with pytest.raises(StoreError, match="disk"):
        forget_in_lake(lake.url, "s1", Path(f"{lake.storage.root}.key"), db.path)
    assert "the subject is removed from the lake, but its control file" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
@pytest.mark.parametrize("way", ["moved", "copied", "linked"])
def test_a_lake_at_another_place_keeps_what_people_wrote(lake: Lake, tmp_path: Path, way: str) -> None:
    old, new = tmp_path, tmp_path / "new"
    db = control(lake.storage.root, old / "lake.duckdb")
    with db.writing() as con:
        con.execute(AN_ALERT)
        con.execute("INSERT INTO case_log BY POSITION SELECT 'a', now(), 'Ana', 'contacted', 'a note'")
        codes = con.execute("FROM codes ORDER BY ALL").fetchall()
    new.mkdir()
    if way == "linked":
        (new / "lake").symlink_to(old / "lake")
        (new / "lake.duckdb").symlink_to(old / "lake.duckdb")
    for path in () if way == "linked" else (old / "lake", old / "lake.duckdb", old / "lake.key"):
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        shutil.move(path, new) if way == "moved" else copy(path, new / path.name)
    if way == "moved":
        with pytest.raises(StoreError, match=r"moved, merged or removed since; run `risk-monitor lake open` again"):
            run_query(Database(new / "lake.duckdb"), "FROM latest_scores")
    at_new_place = Lake(Storage(str(new / "lake")))
    assert default_control(at_new_place) == new / "lake.duckdb"
    moved = control(new / "lake", default_control(at_new_place))
    with moved.reading() as con:
        assert con.execute("SELECT note FROM case_log").fetchall() == [("a note",)]
        assert con.execute("FROM codes ORDER BY ALL").fetchall() == codes
    assert lake_folder_of(moved) == new / "lake"
    assert default_key(moved).samefile((old if way == "linked" else new) / "lake.key")
    forget_in_lake(str(new / "lake"), "s1", default_key(moved), moved.path)
    assert run_query(moved, "SELECT count(DISTINCT subject_id) FROM documents").rows == [(3,)]


def test_control_file_and_key_of_a_linked_lake_may_lie_beside_the_folder_itself(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    linked = Lake(Storage(str(tmp_path / "link")))
    assert default_control(linked) == tmp_path / "link.duckdb"
    control(lake.storage.root, tmp_path / "lake.duckdb")
    assert default_control(linked) == tmp_path / "lake.duckdb"
    assert default_key(control(linked.url, default_control(linked))) == tmp_path / "lake.key"
    (tmp_path / "link.key").touch()
    assert linked.storage.beside(default_key_file) == tmp_path / "link.key"


def lake_folder_of(db: Database) -> Path | None:
    with db.reading() as con:
        return lake_folder(con)


@pytest.mark.slow
def test_forget_removes_what_a_killed_query_of_the_lake_spilled_and_names_what_a_running_one_keeps(
    lake: Lake, tmp_path: Path
) -> None:
    db = control(lake.storage.root, tmp_path / "lake.duckdb")
    folder = spill_folder(db.file)
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left, kept = (folder / f"duckdb_temp_{pid}_0_storage_S64K-0.tmp" for pid in (ended.pid, os.getpid()))
    left.touch()
    key = Path(f"{lake.storage.root}.key")
    forget_in_lake(lake.url, "s1", key, db.file)
    assert not folder.exists()
    folder.mkdir()
    kept.touch()
    with pytest.raises(StoreError, match=f"is removed, but {kept}: a running query, or a program that is not ours"):
        forget_in_lake(lake.url, "s2", key, db.file)
    assert kept.exists()


@pytest.mark.slow
def test_retention_removes_what_a_killed_query_of_the_lake_spilled(lake: Lake) -> None:
    folder = spill_folder(Path(f"{lake.storage.root}.duckdb"))
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left = folder / f"duckdb_temp_{ended.pid}_0_storage_S64K-0.tmp"
    left.touch()
    os.utime(left, (0, 0))  # fresh ones may be of a process that this machine cannot see
    retention(lake.url, 30_000, yes=True)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lake.duckdb", "elsewhere.duckdb"])
def test_retention_removes_old_notes_and_rejects_from_the_control_file(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    good = {"subject_id": "s1", "posted_at": "2026-01-20", "text": "joy"}
    write_rows(tmp_path / "bad.jsonl", [good, good | {"posted_at": "someday"}])
    ingest_files([str(tmp_path / "bad.jsonl")], lake.url, key_file=tmp_path / "lake.key")
    db, later = control(lake.storage.root, tmp_path / name), utc_now() + dt.timedelta(60)
    old, new = "a note of what she told", "a note of the last day"
    raws = "SELECT count(*) FROM rejects WHERE raw IS NOT NULL"
    with db.writing() as con:
        assert con.execute(raws).fetchall() == [(1,)]
        con.execute(AN_ALERT)
        for at, note in ((utc_now(), old), (later, new)):
            con.execute("INSERT INTO case_log BY POSITION SELECT 'a', ?, NULL, NULL, ?", [at, note])
    monkeypatch.setattr("jobs.lake.utc_now", lambda: later)
    retention(lake.url, 30, yes=True, db=None if name == "lake.duckdb" else db.path)
    with db.reading() as con:
        assert con.execute('SELECT note FROM case_log ORDER BY "at"').fetchall() == [(None,), (new,)]
        assert con.execute(raws).fetchall() == [(0,)]
        assert con.execute("SELECT count(text) FROM documents").fetchall() == [(0,)]
    assert search_files([db.file], [old, new])[0] == [db.file]
    assert search_files([db.file], [old])[0] == []


@pytest.mark.slow
def test_the_key_of_a_control_file_is_that_of_its_lake(lake: Lake, tmp_path: Path) -> None:
    db = control(lake.storage.root, tmp_path / "anywhere.duckdb")
    assert default_key(db) == tmp_path / "lake.key"


def test_a_lake_is_read_in_bounded_memory(lake: Lake, tmp_path: Path) -> None:
    db = control(lake.storage.root, tmp_path / "lake.duckdb")
    with db.reading() as con:
        bytes_of_memory = "parse_formatted_bytes(current_setting('memory_limit'))"
        ((memory, folder),) = con.execute(f"SELECT {bytes_of_memory}, current_setting('temp_directory')").fetchall()
    assert memory <= MEMORY_BYTES
    assert folder == f"{db.path}.tmp"


@pytest.mark.slow
def test_backup_and_forget_say_that_it_is_a_lake(lake: Lake, tmp_path: Path) -> None:
    db = control(lake.storage.root, tmp_path / "lake.duckdb")
    with pytest.raises(StoreError, match="copy the folder of the lake"):
        backup(db, tmp_path / "backups")
    with pytest.raises(StoreError, match="use `risk-monitor lake forget SUBJECT"):
        forget_subject(db, "s1", None)


def test_no_more_workers_than_cores() -> None:
    with pytest.raises(ConfigError, match="give at most as many"):
        LocalCrew("lake", KeywordScorer, n_workers=10**20, device="cpu")


def test_one_core_for_each_library_still_allows_a_worker_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    crew = LocalCrew("lake", KeywordScorer)
    assert len(crew._environments) == 4

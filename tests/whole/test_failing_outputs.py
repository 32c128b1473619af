"""Folders that cannot be written, renames that fail, a killed report: one clear line, nothing lost or doubled."""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.backup import backup
from jobs.cli import main
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.score_files import score_files
from jobs.pipeline.write_report import write_report
from jobs.query import save_rows
from jobs.restore import restore
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import MonitorError
from monitor.lake.control import open_lake
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from monitor.privacy.pseudonyms import open_pseudonyms
from monitor.privacy.retention import rewrite
from tests.support import forked
from tests.support.inputs import HEADER, write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.nights import assert_ledger_adds_up, contents
from tests.support.small_disk import mounted

pytestmark = pytest.mark.slow

PEOPLE = 12  # enough for a report that shows them
FEED = HEADER + "".join(f"s{i},2026-01-{i + 1:02d},joy {i}\n" for i in range(PEOPLE))
MORE = HEADER + "s1,2026-02-01,fear\n"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scored database, a feed that it has, one that it lacks, and a lake with the first."""
    folder = tmp_path_factory.mktemp("scored")
    write(folder / "more.csv", MORE)
    feed = write(folder / "feed.csv", FEED)
    score_files([feed], Database(folder / "risk.duckdb"), KeywordScorer)
    ingest_files([str(feed)], str(folder / "lake"), None)
    return folder


@pytest.fixture
def folder(scored: Path, tmp_path: Path) -> Path:
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    return tmp_path


def open_the_lake(folder: Path) -> None:
    open_lake(Lake(Storage(str(folder / "lake"))), Database(folder / "lake.duckdb"))


def restore_a_backup(folder: Path) -> None:
    kept = next((folder / "kept").glob("backup-*"), None) or backup(Database(folder / "risk.duckdb"), folder / "kept")
    restore(kept, folder / "restored")


# What is done, and the start of the names that it gives to finished files by a rename or a link.
RENAMES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a new database": (lambda at: Database(at / "new.duckdb").connect().close(), "new.duckdb"),
    "the blocks before a commit": (
        lambda at: score_files([at / "more.csv"], Database(at / "risk.duckdb"), KeywordScorer),
        "risk.duckdb.blocks",
    ),
    "a database without old texts": (lambda at: rewrite(Database(at / "risk.duckdb")), "risk.duckdb"),
    "a key": (lambda at: open_pseudonyms(at / "key"), "key"),
    "the list of files": (
        lambda at: publish(Database(at / "risk.duckdb"), at / "snapshot"),
        ".risk-monitor-snapshot",
    ),
    "a snapshot": (lambda at: publish(Database(at / "risk.duckdb"), at / "snapshot"), "risk-snapshot.duckdb"),
    "a month": (lambda at: publish(Database(at / "risk.duckdb"), at / "snapshot", parquet=True), "scores-2026-01"),
    "a page": (lambda at: write_report(Database(at / "risk.duckdb"), at / "report"), "people.html"),
    "a result": (lambda at: save_rows(Database(at / "risk.duckdb"), "FROM runs", at / "runs.csv"), "runs.csv"),
    "a backup": (lambda at: backup(Database(at / "risk.duckdb"), at / "backups"), "backup-"),
    "the database of a backup": (lambda at: backup(Database(at / "risk.duckdb"), at / "backups"), "risk.duckdb"),
    "a restored file": (restore_a_backup, "risk.duckdb"),
    "a shard": (lambda at: ingest_files([str(at / "more.csv")], str(at / "lake"), None), ""),
    "a control file": (open_the_lake, "lake.duckdb"),
}


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("place", RENAMES)
def test_a_rename_that_fails_is_one_line_and_costs_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    act, name = RENAMES[place]
    if place == "a restored file":
        backup(Database(folder / "risk.duckdb"), folder / "kept")
    refused: list[str] = []

    def failing(rename: Callable[..., None]) -> Callable[..., None]:
        def call(source: str | Path, target: str | Path, **options: object) -> None:
            if Path(target).name.startswith(name):
                refused.append(Path(source).name)
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(source), None, str(target))
            rename(source, target, **options)

        return call

    before = contents(folder / "risk.duckdb")
    with monkeypatch.context() as patched:
        for call in ("replace", "rename", "link"):
            patched.setattr(os, call, failing(getattr(os, call)))
        with pytest.raises(MonitorError, match=r"\(.*Stale file handle.*\)"):
            act(folder)
    assert refused
    assert contents(folder / "risk.duckdb")["scores"] == before["scores"]
    act(folder)
    assert_ledger_adds_up(folder / "risk.duckdb")
    after = contents(folder / "risk.duckdb")
    n_new = 1 if place == "the blocks before a commit" else 0
    assert len(after["documents"]) == len(after["scores"]) == PEOPLE + n_new
    assert not {path.name for path in folder.rglob(".*") if path.is_file()} & set(refused), (
        "an unfinished file is left"
    )


# Each output on a disk that cannot be written: the words of the command, which find the rest in the folder.
READ_ONLY: dict[str, tuple[str, ...]] = {
    "score": ("score", "more.csv", "--db", "disk/risk.duckdb"),
    "score, key": ("score", "more.csv", "--db", "new.duckdb", "--key-file", "disk/key"),
    "nightly, db": ("nightly", "--config", "db.toml"),
    "nightly, key": ("nightly", "--config", "key_file.toml"),
    "nightly, out": ("nightly", "--config", "out.toml"),
    "nightly, snapshot": ("nightly", "--config", "snapshot.toml"),
    "alerts": ("alerts", "--db", "disk/risk.duckdb", "--update"),
    "forget": ("forget", "s1", "--db", "disk/risk.duckdb"),
    "report": ("report", "--db", "risk.duckdb", "--out", "disk/report"),
    "query": ("query", "FROM runs", "--db", "risk.duckdb", "--out", "disk/runs.parquet"),
    "backup": ("backup", "disk/backups", "--config", "out.toml"),
    "restore": ("restore", "kept", "--to", "disk/restored"),
    "demo": ("demo", "--out", "disk/demo"),
    "validate": ("validate", "more.csv", "--db", "risk.duckdb", "--out", "disk/validation"),
    "evaluate-alerts": ("evaluate-alerts", "--db", "risk.duckdb", "--out", "disk/alerts"),
    "lake ingest": ("lake", "ingest", "more.csv", "--lake", "disk/lake", "--plain-ids"),
    "lake open": ("lake", "open", "--lake", "lake", "--db", "disk/lake.duckdb"),
    "lake compact": ("lake", "compact", "--lake", "disk/lake"),
}


@pytest.fixture
def read_only(folder: Path) -> Iterator[Path]:
    """The folder, with a disk in it that holds a copy of the database and cannot be written."""
    with mounted(folder / "disk", "40m") as disk:
        shutil.copy(folder / "risk.duckdb", disk)
        shutil.copytree(folder / "lake", disk / "lake")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        yield folder


def test_an_output_on_a_disk_that_cannot_be_written_is_one_line(
    read_only: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(read_only)
    (read_only / "inbox").mkdir()
    for name, file in (("db", "risk.duckdb"), ("key_file", "key"), ("out", "report"), ("snapshot", "snapshot")):
        places = {"db": "new.duckdb" if name == "key_file" else "risk.duckdb", "inbox": "inbox", name: f"disk/{file}"}
        lines = [f'{key} = "{place}"\n' for key, place in places.items()]
        plain = f"pseudonyms = {str(name == 'key_file').lower()}\n"  # as in the database that is there
        write(read_only / f"{name}.toml", "".join([*lines, plain]))
    backup(Database(read_only / "risk.duckdb"), read_only / "backups").rename(read_only / "kept")
    before, faults = contents(read_only / "risk.duckdb"), {}
    for place, words in READ_ONLY.items():
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        lines = capfd.readouterr().err.splitlines() or [""]
        clear = lines[-1].startswith("risk-monitor: ") and "disk/" in lines[-1] and "Traceback" not in "".join(lines)
        if stop.value.code != 2 or not clear:
            faults[place] = (stop.value.code, lines[-3:])
    assert not faults
    assert contents(read_only / "risk.duckdb")["documents"] == before["documents"]


KILLED = """
import os, sys
from pathlib import Path
from jobs.pipeline import write_report
from monitor.database.connection import Database

names, replace = iter(range(100)), Path.replace
def killing(source, target):
    return os.kill(os.getpid(), 9) if next(names) == int(sys.argv[2]) else replace(source, target)
Path.replace = killing
write_report.write_report(Database(Path(sys.argv[1], "risk.duckdb")), Path(sys.argv[1], "report"))
"""


@pytest.fixture(scope="module")
def files_of_a_report(scored: Path, tmp_path_factory: pytest.TempPathFactory) -> set[Path]:
    return report_files(scored, tmp_path_factory.mktemp("whole"))


def report_files(folder: Path, out: Path) -> set[Path]:
    """Draw the report of a folder's database; the names of its files."""
    write_report(Database(folder / "risk.duckdb"), out)
    return {path.relative_to(out) for path in out.rglob("*")}


@pytest.mark.parametrize("nth", [0, 4])
def test_a_killed_report_is_completed_by_the_next(folder: Path, files_of_a_report: set[Path], nth: int) -> None:
    killed = forked.run(KILLED, folder, nth)
    assert killed.returncode == -signal.SIGKILL
    assert report_files(folder, folder / "report") == files_of_a_report

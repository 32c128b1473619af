"""Temporary folders with texts of people: a killed process leaves none for good, and a running one keeps its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.backup import backup
from monitor.database.connection import Database
from monitor.scratch_folder import LEFT_AFTER_S, scratch_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from monitor.scratch_folder import scratch_folder
with scratch_folder(Path(sys.argv[1]), sys.argv[2]) as folder:
    (folder / "texts").write_text("i was so tired")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def leave(parent: Path, prefix: str, age_s: float) -> Path:
    """A folder that a killed process left, of some age."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(parent), prefix], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = parent.glob(f"{prefix}*")
    os.utime(left, (time.time() - age_s,) * 2)
    return left


@pytest.mark.parametrize(("age_s", "stays"), [(LEFT_AFTER_S + 60, False), (LEFT_AFTER_S - 60, True)])
def test_what_a_killed_process_left_is_removed_after_an_hour(age_s: float, stays: bool, tmp_path: Path) -> None:
    left = leave(tmp_path, ".scratch-", age_s)
    with scratch_folder(tmp_path, ".scratch-") as folder:
        assert left.exists() == stays
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_folders_of_running_processes_of_other_machines_and_of_others_stay(tmp_path: Path) -> None:
    old = (time.time() - 2 * LEFT_AFTER_S,) * 2
    with scratch_folder(tmp_path, ".scratch-") as running:
        mine = running.name
        others = [
            tmp_path / name
            for name in (".scratch-", ".scratch-notes", mine.replace(".scratch-", ".scratch-another-"), "scratch")
        ]
        for folder in others:
            folder.mkdir()
        for folder in (running, *others):
            os.utime(folder, old)
        with scratch_folder(tmp_path, ".scratch-"):
            assert running.exists()
    assert all(folder.exists() for folder in others)


def test_a_backup_removes_what_a_killed_backup_left(tmp_path: Path) -> None:
    db = Database(tmp_path / "risk.duckdb")
    with db.writing():
        pass
    (tmp_path / "kept").mkdir()
    left = leave(tmp_path / "kept", ".backup-", 2 * LEFT_AFTER_S)
    made = backup(db, tmp_path / "kept")
    assert not left.exists()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [made.name]

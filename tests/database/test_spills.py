"""Rows that DuckDB spilled to disk: private, and gone once the process is, also one that was killed."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from monitor import ROOT
from monitor.database.connection import Database
from monitor.database.spills import remove_left_spills, spill_folder
from tests.support.inputs import write
from tests.support.rows import database

# It counts rows that need ten times its memory, and kills itself as soon as a row is spilled.
KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from jobs import query
from jobs.console import safe_sql
from monitor.database.connection import Database
from monitor.database.spills import spill_folder

def kill_when_spilled():
    while not any(spill_folder(file).glob("*.tmp")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

file = Path(sys.argv[1])
safe_sql.MEMORY_BYTES = 100 * 2**20
threading.Thread(target=kill_when_spilled, daemon=True).start()
rows = "SELECT 'a text of somebody ' || range || repeat('y', 100) AS t FROM range(5_000_000)"
query.run_query(Database(file), f"SELECT t FROM ({rows}) ORDER BY hash(t) LIMIT 10 OFFSET 4_000_000")
"""


@pytest.mark.slow
def test_what_a_killed_query_spilled_is_private_and_removed_at_the_next_start(tmp_path: Path) -> None:
    file = database(tmp_path / "risk.duckdb")
    tmp_path.chmod(0o755)
    killed = subprocess.run([sys.executable, "-c", KILLED, file], cwd=ROOT, umask=0o022, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    spilled = [*spill_folder(file).iterdir()]
    assert spilled
    for path in spilled:
        os.utime(path, (0, 0))  # a process elsewhere, which writes, cannot be seen
    assert {stat.S_IMODE(path.stat().st_mode) for path in spilled} == {0o600}
    assert stat.S_IMODE(spill_folder(file).stat().st_mode) == 0o700
    Database(file).check()
    assert not spill_folder(file).exists()


def test_only_files_of_processes_that_ended_are_removed(tmp_path: Path) -> None:
    file = tmp_path / "risk.duckdb"
    folder = spill_folder(file)
    assert remove_left_spills(file) == []
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    for name in (f"duckdb_temp_{child.pid}_0_owner", f"duckdb_temp_{child.pid}_0_storage_S64K-0.tmp"):
        write(folder / name, "x")
    theirs = [write(folder / name, "x") for name in (f"duckdb_temp_{os.getppid()}_0_owner", "notes.txt")]
    assert len(remove_left_spills(file)) == 4, "somebody in a container writes there"
    os.utime(theirs[0], (0, 0))  # idle, but its process runs
    assert remove_left_spills(file, left_after_s=0) == sorted(theirs)
    assert sorted(folder.iterdir()) == sorted(theirs)


def test_an_earlier_process_of_the_same_number_has_ended(tmp_path: Path) -> None:
    file = tmp_path / "risk.duckdb"
    spill_folder(file).mkdir()
    left, own = (write(spill_folder(file) / f"duckdb_temp_{os.getpid()}_{n}_owner", "x") for n in (0, 1))
    assert remove_left_spills(file, left_after_s=0) == [left, own], "this process may have spilled them"
    for path in (left, own):
        os.utime(path, (0, 0))
    assert remove_left_spills(file) == []


def test_a_file_in_place_of_the_folder_stays_and_is_named(tmp_path: Path) -> None:
    theirs = write(spill_folder(tmp_path / "risk.duckdb"), "x")
    assert remove_left_spills(tmp_path / "risk.duckdb") == [theirs]
    assert theirs.exists()

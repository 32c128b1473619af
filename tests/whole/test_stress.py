"""Two nightly runs, the scheduler and many readers at once: no row is lost or doubled, no reader turned away.

Three readers for four seconds; STRESS_S=300 in the environment makes it twenty for five minutes.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.database.connection import Database
from monitor.database.statements import SQL
from monitor.settings import Settings
from tests.support.forked import Forked
from tests.support.nightly_process import run_night
from tests.support.nights import assert_ledger_adds_up, contents, rows, settings, write_csv
from tests.support.stress_process import WORK

pytestmark = pytest.mark.slow
STRESS_S = float(os.environ.get("STRESS_S", "4"))
READERS = 20 if STRESS_S > 10 else 3
FILE_ROWS = 40


CONFIG = """\
db = "risk.duckdb"
key_file = "key"
settle_s = 0
[schedule]
cron = "* * * * *"  # with the built-in model
"""


def test_runs_the_scheduler_and_readers_at_once(tmp_path: Path) -> None:
    inbox, chosen = tmp_path / "inbox", settings(tmp_path, tmp_path / "inbox", snapshot_parquet=True)
    inbox.mkdir()
    run_night(chosen, "keywords-1", draw=False)
    with Database(chosen.db).writing() as con:  # a night was missed, so that the scheduler begins with one
        con.execute("UPDATE runs SET started_at = started_at - INTERVAL 1 DAY, finished_at = started_at")
    (tmp_path / "risk-monitor.toml").write_text(CONFIG)
    with (tmp_path / "scheduler.log").open("w") as log:
        command = [sys.executable, "-m", "jobs.cli", "schedule", "--config", str(tmp_path / "risk-monitor.toml")]
        scheduler = subprocess.Popen(command, cwd=SQL.parent, stdout=subprocess.PIPE, stderr=log, text=True)
    while "next run at" not in (tmp_path / "scheduler.log").read_text():
        time.sleep(0.1)
    task = (str(tmp_path), chosen.model_dump_json(exclude_unset=True))
    work = [Forked(WORK, "nights", *task) for _ in range(2)]
    read = [Forked(WORK, "reader", *task) for _ in range(READERS)]
    assert [process.stdout.readline() for process in (*work, *read)] == ["ready\n"] * (2 + READERS)
    until, sent = time.monotonic() + STRESS_S, 0
    while time.monotonic() < until:  # a tenth of each file was sent before
        write_csv(inbox / f"{sent:05d}.csv", rows(sent * FILE_ROWS * 9 // 10, FILE_ROWS))
        sent += 1
        time.sleep(0.7)
    (tmp_path / "stop").touch()
    scheduler.send_signal(signal.SIGTERM)
    everyone = (*work, *read, scheduler)
    said = [process.communicate(timeout=300) for process in everyone]
    failed = [
        (number, process.returncode, words)
        for number, (process, words) in enumerate(zip(everyone, said, strict=True))
        if process.returncode != 0
    ]
    assert not failed, (failed, (tmp_path / "scheduler.log").read_text())
    done = [tuple(map(float, out.split())) for out, _ in said[:-1]]
    questions, longest = zip(*done[2:], strict=True)
    print(f"{done[:2]} nights (done, refused), {sum(questions):,.0f} questions, the longest {max(longest):.1f} s")
    run_night(chosen, "keywords-1", draw=False)  # what came in last
    check(chosen, sent, tmp_path / "alone")


def check(chosen: Settings, sent: int, alone: Path) -> None:
    """The tables are those of one night over the whole inbox, and no two runs were at work at a time."""
    assert_ledger_adds_up(chosen.db)
    calm = settings(alone, chosen.inbox)
    run_night(calm, "keywords-1", draw=False)
    found, wanted = contents(chosen.db), contents(calm.db)
    assert len(found["files"]) == sent
    for table in ("documents", "rejects", "files"):
        assert found[table] == wanted[table]
    with Database(chosen.db).reading() as con:
        scored = con.execute("SELECT model_id, count(*) FROM scores GROUP BY ALL ORDER BY 2 DESC").fetchall()
        overlaps = "FROM runs AS a JOIN runs AS b ON a.run_id < b.run_id AND b.started_at < a.finished_at"
        assert con.execute(overlaps).fetchall() == []
        statuses = {status for (status,) in con.execute("SELECT DISTINCT status FROM runs").fetchall()}
    assert scored[0] == ("keywords-1", len(wanted["documents"]))
    assert statuses <= {"done", "stopped"}
    print(f"{len(wanted['documents']):,} documents of {sent} files, each once; scores: {dict(scored)}")

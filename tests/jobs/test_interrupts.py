"""Ctrl-C at the worst moments, sent to real processes: a line, an exit code, whole rows, and never a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.pipeline.night import run_pipeline
from monitor import ROOT
from monitor.database.connection import Database
from monitor.settings import load_settings
from tests.support.forked import Forked
from tests.support.interrupted import LIMIT_S, interrupted, once, twice, twice_heard
from tests.support.keyword_scorer import KeywordScorer

pytestmark = pytest.mark.slow

NIGHTLY = """
import os, sys, time
import jobs.nightly, jobs.score, jobs.watch
from jobs.console import interrupts
from jobs.pipeline import night
from jobs import cli
from tests.support.keyword_scorer import KeywordScorer

def pause(moment):
    print(moment, flush=True)
    if moment == os.environ["AWAITED"]:
        PAUSE

class Slow(KeywordScorer):
    def score(self, texts, progress=None):
        if self.seen:
            pause("score")
        return super().score(texts, progress)

def load(*_, **__):
    pause("load")
    return Slow()

def sleep(seconds, real=interrupts.sleep):
    print("sleep", flush=True)
    real(seconds)

jobs.nightly.open_scorer = jobs.score.open_scorer = jobs.watch.open_scorer = load
jobs.watch.sleep = sleep
night.write_report = lambda *_, **__: None  # it takes long to draw
cli.main(sys.argv[1:])
"""
# How long loading or scoring takes where the signal is awaited: a busy machine sends it seconds late. Naps, for a
# signal that comes just before a sleep does not end it.
A_SECOND = NIGHTLY.replace("PAUSE", "time.sleep(1)")
UNTIL_ASKED = NIGHTLY.replace("PAUSE", "while not interrupts._requested_signal: time.sleep(0.05)")
UNTIL_INTERRUPTED = NIGHTLY.replace("PAUSE", "while True: time.sleep(0.05)")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    rows = "".join(f"s{i},2026-01-{i % 28 + 1:02d},joy {i}\n" for i in range(40))
    (tmp_path / "inbox" / "a.csv").write_text("subject_id,posted_at,text\n" + rows)
    config = tmp_path / "risk-monitor.toml"
    config.write_text('db = "risk.duckdb"\nchunk_rows = 10\nsettle_s = 0\n')
    Database(tmp_path / "risk.duckdb").connect().close()  # a copy: each process would make its own for half a second
    return config


def terminate(process: Forked) -> None:
    process.send_signal(signal.SIGTERM)


def ledger(config: Path) -> list[tuple[str, int, int]]:
    with Database(config.with_name("risk.duckdb")).reading() as con:
        found = con.execute("SELECT status, n_scored FROM runs ORDER BY run_id").fetchall()
        ((scores,),) = con.execute("SELECT count(*) FROM scores").fetchall()
    assert scores == sum(n for _, n in found)
    return found


@pytest.mark.parametrize(
    ("command", "at", "kept"),
    [
        ("watch", "score", [("stopped", 20)]),
        ("watch", "sleep", [("done", 40)]),
        ("nightly", "score", [("stopped", 20)]),
    ],
)
def test_the_first_ctrl_c_ends_the_chunk_and_says_so(
    config: Path, command: str, at: str, kept: list[tuple[str, int]]
) -> None:
    code, error = interrupted(UNTIL_ASKED, command, "--config", config, at=at, send=once)
    assert code == (0 if command == "watch" else 130)
    assert "stopping at the end of this chunk; Ctrl-C again stops at once\n" in error
    assert error.splitlines()[-1].startswith("stopped")
    assert "Traceback" not in error
    assert ledger(config) == kept


@pytest.mark.parametrize("command", ["watch", "nightly"])
def test_a_signal_ends_the_loading_of_a_model_at_once(config: Path, command: str) -> None:
    code, error = interrupted(UNTIL_INTERRUPTED, command, "--config", config, at="load", send=once)
    assert code == 130
    assert error.splitlines()[-1] == "interrupted; what was committed is kept"
    code, _ = interrupted(UNTIL_INTERRUPTED, command, "--config", config, at="load", send=terminate)
    assert code == -signal.SIGTERM
    assert ledger(config) == []


@pytest.mark.parametrize(("at", "kept"), [("score", [("stopped", 10)])])
def test_the_second_ctrl_c_stops_at_once(config: Path, at: str, kept: list[tuple[str, int]]) -> None:
    code, error = interrupted(UNTIL_INTERRUPTED, "nightly", "--config", config, at=at, send=twice_heard)
    assert code == 130
    assert error.splitlines()[-1] == "interrupted; what was committed is kept"
    assert "Traceback" not in error
    assert ledger(config) == kept


@pytest.mark.parametrize("further", [0, 2])
def test_the_second_ctrl_c_waits_for_no_reader(config: Path, further: int) -> None:
    db = config.with_name("risk.duckdb")

    def held(process: Forked) -> None:
        with Database(db).connect(read_only=True):
            time.sleep(2)  # the next chunk is scored by now, and its commit waits for this reader
            twice_heard(process)
            for _ in range(further):
                time.sleep(0.2)
                process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT_S) == 130

    _, error = interrupted(A_SECOND, "nightly", "--config", config, at="score", send=held)
    assert error.splitlines()[-1] == "interrupted; what was committed is kept"
    assert "Traceback" not in error
    ((status, n_scored),) = ledger(config)
    assert status == "running"
    assert n_scored < 40
    run_pipeline(load_settings(config), KeywordScorer, report=False)
    assert [status for status, _ in ledger(config)] == ["failed", "done"]
    assert sum(n for _, n in ledger(config)) == 40


def test_a_stopped_night_ends_its_chunk_and_the_next_the_rest(config: Path) -> None:
    code, _ = interrupted(UNTIL_ASKED, "nightly", "--config", config, at="score", send=terminate)
    assert (code, ledger(config)) == (0, [("stopped", 20)])
    run_pipeline(load_settings(config), KeywordScorer, report=False)
    assert ledger(config) == [("stopped", 20), ("done", 20)]


def test_a_command_without_chunks_exits_calmly_after_two_ctrl_c() -> None:
    code = (
        "import atexit, time\nfrom jobs.console import app\n"
        "atexit.register(lambda: (time.sleep(1), print('torn down')))\n"
        "def command() -> None:\n    print('ready', flush=True)\n    while True: time.sleep(0.05)\n"
        "app.run(command)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # the caller of the tests may ignore SIGINT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, error) == (130, "interrupted; what was committed is kept\n")


def test_what_ignores_ctrl_c_from_its_start_goes_on_ignoring_it(config: Path) -> None:
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + A_SECOND.replace("(1)", "(0.4)")
    code, error = interrupted(ignoring, "nightly", "--config", config, at="score", send=twice)
    assert (code, ledger(config)) == (0, [("done", 40)])
    assert "stop" not in error

"""Ctrl-C ends a query, at whatever moment it comes; a handler that only notes the signal lets the query finish."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from monitor import ROOT
from monitor.database.connection import Database
from monitor.database.ctrl_c import connected, ctrl_c_ends_queries
from tests.support.interrupted import interrupted

# An hour of work on two threads, eight times; each is interrupted at another moment after its start.
LONG_QUERIES = """
import os, pathlib, signal, threading
from monitor.database.connection import Database
from monitor.database.ctrl_c import connected

print("started", flush=True)
for i in range(8):
    threading.Timer(0.08 + i / 40, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with OPEN as con:
            con.execute("SET threads = 2")
            con.sql("SELECT 1").pl()  # polars chains a signal handler of its own
            con.sql("SELECT sum(a.range * b.range) FROM range(1_000_000) AS a, range(1_000_000) AS b").HOW()
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not interrupted")
print("all ended", file=__import__("sys").stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pl", "fetchall"])
@pytest.mark.parametrize("block", ["reading()", "writing()", None])
def test_ctrl_c_ends_a_long_query(tmp_path: Path, block: str | None, how: str) -> None:
    db = tmp_path / "risk.duckdb"
    with Database(db).writing():
        pass
    opened = "connected()" if block is None else f"Database(pathlib.Path({str(db)!r})).{block}"
    code = LONG_QUERIES.replace("OPEN", opened).replace("HOW", how)
    status, error = interrupted(code, at="started", send=lambda process: None)
    assert (status, error.strip()) == (0, "all ended")


def test_a_handler_that_only_notes_the_signal_lets_the_query_finish() -> None:
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: noted.append(number))
    try:
        with connected() as con:
            os.kill(os.getpid(), signal.SIGINT)
            assert con.execute("SELECT count(*) FROM range(100_000)").fetchone() == (100_000,)
        assert noted == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_is_put_back_and_one_that_was_set_inside_stays() -> None:
    before = signal.getsignal(signal.SIGINT)
    with connected():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    try:
        with connected() as con, ctrl_c_ends_queries(con):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_block_over_a_connection_can_be_ended() -> None:
    blocks = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "monitor").rglob("*.py"))
        for line in path.read_text().splitlines()
        if "with " in line and "duckdb.connect(" in line and "ctrl_c_ends_queries" not in line
    ]
    # The empty tables of a new schema: no rows are read.
    assert all(block.startswith(("monitor/database/schema.py", "monitor/lake/scratch.py")) for block in blocks), (
        blocks
    )

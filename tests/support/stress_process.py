"""The processes of the stress test. Each works until the file FOLDER/stop exists.

Arguments: `nights` or `reader`, the folder, and settings as JSON. The last line has the function's counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

WORK = "from tests.support.stress_process import main\nmain()"


def nights(stop: Path, chosen: str) -> tuple[int, int]:
    """Run one night after the other; returns the nights done, and those refused because another one was running."""
    from monitor.errors import StoreError
    from monitor.settings import Settings
    from tests.support.nightly_process import run_night

    done = refused = 0
    print("ready", flush=True)
    with (
        Path(os.devnull).open("w") as null,
        contextlib.redirect_stdout(null),
        contextlib.redirect_stderr(null),
    ):
        while not stop.exists():
            try:
                run_night(Settings(**json.loads(chosen)), "keywords-1")
                done += 1
            except StoreError as error:
                if "another run is working" not in str(error):
                    raise
                refused += 1
                time.sleep(0.05)
    return done, refused


def reader(stop: Path, chosen: str) -> tuple[int, float]:
    """Query after query, each within the default wait; returns their number, and the longest in seconds."""
    from monitor.database.connection import Database
    from tests.support.nights import assert_ledger_adds_up

    db, n_queries, longest, n_before = Path(json.loads(chosen)["db"]), 0, 0.0, 0
    print("ready", flush=True)
    while not stop.exists():
        start = time.monotonic()
        assert_ledger_adds_up(db)
        with Database(db).reading() as con:
            ((n,),) = con.execute("SELECT count(*) FROM scores").fetchall()
        assert n >= n_before, "committed rows are gone"
        n_before, n_queries, longest = n, n_queries + 1, max(longest, time.monotonic() - start)
    return n_queries, longest


def main() -> None:
    """What the process runs."""
    print(*{"nights": nights, "reader": reader}[sys.argv[1]](Path(sys.argv[2]) / "stop", sys.argv[3]))

"""What runs beside others in the stress test, each in a process of its own, until the file FOLDER/stop is there.

Arguments: `nights` or `reader`, the folder, and settings as JSON. The last line says what was done.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path


def nights(stop: Path, chosen: str) -> tuple[int, int]:
    """One night after the other; returns how many were done, and how many found another at work."""
    from monitor.errors import StoreError
    from monitor.settings import Settings
    from tests.support.nightly_process import run_night

    done = refused = 0
    print("ready", flush=True)
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
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
    """Question after question, each within the default patience; returns how many, and the longest, in seconds."""
    from monitor.database.connection import Database
    from tests.support.nights import assert_ledger_adds_up

    db, asked, longest, seen = Path(json.loads(chosen)["db"]), 0, 0.0, 0
    print("ready", flush=True)
    while not stop.exists():
        began = time.monotonic()
        assert_ledger_adds_up(db)
        with Database(db).reading() as con:
            ((n,),) = con.execute("SELECT count(*) FROM scores").fetchall()
        assert n >= seen, "committed rows are gone"
        seen, asked, longest = n, asked + 1, max(longest, time.monotonic() - began)
    return asked, longest


if __name__ == "__main__":
    print(*{"nights": nights, "reader": reader}[sys.argv[1]](Path(sys.argv[2]) / "stop", sys.argv[3]))

"""A night that is killed at any moment costs nothing: the next one ends where an uninterrupted one does.

Seven seeded moments, one in each step; KILLS=200 in the environment makes it two hundred.
"""

import json
import os
import random
import shutil
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.database.connection import Database
from monitor.database.snapshot import NAME
from monitor.settings import Settings
from tests.support.forked import Forked
from tests.support.nightly_process import NIGHT, run_night
from tests.support.nights import assert_ledger_adds_up, contents, fill, settings

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "7"))
STEPS = ("ingest", "commit", "close", "score", "alerts", "publish", "report")
OLD, NEW = "keywords-1", "keywords-2"
Moments = dict[str, list[float]]


class World:
    """Where a night begins (new, or after a night with the old model), its inbox, and what it ends with.

    Few kills end no report of a new database, whose nights then draw none: it takes half of their time.
    """

    def __init__(self, folder: Path, *, new: bool) -> None:
        self.draw = not new or len(STEPS) < KILLS
        self.inbox, self.before, whole = folder / "inbox", folder / "before", folder / "whole"
        fill(self.inbox, night=1)
        self.before.mkdir()
        if not new:
            run_night(settings(self.before, self.inbox), OLD, draw=self.draw)
        fill(self.inbox, night=2)
        shutil.copytree(self.before, whole)
        process = start(settings(whole, self.inbox), draw=self.draw)
        said = [line.split()[1:] for line in process.stdout if line.startswith("* ")]
        assert process.wait() == 0
        self.moments: Moments = defaultdict(list)
        for (step, at), (_, until) in pairwise(said):
            self.moments[step].append(float(until) - float(at))
        self.expected = contents(whole / "risk.duckdb")
        assert all(self.expected[table] for table in ("documents", "scores", "rejects", "files", "alerts"))
        self.files = files(whole)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[World]:
    return [World(tmp_path_factory.mktemp("kill"), new=new) for new in (False, True)]


def start(chosen: Settings, *, draw: bool) -> Forked:
    return Forked(NIGHT, chosen.model_dump_json(exclude_unset=True), NEW, *([] if draw else ["undrawn"]))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def kill_at(chosen: Settings, step: str, nth: int, after: float, *, draw: bool) -> bool:
    """Start a night and kill it so many seconds after it says the step for the nth time; whether it lived so long."""
    process = start(chosen, draw=draw)
    times = 0
    for line in process.stdout:
        times += line.startswith(f"* {step} ")
        if times > nth:
            time.sleep(after)
            break
    process.kill()
    process.communicate()
    return process.returncode == -9


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_night_is_completed_by_the_next(worlds: list[World], tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world, step = worlds[seed % 3 == 2], STEPS[seed % len(STEPS)]
    chosen, lasts = settings(tmp_path / "night", world.inbox), world.moments[step]
    nth = chance.randrange(len(lasts))
    # A night may be over before a kill that follows its last moment: later tries come earlier, on a new night each.
    tries = [(nth, chance.random() * lasts[nth]), (nth, 0.0), (nth, 0.0), *((n, 0.0) for n in reversed(range(nth)))]
    for n, after in tries:
        shutil.rmtree(tmp_path / "night", ignore_errors=True)
        shutil.copytree(world.before, tmp_path / "night")
        if kill_at(chosen, step, n, after, draw=world.draw):
            break
    else:
        pytest.fail("no kill came in time")
    for db in filter(Path.exists, (chosen.db, chosen.snapshot / NAME)):
        assert_ledger_adds_up(db)
    for page in chosen.out.glob("index.html"):
        assert page.read_text().rstrip().endswith("</html>")
    run_night(chosen, NEW, draw=step == "report")  # what was not hurt is only slow to draw again
    assert world.draw or step != "report"
    found, expected = contents(chosen.db), dict(world.expected)
    own = {("report", str(chosen.out)), ("snapshot", str(chosen.snapshot))}
    assert own <= {row[:2] for row in found.pop("output_folders")}, "each world has folders of its own"
    del expected["output_folders"]
    assert found == expected
    assert_ledger_adds_up(chosen.db)
    drawn = {name for name in world.files if name.startswith("report/")} if step != "report" else set()
    assert files(tmp_path / "night") | drawn == world.files
    with Database(chosen.db).reading() as con:
        runs = con.execute("SELECT status, message FROM runs ORDER BY run_id").fetchall()
    assert [status for status, _ in runs][-1] == "done"
    assert "running" not in {status for status, _ in runs}
    assert json.dumps(runs).count("the next run completes") <= 1

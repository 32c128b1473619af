"""A lake's commands that are killed at any moment cost nothing: after the next run every row is there, once.

Ten seeded moments; KILLS=100 TEXTS=100000 in the environment makes it a hundred over so many texts.
"""

import csv
import os
import random
import shutil
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from monitor.labels import EMOTIONS
from monitor.lake.check import check_lake
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from tests.support.forked import PROCESSES, warm_up
from tests.support.lake_process import FORGOTTEN, STEPS, live
from tests.support.lakes import contents, control

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "10"))
TEXTS = int(os.environ.get("TEXTS", "600"))
FILES = 3


class World:
    """An inbox, what a lake of it holds in the end, and how long each step takes."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        for number in range(FILES):
            with (self.inbox / f"{number}.csv").open("w", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(["doc_id", "subject_id", "posted_at", "text"])
                for i in range(number, TEXTS, FILES):
                    day = "someday" if i % 97 == 0 else f"2026-{i % 5 + 1:02d}-{i % 28 + 1:02d}"
                    crisis = "i want to kill myself, " if i % 501 == 0 else ""
                    writer.writerow([f"d{i - i % 19 // 18}", f"s{i % 40}", day, f"{crisis}{EMOTIONS[i % 6]} {i}"])
        (folder / "whole").mkdir()
        shutil.copytree(self.inbox, folder / "whole" / "inbox")
        started, moments = time.monotonic(), []
        live(folder / "whole", lambda step: moments.append(time.monotonic() - started))
        self.lasts = {step: after - at for step, at, after in zip(STEPS, moments, moments[1:], strict=False)}
        self.expected = rows(folder / "whole")
        assert all(self.expected.values())


def rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a folder's lake; paths of files begin with the folder."""
    found = contents(control(folder / "lake", folder / "lake.duckdb"))
    names = {"files": 0, "rejects": 1}
    for table, column in names.items():
        found[table] = sorted((*row[:column], Path(row[column]).name, *row[column + 1 :]) for row in found[table])
    found["rejects"] = sorted((row[1:] for row in found["rejects"]), key=repr)
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("kill"))


def announce(folder: Path, sender: Connection) -> None:
    """What the process runs."""
    live(folder, sender.send)


def kill_at(folder: Path, step: str, after: float) -> bool:
    """Start a process and kill it so many seconds after it says the step; whether it lived so long."""
    warm_up()
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=announce, args=(folder, sender))
    process.start()
    sender.close()
    try:
        while receiver.recv() != step:
            pass
        time.sleep(after)
    except EOFError:
        pass
    process.kill()
    process.join()
    return process.exitcode == -9


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_lake_is_completed_by_the_next_run(world: World, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    shutil.copytree(world.inbox, tmp_path / "inbox")
    step = STEPS[seed % (len(STEPS) - 1)]
    assert kill_at(tmp_path, step, chance.random() * world.lasts[step]) or kill_at(tmp_path, step, 0)
    live(tmp_path)
    assert rows(tmp_path) == world.expected
    lake = Lake(Storage(str(tmp_path / "lake")))
    found = check_lake(lake, deep=True, subjects=[FORGOTTEN])
    assert not found.faults
    assert not found.orphans

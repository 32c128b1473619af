"""Pictures drawn in a process of their own are the same, and what goes wrong there is told here."""

import errno
import os
import signal
import stat
import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import Mock

import pytest

from monitor import ROOT
from monitor.database.connection import private_files
from monitor.errors import ConfigError, MonitorError
from reports.style import axes
from reports.style.rendering import NO_ROOM, PROCESSES, Drawer, draw

pytestmark = pytest.mark.slow

SPEC = {
    "mark": "bar",
    "data": {"values": [{"day": "a", "n": 3}, {"day": "b", "n": 5}]},
    "encoding": {"x": {"field": "day", "type": "nominal"}, "y": {"field": "n", "type": "quantitative"}},
}


def workers(drawer: Drawer) -> list[BaseProcess]:
    """The worker processes of a drawer, started."""
    return list(drawer.start()._processes.values())


def test_a_drawer_draws_what_is_drawn_here_and_all_is_there_at_its_end(tmp_path: Path) -> None:
    draw(axes.VEGA_LITE, SPEC, tmp_path / "here.svg", with_png=True)
    with Drawer(axes.VEGA_LITE, private=False) as drawer:
        for name in ("one", "two"):
            drawer.draw(SPEC, tmp_path / f"{name}.svg", with_png=name == "one")
    for name in ("one", "two"):
        assert (tmp_path / f"{name}.svg").read_bytes() == (tmp_path / "here.svg").read_bytes()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *("here.png", "here.svg", "one.png", "one.svg", "two.svg"),
    ]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o666 & ~os.umask(os.umask(0o22)))])
def test_pictures_of_people_are_their_owners_alone(tmp_path: Path, private: bool, mode: int) -> None:
    with Drawer(axes.VEGA_LITE, private=private) as drawer:
        drawer.draw(SPEC, tmp_path / "one.svg", with_png=True)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {mode}


def test_pictures_have_the_mode_of_other_files_where_the_processes_start_while_a_thread_commits(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").touch()
    with Drawer(axes.VEGA_LITE, private=False) as drawer:
        with private_files():
            drawer.start()
        drawer.draw(SPEC, tmp_path / "one.svg", with_png=True)
    assert len({stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}) == 1


def test_a_process_that_cannot_start_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Mock(side_effect=OSError(errno.EAGAIN, "no more processes"))
    monkeypatch.setattr("multiprocessing.util.spawnv_passfds", refused)
    with (
        pytest.raises(MonitorError, match=r"cannot start a process that draws pictures \(no more processes\)"),
        Drawer(axes.VEGA_LITE, private=False) as drawer,
    ):
        drawer.start()


def test_a_picture_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"--out .*file: cannot write there \(.+\); name another folder"),
        Drawer(axes.VEGA_LITE, private=False) as drawer,
    ):
        drawer.draw(SPEC, tmp_path / "file" / "one.svg", with_png=False)


def test_files_of_the_working_folder_are_not_taken_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the user was run')")
    monkeypatch.chdir(tmp_path)
    with Drawer(axes.VEGA_LITE, private=False) as drawer:
        drawer.draw(SPEC, Path("out.svg"), with_png=False)
    assert (tmp_path / "out.svg").is_file()


def test_a_drawer_that_was_killed_is_no_silent_gap(tmp_path: Path) -> None:
    def killed() -> None:
        with Drawer(axes.VEGA_LITE, private=False) as drawer:
            workers(drawer)[0].kill()
            for number in range(PROCESSES):
                drawer.draw(SPEC, tmp_path / f"{number}.svg", with_png=False)

    with pytest.raises(MonitorError, match=r"a process that draws pictures was killed.*; run again"):
        killed()


def test_a_process_that_may_address_too_little_memory_says_so_and_is_not_ended(tmp_path: Path) -> None:
    code = (
        "import resource\n"
        "from pathlib import Path\n"
        "from monitor.errors import ConfigError\n"
        "from reports.style.rendering import can_draw, draw\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, resource.RLIM_INFINITY))\n"
        "assert not can_draw()\n"
        "try:\n"
        f"    draw({axes.VEGA_LITE!r}, {SPEC!r}, Path('one.svg'), with_png=True)\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    place = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **place)
    assert done.stdout == f"{NO_ROOM}\n"
    assert done.stderr == ""
    assert not (tmp_path / "one.svg").exists()


def test_a_block_that_fails_does_not_wait_for_its_pictures(tmp_path: Path) -> None:
    drawer = Drawer(axes.VEGA_LITE, private=False)
    processes = workers(drawer)

    def failing() -> None:
        with drawer:
            for number in range(50):
                drawer.draw(SPEC, tmp_path / f"{number}.svg", with_png=False)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert all(process.exitcode is not None for process in processes)
    assert len(list(tmp_path.glob("*.svg"))) < 50


def test_the_processes_end_with_the_one_that_asked_without_a_word(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from reports.style.rendering import Drawer\n"
        f"drawer = Drawer({axes.VEGA_LITE!r}, private=False)\n"
        "print(*drawer.start()._processes, flush=True)\n"
        "for name in ('one', 'two'):\n"
        f"    drawer.draw({SPEC!r}, Path({str(tmp_path)!r}, name + '.svg'), with_png=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    # communicate() returns once the workers, which have the same standard error, have closed it.
    assert len(done.stdout.split()) == PROCESSES
    for pid in done.stdout.split():
        assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    assert done.stderr == ""


def test_workers_ignore_ctrl_c_from_their_first_moment(tmp_path: Path) -> None:
    before = dict(os.environ)
    with Drawer(axes.VEGA_LITE, private=False) as drawer:
        for process in workers(drawer):
            os.kill(process.pid, signal.SIGINT)
        drawer.draw(SPEC, tmp_path / "one.svg", with_png=True)
    assert (tmp_path / "one.png").is_file()
    assert dict(os.environ) == before, "only the workers inherit more"

"""Homes, users, names and interpreters as strangers have them: the work is done, or one clear line says why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor import ROOT
from monitor.database.connection import Database
from monitor.errors import ConfigError, StoreError
from monitor.settings import load_settings


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "PYTHONOPTIMIZE")}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def test_a_user_without_home_and_passwd_entry_has_reports() -> None:
    code = (
        "import pwd\n"
        "def unknown(*_): raise KeyError('uid')\n"
        "pwd.getpwuid = unknown\n"
        "from jobs.console.app import exit_with_code\n"
        "exit_with_code(lambda: __import__('altair'))\n"
    )
    done = run_python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_python_without_docstrings_is_refused_in_one_line() -> None:
    done = run_python("from jobs.cli import main; main(['--help'])", PYTHONOPTIMIZE="2")
    assert done.returncode == 2
    assert done.stderr.startswith("risk-monitor: Python runs without docstrings")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("key", ["db", "inbox", "model"])
def test_the_home_of_an_unknown_user_is_one_line(tmp_path: Path, key: str) -> None:
    (tmp_path / "risk-monitor.toml").write_text(f'{key} = "~nosuchuser/x"\n')
    with pytest.raises(ConfigError, match="~nosuchuser/x: there is no such user"):
        load_settings(tmp_path / "risk-monitor.toml")


def test_a_name_with_no_room_for_its_neighbours_or_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    for name, words in (("d" * 240, "the name has 240 bytes"), ("d" * 300, "300 bytes"), ("日" * 80, "240 bytes")):
        with pytest.raises(StoreError, match=words):
            Database(tmp_path / name)
    for name in ("risk\udcff.duckdb", "folder\udcff/risk.duckdb"):
        with pytest.raises(StoreError, match="the name is not UTF-8"):
            Database(tmp_path / name)
    longest = Database(tmp_path / ("d" * 220))
    with longest.only_writer(), longest.writing() as con:
        con.execute("FROM runs")


@pytest.mark.slow
def test_days_of_a_picture_are_those_of_utc_west_of_it() -> None:
    code = (
        "from reports.style import axes, rendering\n"
        "mark = {'type': 'bar'}\n"
        "x = {'field': 'day', 'type': 'temporal', 'scale': {'type': 'utc'}}\n"
        "rows = {'values': [{'day': '2026-01-05', 'end': '2026-01-12'}]}\n"
        "spec = {'data': rows, 'mark': mark, 'encoding': {'x': x, 'x2': {'field': 'end'}}}\n"
        "print(rendering.svg(spec, axes.VEGA_LITE))\n"
    )
    done = run_python(code, TZ="America/Los_Angeles")
    assert "end: Jan 12, 2026" in done.stdout, done.stderr

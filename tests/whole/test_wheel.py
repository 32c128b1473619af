"""The wheel is complete: installed alone, outside the source tree, it runs the demo. The lock file fits the pins."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from monitor import ROOT

# The demo on the first 300 texts of its feed: the other texts take half a minute and show nothing about the wheel.
RUN_DEMO = """
import gzip
import sys
from pathlib import Path
import monitor
assert monitor.__file__.startswith(sys.argv[1]), monitor.__file__
import jobs.demo
from jobs.cli import main
whole = gzip.decompress(jobs.demo.demo_feed_path().read_bytes()).splitlines(keepends=True)
Path("feed.csv").write_bytes(b"".join(whole[:301]))
jobs.demo.demo_feed_path = lambda: Path("feed.csv")
main(["demo", "--out", "out"])
"""


@pytest.mark.slow
def test_an_installed_wheel_runs_the_demo(tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", RUN_DEMO, str(site)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (work / "out" / "report" / "index.html").is_file()


def test_the_lock_file_has_every_package_as_pinned_with_hashes() -> None:
    locked = (ROOT / "requirements.lock").read_text()
    versions = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", locked, re.MULTILINE))
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [re.split("[<>=]", line)[0] for line in (*project["dependencies"], *extras["notify"], *extras["excel"])]
    assert {name: versions.get(name) for name in needed} == {name: pins[name] for name in needed}, "run `make lock`"
    assert all("--hash=sha256:" in package for package in re.split(r"\n(?=\S)", locked.strip()))

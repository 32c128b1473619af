"""A disk of its own in memory, for tests of disks that are full or cannot be written."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size at a new folder; the test is skipped where that takes more rights than it has."""
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here (it takes root); the limit on a file's size is tested beside")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)

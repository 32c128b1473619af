"""Temporary folders for files with people's texts. What killed processes leave behind is removed later."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

LEFT_AFTER_S = 3600.0  # a process in a container of the same name cannot be seen, but it uses its folder


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder below `parent` that only its owner can read, removed at the end.

    Its name holds the machine and the process. With these names the next process on this machine finds the folders of
    killed processes, and removes those that are more than an hour old.

    Raises:
        OSError: the folder cannot be made.
    """
    _remove_left(parent, prefix)
    with TemporaryDirectory(dir=parent, prefix=f"{prefix}{_machine()}-{os.getpid()}-") as folder:
        yield Path(folder)


def left_folders(parent: Path, prefix: str) -> list[Path]:
    """The folders below `parent` whose process does not run on this machine any more; it was probably killed."""
    name = re.compile(rf"{re.escape(prefix)}{re.escape(_machine())}-(\d+)-\w+")
    matches = [(folder, name.fullmatch(folder.name)) for folder in sorted(parent.glob(f"{prefix}*"))]
    return [folder for folder, match in matches if match is not None and not runs(int(match[1]))]


def _remove_left(parent: Path, prefix: str) -> None:
    for folder in left_folders(parent, prefix):
        with suppress(OSError):  # another user's, or removed meanwhile
            if time.time() - folder.stat().st_mtime > LEFT_AFTER_S:
                shutil.rmtree(folder)


def _machine() -> str:
    return re.sub(r"\W", "_", socket.gethostname())


def runs(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

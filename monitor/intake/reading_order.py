"""The order in which the files of a folder are read: older files first, so that a correction comes last."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from monitor.intake.selection import stem

_NUMBER = re.compile(r"(\d+)")


def in_reading_order(paths: Iterable[Path]) -> list[Path]:
    """The files by the time of their last change, files of one time in the natural order of their names.

    In this order export-9.csv comes before export-10.csv, and Journal.csv before Journal (1).csv.
    """
    return sorted(paths, key=lambda path: (_changed_at(path), *map(_natural, (str(path.parent), stem(path))), path))


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # the file was removed meanwhile
        return 0


def _natural(name: str) -> list[str | int]:
    # Each second part is a number, so that a number is compared only with a number.
    return [int(part) if number % 2 else part for number, part in enumerate(_NUMBER.split(name))]

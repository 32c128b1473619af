"""The folders into which runs of a database wrote. Folders that the settings no longer name may still hold texts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from jobs.pipeline.audiences import planned_reports
from jobs.pipeline.write_report import report_files
from monitor.database.connection import Database
from monitor.database.snapshot import snapshot_files
from monitor.database.statements import execute
from monitor.errors import ConfigError
from monitor.settings import Settings

FILES = {"report": report_files, "snapshot": snapshot_files}


class OutputFolder(NamedTuple):
    """A folder of reports or snapshots, and whether its files quote texts."""

    kind: str
    folder: Path
    has_texts: bool


def remember_folders(db: Database, settings: Settings) -> None:
    """Record the folders that a run or a command is about to write into. Nothing is written if all are recorded."""
    new = set(_named(settings)) - set(_remembered(db))
    if new:
        with db.writing() as con:
            for kind, folder, has_texts in sorted(new):
                execute(con, "queries/remember_folder", kind=kind, folder=str(folder), has_texts=has_texts)


def left_behind(db: Database, settings: Settings | None) -> list[OutputFolder]:
    """The folders with files of earlier runs that the settings no longer name; without settings, all such folders."""
    named = {(one.kind, one.folder) for one in _named(settings)} if settings else set()
    return [one for one in _remembered(db) if (one.kind, one.folder) not in named and _has_files(one)]


def _named(settings: Settings) -> list[OutputFolder]:
    reports = [
        OutputFolder("report", one.folder.resolve(), one.options.evidence)
        for one in planned_reports(settings, check_rosters=False)
    ]
    return [*reports, OutputFolder("snapshot", settings.snapshot.resolve(), settings.snapshot_texts)]


def _remembered(db: Database) -> list[OutputFolder]:
    with db.reading() as con:
        rows = execute(con, "queries/output_folders").fetchall()
    return [OutputFolder(kind, Path(folder), has_texts) for kind, folder, has_texts in rows]


def _has_files(one: OutputFolder) -> bool:
    """Whether the folder has a file of ours, or cannot be read."""
    try:
        return one.folder.is_dir() and any(path.exists() for path in FILES[one.kind](one.folder).paths)
    except (OSError, ConfigError):  # the list of its files cannot be read, or names files outside of the folder
        return True

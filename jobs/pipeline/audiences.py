"""The reports that the settings name: the report in `out`, and one for each [[reports]]."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from jobs.pipeline.people import default_key, open_roster
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.intake.row_rules import IdRules
from monitor.privacy.access_log import log_access
from monitor.privacy.pseudonyms import default_key_file
from monitor.settings import Settings
from monitor.settings_tables import Report
from reports.risk.inputs import Options
from reports.style.wording import Language

REPORT_SETTINGS = {"threshold", "min_cohort", "min_texts"}


class Planned(NamedTuple):
    """A report to write: its name, folder and options, and the roster that names people in it."""

    title: str
    folder: Path
    options: Options
    roster: Path | None


def planned_reports(settings: Settings, *, check_rosters: bool = True) -> list[Planned]:
    """Every report of a night. The report in `out` comes first; a [[reports]] with this folder replaces it.

    Args:
        settings: the settings.
        check_rosters: refuse a missing roster; otherwise the caller does it with `check_roster`.

    Raises:
        ConfigError: two reports have one folder, one is inbox or snapshot, a roster is missing, or a value is wrong.
    """
    planned = [_planned(report, settings) for report in settings.reports]
    folders = [one.folder.resolve() for one in planned]
    if settings.out.resolve() not in folders:
        first = Planned(
            "report", settings.out, _options(settings, Report(show_subjects=settings.show_subjects)), None
        )
        planned.insert(0, first)
    for one in planned:
        folder = one.folder.resolve()
        if sum(other.folder.resolve() == folder for other in planned) > 1:
            raise ConfigError(f"reports: {one.folder} is the folder of two of them; name another with folder")
        if folder in (settings.inbox.resolve(), settings.snapshot.resolve()):
            raise ConfigError(f"reports: {one.folder} is the folder of the inbox or the snapshot; name another")
        if check_rosters:
            check_roster(one)
    return planned


def check_roster(report: Planned) -> None:
    """Check that the roster of a report, if it has one, is there.

    Raises:
        ConfigError: it is missing, or is on a share that is away.
    """
    try:
        is_there = report.roster is None or report.roster.is_file()
    except OSError as error:
        raise ConfigError(
            f"{report.roster}: cannot read this roster ({error.strerror}); the report {report.title} needs it"
        ) from error
    if not is_there:
        raise ConfigError(f"{report.roster}: there is no such roster; the report {report.title} needs it")


def names_of(
    db: Database, roster: Path | None, key_file: Path | None, rules: IdRules | None = None
) -> Mapping[str, str]:
    """subject_id -> name from a roster; empty without a roster. Before it is read, its use is written to the access
    log.

    Args:
        db: the database.
        roster: the file, if any.
        key_file: the key; None: the default place.
        rules: the table [ids] of the settings, for a database that has not recorded its own.

    Raises:
        DataError: the roster cannot be used. StoreError, ConfigError: its ids cannot be matched, or the use cannot be
        logged.
    """
    if roster is None:
        return {}
    opened = open_roster(db, roster, key_file or default_key(db), rules)
    with db.writing() as con:
        log_access(con, "report", None, len(opened.names))
    return opened.names


def key_of(settings: Settings) -> Path:
    """The key file that the settings name, or the one beside the database."""
    return settings.key_file or default_key_file(settings.db)


def _planned(report: Report, settings: Settings) -> Planned:
    try:
        options = _options(settings, report)
    except ConfigError as error:
        raise ConfigError(f"reports, {report.title}: {str(error).removeprefix('--')}") from error
    return Planned(report.title, settings.report_folder(report), options, report.roster)


def _options(settings: Settings, report: Report) -> Options:
    """The options of a report: the limits from the settings, and the report's own choices."""
    return Options(
        **settings.model_dump(include=REPORT_SETTINGS),
        days=report.days,
        show_subjects=report.show_subjects,
        subject_pages=report.subject_pages,
        evidence=report.evidence,
        lang=cast(Language, report.lang),
        signal=settings.alerts.signal,
        rules=settings.alerts,
        mode=report.mode,
        cohorts=report.cohorts,
    )

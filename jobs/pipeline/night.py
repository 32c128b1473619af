"""The steps of a night: read the inbox, score, update the alerts, judge the input, report, publish, notify."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.console.interrupts import Stopped
from jobs.console.progress import print_note, print_warning
from jobs.pipeline.audiences import Planned, check_roster, names_of, planned_reports
from jobs.pipeline.explain_alerts import explain_alerts
from jobs.pipeline.inbox import complete_files, list_inbox
from jobs.pipeline.ingest import ingest
from jobs.pipeline.notify import IN_LIST, IN_REPORT, RUN_FAILED, notify_of_alerts, notify_on_failure
from jobs.pipeline.output_folders import left_behind, remember_folders
from jobs.pipeline.run import scoring_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import Scorer, score_pending
from jobs.pipeline.search_anew import search_anew
from jobs.pipeline.summary import print_file_warnings
from jobs.pipeline.write_report import write_report
from monitor.alerts.state import AlertCounts
from monitor.alerts.update import refresh_alerts
from monitor.crisis import CrisisList
from monitor.database.connection import Database
from monitor.database.snapshot import closed_folders, group_id, make_folder, publish
from monitor.errors import ClockError, ConfigError, MonitorError, ReportError, cannot_write
from monitor.intake.feeds import feed_finder
from monitor.intake.quality import Judgement, measure, record_judgement
from monitor.privacy.pseudonyms import default_key_file
from monitor.privacy.retention import drop_old_texts
from monitor.settings import Settings
from reports.risk import pictures
from reports.style.rendering import Drawer

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel


class NightResult(NamedTuple):
    """The result of a night; `page` is None without a report."""

    counts: RunCounts
    model: LoadedModel
    alerts: AlertCounts
    quality: Judgement
    page: Path | None


def run_pipeline(
    settings: Settings,
    load: Callable[[], Scorer],
    job: str = "nightly",
    *,
    report: bool = True,
    trust_clock: bool = False,
) -> NightResult:
    """Run every step of a night once.

    A file of the inbox that cannot be read becomes one reject. A report or snapshot that cannot be written costs
    nothing else: the run is done to its end, and then it fails with a ReportError. `report=False` leaves out reports
    and snapshot. `trust_clock` lets retention remove texts although the clock is far ahead of the last run. The job
    "nightly" waits for the end of another run, such as a batch of `watch`.
    """
    db, counts, page = Database(settings.db), RunCounts(), None
    quality: Judgement | None = None
    key_file = (settings.key_file or default_key_file(settings.db)) if settings.pseudonyms else None
    ids = settings.ids if "ids" in settings.model_fields_set else None
    opening = _Opening(settings, load)
    with notify_on_failure(settings.notify, job), scoring_run(db, job, opening, key_file, ids) as run:
        model_id = run.scorer.model.model_id
        files = complete_files(settings.inbox, settings.settle_s, settings.feeds)
        ingest(
            db,
            files,
            run.run_id,
            counts,
            unattended=True,
            pseudonyms=run.pseudonyms,
            feed_of=feed_finder(settings.feeds, settings.inbox),
            ids=settings.ids,
            on_change=settings.on_change,
        )
        search_anew(db, opening.crisis, run.run_id)
        score_pending(db, run.scorer, run.run_id, counts, settings.chunk_rows, opening.crisis)
        alerts = refresh_alerts(db, model_id, settings.alert_rules, run.run_id)

        def send(*, failed: bool = False) -> None:
            level = quality.level if quality else ""
            more = (RUN_FAILED if failed else IN_REPORT) if report else IN_LIST
            notify_of_alerts(settings.notify, db, model_id, alerts, level, settings.alert_rules, more)

        with sent_even_after_errors(send):
            explain_alerts(db, run.scorer, run.run_id, settings.alert_rules)
            quality = judge_input(db, settings, run.run_id, len(counts.undecided))
            if settings.text_days is not None:
                remove_old_texts(db, settings, settings.text_days, trust_clock=trust_clock)
            if report:
                page = report_and_publish(db, settings, model_id, counts)
    return NightResult(counts, run.scorer.model, alerts, quality, page)


@contextmanager
def sent_even_after_errors(send: Callable[..., None]) -> Iterator[None]:
    """Send the message about alerts after a block, also if the block fails.

    People who must read of a crisis cannot wait, for example until a full disk has room again.

    Args:
        send: sends the message; its argument `failed` says whether the block failed.
    """
    try:
        yield
    except Stopped:
        raise
    except Exception:
        with suppress(MonitorError):  # the first error is the one to report, and the next run tries again
            send(failed=True)
        raise
    send()


def remove_old_texts(db: Database, settings: Settings, days: int, *, trust_clock: bool) -> None:
    """Remove old texts from the database, and name the folders that keep them because no run writes there now."""
    try:
        drop_old_texts(db, days, trust_clock=trust_clock)
    except ClockError as error:
        print_warning(str(error))
    for one in left_behind(db, settings):
        if one.has_texts:
            print_warning(
                f"{one.folder}: an earlier run wrote this {one.kind}, but the settings no longer name it; it may "
                f"hold texts that are older than text_days = {days}; remove it"
            )


def judge_input(db: Database, settings: Settings, run_id: str, n_undecided: int) -> Judgement:
    """Measure the rows of a run and judge them. This runs after the alerts, so that its failure costs no alert and no
    message about one.
    """
    with db.reading() as con:
        measures = measure(con, run_id, settings.quality.min_rows) | {"undecided_files": n_undecided}
    return record_judgement(db, run_id, measures, settings.quality)


def report_and_publish(db: Database, settings: Settings, model_id: str, counts: RunCounts | None = None) -> Path:
    """Write the reports, and publish the snapshot while the first report's pictures are drawn.

    Each of them is written also if others fail. In that case the files of `counts` are named, because the caller
    prints no summary of a failed run.

    Returns the page of the first report, which is the report in `out`.

    Raises:
        ReportError: some of them could not be written; the message names each.
    """
    remember_folders(db, settings)
    if settings.snapshot_group is not None:
        with suppress(MonitorError, OSError):  # the snapshot names the fault
            make_folder(settings.snapshot, settings.snapshot_group)  # before a report makes a folder above it
    faults: list[str] = []
    first, *others = planned_reports(settings, check_rosters=False)
    with _noted(faults), pictures.drawer(first.options) as drawer:
        ended: tuple[str, str | None] = ("failed", "ended before its report was written")
        try:
            _write_checked(db, settings, first, drawer, model_id)
            ended = ("done", None)
        except MonitorError as error:
            ended = ("failed", f"ReportError: {error}")
            raise
        finally:
            with _noted(faults):
                _publish_checked(db, settings, *ended)
    for other in others:
        with _noted(faults), pictures.drawer(other.options) as drawer:
            print_note(f"report {other.title}: {_write_checked(db, settings, other, drawer, model_id)}")
    if faults:
        print_file_warnings(counts or RunCounts())
        raise ReportError(f"{'; '.join(faults)}; everything else of this run is done")
    return first.folder / "index.html"


@contextmanager
def _noted(faults: list[str]) -> Iterator[None]:
    """Note what a user can correct of the fault that ends a block."""
    try:
        yield
    except MonitorError as error:
        faults.append(str(error))


def _write_checked(db: Database, settings: Settings, planned: Planned, drawer: Drawer, model_id: str) -> Path:
    check_roster(planned)
    _check_folder(planned.folder)
    return write_planned(db, settings, planned, drawer, model_id)


def _publish_checked(db: Database, settings: Settings, status: str, message: str | None) -> None:
    _check_folder(settings.snapshot)
    group = settings.snapshot_group
    if group is not None:
        group_id(group)
    publish(
        db,
        settings.snapshot,
        texts=settings.snapshot_texts,
        parquet=settings.snapshot_parquet,
        group=group,
        status=status,
        message=message,
    )
    if group is not None and (closed := closed_folders(settings.snapshot, group)):
        print_warning(
            f"snapshot_group: the modes of {', '.join(map(str, closed))} keep the group {group!r} from the snapshot; "
            "let it pass there (chgrp, chmod g+x), or name another folder as snapshot"
        )


def _check_folder(folder: Path) -> None:
    """Check that an output can be written into a folder, which need not exist."""
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
        if not existing.exists():
            raise ConfigError(f"{existing}: a link that leads nowhere; make the folder that it names, or remove it")
    except OSError as error:
        raise cannot_write(str(folder), error) from error
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise ConfigError(f"{folder}: cannot write there; name another folder in the settings")


def write_planned(
    db: Database, settings: Settings, planned: Planned, drawer: Drawer | None = None, model_id: str | None = None
) -> Path:
    """Write one of the reports that the settings name; see `write_report`."""
    names = names_of(db, planned.roster, settings.key_file, settings.ids)
    return write_report(db, planned.folder, model=model_id, options=planned.options, drawer=drawer, names=names)


class _Opening:
    """Checks the settings, the inbox and the crisis list, then loads the model. So a fault there does not end the run
    after hours.

    What only a report or the snapshot needs (rosters, folders, a group) is checked when they are written.

    Attributes:
        crisis: the list of crisis wording, once the model is loaded.
    """

    crisis: CrisisList

    def __init__(self, settings: Settings, load: Callable[[], Scorer]) -> None:
        self._settings, self._load = settings, load

    def __call__(self) -> Scorer:
        settings = self._settings
        self.crisis = CrisisList.read(settings.crisis_list)
        list_inbox(settings.inbox)
        if settings.snapshot.resolve() == settings.inbox.resolve():
            raise ConfigError(
                f"{settings.snapshot}: inbox and snapshot are one folder; name two, or its files are read"
            )
        planned_reports(settings, check_rosters=False)
        return self._load()

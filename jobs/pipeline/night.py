"""TODO"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.pipeline.inbox import complete_files, list_inbox
from jobs.pipeline.ingest import ingest
from jobs.pipeline.notify import notify_of_alerts, notify_on_failure
from jobs.pipeline.run import scoring_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import Scorer, score_pending
from jobs.pipeline.write_report import warm_up, write_report
from monitor.alerts.state import AlertCounts
from monitor.alerts.update import refresh_alerts
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError
from monitor.intake.quality import Judgement, measure, record_judgement
from monitor.privacy.pseudonyms import default_key_file
from monitor.privacy.retention import drop_old_texts
from monitor.settings import Settings
from reports.risk import pictures
from reports.risk.inputs import Options
from reports.style.rendering import Drawer

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel


REPORT_SETTINGS = {"threshold", "min_cohort", "min_texts", "show_subjects"}


class NightResult(NamedTuple):
    """What a run did, and how its input was judged; the report's page where there was one."""

    counts: RunCounts
    model: LoadedModel
    alerts: AlertCounts
    judged: Judgement
    page: Path | None


def run_pipeline(
    settings: Settings, load: Callable[[], Scorer], job: str = "nightly", *, report: bool = True
) -> NightResult:
    """Ingest, score, alert, judge, report and publish unless that is left out, and tell of it as the settings say.

    A file of the inbox that cannot be read is kept as one reject.
    """
    counts, db, page = RunCounts(), settings.db, None
    key_file = (settings.key_file or default_key_file(db)) if settings.pseudonyms else None
    with (
        notify_on_failure(settings.notify, job),
        scoring_run(Database(db), job, lambda: _ready(settings, load), key_file) as (
            scorer,
            run_id,
            pseudonyms,
        ),
    ):
        files = complete_files(settings.inbox, settings.settle_s)
        ingest(Database(db), files, run_id, counts, unattended=True, pseudonyms=pseudonyms)
        with pictures.drawer(report_options(settings)) if report else nullcontext() as drawer:
            ahead = partial(warm_up, report_options(settings), drawer) if drawer else None
            score_pending(Database(db), scorer, run_id, counts, settings.chunk_rows, meanwhile=ahead)
            alerts, judged = update_alerts_and_judge(settings, scorer.model.model_id, run_id)
            if settings.text_days is not None:
                drop_old_texts(Database(db), settings.text_days)
            if drawer:
                page = _report_and_publish(settings, scorer.model.model_id, drawer)
        notify_of_alerts(settings.notify, Database(db), scorer.model.model_id, alerts, judged.level)
    return NightResult(counts, scorer.model, alerts, judged, page)


def update_alerts_and_judge(settings: Settings, model_id: str, run_id: str) -> tuple[AlertCounts, Judgement]:
    """Update the alerts, then judge the input: a judgement that fails costs no alerts."""
    db = Database(settings.db)
    alerts = refresh_alerts(db, model_id, settings.alert_rules, run_id)
    with db.reading() as con:
        measures = measure(con, run_id, settings.quality.min_rows)
    return alerts, record_judgement(db, run_id, measures, settings.quality)


def _report_and_publish(settings: Settings, model_id: str, drawer: Drawer) -> Path:
    """The report, and while its pictures are drawn the snapshot, which a report that fails does not hold up."""
    try:
        return write_report(
            Database(settings.db),
            settings.out,
            model=model_id,
            options=report_options(settings),
            drawer=drawer,
        )
    finally:
        publish(
            Database(settings.db),
            settings.snapshot,
            texts=settings.snapshot_texts,
            parquet=settings.snapshot_parquet,
        )


def _ready(settings: Settings, load: Callable[[], Scorer]) -> Scorer:
    """Load the model, which takes long, once it is known that the run will not fail of its folders at its end."""
    list_inbox(settings.inbox)
    if settings.snapshot.resolve() == settings.inbox.resolve():
        raise ConfigError(
            f"{settings.snapshot}: inbox and snapshot are one folder; name two, or its files are read"
        )
    for folder in (settings.out, settings.snapshot):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK)):
            raise ConfigError(f"{folder}: cannot write there; name another folder in the settings")
    return load()


def report_options(settings: Settings) -> Options:
    """What the report is told of the settings."""
    return Options(**settings.model_dump(include=REPORT_SETTINGS))

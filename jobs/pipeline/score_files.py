"""TODO"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.pipeline.ingest import ingest
from jobs.pipeline.run import scoring_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import CHUNK_ROWS, Scorer, score_pending
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts
from monitor.alerts.update import refresh_alerts
from monitor.database.connection import Database
from monitor.intake.documents import check_file, find_inputs

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel


class ScoreResult(NamedTuple):
    """What scoring some files came to."""

    counts: RunCounts
    model: LoadedModel
    alerts: AlertCounts


def score_files(
    inputs: Sequence[str | Path],
    db: Database,
    load: Callable[[], Scorer],
    chunk_rows: int = CHUNK_ROWS,
    key_file: Path | None = None,
    rules: AlertRules | None = None,
) -> ScoreResult:
    """Ingest the inputs, score, alert; nothing is begun before inputs, database and model are known to be readable.

    Args:
        inputs: files, folders and patterns.
        db: the database; made where there is none.
        load: opens the model.
        chunk_rows: texts scored between two commits.
        key_file: the key of the pseudonyms; None: ids stay as they come.
        rules: of the alerts; None: the defaults.

    Raises:
        DataError, StoreError, ModelError: the one that is not readable.
    """
    files = find_inputs(inputs)
    for path in files:
        check_file(path)
    counts = RunCounts()
    with scoring_run(db, "score", load, key_file) as (scorer, run_id, pseudonyms):
        ingest(db, files, run_id, counts, pseudonyms=pseudonyms)
        score_pending(db, scorer, run_id, counts, chunk_rows)
        alerts = refresh_alerts(db, scorer.model.model_id, rules or AlertRules(), run_id)
    return ScoreResult(counts, scorer.model, alerts)

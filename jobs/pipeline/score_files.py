"""TODO"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.pipeline.ingest import ingest
from jobs.pipeline.run import scoring_run
from jobs.pipeline.score_new import CHUNK_ROWS, Scorer, score_pending
from jobs.pipeline.tally import Tally
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts
from monitor.alerts.update import refresh
from monitor.database.connection import Database
from monitor.intake.documents import check_file, find_inputs

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel


class Scored(NamedTuple):
    """What scoring some files came to."""

    tally: Tally
    model: LoadedModel
    alerts: AlertCounts


def score_files(
    inputs: Sequence[str | Path],
    db: Database,
    load: Callable[[], Scorer],
    chunk_rows: int = CHUNK_ROWS,
    key_file: Path | None = None,
    rules: AlertRules | None = None,
) -> Scored:
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
    tally = Tally()
    with scoring_run(db, "score", load, key_file) as (scorer, run_id, pseudonyms):
        ingest(db, files, run_id, tally, pseudonyms=pseudonyms)
        score_pending(db, scorer, run_id, tally, chunk_rows)
        alerts = refresh(db, scorer.model.model_id, rules or AlertRules(), run_id)
    return Scored(tally, scorer.model, alerts)

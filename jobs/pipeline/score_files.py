"""Read and score some files: the steps of `risk-monitor score`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.pipeline.ingest import check_files, ingest
from jobs.pipeline.limits import warn_of_other_limits
from jobs.pipeline.run import scoring_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import CHUNK_ROWS, Scorer, score_pending
from jobs.pipeline.search_anew import search_anew, warn_of_other_list
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts
from monitor.alerts.update import refresh_alerts
from monitor.crisis import CrisisList
from monitor.database.connection import Database
from monitor.intake.documents import find_inputs
from monitor.intake.feeds import FeedOf
from monitor.intake.row_rules import IdRules, OnChange

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel


class ScoreResult(NamedTuple):
    """The result of `score_files`."""

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
    crisis: CrisisList | None = None,
    feed_of: FeedOf | None = None,
    ids: IdRules | None = None,
    on_change: OnChange = "reject",
    is_list_named: bool = False,
    are_limits_named: bool = True,
) -> ScoreResult:
    """Read the inputs, score their texts and update the alerts.

    All inputs, the database and the model are opened before the first row is written.

    Args:
        inputs: files, folders and patterns.
        db: the database; created if it does not exist.
        load: opens the model.
        chunk_rows: largest number of texts between two commits.
        key_file: the key of the pseudonyms; None: ids stay as they are.
        rules: of the alerts; None: the defaults.
        crisis: list of crisis wording; None: the one that comes with the program.
        feed_of: gives the feed of each file; None: all have the columns of the contract.
        ids: further differences to remove from ids of subjects; None: none were given, as `scoring_run`.
        on_change: the treatment of a row whose doc_id is used, but with another time or text.
        is_list_named: whether the settings of this database name `crisis`; stored texts that another list has
            searched are then searched anew, otherwise they stay as they are.
        are_limits_named: whether the settings of this database name `rules`; otherwise a line tells if the last
            update of the alerts had other limits.

    Raises:
        DataError, StoreError, ModelError: an input, the database or the model cannot be read.
        ConfigError: the database was filled with another key or other `ids`.
    """
    files = find_inputs(inputs, feed_of)
    check_files(files, feed_of)
    counts = RunCounts()
    with scoring_run(db, "score", load, key_file, ids) as (scorer, run_id, pseudonyms):
        ingest(
            db,
            files,
            run_id,
            counts,
            pseudonyms=pseudonyms,
            feed_of=feed_of,
            ids=ids,
            on_change=on_change,
        )
        crisis = crisis or CrisisList.read()
        if is_list_named:
            search_anew(db, crisis, run_id)
        else:
            warn_of_other_list(db, crisis)
        score_pending(db, scorer, run_id, counts, chunk_rows, crisis)
        rules = rules or AlertRules()
        if not are_limits_named:
            warn_of_other_limits(db, rules)
        alerts = refresh_alerts(db, scorer.model.model_id, rules, run_id)
    return ScoreResult(counts, scorer.model, alerts)

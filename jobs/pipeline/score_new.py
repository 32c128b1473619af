"""Score the documents that a model has not scored, chunk by chunk, each committed while the next is computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import polars as pl

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import progress
from jobs.pipeline.background import Background
from jobs.pipeline.run_counts import RunCounts
from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.labels import score_columns

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel
    from monitor.scoring.scorer import Scores

FETCH_ROWS = 200_000
FETCH_BYTES = 256 * 2**20
CHUNK_ROWS = 20_000
CHUNK_S = 30.0
FIRST_ROWS = 64  # of a run, before its speed is known
LEAST_ROWS = 32  # a commit for fewer would cost a slow model more than it saves


class Scorer(Protocol):
    """What scores texts: `scoring.LabelScorer`."""

    model: LoadedModel

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        """P(emotion) of each text, in their order."""


def score_pending(
    db: Database,
    scorer: Scorer,
    run_id: str,
    counts: RunCounts,
    chunk_rows: int = CHUNK_ROWS,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Score every document that this model has not scored.

    A commit comes after CHUNK_S or so: a crash, and a stop that waits for it, cost no more of a slow model than of a
    quick one.

    Args:
        chunk_rows: most texts between two commits.
        meanwhile: what is done in a thread while the model computes; it leaves the database alone.
    """
    model_id = scorer.model.model_id
    with db.reading() as con:
        pending = store.count_unscored(con, model_id)
        batch = store.unscored(con, model_id, FETCH_ROWS, FETCH_BYTES)
    began, size = time.monotonic(), min(FIRST_ROWS, chunk_rows)
    with progress("scoring", "texts", pending) as advance, Background() as beside:
        if meanwhile:
            beside.run(meanwhile)
        while not batch.is_empty():
            pending -= batch.height
            with Background() as behind:
                while not batch.is_empty():
                    rows, batch, since = batch.head(size), batch.slice(size), time.monotonic()
                    behind.run(append_scores, db, score_rows(rows, scorer, advance), run_id, counts)
                    raise_if_stopped()
                    per_second = rows.height / max(time.monotonic() - since, 1e-3)
                    size = min(chunk_rows, max(LEAST_ROWS, round(CHUNK_S * per_second)))
            if pending:
                with db.reading() as con:
                    batch = store.unscored(con, model_id, FETCH_ROWS, FETCH_BYTES)
    counts.scoring_s += time.monotonic() - began


def append_scores(db: Database, scores: pl.DataFrame, run_id: str, counts: RunCounts) -> None:
    """Commit a chunk's scores and their count in one transaction."""
    with db.writing() as con:
        n_scored = store.append_scores(con, scores, run_id)
        ledger.count_in_run(con, run_id, n_scored=n_scored)
    counts.n_scored += n_scored


def score_rows(
    rows: pl.DataFrame, scorer: Scorer, advance: Callable[[int], None] | None = None
) -> pl.DataFrame:
    """Rows of `scores` (but run_id and scored_at) for documents (doc_id, text), in the same order."""
    result = scorer.score(rows["text"].to_list(), progress=advance)
    return pl.DataFrame(
        {
            "doc_id": rows["doc_id"],
            "model_id": [scorer.model.model_id] * rows.height,
            **score_columns(result.probabilities, scorer.model.risk_map),
            "n_tokens": result.n_tokens,
            "truncated": result.truncated,
        }
    )

"""Score the documents that a model has not scored; each chunk is committed while the next one is scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import duckdb
import polars as pl

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import progress
from jobs.pipeline.background import Background
from jobs.pipeline.mention_search import MentionSearch
from jobs.pipeline.processes import cores
from jobs.pipeline.run_counts import RunCounts
from monitor.crisis import CrisisList
from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.labels import CRITERIA, EMOTIONS, criteria_columns, score_columns

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel
    from monitor.scoring.scores import PieceScores, Scores

FETCH_ROWS = 200_000
FETCH_BYTES = 256 * 2**20
CHUNK_ROWS = 20_000
CHUNK_S = 30.0
FIRST_CHUNK_ROWS = 64  # the speed of the model is not measured yet
MIN_CHUNK_ROWS = 32  # with a slow model, commits of fewer rows cost more than they save


class Scorer(Protocol):
    """The part of `monitor.scoring.scorer.LabelScorer` that a run uses."""

    model: LoadedModel

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        """P(emotion) of each text, in the same order."""


class ScoredRows(NamedTuple):
    """Columns of `scores` except run_id and scored_at, and rows of `pieces` (None: no text has several)."""

    scores: pl.DataFrame
    pieces: pl.DataFrame | None


def score_pending(
    db: Database,
    scorer: Scorer,
    run_id: str,
    counts: RunCounts,
    chunk_rows: int = CHUNK_ROWS,
    crisis: CrisisList | None = None,
) -> None:
    """Score every document that this model has not scored, with a commit about every CHUNK_S seconds.

    This limits the work that a crash loses and the wait for a stop, also with a slow model.

    Args:
        db: the database.
        scorer: the model.
        run_id: the run whose ledger line counts the scores.
        counts: the same count, updated after each commit.
        chunk_rows: largest number of texts between two commits.
        crisis: the list of crisis wording to search for; None: the list that comes with the program.
    """
    crisis = crisis or CrisisList.read()
    model_id = scorer.model.model_id
    with db.reading() as con:
        n_pending = store.count_unscored(con, model_id)
        rows = store.unscored(con, model_id, FETCH_ROWS, FETCH_BYTES)
    started, n_next = time.monotonic(), min(FIRST_CHUNK_ROWS, chunk_rows)
    search = MentionSearch(crisis, search_processes(scorer))
    with progress("scoring", "texts", n_pending) as advance, search:
        while not rows.is_empty():
            n_pending -= rows.height
            with Background() as background:
                while not rows.is_empty():
                    chunk, rows, chunk_started = rows.head(n_next), rows.slice(n_next), time.monotonic()
                    mentions = search.start(chunk)
                    scored = score_rows(chunk, scorer, advance)
                    found, list_id = mentions(), crisis.fingerprint
                    background.run(commit_scores, db, scored, found, list_id, run_id, counts, background.stop)
                    raise_if_stopped()
                    rows_per_s = chunk.height / max(time.monotonic() - chunk_started, 1e-3)
                    n_next = min(chunk_rows, max(MIN_CHUNK_ROWS, round(CHUNK_S * rows_per_s)))
            if n_pending:
                with db.reading() as con:
                    rows = store.unscored(con, model_id, FETCH_ROWS, FETCH_BYTES)
    counts.scoring_s += time.monotonic() - started


def search_processes(scorer: Scorer) -> int:
    """Number of processes that search for crisis wording: one per core beside a GPU; none beside a CPU model."""
    return cores() if scorer.model.device.type == "cuda" else 0


def commit_scores(
    db: Database,
    scored: ScoredRows,
    mentions: pl.DataFrame,
    list_id: str,
    run_id: str,
    counts: RunCounts,
    stop: Event,
) -> None:
    """Commit a chunk's scores, pieces, mentions and counts in one transaction; see `Database.writing` for stop."""
    with db.writing(stop=stop) as con:
        n_scored = append_scored(con, scored, mentions, list_id, run_id)
    counts.n_scored += n_scored
    counts.n_truncated += int(scored.scores["truncated"].sum())


def append_scored(
    con: duckdb.DuckDBPyConnection, scored: ScoredRows, mentions: pl.DataFrame, list_id: str, run_id: str
) -> int:
    """Append scores, pieces and mentions, and add the new scores to the run's line; returns their number."""
    n_scored = store.append_scores(con, scored.scores, run_id)
    if scored.pieces is not None:
        store.append_pieces(con, scored.pieces)
    store.append_mentions(con, mentions, run_id)
    store.append_searches(con, scored.scores, list_id)
    ledger.count_in_run(con, run_id, n_scored=n_scored)
    return n_scored


def score_rows(rows: pl.DataFrame, scorer: Scorer, advance: Callable[[int], None] | None = None) -> ScoredRows:
    """Score documents (columns doc_id, text)."""
    result, model = scorer.score(rows["text"].to_list(), progress=advance), scorer.model
    criteria, limits = result.criteria, model.criteria_limits
    of_pieces = {} if result.peak_high is None else {"peak_high": result.peak_high, "n_pieces": result.n_pieces}
    of_criteria: dict[str, Any] = {}
    if criteria is not None:
        assert result.any is not None  # a model that answers this question has both
        assert limits is not None
        of_criteria = criteria_columns(criteria, result.any, limits)
    scores = pl.DataFrame(
        {
            "doc_id": rows["doc_id"],
            "model_id": [model.model_id] * rows.height,
            **score_columns(result.probabilities, model.risk_map),
            "n_tokens": result.n_tokens,
            "truncated": result.truncated,
            **of_pieces,
            **({} if result.n_tokens_read is None else {"n_tokens_read": result.n_tokens_read}),
            **of_criteria,
        }
    )
    return ScoredRows(scores, _piece_rows(rows["doc_id"], result.pieces, model.model_id))


def _piece_rows(doc_ids: pl.Series, pieces: PieceScores | None, model_id: str) -> pl.DataFrame | None:
    """The columns of the table `pieces`; None if no text has several."""
    if pieces is None or not len(pieces.owners):
        return None
    symptoms = pieces.symptoms
    names = (*(f"s_{name}" for name in CRITERIA), "p_any")
    answers = {} if symptoms is None else {name: symptoms[:, index] for index, name in enumerate(names)}
    return pl.DataFrame(
        {
            "doc_id": doc_ids.gather(pieces.owners),
            "model_id": [model_id] * len(pieces.owners),
            "piece": pieces.numbers,
            "first": pieces.spans[:, 0],
            "last": pieces.spans[:, 1],
            "n_tokens": pieces.n_tokens,
            **{f"p_{name}": pieces.probabilities[:, index] for index, name in enumerate(EMOTIONS)},
            "p_high": pieces.p_high,
            "peak_high": pieces.peak_high,
            **answers,
        }
    )

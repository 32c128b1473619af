"""Score one shard, in the workers of every engine. A shard is done once the file of its scores exists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from jobs.pipeline.mention_search import MentionSearch
from jobs.pipeline.run import add_model
from jobs.pipeline.score_new import Scorer, append_scored, score_rows, search_processes
from monitor.crisis import CrisisList
from monitor.database.statements import execute, utc_now
from monitor.errors import MonitorError, StoreError
from monitor.lake.scratch import has_table, insert, open_scratch, rows_of, undone
from monitor.lake.shards import DERIVED, Lake, Shard, derived_path, document_path
from monitor.lake.storage import Storage


class ModelRows(NamedTuple):
    """A worker's model: its id, and its rows of `models` and `evaluations`."""

    model_id: str
    tables: dict[str, pa.Table]


class ShardResult(NamedTuple):
    """The result for a shard: number of documents, number of new scores, and the error that a user can correct."""

    n_documents: int
    n_scored: int = 0
    error: str | None = None


class ShardScorer:
    """Scores shards of a lake with one model.

    Args:
        url: folder or address of the lake.
        load: opens the model.
        crisis_list: file of crisis wording; None: the one that comes with the program.

    Raises:
        MonitorError: the lake, the model or the list cannot be read.
    """

    def __init__(self, url: str, load: Callable[[], Scorer], crisis_list: Path | None = None) -> None:
        self._lake = Lake(Storage(url))
        self._crisis = CrisisList.read(crisis_list)
        self._scorer = load()
        self._search = MentionSearch(self._crisis, search_processes(self._scorer))
        self._con = open_scratch()

    def model_rows(self) -> ModelRows:
        """The rows that describe the model."""
        with undone(self._con):
            add_model(self._con, self._scorer.model)
            tables = {table: rows_of(self._con, table) for table in ("models", "evaluations")}
        return ModelRows(self._scorer.model.model_id, tables)

    def score(self, shard: Shard, run_id: str) -> ShardResult:
        """Score a shard that has no scores yet.

        A shard that another command replaced is left for the next work list.
        """
        model_id = self._scorer.model.model_id
        try:
            if self._lake.storage.exists(derived_path("scores", model_id, shard)):
                return ShardResult(shard.rows)
            documents = self._lake.read(document_path(shard))
            check_documents(shard, documents, self._lake.storage.full_path(document_path(shard)))
            return ShardResult(shard.rows, self._score(shard, documents, run_id))
        except FileNotFoundError:
            return ShardResult(shard.rows)
        except MonitorError as error:
            return ShardResult(shard.rows, error=str(error))

    def _score(self, shard: Shard, documents: pa.Table, run_id: str) -> int:
        path = self._lake.storage.full_path(document_path(shard))
        with undone(self._con):
            try:
                insert(self._con, "documents", documents)
            except duckdb.Error as error:
                raise StoreError(f"{path}: not documents of this project ({str(error).splitlines()[0]})") from error
            rows = pl.DataFrame(documents.select(["doc_id", "text"])).drop_nulls("text")
            n_scored = 0
            if rows.height:  # retention may have removed every text
                mentions = self._search.start(rows)
                scored = score_rows(rows, self._scorer)
                execute(self._con, "queries/start_run", run_id=run_id, job="score", model_id=None, now=utc_now())
                n_scored = append_scored(self._con, scored, mentions(), self._crisis.fingerprint, run_id)
            self._write(shard)
        return n_scored

    def _write(self, shard: Shard) -> None:
        """Write the rows of every table about this shard; the scores, whose file is the commit, come last."""
        keys = {"model_id": self._scorer.model.model_id, "list_id": self._crisis.fingerprint}
        for table, column in DERIVED.items():
            if not has_table(self._con, table):
                continue
            rows = rows_of(self._con, table)
            if not self._lake.storage.exists(document_path(shard)):
                # The shard was replaced meanwhile, and its rows may belong to a forgotten subject.
                raise FileNotFoundError
            if rows.num_rows or table == "scores":
                self._lake.write(derived_path(table, keys[column], shard), table, rows)


def check_documents(shard: Shard, documents: pa.Table, path: str) -> None:
    """Check that a file holds the number of rows and the month of its name.

    Raises:
        StoreError: its content does not match its name.
    """
    if documents.num_rows != shard.rows:
        raise StoreError(f"{path}: {documents.num_rows:,} rows, and its name says {shard.rows:,}; move it away")
    months = pc.unique(pc.strftime(documents["posted_at"], "%Y-%m")).to_pylist()
    if set(months) - {shard.month}:
        raise StoreError(f"{path}: holds documents of {', '.join(sorted(months))}; move it away and ingest again")

"""A lake of a test: a crew that works in this process, and the rows of a lake as plain tuples."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from jobs.pipeline.lake.hand_out import Worker
from jobs.pipeline.lake.shard_scorer import ModelRows, ShardResult, ShardScorer
from jobs.pipeline.score_new import Scorer
from monitor.database.connection import Database
from monitor.lake.control import open_lake
from monitor.lake.shards import Lake, Shard
from monitor.lake.storage import Storage
from tests.support.nights import BY_RUN

CONTENT_TABLES = ("documents", "scores", "mentions", "rejects", "files", "models")


class WorkerDiedError(Exception):
    """A worker that a test lets die."""


class OwnCrew:
    """One worker in this process. It dies at each of the shards whose numbers are in `deaths`."""

    lost = (WorkerDiedError,)

    def __init__(self, url: str | Path, load: Callable[[], Scorer], deaths: set[int] | None = None) -> None:
        self._arguments = (str(url), load)
        self._deaths, self._n = deaths or set(), 0
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        self._scorer = ShardScorer(*self._arguments)
        self.workers = [self]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.workers = []

    name = "this process"

    def model_rows(self) -> Future[ModelRows]:
        return _done(self._scorer.model_rows)

    def score(self, shard: Shard, run_id: str) -> Future[ShardResult]:
        self._n += 1
        if self._n - 1 in self._deaths:
            future: Future[ShardResult] = Future()
            future.set_exception(WorkerDiedError())
            return future
        return _done(lambda: self._scorer.score(shard, run_id))

    def replace(self, worker: Worker) -> list[Worker]:
        return [worker]

    def join(self) -> list[Worker]:
        return []


def _done(call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
    return future


def control(url: str | Path, db: Path) -> Database:
    """The control file of a lake, made anew."""
    database = Database(db)
    open_lake(Lake(Storage(str(url))), database)
    return database


def rows(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    """The sorted rows of a table without run ids and times of runs, numbers to five places."""
    columns = [(name, kind) for name, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall() if name not in BY_RUN]
    chosen = ", ".join(f'round("{name}", 5)' if kind == "DOUBLE" else f'"{name}"' for name, kind in columns)
    return sorted(con.execute(f"SELECT {chosen} FROM {table}").fetchall(), key=repr)


def contents(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Table -> its rows, of the tables that input and model determine."""
    with db.reading() as con:
        return {table: rows(con, table) for table in CONTENT_TABLES}

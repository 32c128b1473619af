"""Search texts for crisis wording. If a GPU scores, other processes search meanwhile."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from jobs.console.progress import print_warning
from jobs.pipeline import mention_worker
from monitor.crisis import CrisisList
from monitor.crisis.matching import Mention
from monitor.database import store

TASK_TEXTS = 1_000
BEFORE_QUEUES = 100  # the queues of multiprocessing close at priority 10
FEWEST_TEXTS = 5_000  # fewer texts are searched sooner than processes start


class MentionSearch:
    """Finds the crisis wording of texts.

    A core searches about as many texts per second as a GPU scores with TinyLlama. One after the other, each would
    wait half of the time; other processes search while the GPU scores.

    Args:
        crisis: the list.
        n_processes: number of processes that search. With 0, the function that `start` returns searches in this
            process.
    """

    def __init__(self, crisis: CrisisList, n_processes: int = 0) -> None:
        self._crisis, self._n_processes = crisis, n_processes
        self._pool: ProcessPoolExecutor | None = None
        self._end: Callable[[], object] = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def start(self, rows: pl.DataFrame) -> Callable[[], pl.DataFrame]:
        """Start to search documents (columns doc_id, text). The returned function waits for the rows of
        `store.append_mentions`.
        """
        if self._n_processes and self._pool is None and rows.height >= FEWEST_TEXTS:
            self._start_processes()
        if self._pool is None:
            return partial(find_mentions, rows, self._crisis)
        texts = rows["text"].to_list()
        parts = [texts[first : first + TASK_TEXTS] for first in range(0, len(texts), TASK_TEXTS)]
        try:
            tasks = [self._pool.submit(mention_worker.find, part) for part in parts]
        except BrokenProcessPool:
            return partial(self._search_here, rows)

        def found() -> pl.DataFrame:
            try:
                mentions = [of_text for task in tasks for of_text in task.result()]
            except BrokenProcessPool:
                return self._search_here(rows)
            return _mention_rows(rows["doc_id"], mentions, self._crisis.fingerprint)

        return found

    def _start_processes(self) -> None:
        """Start the pool. The list is passed through a file, because each start would wait for a large argument."""
        with tempfile.NamedTemporaryFile(prefix="crisis-list-", delete=False) as file:
            pickle.dump(self._crisis, file)
        self._pool = ProcessPoolExecutor(
            self._n_processes,
            multiprocessing.get_context("spawn"),
            initializer=mention_worker.start,
            initargs=(file.name,),
        )
        # At its end a process closes the queue that would tell its children to stop, and then waits for them.
        self._end = Finalize(self, _end_processes, (self._pool, file.name), exitpriority=BEFORE_QUEUES)

    def _search_here(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Search in this process from now on, because a child process was killed, perhaps for its memory use."""
        if self._n_processes:
            print_warning("a process that searches for crisis wording was ended; the search goes on without it")
        self._n_processes = 0
        self._close()
        return find_mentions(rows, self._crisis)

    def _close(self) -> None:
        self._end()
        self._pool = None


def _end_processes(pool: ProcessPoolExecutor, name: str) -> None:
    Path(name).unlink(missing_ok=True)
    pool.shutdown(wait=True, cancel_futures=True)


def find_mentions(rows: pl.DataFrame, crisis: CrisisList) -> pl.DataFrame:
    """Crisis wording in documents (columns doc_id, text): the rows that `store.append_mentions` takes."""
    return _mention_rows(rows["doc_id"], crisis.find(rows["text"].to_list()), crisis.fingerprint)


def _mention_rows(doc_ids: pl.Series, found: Sequence[Sequence[Mention]], list_id: str) -> pl.DataFrame:
    mentions = [
        (doc_id, m.phrase, m.criterion, m.first, m.last, m.state, m.rule, list_id)
        for doc_id, of_text in zip(doc_ids, found, strict=True)
        for m in of_text
    ]
    return pl.DataFrame(mentions, schema=store.MENTION_COLUMNS, orient="row")

"""A night in a process of its own, which says on standard output what it is about to do; tests kill it there.

Arguments: settings as JSON, and the id of the model.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import duckdb

import jobs.nightly
from jobs.console import app
from jobs.pipeline import batches
from jobs.pipeline import night as pipeline
from monitor.database.connection import Database
from monitor.intake import documents
from monitor.settings import Settings
from reports.risk import pictures
from reports.style import offline
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

INGEST_ROWS = 40  # of a chunk: small, so that there are many moments between them
COMMIT_ROWS = 90  # so that a commit has rows of several chunks, and of several files


def run_night(settings: Settings, model_id: str, *, draw: bool = True) -> None:
    """A night in small chunks with the scorer of the tests; its report, if drawn, has one picture a page."""
    in_chunks = partial(documents.read_documents, chunk_rows=INGEST_ROWS)
    report = pipeline.write_report if draw else lambda *_args, **_options: settings.out / "index.html"
    with (
        patch.object(documents, "read_documents", in_chunks),
        patch.object(batches, "COMMIT_ROWS", COMMIT_ROWS),
        patch.object(pictures, "INDEX", {"risk_trend": ("risk_trend",)}),
        patch.object(pipeline, "write_report", report),
    ):
        jobs.nightly.run_nightly(settings, lambda: KeywordScorer(KeywordModel(model_id=model_id)))


def say(step: str) -> None:
    print("*", step, time.monotonic(), flush=True)


def told(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, saying so before it begins."""

    def telling(*args: Any, **kwargs: Any) -> Any:
        say(step)
        return function(*args, **kwargs)

    return telling


class Telling:
    """A connection that says when it commits and when it closes, which moves the log into the file."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, sql: str, *args: Any) -> Any:
        if sql == "COMMIT":
            say("commit")
        return self._con.execute(sql, *args)

    def close(self) -> None:
        say("close")
        self._con.close()


if __name__ == "__main__":
    offline.chart_script = lambda: "the script that draws charts takes a second to bundle"  # type: ignore[assignment]
    connect = Database.connect
    Database.connect = lambda *args, **kwargs: Telling(connect(*args, **kwargs))  # type: ignore[method-assign, assignment, return-value]
    batches.commit_batch = told("ingest", batches.commit_batch)
    KeywordScorer.score = told("score", KeywordScorer.score)  # type: ignore[method-assign]
    for step, name in (
        ("alerts", "update_alerts_and_judge"),
        ("publish", "publish"),
        ("report", "write_report"),
    ):
        setattr(pipeline, name, told(step, getattr(pipeline, name)))
    app.exit_with_code(lambda: run_night(Settings(**json.loads(sys.argv[1])), sys.argv[2]))
    say("end")

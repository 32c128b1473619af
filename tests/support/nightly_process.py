"""A night in a process of its own. It prints each step before the step starts, and tests kill it there.

`NIGHT` is its code. Arguments: settings as JSON, the id of the model, and `undrawn` for a night without its report.
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
from reports.style import offline, rendering
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

INGEST_ROWS = 40  # of a chunk; small, so that there are many moments between chunks
NIGHT = "from tests.support.nightly_process import main\nmain()"
COMMIT_ROWS = 90  # a commit has rows of several chunks and of several files


def run_night(settings: Settings, model_id: str, *, draw: bool = True) -> None:
    """A night in small chunks with the scorer of the tests.

    Its report, if drawn, has one picture per page, drawn by one process, and not the script that draws charts, which
    takes a second to bundle.
    """
    in_chunks = partial(documents.read_documents, chunk_rows=INGEST_ROWS)
    report = pipeline.write_report if draw else lambda *_args, **_options: settings.out / "index.html"
    with (
        patch.object(documents, "read_documents", in_chunks),
        patch.object(batches, "COMMIT_ROWS", COMMIT_ROWS),
        patch.object(pictures, "INDEX", {"risk_trend": ("risk_trend",)}),
        patch.object(rendering, "PROCESSES", 1),
        patch.object(offline, "chart_script", lambda: ""),
        patch.object(pipeline, "write_report", report),
    ):
        jobs.nightly.run_nightly(settings, lambda: KeywordScorer(KeywordModel(model_id=model_id)))


def announce(step: str) -> None:
    print("*", step, time.monotonic(), flush=True)


def announced(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; each call announces the step first."""

    def announcing(*args: Any, **kwargs: Any) -> Any:
        announce(step)
        return function(*args, **kwargs)

    return announcing


class AnnouncingConnection:
    """A connection that announces its commit, and its closing, which moves the log into the file."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, sql: str, *args: Any) -> Any:
        if sql == "COMMIT":
            announce("commit")
        return self._con.execute(sql, *args)

    def close(self) -> None:
        announce("close")
        self._con.close()


def main() -> None:
    """What the process runs."""
    connect = Database.connect
    Database.connect = lambda *args, **kwargs: AnnouncingConnection(connect(*args, **kwargs))  # type: ignore[method-assign, assignment, return-value]
    batches.commit_batch = announced("ingest", batches.commit_batch)
    KeywordScorer.score = announced("score", KeywordScorer.score)  # type: ignore[method-assign]
    for step, name in (
        ("alerts", "refresh_alerts"),
        ("publish", "publish"),
        ("report", "write_report"),
    ):
        setattr(pipeline, name, announced(step, getattr(pipeline, name)))
    draw = sys.argv[3:] != ["undrawn"]
    app.exit_with_code(lambda: run_night(Settings(**json.loads(sys.argv[1])), sys.argv[2], draw=draw))
    announce("end")

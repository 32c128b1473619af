"""The steps of a lake's life, one after another, for a process that a test kills."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jobs.pipeline.lake.forget import forget_in_lake
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.lake.score import score_lake
from monitor.errors import DataError
from monitor.lake.compaction import compact
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from tests.support.keyword_scorer import KeywordScorer
from tests.support.lakes import OwnCrew

STEPS = ("ingest", "score", "compact", "forget", "end")
FORGOTTEN = "s3"
END = dt.date(2026, 7, 1)


def live(folder: Path, announce: Callable[[str], object] = lambda step: None) -> None:
    """Ingest FOLDER/inbox into FOLDER/lake, score and compact it, and forget a subject."""
    url = str(folder / "lake")
    announce("ingest")
    ingest_files(sorted((folder / "inbox").iterdir()), url, key_file=None)
    announce("score")
    score_lake(url, OwnCrew(url, KeywordScorer))
    announce("compact")
    storage = Storage(url)
    with storage.only_writer():
        compact(Lake(storage), END)
    announce("forget")
    with suppress(DataError):  # a run before was killed after it had forgotten
        forget_in_lake(url, FORGOTTEN, None, None)
    announce("end")

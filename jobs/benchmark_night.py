"""Measure a nightly run apart from its model: speed and memory of reading many rows, and the other steps of a
night.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.console import Console

from jobs.console.output_folder import claim_files
from jobs.console.progress import format_duration, print_note
from jobs.pipeline.ingest import ingest
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import open_scorer, recorded_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import Scorer
from monitor.benchmark.peak_memory import peak_memory
from monitor.database.connection import Database
from monitor.errors import cannot_write
from monitor.privacy.pseudonyms import default_key_file, open_pseudonyms
from monitor.settings import Settings

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel
    from monitor.scoring.scores import Scores

ROWS, TEXTS = 1_000_000, 100_000
PEOPLE, FIRST_DAY, DAYS = 1_000, dt.date(2025, 1, 1), 365


class TimedScorer:
    """A scorer that also measures its computing time."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.model: LoadedModel = scorer.model
        self.seconds = 0.0

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        """Score texts as the scorer does, and add the time to `seconds`."""
        started = time.perf_counter()
        scores = self._scorer.score(texts, progress)
        self.seconds += time.perf_counter() - started
        return scores


def benchmark_night(
    out: Path,
    texts: Sequence[str],
    *,
    model: str = "embedded",
    device: str = "auto",
    n_rows: int = ROWS,
    n_texts: int = TEXTS,
) -> dict[str, Any]:
    """Measure reading and a night in a temporary folder below `out`, and write `out`/night.json.

    Args:
        out: folder on a disk with a few hundred bytes of free space per row.
        texts: texts to repeat until there are enough, each copy with its own number at the end.
        model: model that scores the night.
        device: "auto", "cpu" or "cuda".
        n_rows: number of rows to read without scoring.
        n_texts: number of texts of the night.

    Raises:
        ConfigError: `out` cannot be written.
        ModelError: the model is not found.
    """
    files = claim_files(out, "night", ["night.json"], ("reading", "night"))
    try:
        with TemporaryDirectory(dir=out, prefix=".night-") as folder:
            reading = _read_rows(Path(folder), texts, n_rows)
            night = _time_night(Path(folder), texts, n_texts, lambda: open_scorer(model, device))
        results = {"reading": reading, "night": night}
        files.claim(out / "night.json")
        (out / "night.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(f"--out {out}", error) from error
    return results


def print_night(results: dict[str, Any], console: Console) -> None:
    """Print a line about reading and a line about the night."""
    reading, night = results["reading"], results["night"]
    lines = (
        f"reading: {reading['rows']:,} rows in {format_duration(reading['seconds'])}, "
        f"{reading['rows'] / reading['seconds']:,.0f} rows/s, "
        f"peak memory {reading['peak_bytes'] / 2**30:.2f} GiB ({reading['peak_of']})",
        f"night: {night['texts']:,} texts scored in {format_duration(night['scoring_s'])}; everything else took "
        f"{format_duration(night['other_s'])}, {night['other_s'] / night['scoring_s']:.1%} of that",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _read_rows(folder: Path, texts: Sequence[str], n: int) -> dict[str, Any]:
    print_note(f"reading {n:,} rows")
    feed, db, counts = folder / "rows.csv", folder / "rows.duckdb", RunCounts()
    _write_feed(feed, texts, n)
    pseudonyms = open_pseudonyms(default_key_file(db))
    started = time.perf_counter()
    with peak_memory("cpu") as peak, recorded_run(Database(db), "benchmark", None) as run_id:
        ingest(Database(db), [feed], run_id, counts, unattended=True, pseudonyms=pseudonyms)
    return {
        "rows": counts.n_appended,
        "seconds": time.perf_counter() - started,
        "peak_bytes": peak.bytes,
        "peak_of": peak.where,
    }


def _time_night(folder: Path, texts: Sequence[str], n: int, load: Callable[[], Scorer]) -> dict[str, Any]:
    print_note(f"a night of {n:,} texts")
    inbox = folder / "inbox"
    inbox.mkdir()
    _write_feed(inbox / "feed.csv", texts, n)
    started = time.perf_counter()
    scorer = TimedScorer(load())
    loaded = time.perf_counter()
    settings = Settings(
        db=folder / "risk.duckdb",
        inbox=inbox,
        out=folder / "report",
        snapshot=folder / "snapshot",
        settle_s=0,
        notify=(),
    )
    done = run_pipeline(settings, lambda: scorer)
    return {
        "texts": done.counts.n_scored,
        "scoring_s": scorer.seconds,
        "other_s": time.perf_counter() - loaded - scorer.seconds,
        "loading_s": loaded - started,
    }


def _write_feed(path: Path, texts: Sequence[str], n: int) -> None:
    """Write n rows of different texts by PEOPLE subjects over DAYS days."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("subject_id", "posted_at", "text"))
        writer.writerows(itertools.islice(_rows(texts), n))


def _rows(texts: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for number, text in enumerate(itertools.cycle(texts)):
        day = FIRST_DAY + dt.timedelta(days=number % DAYS)
        yield f"person-{number % PEOPLE}", day.isoformat(), f"{text} {number}"

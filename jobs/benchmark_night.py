"""Measure what a nightly run costs beside the model: reading many rows in little memory, and a whole night."""

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

from jobs.console.progress import format_duration, print_note
from jobs.pipeline.ingest import ingest
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import open_scorer, recorded_run
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_new import Scorer
from monitor.benchmark.peak_memory import peak_memory
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.privacy.pseudonyms import default_key_file, open_pseudonyms
from monitor.settings import Settings

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel
    from monitor.scoring.scorer import Scores

ROWS, TEXTS = 1_000_000, 100_000
PEOPLE, FIRST_DAY, DAYS = 1_000, dt.date(2025, 1, 1), 365


class Timed:
    """A scorer that counts the seconds it computes."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.model: LoadedModel = scorer.model
        self.seconds = 0.0

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        """As the scorer does."""
        began = time.perf_counter()
        found = self._scorer.score(texts, progress)
        self.seconds += time.perf_counter() - began
        return found


def benchmark_night(
    out: Path,
    texts: Sequence[str],
    *,
    model: str = "embedded",
    device: str = "auto",
    n_rows: int = ROWS,
    n_texts: int = TEXTS,
) -> dict[str, Any]:
    """Measure in a folder below `out`, which is removed again; write `out`/night.json.

    Args:
        out: where there is room for some hundred bytes a row.
        texts: repeated, each time with another number after it, as often as it takes.
        model: what scores the night.
        device: "auto", "cpu" or "cuda".
        n_rows: rows that are read without being scored.
        n_texts: texts of the night.

    Raises:
        ConfigError: `out` cannot be written. ModelError: the model is not found.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out, prefix=".night-") as folder:
            read = _read_rows(Path(folder), texts, n_rows)
            whole = _whole_night(Path(folder), texts, n_texts, lambda: open_scorer(model, device))
        found = {"reading": read, "night": whole}
        (out / "night.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot write there ({error.strerror}); name another folder"
        ) from error
    return found


def print_night(found: dict[str, Any], console: Console) -> None:
    """Two lines: reading, and the night."""
    read, night = found["reading"], found["night"]
    lines = (
        f"reading: {read['rows']:,} rows in {format_duration(read['seconds'])}, "
        f"{read['rows'] / read['seconds']:,.0f} rows/s, "
        f"peak memory {read['peak_bytes'] / 2**30:.2f} GiB ({read['peak_of']})",
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
    began = time.perf_counter()
    with peak_memory("cpu") as peak, recorded_run(Database(db), "benchmark", None) as run_id:
        ingest(Database(db), [feed], run_id, counts, unattended=True, pseudonyms=pseudonyms)
    return {
        "rows": counts.n_appended,
        "seconds": time.perf_counter() - began,
        "peak_bytes": peak.bytes,
        "peak_of": peak.where,
    }


def _whole_night(folder: Path, texts: Sequence[str], n: int, load: Callable[[], Scorer]) -> dict[str, Any]:
    print_note(f"a night of {n:,} texts")
    inbox = folder / "inbox"
    inbox.mkdir()
    _write_feed(inbox / "feed.csv", texts, n)
    began = time.perf_counter()
    scorer = Timed(load())
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
        "loading_s": loaded - began,
    }


def _write_feed(path: Path, texts: Sequence[str], n: int) -> None:
    """n rows of different texts, by PEOPLE over DAYS."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("subject_id", "posted_at", "text"))
        writer.writerows(itertools.islice(_rows(texts), n))


def _rows(texts: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for number, text in enumerate(itertools.cycle(texts)):
        day = FIRST_DAY + dt.timedelta(days=number % DAYS)
        yield f"person-{number % PEOPLE}", day.isoformat(), f"{text} {number}"

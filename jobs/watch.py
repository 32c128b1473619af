"""Near real time: look at the inbox every few seconds, and run what the night runs on what has come.

risk-monitor watch --config risk-monitor.toml --every 30

The model stays in memory. A nightly run of the same settings may go on beside it: the one waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from jobs.console.app import run
from jobs.console.interrupts import Stopped, sleep, stoppable
from jobs.console.progress import print_note
from jobs.pipeline.inbox import list_inbox, size_and_mtime
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_new import Scorer
from jobs.pipeline.summary import print_file_warnings
from monitor import NOT_A_DIAGNOSIS
from monitor.errors import BusyError
from monitor.settings import Settings, load_settings


def watch(settings: Settings, load: Callable[[], Scorer], every_s: float, *, report: bool = False) -> None:
    """Run whenever the inbox has changed, and once at the start, until SIGTERM or Ctrl-C.

    Raises:
        Stopped: it was asked to stop; what had come is scored up to its last chunk.
    """
    seen: dict[Path, tuple[int, float] | None] | None = None
    load_once = cache(load)
    with stoppable():
        print_note(f"watching {settings.inbox} every {every_s:g} s · {NOT_A_DIAGNOSIS}")
        while True:
            found = {path: size_and_mtime(path) for path in list_inbox(settings.inbox)}
            if found != seen:
                try:
                    _take(settings, load_once, report)
                    seen = found
                except BusyError:
                    print_note("another run is working on the database; waiting for it")
            sleep(every_s)


def _take(settings: Settings, load: Callable[[], Scorer], report: bool) -> None:
    """One batch, in one line where it held anything."""
    done = run_pipeline(settings, load, "watch", report=report)
    counts = done.counts
    if counts.n_read or counts.n_scored or counts.refused:
        print_note(
            f"read {counts.n_read:,}, rejected {counts.n_rejected:,}, appended {counts.n_appended:,}, "
            f"scored {counts.n_scored:,}; quality {done.judged.level}"
        )
        print_file_warnings(counts)


def command(
    config: Annotated[
        Path | None, typer.Option(help="Settings in TOML (default: risk-monitor.toml here, if there is one).")
    ] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks at the inbox.")] = 30.0,
    report: Annotated[
        bool, typer.Option("--report", help="Publish the snapshot and write the report each time, too.")
    ] = False,
) -> None:
    """Read and score what comes into the inbox, all the time, in small batches."""
    settings = load_settings(config)
    with suppress(Stopped):  # however it was asked: this is how watching ends
        watch(
            settings,
            lambda: open_scorer(settings.model, settings.device, settings.risk_map, settings.weights),
            every,
            report=report,
        )
    print_note("stopped; what had come is scored up to the last chunk")


if __name__ == "__main__":
    run(command)

"""Near real time: check the inbox every few seconds, and run the steps of a night on new files.

risk-monitor watch --config risk-monitor.toml --every 30

The model stays in memory. A nightly run with the same settings may start meanwhile: it waits for the end of a batch,
and `watch` waits until it is done.
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
from jobs.console.progress import print_note, print_warning
from jobs.console.shared_options import SettingsOption
from jobs.pipeline.inbox import inbox_state, list_inbox
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_new import Scorer
from jobs.pipeline.summary import print_file_warnings
from monitor import NOT_A_DIAGNOSIS
from monitor.errors import BusyError, DataError, ReportError
from monitor.settings import Settings, load_settings


def watch(settings: Settings, load: Callable[[], Scorer], every_s: float, *, report: bool = False) -> None:
    """Run once at the start and whenever the inbox has changed, until SIGTERM or Ctrl-C.

    While the inbox is missing (a network folder, for example), the command waits. A report that cannot be written is
    named in a warning, and watching goes on.

    Raises:
        DataError: the inbox cannot be read at the start.
        Stopped: SIGTERM or Ctrl-C came; new texts are scored up to the last chunk.
    """
    list_inbox(settings.inbox)
    last_state: dict[Path, tuple[int, float] | None] | None = None
    load_once, is_away, is_waiting = cache(load), False, False
    with stoppable():
        print_note(f"watching {settings.inbox} every {every_s:g} s · {NOT_A_DIAGNOSIS}")
        while True:
            try:
                state = inbox_state(settings.inbox, settings.feeds)
                if is_away:
                    print_note(f"{settings.inbox}: the inbox is back")
                is_away = False
                if state != last_state:
                    _run_batch(settings, load_once, report)
                    last_state = state
                is_waiting = False
            except ReportError as error:
                print_warning(str(error))
                last_state, is_waiting = state, False
            except BusyError:
                if not is_waiting:
                    print_note("another run is working on the database; waiting for it")
                is_waiting = True
            except DataError as error:
                if _is_there(settings.inbox):
                    raise
                if not is_away:
                    print_warning(f"{error}; watch waits until it is back")
                is_away = True
            sleep(every_s)


def _is_there(inbox: Path) -> bool:
    try:
        list_inbox(inbox)
    except DataError:
        return False
    return True


def _run_batch(settings: Settings, load: Callable[[], Scorer], report: bool) -> None:
    """Run the pipeline once; print one line if there was anything to do."""
    done = run_pipeline(settings, load, "watch", report=report)
    counts = done.counts
    if counts.n_read or counts.n_scored or counts.refused or counts.undecided:
        print_note(
            f"read {counts.n_read:,}, rejected {counts.n_rejected:,}, appended {counts.n_appended:,}, "
            f"scored {counts.n_scored:,}; quality {done.quality.level}"
        )
        print_file_warnings(counts)


def command(
    config: SettingsOption = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two checks of the inbox.")] = 30.0,
    report: Annotated[
        bool, typer.Option("--report", help="Also publish the snapshot and write the report each time.")
    ] = False,
) -> None:
    """Read and score new files of the inbox in small batches, until it is stopped."""
    settings = load_settings(config)
    with suppress(Stopped):  # the usual end of watching
        watch(
            settings,
            lambda: open_scorer(**settings.model_choice),
            every,
            report=report,
        )
    print_note("stopped; what had come in is scored up to the last chunk")


if __name__ == "__main__":
    run(command)

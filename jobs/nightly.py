"""The unattended run: read the new files of the inbox, score the new texts, write the report.

risk-monitor nightly --config risk-monitor.toml

Run it from cron as often as you like: two runs never overlap, and each completes what an earlier one left undone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

from jobs.console.app import run
from jobs.console.progress import print_note
from jobs.console.shared_options import SettingsOption, TrustClockOption
from jobs.pipeline.limits import warn_of_former_limits
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_new import Scorer
from jobs.pipeline.summary import print_summary
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.settings import Settings, load_settings


def run_nightly(settings: Settings, load: Callable[[], Scorer], *, trust_clock: bool = False) -> None:
    """Run the pipeline once and print its summary; `load` opens the model.

    Raises:
        ConfigError: two feeds name one file, which was not read; the run did everything else.
    """
    print_note(f"nightly run of {dt.datetime.now(ZoneInfo(settings.time_zone)):%Y-%m-%d %H:%M %Z}")
    done = run_pipeline(settings, load, trust_clock=trust_clock)
    print_summary(done.counts, Database(settings.db), done.model, done.page, done.quality, done.alerts)
    warn_of_former_limits(settings, done.model)
    for path, reason in done.counts.undecided.items():
        raise ConfigError(f"{path}: {reason}")


def command(
    config: SettingsOption = None,
    yes: TrustClockOption = False,
) -> None:
    """Read the new files of the inbox, score the new texts, write the report."""
    settings = load_settings(config)
    run_nightly(settings, lambda: open_scorer(**settings.model_choice), trust_clock=yes)


if __name__ == "__main__":
    run(command)

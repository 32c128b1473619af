"""Read texts into the database and score the texts that the model has not scored yet.

risk-monitor score feed.csv more/ "archive/2026-*.parquet" --db risk.duckdb

A second run appends nothing; a run after a crash completes the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from jobs.console.app import run
from jobs.console.feed_options import feed_from_options, with_feed_options
from jobs.console.shared_options import DatabaseSettingsOption, DeviceOption, ModelOption, PlainIdsOption
from jobs.pipeline.people import are_from_file, is_crisis_list_named, settings_for
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_files import score_files
from jobs.pipeline.summary import print_summary
from monitor.crisis import CrisisList
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.intake.feeds import feed_finder
from monitor.intake.row_rules import IdRules, OnChange
from monitor.privacy.pseudonyms import default_key_file
from monitor.settings import Settings


@with_feed_options
def command(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Files, folders or quoted patterns: CSV, JSON, Parquet, Excel, .zip."),
    ],
    db: Annotated[Path, typer.Option(help="The database file; created if it does not exist.")],
    model: ModelOption = None,
    device: DeviceOption = None,
    on_change: Annotated[
        str | None,
        typer.Option(
            help="Treatment of a known doc_id with another time or text: reject, replace or keep_both "
            "(default: that of the settings, else reject)."
        ),
    ] = None,
    casefold: Annotated[
        bool, typer.Option("--casefold", help="Ids that differ only by letter case are one person.")
    ] = False,
    strip: Annotated[
        bool, typer.Option("--strip", help="Ids that differ only by spaces and outer punctuation are one person.")
    ] = False,
    plain_ids: PlainIdsOption = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="Key of the pseudonyms (default: that of the settings or of RISK_MONITOR_KEY_FILE, else FILE.key "
            "beside the database)."
        ),
    ] = None,
    config: DatabaseSettingsOption = None,
    **options: Any,
) -> None:
    """Read texts into the database, score the new ones, and bring the alerts up to date.

    Each input row needs subject_id, posted_at (ISO 8601 or epoch; without a zone it is UTC) and text; doc_id and
    source are optional. Files with other columns are read as the options below or the settings' [[feeds]] say;
    `risk-monitor inspect FILE` proposes them. Rows that cannot be used go to the table rejects with the reason. A
    second run appends nothing; a run after a crash completes the rest. Input without any usable row is an error.

    The settings give the model and its limits, the rules, feeds and ids, the key and `pseudonyms`, as they do for
    `nightly`. An option given here wins.

    Ids of subjects and documents are replaced by keyed hashes. The key is in RISK_MONITOR_KEY or beside the
    database. Without the key nobody can compute the same hashes again, so do not lose it.
    """
    feed = feed_from_options(**options)
    settings = settings_for(db, config)
    if on_change is not None and on_change not in get_args(OnChange):
        raise ConfigError(f"--on-change {on_change}: use {', '.join(get_args(OnChange))}")
    are_ids_given = casefold or strip or "ids" in settings.model_fields_set
    ids = IdRules(casefold=casefold or settings.ids.casefold, strip=strip or settings.ids.strip)
    done = score_files(
        inputs,
        Database(db),
        lambda: open_scorer(**settings.model_with(model=model, device=device)),
        settings.chunk_rows,
        key_file=_key(settings, db, key_file, plain_ids=plain_ids),
        rules=settings.alert_rules,
        crisis=CrisisList.read(settings.crisis_list),
        feed_of=(lambda _: feed) if feed else feed_finder(settings.feeds, settings.inbox),
        ids=ids if are_ids_given else None,
        on_change=cast(OnChange, on_change) if on_change else settings.on_change,
        is_list_named=is_crisis_list_named(settings, db),
        are_limits_named=are_from_file(settings),
    )
    print_summary(done.counts, Database(db), done.model, alerts=done.alerts)
    done.counts.check_taken(f"the table rejects of {db}")


def _key(settings: Settings, db: Path, key_file: Path | None, *, plain_ids: bool) -> Path | None:
    """The key file of the pseudonyms: that of the options, else that of the settings; None: ids stay as they are."""
    if plain_ids or (key_file is None and not settings.pseudonyms):
        return None
    return key_file or settings.key_file or default_key_file(db)


if __name__ == "__main__":
    run(command)

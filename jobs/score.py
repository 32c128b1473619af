"""Read texts into the database and score those that the model has not scored yet.

risk-monitor score feed.csv more/ "archive/2026-*.parquet" --db risk.duckdb

Running it again appends nothing; running it after a crash completes what the crash left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console.app import run
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_files import score_files
from jobs.pipeline.summary import print_summary
from monitor.database.connection import Database
from monitor.errors import DataError
from monitor.privacy.pseudonyms import default_key_file
from monitor.settings import load_settings

if TYPE_CHECKING:
    pass


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Files, folders or quoted patterns: CSV, JSONL (.gz), Parquet."),
    ],
    db: Annotated[Path, typer.Option(help="The database file; made where there is none.")],
    model: Annotated[str, typer.Option(help='"embedded", a model folder, or a hub id.')] = "embedded",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    plain_ids: Annotated[
        bool, typer.Option("--plain-ids", help="Keep the ids as they are: the feed holds no real ones.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="RISK_MONITOR_KEY_FILE",
            help="Key of the pseudonyms (default: FILE.key beside the database).",
        ),
    ] = None,
) -> None:
    """Read texts into the database, score the new ones, and bring the alerts up to date.

    Each input row needs subject_id, posted_at (ISO 8601 or epoch; without a zone it is UTC) and text; doc_id and
    source are optional. Rows that cannot be used are kept in the table rejects with the reason. Running it
    again appends nothing; after a crash it completes the rest. Input without a single row that can be used is
    an error.

    Ids of subjects and documents are replaced by keyed hashes, with the key in RISK_MONITOR_KEY or beside the
    database; without that key nobody can make or undo them, so keep it.
    """
    settings = load_settings()
    if key_file is None and settings.db.resolve() == db.resolve():
        key_file = settings.key_file
    key = None if plain_ids else key_file or default_key_file(db)
    rules = settings.alert_rules
    done = score_files(inputs, Database(db), lambda: open_scorer(model, device), key_file=key, rules=rules)
    print_summary(done.counts, Database(db), done.model, alerts=done.alerts)
    counts = done.counts
    if counts.n_read == counts.n_rejected:
        raise DataError("no row of the input could be used" if counts.n_read else "the input holds no rows")


if __name__ == "__main__":
    run(command)

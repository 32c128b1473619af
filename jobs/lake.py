"""Work on a lake: Parquet files that many machines fill, and that reports read like a database.

risk-monitor lake ingest feed.csv --lake lake
risk-monitor lake score --lake lake
risk-monitor lake open --lake lake                    makes lake.duckdb for report, alerts, status and query
risk-monitor lake check --lake lake
risk-monitor lake compact --lake lake

--lake is a folder, or an address such as s3://bucket/prefix. Every step may be killed and run again: nothing is lost
and nothing is stored twice. See monitor/lake/README.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import GATE_FIRED, new_app, run_group
from jobs.console.progress import format_duration, print_note, print_warning
from jobs.console.shared_options import DeviceOption, ModelOption, PlainIdsOption, SettingsOption, TrustClockOption
from jobs.pipeline.lake.forget import forget_in_lake, stored_ids
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.lake.local_engine import LocalCrew
from jobs.pipeline.lake.ray_engine import RayCrew
from jobs.pipeline.lake.score import score_lake
from jobs.pipeline.run import open_scorer
from jobs.pipeline.summary import print_file_warnings
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.database.spills import remove_left_spills
from monitor.database.statements import utc_now
from monitor.errors import ConfigError, StoreError
from monitor.lake.check import LakeCheck, check_lake
from monitor.lake.compaction import MERGED_ROWS
from monitor.lake.compaction import compact as compact_lake
from monitor.lake.control import MANY_FILES, check_control, default_control, open_lake
from monitor.lake.removal import drop_old_texts
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from monitor.privacy.pseudonyms import default_key_file
from monitor.settings import MAX_TEXT_DAYS, load_settings

SHOWN = 20  # largest number of printed lines for one kind of fault
command = new_app("Beyond one machine: a lake of Parquet files.")
LakeOption = Annotated[str, typer.Option("--lake", metavar="DIR_OR_URL", help="Folder of the lake, or s3://, gs://.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(envvar="RISK_MONITOR_KEY_FILE", help="Key of the pseudonyms (default: DIR.key beside the lake)."),
]
ControlOption = Annotated[
    Path | None, typer.Option("--db", help="The control file (default: DIR.duckdb beside the lake).")
]


class Engine(StrEnum):
    """The place where the workers of `score` run."""

    LOCAL = "local"
    RAY = "ray"


@command.command()
def ingest(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Files, folders or quoted patterns: CSV, JSONL (.gz), Parquet."),
    ],
    lake: LakeOption,
    plain_ids: PlainIdsOption = False,
    key_file: KeyOption = None,
) -> None:
    """Read texts into the lake, as `risk-monitor score` reads them into a database; a second run adds nothing."""
    counts = ingest_files(inputs, lake, None if plain_ids else key_file or _key_of(lake))
    print_lines(
        {
            "read": f"{counts.n_read:,} rows of {counts.n_files:,} files",
            "rejected": f"{counts.n_rejected:,}"
            + "".join(f"; {n:,} {reason} (first: {counts.examples[reason]})" for reason, n in counts.reasons.items()),
            "duplicates": f"{counts.n_duplicate:,}",
            "appended": f"{counts.n_appended:,}",
            "lake": lake,
        }
    )
    print_file_warnings(counts)
    counts.check_taken(f"the rejects of {lake}")


@command.command()
def score(
    lake: LakeOption,
    model: ModelOption = None,
    device: DeviceOption = None,
    weights: Annotated[
        str | None, typer.Option(help="auto, dense or nf4 (default: that of the settings, else auto).")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Worker processes on this machine, or Ray.")] = Engine.LOCAL,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers of the engine local (default: one a GPU, else one).")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Ray: join the cluster at this address (default: start one here).")
    ] = None,
    config: SettingsOption = None,
) -> None:
    """Score the texts that this model has not scored. Any number of such commands may run at once, on any machine.

    The settings give the model, its limits and the list of crisis wording, as they do for `score`.
    """
    settings = load_settings(config)
    choice = settings.model_with(model=model, device=device, weights=weights)
    device, load = choice["device"], partial(open_scorer, **choice)
    crew: AbstractContextManager[Any]
    if engine is Engine.RAY:
        if workers is not None:
            raise ConfigError("--workers is for --engine local; Ray takes every node and GPU of its cluster")
        crew = RayCrew(lake, load, settings.crisis_list, address, device)
    elif address is not None:
        raise ConfigError("--address is for --engine ray")
    else:
        crew = LocalCrew(lake, load, settings.crisis_list, workers, device)
    done = score_lake(lake, crew)
    print_lines(
        {
            "scored": f"{done.n_scored:,} texts in {done.n_shards:,} shards, in {format_duration(done.seconds)}, "
            f"{done.n_scored / max(done.seconds, 1e-9):,.0f} texts/s",
            "model": f"{done.name} {done.model_id[:12]}",
            "lake": lake,
        }
    )


@command.command()
def check(
    lake: LakeOption,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read every text, and compare it with its file's name.")
    ] = False,
    subject: Annotated[
        list[str] | None,
        typer.Option("--subject", help="An id, or pseudonym, that no row may have; give it again for more."),
    ] = None,
    key_file: KeyOption = None,
    fail_on_missing: Annotated[
        bool, typer.Option("--fail-on-missing", help="Exit with 3 when a model has not scored every shard.")
    ] = False,
) -> None:
    """Compare documents and scores shard by shard, and report missing, doubled, foreign and torn files."""
    of_lake = Lake(Storage(lake))
    subjects = stored_ids(of_lake, subject, _local_key(lake, key_file)) if subject else ()
    checked = check_lake(of_lake, deep=deep, subjects=subjects)
    print_check(checked, lake)
    if faults := checked.faults:
        raise StoreError(f"{lake}: " + ", ".join(f"{len(lines):,} {kind}" for kind, lines in faults.items()))
    if fail_on_missing and any(model.n_missing for model in checked.models):
        raise typer.Exit(GATE_FIRED)


@command.command("open")
def open_command(lake: LakeOption, db: ControlOption = None) -> None:
    """Make the control file: a small database that shows the lake to report, alerts, status and query."""
    of_lake = Lake(Storage(lake))
    database = Database(db or default_control(of_lake))
    opened = open_lake(of_lake, database)
    print_lines(
        {
            "documents": f"{opened.n_documents:,}",
            "scores": f"{opened.n_scores:,}",
            "files": f"{opened.n_files:,}; {opened.n_cell_months:,} months with daily sums",
            "database": f"{database}",
        }
    )
    if opened.n_files > MANY_FILES:
        print_warning(
            f"{opened.n_files:,} files make every query slow to begin; `risk-monitor lake compact` merges them"
        )


@command.command()
def compact(
    lake: LakeOption,
    until: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Months that ended before this day are closed (default: today)."),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1, help="Approximate number of documents in a merged shard.")
    ] = MERGED_ROWS,
) -> None:
    """Merge the small shards of closed months, sum their days, and remove files that killed commands left."""
    of_lake = Lake(Storage(lake))  # a mistyped name must not make a folder
    with of_lake.storage.only_writer():
        done = compact_lake(of_lake, until.date() if until else utc_now().date(), rows)
    print_lines(
        {
            "merged": f"{done.n_old:,} shards into {done.n_new:,}",
            "summed": f"{done.n_cells:,} months of a model",
            "lake": lake,
        }
    )


@command.command()
def forget(
    subject: Annotated[str, typer.Argument(help="The subject's id in the feed, or their pseudonym.")],
    lake: LakeOption,
    key_file: KeyOption = None,
    db: ControlOption = None,
) -> None:
    """Forget a subject in every file of the lake and in its control file, and verify it by reading them.

    Your own input files are not searched: remove the subject's rows there, or the next `ingest` reads them again.
    """
    if not subject.strip():
        raise ConfigError("SUBJECT is empty; give the id of one subject")
    control = _control_of(Lake(Storage(lake)), db)
    removed = forget_in_lake(lake, subject.strip(), _local_key(lake, key_file), control)
    print_lines({"removed": ", ".join(f"{n:,} {table}" for table, n in removed.items()), "lake": lake})
    print_note("your input files were not searched; remove this subject's rows there, too")
    print_note("reports and snapshots of the control file were not searched either; write them anew")


@command.command()
def retention(
    lake: LakeOption,
    days: Annotated[
        int, typer.Option("--text-days", min=1, max=MAX_TEXT_DAYS, help="Days that texts are kept; scores stay.")
    ],
    yes: TrustClockOption = False,
    db: ControlOption = None,
) -> None:
    """Remove the texts that were taken in more than some days ago, and the raw content of rejects.

    A control file that exists is made anew without notes that are as old. What killed queries have spilled beside it
    is removed, too.
    """
    of_lake = Lake(Storage(lake))  # a mistyped name must not make a folder
    file, now = _control_of(of_lake, db), utc_now()
    with of_lake.storage.only_writer():
        if file is not None:
            check_control(of_lake, Database(file))
        n = drop_old_texts(of_lake, days, now, trust_clock=yes)
        if file is not None:
            control = Database(file)
            remove_left_spills(control.file)
            if control.exists():
                open_lake(of_lake, control, before=now - dt.timedelta(days=days))
    print_lines({"removed": f"{n:,} texts; their scores stay", "lake": lake})


def _control_of(lake: Lake, db: Path | None) -> Path | None:
    """The named control file, otherwise the one beside the lake; None for an object store if none is named."""
    return db or (default_control(lake) if lake.storage.is_local else None)


def print_lines(lines: Mapping[str, str]) -> None:
    """Print aligned lines on standard output."""
    console = Console()
    for name, value in lines.items():
        console.print(Text(f"  {name:<10}  {value}"), soft_wrap=True)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


def print_check(found: LakeCheck, lake: str) -> None:
    """Print the counts of a check, then its faults."""
    lines = {"documents": f"{found.n_documents:,} in {found.n_shards:,} shards"}
    for model in found.models:
        missing = f"; {model.n_missing:,} shards not scored" if model.n_missing else ""
        lines[f"scores of {model.model_id[:12]}"] = f"{model.n_scores:,} in {model.n_shards:,} shards{missing}"
    leftover = len(found.orphans) + len(found.unfinished)
    if leftover:
        lines["left over"] = f"{leftover:,} files that no query reads; `risk-monitor lake compact` removes them"
    lines |= dict.fromkeys(("torn", "foreign", "doubled", "missing"), "none")
    lines |= {kind: f"{len(rows):,}" for kind, rows in found.faults.items()}
    print_lines(lines | {"lake": lake})
    for kind, rows in found.faults.items():
        for row in rows[:SHOWN]:
            print_warning(f"{kind}: {row}")
        if len(rows) > SHOWN:
            print_note(f"and {len(rows) - SHOWN:,} more {kind}")


def _local_key(lake: str, key_file: Path | None) -> Path | None:
    """The named key file, otherwise the one beside the lake's folder; None for an object store if none is named."""
    return key_file or (_key_of(lake) if Storage(lake).is_local else None)


def _key_of(lake: str) -> Path:
    """The default key file of a lake: beside its folder."""
    storage = Storage(lake)
    if not storage.is_local:
        raise StoreError(f"{lake}: name the key of its pseudonyms with --key-file, or use --plain-ids")
    return storage.beside(default_key_file)


if __name__ == "__main__":
    run_group(command, "lake")

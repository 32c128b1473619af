"""Forget a subject: remove every row, and every byte in the snapshot and the report.

risk-monitor forget SUBJECT --config risk-monitor.toml

SUBJECT is the id in the feed, or its pseudonym in the database.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.progress import print_note, print_warning, progress
from jobs.console.shared_options import DatabaseOption
from jobs.pipeline.audiences import Planned, planned_reports
from jobs.pipeline.look_alikes import warn_of_look_alikes
from jobs.pipeline.night import write_planned
from jobs.pipeline.output_folders import left_behind, remember_folders
from jobs.pipeline.people import named_key, named_settings, names_in_database, open_roster
from jobs.pipeline.told_of_removal import told_of_removal
from jobs.pipeline.write_report import report_files
from monitor.database import store
from monitor.database.connection import Database
from monitor.database.lake_views import refuse_lake
from monitor.database.snapshot import NAME, group_id, publish, snapshot_files
from monitor.database.spills import spill_folder, spills_of_others
from monitor.errors import ConfigError, DataError, StoreError, cannot_write
from monitor.intake import documents
from monitor.intake.archives import left_unpacked
from monitor.intake.feeds import closed_folders, feed_files, feed_finder
from monitor.intake.identity import clean_ids, look_alike_form
from monitor.intake.recorded_rules import recorded_id_rules
from monitor.intake.row_rules import IdRules
from monitor.output_files import RESULTS, listed_as
from monitor.privacy.agreement import NOT_COPIED, open_key, recorded_key
from monitor.privacy.forgetting import (
    Forgotten,
    files_below,
    forget,
    possible_ids,
    search_files,
    values_containing,
)
from monitor.privacy.pseudonyms import KEY_VARIABLE, PLAIN, Pseudonyms, looks_like_pseudonym
from monitor.settings import Settings

NOT_DONE = "snapshot and reports may still hold texts of theirs, and not every file was searched"
RAW_SUBJECT = re.compile(r'\{"subject_id": ("(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")')  # `raw` may be cut short


def forget_subject(db: Database, subject: str, settings: Settings | None) -> None:
    """Remove every trace of a subject, print what was removed, and search the files for remaining traces.

    Args:
        db: the database.
        subject: the plain id, or the pseudonym.
        settings: settings of the nightly run, which name snapshot, report, inbox and key; None: only the database.

    Raises:
        StoreError: a file of this project still holds a trace, or a file that may hold one, also one of your inputs,
            was not searched. DataError: the database has no such subject.
    """
    key_file = named_key(db, settings)
    pseudonyms, comparable = _open_key(db, key_file, subject)
    with db.reading() as con:
        rules = recorded_id_rules(con) or (settings.ids if settings else None)
        cleaned = clean_ids(pl.Series([subject]), rules).ids.item() or subject
        names = names_in_database(subject, pseudonyms, rules)
        alike = store.look_alikes(con, names, possible_ids(look_alike_form(cleaned), pseudonyms)[-1:])
    _check_outputs(db, settings)
    with db.only_writer():
        read = _manifest(db)  # the removal replaces names that hold the id
        done = forget(db, names)
        with told_of_removal(done.removed, "the database", NOT_DONE):
            outputs, unread = _rewrite_outputs(db, settings)
            left, n_columns = values_containing(_stored(db, settings), done.search_strings)
            with_bytes, not_read = search_files([db.file, *outputs], done.search_strings)
        files = [path for path in (db.file, *outputs) if path not in not_read]
    kinds = {path: "database" if path == db.file else listed_as(path) for path in with_bytes}
    left += [str(path) for path, kind in kinds.items() if kind not in (None, RESULTS)]
    _print_result(done, files, settings, n_columns)
    for path in (path for path, kind in kinds.items() if kind is None):
        print_warning(f"{path} was not written by risk-monitor, and holds traces of this subject; look at it")
    warn_of_look_alikes(alike, "the database")
    unproven = _name_input_files(read, settings, set(names), pseudonyms, rules, comparable=comparable)
    unproven += _unsearched(db, settings, unread + not_read)
    unproven += [
        f"{path}: `query --out` wrote this file, and it holds traces of this subject; remove it"
        for path, kind in kinds.items()
        if kind == RESULTS
    ]
    if left and done.removed:
        raise StoreError(f"{', '.join(left)}: still holds traces of this subject; this is a bug, please report it")
    unproven += [f"{place}: holds this id, perhaps by chance; look at it" for place in left]
    if not done.removed:
        raise DataError(_not_found(db, settings, unproven))
    if unproven:
        raise StoreError(
            f"the subject is removed from the database, but the proof is not complete: {'; '.join(unproven)}"
        )


def _not_found(db: Database, settings: Settings | None, unproven: Sequence[str]) -> str:
    with db.reading() as con:
        is_copy = recorded_key(con) == NOT_COPIED
    which = (
        "a snapshot, or a copy of it, does not record the key of its ids: name the database itself, or give"
        if is_copy
        else "give the id of the feed, or"
    )
    again = "; snapshot and reports were written anew, in case an earlier `forget` was cut short" if settings else ""
    but = f"; but {'; '.join(unproven)}" if unproven else ""
    return (
        f"{db}: nothing about this subject; {which} the pseudonym (`risk-monitor who` gives the pseudonym of a code)"
        f"{again}{but}"
    )


def _unsearched(db: Database, settings: Settings | None, unread: Sequence[Path]) -> list[str]:
    """A line for each of our folders and files that was not searched and may hold texts of the subject."""
    old = left_behind(db, settings)
    if settings is None:
        for one in old:
            print_note(f"not searched: {one.folder}, into which runs of this database wrote a {one.kind}")
        old = []
    faults = [f"{path}: cannot be read, so the proof does not cover it; check it yourself" for path in unread]
    faults += [
        f"{one.folder}: an earlier run wrote this {one.kind}, but the settings no longer name it, so it was not "
        "written anew and may hold texts of this subject; remove it"
        for one in old
    ]
    faults += [
        f"{path}: was left by a run that was killed, and may hold texts of this subject; remove it"
        for path in left_unpacked()
    ]
    return faults + [line for file in _queried_files(db, settings) for line in spills_of_others(file)]


def _queried_files(db: Database, settings: Settings | None) -> list[Path]:
    """The database and its snapshot, beside which queries spill rows."""
    return [db.file] if settings is None else [db.file, settings.snapshot / NAME]


def _open_key(db: Database, key_file: Path, subject: str) -> tuple[Pseudonyms | None, bool]:
    """The pseudonyms of the database if its key is available, and whether ids of input files can be compared.

    Raises:
        StoreError: the key is missing or wrong, and the subject is not a pseudonym of the database.
    """
    with db.reading() as con:
        refuse_lake(con, db.path, "forget SUBJECT")
        recorded = recorded_key(con)
        is_stored = con.execute("FROM documents WHERE subject_id = ? LIMIT 1", [subject]).fetchone()
    # An earlier run that was cut short may have removed the rows of a pseudonym.
    is_pseudonym = is_stored or looks_like_pseudonym(subject)
    try:
        pseudonyms = open_key(recorded, key_file)
    except StoreError:
        if not is_pseudonym:
            raise
        pseudonyms = None
    comparable = recorded in (None, PLAIN) or pseudonyms is not None
    if not comparable and not is_pseudonym and recorded != NOT_COPIED:
        raise StoreError(
            f"{db}: the key of its pseudonyms is missing (no {key_file}, no {KEY_VARIABLE}); bring it back, or give "
            "the subject's pseudonym"
        )
    return pseudonyms, comparable


def _check_outputs(db: Database, settings: Settings | None) -> None:
    """Check what `_rewrite_outputs` needs, so that a fault shows before anything is removed.

    Raises:
        ConfigError: a mistake in the settings, or a folder that cannot be written. DataError, StoreError: a roster
            cannot be used.
    """
    if settings is None:
        return
    folders = [settings.snapshot] if settings.snapshot.is_dir() else []
    try:
        for planned in _existing_reports(settings):
            if planned.roster is not None:
                open_roster(db, planned.roster, named_key(db, settings), settings.ids, warn=False)
            folders += [planned.folder, *(path for path in planned.folder.glob("subjects") if path.is_dir())]
        snapshot_files(settings.snapshot).check([settings.snapshot / NAME])
    except OSError as error:
        raise cannot_write(str(error.filename), error) from error
    for folder in folders:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"{folder}: cannot write there, so nothing was removed; let this user in")
    if settings.snapshot_group is not None and settings.snapshot in folders:
        group_id(settings.snapshot_group)


def _existing_reports(settings: Settings) -> list[Planned]:
    """The reports of the settings that a night has written."""
    return [
        planned
        for planned in planned_reports(settings)
        if (page := planned.folder / "index.html").exists() and page in report_files(planned.folder).paths
    ]


def _rewrite_outputs(db: Database, settings: Settings | None) -> tuple[list[Path], list[Path]]:
    """Publish the snapshot and write the reports again, if they exist.

    Returns the files in the folders of the outputs, and the folders that cannot be read, without what queries have
    spilled there (`spills_of_others`).
    """
    if settings is None:
        return [], []
    remember_folders(db, settings)
    if settings.snapshot.is_dir():
        months = any(path.suffix == ".parquet" for path in snapshot_files(settings.snapshot).paths)
        publish(db, settings.snapshot, texts=settings.snapshot_texts, parquet=months, group=settings.snapshot_group)
    for planned in _existing_reports(settings):
        write_planned(db, settings, planned)
    folders = (settings.snapshot, *(planned.folder for planned in planned_reports(settings)))
    contents = [files_below(folder) for folder in folders]
    spills = {spill_folder(file) for file in _queried_files(db, settings)}
    files, unread = (
        [path for paths in column for path in paths if spills.isdisjoint((path.absolute(), *path.absolute().parents))]
        for column in zip(*contents, strict=True)
    )
    return files, unread


def _stored(db: Database, settings: Settings | None) -> list[Path]:
    """The database and the files of the snapshot, which store values compressed."""
    written = snapshot_files(settings.snapshot).paths if settings is not None else ()
    return [db.file, *(path for path in written if path.is_file())]


def _print_result(done: Forgotten, files: Sequence[Path], settings: Settings | None, n_columns: int) -> None:
    console = Console()
    lines = {
        "removed": ", ".join(f"{n:,} {table}" for table, n in done.removed.items()) or "nothing",
        "read": f"every value of {n_columns:,} columns of the database and its snapshot",
        "searched": f"{sum(path.stat().st_size for path in files):,} bytes of {len(files):,} files, "
        f"for {len(done.search_strings):,} ids and texts; what is compressed there was read as values, above",
    }
    if done.n_not_searched:
        lines["not"] = f"for {done.n_not_searched:,} that are short or stand in what others wrote, too"
    for name, value in lines.items():
        console.print(Text(f"  {name:<10}  {value}"), soft_wrap=True)
    if settings is None:
        print_note("without settings only the database was searched: no snapshot, no report, no inbox")


def _name_input_files(
    read: Sequence[store.InputFile],
    settings: Settings | None,
    names: set[str],
    pseudonyms: Pseudonyms | None,
    rules: IdRules | None,
    *,
    comparable: bool,
) -> list[str]:
    """Print the input files that still name the subject; returns a line for what of them could not be searched."""
    if not comparable:
        if not any(_input_files(read, settings)):
            return []
        return ["the key is missing, so your input files were not searched for this subject; check them"]
    naming, unread, lost = _input_files_of(read, settings, names, pseudonyms, rules)
    for path in naming:
        print_warning(
            f"{path} is your file and still names this subject; remove the rows, or the subject comes back: `score` "
            "reads every file again, a night each file that is new or has changed"
        )
    faults = [f"{path}: this input cannot be read; check yourself whether it names this subject" for path in unread]
    return faults + ([_lost_names(lost)] if lost else [])


def _lost_names(lost: Sequence[Path]) -> str:
    """What to say about input files whose names an earlier `forget` replaced."""
    folders = sorted({str(path.parent) for path in lost if path.is_absolute()})
    where = f" (in {', '.join(folders)})" if folders else ""
    one = len(lost) == 1
    return (
        f"{len(lost):,} input file{'' if one else 's'}{where} cannot be searched, because an earlier `forget` "
        f"removed {'its name' if one else 'their names'}, which held an id; check yourself whether "
        f"{'it names' if one else 'they name'} this subject"
    )


def _input_files_of(
    read: Sequence[store.InputFile],
    settings: Settings | None,
    names: set[str],
    pseudonyms: Pseudonyms | None,
    rules: IdRules | None,
) -> tuple[list[Path], list[Path], list[Path]]:
    """The input files that name a subject by one of these names, what of them cannot be read to its end, and those
    that cannot be found, as `_input_files` gives them.
    """
    files, unread, lost = _input_files(read, settings)
    feed_of = feed_finder(settings.feeds, settings.inbox) if settings else None
    matches: list[Path] = []
    with progress("searching your input files", "files", len(files)) as advance:
        for path in files:
            try:
                feed = feed_of(path) if feed_of else None
                chunks = documents.read_documents(path, pseudonyms=pseudonyms, ids=rules, feed=feed)
                if any(not names.isdisjoint(_subjects_of(chunk)) for chunk in chunks):
                    matches.append(path)
            except (ConfigError, DataError):  # ConfigError: two feeds name the file
                unread.append(path)
            advance(1)
    return matches, unread, lost


def _subjects_of(chunk: documents.Chunk) -> set[str]:
    """The known subjects of a chunk's rows, including rejected rows."""
    frames = (chunk.documents, chunk.replaced, chunk.measures)
    raws = (raw for frame in (chunk.rejects, chunk.bad_measures) for raw in frame["raw"].drop_nulls())
    rejected = {json.loads(match[1], strict=False) for match in map(RAW_SUBJECT.match, raws) if match}
    return rejected.union(*(frame["subject_id"] for frame in frames))


def _manifest(db: Database) -> list[store.InputFile]:
    with db.reading() as con:
        return store.files_read(con)


def _input_files(
    read: Sequence[store.InputFile], settings: Settings | None
) -> tuple[list[Path], list[Path], list[Path]]:
    """The files of the inbox and of the manifest, sorted; those, and folders, where this user may not look; and those
    whose names an earlier `forget` has replaced, without those in folders whose files are all searched.
    """
    files, folders, unread, lost, gone = set[Path](), set[Path](), [], [], 0
    if settings is not None:
        try:
            files = {path for path in settings.inbox.iterdir() if documents.is_input(path)}
            files |= {path for feed in settings.feeds for path in feed_files(feed, settings.inbox)}
            unread += closed_folders(settings.feeds, settings.inbox)
            folders = {path.resolve() for path in (settings.inbox, *(path.parent for path in files))}
        except (FileNotFoundError, NotADirectoryError):  # the inbox does not exist
            pass
        except OSError:
            unread.append(settings.inbox)
    renamed = {Path(file.path): file.is_renamed for file in read}
    for path in renamed.keys() - files:
        try:
            if path.is_file():
                files.add(path)
            elif renamed[path] and path.parent.is_dir():
                lost += [path] if path.parent not in folders else []
            else:
                gone += 1
        except OSError:
            unread.append(path)
    if gone:
        print_note(f"{gone:,} of the files that were read are not where they were, and were not searched")
    return sorted(path for path in files if path.is_file()), unread, lost


def command(
    subject: Annotated[str, typer.Argument(help="The subject's id in the feed, or their pseudonym.")],
    db: DatabaseOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in TOML, which name snapshot, report, inbox and key (default: risk-monitor.toml here)."
        ),
    ] = None,
) -> None:
    """Remove a subject from database, snapshot and reports, and check that no trace of them is left.

    Your own input files are not changed; those that hold the subject are named.
    """
    if not subject.strip():
        raise ConfigError("SUBJECT is empty; give the id of one subject")
    database, settings = named_settings(db, config)
    forget_subject(database, subject.strip(), settings)


if __name__ == "__main__":
    run(command)

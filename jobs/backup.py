"""Copy database, settings and roster into a dated folder, from which `restore` brings them back.

risk-monitor backup /mnt/backup --config risk-monitor.toml

The key of the pseudonyms stays out, because texts and key together show who wrote the texts. Keep the key elsewhere.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from jobs.console.app import run
from jobs.console.progress import print_note
from jobs.console.shared_options import SettingsOption
from jobs.console.version import version_line
from jobs.pipeline.inbox import sha256_of
from jobs.pipeline.run import only_writer_after_others
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import WRITE_WAIT_S, Database, private_files
from monitor.database.copy import copy_file, database_copy
from monitor.database.lake_views import lake_url
from monitor.database.reader_copies import BACKUP_CONTENTS, BACKUP_ROSTER, BACKUP_SETTINGS
from monitor.database.schema import is_older
from monitor.errors import ConfigError, StoreError, cannot_write
from monitor.privacy.pseudonyms import default_key_file
from monitor.regular_files import require_regular
from monitor.scratch_folder import scratch_folder
from monitor.settings import DEFAULT_FILE, Settings, load_settings

CONTENTS, SETTINGS, ROSTER = BACKUP_CONTENTS, BACKUP_SETTINGS, BACKUP_ROSTER
# Another file of the backup would replace a database with one of these names.
KEPT_NAMES = (CONTENTS, SETTINGS, ROSTER)


def backup(db: Database, folder: Path, config: Path | None = None, roster: Path | None = None) -> Path:
    """Write a backup into a new folder below `folder`; returns its path. Only its owner can read it.

    The backup appears in one step, when it is complete. It waits for the end of a run that writes, such as a batch of
    `watch`, and no run can write meanwhile. A database with an older schema is copied as it is, so that the older
    program can use the backup.

    Args:
        db: the database.
        folder: where backups are kept; created if it is missing.
        config: the settings file, if any.
        roster: a CSV of names, if the backup should contain it.

    Raises:
        BusyError: another run has not ended in WRITE_WAIT_S. ConfigError: a file or folder cannot be read or written.
        StoreError: there is no such database, it cannot be read, or the disk is full.
    """
    for source in (config, roster):
        if source is not None:
            require_regular(source, ConfigError)
    db.check_place(read_only=True)  # a mistyped name must not create a database, nor a folder of backups
    if db.file.name in KEPT_NAMES:
        raise ConfigError(
            f"{db}: a backup has a file of this name of its own; give the database a name such as risk.duckdb (`mv`, "
            "and db in the settings)"
        )
    try:
        with only_writer_after_others(db, WRITE_WAIT_S), private_files():
            target = folder / f"backup-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
            has_older_schema = _check(db)
            folder.mkdir(parents=True, exist_ok=True)
            with scratch_folder(folder, ".backup-") as scratch:
                unfinished = scratch / target.name
                unfinished.mkdir()
                if has_older_schema:
                    copy_file(db, unfinished / db.file.name)
                else:
                    with database_copy(db, unfinished / f".{db.file.name}") as _:
                        (unfinished / f".{db.file.name}").rename(unfinished / db.file.name)
                for source, name in ((config, SETTINGS), (roster, ROSTER)):
                    if source is not None:
                        shutil.copyfile(source, unfinished / name)
                files = {path.name: sha256_of(path) for path in sorted(unfinished.iterdir())}
                contents = {"format": 1, "written_by": version_line(), "database": db.file.name, "sha256": files}
                (unfinished / CONTENTS).write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
                unfinished.rename(target)
    except OSError as error:
        if error.filename in (str(config), str(roster)):
            raise ConfigError(
                f"{error.filename}: cannot read this file ({error.strerror}), so the backup was not made; let this "
                "user read it"
            ) from error
        raise cannot_write(f"the backup was not made: {error.filename or folder}", error) from error
    return target


def _check(db: Database) -> bool:
    """Refuse a control file of a lake; returns whether the database has an older schema."""
    with db.reading(any_schema=True) as con:
        if url := lake_url(con):
            raise StoreError(f"{db}: shows the lake {url}; copy the folder of the lake, its key apart, and this file")
        return is_older(con)


def _left_out(settings: Settings, roster: Path | None) -> list[str]:
    """The rosters and the list of crisis wording that the settings name, without the roster of the backup."""
    kept = roster and roster.resolve()
    rosters = dict.fromkeys(one.roster for one in settings.reports if one.roster and one.roster.resolve() != kept)
    names = [f"{path} (roster; --roster adds one)" for path in rosters]
    return names + ([f"{settings.crisis_list} (crisis_list)"] if settings.crisis_list else [])


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that keeps the backups.")],
    config: SettingsOption = None,
    roster: Annotated[Path | None, typer.Option(help="CSV of names to keep in the backup, too.")] = None,
) -> None:
    """Copy database and settings into a new folder below DIR; `restore` brings them back. The key stays out."""
    settings = load_settings(config)
    file = config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    path = backup(Database(settings.db), folder, file, roster)
    print_note(f"the key is not in it: keep a copy of {settings.key_file or default_key_file(settings.db)} elsewhere")
    if left_out := _left_out(settings, roster):
        print_note(
            f"the settings name files that are not in it: {', '.join(left_out)}; keep copies of them elsewhere"
        )
    print_note(NOT_A_DIAGNOSIS)
    typer.echo(str(path))


if __name__ == "__main__":
    run(command)

"""Check the files of a backup and copy them back.

risk-monitor restore /mnt/backup/backup-20260101T020000Z --to /srv/risk-monitor
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from jobs.console.app import run
from jobs.console.progress import print_note, print_warning
from jobs.pipeline.inbox import sha256_of
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database, companions, private_files
from monitor.database.reader_copies import BACKUP_CONTENTS, BACKUP_ROSTER, BACKUP_SETTINGS
from monitor.errors import ConfigError, DataError, cannot_write
from monitor.privacy.agreement import read_fingerprint
from monitor.privacy.pseudonyms import PLAIN, default_key_file
from monitor.scratch_folder import scratch_folder
from monitor.settings import Settings

CONTENTS, SETTINGS, ROSTER = BACKUP_CONTENTS, BACKUP_SETTINGS, BACKUP_ROSTER


class Places(NamedTuple):
    """The places of a restored database, of its key, and of the roster (None: the backup holds none).

    `outside` is the `db` of the settings if that path is outside of the folder. The settings then name another
    database. `files` are the other files that the settings name, each with its key.
    """

    database: Path
    key_file: Path
    roster: Path | None
    outside: str | None
    files: tuple[tuple[str, str], ...]


def restore(source: Path, folder: Path) -> Database:
    """Copy the files of a backup into a folder, where none of them may exist; returns the database.

    The files appear once all of them are copied. An older database stays as it is. The database is copied to the
    path that the settings in the backup name, relative to the folder. If that path is outside of the folder, the
    database is copied into the folder itself. The same holds for the roster, if the settings name one alone.

    Args:
        source: a folder that `backup` wrote.
        folder: the folder to restore into; created if it is missing.

    Raises:
        DataError: `source` is not a backup, or a file of it is missing or was changed.
        ConfigError: a file, or a part of an earlier database, exists in `folder`, or a file cannot be written.
        StoreError: the disk is full.
    """
    contents = _read_contents(source)
    place = places(source, folder)
    database = place.database
    targets = {name: folder / name for name in contents["sha256"]}
    if place.roster is not None:
        targets[ROSTER] = place.roster
    targets[contents["database"]] = database
    _check_places(source, targets, contents["database"])
    try:
        for name, digest in contents["sha256"].items():
            if sha256_of(source / name) != digest:
                raise DataError(f"{source / name}: not what was backed up; use another backup")
            if (target := targets[name]).exists():
                raise ConfigError(f"{target}: exists already; name another folder with --to, or move it away")
        _check_no_rest(database)
        with private_files():
            folder.mkdir(parents=True, exist_ok=True)
            with scratch_folder(folder, ".restore-") as unfinished:
                for name in targets:
                    shutil.copyfile(source / name, unfinished / name)
                for target in targets.values():
                    target.parent.mkdir(parents=True, exist_ok=True)
                _move(unfinished, targets)
    except OSError as error:
        raise cannot_write(f"--to {folder}", error) from error
    db = Database(database)
    with db.reading(any_schema=True):
        pass
    return db


def _check_places(source: Path, targets: Mapping[str, Path], database: str) -> None:
    """Check that no two files of the backup go to one place, and that the database's name is valid.

    Raises:
        DataError: the settings in the backup name the place of another of its files. StoreError: the name is not
        valid.
    """
    Database(targets[database])  # checks the name, which may be too long
    for key, name in (("db", database), ("roster", ROSTER)):
        if name in targets and [*targets.values()].count(targets[name]) > 1:
            raise DataError(
                f'{source / SETTINGS}: {key} = "{targets[name].name}" is the name of another file of this backup; '
                "name it otherwise there"
            )


def _move(unfinished: Path, targets: Mapping[str, Path]) -> None:
    """Move the copied files to their final paths. After an error none of them is left there."""
    moved: list[Path] = []
    try:
        for name, target in targets.items():
            (unfinished / name).rename(target)
            moved.append(target)
    except OSError:
        for target in moved:
            target.unlink(missing_ok=True)
        raise


def places(source: Path, folder: Path) -> Places:
    """The paths of a backup's database, key and roster in a folder, as the settings in the backup name them.

    Raises:
        DataError: `source` is not a backup.
    """
    contents = _read_contents(source)
    given: dict[str, Any] = {"db": contents["database"]}
    if SETTINGS in contents["sha256"]:
        with suppress(OSError, ValueError):  # the next command that reads the settings says what is wrong
            given = tomllib.loads((source / SETTINGS).read_text(encoding="utf-8-sig"))
    named = str(given.get("db", Settings.model_fields["db"].default))
    inside = _inside(folder, named)
    database = inside or folder / contents["database"]
    key = given.get("key_file")
    key_file = folder / os.path.expanduser(key) if isinstance(key, str) else default_key_file(database)  # noqa: PTH111
    files = _named_files(given)
    rosters = [path for name, path in files if name == "roster"]
    roster = (_inside(folder, rosters[0]) if len(rosters) == 1 else None) or folder / ROSTER
    return Places(
        database, key_file, roster if ROSTER in contents["sha256"] else None, None if inside else named, files
    )


def _named_files(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The rosters and the list of crisis wording that the settings name, each once, with their keys."""
    reports = given.get("reports")
    named = (
        [("roster", one.get("roster")) for one in reports if isinstance(one, dict)]
        if isinstance(reports, list)
        else []
    )
    named.append(("crisis_list", given.get("crisis_list")))
    return tuple(dict.fromkeys((key, os.path.normpath(path)) for key, path in named if isinstance(path, str)))


def _inside(folder: Path, named: str) -> Path | None:
    """The path that the settings in a folder name; None if it is outside of the folder."""
    place = Path(os.path.normpath(os.path.expanduser(named)))  # noqa: PTH111
    if "\0" in named or place.is_absolute() or place.parts[:1] in ((), ("..",)):
        return None
    return folder / place


def _check_no_rest(database: Path) -> None:
    """Check that there is no log of an earlier database in this place, because its rows would enter the restored one.

    Raises:
        ConfigError: there is such a log.
    """
    for rest in companions(database):
        if rest.exists() or rest.is_symlink():
            raise ConfigError(
                f"{rest}: belongs to another database, and would change the restored one; name another folder with "
                "--to, or move it away"
            )


def _read_contents(source: Path) -> dict[str, Any]:
    """The table of contents of a backup. Every name in it is the name of a file in its folder.

    Raises:
        DataError: there is no table of contents, or it names something other than a plain file.
    """
    try:
        if not (source / CONTENTS).is_file():  # reading a pipe would wait for ever
            raise ValueError
        contents: dict[str, Any] = json.loads((source / CONTENTS).read_text(encoding="utf-8"))
        digests = dict(contents["sha256"])
        if contents["format"] != 1 or contents["database"] not in digests:
            raise ValueError
        if any(Path(name).name != name or "\0" in name for name in digests):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{source}: no backup of risk-monitor; name a folder backup-DATE") from error
    for name in digests:
        if not (source / name).is_file():
            raise DataError(f"{source / name}: is missing, or no file; use another backup")
    return contents | {"sha256": digests}


def command(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder that `backup` wrote.")],
    to: Annotated[Path, typer.Option(help="Folder for database and settings.")],
) -> None:
    """Check a backup and copy it into a folder; no file there is replaced."""
    restored = places(source, to)
    db = restore(source, to)
    with db.reading(any_schema=True) as con:
        needs_key = read_fingerprint(con) not in (None, PLAIN)
    if needs_key:
        print_note(f"bring the key back as well: {restored.key_file}")
    if restored.outside is not None:
        print_warning(
            f'{to / SETTINGS} still says db = "{restored.outside}", a place outside {to}: write '
            f'db = "{db.path.name}" there, or the next night does not find the restored database'
        )
    for key, name in restored.files:
        place = to / os.path.expanduser(name)  # noqa: PTH111
        may_be_ours = key == "roster" and restored.roster == to / ROSTER != place
        is_outside = may_be_ours and _inside(to, name) is None
        if is_outside or not os.path.isfile(place):  # noqa: PTH113  (a name that is too long is False)
            why = f"a place outside {to}" if is_outside else "which is not there"
            ours = f'write {key} = "{ROSTER}" there, or ' if may_be_ours else ""
            print_warning(f'{to / SETTINGS} says {key} = "{name}", {why}: {ours}bring back {place}')
    print_note(NOT_A_DIAGNOSIS)
    typer.echo(str(db))


if __name__ == "__main__":
    run(command)

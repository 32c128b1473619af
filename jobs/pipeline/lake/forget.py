"""Forget a subject in a lake and its control file, and verify it by reading the files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from jobs.console.interrupts import stoppable
from jobs.pipeline.look_alikes import warn_of_look_alikes
from jobs.pipeline.people import names_in_database
from jobs.pipeline.told_of_removal import told_of_removal
from monitor.database.connection import Database
from monitor.database.spills import spills_of_others
from monitor.errors import ConfigError, DataError, StoreError
from monitor.intake.identity import look_alike_form
from monitor.lake.check import files_naming
from monitor.lake.control import check_control, open_lake
from monitor.lake.removal import forget_subjects
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from monitor.lake.stored import stored_subjects
from monitor.privacy.agreement import open_key
from monitor.privacy.pseudonyms import PLAIN, Pseudonyms, looks_like_pseudonym


def forget_in_lake(url: str, subject: str, key_file: Path | None, control: Path | None) -> dict[str, int]:
    """Remove a subject from a lake, and from its control file, which is made anew.

    Args:
        url: folder or address of the lake.
        subject: the plain id, or the pseudonym.
        key_file: the key of the pseudonyms, if it is available.
        control: the control file; one that does not exist is left alone.

    Returns:
        table -> number of rows removed or changed.

    Raises:
        DataError: the lake has no such subject. StoreError: `control` is of another lake, so nothing is removed; or
            a file still names the subject, or a file that may name them could not be searched.
    """
    lake = Lake(Storage(url))  # a mistyped name must not make a folder
    with stoppable(), lake.storage.only_writer():
        pseudonyms = open_key(lake.fingerprint, key_file)
        ids = names_in_database(subject, pseudonyms)
        if control is not None:
            check_control(lake, Database(control))
        removed = forget_subjects(lake, ids)
        with told_of_removal(
            removed, "the lake", "its control file may still name them, and not every file was searched"
        ):
            if control is not None and control.exists():
                open_lake(lake, Database(control), without_subjects=ids)
            alike = _look_alikes(stored_subjects(lake) - set(ids), subject, pseudonyms)
            left, unread = files_naming(lake, ids)
        open_ends = spills_of_others(Database(control).file) if control is not None else []
    warn_of_look_alikes(alike, "the lake")
    if left:
        raise StoreError(f"{url}: {', '.join(left[:3])} still names this subject; stop `lake score` and forget again")
    if unread:
        open_ends.append(
            f"{', '.join(unread[:3])} cannot be read, so the proof does not cover it; remove it, and `risk-monitor "
            "lake check` says what is missing then"
        )
    if not removed:
        hint = "" if pseudonyms or lake.fingerprint == PLAIN else "; without the key only a pseudonym can be found"
        hint = "; but ".join((hint, *open_ends))
        raise DataError(f"{url}: nothing about this subject{hint}")
    if open_ends:
        raise StoreError(f"{url}: the subject is removed, but {'; and '.join(open_ends)}")
    return removed


def _look_alikes(others: Collection[str], subject: str, pseudonyms: Pseudonyms | None) -> list[str]:
    """The ids that differ from this one only by case, accents, `.0`, spaces or leading zeros, sorted.

    Forms of pseudonyms are not stored in a lake, so among pseudonyms only usual spellings are searched for.

    Args:
        others: ids in the lake.
        subject: the id as given.
        pseudonyms: of the lake; None if it holds plain ids, or if the key is not available.
    """
    form = look_alike_form(subject)
    if pseudonyms is None:
        return sorted(one for one in others if look_alike_form(one) == form)
    spellings = {form, *(case(one) for one in (form, subject) for case in (str.lower, str.upper, str.title))}
    return sorted(pseudonyms.of(one) for one in spellings if pseudonyms.of(one) in others)


def stored_ids(lake: Lake, subjects: Sequence[str], key_file: Path | None) -> list[str]:
    """Each id as given, and the pseudonym that the lake may hold instead.

    Args:
        lake: the lake.
        subjects: plain ids or pseudonyms.
        key_file: the key of the pseudonyms, if it is available.

    Raises:
        ConfigError: an id is empty, or the key is missing and an id is not a pseudonym, so that a search would find
            nothing and prove nothing.
    """
    subjects = [subject.strip() for subject in subjects]
    if not all(subjects):
        raise ConfigError("--subject is empty; give the id of one subject")
    pseudonyms = open_key(lake.fingerprint, key_file)
    if pseudonyms is None and lake.fingerprint != PLAIN and not all(map(looks_like_pseudonym, subjects)):
        raise ConfigError(
            "--subject: the key of this lake's pseudonyms is not at hand, so no plain id can be found; name it with "
            "--key-file, or give the subject's pseudonym"
        )
    return [name for subject in subjects for name in names_in_database(subject, pseudonyms)]

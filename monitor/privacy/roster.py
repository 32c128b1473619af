"""A roster: a CSV that names people, for a counsellor's report and for `who`. It never enters the database.

Columns: subject_id (as the feed has it, or the pseudonym) and name; others are ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from monitor.errors import DataError
from monitor.privacy.pseudonyms import Pseudonyms

MOST_CHARACTERS = 80


@dataclass(frozen=True)
class Roster:
    """Names of people.

    Attributes:
        names: id as the database holds it -> name.
        unknown: numbers of the rows whose id the database does not have.
        shared: names that more than one person has.
    """

    names: Mapping[str, str]
    unknown: tuple[int, ...] = ()
    shared: tuple[str, ...] = ()


def read_roster(path: Path, known: Collection[str], pseudonyms: Pseudonyms | None) -> Roster:
    """Read a roster and match its ids with those of the database.

    Args:
        path: the CSV, UTF-8.
        known: every subject_id of the database.
        pseudonyms: of the database; None if it holds plain ids, or if there is no key.

    Raises:
        DataError: the file cannot be read, lacks a column, names nobody, or names one id twice; a name or an id is
            empty or longer than 80 characters.
    """
    try:
        frame = pl.read_csv(path.read_bytes(), infer_schema=False)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; give a roster, a CSV with subject_id and name") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot read this roster ({error.strerror}); give a CSV that you may read"
        ) from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV in UTF-8 ({str(error).splitlines()[0]})") from error
    if missing := [name for name in ("subject_id", "name") if name not in frame.columns]:
        raise DataError(f"{path}: lacks the column {' and '.join(missing)}; a roster has subject_id and name")
    names: dict[str, str] = {}
    rows: dict[str, int] = {}
    unknown = []
    for number, (given, name) in enumerate(frame.select("subject_id", "name").iter_rows(), start=2):
        given, name = _checked(path, number, "subject_id", given), _checked(path, number, "name", name)
        subject = given if given in known or pseudonyms is None else pseudonyms.of(given)
        if subject in rows:
            raise DataError(f"{path}, row {number}, subject_id: row {rows[subject]} names this person already")
        rows[subject] = number
        if subject in known:
            names[subject] = name
        else:
            unknown.append(number)
    if not rows:
        raise DataError(f"{path}: a roster without rows names nobody")
    shared = sorted(name for name, n in Counter(names.values()).items() if n > 1)
    return Roster(names, tuple(unknown), tuple(shared))


def _checked(path: Path, number: int, column: str, value: str | None) -> str:
    text = " ".join((value or "").split())
    if not text:
        raise DataError(f"{path}, row {number}, {column}: empty")
    if len(text) > MOST_CHARACTERS:
        raise DataError(f"{path}, row {number}, {column}: longer than {MOST_CHARACTERS} characters")
    return text

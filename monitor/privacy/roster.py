"""A roster: a CSV that names people, for a counsellor's report and for `who`. It never enters the database.

Columns: subject_id (the feed's id, or the pseudonym) and name. Other columns are ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import DataError
from monitor.small_tables import ROW, read_small_table

MOST_CHARACTERS = 80
COLUMNS = ("subject_id", "name")
WHAT = "a roster, a CSV with subject_id and name"


@dataclass(frozen=True)
class Roster:
    """Names of people.

    Attributes:
        names: id as the database holds it -> name.
        unknown: numbers of the rows whose id the database does not have.
        shared: names that belong to more than one person.
    """

    names: Mapping[str, str]
    unknown: tuple[int, ...] = ()
    shared: tuple[str, ...] = ()


def read_roster(path: Path, find: Callable[[Sequence[str]], Mapping[str, str]]) -> Roster:
    """Read a roster and match its ids with those of the database.

    Args:
        path: the CSV, UTF-8.
        find: from given ids to the database's own ids, for those that it has.

    Raises:
        DataError: the file cannot be read, lacks a column, names nobody, or names one id twice; a name or an id is
            empty or longer than 80 characters.
    """
    table = read_small_table(path, COLUMNS, WHAT)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise DataError(f"{path}: lacks the column {' and '.join(missing)}; a roster has subject_id and name")
    given = [
        (
            number,
            _checked(path, number, "subject_id", subject),
            " ".join(_checked(path, number, "name", name).split()),
        )
        for number, subject, name in table.select(ROW, *COLUMNS).iter_rows()
    ]
    known = find([subject for _, subject, _ in given])
    names: dict[str, str] = {}
    rows: dict[str, int] = {}
    unknown = []
    for number, subject, name in given:
        person = known.get(subject, subject)
        if person in rows:
            raise DataError(
                f"{path}, row {number}, subject_id: row {rows[person]} names this person already; keep one"
            )
        rows[person] = number
        if subject in known:
            names[person] = name
        else:
            unknown.append(number)
    if not rows:
        raise DataError(f"{path}: a roster without rows names nobody; add a row for each person")
    shared = sorted(name for name, n in Counter(names.values()).items() if n > 1)
    return Roster(names, tuple(unknown), tuple(shared))


def _checked(path: Path, number: int, column: str, value: str | None) -> str:
    text = (value or "").strip()
    if not text:
        raise DataError(f"{path}, row {number}, {column}: empty; fill it in, or remove the row")
    if len(text) > MOST_CHARACTERS:
        raise DataError(f"{path}, row {number}, {column}: longer than {MOST_CHARACTERS} characters; shorten it")
    return text

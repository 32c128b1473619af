"""The meaning of the columns of a row (subject, time, text and so on) by a feed and its preset."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from monitor.errors import DataError
from monitor.intake.date_rules import ISO_ONLY, DateRule, has_year_last, parse_date
from monitor.intake.feeds import Feed
from monitor.intake.presets import CATALOGUE, Preset
from monitor.intake.raw_rows import COLUMNS, REQUIRED

MAX_NAMES = 20  # number of columns that a message names
TIME_OF_FORM = r".*_timestamp|survey timestamp"  # REDCap's names for the times of its forms, in lower case
_OPTIONAL = ("doc_id", "source")
_COPY = re.compile(r"(-part\d+|\s*\(\d+\)|[\s_-]+(copy|kopie|copie|copia|副本|複製)(\s+\d+)?)+$")
"""What a program adds to the name of a further part, and a browser or desktop to that of a second copy."""
_NUMBER = re.compile(r"[-+]?[\d.,]+")


class Places(NamedTuple):
    """The positions of the values in a table's row.

    Attributes:
        positions: for each of COLUMNS, then each measure, the positions of its columns; () if it has none.
        subject: the id of every row, if no column holds it.
    """

    positions: tuple[tuple[int, ...], ...]
    subject: str | None

    def values(self, fields: Sequence[str]) -> list[str | None]:
        """The values of one row, in the order of `positions`."""
        values = [
            None if not where else fields[where[0]] if len(where) == 1 else join(fields[i] for i in where)
            for where in self.positions
        ]
        if self.subject is not None:
            values[0] = self.subject
        return values


class Selection:
    """The names of the columns that hold each value.

    Args:
        path: the file, for messages.
        feed: the feed; None: the columns are COLUMNS.
        subject: the id of the one person of the file, if its export names them.
        bots: the ids of users who are no people, if the export names them.
    """

    def __init__(
        self, path: Path, feed: Feed | None = None, subject: str | None = None, bots: Collection[str] = ()
    ) -> None:
        self.path, self.feed, self._bots = path, feed, bots
        self.preset: Preset | None = CATALOGUE[feed.preset] if feed and feed.preset else None
        self.measures: tuple[str, ...] = feed.measures if feed else ()
        self.dates: DateRule = feed.dates if feed else ISO_ONLY
        self.given = {name: names for name in COLUMNS if (names := _names_given(feed, name))}
        defaults = self.preset.columns if self.preset else {name: (name,) for name in COLUMNS}
        self.names: dict[str, tuple[str, ...]] = {name: defaults.get(name, ()) for name in COLUMNS} | self.given
        self.subject = _constant_subject(path, feed) or subject

    def places(self, header: Sequence[str]) -> Places:
        """The positions of the values in a table with this header, in which upper and lower case are the same.

        Raises:
            DataError: a column is missing or occurs twice, or several could hold the text.
        """
        names = [normal(name) for name in header]
        chosen = {column: self._choose(column, names, header) for column in ("subject_id", *_OPTIONAL, "posted_at")}
        measures = [self._one(name, names, header) for name in self.measures]
        taken = {i for where in (*chosen.values(), *measures) for i in where}
        needed = {"posted_at"} if self.subject else {"subject_id", "posted_at"}
        if not self.preset or all(chosen[name] for name in needed):
            chosen["text"] = self._choose_text(names, header, taken)
        missing = [name for name in REQUIRED if name in {"text", *needed} and not chosen.get(name)]
        if missing:
            raise self._missing(missing, header)
        for where in (*chosen.values(), *measures):
            for i in where:
                if names.count(names[i]) > 1:
                    raise DataError(f"{self.path}: two columns are called {header[i].strip()[:40]}; keep one")
        return Places((*(chosen[name] for name in COLUMNS), *measures), self.subject)

    def arranged_names(self, header: Sequence[str]) -> None:
        """Fix the columns of the text of a table whose preset arranges its rows.

        Raises:
            DataError: the columns are not those of the preset, or several could hold the text.
        """
        names = [normal(name) for name in header]
        self.check_keys(header)
        for column, given in self.given.items():
            for name in given:
                if normal(name) not in names:
                    raise self._missing([name], header, column)
        if not self.names["text"]:
            used = {i for given in self.names.values() for name in given for i in self._find(name, names)}
            used |= {i for name in self.measures for i in self._one(name, names, header)}
            self.names["text"] = tuple(header[i] for i in self._choose_text(names, header, used))

    def check_keys(self, keys: Iterable[str]) -> None:
        """Raise DataError unless these keys or columns are those of the preset's program."""
        present = {normal(key) for key in keys}
        groups = self.preset.requires if self.preset else ()
        if groups and not any(present.issuperset(map(normal, group)) for group in groups):
            raise self.wrong_preset(f"its entries have: {listed(keys)}")

    def check_first(self, row: Mapping[str, Any]) -> None:
        """Raise DataError if the first object of a file is of another kind than the feed or the contract says.

        With a preset, the object must be of that preset. Without one, it may not both lack two or more required
        columns and have two or more unknown keys.
        """
        self.check_keys(row)
        missing = [name for name in REQUIRED if not any(_has(row, own) for own in self.names[name])]
        if self.subject is not None and "subject_id" in missing:
            missing.remove("subject_id")
        foreign = [key for key in row if normal(key) not in COLUMNS]
        if not self.preset and len(missing) > 1 and len(foreign) > 1:
            raise self._missing(missing, list(row))

    def wrong_preset(self, there: str) -> DataError:
        """The error for a file that was not written by the preset's program."""
        about = self.preset.about if self.preset else ""
        name = self.feed.preset if self.feed else ""
        return DataError(
            f"{self.path}: not what preset {name} reads, {about}; {there}; `risk-monitor inspect` says what it is"
        )

    def is_of_bot(self, row: Mapping[str, Any]) -> bool:
        """Whether the preset's key of the subject holds the id of a bot."""
        own = self.preset.columns["subject_id"] if self._bots and self.preset else ()
        return any(isinstance(row.get(name), str) and row[name] in self._bots for name in own)

    def of_object(self, row: Mapping[str, Any]) -> list[Any]:
        """The values of a JSON object or arranged row: for each of COLUMNS, then each measure."""
        values = [self._value(row, self.names[name], name) for name in COLUMNS]
        if self.subject is not None:
            values[0] = self.subject
        elif values[0] is None and self.preset and self.preset.one_person and not {"subject", "author"} & row.keys():
            values[0] = self._one_person()
        return values + [lookup(row, name) for name in self.measures]

    def lacks(self, row: Mapping[str, Any], column: str) -> bool:
        """Whether a JSON object has no key at all for a column, not even an empty one; always false with a preset."""
        if self.preset is not None or (column == "subject_id" and self.subject is not None):
            return False
        keys = {normal(key) for key in row}
        return not any(normal(name) in keys or "." in name for name in self.names[column])

    def _one_person(self) -> str | None:
        """The name of the file, unless a column should hold the subject.

        Raises:
            DataError: the program gives this name to everybody's export, so it does not identify a person.
        """
        if "subject_id" in self.given or self.preset is None:
            return None
        name = stem(self.path)
        if _COPY.sub("", name.lower()) in self.preset.own_names:
            raise DataError(
                f"{self.path}: this export does not say whose it is, and its name is everybody's; name the file "
                'after the person, or give subject (--subject ID, or subject = "{folder}")'
            )
        return name

    def _value(self, row: Mapping[str, Any], names: tuple[str, ...], column: str) -> Any:
        if column == "text" and len(names) > 1 and column in self.given:
            parts = [lookup(row, name) for name in names]
            odd = [part for part in parts if part is not None and not isinstance(part, str)]
            return odd[0] if odd else join(parts) if any(part is not None for part in parts) else None
        return next((value for name in names if (value := lookup(row, name)) is not None), None)

    def _find(self, name: str, names: Sequence[str]) -> tuple[int, ...]:
        return (names.index(normal(name)),) if normal(name) in names else ()

    def _one(self, name: str, names: Sequence[str], header: Sequence[str]) -> tuple[int, ...]:
        where = self._find(name, names)
        if not where:
            raise self._missing([name], header, "measures")
        return where

    def _choose(self, column: str, names: Sequence[str], header: Sequence[str]) -> tuple[int, ...]:
        if column in self.given:
            where = self._find(self.given[column][0], names)
            if not where:
                raise self._missing([self.given[column][0]], header, column)
            return where
        if self.preset and column == "posted_at" and not self.names[column]:
            own = [i for i, name in enumerate(names) if re.fullmatch(TIME_OF_FORM, name)]
            if len(own) > 1:
                raise self._several("posted_at", [header[i] for i in own])
            return tuple(own)
        return next((where for name in self.names[column] if (where := self._find(name, names))), ())

    def _choose_text(self, names: Sequence[str], header: Sequence[str], taken: set[int]) -> tuple[int, ...]:
        if "text" in self.given:
            return tuple(i for name in self.given["text"] for i in self._text_part(name, names, header))
        if self.preset and not self.names["text"]:
            own = re.compile(self.preset.own or r"(?!)")
            free = [i for i, name in enumerate(names) if i not in taken and name and not own.fullmatch(name)]
            free = [i for i in free if names[i] not in {normal(n) for ns in self.preset.columns.values() for n in ns}]
            if len(free) > 1:
                raise self._several("text", [header[i] for i in free])
            return tuple(free)
        return self._choose("text", names, header)

    def _text_part(self, name: str, names: Sequence[str], header: Sequence[str]) -> tuple[int, ...]:
        where = self._find(name, names)
        if not where:
            raise self._missing([name], header, "text")
        return where

    def _several(self, column: str, names: Sequence[str]) -> DataError:
        return DataError(
            f"{self.path}: several columns may be {column} ({listed(names)}); name one, such as "
            f'{column} = "{_short(names[-1])}"'
        )

    def _missing(self, missing: Sequence[str], header: Sequence[str], column: str | None = None) -> DataError:
        return missing_columns(self.path, header, missing, self.feed, column)


@lru_cache(10_000)
def normal(name: str) -> str:
    """A column's name for comparison: in lower case, with single spaces."""
    return " ".join(name.split()).casefold()


def listed(names: Iterable[str]) -> str:
    """Names of columns for a message, each cut at 40 characters, the first MAX_NAMES of them."""
    short = [_short(name) for name in names if str(name).strip()]
    more = f" and {len(short) - MAX_NAMES} more" if len(short) > MAX_NAMES else ""
    return ", ".join(short[:MAX_NAMES]) + more if short else "none"


def _short(name: str) -> str:
    return " ".join(str(name).split())[:40]


def join(parts: Iterable[str | None]) -> str:
    """Texts of several columns as one text; empty parts are left out."""
    return "\n".join(part.strip() for part in parts if part and part.strip())


def lookup(row: Mapping[str, Any], name: str) -> Any:
    """The value of a key: as written, in any case, or a path such as author.id; None without one."""
    if name in row:
        return row[name]
    folded = normal(name)
    for key, value in row.items():
        if normal(key) == folded:
            return value
    first, _, rest = name.partition(".")
    inner = row.get(first) if rest else None
    return lookup(inner, rest) if isinstance(inner, dict) else None


def _has(row: Mapping[str, Any], name: str) -> bool:
    return name in row or normal(name) in map(normal, row) or lookup(row, name) is not None


def looks_like_a_row(fields: Sequence[str]) -> bool:
    """Whether a first line holds values, not names: a date, a number, an address, an empty field, or a long text.

    The first name may be empty (pandas leaves it empty above row numbers), and so may the last ones (in Excel).
    """
    last = max((i for i, field in enumerate(fields) if field.strip()), default=-1)
    fields = fields[0 if fields and fields[0].strip() else 1 : last + 1]
    return not fields or any(
        not field.strip()
        or len(field) > 120
        or _NUMBER.fullmatch(field.strip()) is not None
        or "@" in field
        or has_year_last(field)
        or parse_date(field) is not None
        or re.match(r"\d{4}-\d\d-\d\d", field.strip()) is not None
        for field in fields
    )


def missing_columns(
    path: Path,
    header: Sequence[str],
    missing: Sequence[str] | None = None,
    feed: Feed | None = None,
    column: str | None = None,
) -> DataError:
    """The error for a file without these columns (default: those of REQUIRED that its header lacks).

    If the header looks like a row, its content must not appear in a message.
    """
    if missing is None:
        missing = [name for name in REQUIRED if name not in header]
    known = {*COLUMNS} & {normal(name) for name in header}
    if looks_like_a_row(header) and not known:
        there = "its first line looks like a row; a header is needed"
    else:
        there = f"it has: {listed(header)}"
    if column is not None:
        return DataError(f"{path}: no column {', '.join(map(_short, missing))}, which {column} names ({there})")
    if feed is not None and feed.preset:
        preset = CATALOGUE[feed.preset]
        own = (f"{name} ({', '.join(preset.columns[name][:2])})".replace(" ()", "") for name in missing)
        return DataError(
            f"{path}: preset {feed.preset} reads {preset.about}, and finds none of its columns for {', '.join(own)}; "
            f"{there}. Name them, or another preset or none; `risk-monitor inspect` proposes how"
        )
    return DataError(
        f"{path}: no column {', '.join(missing)} ({there}); required are {', '.join(REQUIRED)}; optional are doc_id, "
        "source. Name other columns in [[feeds]]; `risk-monitor inspect` proposes how"
    )


def _names_given(feed: Feed | None, column: str) -> tuple[str, ...]:
    value = getattr(feed, column) if feed else None
    return value if isinstance(value, tuple) else (value,) if value else ()


def _constant_subject(path: Path, feed: Feed | None) -> str | None:
    if feed is None or feed.subject is None:
        return None
    return feed.subject.replace("{file}", stem(path)).replace("{folder}", path.resolve().parent.name)


def named_by_place(path: Path, feed: Feed | None) -> str | None:
    """The subject that the name or folder of a file gives to its rows; None if this feed takes it from the rows."""
    if feed is None:
        return None
    if feed.subject is not None:
        by_place = "{file}" in feed.subject or "{folder}" in feed.subject
        return _constant_subject(path, feed) if by_place else None
    may_name = feed.preset and CATALOGUE[feed.preset].one_person and not feed.subject_id
    return stem(path) if may_name else None


def stem(path: Path) -> str:
    """The name of a file without its endings."""
    name = path.name
    for ending in (".gz", ".zip", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".js", ".txt", ".xlsx", ".parquet"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name

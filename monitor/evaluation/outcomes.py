"""Read clinical outcomes, such as PHQ-9 sums, from a file, and check every row before anything is computed."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import polars as pl

from monitor.errors import ConfigError, DataError
from monitor.small_tables import ROW, read_small_table

COLUMNS = ("subject_id", "date", "name", "value")
WHAT = "a CSV with subject_id, date, name and value"
SCALES = MappingProxyType(
    {
        **{"phq9": (0, 27), "phq8": (0, 24), "phq2": (0, 6), "gad7": (0, 21)},
        **{"bdi": (0, 63), "bdiii": (0, 63), "bdi2": (0, 63), "madrs": (0, 60), "k10": (10, 50)},
    }
)
"""Lowest and highest possible sum of well-known scales, by name; any value of another name is taken."""
DEFAULT_CRITERION = MappingProxyType({"phq9": ">=10", "phq8": ">=10", "bdi": ">=20", "bdi2": ">=20", "bdiii": ">=20"})


@dataclass(frozen=True)
class Criterion:
    """The criterion of a positive outcome: its name, a comparison (>=, >, <= or <) and a value."""

    name: str
    sign: str
    limit: float

    def __str__(self) -> str:
        """The criterion as the command line takes it."""
        return f"{self.name}{self.sign}{self.limit:g}"

    def holds(self, value: float) -> bool:
        """Whether a value meets the criterion."""
        return {">=": value >= self.limit, ">": value > self.limit, "<=": value <= self.limit}.get(
            self.sign, value < self.limit
        )


@dataclass(frozen=True)
class Outcomes:
    """The rows of a file: usable ones, and rejects.

    frame: number (of the first row), subject_id, day, value; one row per subject and day, sorted by number.
    rejects: row number and reason of each row that cannot be used.
    n_other: number of rows about other outcomes. n_repeated: number of rows after the first of a subject's day.
    n_averaged: subject-days with several different values, which are averaged.
    """

    frame: pl.DataFrame
    rejects: list[tuple[int, str]]
    n_rows: int
    n_other: int
    n_repeated: int
    n_averaged: int


def scale_name(name: str) -> str:
    """PHQ-9 -> phq9; the letters may be of any script."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).lower())


def read_criterion(text: str) -> Criterion:
    """A criterion such as phq9>=10.

    Raises:
        ConfigError: it is not a name, a comparison and a number.
    """
    match = re.fullmatch(r"([^<>=]*[^\W\d_][^<>=]*)(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*", text)
    if not match:
        raise ConfigError(f'--positive {text!r}: give a name, a comparison and a number, such as "phq9>=10"')
    return Criterion(scale_name(match[1]), match[2], float(match[3]))


def read_outcomes(
    path: Path, positive: str | None, find: Callable[[Sequence[str]], Mapping[str, str]]
) -> tuple[Outcomes, Criterion]:
    """Read a CSV with subject_id, date, name and value, and check each row.

    Args:
        path: the file.
        positive: the criterion; None: the usual one of the only outcome in the file that has one.
        find: from given ids to the database's own ids, for those that it has; other ids stay as they are.

    Raises:
        DataError: the file cannot be read, lacks a column, or has no row of this outcome that can be used.
        ConfigError: `positive` is not a criterion, or is missing and the file has not exactly one usual criterion.
    """
    table = _table(path)
    names = sorted({scale_name(name) for name in table["name"].drop_nulls()} - {""})
    criterion = read_criterion(positive) if positive else _usual(path, names)
    if criterion.name not in names:
        raise DataError(
            f"{path}, column name: no row is named {criterion.name}; there are {_scales_in(names)}; "
            "name one of them in --positive"
        )
    rejects: list[tuple[int, str]] = []
    rows: list[tuple[int, str, dt.date, float]] = []
    n_other = 0
    for number, subject, date, name, value in table.select(ROW, *COLUMNS).iter_rows():
        if name is not None and scale_name(name) not in ("", criterion.name):
            n_other += 1
            continue
        parsed = _row(subject, date, name, value, criterion.name)
        if isinstance(parsed, str):
            rejects.append((number, parsed))
        else:
            rows.append((number, *parsed))
    if not rows:
        number, reason = rejects[0]
        raise DataError(f"{path}, row {number}: {reason}; no row of {criterion.name} can be used")
    frame = pl.DataFrame(rows, schema=["number", "subject_id", "day", "value"], orient="row")
    frame = frame.with_columns(pl.col("subject_id").replace(find(frame["subject_id"].to_list())))
    days = frame.group_by("subject_id", "day").agg(
        pl.col("number").min(), pl.col("value").mean(), n=pl.len(), n_values=pl.col("value").n_unique()
    )
    outcomes = Outcomes(
        frame=days.sort("number").select("number", "subject_id", "day", "value"),
        rejects=rejects,
        n_rows=table.height,
        n_other=n_other,
        n_repeated=frame.height - days.height,
        n_averaged=days.filter(pl.col("n_values") > 1).height,
    )
    return outcomes, criterion


def _table(path: Path) -> pl.DataFrame:
    table = read_small_table(path, COLUMNS, WHAT)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(f"{path}: lacks {', '.join(missing)}; the columns are {', '.join(COLUMNS)}")
    if not table.height:
        raise DataError(f"{path}: there is no row below the header; give {WHAT} of each outcome")
    return table


def _scales_in(names: list[str]) -> str:
    """The names of well-known scales, and only the number of other names, because a shifted column may hold texts."""
    known = [name for name in names if name in SCALES]
    others = len(names) - len(known)
    more = [f"{others} {'name that is' if others == 1 else 'names that are'} no well-known scale"] if others else []
    return " and ".join([part for part in (", ".join(known), *more) if part]) or "no names"


def _usual(path: Path, names: list[str]) -> Criterion:
    usual = [name for name in names if name in DEFAULT_CRITERION]
    if len(usual) != 1:
        raise ConfigError(
            f'{path}: say what is positive with --positive, such as "phq9>=10"; the file has {_scales_in(names)}'
        )
    return read_criterion(usual[0] + DEFAULT_CRITERION[usual[0]])


def _row(
    subject: str | None, date: str | None, name: str | None, value: str | None, wanted: str
) -> tuple[str, dt.date, float] | str:
    """Subject, day and value, or the reason why the row cannot be used. The reason never quotes a cell."""
    if not (subject or "").strip():
        return "column subject_id is empty"
    if not scale_name(name or ""):
        return "column name: no letter or digit" if (name or "").strip() else "column name is empty"
    written = (date or "").strip()
    try:
        day = dt.date.fromisoformat(written[:10])  # a time may follow
    except ValueError:
        return "column date: not a date such as 2026-03-01"
    if written[10:11].isdigit():  # such as 2026-03-011
        return "column date: not a date such as 2026-03-01"
    try:
        number = float((value or "").replace("_", "?"))  # Python reads 1_0 as 10
    except ValueError:
        return "column value: not a number"
    low, high = SCALES.get(wanted, (-math.inf, math.inf))
    if not (math.isfinite(number) and low <= number <= high):
        return f"column value: outside the scale of {wanted} ({low:g} to {high:g})"
    return str(subject).strip(), day, number

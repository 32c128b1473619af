"""Run the window queries in sql/windows by name, with named parameters, and get polars frames back.

Each file holds one statement under a header of `-- key: value` lines (name, purpose, grain, frame, params).
The file is the whole definition; this module only finds it, checks the parameters and runs it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from monitor.errors import ConfigError

FOLDER = Path(__file__).resolve().parents[1] / "sql" / "windows"
HEADER_KEYS = ("name", "purpose", "grain", "frame", "params")
TEXT = {"model_id"}
DAYS = {"as_of", "until"}
PROBABILITIES = {"threshold"}  # every other parameter is a whole number of at least 1


@dataclass(frozen=True)
class Query:
    """One file of sql/windows: the statement and what its header says about it."""

    name: str
    purpose: str
    grain: str
    frame: str
    params: tuple[str, ...]
    sql: str


def names() -> tuple[str, ...]:
    """Names of all window queries, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))


@cache
def load(name: str) -> Query:
    """Read one query and its header.

    Raises:
        ConfigError: there is no such query, or its header lacks a key.
    """
    if name not in names():
        raise ConfigError(f"no window query {name!r}; there are {', '.join(names())}")
    sql = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    header = _header(sql)
    missing = [key for key in HEADER_KEYS if key not in header]
    if missing:
        raise ConfigError(f"{FOLDER / name}.sql: header lacks {', '.join(missing)}")
    params = tuple(part.strip() for part in header["params"].split(",") if part.strip())
    return Query(header["name"], header["purpose"], header["grain"], header["frame"], params, sql)


def run(con: duckdb.DuckDBPyConnection, name: str, **params: object) -> pl.DataFrame:
    """Run window query `name`; one row per what its header calls the grain, in the order it states.

    Dates may be given as date or datetime; either means the whole UTC day.

    Raises:
        ConfigError: unknown query, a missing, unknown or ill-typed parameter.
    """
    query = load(name)
    missing = [key for key in query.params if key not in params]
    unknown = sorted(set(params) - set(query.params))
    if missing or unknown:
        raise ConfigError(
            f"window query {name!r} takes {', '.join(query.params)}; "
            + "; ".join(
                f"{word} {', '.join(keys)}"
                for word, keys in (("missing", missing), ("unknown", unknown))
                if keys
            )
        )
    _check(name, params)
    frame: pl.DataFrame = con.sql(query.sql, params=dict(params)).pl()
    return frame


def _header(sql: str) -> dict[str, str]:
    """`-- key: value` lines at the top of a file; an indented comment line carries the value on."""
    header: dict[str, str] = {}
    key = ""
    for line in sql.splitlines():
        if not line.startswith("-- "):
            break
        word, colon, value = line[3:].partition(": ")
        if colon and word in HEADER_KEYS:
            key = word
            header[key] = value.strip()
        elif key:
            header[key] += " " + line[3:].strip()
    return header


def _check(name: str, params: Mapping[str, object]) -> None:
    for key, value in params.items():
        if key in TEXT:
            good, wanted = isinstance(value, str), "a string"
        elif key in DAYS:
            good, wanted = isinstance(value, dt.date), "a date"
        elif key in PROBABILITIES:
            good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
            wanted = "a number from 0 to 1"
        else:
            good = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            wanted = "a whole number of at least 1"
        if not good:
            raise ConfigError(f"window query {name!r}: {key} is {wanted}, not {value!r}")

"""Run the window queries of sql/windows by name, with named parameters; each returns a polars frame.

The SQL file is the complete definition. This module checks the types of the parameters and runs the file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import duckdb
import polars as pl

from monitor.database.statements import Statement, query, statement, statement_names
from monitor.errors import ConfigError

TEXT = {"model_id", "signal"}
DAYS = {"as_of", "until"}
PROBABILITIES = {"threshold"}  # every other parameter is a whole number of at least 1


def names() -> tuple[str, ...]:
    """Names of all window queries, sorted."""
    return statement_names("windows")


def load(name: str) -> Statement:
    """One query and its header.

    Raises:
        ConfigError: there is no such query.
    """
    if name not in names():
        raise ConfigError(f"no window query {name!r}; there are {', '.join(names())}")
    return statement(f"windows/{name}")


def run(con: duckdb.DuckDBPyConnection, name: str, /, **params: object) -> pl.DataFrame:
    """Run window query `name`; its header gives the grain, and its ORDER BY the order of the rows.

    A date parameter is a date or a datetime; either stands for the UTC day.

    Raises:
        ConfigError: there is no such query, or a parameter is missing, unknown or of a wrong type.
    """
    load(name).check(params)
    _check(name, params)
    return query(con, f"windows/{name}", **params)


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

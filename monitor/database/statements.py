"""SQL files as statements: one file, one statement, named by its path below sql/, such as `queries/unscored`.

A file begins with `-- key: value` lines (name, purpose, grain, frame, params). The header is read with every
statement, and a statement runs only with exactly the parameters that its header names.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from monitor import ROOT
from monitor.errors import ConfigError

SQL = ROOT / "sql"
HEADER_KEYS = ("name", "purpose", "grain", "frame", "params")


@dataclass(frozen=True)
class Statement:
    """One file below sql/: the statement, and the values of its header.

    Attributes:
        name: the file's path below sql/, without .sql.
        params: names of the parameters, without the dollar sign.
    """

    name: str
    purpose: str
    grain: str
    frame: str
    params: tuple[str, ...]
    sql: str

    def pick(self, values: Mapping[str, object]) -> dict[str, object]:
        """The parameters of this statement, out of `values`."""
        return {name: values[name] for name in self.params}

    def check(self, params: Mapping[str, object]) -> None:
        """Check that the parameters are exactly those of the header.

        Raises:
            ConfigError: a parameter is missing or unknown.
        """
        missing = [key for key in self.params if key not in params]
        unknown = sorted(set(params) - set(self.params))
        if missing or unknown:
            faults = {"missing": missing, "unknown": unknown}
            raise ConfigError(
                f"sql/{self.name}.sql takes {', '.join(self.params) or 'no parameters'}; "
                + "; ".join(f"{word} {', '.join(keys)}" for word, keys in faults.items() if keys)
            )


def statement_names(folder: str) -> tuple[str, ...]:
    """Names of the files in one folder of sql/, sorted, without folder and ending."""
    return tuple(sorted(path.stem for path in (SQL / folder).glob("*.sql")))


@cache
def schema_files() -> tuple[Path, ...]:
    """The steps of the schema in the order of their numbers, with those whose views a later step replaces."""
    return tuple(sorted((SQL / "schema").rglob("*.sql"), key=lambda path: path.name))


@cache
def statement(name: str) -> Statement:
    """Read one file and its header.

    Raises:
        ConfigError: there is no such file, or its header lacks a key.
    """
    path = SQL / f"{name}.sql"
    if not path.is_file():
        folder = name.partition("/")[0]
        raise ConfigError(f"no statement sql/{name}.sql; there are {', '.join(statement_names(folder))}")
    sql = path.read_text(encoding="utf-8")
    header = read_header(sql)
    missing = [key for key in HEADER_KEYS if key not in header]
    if missing:
        raise ConfigError(f"{path}: the header lacks {', '.join(missing)}")
    params = () if header["params"] == "none" else tuple(re.split(r",\s*", header["params"]))
    return Statement(name, header["purpose"], header["grain"], header["frame"], params, sql)


def execute(con: duckdb.DuckDBPyConnection, name: str, /, **params: object) -> duckdb.DuckDBPyConnection:
    """Run sql/NAME.sql with these parameters.

    Raises:
        ConfigError: there is no such statement, or a parameter is missing or unknown.
    """
    selected = statement(name)
    selected.check(params)
    return con.execute(selected.sql, params)


def query(con: duckdb.DuckDBPyConnection, name: str, /, **params: object) -> pl.DataFrame:
    """Run sql/NAME.sql with these parameters; the grain in its header says what a row is.

    Raises:
        ConfigError: as `execute`.
    """
    selected = statement(name)
    selected.check(params)
    frame: pl.DataFrame = con.sql(selected.sql, params=params).pl()
    return frame


def fetch_number(result: duckdb.DuckDBPyConnection) -> int:
    """The single number that a count, an INSERT or an UPDATE returns."""
    ((number,),) = result.fetchall()  # read to its end, or the connection refuses the next statement
    return int(number)


def utc_now() -> dt.datetime:
    """The current time in UTC, without a zone, as the tables store it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def read_header(sql: str) -> dict[str, str]:
    """The `-- key: value` lines at the top of a file; a comment line without a key continues the value above it."""
    header: dict[str, str] = {}
    key = ""
    for line in sql.splitlines():
        if not line.startswith("-- ") and line != "--":
            break
        word, colon, value = line[3:].partition(":")
        if colon and word in HEADER_KEYS:
            key = word
            header[key] = value.strip()
        elif key:
            header[key] += " " + line[3:].strip()
    return header

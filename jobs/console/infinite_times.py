"""Infinite dates and times of a query's result.

Python has no infinite times, so DuckDB's client returns the last day of the year 9999 instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import duckdb

INFINITY = "infinity"  # DuckDB's own word, which it also reads


class Result:
    """An open result, in whose rows infinite dates and times are the texts `infinity` and `-infinity`.

    Infinite times inside lists and structs stay as DuckDB's client returns them.

    Attributes:
        names: of the columns.
        opened: DuckDB's result. It may have further columns that say whether a value is infinite.

    Args:
        con: the connection.
        statement: a checked statement, which is run.
        with_flags: whether to look for infinite values; False leaves the result as it is.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, statement: duckdb.Statement, *, with_flags: bool = True
    ) -> None:
        columns = _columns(con, statement) if with_flags else []
        self._places = [place for place, (_, kind) in enumerate(columns) if kind.startswith(("DATE", "TIMESTAMP"))]
        self._places = [place for place in self._places if not columns[place][1].endswith("]")]
        if self._places:
            self.opened = con.execute(_flagged(statement.query, len(columns), self._places))
            self.names = [name for name, _ in columns]
        else:
            self.opened = con.execute(statement)
            self.names = [column[0] for column in self.opened.description]

    def fetchmany(self, n: int) -> list[tuple[Any, ...]]:
        """The next rows, n at most."""
        rows = self.opened.fetchmany(n)
        return [self._named(row) for row in rows] if self._places else rows

    def _named(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values, flags = row[: len(self.names)], row[len(self.names) :]
        if not any(flags):
            return values
        infinite = {place for place, flag in zip(self._places, flags, strict=True) if flag}
        return tuple(_name(value) if place in infinite else value for place, value in enumerate(values))


def _name(value: dt.date) -> str:
    return INFINITY if value.year > 1 else f"-{INFINITY}"


def _columns(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> list[tuple[str, str]]:
    """Names and types of a query's columns. Empty for a faulty statement, and for one that cannot be part of
    another.
    """
    if statement.type.name != "SELECT":
        return []
    try:
        return [(name, kind) for name, kind, *_ in con.execute(f"DESCRIBE {statement.query}").fetchall()]
    except duckdb.Error:  # the statement itself will say what is wrong
        return []


def _flagged(sql: str, n: int, places: Sequence[int]) -> str:
    """A query with an additional column for each of these positions: whether the value there is infinite."""
    names = ", ".join(f"c{place}" for place in range(n))
    flags = ", ".join(f"isinf(c{place})" for place in places)
    return f"SELECT *, {flags} FROM ({_without_semicolon(sql)}\n) AS rows({names})"


def _without_semicolon(sql: str) -> str:
    """A single statement without the semicolon at its end, and without the comments after that."""
    raw = sql.encode()
    ends = [start for start, _ in duckdb.tokenize(sql) if raw[start : start + 1] == b";"]
    return raw[: ends[0]].decode() if ends else sql

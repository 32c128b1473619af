"""Statements that only read, as `query` runs them, and their limits."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from monitor.database.lake_views import lake_url
from monitor.errors import ConfigError, DataError

LAKE_STATEMENTS = {"SELECT", "EXPLAIN"}
READ_STATEMENTS = {"SELECT", "EXPLAIN", "PRAGMA", "CALL", "MULTI"}  # MULTI is a PIVOT
ALONE = {"SELECT", "MULTI"}  # statements that EXPLAIN may contain
CALLED = re.compile(r"\s*CALL\s+\"?(pragma_|duckdb_)\w+", re.IGNORECASE)
PREFIX = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\s+(ANALYZE\s+)?(\([^)]*\)\s*)?", re.IGNORECASE | re.DOTALL)
USE = "use SELECT, FROM, DESCRIBE, SHOW or SUMMARIZE"
TIME_S = 240.0  # less than a run waits for readers, so that no query makes a night fail
MOST_TIME_S = 7 * 86_400.0
MEMORY_BYTES = 4 * 2**30
SPILL_BYTES = 16 * 2**30


def check_statement(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The single statement of `sql`, which only reads.

    Raises:
        DataError: there is no statement or several, or it could change something. duckdb.Error: it cannot be parsed.
    """
    statements = con.extract_statements(sql)
    if not statements:  # nothing but spaces and comments
        raise DataError(f"no SQL to run; {USE}")
    if len(statements) > 1:
        raise DataError(f"{len(statements)} statements; run one at a time")
    kind = statements[0].type.name
    # DuckDB may access a lake's folders, so other statements could write there.
    if kind not in (LAKE_STATEMENTS if lake_url(con) else READ_STATEMENTS):
        raise DataError(f"{kind} does not only read, and query changes nothing; {USE}")
    if word := _writing_word(sql):
        raise DataError(f"{word} could write a file, and query changes nothing; {USE}")
    if kind == "CALL" and not CALLED.match(statements[0].query.lstrip()):
        raise DataError(f"CALL runs pragma_ and duckdb_ functions alone; {USE}")
    if kind == "EXPLAIN":
        _check_explained(con, statements[0].query)
    return statements[0]


def _check_explained(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse EXPLAIN of a statement that would be refused by itself, because EXPLAIN ANALYZE runs it.

    Raises:
        DataError: as `check_statement`.
    """
    prefix = PREFIX.match(sql)
    inner = con.extract_statements(sql[prefix.end() :]) if prefix else []
    if len(inner) != 1 or inner[0].type.name not in ALONE:
        raise DataError(f"EXPLAIN of what does not only read, and query changes nothing; {USE}")


def _writing_word(sql: str) -> str | None:
    """The first word with which a query could write: COPY, or a function that runs SQL from a string.

    A COPY inside a query could replace the database and its log. `copy` in quotes, in a string or in a comment is
    harmless.
    """
    raw, tokens = sql.encode(), duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(raw)]
    for (start, kind), end in zip(tokens, ends, strict=True):
        word = raw[start:end].decode("utf-8", "replace").strip().lower()
        if kind == duckdb.token_type.keyword and word == "copy":
            return word
        if kind == duckdb.token_type.identifier and word.strip('"') in ("query", "json_execute_serialized_sql"):
            return word
    return None


@contextmanager
def limits(con: duckdb.DuckDBPyConnection, time_s: float, *, has_snapshot: bool = True) -> Iterator[None]:
    """Limit memory, spilled bytes and time of a connection's statements inside the block.

    Args:
        con: the connection.
        time_s: seconds after which its query is ended.
        has_snapshot: whether the message about the time advises to query the snapshot.

    Raises:
        DataError: time or memory was exceeded. ConfigError: a timer cannot take this time.
    """
    if not 0 < time_s <= MOST_TIME_S:
        raise ConfigError(f"--timeout {time_s:g}: give seconds up to {MOST_TIME_S:,.0f}, a week")
    memory = min(MEMORY_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    con.execute(f"SET memory_limit = '{memory}B'")
    con.execute(f"SET max_temp_directory_size = '{SPILL_BYTES}B'")
    con.execute("SET lock_configuration = true")
    over = threading.Event()

    def end() -> None:
        over.set()
        con.interrupt()

    timer = threading.Timer(time_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (duckdb.InterruptException, RuntimeError) as error:
        if over.is_set():
            remedy = "read fewer rows, or query the snapshot" if has_snapshot else "read fewer rows"
            raise DataError(f"the query took more than {time_s:g} s (--timeout); {remedy}") from error
        raise
    except duckdb.OutOfMemoryException as error:
        raise DataError(
            f"the query needs more than {memory / 2**30:.1f} GiB of memory; read fewer rows or columns"
        ) from error
    finally:
        timer.cancel()

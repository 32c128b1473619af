"""The access log: it records who looked up the person behind a code or an id, and when."""

from __future__ import annotations

import os
import pwd

import duckdb

from monitor.database.statements import execute, utc_now


def account() -> str:
    """The name of the account that runs this process; its number if it has no name.

    `getpass.getuser` would take the name from LOGNAME or USER, which anybody can set.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def log_access(con: duckdb.DuckDBPyConnection, command: str, code: str | None, n_people: int) -> None:
    """Write one line into the table access_log.

    Args:
        con: a connection that may write; the caller commits, before anything is shown.
        command: the command, "who" or "report".
        code: the code of the person; None if nobody was found, or if a roster named several.
        n_people: number of people who were named.
    """
    execute(con, "queries/log_access", now=utc_now(), by=account(), command=command, code=code, n_people=n_people)

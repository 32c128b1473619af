"""The rules for ids that a database was filled with: every run must use those of the first run."""

from __future__ import annotations

import duckdb

from monitor.database.statements import execute, utc_now
from monitor.errors import ConfigError
from monitor.intake.row_rules import IdRules


def recorded_id_rules(con: duckdb.DuckDBPyConnection) -> IdRules | None:
    """The rules by which the subjects' ids were read; None: none are recorded, or there are no subjects."""
    rows = execute(con, "queries/id_rules").fetchall()  # read to the end, see fetch_number
    return IdRules(casefold=rows[0][0], strip=rows[0][1]) if rows else None


def check_id_rules(con: duckdb.DuckDBPyConnection, rules: IdRules, db: object) -> None:
    """Require the recorded rules; under others a person whose id they change would come a second time.

    Args:
        con: the database.
        rules: of the run.
        db: its name, for the message.

    Raises:
        ConfigError: the recorded rules are others.
    """
    recorded = recorded_id_rules(con)
    if recorded is None or recorded == rules:
        return
    names = recorded.model_dump()
    lines = ", ".join(f"{name} = {str(value).lower()}" for name, value in names.items())
    options = " ".join(f"--{name}" for name, value in names.items() if value)
    late = execute(con, "queries/late_id_rules").fetchall()
    what = f"the rules of its ids were recorded on {late[0][0]:%Y-%m-%d} as" if late else "its ids were read with"
    raise ConfigError(
        f"{db}: {what} [ids] {lines}, and other rules give its people a second id; set [ids] back to "
        f"these (score: {options or 'neither --casefold nor --strip'}), or read all files into a new database"
    )


def record_id_rules(
    con: duckdb.DuckDBPyConnection, rules: IdRules, *, is_given: bool, is_night: bool = False
) -> bool:
    """Record the rules of a run, unless `recorded_id_rules` has some.

    Args:
        con: the database.
        rules: of the run.
        is_given: whether the settings or an option gave them. Rules that nobody gave are recorded only while the
            database has no subjects, because earlier runs may have had others, or by a night after other nights.
        is_night: whether the run is one of the nightly ones, or of `watch`.

    Returns:
        whether rules are recorded now.
    """
    if recorded_id_rules(con) is None:
        con.execute("DELETE FROM id_rules")  # of a run that read no subject
        execute(
            con, "queries/record_id_rules", **rules.model_dump(), is_given=is_given, is_night=is_night, now=utc_now()
        )
    return bool(con.execute("FROM id_rules").fetchall())

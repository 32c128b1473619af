"""Remove old texts, or every row of a subject, together with their bytes in the database file.

DuckDB marks deleted rows as free and leaves their bytes in the file. We therefore copy the remaining rows to a new
file, which replaces the old one in one step, so that a reader sees either file complete. The file system may keep
blocks of the old file until it reuses them; only an encrypted disk helps against that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from monitor.database.connection import Database
from monitor.database.copy import database_copy
from monitor.database.doublewrite import remove_copy
from monitor.database.statements import execute, utc_now
from monitor.errors import ClockError

MAX_JUMP_DAYS = 31  # between two runs; one night with a clock a year ahead would remove a year of texts


def drop_old_texts(db: Database, days: int, now: dt.datetime | None = None, *, trust_clock: bool = False) -> int:
    """Remove texts, raw content of rejects and notes of the case log that are older than `days` days; scores stay.

    The file is rewritten only if there are any. The caller holds `Database.only_writer`.

    Args:
        db: the database.
        days: age from which texts are removed. It counts from the time at which a text was read, not posted.
        now: UTC; None: the machine's clock.
        trust_clock: accept a clock that is far ahead of the last accepted one.

    Returns:
        the number of removed texts.

    Raises:
        ClockError: `now` is more than MAX_JUMP_DAYS after the last accepted time; nothing was removed.
        StoreError: the database cannot be read or the copy cannot be written; the database is then unchanged.
    """
    now = now or utc_now()
    before = now - dt.timedelta(days=days)
    with db.reading() as con:
        (accepted,) = execute(con, "queries/last_accepted_clock").fetchall()[0]
        n_texts, n_rejects, n_notes = execute(con, "queries/count_old_texts", before=before).fetchall()[0]
    if not trust_clock:
        check_clock(now, accepted, "risk-monitor nightly --yes")
    with db.writing() as con:
        execute(con, "queries/accept_clock", now=now)
    if n_texts or n_rejects or n_notes:
        rewrite(db, before=before)
    return int(n_texts)


def check_clock(now: dt.datetime, accepted: dt.datetime | None, command: str) -> None:
    """Check that a clock is not far ahead of the last accepted time; otherwise every text would count as old.

    Args:
        now: UTC, what the clock says.
        accepted: UTC; None: there is no earlier time to compare with.
        command: the command line that accepts this clock.

    Raises:
        ClockError: `now` is more than MAX_JUMP_DAYS after `accepted`.
    """
    jump = (now - accepted).days if accepted is not None else 0
    if jump > MAX_JUMP_DAYS:
        raise ClockError(
            f"no old text was removed: the clock says {now:%Y-%m-%d}, {jump:,} days after the last run; if that is "
            f"right, run once: {command}"
        )


def rewrite(db: Database, *, subjects: Sequence[str] = (), before: dt.datetime | None = None) -> dict[str, int]:
    """Replace the database file by a copy without these subjects and without texts ingested before a time.

    Rows of other tables are copied unchanged. The caller holds `Database.only_writer`.

    Args:
        db: the database.
        subjects: their ids as they occur in the database, and as they may occur in file names.
        before: UTC; None: all texts stay.

    Returns:
        the number of removed rows of each table that lost any, and of file names that contained an id.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written; the database is then unchanged.
    """
    # If the path is a link, its target is replaced and not the link.
    new = db.file.with_name(f".{db.file.name}.rewrite")
    with database_copy(db, new, subjects=subjects, before=before) as removed:
        new.replace(db.file)
        remove_copy(db.file)  # its statistics may contain removed values
    return removed

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


def drop_old_texts(db: Database, days: int, now: dt.datetime | None = None) -> int:
    """Remove texts, and the raw content of rejects, that were ingested more than `days` days ago; scores stay.

    The file is rewritten only if there are any. The caller holds `Database.only_writer`.

    Returns:
        the number of removed texts.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written; the database is then unchanged.
    """
    before = (now or utc_now()) - dt.timedelta(days=days)
    with db.reading() as con:
        n_texts, n_rejects = execute(con, "queries/count_old_texts", before=before).fetchall()[0]
    if n_texts or n_rejects:
        rewrite(db, before=before)
    return int(n_texts)


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

"""What may not be kept any longer goes, and its bytes with it: old texts, and everything of a subject.

DuckDB marks what is deleted as free and leaves its bytes in the file. So the rows that may stay are copied to a
new file, which takes the place of the old one in one step; whoever looks sees the one or the other, whole. The
file system may still hold blocks of the old file until it uses them again: only an encrypted disk helps there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from monitor.database.connection import Database
from monitor.database.copy import database_copy
from monitor.database.doublewrite import remove_copy
from monitor.database.statements import execute, utc_now


def drop_old_texts(db: Database, days: int, now: dt.datetime | None = None) -> int:
    """Let texts, and what rejects hold of their rows, go once they were kept for `days` days; scores stay.

    The file is written anew if there is any. The caller holds `database.only_writer`.

    Returns:
        how many texts went.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written; nothing has changed then.
    """
    before = (now or utc_now()) - dt.timedelta(days=days)
    with db.reading() as con:
        n_texts, n_rejects = execute(con, "queries/count_old_texts", before=before).fetchall()[0]
    if n_texts or n_rejects:
        rewrite(db, before=before)
    return int(n_texts)


def rewrite(
    db: Database, *, subjects: Sequence[str] = (), before: dt.datetime | None = None
) -> dict[str, int]:
    """Replace the database file by a copy without these subjects and without texts taken in before a time.

    Rows of other tables are copied as they are. The caller holds `database.only_writer`.

    Args:
        db: the database.
        subjects: their ids as the database holds them, and as file names may hold them.
        before: UTC; None: all texts stay.

    Returns:
        how many rows of each table went, where any did, and names of files that hold an id.

    Raises:
        StoreError: the database cannot be read or the copy cannot be written; nothing has changed then.
    """
    # The file that a link stands for is replaced, not the link.
    new = db.file.with_name(f".{db.file.name}.rewrite")
    with database_copy(db, new, subjects=subjects, before=before) as gone:
        new.replace(db.file)
        remove_copy(db.file)  # it may hold of the statistics what is forgotten
    return gone

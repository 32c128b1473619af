"""Search stored texts anew after a change of the list of crisis wording."""

from __future__ import annotations

from jobs.console.interrupts import raise_if_stopped
from jobs.console.progress import print_note, print_warning, progress
from jobs.pipeline.mention_search import find_mentions
from monitor.crisis import CrisisList
from monitor.database import store
from monitor.database.connection import Database
from monitor.database.lake_views import lake_url
from monitor.database.statements import execute

BATCH_ROWS = 20_000  # a second or two of searching
BATCH_BYTES = 32 * 2**20


def search_anew(db: Database, crisis: CrisisList, run_id: str) -> None:
    """Search the stored texts that another list has searched, and replace their mentions.

    Each batch is one transaction, so after a kill the next run searches the rest. Mentions in texts that retention
    has removed stay. Texts of a lake are left alone. The caller holds `database.only_writer`.

    Args:
        db: the database.
        crisis: the list that the settings of this database name.
        run_id: the run.
    """
    list_id = crisis.fingerprint
    with db.writing() as con:
        if lake_url(con) is not None:
            return
        execute(con, "queries/take_list", list_id=list_id)
        other = store.count_other_searches(con, list_id)
    if not other.n_texts:
        return
    n_left = other.n_texts
    with progress("searching", "texts", n_left) as advance:
        while n_left:
            with db.reading() as con:
                rows = store.searched_otherwise(con, list_id, BATCH_ROWS, BATCH_BYTES)
            mentions = find_mentions(rows, crisis)
            with db.writing() as con:
                store.replace_mentions(con, rows, mentions, list_id, run_id)
            n_left -= rows.height
            advance(rows.height)
            raise_if_stopped()
    print_note(_told(other))


def warn_of_other_list(db: Database, crisis: CrisisList) -> None:
    """Warn of stored texts that another list has searched, in a run without settings of this database."""
    with db.reading() as con:
        n_texts, _ = store.count_other_searches(con, crisis.fingerprint)
    if n_texts:
        print_warning(
            f"{db}: {_texts(n_texts)} searched with another list of crisis wording and keep what it found; new texts "
            "are searched with the list of this run; the settings of the database (--config) search all with theirs"
        )


def _told(other: store.OtherSearches) -> str:
    them = "it" if other.n_texts == 1 else "them"
    told = f"crisis wording: {_texts(other.n_texts)} searched anew, because another list had searched {them}"
    if other.n_kept == 1:
        return f"{told}; 1 mention of an earlier list stays, because retention removed its text"
    if other.n_kept:
        return f"{told}; {other.n_kept:,} mentions of earlier lists stay, because retention removed their texts"
    return told


def _texts(n: int) -> str:
    return f"{n:,} stored text{' was' if n == 1 else 's were'}"

"""Read the true courses of `evaluate-alerts --truth`, and match their ids with those of the feed or the database."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb
import polars as pl

from jobs.console.progress import print_warning
from jobs.pipeline.people import first_rows, known_ids, lacking_key
from monitor.evaluation.early_detection import Feed, Truth, read_truth
from monitor.intake.documents import find_inputs, read_documents
from monitor.intake.recorded_rules import recorded_id_rules
from monitor.intake.row_rules import IdRules
from monitor.privacy.agreement import open_key, recorded_key


def known_courses(
    con: duckdb.DuckDBPyConnection, truth: Path, feed: Feed, key_file: Path | None, ids: IdRules | None
) -> Truth:
    """The courses of a file, whose ids are matched with those of the database; warns about ids that it lacks.

    Args:
        con: connection to the database; only read.
        truth: the file.
        feed: days of the scored texts.
        key_file: the key of the pseudonyms; None: the ids are plain.
        ids: the table [ids] of the settings, for a database that has not recorded its own.

    Raises:
        DataError: the truth cannot be used. StoreError, ConfigError: as `open_key`.
    """
    recorded = recorded_key(con)
    pseudonyms = open_key(recorded, key_file)
    no_key = lacking_key(recorded, pseudonyms, key_file) if key_file else ""
    find = partial(known_ids, known=feed.days, pseudonyms=pseudonyms, rules=recorded_id_rules(con) or ids)
    courses = read_truth(truth, feed, find, no_key)
    if n := len(courses.unknown):
        print_warning(
            f"{truth}: {n:,} of its {courses.n_rows:,} rows {'is' if n == 1 else 'are'} not used, because nobody in "
            f"the feed has this subject_id ({first_rows(courses.unknown)}){no_key}"
        )
    return courses


def check_truth(truth: Path, texts: Path) -> None:
    """Check the courses against the texts before hours of scoring, and before a database keeps the texts.

    Raises:
        DataError: the texts or the truth cannot be read, or the truth is of other subjects.
    """
    days = [
        chunk.documents.select("subject_id", day=pl.col("posted_at").dt.date())
        for path in find_inputs([texts])
        for chunk in read_documents(path, pseudonyms=None)
    ]
    if any(frame.height for frame in days):  # otherwise `score_files` says what is wrong with the texts
        feed = Feed.of(pl.concat(days).group_by("subject_id", "day").agg(n=pl.len()))
        read_truth(truth, feed, partial(known_ids, known=feed.days, pseudonyms=None))

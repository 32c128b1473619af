"""Quality of a run's input: measures of the new rows, compared with limits and with the four weeks before.

A judgement discards no row. The ledger shows the run as yellow or red, with reasons that contain no texts or ids.
Drift is measured robustly, so that a single odd text has no influence. Length drift is the shift of the median in
units of 1.4826 times the earlier median absolute deviation (a robust standard deviation; Hampel 1974). Language drift
is the total variation distance between the mean shares of letters in frequent English words, in other Latin words,
and in other scripts. A model trained on English scores any text; only this measure warns of another language.

The limits' defaults come from experiments. Random batches of 50 texts of four English feeds differ from their past by
0.033 in language and 0.4 in length at most; on 60 real days of a blog feed 0.013, and 0.24 in length on 57 of them.
A feed of comments after one of tweets differs by 0.08, a half German batch by 0.08 to 0.12, a German one by 0.16 to
0.25, a Chinese one by 1.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import duckdb

from monitor.database.connection import Database
from monitor.database.ledger import REPLACED, judge_run
from monitor.database.statements import query
from monitor.errors import StoreError
from monitor.intake.quality_limits import Quality

PAST = dt.timedelta(days=28)
MAX_TEXTS = 5_000  # of a run, and of the weeks before it; a larger sample tells no more
FEW_REJECTS = 2  # rejects of a run with few rows that count; a single reject is one person's slip
MIN_SPREAD = 0.05  # of log-lengths; texts of equal length would have a spread of 0, and drift is divided by it
LEVELS = ("green", "yellow", "red")
KINDS = ("english", "latin", "other", "none")


class Judgement(NamedTuple):
    """The worst of the findings' levels, and the findings."""

    level: str
    findings: tuple[str, ...]


def record_judgement(db: Database, run_id: str, measures: Mapping[str, float], limits: Quality) -> Judgement:
    """Judge the measures of a run's input, and write the judgement into the ledger.

    Raises:
        StoreError: the database cannot be written, or is not the one with which the run began.
    """
    judgement = judge(measures, limits)
    with db.writing() as con:
        judge_run(con, run_id, judgement.level, judgement.findings)
    return judgement


def measure(con: duckdb.DuckDBPyConnection, run_id: str, min_rows: int = 50) -> dict[str, float]:
    """Name of a limit -> its measure of a run, for the measures with enough rows.

    The rows of nights that ended before their input was judged (killed, stopped or failed) count as the run's own.

    Raises:
        StoreError: the database is not the one with which the run began.
    """
    runs = query(con, "queries/judged_runs", run_id=run_id)["run_id"].to_list()
    if not runs:
        raise StoreError(REPLACED)
    counts = _row(con, "quality_counts", run_id=run_id, runs=runs)
    measures: dict[str, float] = {"unread_files": counts["n_refused_files"]}
    n_rejected = counts["n_rejected"] - counts["n_known_rejects"]
    if counts["n_read"] >= min_rows:
        measures["rejected"] = n_rejected / counts["n_read"]
    elif n_rejected >= FEW_REJECTS:
        measures["rejected_few"] = n_rejected / counts["n_read"]
    if counts["n_valid"] >= min_rows:
        measures["duplicates"] = counts["n_duplicate"] / counts["n_valid"]
    scored = _row(con, "quality_truncated", runs=runs)
    if scored["n"] >= min_rows:
        measures["truncated"] = scored["n_truncated"] / scored["n"]
    if n_alike := _row(con, "quality_look_alikes", runs=runs)["n"]:
        measures["look_alikes"] = n_alike
    if n_ahead := _row(con, "quality_dated_ahead", runs=runs)["n"]:
        measures["dated_ahead"] = n_ahead
    since = counts["started_at"] - PAST
    copies = _row(con, "quality_copies", runs=runs, since=since)
    if copies["n"] >= min_rows:
        measures["copies"] = copies["n_copies"] / copies["n"]
        periods = query(con, "queries/quality_texts", runs=runs, since=since, max_texts=MAX_TEXTS)
        texts = {row["period"]: row for row in periods.to_dicts()}
        if "past" in texts and texts["past"]["n"] >= min_rows:
            measures |= drift(texts["now"], texts["past"])
    return measures


def drift(now: dict[str, Any], past: dict[str, Any]) -> dict[str, float]:
    """Drift of length and language between two rows of sql/queries/quality_texts.sql."""
    deviation = 1.4826 * max(past["spread"], MIN_SPREAD)
    return {
        "length": abs(now["size"] - past["size"]) / deviation,
        "language": sum(abs(now[kind] - past[kind]) for kind in KINDS) / 2,
    }


SENTENCES = {
    "unread_files": "{value:.0f} file{s} could not be read, or not to the end ({level} from {limit:g})",
    "undecided_files": "{value:.0f} file{s} of the inbox that two feeds name: not read ({level} from {limit:g})",
    "look_alikes": "{value:.0f} new subject{s} differ{third} from known ones only by case, .0 or accents, spaces or "
    "leading zeros ({level} from {limit:g}); if they are the same people, read all files into a new database with "
    "[ids] in its settings, or set [ids] back if it was changed: a change gives people of this database a second id",
    "dated_ahead": "{value:.0f} new text{s} dated more than a day ahead: a wrong year, or a wrong clock? "
    "({level} from {limit:g})",
    "rejected": "{value:.0%} of the rows read were rejected ({level} from {limit:.0%})",
    "rejected_few": "{value:.0%} of the few rows read were rejected ({level} from {limit:.0%})",
    "duplicates": "{value:.0%} of the valid rows were known already ({level} from {limit:.0%})",
    "copies": "{value:.0%} of the new texts repeat their subject word for word ({level} from {limit:.0%})",
    "truncated": "{value:.0%} of the texts were not read to their end, see max_pieces ({level} from {limit:.0%})",
    "language": "{value:.0%} of the letters are in other kinds of words than in the four weeks before: another "
    "language? ({level} from {limit:.0%})",
    "length": "the median length of texts moved by {value:.1f} robust standard deviations against the four weeks "
    "before ({level} from {limit:g})",
}


def judge(measures: Mapping[str, float], limits: Quality) -> Judgement:
    """The level of a run and its findings: the measures that reach their limits, the worst first."""
    findings = []
    for name, value in measures.items():
        yellow, red = getattr(limits, name)
        level = sum(value >= limit and not math.isclose(value, 0) for limit in (yellow, red))
        if level:
            limit = (yellow, red)[level - 1]
            words = {"value": value, "limit": limit, "level": LEVELS[level], "s": "" if value == 1 else "s"}
            words["third"] = "s" if value == 1 else ""
            findings.append((level, SENTENCES[name].format(**words)))
    findings.sort(key=lambda finding: -finding[0])
    return Judgement(LEVELS[findings[0][0] if findings else 0], tuple(sentence for _, sentence in findings))


def _row(con: duckdb.DuckDBPyConnection, name: str, **params: object) -> dict[str, Any]:
    return next(query(con, f"queries/{name}", **params).iter_rows(named=True), {})

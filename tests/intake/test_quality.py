"""The quality of a run's input: each measure, its limits, and the judgement in the ledger."""

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.errors import StoreError
from monitor.intake import quality
from monitor.intake.quality import Judgement, drift, judge, measure, record_judgement
from monitor.intake.quality_limits import Quality

LIMITS = Quality()


def english(first: int) -> list[str]:
    """A hundred texts of five lengths, none like those of another start."""
    return [
        " ".join([f"i feel that day {i} is long and my head full of it"] * (i % 5 + 1))
        for i in range(first, first + 100)
    ]


ENGLISH, MORE = english(100), english(200)
GERMAN = [" ".join([f"ich finde tag {i} ist schon wieder so lang"] * (i % 5 + 1)) for i in range(100, 200)]
CHINESE = [f"今天真的很累不想说话{i}" for i in range(100)]


def append_run(db: Path, texts: Sequence[str], day: int, **counts: int) -> str:
    """A run on a day of January that appended these texts, one a subject of ten."""
    at = dt.datetime(2026, 1, day, 2, 15)
    with Database(db).writing() as con:
        run = ledger.start_run(con, "nightly", None)
        frame = pl.DataFrame(
            {
                "doc_id": [f"{day}-{i}" for i in range(len(texts))],
                "subject_id": [f"s{i % 10}" for i in range(len(texts))],
                "posted_at": [at] * len(texts),
                "text": texts,
                "source": pl.Series([None] * len(texts), dtype=pl.String),
            }
        )
        store.append_documents(con, frame, run)
        ledger.count_in_run(con, run, **({"n_read": len(texts), "n_appended": len(texts)} | counts))
        con.execute("UPDATE documents SET ingested_at = ? WHERE run_id = ?", [at, run])
        con.execute("UPDATE runs SET started_at = ? WHERE run_id = ?", [at, run])
        ledger.finish_run(con, run)
    return run


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quality") / "risk.duckdb"
    append_run(path, ENGLISH, 5)
    return path


@pytest.fixture
def db(one_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(one_run, tmp_path / "risk.duckdb"))


def measured(db: Path, run: str) -> dict[str, float]:
    with Database(db).reading() as con:
        return measure(con, run)


def judged(db: Path, run: str) -> Judgement:
    return record_judgement(Database(db), run, measured(db, run), LIMITS)


def test_input_like_the_past_is_green_without_findings(db: Path) -> None:
    run = append_run(db, MORE, 6)
    assert judged(db, run) == Judgement("green", ())
    with Database(db).reading() as con:
        assert con.execute("SELECT quality, findings FROM runs WHERE run_id = ?", [run]).fetchall() == [
            ("green", "[]")
        ]


@pytest.mark.parametrize(
    ("counts", "level", "finding"),
    [
        ({"n_read": 105, "n_rejected": 5}, "green", None),
        ({"n_read": 106, "n_rejected": 6}, "yellow", "6% of the rows read were rejected (yellow from 5%)"),
        ({"n_read": 200, "n_rejected": 100}, "red", "50% of the rows read were rejected (red from 25%)"),
        (
            {"n_read": 400, "n_duplicate": 300},
            "yellow",
            "75% of the valid rows were known already (yellow from 50%)",
        ),
        ({"n_duplicate": 100}, "yellow", "100% of the valid rows were known already (yellow from 50%)"),
        ({"n_refused_files": 1}, "yellow", "1 file could not be read, or not to the end (yellow from 1)"),
        ({"n_refused_files": 3}, "red", "3 files could not be read, or not to the end (red from 3)"),
    ],
)
def test_counts_are_compared_with_their_limits(
    db: Path, counts: dict[str, int], level: str, finding: str | None
) -> None:
    run = append_run(db, MORE, 6, **counts)
    assert judged(db, run) == Judgement(level, (finding,) if finding else ())
    with Database(db).reading() as con:
        ((quality_level, findings),) = con.execute(
            "SELECT quality, findings FROM runs WHERE run_id = ?", [run]
        ).fetchall()
    assert (quality_level, json.loads(findings)) == (level, [finding] if finding else [])


@pytest.mark.parametrize(
    ("n_read", "n_rejected", "n_known", "level"),
    [
        (1, 1, 0, "green"),
        (2, 2, 0, "yellow"),
        (49, 49, 0, "yellow"),
        (49, 25, 0, "yellow"),
        (49, 24, 0, "green"),
        (3, 3, 2, "green"),
        (5, 5, 5, "green"),
        (50, 50, 0, "red"),
    ],
)
def test_most_of_a_few_rows_rejected_is_yellow_but_one_row_or_known_ones_are_not(
    db: Path, n_read: int, n_rejected: int, n_known: int, level: str
) -> None:
    counts = {"n_read": n_read, "n_rejected": n_rejected, "n_known_rejects": n_known, "n_appended": 0}
    judgement = judged(db, append_run(db, [], 6, **counts))
    assert judgement.level == level
    assert len(judgement.findings) == (level != "green")
    if level == "yellow":
        assert judgement.findings[0].endswith("of the few rows read were rejected (yellow from 50%)")


def test_texts_repeated_under_other_ids_are_copies(db: Path) -> None:
    again = [*ENGLISH[:20], *(f"new {text}" for text in ENGLISH[20:])]
    assert measured(db, append_run(db, again, 6))["copies"] == 0.2
    twice = [f"fresh {i % 90}" for i in range(100)]  # ten of them once more, of the same subjects
    assert measured(db, append_run(db, twice, 7))["copies"] == 0.1
    assert measured(db, append_run(db, ENGLISH[1:] + ENGLISH[:1], 8))["copies"] == 0.0, "others wrote these"


@pytest.mark.parametrize(("texts", "level"), [(MORE[:85] + GERMAN[85:], "yellow"), (GERMAN, "red"), (CHINESE, "red")])
def test_another_language_makes_the_run_yellow_or_red(db: Path, texts: list[str], level: str) -> None:
    judgement = judged(db, append_run(db, texts, 6))
    assert judgement.level == level
    assert any("another language?" in finding for finding in judgement.findings)
    assert not any(words in finding for finding in judgement.findings for words in ("ich", "feel", "今"))


def test_texts_without_letters_are_drift(db: Path) -> None:
    assert measured(db, append_run(db, [":) " * (i % 9 + 1) for i in range(100)], 6))["language"] == pytest.approx(1)


def test_length_drift_is_robust_and_scaled_by_past_spread(db: Path) -> None:
    one_huge = [*MORE[1:], "x" * 100_000]
    assert measured(db, append_run(db, one_huge, 6))["length"] < 0.5
    assert measured(db, append_run(db, [text * 9 for text in MORE], 7))["length"] > 2
    same = {"size": 3.0, "spread": 0.5, "english": 0.2, "latin": 0.8, "other": 0.0, "none": 0.0}
    moved = same | {"size": 4.0, "english": 0.0, "latin": 0.5, "other": 0.5}
    assert drift(moved, same) == pytest.approx({"length": 1 / (1.4826 * 0.5), "language": 0.5})
    assert drift(same, same) == {"length": 0, "language": 0}


def test_few_rows_and_first_runs_are_not_judged_by_shares(db: Path) -> None:
    assert set(measured(db, append_run(db, GERMAN[:49], 6))) == {"unread_files"}
    assert "language" in measured(db, append_run(db, GERMAN, 7))
    empty = db.with_name("empty.duckdb")
    run = append_run(empty, GERMAN, 5)
    assert set(measured(empty, run)) == {"unread_files", "rejected", "duplicates", "copies"}
    assert judged(empty, append_run(empty, [], 6)).level == "green"


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_the_input_of_a_night_that_ended_too_early_is_judged_with_that_of_the_next(db: Path, status: str) -> None:
    """Nobody reads its files again, so nothing else would tell of them."""
    ended = append_run(db, GERMAN, 6, n_rejected=40)
    alone = measured(db, ended)
    with Database(db).writing() as con:
        con.execute("UPDATE runs SET status = $status WHERE run_id = $run", {"status": status, "run": ended})
    run = append_run(db, [], 7)
    assert measured(db, run).items() >= alone.items()
    assert judged(db, run).level == "red"
    assert set(measured(db, append_run(db, [], 8))) == {"unread_files"}


def test_texts_dated_more_than_a_day_ahead_make_the_run_yellow(db: Path) -> None:
    run = append_run(db, MORE[:3], 6)
    with Database(db).writing() as con:
        con.execute("UPDATE documents SET posted_at = posted_at + INTERVAL 1 DAY WHERE run_id = ?", [run])
    assert judged(db, run) == Judgement("green", ())
    with Database(db).writing() as con:
        con.execute("UPDATE documents SET posted_at = '2027-01-06' WHERE run_id = ? AND doc_id = '6-0'", [run])
    assert judged(db, run) == Judgement(
        "yellow", ("1 new text dated more than a day ahead: a wrong year, or a wrong clock? (yellow from 1)",)
    )


def test_texts_older_than_four_weeks_are_not_compared(db: Path) -> None:
    with Database(db).writing() as con:
        con.execute("UPDATE documents SET ingested_at = '2025-12-01'")
    assert "language" not in measured(db, append_run(db, GERMAN, 6))


def test_a_run_missing_in_the_database_is_not_judged(db: Path) -> None:
    with pytest.raises(StoreError, match="deleted or replaced while this run worked"):
        measured(db, "20260101T000000.000-abcd")


def test_the_worst_finding_sets_the_level_and_comes_first() -> None:
    measures = {"rejected": 0.06, "language": 0.9, "length": 0.1}
    judgement = judge(measures, LIMITS)
    assert judgement.level == "red"
    assert [finding.split("%")[0] for finding in judgement.findings] == ["90", "6"]


def test_large_runs_are_sampled_the_same_each_time(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = append_run(db, [*GERMAN, *MORE], 6)
    complete = measured(db, run)
    monkeypatch.setattr(quality, "MAX_TEXTS", 60)
    sample = measured(db, run)
    assert sample == measured(db, run)
    assert sample["language"] == pytest.approx(complete["language"], abs=0.1)

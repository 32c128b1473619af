"""Numbers beside texts: a run stores each once, bad ones are rejects, and they go where their subject goes."""

from pathlib import Path
from typing import Any

import pytest

from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import DataError
from monitor.intake.feeds import Feed
from monitor.intake.row_rules import OnChange
from monitor.privacy.forgetting import forget, possible_ids, values_containing
from monitor.privacy.pseudonyms import open_pseudonyms
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

HEADER = "subject_id,posted_at,text,Sleep,Steps\n"
DIARY = (
    's1,2026-01-05,a calm day of joy,"7,5",8000\n'
    "s1,2026-01-06,a long day,6.5 h,\n"
    "s1,2026-01-07,,8,NaN\n"
    "s1,someday,no date,5,1\n"
    "s2,2026-01-05,fine,6,\n"
    "s2,2026-01-05,tired,inf,900\n"
)
STORED = [
    ("s1", 5, "Sleep", 7.5, 2),
    ("s1", 5, "Steps", 8000.0, 2),
    ("s1", 7, "Sleep", 8.0, 4),
    ("s2", 5, "Sleep", 6.0, 6),
    ("s2", 5, "Steps", 900.0, 7),
]
SQL = 'SELECT subject_id, day(measured_at), name, value, "row" FROM measures ORDER BY ALL'


def rows(db: Database, sql: str) -> list[tuple[Any, ...]]:
    with db.reading() as con:
        return con.execute(sql).fetchall()


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(tmp_path / "risk.duckdb")


def score(
    db: Database, *files: Path, key: Path | None = None, on_change: OnChange = "reject", doc_id: str | None = None
) -> RunCounts:
    feed = Feed(measures=("Sleep", "Steps"), doc_id=doc_id)
    return score_files(files, db, KeywordScorer, feed_of=lambda _: feed, key_file=key, on_change=on_change).counts


@pytest.mark.slow
def test_each_number_is_stored_once_and_a_bad_one_keeps_its_text(db: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + DIARY)
    counts = score(db, file)
    assert rows(db, SQL) == STORED
    assert (counts.n_read, counts.n_rejected, counts.n_appended, counts.n_not_texts) == (5, 1, 4, 1)
    assert (counts.n_measures, counts.n_bad_measures) == (5, 2)
    bad = rows(db, 'SELECT "row", "column", reason, raw FROM rejects WHERE "column" = \'Sleep\' ORDER BY "row"')
    assert [(row, name) for row, name, *_ in bad] == [(3, "Sleep"), (7, "Sleep")]
    assert all(reason.startswith("not a number; write it as 7.5") for *_, reason, _ in bad)
    assert bad[0][-1] == '{"subject_id": "s1", "Sleep": "6.5 h"}'
    other = write(tmp_path / "b.csv", HEADER + DIARY)
    again = score(db, file, other)
    assert (again.n_measures, again.n_bad_measures) == (0, 4)
    assert rows(db, SQL) == STORED
    assert rows(db, "SELECT count(*) FROM rejects WHERE file LIKE '%a.csv'") == [(3,)]


@pytest.mark.slow
@pytest.mark.parametrize(("on_change", "sleep"), [("reject", [7.5, 8.0]), ("replace", [4.0, 8.0])])
def test_another_number_of_one_time_is_refused_or_replaces(
    db: Database, tmp_path: Path, on_change: OnChange, sleep: list[float]
) -> None:
    first = write(tmp_path / "a.csv", HEADER + DIARY)
    second = write(
        tmp_path / "b.csv", HEADER + "s1,2026-01-05,a calm day of joy,5,\ns1,2026-01-05,once more,4,8000\n"
    )
    score(db, first, on_change=on_change)
    counts = score(db, second, on_change=on_change)
    mine = "SELECT value FROM measures WHERE name = 'Sleep' AND subject_id = 's1' ORDER BY measured_at"
    assert [value for (value,) in rows(db, mine)] == sleep
    refused = rows(db, 'SELECT "row" FROM rejects WHERE reason LIKE \'another number%\' ORDER BY "row"')
    assert refused == ([(2,), (3,)] if on_change == "reject" else [])
    assert counts.n_measures == (0 if on_change == "reject" else 1)
    score(db, first, on_change=on_change)  # an old file brings no replaced number back
    assert [value for (value,) in rows(db, mine)] == sleep


@pytest.mark.slow
def test_a_file_of_numbers_alone_is_input_that_can_be_used(db: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "s1,2026-01-07,,8,\ns1,2026-01-08,,7,100\n")
    for n_new in (3, 0):
        counts = score(db, file)
        assert counts.n_measures == n_new
        counts.check_taken("the table rejects")
    none = write(tmp_path / "b.csv", HEADER + "s1,2026-01-07,,,\n")
    with pytest.raises(DataError):
        score(db, none).check_taken("the table rejects")


@pytest.mark.slow
def test_a_corrected_time_moves_the_numbers_of_its_row(db: Database, tmp_path: Path) -> None:
    header = "id," + HEADER
    for name, row in (("a.csv", "d1,s1,2026-01-05,calm,7,100"), ("b.csv", "d1,s1,2026-01-08,calm,7,100")):
        score(db, write(tmp_path / name, f"{header}{row}\n"), on_change="replace", doc_id="id")
    moved = [("s1", 8, "Sleep", 7.0, 2), ("s1", 8, "Steps", 100.0, 2)]
    assert rows(db, SQL) == moved
    score(db, write(tmp_path / "c.csv", f"{header}d1,s1,2026-01-08,tired,,\n"), on_change="replace", doc_id="id")
    assert rows(db, SQL) == moved  # a corrected text alone takes no number away
    score(db, tmp_path / "a.csv", tmp_path / "b.csv", on_change="replace", doc_id="id")
    assert rows(db, SQL) == moved  # files that were read before bring no number to the old time


def test_a_time_that_the_same_file_corrects_moves_the_numbers_too(db: Database, tmp_path: Path) -> None:
    lines = ["d1,s1,2026-01-05,calm,7,100", "d2,s1,2026-01-06,joy,6,", "d1,s1,2026-01-08,calm,7,100"]
    file = write(tmp_path / "a.csv", "id," + HEADER + "".join(f"{line}\n" for line in lines))
    for _ in range(2):
        score(db, file, on_change="replace", doc_id="id")
        assert [row[:4] for row in rows(db, SQL)] == [
            ("s1", 6, "Sleep", 6.0),
            ("s1", 8, "Sleep", 7.0),
            ("s1", 8, "Steps", 100.0),
        ]


def test_a_corrected_time_takes_no_number_from_another_text_of_the_old_time(db: Database, tmp_path: Path) -> None:
    header = "id," + HEADER
    first = write(tmp_path / "a.csv", f"{header}d1,s1,2026-01-05,calm,7,\nd2,s1,2026-01-05,joy,,100\n")
    second = write(tmp_path / "b.csv", f"{header}d1,s1,2026-01-08,calm,7,\n")
    for file in (first, second):
        score(db, file, on_change="replace", doc_id="id")
    stored = [("s1", 5, "Sleep", 7.0), ("s1", 5, "Steps", 100.0), ("s1", 8, "Sleep", 7.0)]
    assert [row[:4] for row in rows(db, SQL)] == stored
    both = write(tmp_path / "c.csv", f"{header}d1,s1,2026-01-09,calm,7,\nd2,s1,2026-01-09,joy,,100\n")
    score(db, both, on_change="replace", doc_id="id")
    assert [row[:4] for row in rows(db, SQL)] == [("s1", 9, "Sleep", 7.0), ("s1", 9, "Steps", 100.0)]


@pytest.mark.slow
def test_numbers_bear_pseudonyms_and_are_forgotten_and_published_with_their_subject(
    db: Database, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    score(db, write(tmp_path / "margarete.csv", HEADER + DIARY.replace("s1", "margarete")), key=key)
    pseudonym = open_pseudonyms(key, create=False).of("margarete")
    assert {subject for subject, *_ in rows(db, SQL) if subject == pseudonym} == {pseudonym}
    assert rows(db, "SELECT count(*) FROM rejects WHERE contains(raw, 'margarete') OR contains(raw, '6.5')") == [(0,)]
    copy = Database(publish(db, tmp_path / "snapshot"))
    assert rows(copy, "SELECT count(*) FROM measures") == [(len(STORED),)]
    forget(db, possible_ids("margarete", open_pseudonyms(key, create=False)))
    assert rows(db, "SELECT DISTINCT name, file LIKE '%/forgotten-%' OR file LIKE 'forgotten-%' FROM measures") == [
        ("Sleep", True), ("Steps", True)
    ]  # fmt: skip
    assert rows(db, "SELECT count(*) FROM measures") == [(2,)]
    assert values_containing([db.file], [pseudonym, "margarete.csv"])[0] == []

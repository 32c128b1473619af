"""The order of the files of one run: the times of their last change decide, not their names."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.inbox import complete_files
from jobs.pipeline.ingest import ingest
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run import recorded_run
from jobs.pipeline.run_counts import RunCounts
from monitor.database.connection import Database
from monitor.intake.documents import find_inputs
from monitor.intake.feeds import Feed
from monitor.intake.reading_order import in_reading_order
from monitor.intake.row_rules import OnChange
from tests.support import nights
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.memory_database import memory_database
from tests.support.tries import tries

HEADER = "doc_id,subject_id,posted_at,text,Sleep\n"
FEED = Feed(files="**/*.csv", measures="Sleep")
NAMES = (
    "Journal.csv", "Journal (1).csv", "Journal (2).csv", "export-9.csv", "export-10.csv", "30-11-2026.csv",
    "01-12-2026.csv", "sub/a.csv", "Z.csv", "b.csv",
)  # fmt: skip
ROW = st.tuples(st.sampled_from("de"), st.sampled_from(["joy", "anger", "fear", ""]), st.sampled_from(["", "4", "7"]))
KEPT = (
    "SELECT doc_id, subject_id, posted_at, text FROM documents",
    "SELECT doc_id, version, text FROM superseded_documents",
    "SELECT subject_id, measured_at, name, value FROM measures",
)


def put(path: Path, rows: Sequence[tuple[str, str, str]], time: float) -> Path:
    """Write a file that was last changed at this time (seconds since 1970)."""
    path.parent.mkdir(exist_ok=True, parents=True)
    write(path, HEADER + "".join(f"{doc_id},s,2026-01-05,{text},{sleep}\n" for doc_id, text, sleep in rows))
    os.utime(path, (time, time))
    return path


def tables(db: Database, runs: Sequence[Sequence[Path]], on_change: OnChange) -> list[list[Any]]:
    """The rows of a database that has read these files, some a run."""
    for files in runs:
        with recorded_run(db, "nightly", None) as run_id:
            ingest(db, files, run_id, RunCounts(), unattended=True, feed_of=lambda _: FEED, on_change=on_change)
    with db.reading() as con:
        return [sorted(con.execute(sql).fetchall(), key=repr) for sql in KEPT]


@pytest.mark.slow
@settings(max_examples=tries(20))
@given(
    files=st.lists(st.lists(ROW, min_size=1, max_size=3), min_size=2, max_size=4),
    names=st.permutations(NAMES),
    on_change=st.sampled_from(["reject", "replace", "keep_both"]),
)
def test_files_of_one_night_are_read_as_on_one_night_each(
    files: list[list[tuple[str, str, str]]], names: list[str], on_change: OnChange
) -> None:
    with TemporaryDirectory() as name:
        inbox = Path(name) / "inbox"
        paths = [put(inbox / name, rows, 1e9 + i) for i, (name, rows) in enumerate(zip(names, files, strict=False))]
        assert complete_files(inbox, 0, [FEED]) == paths
        with memory_database() as each, memory_database() as one:
            one_by_one = tables(each, [[path] for path in paths], on_change)
            assert tables(one, [complete_files(inbox, 0, [FEED])], on_change) == one_by_one


@pytest.mark.slow
@pytest.mark.parametrize(
    ("on_change", "text", "n_alerts"), [("replace", "i want to kill myself", 1), ("reject", "a lovely day", 0)]
)
@pytest.mark.parametrize("names", [("Journal.csv", "Journal (1).csv"), ("30-11-2026.csv", "01-12-2026.csv")])
def test_a_correction_of_the_same_night_is_the_newest_file_whatever_its_name(
    tmp_path: Path, names: tuple[str, str], on_change: OnChange, text: str, n_alerts: int
) -> None:
    inbox = tmp_path / "inbox"
    put(inbox / names[0], [("d", "a lovely day", "")], 1e9)
    put(inbox / names[1], [("d", "i want to kill myself", "")], 1e9 + 86_400)
    chosen = nights.settings(tmp_path, inbox, on_change=on_change)
    run_pipeline(chosen, KeywordScorer, report=False)
    with Database(chosen.db).reading() as con:
        assert con.execute("SELECT text FROM documents").fetchall() == [(text,)]
        assert con.execute("SELECT count(*) FROM alerts WHERE rule = 'crisis'").fetchall() == [(n_alerts,)]


@pytest.mark.slow
def test_a_copy_of_an_older_file_in_the_same_night_brings_no_replaced_version_back(tmp_path: Path) -> None:
    old, new = [("d", "joy", "7")], [("d", "fear", "4")]
    files = (("Journal.csv", old), ("new.csv", new), ("Journal - Copy.csv", old))
    paths = [put(tmp_path / name, rows, 1e9 + i) for i, (name, rows) in enumerate(files)]
    documents, superseded, measures = tables(Database(tmp_path / "risk.duckdb"), [paths], "replace")
    assert [row[-1] for row in documents] == ["fear"]
    assert [row[-1] for row in superseded] == ["joy"]
    assert [row[-1] for row in measures] == [4.0]


def test_files_of_one_time_have_the_natural_order_of_their_names(tmp_path: Path) -> None:
    names = [
        "2.csv", "10.csv", "Journal.csv", "Journal (1).jsonl.gz", "Journal (2).csv", "Journal (10).csv.gz",
        "export-9.csv", "export-10.csv", "part9-1.csv", "part9-a.csv", "part10-1.csv", "week2/a.csv", "week10/a.csv",
    ]  # fmt: skip
    paths = [put(tmp_path / name, [], 1e9) for name in names]
    assert in_reading_order(reversed(paths)) == paths


def test_listed_files_keep_their_order_and_those_of_a_folder_or_pattern_have_that_of_their_times(
    tmp_path: Path,
) -> None:
    new, old = put(tmp_path / "a.csv", [], 2e9), put(tmp_path / "b.csv", [], 1e9)
    assert find_inputs([new, old]) == [new, old]
    assert find_inputs([tmp_path]) == find_inputs([str(tmp_path / "*.csv")]) == [old, new]
    assert find_inputs([new, tmp_path]) == [new, old]

"""Compact, forget and retention rewrite shards: what may stay stays, row for row, also around a kill."""

import datetime as dt
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from jobs.cli import main
from jobs.pipeline.lake.forget import forget_in_lake
from jobs.pipeline.lake.ingest import ingest_files
from jobs.pipeline.lake.score import score_lake
from jobs.pipeline.report_inputs import collect_inputs
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.statements import utc_now
from monitor.errors import BusyError, ClockError, ConfigError, DataError, StoreError
from monitor.lake import removal, replacement
from monitor.lake.cells import current_cells, tables_differ
from monitor.lake.check import check_lake, files_naming
from monitor.lake.compaction import compact
from monitor.lake.removal import drop_old_texts, drop_texts
from monitor.lake.shards import DOCUMENTS, MARK, Lake
from monitor.lake.storage import Storage
from monitor.privacy.forgetting import forget
from monitor.privacy.pseudonyms import KEY_VARIABLE, open_pseudonyms
from monitor.windows import window_queries
from reports.risk.inputs import Inputs, Options
from tests.support.inputs import HEADER, write
from tests.support.keyword_scorer import KeywordModel, KeywordScorer
from tests.support.lakes import OwnCrew, contents, control
from tests.support.nights import fill

pytestmark = pytest.mark.slow  # lakes are made, scored and changed

END = dt.date(2026, 7, 1)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of two nights' files, in small shards, scored by one model, and with their inbox."""
    folder = tmp_path_factory.mktemp("nights")
    for night in (1, 2):
        fill(folder / "inbox", night)
        ingest_files(inputs(folder), str(folder / "lake"), key_file=None)
        score(folder)
    return folder


@pytest.fixture
def lake(nights: Path, tmp_path: Path) -> Lake:
    """A copy of that lake."""
    shutil.copytree(nights, tmp_path, dirs_exist_ok=True)
    return Lake(Storage(str(tmp_path / "lake")))


def inputs(folder: Path) -> list[str]:
    return sorted(str(path) for path in (folder / "inbox").iterdir() if not path.name.startswith("d"))


def score(folder: Path, model: str = "keywords-1") -> None:
    score_lake(str(folder / "lake"), OwnCrew(folder / "lake", lambda: KeywordScorer(KeywordModel(model))))


def lake_of(folder: Path, feed: Path) -> Lake:
    ingest_files([str(feed)], str(folder / "lake"), key_file=None)
    return Lake(Storage(str(folder / "lake")))


def files_of(lake: Lake) -> list[str]:
    return [path for path, _ in lake.storage.list_files(DOCUMENTS) if path.endswith(".parquet")]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def opened(folder: Path) -> Database:
    return control(folder / "lake", folder / "lake.duckdb")


def test_compact_merges_shards_and_changes_no_row(lake: Lake, tmp_path: Path) -> None:
    before, n_shards = contents(opened(tmp_path)), len(lake.list_shards().documents)
    done = compact(lake, END)
    listing = lake.list_shards()
    assert len(listing.documents) == n_shards - done.n_old + done.n_new < n_shards
    assert done.n_cells == len({shard.month for shard in listing.documents})
    assert contents(opened(tmp_path)) == before
    assert not listing.orphans
    assert not check_lake(lake, deep=True).faults
    assert compact(lake, END) == (0, 0, 0)


def test_an_open_month_is_left_alone(lake: Lake) -> None:
    assert compact(lake, dt.date(2026, 1, 31)) == (0, 0, 0)


def test_shards_that_other_models_scored_are_merged_apart(lake: Lake, tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 3)
    ingest_files(inputs(tmp_path), str(tmp_path / "lake"), key_file=None)
    before = lake.list_shards()
    unscored = sum(shard.rows for shard in before.unscored("keywords-1"))
    compact(lake, END)
    after = lake.list_shards()
    assert sum(shard.rows for shard in after.unscored("keywords-1")) == unscored > 0
    score(tmp_path)
    assert check_lake(lake).n_scores["keywords-1"] == check_lake(lake).n_documents


def test_windows_over_cells_equal_those_over_scores(lake: Lake, tmp_path: Path) -> None:
    parameters = {"model_id": "keywords-1", "as_of": dt.date(2026, 5, 27)}
    with opened(tmp_path).reading() as con:
        before = window_queries.run(con, "rolling_subject", window_days=7, **parameters)
    compact(lake, dt.date(2026, 5, 1))
    assert len(current_cells(lake, lake.list_shards())) == 4
    with opened(tmp_path).reading() as con:
        after = window_queries.run(con, "rolling_subject", window_days=7, **parameters)
        assert (
            "cells" in con.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'daily_cells'").fetchall()[0][0]
        )

    assert_frame_equal(after, before)


@pytest.mark.parametrize("before", [dt.date(2026, 2, 1), END])
def test_a_report_of_a_cohort_counts_the_stored_sums_of_that_cohort_alone(tmp_path: Path, before: dt.date) -> None:
    texts = [
        f"{who},2026-0{month}-{day:02d},sadness {who} {day},{source}\n"
        for who, source in (("n1", "north"), ("s1", "south"))
        for month in (1, 2)
        for day in range(1, 20)
    ]
    feed = write(tmp_path / "feed.csv", "subject_id,posted_at,text,source\n" + "".join(texts))
    lake = lake_of(tmp_path, feed)
    score(tmp_path)

    def reported() -> list[pl.DataFrame]:
        with opened(tmp_path).reading() as con:
            found = collect_inputs(con, None, None, Options(mode="case", cohorts=("north",)))
        assert isinstance(found, Inputs)
        return [found.people.drop("code"), found.everyone.week, found.person_weeks]

    without_sums = reported()
    assert without_sums[0]["subject_id"].to_list() == ["n1"]
    assert compact(lake, before).n_cells
    for frame, expected in zip(reported(), without_sums, strict=True):
        assert_frame_equal(frame, expected)


def test_late_texts_make_cells_stale(lake: Lake, tmp_path: Path) -> None:
    compact(lake, END)
    late = tmp_path / "inbox" / "late.csv"
    late.write_text("subject_id,posted_at,text\ns1,2026-03-03,late sadness\n")
    ingest_files([str(late)], str(tmp_path / "lake"), key_file=None)
    score(tmp_path)
    assert ("keywords-1", "2026-03") not in current_cells(lake, lake.list_shards())
    with opened(tmp_path).reading() as con:
        assert (
            con.execute("SELECT sum(n) FROM daily_cells").fetchall()
            == con.execute("SELECT count(*) FROM scores").fetchall()
        )


@pytest.mark.slow
def test_forget_removes_what_it_removes_from_a_database(lake: Lake, nights: Path, tmp_path: Path) -> None:
    compact(lake, END)
    db = Database(tmp_path / "risk.duckdb")
    for night in ("1", "12"):
        score_files([path for path in inputs(nights) if Path(path).stem[1:] in night], db, KeywordScorer)
    opened(tmp_path)
    assert files_naming(lake, ["s3"])[0]
    removed = forget_in_lake(str(tmp_path / "lake"), "s3", None, tmp_path / "lake.duckdb")
    with db.only_writer():
        expected = forget(db, ["s3"]).removed
    assert removed["documents"] == expected["documents"] == removed["scores"]
    assert contents(opened(tmp_path)) == contents(db)
    assert files_naming(lake, ["s3"]) == ([], [])
    assert not check_lake(lake, deep=True, subjects=["s3"]).faults
    with pytest.raises(DataError, match="nothing about"):
        forget_in_lake(str(tmp_path / "lake"), "s3", None, None)


@pytest.mark.slow
def test_forget_after_a_kill_beside_the_cells_leaves_nobody_in_them(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(tmp_path)
    compact(lake, END)
    subject = lake.read(files_of(lake)[0])["subject_id"][0].as_py()
    assert any(path.startswith("cells/") for path in files_naming(lake, [subject])[0])
    monkeypatch.setattr(removal, "remove_cells", interrupted)
    with pytest.raises(KeyboardInterrupt):
        removal.forget_subjects(lake, [subject])
    monkeypatch.undo()
    removal.forget_subjects(lake, [subject])
    assert files_naming(lake, [subject]) == ([], [])


def test_forget_names_unreadable_files_also_where_it_finds_nobody(lake: Lake, tmp_path: Path) -> None:
    torn = f"{DOCUMENTS}/left-behind.parquet"
    (tmp_path / "lake" / torn).write_bytes(b"PAR1 half")
    with pytest.raises(DataError, match=f"nothing about this subject; but {torn} cannot be read, so the proof"):
        forget_in_lake(str(tmp_path / "lake"), "nobody", None, None)


@pytest.mark.slow
def test_forget_changes_nothing_where_it_finds_nobody(lake: Lake, tmp_path: Path) -> None:
    before = contents(opened(tmp_path))
    assert any(row[-1] is not None for row in before["rejects"])
    with pytest.raises(DataError, match="nothing about this subject"):
        forget_in_lake(str(tmp_path / "lake"), "nobody", None, None)
    assert contents(opened(tmp_path)) == before


@pytest.mark.parametrize("hashed", [False, True])
def test_forget_names_the_look_alikes_that_stay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, hashed: bool
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    feed = write(
        tmp_path / "feed.csv", HEADER + "".join(f"{who},2026-01-05,joy\n" for who in ("Anna", "anna", "Ann"))
    )
    url, key = str(tmp_path / "lake"), tmp_path / "key" if hashed else None
    ingest_files([str(feed)], url, key_file=key)
    one, other = (open_pseudonyms(key).of(who) if key else who for who in ("Anna", "anna"))
    with pytest.raises(DataError, match="nothing about this subject"):
        forget_in_lake(url, "ANNA", key, None)
    told = " ".join(capfd.readouterr().err.split())
    assert "2 other subjects differ from this one only by case" in told
    assert f"stay in the lake: {', '.join(sorted((one, other)))}; forget each" in told
    assert forget_in_lake(url, "Anna", key, None)["documents"] == 1
    assert f"stay in the lake: {other}; forget" in " ".join(capfd.readouterr().err.split())
    forget_in_lake(url, "anna", key, None)
    assert "differ" not in capfd.readouterr().err
    assert not check_lake(Lake(Storage(url)), deep=True, subjects=[one, other]).faults


@pytest.mark.slow
def test_retention_removes_texts_and_keeps_scores(lake: Lake, tmp_path: Path) -> None:
    before = contents(opened(tmp_path))
    n = drop_texts(lake, dt.datetime(9999, 1, 1))
    after = contents(opened(tmp_path))
    assert n == len(before["documents"])
    assert after["scores"] == before["scores"]
    assert len(after["documents"]) == n
    assert not lake.list_shards().unscored("keywords-1")
    assert drop_texts(lake, dt.datetime(9999, 1, 1)) == 0
    assert not check_lake(lake, deep=True).faults
    score(tmp_path, "keywords-2")
    assert check_lake(lake).n_scores["keywords-2"] == 0


@pytest.mark.parametrize("nth", range(4))  # the order of the files follows their hashes
def test_content_of_rejects_that_come_again_is_removed(tmp_path: Path, nth: int) -> None:
    who = f"person-{nth}"
    feed = write(tmp_path / "feed.csv", HEADER + f"other,2026-01-05,joy\n{who},never,sadness\n")
    lake = lake_of(tmp_path, feed)
    drop_texts(lake, dt.datetime(9999, 1, 1))
    lake_of(tmp_path, feed)
    drop_texts(lake, dt.datetime(9999, 1, 1))
    assert [lake.read(path)["raw"].to_pylist() for path in lake.small_files("rejects")] == [[None]]
    lake_of(tmp_path, feed)
    assert forget_in_lake(lake.url, who, None, None) == {"rejects": 1}
    assert files_naming(lake, [who]) == ([], [])


def test_a_run_that_ends_during_forget_stays_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(tmp_path, write(tmp_path / "anna.csv", HEADER + "anna,2026-01-05,joy\nanna,never,joy\n"))
    copy = removal.copy_table

    def copied(con: duckdb.DuckDBPyConnection, table: str, values: Mapping[str, object]) -> None:
        copy(con, table, values)
        if table == "runs":  # `lake score` takes no lock
            con.execute("UPDATE runs SET message = 'changed'")
            run = removal.rows_of(con, "runs").set_column(0, "run_id", pa.array(["of-score"]))
            lake.write_small("runs", run)

    monkeypatch.setattr(removal, "copy_table", copied)
    removal.forget_subjects(lake, ["anna"])
    runs = [run for path in lake.small_files("runs") for run in lake.read(path)["run_id"].to_pylist()]
    assert len(runs) == 2
    assert "of-score" in runs


@pytest.mark.slow
def test_retention_refuses_a_clock_that_is_far_ahead(lake: Lake, tmp_path: Path) -> None:
    n = len(contents(opened(tmp_path))["documents"])
    ahead = utc_now() + dt.timedelta(days=400)
    for _ in range(2):
        with pytest.raises(ClockError, match=r"no old text was removed: .*run once: .*--text-days 365 --yes"):
            drop_old_texts(lake, 365, ahead)
    assert drop_old_texts(lake, 365, utc_now() + dt.timedelta(days=30)) == 0
    with pytest.raises(ClockError):  # compared with the day that was accepted, not with the last run
        drop_old_texts(lake, 365, ahead)
    opened(tmp_path)
    assert not check_lake(lake, deep=True).faults
    assert drop_old_texts(lake, 365, ahead, trust_clock=True) == n
    assert drop_old_texts(lake, 365, ahead + dt.timedelta(days=1)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("nth", [1, 4, 7])
def test_a_replacement_that_is_cut_short_shows_every_row_once(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Cut after each file that is written or removed; queries see every row once then, and after the next command."""
    expected, n = contents(opened(tmp_path)), 0

    def cut(name: str) -> None:
        call = getattr(Storage, name)

        def counted(*args: object) -> object:
            nonlocal n
            n += 1
            if n > nth:
                raise KeyboardInterrupt
            return call(*args)

        monkeypatch.setattr(Storage, name, counted)

    for name in ("write_once", "remove"):
        cut(name)
    with pytest.raises(KeyboardInterrupt):
        compact(lake, END)
    monkeypatch.undo()
    assert contents(opened(tmp_path)) == expected
    compact(lake, END)
    replacement.finish_replacements(lake)
    assert contents(opened(tmp_path)) == expected
    listing = lake.list_shards()
    assert not listing.orphans
    assert not lake.replacements()


def test_one_command_at_a_time_adds_documents(lake: Lake, tmp_path: Path) -> None:
    with lake.storage.only_writer(), pytest.raises(BusyError, match="another command"):
        ingest_files(inputs(tmp_path), str(tmp_path / "lake"), key_file=None)


def test_torn_and_foreign_files_are_named(lake: Lake, tmp_path: Path) -> None:
    shards = sorted((tmp_path / "lake" / "scores").rglob("*.parquet"))
    torn, foreign = shards[0], shards[1].with_name("foreign.parquet")
    content = torn.read_bytes()
    torn.write_bytes(content[: len(content) // 2])
    foreign.write_bytes(content)
    faults = check_lake(lake).faults
    assert torn.name in faults["torn"][0]
    assert any("foreign.parquet" in line for line in faults["foreign"])
    with pytest.raises(StoreError, match="move it away"):
        opened(tmp_path)
    torn.unlink()
    foreign.unlink()
    score(tmp_path)
    assert not check_lake(lake).faults


@pytest.mark.slow
def test_a_shard_in_the_wrong_month_is_foreign(lake: Lake, tmp_path: Path) -> None:
    shard = next((tmp_path / "lake" / "documents" / "month=2026-01").glob("*.parquet"))
    shard.rename(tmp_path / "lake" / "documents" / "month=2026-02" / shard.name)
    assert any("written as" in line for line in check_lake(lake).faults["foreign"])
    with pytest.raises(StoreError, match="2026-01"):
        score(tmp_path, "keywords-2")


def test_a_foreign_folder_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(StoreError, match=r"a\.jpg"):
        Lake.create(Storage(str(tmp_path / "photos")), "plain")
    with pytest.raises(StoreError, match="lake ingest"):
        Lake(Storage(str(tmp_path / "nothing")))


@pytest.mark.parametrize(
    "words",
    [
        "ingest texts.csv",
        "score",
        "check",
        "open",
        "compact",
        "forget anna",
        "retention --text-days 9",
    ],
)
def test_a_command_that_refuses_a_foreign_folder_leaves_nothing_there_or_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    write(tmp_path / "texts.csv", "subject_id,posted_at,text\nanna,2026-01-01,joy\n")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main(["lake", *words.split(), "--lake", "photos"])
    assert stop.value.code == 2
    assert "risk-monitor: photos: not" in " ".join(capsys.readouterr().err.split()).replace(str(tmp_path) + "/", "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("texts.csv", "a file, and a lake is a folder; name a folder"),
        ("texts.csv/lake", "--lake texts.csv/lake: .*/texts.csv is a file, and a lake is a folder; name a folder"),
        (" ", "--lake is empty"),
        ("ftp://host/lake", "cannot be opened .*; give a folder, or an s3://"),
    ],
)
def test_an_address_that_holds_no_lake_is_told_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    (tmp_path / "texts.csv").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        Lake(Storage(url))


@pytest.mark.parametrize("mark", ["[]", "{}", '"a"', "x", '{"format": 1}'])
def test_a_damaged_mark_is_one_line(tmp_path: Path, mark: str) -> None:
    (tmp_path / MARK).write_text(mark)
    with pytest.raises(StoreError, match="damaged; bring it back from a backup"):
        Lake(Storage(str(tmp_path)))


def test_daily_sums_differ_by_more_than_their_last_digits() -> None:
    own = pa.table({"n": [3, 4], "high": [0.1 + 0.2 + 0.3, 1.25]})
    other_order = pa.table({"n": [3, 4], "high": [0.3 + 0.2 + 0.1, 1.25]})
    assert not own.equals(other_order)
    assert not tables_differ(own, other_order)
    assert tables_differ(own, pa.table({"n": [3, 5], "high": [0.6, 1.25]}))
    assert tables_differ(own, pa.table({"n": [3, 4], "high": [0.6, 1.2501]}))
    assert tables_differ(own, own.slice(0, 1))
    assert tables_differ(own, own.rename_columns(["n", "low"]))

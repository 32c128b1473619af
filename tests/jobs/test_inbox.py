"""Which files a night reads: whole ones of known kinds, once as they are."""

import os
import signal
import time
from pathlib import Path

import pytest

from jobs.console.interrupts import Stopped, stoppable
from jobs.nightly import run_nightly
from jobs.pipeline.inbox import complete_files
from jobs.pipeline.night import NightResult, run_pipeline
from jobs.pipeline.summary import print_file_warnings
from jobs.query import run_query
from monitor.database.connection import Database
from monitor.errors import DataError
from monitor.intake import documents
from monitor.intake.feeds import Feed
from monitor.intake.kinds import ENDINGS
from monitor.settings import Settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.nights import settings

FEED = "doc_id,subject_id,posted_at,text\n" + "".join(f"d{i},s{i},2026-01-05,joy {i}\n" for i in range(5))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def read_inbox(chosen: Settings, scorer: KeywordScorer | None = None) -> NightResult:
    """A night without its report, which takes long to draw."""
    return run_pipeline(chosen, lambda: scorer or KeywordScorer(), report=False)


def test_unfinished_and_other_files_are_skipped_with_a_line(inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.csv", "b.csv.part", "c.tmp.jsonl", "d.CSV.PART", "notes\x1b[31m.txt", ".e.csv", "f.docx"):
        (inbox / name).touch()
    (inbox / "folder.csv").mkdir()
    assert [path.name for path in complete_files(inbox, 0)] == ["a.csv"]
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "still being written, left for the next run: b.csv.part, c.tmp.jsonl, d.CSV.PART",
        f"not read, because the ending is none of {', '.join(ENDINGS)}: f.docx, notes [31m.txt",
    ]


def test_a_growing_file_is_skipped_and_old_files_cost_no_wait(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, young = write(inbox / "old.csv", FEED), write(inbox / "young.csv", FEED)
    os.utime(old, (1, 1))
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        with young.open("a") as stream:
            stream.write("d9,s9,2026-01-05,more\n")

    monkeypatch.setattr("jobs.pipeline.inbox.sleep", wait)
    assert complete_files(inbox, 7) == [old]
    os.utime(young, (1, 1))
    assert complete_files(inbox, 7) == [old, young]
    assert waits == [7]


def test_a_file_removed_during_the_wait_is_skipped(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(inbox / "a.csv", FEED)
    monkeypatch.setattr("jobs.pipeline.inbox.sleep", lambda _: (inbox / "a.csv").unlink())
    assert complete_files(inbox, 7) == []


def test_a_stop_ends_the_wait_for_a_growing_file(inbox: Path) -> None:
    write(inbox / "a.csv", FEED)
    started = time.monotonic()
    with stoppable():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped):
            complete_files(inbox, 7)
    assert time.monotonic() - started < 5


def test_an_inbox_that_is_no_folder_is_one_clear_line(inbox: Path) -> None:
    with pytest.raises(DataError, match="cannot read the inbox"):
        complete_files(write(inbox / "a.csv", FEED), 0)


@pytest.mark.slow
def test_a_slow_sender_is_read_once_it_is_done_and_every_row_comes_once(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, pieces = settings(tmp_path, inbox).model_copy(update={"settle_s": 60}), [FEED[50:90], FEED[90:]]
    write(inbox / "a.csv", FEED[:50])

    def wait(seconds: float) -> None:
        if seconds == chosen.settle_s and pieces:
            with (inbox / "a.csv").open("a") as stream:
                stream.write(pieces.pop(0))

    monkeypatch.setattr("jobs.pipeline.inbox.sleep", wait)
    for _ in range(2):
        read_inbox(chosen)
        assert run_query(Database(chosen.db), "SELECT count(*) FROM documents").rows == [(0,)]
    read_inbox(chosen)
    assert run_query(Database(chosen.db), "SELECT count(*) FROM documents").rows == [(5,)]
    assert run_query(Database(chosen.db), "SELECT count(*) FROM rejects").rows == [(0,)]


@pytest.mark.slow
def test_files_are_recognised_by_content_and_changed_ones_read_again(tmp_path: Path, inbox: Path) -> None:
    chosen = settings(tmp_path, inbox)
    for content in (FEED, FEED, FEED.replace("joy 4", "joy 5"), FEED + "d5,s5,2026-01-05,new\n"):
        write(inbox / "a.csv", content)
        read_inbox(chosen)
    runs = run_query(
        Database(chosen.db), "SELECT n_files, n_read, n_appended, n_rejected FROM runs ORDER BY run_id"
    ).rows
    assert runs == [(1, 5, 5, 0), (0, 0, 0, 0), (1, 5, 0, 1), (1, 6, 1, 0)]


@pytest.mark.slow
def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path, inbox)
    feed = write(inbox / "a.csv", FEED)
    seen = KeywordScorer()

    def append_meanwhile(*args: object) -> bool:
        with feed.open("a") as stream:
            stream.write("d9,s9,2026-01-05,late\n")
        monkeypatch.undo()
        return False

    monkeypatch.setattr("jobs.pipeline.ingest.raise_if_stopped", append_meanwhile)
    read_inbox(chosen, seen)
    assert "a.csv changed while it was read" in capsys.readouterr().err
    read_inbox(chosen, seen)
    assert run_query(Database(chosen.db), "SELECT count(*), count(DISTINCT doc_id) FROM documents").rows == [(6, 6)]
    assert run_query(Database(chosen.db), "SELECT count(*) FROM files").rows == [(1,)]


@pytest.mark.slow
def test_a_file_that_is_taken_away_before_it_is_read_is_no_bad_file(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.csv", "b.csv"):
        write(inbox / name, FEED)

    def take_away_the_next(*_: object) -> None:
        (inbox / "b.csv").unlink()
        monkeypatch.undo()

    monkeypatch.setattr("jobs.pipeline.ingest.raise_if_stopped", take_away_the_next)
    done = read_inbox(settings(tmp_path, inbox))
    assert (done.counts.refused, done.quality.level) == ({}, "green")
    assert "b.csv was removed before it was read" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("no_outputs")
def test_files_that_give_nothing_are_named_and_the_night_goes_on(
    tmp_path: Path, inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(inbox / "1.csv", "")
    write(inbox / "2.csv", FEED.splitlines()[0] + "\n")
    write(inbox / "3.csv", FEED.replace("2026-01-05", "someday"))
    write(inbox / "4.csv", "when,\x1b[31mtext\n")
    run_nightly(settings(tmp_path, inbox), KeywordScorer)
    shown = capsys.readouterr()
    assert "first: 3.csv row 2" in shown.out
    assert "FROM rejects" in shown.out
    for line in ("1.csv: nothing was taken from this file; it holds no rows", "2.csv: nothing was taken",
                 "3.csv: nothing was taken from this file; every row was rejected", "4.csv: no column"):  # fmt: skip
        assert line in shown.err.replace("\n", " ")
    assert shown.err.index("4.csv: no column") < shown.err.index("1.csv: nothing"), "what is worse comes first"
    assert "\x1b" not in shown.err + shown.out


@pytest.mark.slow
def test_of_many_bad_files_each_is_named(tmp_path: Path, inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, 8):
        write(inbox / f"{number}.csv", "")
    print_file_warnings(read_inbox(settings(tmp_path, inbox)).counts)
    *few, rest = capsys.readouterr().err.splitlines()[-6:]
    assert [line.split(": nothing")[0] for line in few] == [str(inbox / f"{n}.csv") for n in range(1, 6)]
    assert rest == "2 files more: 6.csv, 7.csv"


@pytest.mark.slow
def test_a_refused_file_counts_once_and_is_named_every_night(
    tmp_path: Path, inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, bad = settings(tmp_path, inbox), write(inbox / "a.csv", "when,text\n")
    remedy = "1 file was refused before and did not change since; repair it, or move it out of the inbox: a.csv"

    def told() -> tuple[str, bool]:
        done = read_inbox(chosen)
        capsys.readouterr()
        print_file_warnings(done.counts)
        return done.quality.level, remedy in capsys.readouterr().err

    assert [told(), told(), told()] == [("yellow", False), ("green", True), ("green", True)]
    write(bad, "when,words\n")
    assert told() == ("yellow", False), "another content is news"
    write(bad, FEED)
    assert told() == ("green", False)


@pytest.mark.slow
def test_a_refused_file_counts_in_the_first_judged_night(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(inbox / "a.csv", "when,text\n")
    monkeypatch.setattr("jobs.pipeline.night.score_pending", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read_inbox(settings(tmp_path, inbox))
    monkeypatch.undo()
    assert [read_inbox(settings(tmp_path, inbox)).quality.level for _ in range(2)] == ["yellow", "green"]


def test_links_out_of_the_inbox_pipes_and_devices_are_refused_by_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inbox, elsewhere = tmp_path / "inbox", tmp_path / "secret.csv"
    inbox.mkdir()
    elsewhere.write_text("subject_id,posted_at,text\ns1,2026-01-01,a secret\n")
    own = inbox / "own.csv"
    own.write_text("subject_id,posted_at,text\n")
    (inbox / "alias.csv").symlink_to("own.csv")
    links = {"out": elsewhere, "up": Path("../secret.csv"), "kernel": Path("/proc/kmsg"), "zero": Path("/dev/zero")}
    links |= {"nowhere": inbox / "missing", "circle": inbox / "circle.csv"}
    for name, target in links.items():
        (inbox / f"{name}.csv").symlink_to(target)
    os.mkfifo(inbox / "pipe.csv")
    os.mkfifo(inbox / "pipe")
    (inbox / "chain.csv").symlink_to("out.csv")
    assert complete_files(inbox, 0) == [inbox / "alias.csv", own]
    told = capfd.readouterr().err
    for name in (*(f"{name}.csv" for name in links), "pipe.csv", "pipe", "chain.csv"):
        assert f"not read: {name} is a" in told
    with pytest.raises(DataError, match=r"chain\.csv: a link that leads out of the folder"):
        documents.find_inputs([inbox])


def test_files_below_a_linked_subfolder_are_refused_where_a_feed_names_them(
    inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path / "elsewhere" / "deep", inbox / "real"):
        folder.mkdir(parents=True)
    write(tmp_path / "elsewhere" / "deep" / "secret.csv", FEED)
    write(inbox / "real" / "own.csv", FEED)
    (inbox / "forms").symlink_to(tmp_path / "elsewhere")
    (inbox / "inner").symlink_to("real")
    feeds = [Feed(files=("forms/deep/*.csv", "inner/*.csv"))]
    assert complete_files(inbox, 0, feeds) == [inbox / "inner" / "own.csv"]
    assert "not read: secret.csv is below a link that leads out of the folder" in capsys.readouterr().err

"""Micro-batches: what comes is scored once, an inbox at rest costs nothing, and stopping is clean."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from jobs.console import interrupts
from jobs.console.interrupts import Stopped
from jobs.pipeline import night
from jobs.query import run_query
from jobs.watch import watch
from monitor.database.connection import Database
from monitor.errors import DataError
from monitor.intake.feeds import Feed
from monitor.settings import Settings
from tests.support import forked
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.nights import assert_ledger_adds_up, contents

pytestmark = pytest.mark.slow

HEADER = "subject_id,posted_at,text\n"
LEDGER = "SELECT job, status, n_appended, n_scored FROM runs ORDER BY run_id"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    return Settings(
        db=tmp_path / "risk.duckdb",
        inbox=tmp_path / "inbox",
        out=tmp_path / "out",
        snapshot=tmp_path / "snapshot",
        settle_s=0,
    )


def play(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, *between: Callable[[], object], **options: bool
) -> None:
    """Watch, with these calls in place of the waits; SIGTERM comes after the last."""
    calls = [*between, lambda: os.kill(os.getpid(), signal.SIGTERM)]

    def wait(_seconds: float) -> None:
        calls.pop(0)()
        interrupts.raise_if_stopped()

    monkeypatch.setattr("jobs.watch.sleep", wait)
    with pytest.raises(Stopped):
        watch(settings, KeywordScorer, 1, **options)
    assert calls == []


KILLED = """
import os, sys
from jobs.pipeline import batches, night
from jobs.watch import watch
from monitor.settings import Settings
from tests.support.keyword_scorer import KeywordScorer

def killing(function, nth):
    calls = iter(range(1, 100))
    return lambda *args, **kwargs: os.kill(os.getpid(), 9) if next(calls) == nth else function(*args, **kwargs)

owner, name = {"read": (batches, "commit_batch"), "score": (KeywordScorer, "score"),
               "alert": (night, "refresh_alerts"), "publish": (night, "publish")}[sys.argv[2]]
setattr(owner, name, killing(getattr(owner, name), 2 if name == "score" else 1))
watch(Settings.model_validate_json(sys.argv[1]), KeywordScorer, 1, report=True)
"""


@pytest.mark.parametrize("step", ["score", "publish"])
def test_a_killed_watch_is_completed_by_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    rows = [f"s{i % 5},2026-01-{i % 28 + 1:02d},only sadness {i}\n" for i in range(90)]
    write(settings.inbox / "a.csv", HEADER + "".join(rows))
    settings = settings.model_copy(update={"chunk_rows": 30})
    killed = forked.run(KILLED, settings.model_dump_json(exclude_unset=True), step)
    assert killed.returncode == -signal.SIGKILL
    play(monkeypatch, settings, lambda: None)
    kept = contents(settings.db)
    assert len(kept["documents"]) == len(kept["scores"]) == 90
    assert_ledger_adds_up(settings.db)
    statuses = [
        status for (status,) in run_query(Database(settings.db), "SELECT status FROM runs ORDER BY run_id").rows
    ]
    assert "running" not in statuses
    assert statuses[-1] == "done"


def test_each_new_file_is_scored_and_a_quiet_inbox_prints_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(settings.inbox / "a.csv", HEADER + "s1,2026-01-05,joy\ns2,2026-01-05,fear\n")
    play(
        monkeypatch,
        settings,
        lambda: None,
        lambda: write(settings.inbox / "b.csv", HEADER + "s1,2026-01-06,anger\n"),
        lambda: None,
    )
    assert run_query(Database(settings.db), LEDGER).rows == [("watch", "done", 2, 2), ("watch", "done", 1, 1)]
    assert "read 1, rejected 0, appended 1, scored 1; quality green" in capsys.readouterr().err
    assert not settings.out.exists()
    assert not settings.snapshot.exists()


def test_report_and_snapshot_come_each_time_where_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write(settings.inbox / "a.csv", HEADER + "s1,2026-01-05,joy\n")
    play(monkeypatch, settings, report=True)
    assert (settings.out / "index.html").exists()
    assert (settings.snapshot / "risk-snapshot.duckdb").exists()


def test_watch_waits_for_another_run_and_then_reads_the_new_files(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(settings.inbox / "a.csv", HEADER + "s1,2026-01-05,joy\n")
    let_go, held = threading.Event(), threading.Event()

    def other_run() -> None:
        with Database(settings.db).only_writer():
            held.set()
            let_go.wait(60)

    other = threading.Thread(target=other_run)
    other.start()
    assert held.wait(60)

    def end() -> None:
        let_go.set()
        other.join()

    play(monkeypatch, settings, lambda: None, lambda: None, end, lambda: None)
    assert capsys.readouterr().err.count("waiting for it") == 1
    assert run_query(Database(settings.db), LEDGER).rows == [("watch", "done", 1, 1)]


def test_a_failing_address_is_one_warning_a_batch_while_watching(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = settings.model_copy(update={"notify": (SecretStr("json://127.0.0.1:9/"),)})
    rows = [f"s1,2026-01-{day:02d},only sadness {day}\n" for day in range(1, 25)]
    write(settings.inbox / "a.csv", HEADER + "".join(rows))
    play(
        monkeypatch,
        nobody,
        lambda: None,
        lambda: None,
        lambda: write(settings.inbox / "b.csv", HEADER + "s2,2026-01-24,joy\n"),
        lambda: None,
    )
    assert run_query(Database(settings.db), LEDGER).rows == [
        ("watch", "done", 24, 24),
        ("watch", "done", 1, 1),
    ]
    assert capsys.readouterr().err.count("rejected the message") == 2


def test_a_missing_inbox_is_one_line(settings: Settings) -> None:
    settings.inbox.rmdir()
    with pytest.raises(DataError, match="cannot read the inbox"):
        watch(settings, lambda: pytest.fail("loaded"), 1)


def test_files_of_a_feed_are_seen_however_deep_and_when_they_grow(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"feeds": (Feed(files="forms/**/*.csv"),)})
    deep, flat = settings.inbox / "forms" / "2026" / "a.csv", settings.inbox / "forms" / "b.csv"
    deep.parent.mkdir(parents=True)
    write(flat, HEADER + "s1,2026-01-05,joy\n")
    play(
        monkeypatch,
        settings,
        lambda: write(deep, HEADER + "s2,2026-01-05,fear\n"),
        lambda: write(deep, HEADER + "s2,2026-01-05,fear\ns2,2026-01-06,joy\n"),
        lambda: write(flat, HEADER + "s1,2026-01-05,joy\ns1,2026-01-06,joy\n"),
        lambda: None,
    )
    assert run_query(Database(settings.db), LEDGER).rows == [("watch", "done", 1, 1)] * 4


def test_an_inbox_that_goes_away_is_said_once_and_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = settings.inbox.with_name("away")

    def back() -> None:
        write(away / "a.csv", HEADER + "s1,2026-01-05,joy\n")
        away.rename(settings.inbox)

    play(monkeypatch, settings, lambda: settings.inbox.rename(away), lambda: None, back, lambda: None)
    printed = capsys.readouterr().err
    assert printed.count("cannot read the inbox") == printed.count("waits until it is back") == 1
    assert printed.count("the inbox is back") == 1
    assert run_query(Database(settings.db), LEDGER).rows[1:] == [("watch", "done", 1, 1)]


def test_an_inbox_that_goes_away_during_a_run_is_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = settings.inbox.with_name("away")
    write(settings.inbox / "a.csv", HEADER + "s1,2026-01-05,joy\n")
    real, calls = night.complete_files, iter(range(9))

    def leaving(*given: object) -> list[Path]:
        if next(calls) == 0:
            settings.inbox.rename(away)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(night, "complete_files", leaving)
    play(monkeypatch, settings, lambda: away.rename(settings.inbox), lambda: None)
    assert "waits until it is back" in capsys.readouterr().err
    assert run_query(Database(settings.db), LEDGER).rows[-1] == ("watch", "done", 1, 1)


def test_waiting_ends_at_once_when_it_is_asked_to() -> None:
    with interrupts.stoppable():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped):
            interrupts.sleep(3600)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

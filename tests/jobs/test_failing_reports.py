"""A report or snapshot that cannot be written costs a night nothing else; mistakes in the settings end it at once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main
from jobs.console import interrupts
from jobs.console.interrupts import Stopped
from jobs.nightly import run_nightly
from jobs.pipeline.write_report import report_files
from jobs.query import run_query
from jobs.status import read_health
from jobs.watch import watch
from monitor.database.connection import Database
from monitor.errors import ConfigError, ReportError
from monitor.settings import Settings, load_settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

pytestmark = pytest.mark.slow

SNAPSHOT = "risk-snapshot.duckdb"
REPORTS = """
[[reports]]
mode = "case"
roster = "roster.csv"

[[reports]]
name = "team"
mode = "case"
folder = "out/team"
"""


@pytest.fixture(autouse=True)
def short_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports of one page, whose folder is claimed and whose faults are told as those of the real ones."""

    def write_page(_: Database, out: Path, **__: Any) -> Path:
        out.mkdir(parents=True, exist_ok=True)
        report_files(out).claim(out / "index.html")
        return write(out / "index.html", "a page")

    monkeypatch.setattr("jobs.pipeline.night.write_report", write_page)


def settings(folder: Path, extra: str = "") -> Settings:
    """Settings of a night with a report in `out`, one that needs a roster, and one more."""
    (folder / "inbox").mkdir(exist_ok=True)
    write(folder / "inbox" / "a.csv", "subject_id,posted_at,text\ns1,2026-01-05,i want to kill myself\n")
    write(folder / "roster.csv", "subject_id,name\ns1,Ana\n")
    top = 'db = "risk.duckdb"\ninbox = "inbox"\nout = "out/report"\nsettle_s = 0\n'
    return load_settings(write(folder / "risk-monitor.toml", f"{top}{extra}{REPORTS}"))


def take_roster(folder: Path) -> None:
    (folder / "roster.csv").unlink()


def break_roster(folder: Path) -> None:
    write(folder / "roster.csv", "subject_id,name\n,Ana\n")


def block(name: str) -> Callable[[Path], object]:
    """A file where a folder should be."""

    def act(folder: Path) -> None:
        (folder / "out").mkdir()
        write(folder / "out" / name, "")

    return act


def lose(name: str) -> Callable[[Path], object]:
    """A link to a folder that is away."""

    def act(folder: Path) -> None:
        (folder / "out").mkdir()
        (folder / "out" / name).symlink_to(folder / "nowhere")

    return act


def put_a_page_of_others(folder: Path) -> None:
    (folder / "out" / "case").mkdir(parents=True)
    write(folder / "out" / "case" / "index.html", "theirs")


@pytest.mark.parametrize(
    ("spoil", "extra", "failing", "fault"),
    [
        (take_roster, "", "case", "roster.csv: there is no such roster; the report case needs it"),
        (break_roster, "", "case", "roster.csv, row 2, subject_id: empty"),
        (block("case"), "", "case", "out/case: cannot write there"),
        (block("report"), "", "report", "out/report: cannot write there"),
        (block("snapshot"), "", "snapshot", "out/snapshot: cannot write there"),
        (lose("report"), "", "report", "out/report: a link that leads nowhere"),
        (lose("snapshot"), "", "snapshot", "out/snapshot: a link that leads nowhere"),
        (put_a_page_of_others, "", "case", "out/case/index.html: risk-monitor did not write this file"),
        (
            lambda _: None,
            'snapshot_group = "no-such-group"\n',
            "snapshot",
            "snapshot_group: no group 'no-such-group'",
        ),
    ],
)
def test_a_night_does_everything_but_the_report_that_cannot_be_written(
    tmp_path: Path, spoil: Callable[[Path], object], extra: str, failing: str, fault: str
) -> None:
    chosen = settings(tmp_path, extra)
    spoil(tmp_path)
    with pytest.raises(ReportError) as caught:
        run_nightly(chosen, KeywordScorer)
    assert fault in str(caught.value)
    assert str(caught.value).endswith("; everything else of this run is done")
    written = {file.parent.name for file in (tmp_path / "out").glob("*/*") if file.name in ("index.html", SNAPSHOT)}
    assert written - {failing} == {"report", "case", "team", "snapshot"} - {failing}
    ask = Database(chosen.db)
    assert run_query(ask, "SELECT rule FROM alerts").rows == [("crisis",)]
    ((status, message),) = run_query(ask, "SELECT status, message FROM runs").rows
    assert status == "failed"
    assert message.startswith("ReportError: ")
    assert fault in message


def test_each_report_that_fails_is_named_and_the_next_night_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path)
    write(tmp_path / "inbox" / "bad.csv", "subject_id,when,text\ns1,2026-01-05,joy\n")
    take_roster(tmp_path)
    block("snapshot")(tmp_path)
    with pytest.raises(ReportError, match=r"out/snapshot: cannot write there; .*; .*roster\.csv: there is no such"):
        run_nightly(chosen, KeywordScorer)
    assert "bad.csv" in capsys.readouterr().err
    settings(tmp_path)
    (tmp_path / "out" / "snapshot").unlink()
    run_nightly(chosen, KeywordScorer)
    assert (tmp_path / "out" / "case" / "index.html").exists()
    assert run_query(Database(chosen.db), "SELECT status FROM runs ORDER BY run_id").rows == [("failed",), ("done",)]


def test_the_snapshot_shows_how_its_own_night_ended(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    block("report")(tmp_path)
    with pytest.raises(ReportError):
        run_nightly(chosen, KeywordScorer)
    snapshot = Database(chosen.snapshot / SNAPSHOT)
    (problem,) = read_health(snapshot, 26)["problems"][1:]
    assert problem.startswith("failed: ReportError: ")
    assert problem.endswith("out/report: cannot write there; name another folder in the settings")
    (tmp_path / "out" / "report").unlink()
    run_nightly(chosen, KeywordScorer)
    health = read_health(snapshot, 26)
    assert health["problems"] == []
    assert (health["last_job"], health["last_status"], health["running_since"]) == ("nightly", "done", None)
    assert run_query(snapshot, "SELECT status FROM runs ORDER BY run_id").rows == [("failed",), ("done",)]


def test_a_mistake_in_the_settings_ends_a_night_before_the_model_loads(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    take_roster(tmp_path)
    twice = chosen.model_copy(
        update={"reports": tuple(one.model_copy(update={"folder": tmp_path / "one"}) for one in chosen.reports)}
    )
    with pytest.raises(ConfigError, match="is the folder of two of them"):
        run_nightly(twice, lambda: pytest.fail("the model was loaded"))


def test_report_refuses_a_missing_roster_before_it_writes(tmp_path: Path) -> None:
    run_nightly(settings(tmp_path), KeywordScorer)
    take_roster(tmp_path)
    for page in (tmp_path / "out").glob("*/index.html"):
        page.unlink()
    with pytest.raises(SystemExit) as stop:
        main(["report", "--config", str(tmp_path / "risk-monitor.toml")])
    assert stop.value.code == 2
    assert not list((tmp_path / "out").glob("*/index.html"))


def test_watch_goes_on_after_a_report_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path)
    take_roster(tmp_path)
    more = "subject_id,posted_at,text\ns2,2026-01-06,i want to kill myself\n"
    calls: list[Callable[[], object]] = [
        lambda: None,
        lambda: write(tmp_path / "inbox" / "b.csv", more),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
    ]

    def wait(_seconds: float) -> None:
        calls.pop(0)()
        interrupts.raise_if_stopped()

    monkeypatch.setattr("jobs.watch.sleep", wait)
    with pytest.raises(Stopped):
        watch(chosen, KeywordScorer, 1, report=True)
    assert capsys.readouterr().err.count("there is no such roster") == 2, "one for each batch"
    assert run_query(Database(chosen.db), "SELECT count(*) FROM alerts WHERE rule = 'crisis'").rows == [(2,)]

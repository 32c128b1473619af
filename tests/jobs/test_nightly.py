"""The unattended run and the demo, from files to a report, with a small scorer in the model's place."""

import io
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import jobs.demo
from jobs.console import app
from jobs.demo import run_demo
from jobs.nightly import run_nightly
from jobs.pipeline import run
from jobs.pipeline.limits import warn_of_former_limits
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.write_report import write_report
from jobs.query import run_query
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import AlertRules
from monitor.alerts.update import ModelEpisodes, apply_rules, latest_model
from monitor.database.connection import Database
from monitor.errors import ConfigError, MonitorError, StoreError
from monitor.settings import Settings
from tests.jobs.test_explain_alerts import Both
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordModel, KeywordScorer, KeywordScores

pytestmark = pytest.mark.slow

HEADER = "doc_id,subject_id,posted_at,text\n"


def rows(first: int, n: int) -> str:
    return "".join(
        f"d{i},s{i % 14},2026-01-{i % 28 + 1:02d},some {'sadness' if i % 3 else 'joy'} today {i}\n"
        for i in range(first, first + n)
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    return Settings(
        db=tmp_path / "risk.duckdb",
        inbox=tmp_path / "inbox",
        out=tmp_path / "out",
        snapshot=tmp_path / "snapshot",
        time_zone="Asia/Taipei",
        chunk_rows=50,
        settle_s=0,
    )


@pytest.mark.slow
def test_nights_add_what_is_new_and_write_the_report(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    write(settings.inbox / "monday.csv", HEADER + rows(0, 120) + "d0,s1\n")
    run_nightly(settings, KeywordScorer)
    shown = capsys.readouterr()
    assert "CST" in shown.err
    assert NOT_A_DIAGNOSIS in shown.out
    page = (settings.out / "index.html").read_text()
    assert "keywords" in page
    write(settings.inbox / "tuesday.csv", HEADER + rows(120, 30))
    second = KeywordScorer()
    run_pipeline(settings, lambda: second, report=False)
    assert len(second.seen) == 30
    assert run_query(
        Database(settings.db),
        "SELECT status, n_read, n_rejected, n_appended, n_scored FROM runs ORDER BY run_id",
    ).rows == [
        ("done", 121, 1, 120, 120),
        ("done", 30, 0, 30, 30),
    ]


@pytest.mark.usefixtures("without_pictures")
def test_a_night_completes_what_a_crash_left_undone(settings: Settings) -> None:
    write(settings.inbox / "monday.csv", HEADER + rows(0, 120))
    with pytest.raises(RuntimeError):
        run_nightly(settings, lambda: KeywordScorer(die_after=60))
    assert not settings.out.exists()
    run_nightly(settings, KeywordScorer)
    assert run_query(Database(settings.db), "SELECT status, n_appended, n_scored FROM runs ORDER BY run_id").rows == [
        ("failed", 120, 50),
        ("done", 0, 70),
    ]
    assert (settings.out / "index.html").is_file()


@pytest.mark.usefixtures("without_pictures")
def test_an_empty_inbox_is_a_quiet_night(settings: Settings) -> None:
    run_nightly(settings, KeywordScorer)
    assert run_query(Database(settings.db), "SELECT status, n_read FROM runs").rows == [("done", 0)]


@pytest.mark.usefixtures("without_pictures")
def test_a_night_names_former_defaults_in_the_settings(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were chosen for a model without a sureness, and were copied from the example of an earlier version."""
    sure, rules = KeywordModel(sureness=0.15), AlertRules(change_errors=2.2, passage_line=0.85)
    copied = settings.model_copy(update={"threshold": 0.40, "alerts": rules})
    run_nightly(copied, lambda: KeywordScorer(sure))
    named = "the settings name former defaults: threshold = 0.4 (now 0.5), change_errors = 2.2 (now 2.4); with the"
    assert named in " ".join(capsys.readouterr().err.split())
    own = settings.model_copy(update={"threshold": 0.45})
    for others, model in ((own, sure), (copied.model_copy(update={"model": "mine"}), sure), (copied, KeywordModel())):
        warn_of_former_limits(others, model)
    assert "former defaults" not in capsys.readouterr().err


def test_two_nights_never_overlap(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WRITE_WAIT_S", 0)
    with Database(settings.db).only_writer(), pytest.raises(StoreError, match="another run is working"):
        run_nightly(settings, KeywordScorer)


@pytest.mark.usefixtures("no_outputs")
def test_a_night_waits_for_the_end_of_another_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`watch` may be in a batch when the night begins."""
    with ExitStack() as other_run:
        other_run.enter_context(Database(settings.db).only_writer())
        monkeypatch.setattr(run, "sleep", lambda _: other_run.close())
        run_nightly(settings, KeywordScorer)
    assert "another run is working on the database; waiting for it, 300 s at most" in capsys.readouterr().err
    assert run_query(Database(settings.db), "SELECT status FROM runs").rows == [("done",)]


@pytest.mark.usefixtures("no_outputs")
def test_an_unusable_inbox_fails_the_run_before_the_model_loads(settings: Settings, tmp_path: Path) -> None:
    place = write(tmp_path / "file", "") / "lost"
    loaded: list[KeywordScorer] = []

    def load() -> KeywordScorer:
        loaded.append(KeywordScorer())
        return loaded[-1]

    lost = settings.model_copy(update={"inbox": place})
    with pytest.raises(MonitorError, match=f"{place}: cannot read the inbox"):
        run_nightly(lost, load)
    assert not settings.db.exists()
    run_nightly(settings, load)
    with pytest.raises(MonitorError):
        run_nightly(lost, load)
    assert len(loaded) == 1
    _, (status, message) = run_query(Database(settings.db), "SELECT status, message FROM runs ORDER BY run_id").rows
    assert status == "failed"
    assert re.match(r"DataError: .*lost: cannot", message)


def test_a_snapshot_in_the_inbox_would_be_input_and_clear_input_away(settings: Settings) -> None:
    own = write(settings.inbox / "scores-2026-01.parquet", "")
    with pytest.raises(ConfigError, match="inbox and snapshot are one folder"):
        run_nightly(
            settings.model_copy(update={"snapshot": settings.inbox / ".." / settings.inbox.name}),
            KeywordScorer,
        )
    assert list(settings.inbox.iterdir()) == [own]


@pytest.mark.slow
@pytest.mark.usefixtures("no_outputs")
def test_a_full_disk_under_the_log_costs_no_row(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(settings.inbox / "monday.csv", HEADER + rows(0, 30))
    with Path("/dev/full").open("wb", buffering=0) as raw:
        full = io.TextIOWrapper(raw, write_through=True)
        with monkeypatch.context() as patched:
            patched.setattr("sys.stderr", full)
            patched.setattr("sys.stdout", full)
            with pytest.raises(SystemExit) as left:
                app.exit_with_code(lambda: run_nightly(settings, KeywordScorer))
            assert left.value.code == app.USER_ERROR
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdout", full)
            with pytest.raises(SystemExit):
                app.exit_with_code(lambda: run_nightly(settings, KeywordScorer))
    assert "risk-monitor: the output: the disk is full, or this user's quota is used up" in capsys.readouterr().err
    assert run_query(Database(settings.db), "SELECT status, n_scored FROM runs").rows == [
        ("done", 30),
        ("done", 0),
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("restored", [False, True])
def test_a_database_replaced_during_a_run_gets_no_alerts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    settings = settings.model_copy(update={"threshold": 0.4})
    write(settings.inbox / "monday.csv", HEADER + rows(0, 30))
    run_nightly(settings, KeywordScorer)
    backup = shutil.copy(settings.db, settings.db.with_name("backup.duckdb"))
    page = (settings.out / "index.html").read_bytes()
    write(settings.inbox / "tuesday.csv", HEADER + rows(30, 300))

    def replaced(*args: Any) -> ModelEpisodes:
        settings.db.unlink()
        if restored:
            shutil.move(backup, settings.db)
        return apply_rules(*args)

    with monkeypatch.context() as patched:
        patched.setattr("monitor.alerts.update.apply_rules", replaced)
        with pytest.raises(StoreError, match="deleted or replaced while this run worked on it"):
            run_nightly(settings, KeywordScorer)
    assert run_query(Database(settings.db), "SELECT count(*) FROM alerts").rows == [(0,)]
    assert (settings.out / "index.html").read_bytes() == page
    run_pipeline(settings, KeywordScorer, report=False)
    assert run_query(Database(settings.db), "SELECT count(*) FROM scores").rows == [(330,)]
    assert run_query(Database(settings.db), "SELECT count(*) > 0 FROM alerts").rows == [(True,)]


@pytest.mark.usefixtures("no_outputs")
def test_another_risk_map_is_another_model(settings: Settings) -> None:
    write(settings.inbox / "monday.csv", HEADER + rows(0, 30))
    for name in ("one", "two"):
        run_nightly(settings, lambda name=name: KeywordScorer(KeywordModel(model_id=name)))  # type: ignore[misc]
    assert run_query(
        Database(settings.db), "SELECT model_id, count(*) FROM scores GROUP BY ALL ORDER BY ALL"
    ).rows == [
        ("one", 30),
        ("two", 30),
    ]


@pytest.mark.usefixtures("without_pictures")
def test_a_model_that_was_given_up_counts_no_more_after_a_night_without_new_texts(
    settings: Settings, tmp_path: Path
) -> None:
    write(settings.inbox / "monday.csv", HEADER + rows(0, 30))
    for name, report in (("one", False), ("two", False), ("one", True)):  # the third night scores nothing
        run_pipeline(settings, lambda name=name: KeywordScorer(KeywordModel(model_id=name)), report=report)  # type: ignore[misc]
    for place in (settings.db, settings.snapshot / "risk-snapshot.duckdb"):
        assert run_query(Database(place), "SELECT DISTINCT model_id FROM latest_scores").rows == [("one",)], place
    assert (latest_model(Database(settings.db)) or {})["model_id"] == "one"
    write_report(Database(settings.db), tmp_path / "by_day")
    assert "this database: keywords (two" in (tmp_path / "by_day" / "index.html").read_text()


class Gloomy(Both):
    """Reads every text about its writer as sad, so that there are alerts, and explains by words."""

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> KeywordScores:
        return super().score([text.replace("i ", "sadness ") for text in texts], progress)


@pytest.mark.parametrize("folder", jobs.demo.REPORTS)
def test_a_demo_replaces_no_report_of_real_people(tmp_path: Path, folder: str) -> None:
    page = tmp_path / folder / "index.html"
    page.parent.mkdir()
    page.write_text("<p>As of 2026-05-04: 14 people.</p>", encoding="utf-8")
    with pytest.raises(StoreError, match=f"{folder}: holds a report that is not the demo's; name another folder"):
        run_demo(tmp_path, Gloomy)
    assert sorted(tmp_path.rglob("*")) == [page.parent, page], "nothing was made"
    page.write_text(f"<p>{jobs.demo.SAYS_SO}: its people and their texts are invented.</p>", encoding="utf-8")
    jobs.demo._start_over(Database(tmp_path / "demo.duckdb"))


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")  # tests/whole/test_wheel.py draws those of a demo
def test_the_demo_prints_its_lines_and_writes_a_report_and_a_case_report_with_shaded_texts_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pl.read_csv(jobs.demo.demo_feed_path())
    some = whole["subject_id"].unique().sort()[:11]  # of forty; to search and score the texts of all takes longer
    whole.filter(pl.col("subject_id").is_in(some.implode())).write_csv(tmp_path / "feed.csv")
    monkeypatch.setattr(jobs.demo, "demo_feed_path", lambda: tmp_path / "feed.csv")
    for _ in range(2):
        run_demo(tmp_path / "out", Gloomy)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 12
        assert "synthetic" in lines[0]
        assert NOT_A_DIAGNOSIS in lines[10]
        assert lines[11] == str(tmp_path / "out" / "report" / "index.html")
        shown, quoted = (
            (tmp_path / "out" / folder / "people.html").read_text("utf-8") for folder in ("report", "case-report")
        )
        assert all("This is the demo: its people and their texts are invented." in page for page in (shown, quoted))
        assert "<blockquote>" not in shown
        assert '<span class="shaded">' in quoted
        assert "counted most." in quoted
    assert run_query(Database(tmp_path / "out" / "demo.duckdb"), "SELECT count(*) FROM runs").rows == [(1,)]

"""`risk-monitor alerts` and `evaluate-alerts`; on the demo feed alerts are early and rarely false."""

import datetime as dt
import json
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl
import pytest

from jobs import alerts as listing
from jobs import benchmark_windows
from jobs.cli import main
from jobs.console.app import GATE_FIRED, USER_ERROR
from jobs.evaluate_alerts import GRIDS, draw_feeds, evaluate, print_results
from jobs.pipeline.score_files import score_files
from monitor import ROOT
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import find_episodes
from monitor.database.connection import Database
from monitor.demo.feed import FIRST_DAY, DemoIntent, generate
from monitor.errors import DataError
from monitor.evaluation.early_detection import Course, Feed, measure
from monitor.intake.row_rules import IdRules
from monitor.windows.window_queries import run
from reports.evaluation.alert_curves import curve_frame, curves
from reports.style.palette import LIGHT
from tests.support import fake_feed
from tests.support.keyword_scorer import KeywordScorer

pytestmark = pytest.mark.slow

# Beta distributions with about the mean and spread of p_high that the built-in model gives to texts of an intent
LIKE_THE_MODEL = {"sadness": (1.1, 0.4), "low sadness": (1.3, 0.26), "neutral": (5.7, 28)}
OTHERS = (0.7, 6.0)


def judged(seeds: Sequence[int]) -> dict:
    """The rules as they are set, on demo feeds scored about as the built-in model scores them."""
    opened: dict[str, list[dt.date]] = defaultdict(list)
    courses = []
    last = FIRST_DAY + dt.timedelta(days=200)
    with fake_feed.database() as con:
        for seed in seeds:
            feed, rng = generate(seed), random.Random(seed)
            fake_feed.insert(
                con,
                [f"{seed}-{text.subject_id}" for text in feed.texts],
                [dt.datetime.fromisoformat(text.posted_at).replace(tzinfo=None) for text in feed.texts],
                [fake_feed.probabilities(high_risk(rng, intent)) for intent in feed.intents],
            )
            courses += [
                Course(f"{seed}-{one.subject_id}", one.course, *map(as_date, (one.onset, one.end, one.half)))
                for one in feed.periods
            ]
        for row in find_episodes(con, fake_feed.MODEL, last, AlertRules()).sort("opened_on").to_dicts():
            opened[row["subject_id"]].append(row["opened_on"])
        written = Feed.of(run(con, "daily_subject", model_id=fake_feed.MODEL, as_of=last))
    return measure(opened, courses, written)


def high_risk(rng: random.Random, intent: DemoIntent) -> float:
    kind = "low sadness" if intent.intent == "sadness" and intent.lowness > 0.6 else intent.intent
    return rng.betavariate(*LIKE_THE_MODEL.get(kind, OTHERS))


def as_date(day: str | None) -> dt.date | None:
    return None if day is None else dt.date.fromisoformat(day)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(2026,), (101, 102, 103)])
def test_drops_and_declines_raise_early_alerts_and_stable_courses_rarely_any(seeds: Sequence[int]) -> None:
    found = judged(seeds)
    assert found["courses"]["drop"]["rate"] >= 0.9
    assert found["courses"]["declining"]["rate"] >= 0.8
    assert found["courses"]["drop"]["median_delay"] < 10
    assert found["median_delay"] < 10
    assert found["alarms_per_calm_year"] <= 1


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with two weeks of a sad subject and a cheerful one, scored by words."""
    folder = tmp_path_factory.mktemp("scored")
    rows = [
        f"{who},2026-01-{day:02d}T08:0{minute}:00Z,{minute} {word}\n"
        for day in range(1, 15)
        for who, word in (("low", "sadness all day"), ("fine", "joy all day"))
        for minute in range(2)
    ]
    (folder / "feed.csv").write_text("subject_id,posted_at,text\n" + "".join(rows))
    score_files([folder / "feed.csv"], Database(folder / "risk.duckdb"), KeywordScorer)
    return folder / "risk.duckdb"


@pytest.fixture
def db(scored: Path, tmp_path: Path) -> Path:
    """A copy of that database."""
    return Path(shutil.copy(scored, tmp_path))


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        main(["alerts", *words])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out + printed.err


def test_alerts_of_a_score_run_are_listed_and_acknowledged(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = call(capsys, "--db", str(db), "--fail-on-open")
    assert code == GATE_FIRED
    assert told.count(" low ") == 3  # level, sustained, and change: the short past is filled up with usual texts
    assert " fine " not in told
    assert "mean P(high risk) 0.62, line 0.50" in told
    assert "5 high days, limit 5" in told
    for alert in listing.list_alerts(Database(db), "keywords-1"):
        code, told = call(capsys, "--db", str(db), "--acknowledge", alert["alert_id"][:8], "--fail-on-open")
    assert code == 0
    assert told.count("acknowledged") == 4


def test_the_database_may_be_that_of_the_settings(
    db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = db.with_name("risk-monitor.toml")
    config.write_text(f'db = "{db.name}"\nthreshold = 0.9\n')
    assert "0 raised, 1 closed, 2 not closed" in call(capsys, "--config", str(config), "--update")[1]
    monkeypatch.chdir(db.parent)
    assert call(capsys, "--fail-on-open")[0] == GATE_FIRED


def test_alert_list_warns_when_rules_lag_behind_scores(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Database(db).writing() as con:  # as scores were left by a version, or a run, that ended before its alerts
        con.execute("DELETE FROM alerts")
        con.execute("UPDATE alert_updates SET scored_until = scored_until - INTERVAL 1 MICROSECOND")
    unseen = "the alert rules have not read every score yet; `alerts --update` runs them"
    code, told = call(capsys, "--db", str(db))
    assert (code, told.count(unseen)) == (0, 1)
    assert "no alerts" not in told
    code, told = call(capsys, "--db", str(db), "--fail-on-open")
    assert code == USER_ERROR
    assert f"risk-monitor: {db}: {unseen}\n" in told
    assert call(capsys, "--db", str(db), "--update", "--fail-on-open")[0] == GATE_FIRED
    with Database(db).writing() as con:
        con.execute("DELETE FROM alert_updates")
    code, told = call(capsys, "--db", str(db), "--fail-on-open")
    assert code == GATE_FIRED
    call(capsys, "--db", str(db), "--update")
    with Database(db).writing() as con:
        con.execute("UPDATE alerts SET state = 'closed', closed_because = 'silent'")
    assert call(capsys, "--db", str(db), "--fail-on-open") == (0, f"no alerts\n{listing.NOT_A_DIAGNOSIS}\n")


def test_an_update_without_settings_tells_of_other_limits(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listing.update_alerts(Database(db), AlertRules(threshold=0.01))
    assert "limits" not in capsys.readouterr().err
    for told in (True, False):  # the second update has the limits of the first
        listing.command(db=db, update_first=True)
        said = " ".join(capsys.readouterr().err.split())
        assert ("other limits than in their last update: threshold is 0.5, and was 0.01;" in said) is told


def test_an_update_is_a_run_in_the_ledger_and_changes_nothing_twice(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "0 raised, 0 closed, 3 not closed" in call(capsys, "--db", str(db), "--update")[1]
    with Database(db).reading() as con:
        assert con.execute("SELECT job, status FROM runs ORDER BY run_id").fetchall() == [
            ("score", "done"),
            ("alerts", "done"),
        ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--db", "no.duckdb", "--update"], "there is no such database"),
        (["--db", "DB", "--acknowledge", "nothing"], "alert 'nothing': there is no such alert"),
        (["--db", "DB", "--config", "no.toml"], "no.toml: cannot read"),
        (["--update"], "name the database with --db, or the settings with --config"),
    ],
)
def test_a_mistake_is_one_line(
    db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(db.parent)
    code, printed = call(capsys, *(str(db) if word == "DB" else word for word in words))
    assert code == USER_ERROR
    assert told in printed
    assert printed.count("\n") == 1
    assert not Path("no.duckdb").exists()


def test_a_database_without_scores_has_no_alerts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "empty.duckdb"
    new_database(db)
    assert "nothing is scored" in call(capsys, "--db", str(db), "--update")[1]


def new_database(db: Path) -> None:
    Database(db).connect().close()


def test_lead_ins_are_cut_out_of_generated_texts_and_nothing_else_changes(tmp_path: Path) -> None:
    whole = pl.read_csv(draw_feeds([3], tmp_path)[0])
    cut = pl.read_csv(draw_feeds([3], tmp_path, lead_ins=False)[0])
    assert whole.drop("text").equals(cut.drop("text"))
    changed = whole["text"] != cut["text"]
    assert whole["text"].filter(changed).str.contains("(?i)i('m| am)?( just| still| really)? fe(el|lt)").all()
    assert not cut["text"].str.contains("(?i)\\bi feel ").any()
    assert 0.02 < changed.mean() < 0.06


@pytest.fixture
def few_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations over one limit a rule beside that of the settings: forty take a second."""
    monkeypatch.setattr("jobs.evaluate_alerts.GRIDS", {rule: grid[:1] for rule, grid in GRIDS.items()})


@pytest.mark.slow
def test_rules_are_evaluated_over_their_limits_with_picture_and_json(tmp_path: Path) -> None:
    feed, truth = draw_feeds([1], tmp_path)
    found = evaluate(tmp_path, None, feed, truth, AlertRules(), KeywordScorer)
    assert {path.name for path in tmp_path.glob("alerts.*")} >= {"alerts.json", "alerts.png", "alerts.svg"}
    frame = curve_frame(found)
    drawn = curves(frame, LIGHT).to_dict()  # held to the schema of Vega-Lite, which `axes.spec` leaves out
    colours = drawn["hconcat"][0]["layer"][1]["encoding"]["color"]["scale"]
    assert set(colours["domain"]) >= set(frame["rule"])
    assert len(colours["domain"]) == len(set(colours["range"])), "each rule that is measured has a colour of its own"
    assert json.loads((tmp_path / "alerts.json").read_text()) == found
    assert found["n_subjects"] == 30
    assert set(found["all"]["courses"]) == {"declining", "drop", "episodic", "recovering"}
    for rule, curve in found["curves"].items():
        assert {row["limit"] for row in curve} == {*GRIDS[rule], AlertRules().limit(rule)}
        alarms = [row["calm_alarms"] + sum(kind["detected"] for kind in row["courses"].values()) for row in curve]
        assert alarms[0] >= alarms[-1]


@pytest.mark.usefixtures("few_limits")
def test_without_a_truth_the_alerts_are_only_counted(db: Path) -> None:
    found = evaluate(db.parent, Database(db), None, None, AlertRules(), KeywordScorer)
    assert not found["known"]
    assert found["all"]["calm_alarms"] == 3
    assert found["could_fire"] == {
        "subject_days": 28, "level": 22, "change": 6, "sustained": 20, "any": 22, "crisis": 28,
    }  # fmt: skip
    assert found["all"]["alarms_per_calm_year"] == pytest.approx(3 / (28 / 365.25))
    assert not (db.parent / "alerts.png").exists()


@pytest.mark.usefixtures("few_limits")
def test_two_feeds_in_one_folder_are_measured_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for subject in ("s1", "s2", "s1"):
        feed = tmp_path / "feed.csv"
        feed.write_text(f"subject_id,posted_at,text\n{subject},2026-01-01,sadness\n{subject},2026-01-02,joy\n")
        found = evaluate(tmp_path, None, feed, None, AlertRules(), KeywordScorer)
        assert (found["n_subjects"], found["n_texts"]) == (1, 2)
        assert "keep the texts, with their ids" in capsys.readouterr().err
    assert len(list(tmp_path.glob("alerts-*.duckdb"))) == 2


def test_a_database_without_scores_cannot_be_evaluated(tmp_path: Path) -> None:
    new_database(tmp_path / "empty.duckdb")
    with pytest.raises(DataError, match="nothing is scored"):
        evaluate(tmp_path, Database(tmp_path / "empty.duckdb"), None, None, AlertRules(), KeywordScorer)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "2", "--db", "x"], "exclude each other"),
        (["--seeds", "0"], "1 to 1000"),
        (["--seeds", "2", "--truth", "t.csv"], "--seeds does not use --truth; leave it out"),
        (["--db", "no.duckdb"], "there is no such database"),
        (
            ["--db", "x", "--without-lead-ins", "--dose", "7", "--onset", "-5", "--model", "nonsense"],
            "--db does not use --without-lead-ins and --model and --dose and --onset; leave them out",
        ),
        (["--feed", "f.csv", "--first-seed", "4"], "--feed does not use --first-seed; leave it out"),
        (["--seed", "4"], "the built-in feed does not use --seed; leave it out"),
        (["--numbers", "20", "--db", "x"], "--numbers does not use --db; leave it out"),
    ],
)
def test_a_wrong_call_of_evaluate_alerts_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate-alerts", *words, "--out", str(tmp_path / "out")])
    assert stop.value.code == USER_ERROR
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("anna,2\n", "row 2, label: neither 0 nor 1"),
        ("stranger,1\n", "no subject in it wrote in this feed"),
    ],
)
def test_a_wrong_truth_is_refused_before_texts_are_stored(tmp_path: Path, rows: str, told: str) -> None:
    feed, truth, out = tmp_path / "feed.csv", tmp_path / "truth.csv", tmp_path / "out"
    feed.write_text("subject_id,posted_at,text\nanna,2026-01-01,joy\n")
    truth.write_text(f"subject_id,label\n{rows}")
    with pytest.raises(DataError, match=told):
        evaluate(out, None, feed, truth, AlertRules(), KeywordScorer)
    assert list(out.iterdir()) == []


@pytest.mark.usefixtures("few_limits")
def test_ids_of_a_truth_follow_the_rules_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("subject_id,posted_at,text\nAnna,2026-01-01,joy\n")
    (tmp_path / "truth.csv").write_text("subject_id,label\nANNA,0\n")
    db = Database(tmp_path / "risk.duckdb")
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, ids=IdRules(casefold=True))
    results = evaluate(tmp_path / "out", db, None, tmp_path / "truth.csv", AlertRules(), KeywordScorer)
    assert results["all"]["n_calm"] == 1


@pytest.mark.usefixtures("few_limits")
def test_ids_of_a_truth_meet_their_pseudonyms_and_unknown_ones_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "feed.csv").write_text(
        "subject_id,posted_at,text\n" + "".join(f"{who},2026-01-0{day},joy\n" for who in (1, 2) for day in (1, 2))
    )
    db, key = Database(tmp_path / "risk.duckdb"), tmp_path / "risk.duckdb.key"
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, key_file=key)
    (tmp_path / "truth.csv").write_text("subject_id,label\n1,1\n1.0,1\n2,0\nghost,0\n")
    words = ["evaluate-alerts", "--db", str(db), "--truth", str(tmp_path / "truth.csv"), "--out", str(tmp_path)]
    main_succeeds(words)
    told = capsys.readouterr()
    assert "1 of its 4 rows is not used, because nobody in the feed has this subject_id (row 5)" in told.err
    assert "courses: 4 rows, 1 of them repeated, 1 of subjects who are not in the feed" in told.out
    results = json.loads((tmp_path / "alerts.json").read_text())
    assert results["truth"] == {"n_rows": 4, "n_repeated": 1, "n_unknown": 1}
    assert (results["all"]["periods"], results["all"]["n_calm"]) == (1, 1)
    key.unlink()
    with pytest.raises(SystemExit):
        main(words)
    assert f"use the subject_id of the feed; the key is not here (no {key}" in capsys.readouterr().err


@pytest.mark.usefixtures("few_limits")
def test_a_course_may_look_like_a_mark_of_style(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "feed.csv").write_text("subject_id,posted_at,text\nanna,2026-01-01,joy\n")
    (tmp_path / "truth.csv").write_text("subject_id,course,onset,end\nanna,[/x],2026-01-01,2026-01-02\n")
    print_results(
        evaluate(tmp_path, None, tmp_path / "feed.csv", tmp_path / "truth.csv", AlertRules(), KeywordScorer)
    )
    assert "[/x]: detected" in capsys.readouterr().out


def main_succeeds(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code


def test_the_list_of_alerts_starts_without_torch() -> None:
    code = "import sys, jobs.alerts; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("alert", "signal", "reason"),
    [
        (("crisis", 1.0, 1.0), "p_high", "crisis wording or P(suicidal) above its limit in 1 text"),
        (("crisis", 3.0, 1.0), "p_any", "crisis wording or P(suicidal) above its limit in 3 texts"),
        (("level", 0.62, 0.4), "p_any", "mean P(any) 0.62, line 0.40"),
        (("sustained", 3.0, 5.0), "p_high", "dark passages on 3 days in a row"),
    ],
)
def test_the_reason_names_crisis_texts_and_the_signal(
    alert: tuple[str, float, float], signal: str, reason: str
) -> None:
    rule, value, threshold = alert
    assert listing.describe({"rule": rule, "value": value, "threshold": threshold}, signal) == reason


def test_the_window_benchmark_runs_twice_on_the_same_scores(tmp_path: Path) -> None:
    for _ in range(2):
        found = benchmark_windows.measure(tmp_path / "w.duckdb", rows=3_000, subjects=10, threads=1, memory="1GB")
        assert found["rows_of_answer"] == sum(len(days) for days in benchmarked_days(tmp_path / "w.duckdb").values())


def benchmarked_days(db: Path) -> dict[str, set[dt.date]]:
    days: dict[str, set[dt.date]] = defaultdict(set)
    with duckdb.connect(db, read_only=True) as con:
        for subject, day in con.execute("SELECT subject_id, CAST(posted_at AS DATE) FROM scores").fetchall():
            days[subject].add(day)
    return days

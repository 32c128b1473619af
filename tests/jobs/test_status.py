"""The health line: what it shows, and the exit code by which a machine hears of it."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest
import typer

from jobs.status import command, print_health, read_health
from monitor import NOT_A_DIAGNOSIS
from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.database.statements import utc_now
from monitor.errors import ConfigError, StoreError
from tests.support.rows import documents, scores

NOW = dt.datetime(2026, 1, 10, 8)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Three texts, two of them scored; a night that was done at 02:00 of the day."""
    path = tmp_path / "risk.duckdb"
    add_run(path, "done", NOW - dt.timedelta(hours=6), quality="yellow", findings='["6% of the rows were odd"]')
    with Database(path).writing() as con:
        store.append_documents(con, documents("a", "b", "c"), "r")
        store.append_scores(con, scores("a", "b"), "r")
    return path


def add_run(db: Path, status: str, finished: dt.datetime | None, job: str = "nightly", **columns: str) -> None:
    with Database(db).writing() as con:
        run = ledger.start_run(con, job, "m")
        if status != "running":
            ledger.finish_run(con, run, status, "DataError: no inbox" if status == "failed" else None)
        for name, value in columns.items():
            con.execute(f"UPDATE runs SET {name} = ? WHERE run_id = ?", [value, run])
        con.execute("UPDATE runs SET finished_at = ? WHERE run_id = ?", [finished, run])


def test_a_good_night_has_no_problems(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_health(Database(db), 26, NOW)
    assert found["problems"] == []
    assert (found["n_documents"], found["n_scores"], found["n_unscored"], found["hours"]) == (3, 2, 1, 6)
    print_health(found)
    shown = capsys.readouterr().out
    for part in (
        "nightly done, 2026-01-10 02:00 UTC",
        "6 h 0 min ago; 0 failed since",
        "3 documents, 2 scores, 0 rejects",
        "1 documents not scored",
        "0 not closed; the rules have not read every score yet",
        "yellow; 6% of the rows were odd",
        NOT_A_DIAGNOSIS,
    ):
        assert part in shown


@pytest.mark.parametrize(("hours", "late"), [(25.9, False), (26, True), (100, True)])
def test_a_run_is_late_from_the_limit_on(db: Path, hours: float, late: bool) -> None:
    found = read_health(Database(db), 26, NOW + dt.timedelta(hours=hours - 6))
    assert [problem.split(":")[0] for problem in found["problems"]] == ["late"] * late


def test_a_failed_last_run_is_a_problem_until_one_is_done(db: Path) -> None:
    for _ in range(2):
        add_run(db, "failed", NOW)
    found = read_health(Database(db), 26, NOW)
    assert found["problems"] == ["failed: DataError: no inbox"]
    assert found["n_failed_since"] == 2
    add_run(db, "stopped", NOW)
    assert read_health(Database(db), 26, NOW)["problems"] == []
    add_run(db, "failed", NOW, job="evaluate")
    assert read_health(Database(db), 26, NOW)["problems"] == [], "of the runs that score"
    add_run(db, "done", NOW)
    assert read_health(Database(db), 26, NOW)["n_failed_since"] == 0


@pytest.mark.parametrize("job", ["nightly", "watch"])
def test_a_score_by_hand_hides_no_night(tmp_path: Path, job: str) -> None:
    path, hour = tmp_path / "risk.duckdb", dt.timedelta(hours=1)
    add_run(path, "done", NOW - 3 * hour, "score")
    assert read_health(Database(path), 26, NOW)["problems"] == [], "without a night a score counts"
    add_run(path, "done", NOW - 40 * hour, job, quality="red")
    add_run(path, "failed", NOW - 2 * hour, job)
    add_run(path, "done", NOW - hour, "score")
    problems = read_health(Database(path), 26, NOW)["problems"]
    assert [problem.partition(":")[0] for problem in problems] == ["late", "failed", "red"]


def test_a_run_from_the_future_hides_no_failure_and_no_delay(db: Path) -> None:
    add_run(db, "done", NOW + dt.timedelta(days=365))
    with Database(db).writing() as con:
        con.execute("UPDATE runs SET run_id = '2027' || run_id WHERE finished_at > ?", [NOW])
    assert read_health(Database(db), 26, NOW)["hours"] == 6
    assert read_health(Database(db), 26, NOW + dt.timedelta(days=3))["problems"][0].startswith("late: ")
    add_run(db, "failed", NOW)
    assert read_health(Database(db), 26, NOW)["problems"] == ["failed: DataError: no inbox"]


def test_red_input_is_a_problem_and_a_run_that_runs_is_shown(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_run(db, "done", NOW, quality="red", findings='["another language?"]')
    add_run(db, "running", None)
    found = read_health(Database(db), 26, NOW)
    assert found["problems"] == ["red: the input of the last run that was done"]
    print_health(found)
    assert "one runs since" in capsys.readouterr().out


def test_input_of_a_night_whose_report_failed_is_judged(db: Path) -> None:
    add_run(db, "failed", NOW, quality="red", findings='["another language?"]')
    found = read_health(Database(db), 26, NOW)
    assert (found["quality"], len(found["problems"])) == ("red", 2)
    add_run(db, "done", NOW, quality="green")
    assert read_health(Database(db), 26, NOW)["problems"] == []


def test_an_empty_database_is_late(tmp_path: Path) -> None:
    Database(tmp_path / "new.duckdb").connect().close()
    assert read_health(Database(tmp_path / "new.duckdb"), 26)["problems"] == ["late: no run was ever done"]


def test_alerts_are_counted_of_the_model_that_scored_last(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Database(db).writing() as con:
        ((model,),) = con.execute("SELECT DISTINCT model_id FROM scores").fetchall()
        con.execute(
            "INSERT INTO alert_updates (model_id, scored_until, run_id)"
            " SELECT model_id, max(scored_at), 'r' FROM scores GROUP BY model_id"
        )
        for number, owner in enumerate((model, "older", "older")):
            con.execute(
                "INSERT INTO alerts BY NAME SELECT $id AS alert_id, $model AS model_id, 's' AS subject_id,"
                " 'level' AS rule, $day AS opened_on, $day AS evidence_from, $day AS evidence_to, 1 AS n,"
                " 0.5 AS value, 0.4 AS threshold, 'open' AS state, $day AS state_changed_at, 'r' AS run_id,"
                " $day AS raised_at",
                {"id": f"a{number}", "model": owner, "day": NOW},
            )
    print_health(read_health(Database(db), 26, NOW))
    assert re.search(r"alerts +1 not closed\n", capsys.readouterr().out)


def test_exit_codes_and_json(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_run(db, "done", utc_now())
    command(db=db, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["last_status"] == "done"
    assert dt.datetime.fromisoformat(told["done_finished"]).utcoffset() == dt.timedelta(0)
    (tmp_path / "strict.toml").write_text('db = "risk.duckdb"\nlate_hours = 0.0000001\n')
    with pytest.raises(typer.Exit) as caught:
        command(config=tmp_path / "strict.toml")
    assert caught.value.exit_code == 3
    with pytest.raises(ConfigError, match="--db"):
        command()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strict.toml").rename("risk-monitor.toml")
    with pytest.raises(typer.Exit):
        command()
    with pytest.raises(StoreError, match="no such database"):
        command(db=tmp_path / "none.duckdb")

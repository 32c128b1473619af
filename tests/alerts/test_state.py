"""The states of an alert through time (raised, acknowledged, closed, withdrawn), and the views of alerts."""

from collections.abc import Iterator

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.alerts import state as alerts
from monitor.alerts.case_log import record_case
from monitor.errors import DataError
from monitor.windows import window_queries
from tests.alerts.test_rules import LAST, USUAL, on, update, write
from tests.support import fake_feed


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def states(con: duckdb.DuckDBPyConnection) -> list[tuple]:
    return con.execute("SELECT rule, state, closed_because FROM alerts ORDER BY opened_on, rule").fetchall()


@pytest.mark.slow
def test_update_raises_and_closes_alerts_and_repeats_cleanly(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.1) for day in range(30)] + [(day, 0.9) for day in range(30, 40)])
    assert update(con, 29) == alerts.AlertCounts(0, 0, 0)
    assert update(con, 36, "first") == alerts.AlertCounts(raised=3, closed=0, open=3)
    before = con.execute("FROM alerts ORDER BY alert_id").fetchall()
    assert update(con, 36, "second") == alerts.AlertCounts(0, 0, 3)
    assert con.execute("FROM alerts ORDER BY alert_id").fetchall() == before
    write(con, "a", [(day, 0.05) for day in range(40, 90)])
    assert update(con, 90) == alerts.AlertCounts(raised=0, closed=3, open=0)
    assert {row[1:] for row in states(con)} == {("closed", "calm again")}
    assert con.execute("SELECT DISTINCT run_id FROM alerts").fetchall() == [("first",)]


def test_sent_alert_stays_sent_when_it_changes(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 6)
    assert alerts.count_unsent(con, fake_feed.MODEL) == (2, 0)
    alerts.mark_sent(con, fake_feed.MODEL)
    assert alerts.count_unsent(con, fake_feed.MODEL) == (0, 0)
    update(con, 60)
    assert con.execute("SELECT state, told_at IS NULL FROM alerts").fetchall() == [("closed", False)] * 2


def test_acknowledged_alert_stays_acknowledged_until_it_ends(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 6)
    ((alert_id,),) = con.execute("SELECT alert_id FROM alerts WHERE rule = 'level'").fetchall()
    assert record_case(con, alert_id[:8]) == [alert_id]
    con.execute("UPDATE alerts SET state_changed_at = '2026-02-03 04:05:06'")
    with pytest.raises(DataError, match="is acknowledged already, since 2026-02-03 04:05 UTC"):
        record_case(con, alert_id)
    update(con, 9)
    assert ("level", "acknowledged", None) in states(con)
    update(con, 60)
    assert set(states(con)) == {("level", "closed", "silent"), ("sustained", "closed", "silent")}
    with pytest.raises(DataError, match=r"is closed already, since .*; only open ones"):
        record_case(con, alert_id)


@pytest.mark.parametrize(
    ("alert", "message"),
    [("no-such", "there is no such alert or code"), ("", "no alert is named"), (" ", "no alert is named")],
)
def test_unknown_alert_cannot_be_acknowledged(con: duckdb.DuckDBPyConnection, alert: str, message: str) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    with pytest.raises(DataError, match=message):
        record_case(con, alert)


@pytest.mark.slow
def test_late_rows_withdraw_an_alert_and_deletion_reopens_it(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, "a", [(day, 0.9) for day in range(6)])
    assert update(con, 5).raised == 2
    write(con, "a", [(day, 0.0) for day in range(6)] * 3)
    assert update(con, 5) == alerts.AlertCounts(raised=0, closed=2, open=0)
    assert {row[2] for row in states(con)} == {"withdrawn"}
    assert update(con, 6) == alerts.AlertCounts(0, 0, 0)
    con.execute("DELETE FROM scores WHERE p_high < 0.5")
    assert update(con, 6).open == 2


def test_late_rows_move_the_first_day_of_an_alert(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(2, 10)])
    update(con, 9)
    ((alert_id, day),) = con.execute("SELECT alert_id, opened_on FROM alerts WHERE rule = 'level'").fetchall()
    record_case(con, alert_id)
    write(con, "a", [(day, 0.9) for day in range(2, 5)])
    update(con, 9)
    ((same_id, opened_on, to, state),) = con.execute(
        "SELECT alert_id, opened_on, evidence_to, state FROM alerts WHERE rule = 'level'"
    ).fetchall()
    assert (same_id, opened_on, state) == (alert_id, day, "acknowledged")
    assert to < day


def test_earlier_as_of_does_not_change_later_alerts(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    assert update(con, 2) == alerts.AlertCounts(0, 0, 2)


@pytest.mark.parametrize("ahead", [[], [(300, 0.1)]])
def test_alert_is_withdrawn_when_a_correction_moves_the_last_texts_to_an_earlier_day(
    con: duckdb.DuckDBPyConnection, ahead: list[tuple[int, float]]
) -> None:
    """Also if a phone with a wrong clock wrote a text of a later day."""
    write(con, "b", [(2, 0.1), *ahead])
    write(con, "a", [(day, 0.9) for day in range(30, 36)])
    assert update(con, 35).raised == 2
    con.execute("UPDATE scores SET posted_at = posted_at - INTERVAL 30 DAY WHERE subject_id = 'a'")
    assert update(con, 5) == alerts.AlertCounts(raised=2, closed=2, open=2)
    assert update(con, 5) == alerts.AlertCounts(0, 0, 2)
    rows = con.execute(
        "SELECT DISTINCT opened_on < $day, closed_because, closed_on >= opened_on FROM alerts", {"day": on(9)}
    )
    assert set(rows.fetchall()) == {(True, None, None), (False, "withdrawn", True)}


def test_each_model_has_its_own_alerts(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    fake_feed.add(con, [("a", "2026-01-05 08:00", 0.0)], model="model-b")
    fake_feed.update_alerts(con, on(9), USUAL, "run", model="model-b")
    assert con.execute("SELECT DISTINCT model_id, state FROM alerts").fetchall() == [("model-a", "open")]


def test_alerts_query_returns_the_state_of_a_past_day(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 60)
    then, now = (
        window_queries.run(con, "alerts", model_id=fake_feed.MODEL, as_of=on(day)).sort("rule").to_dicts()
        for day in (5, 60)
    )
    assert [(row["rule"], row["is_open"]) for row in then] == [("level", True), ("sustained", True)]
    assert [(row["rule"], row["is_open"]) for row in now] == [("level", False), ("sustained", False)]
    assert window_queries.run(con, "alerts", model_id=fake_feed.MODEL, as_of=on(3)).is_empty()


def test_open_alerts_view_shows_the_latest_model_only(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    assert con.execute("SELECT subject_id, rule, state FROM open_alerts ORDER BY rule").fetchall() == [
        ("a", "level", "open"),
        ("a", "sustained", "open"),
    ]
    fake_feed.add(con, [("a", "2026-01-05 08:00", 0.0)], model="model-b")
    con.execute("UPDATE scores SET scored_at = TIMESTAMP '2026-07-01' WHERE model_id = 'model-b'")
    assert con.execute("FROM open_alerts").fetchall() == []


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_a_run_that_ended_before_the_alerts_changes_no_view(con: duckdb.DuckDBPyConnection, status: str) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    con.execute("UPDATE scores SET run_id = 'run-2'")
    fake_feed.add(con, [("a", "2026-01-05 08:00", 0.0)], model="model-b")
    con.execute("UPDATE scores SET run_id = 'run-1' WHERE model_id = 'model-b'")
    con.execute(
        "INSERT INTO runs (run_id, job, started_at, status, model_id) VALUES"
        " ('run-3', 'nightly', TIMESTAMP '2026-06-02', ?, 'model-b')",
        [status],
    )
    assert con.execute("FROM latest_model").fetchall() == [(fake_feed.MODEL,)]
    fake_feed.update_alerts(con, on(9), USUAL, "run-3", model="model-b")
    assert con.execute("FROM latest_model").fetchall() == [("model-b",)], "its report and snapshot show its model"
    con.execute(
        "INSERT INTO runs (run_id, job, started_at, status, model_id) VALUES"
        " ('run-4', 'alerts', TIMESTAMP '2026-06-02', 'done', 'model-b')"
    )
    fake_feed.update_alerts(con, on(9), USUAL, "run-4", model="model-b")
    assert con.execute("FROM latest_model").fetchall() == [("model-b",)], "an update of its alerts changes no model"
    con.execute("DELETE FROM alert_updates")
    con.execute("UPDATE runs SET status = 'done' WHERE run_id = 'run-3'")
    assert con.execute("FROM latest_model").fetchall() == [("model-b",)]


@pytest.mark.slow
def test_views_agree_with_the_window_queries(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add_courses(con, subjects=4, days=40)
    values = {"model_id": fake_feed.MODEL, "as_of": LAST}
    shared = ["day", "subject_id", "n", "n_high", "share_high", "p_high", "p_fear"]
    daily = con.sql("FROM risk_daily ORDER BY day, subject_id").pl()
    assert_frame_equal(daily.select(shared), window_queries.run(con, "daily_subject", **values).select(shared))
    measures = ["n", "n_days", "n_high", "p_high", "share_high", "share_high_lo", "share_high_hi"]
    cohort = pl.col("cohort")
    for level, name, own in (
        ("subject", "rolling_subject", True),
        ("cohort", "rolling_cohort", cohort.is_not_null()),
        ("overall", "rolling_cohort", cohort.is_null()),
    ):
        rolling = con.sql("FROM risk_rolling WHERE level = $level ORDER BY day, name", params={"level": level}).pl()
        for window, suffix in ((1, ""), (7, "_7"), (28, "_28")):
            wanted = window_queries.run(con, name, window_days=window, **values).filter(own)
            names = [measure for measure in measures if window > 1 or measure != "n_days"]
            actual = rolling.select("day", *(pl.col(f"{column}{suffix}").alias(column) for column in names))
            assert_frame_equal(actual, wanted.select("day", *names))
    assert con.sql("SELECT DISTINCT cohort FROM latest_scores").fetchall() == [("test",)]

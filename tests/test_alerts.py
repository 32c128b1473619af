"""Early warning: each rule against a naive walk through the days, alarms by their exact day, and alert states."""

import datetime as dt
from collections.abc import Iterator, Sequence

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from monitor import alerts, windows
from monitor.alert_rules import RULES, AlertRules
from monitor.errors import DataError
from tests import alert_oracle, fake_feed

START = fake_feed.START
LAST = START + dt.timedelta(days=400)
USUAL = AlertRules()


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def write(con: duckdb.DuckDBPyConnection, subject: str, texts: Sequence[tuple[int, float]]) -> None:
    """Texts as (day from START, p_high)."""
    fake_feed.insert(
        con,
        [subject] * len(texts),
        [dt.datetime.combine(on(day), dt.time(12)) for day, _ in texts],
        [fake_feed.probabilities(p) for _, p in texts],
    )


def on(day: int) -> dt.date:
    return START + dt.timedelta(days=day)


def opened(con: duckdb.DuckDBPyConnection, rules: AlertRules = USUAL, as_of: dt.date = LAST) -> list[tuple]:
    """(rule, first day, last day) of each episode, days from START."""
    frame = alerts.find_episodes(con, fake_feed.MODEL, as_of, rules)
    return [
        (row["rule"], (row["opened_on"] - START).days, (row["last_day"] - START).days)
        for row in frame.iter_rows(named=True)
    ]


def update(con: duckdb.DuckDBPyConnection, as_of: int, run: str = "run") -> alerts.AlertCounts:
    return alerts.update_alerts(con, fake_feed.MODEL, on(as_of), USUAL, run)


def states(con: duckdb.DuckDBPyConnection) -> list[tuple]:
    return con.execute("SELECT rule, state, closed_because FROM alerts ORDER BY opened_on, rule").fetchall()


days = st.dictionaries(
    st.integers(0, 25) | st.integers(0, 80),
    st.lists(st.sampled_from([0.0, 0.125, 0.5, 1.0]), min_size=1, max_size=3),
    max_size=25,
)
random_rules = st.builds(
    AlertRules,
    threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    min_texts=st.integers(1, 4),
    level_days=st.integers(1, 8),
    confirm_days=st.integers(1, 3),
    change_limit=st.sampled_from([0.3, 1.1, 2.7]),
    change_allowance=st.sampled_from([0.0, 0.0625, 0.25]),
    change_days=st.integers(1, 12),
    baseline_days=st.integers(1, 30),
    baseline_gap=st.integers(1, 8),
    baseline_texts=st.integers(1, 4),
    sustained_days=st.integers(1, 3),
    sustained_of=st.integers(3, 9),
    sustained_line=st.sampled_from([0.125, 0.5]),
    calm_share=st.sampled_from([0.0, 0.6, 1.0]),
    cooldown_days=st.integers(1, 9),
)


@settings(max_examples=150, deadline=None)
@given(feed=st.fixed_dictionaries({"a": days, "b": days}), rules=random_rules, as_of=st.integers(0, 90))
def test_every_rule_agrees_with_a_naive_oracle(
    feed: dict[str, dict[int, list[float]]], rules: AlertRules, as_of: int
) -> None:
    with fake_feed.database() as con:
        for subject, texts in feed.items():
            write(con, subject, [(day, p) for day, some in texts.items() for p in some])
        found = alerts.find_episodes(con, fake_feed.MODEL, on(as_of), rules)
    expected = []
    for rule in RULES:
        for subject, texts in sorted(feed.items()):
            known = {on(day): texts[day] for day in sorted(texts) if day <= as_of}
            signals = alert_oracle.RULES[rule](known, rules)
            confirm = rules.confirm_days if rule == "level" else 1
            for standing in alert_oracle.episodes(signals, rules, confirm):
                first, last = standing[0], standing[-1]
                ends = last + dt.timedelta(days=rules.cooldown_days + 1)
                closed = ends <= on(as_of)
                why = "calm again" if any(last < day < ends for day in signals) else "silent"
                seen = signals[first]
                expected.append(
                    {
                        "subject_id": subject,
                        "opened_on": first,
                        "evidence_from": seen.evidence_from,
                        "evidence_to": first,
                        "n": seen.n,
                        "value": pytest.approx(seen.value, abs=1e-8),
                        "last_day": last,
                        "closed_on": ends if closed else None,
                        "closed_because": why if closed else None,
                        "rule": rule,
                        "threshold": rules.limit(rule),
                    }
                )
    assert found.to_dicts() == expected


def test_a_drop_is_raised_on_its_exact_day_by_each_rule(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.1) for day in range(40)] + [(day, 0.9) for day in range(40, 60)])
    # level: a week's mean reaches 0.40 with the third high day, confirmed by the fourth
    # change: 0.9 - 0.1 - 0.1 = 0.7 a day passes 1.5 with the third; sustained: the fifth high day of fourteen
    assert [row[:2] for row in opened(con)] == [("level", 43), ("change", 42), ("sustained", 44)]


def test_too_few_texts_raise_no_level_alert_and_no_baseline_no_change_alert(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, "a", [(day, 1.0) for day in range(0, 12, 2)])
    assert opened(con) == [("sustained", 8, 10)]


def test_hysteresis_keeps_an_alert_through_days_between_calm_and_the_line(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rules = AlertRules(level_days=1, min_texts=1, confirm_days=1, cooldown_days=2)
    write(con, "a", [(0, 0.5), (1, 0.35), (2, 0.35), (3, 0.29), (4, 0.35), (8, 0.5)])
    assert [row for row in opened(con, rules) if row[0] == "level"] == [("level", 0, 2), ("level", 8, 8)]


def test_what_comes_back_within_the_cool_down_is_the_same_alert(con: duckdb.DuckDBPyConnection) -> None:
    rules = AlertRules(level_days=1, min_texts=1, confirm_days=1, cooldown_days=3)
    write(con, "a", [(0, 0.5), (1, 0.0), (3, 0.5), (4, 0.0), (8, 0.5)])
    assert [row for row in opened(con, rules) if row[0] == "level"] == [("level", 0, 3), ("level", 8, 8)]


def test_a_year_of_silence_is_no_alert_and_carries_none_on(con: duckdb.DuckDBPyConnection) -> None:
    rules = AlertRules(level_days=1, min_texts=1, confirm_days=1)
    write(con, "a", [(0, 0.5), (365, 0.35)])
    assert [row for row in opened(con, rules) if row[0] == "level"] == [("level", 0, 0)]
    assert update(con, 14).open == 0  # the usual rules want more than one text


def test_texts_all_of_one_second_are_one_day(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(5, 0.9)] * 30)
    assert opened(con) == []


def test_nothing_and_one_text_raise_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert update(con, 0) == alerts.AlertCounts(0, 0, 0)
    write(con, "a", [(0, 1.0)])
    assert update(con, 0) == alerts.AlertCounts(0, 0, 0)


def test_dates_after_as_of_count_for_nothing(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(20)])
    assert opened(con, as_of=on(3)) == []
    assert opened(con, as_of=on(5)) != []


def test_an_update_raises_keeps_and_closes_and_again_changes_nothing(con: duckdb.DuckDBPyConnection) -> None:
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


def test_an_acknowledged_alert_stays_so_until_it_ends(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 6)
    ((alert_id,),) = con.execute("SELECT alert_id FROM alerts WHERE rule = 'level'").fetchall()
    assert alerts.acknowledge(con, alert_id[:8]) == alert_id
    con.execute("UPDATE alerts SET state_changed_at = '2026-02-03 04:05:06'")
    with pytest.raises(DataError, match="is acknowledged already, since 2026-02-03 04:05 UTC"):
        alerts.acknowledge(con, alert_id)
    update(con, 9)
    assert ("level", "acknowledged", None) in states(con)
    update(con, 60)
    assert set(states(con)) == {("level", "closed", "silent"), ("sustained", "closed", "silent")}
    with pytest.raises(DataError, match=r"is closed already, since .*; only open ones"):
        alerts.acknowledge(con, alert_id)


@pytest.mark.parametrize(
    ("alert", "told"),
    [("no-such", "there is no such alert"), ("", "no alert is named"), (" ", "no alert is named")],
)
def test_an_unknown_alert_cannot_be_acknowledged(
    con: duckdb.DuckDBPyConnection, alert: str, told: str
) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    with pytest.raises(DataError, match=told):
        alerts.acknowledge(con, alert)


def test_late_rows_withdraw_an_alert_and_its_end_of_silence_brings_it_back(
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


def test_late_rows_that_move_the_first_day_keep_the_alert(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(2, 10)])
    update(con, 9)
    ((alert_id, day),) = con.execute("SELECT alert_id, opened_on FROM alerts WHERE rule = 'level'").fetchall()
    alerts.acknowledge(con, alert_id)
    write(con, "a", [(day, 0.9) for day in range(2, 5)])
    update(con, 9)
    ((kept, opened_on, to, state),) = con.execute(
        "SELECT alert_id, opened_on, evidence_to, state FROM alerts WHERE rule = 'level'"
    ).fetchall()
    assert (kept, opened_on, state) == (alert_id, day, "acknowledged")
    assert to < day


def test_an_earlier_as_of_leaves_later_alerts_alone(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    assert update(con, 2) == alerts.AlertCounts(0, 0, 2)


def test_models_keep_alerts_of_their_own(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    fake_feed.add(con, [("a", "2026-01-05 08:00", 0.0)], model="model-b")
    alerts.update_alerts(con, "model-b", on(9), USUAL, "run")
    assert con.execute("SELECT DISTINCT model_id, state FROM alerts").fetchall() == [("model-a", "open")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"threshold": 1.5}, "less than or equal to 1"),
        ({"threshold": float("nan")}, "threshold"),
        ({"min_texts": 0}, "greater than or equal to 1"),
        ({"min_texts": 2.5}, "valid integer"),
        ({"change_limit": 0}, "greater than 0"),
        ({"change_limit": float("inf")}, "finite"),
        ({"sustained_days": 15}, "sustained_days is 15 of 14 days"),
        ({"treshold": 0.5}, "Extra inputs"),
    ],
)
def test_rules_out_of_range_are_refused(change: dict[str, float], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        AlertRules(**change)  # type: ignore[arg-type]


def test_the_alerts_of_a_past_day_are_shown_as_open_then(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 60)
    then, now = (
        windows.run(con, "alerts", model_id=fake_feed.MODEL, as_of=on(day)).sort("rule").to_dicts()
        for day in (5, 60)
    )
    assert [(row["rule"], row["is_open"]) for row in then] == [("level", True), ("sustained", True)]
    assert [(row["rule"], row["is_open"]) for row in now] == [("level", False), ("sustained", False)]
    assert windows.run(con, "alerts", model_id=fake_feed.MODEL, as_of=on(3)).is_empty()


def test_open_alerts_are_those_of_the_model_that_scored_last(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(10)])
    update(con, 9)
    assert con.execute("SELECT subject_id, rule, state FROM open_alerts ORDER BY rule").fetchall() == [
        ("a", "level", "open"),
        ("a", "sustained", "open"),
    ]
    fake_feed.add(con, [("a", "2026-01-05 08:00", 0.0)], model="model-b")
    con.execute("UPDATE scores SET scored_at = TIMESTAMP '2026-07-01' WHERE model_id = 'model-b'")
    assert con.execute("FROM open_alerts").fetchall() == []


def test_the_views_say_what_the_window_queries_say(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add_courses(con, subjects=4, days=40)
    known = {"model_id": fake_feed.MODEL, "as_of": LAST}
    shared = ["day", "subject_id", "n", "n_high", "share_high", "p_high", "p_fear"]
    daily = con.sql("FROM risk_daily ORDER BY day, subject_id").pl()
    assert_frame_equal(daily.select(shared), windows.run(con, "daily_subject", **known).select(shared))
    measures = ["n", "n_days", "n_high", "p_high", "share_high", "share_high_lo", "share_high_hi"]
    for level in ("subject", "cohort", "overall"):
        rolling = con.sql(
            "FROM risk_rolling WHERE level = $level ORDER BY day, name", params={"level": level}
        ).pl()
        for window, suffix in ((1, ""), (7, "_7"), (28, "_28")):
            wanted = windows.run(con, f"rolling_{level}", window_days=window, **known)
            names = [name for name in measures if window > 1 or name != "n_days"]
            found = rolling.select("day", *(pl.col(f"{name}{suffix}").alias(name) for name in names))
            assert_frame_equal(found, wanted.select("day", *names))
    assert con.sql("SELECT DISTINCT cohort FROM latest_scores").fetchall() == [("test",)]

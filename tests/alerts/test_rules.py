"""Each early-warning rule against a naive walk through the days, and alerts on their exact day."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.alerts import state
from monitor.alerts.rules import RULES, AlertRules
from monitor.database.statements import query, statement
from tests.support import alert_oracle, fake_feed
from tests.support.tries import tries

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


def darken(con: duckdb.DuckDBPyConnection, days: Collection[int]) -> None:
    """Give every text of these days a dark passage."""
    con.execute(
        "UPDATE scores SET peak_high = 0.95 WHERE CAST(posted_at AS DATE) IN (SELECT unnest($days::DATE[]))",
        {"days": [on(day) for day in days]},
    )


def on(day: int) -> dt.date:
    return START + dt.timedelta(days=day)


def opened(con: duckdb.DuckDBPyConnection, rules: AlertRules = USUAL, as_of: dt.date = LAST) -> list[tuple]:
    """(rule, first day, last day) of each episode, days from START."""
    frame = state.find_episodes(con, fake_feed.MODEL, as_of, rules)
    return [
        (row["rule"], (row["opened_on"] - START).days, (row["last_day"] - START).days)
        for row in frame.iter_rows(named=True)
    ]


def update(con: duckdb.DuckDBPyConnection, as_of: int, run: str = "run") -> state.AlertCounts:
    return fake_feed.update_alerts(con, on(as_of), USUAL, run)


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
    change_errors=st.sampled_from([0.3, 1.1, 2.7]),
    change_allowance=st.sampled_from([0.0, 0.0625, 0.25]),
    change_days=st.integers(1, 12),
    change_texts=st.integers(1, 4),
    wander=st.sampled_from([0.01, 0.1]),
    usual_texts=st.sampled_from([0, 1, 10]),
    usual_mean=st.sampled_from([0.0, 0.25]),
    usual_deviation=st.sampled_from([0.125, 0.5]),
    baseline_days=st.integers(1, 30),
    baseline_gap=st.integers(1, 8),
    baseline_texts=st.integers(1, 4),
    sustained_days=st.integers(1, 3),
    sustained_of=st.integers(3, 9),
    sustained_line=st.sampled_from([0.125, 0.5]),
    passage_days=st.integers(1, 3),
    calm_share=st.sampled_from([0.0, 0.6, 1.0]),
    cooldown_days=st.integers(1, 9),
)


@pytest.mark.slow
@settings(max_examples=tries(30))
@given(
    feed=st.fixed_dictionaries({"a": days, "b": days}),
    rules=random_rules,
    as_of=st.integers(0, 90),
    dark=st.sets(st.integers(0, 25)),
)
@example(  # all three stretches of day 13 have the same mean
    feed={"a": {}, "b": {0: [0.0, 0.0, 0.5], 1: [0.0], 12: [0.125], 13: [0.5]}},
    rules=AlertRules(
        threshold=0.0, min_texts=1, level_days=1, confirm_days=1, change_errors=0.3, change_allowance=0.0,
        change_days=2, baseline_days=12, baseline_gap=1, baseline_texts=1, sustained_days=1, sustained_of=3,
        sustained_line=0.125, calm_share=0.0, cooldown_days=1,
    ),
    as_of=13, dark=set(),
)  # fmt: skip
def test_every_alert_rule_agrees_with_a_naive_oracle(
    feed: dict[str, dict[int, list[float]]], rules: AlertRules, as_of: int, dark: set[int]
) -> None:
    with fake_feed.database() as con:
        for subject, texts in feed.items():
            write(con, subject, [(day, p) for day, some in texts.items() for p in some])
        darken(con, dark)
        result = state.find_episodes(con, fake_feed.MODEL, on(as_of), rules)
    expected = []
    for rule in RULES:
        for subject, texts in sorted(feed.items()):
            feed_days = {on(day): texts[day] for day in sorted(texts) if day <= as_of}
            signals = alert_oracle.RULES[rule](feed_days, rules)
            if rule == "sustained":
                calm = rules.calm_share * rules.threshold
                darkened = {day for day in map(on, dark) if min(feed_days.get(day, [1.0])) < calm}
                signals = alert_oracle.sustained(feed_days, rules, darkened)
            confirm = rules.confirm_days if rule == "level" else 1
            for standing in alert_oracle.episodes(signals, rules, confirm):
                first, last = standing[0], standing[-1]
                ends = last + dt.timedelta(days=rules.cooldown_days + 1)
                closed = ends <= on(as_of)
                after = [day for day in feed_days if last < day < ends]
                why = "calm again" if any(signals[day].calm for day in after) else "silent"
                assert why == "calm again" or not after, "silent, but the subject wrote"
                signal = signals[first]
                expected.append(
                    {
                        "subject_id": subject,
                        "opened_on": first,
                        "evidence_from": signal.evidence_from,
                        "evidence_to": first,
                        "n": signal.n,
                        "value": pytest.approx(signal.value, abs=1e-8),
                        "last_day": last,
                        "closed_on": ends if closed else None,
                        "closed_because": why if closed else None,
                        "rule": rule,
                        "threshold": rules.limit(rule),
                    }
                )
    assert result.to_dicts() == expected


def test_each_rule_raises_a_drop_on_its_exact_day(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.1) for day in range(40)] + [(day, 0.9) for day in range(40, 60)])
    # level: a week's mean reaches 0.50 with the fourth high day, confirmed by the fifth
    # change: the past of 35 texts of 0.1 and 20 usual ones has the mean 0.140 and the variance 0.0089. The mean of
    # ten days is 0.260 on day 41 and 0.340 on day 42, with the standard error 0.052: 2.3 and 3.9
    # sustained: the fifth high day of fourteen
    assert [row[:2] for row in opened(con)] == [("level", 44), ("change", 42), ("sustained", 44)]


def test_dark_endings_of_cheerful_texts_raise_an_alert_on_the_third_day(con: duckdb.DuckDBPyConnection) -> None:
    for subject, p in (("dark", 0.1), ("twice", 0.1), ("cheerful", 0.1), ("mixed", 0.4)):
        write(con, subject, [(day, p) for day in range(0, 42, 3)])
    con.execute("UPDATE scores SET peak_high = 0.3")
    darken(con, range(0, 9, 3))
    con.execute("UPDATE scores SET peak_high = 0.3 WHERE subject_id = 'cheerful'")
    con.execute("UPDATE scores SET peak_high = 0.3 WHERE subject_id = 'twice' AND posted_at < $1", [on(1)])
    found = state.find_episodes(con, fake_feed.MODEL, LAST, USUAL)
    assert found.select("subject_id", "rule", "opened_on", "last_day", "n", "value").rows() == [
        ("dark", "sustained", on(6), on(6), 3, 3.0)
    ]


def test_few_texts_raise_no_level_and_no_change_alert(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, "a", [(day, 1.0) for day in range(0, 12, 2)])
    assert opened(con) == [("sustained", 8, 10)]


def test_alert_lasts_through_days_between_calm_and_line(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rules = AlertRules(level_days=1, min_texts=1, confirm_days=1, cooldown_days=2)
    write(con, "a", [(0, 0.6), (1, 0.4), (2, 0.4), (3, 0.36), (4, 0.4), (8, 0.6)])
    assert [row for row in opened(con, rules) if row[0] == "level"] == [("level", 0, 2), ("level", 8, 8)]


def test_alert_stays_open_while_its_value_hovers_below_the_line(con: duckdb.DuckDBPyConnection) -> None:
    hovering = [(day, 0.6) for day in range(7)] + [(day, 0.43) for day in range(7, 90)]
    write(con, "a", [*hovering, *((day, 0.43) for day in range(90, 120))])
    write(con, "b", [*hovering, *((day, 0.1) for day in range(90, 120))])
    write(con, "c", hovering[:60])
    frame = state.find_episodes(con, fake_feed.MODEL, on(120), USUAL, ["level"])
    closed = frame.select("subject_id", "closed_on", "closed_because").rows()
    # the mean of b's week falls below 0.375 on day 91, so day 90 is the last day of the alert
    assert closed == [("a", None, None), ("b", on(90 + 15), "calm again"), ("c", on(59 + 15), "silent")]


def test_days_without_a_baseline_are_no_silence(con: duckdb.DuckDBPyConnection) -> None:
    rules = AlertRules(baseline_days=20, baseline_gap=1, baseline_texts=15)
    write(con, "a", [(day, 0.1) for day in range(16)] + [(day, 0.9) for day in range(16, 20)])
    write(con, "a", [(day, 0.5) for day in range(25, 80, 5)])
    frame = state.find_episodes(con, fake_feed.MODEL, on(80), rules, ["change"])
    assert frame["closed_because"].to_list() == [None]


def test_alert_about_a_rare_writer_closes_by_the_mean_of_four_weeks(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(7)] + [(day, 0.05) for day in range(10, 80, 4)])
    frame = state.find_episodes(con, fake_feed.MODEL, on(80), USUAL, ["level"])
    assert frame.select("closed_because").rows() == [("calm again",)]


def test_hit_within_the_cool_down_continues_the_alert(con: duckdb.DuckDBPyConnection) -> None:
    rules = AlertRules(level_days=1, min_texts=1, confirm_days=1, cooldown_days=3)
    write(con, "a", [(0, 0.5), (1, 0.0), (3, 0.5), (4, 0.0), (8, 0.5)])
    assert [row for row in opened(con, rules) if row[0] == "level"] == [("level", 0, 3), ("level", 8, 8)]


def test_year_without_texts_ends_an_alert(con: duckdb.DuckDBPyConnection) -> None:
    rules = AlertRules(level_days=1, min_texts=1, confirm_days=1)
    write(con, "a", [(0, 0.5), (365, 0.35)])
    assert [row for row in opened(con, rules) if row[0] == "level"] == [("level", 0, 0)]
    assert update(con, 14).open == 0  # the usual rules want more than one text


def test_many_texts_of_one_second_raise_nothing(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(5, 0.9)] * 30)
    assert opened(con) == []


def test_no_text_and_one_text_raise_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert update(con, 0) == state.AlertCounts(0, 0, 0)
    write(con, "a", [(0, 1.0)])
    assert update(con, 0) == state.AlertCounts(0, 0, 0)


def test_days_after_as_of_are_not_read(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.9) for day in range(20)])
    assert opened(con, as_of=on(3)) == []
    assert opened(con, as_of=on(5)) != []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 1.5}, "less than or equal to 1"),
        ({"threshold": float("nan")}, "threshold"),
        ({"min_texts": 0}, "greater than or equal to 1"),
        ({"min_texts": 2.5}, "valid integer"),
        ({"change_errors": 0}, "greater than 0"),
        ({"change_errors": float("inf")}, "finite"),
        ({"sustained_days": 15}, "sustained_days is 15 of 14 days"),
        ({"passage_days": 15}, "passage_days is 15; give at most sustained_of, 14"),
        ({"treshold": 0.5}, "Extra inputs"),
    ],
)
def test_rules_with_limits_out_of_range_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AlertRules(**change)  # type: ignore[arg-type]


def test_days_on_which_a_rule_could_fire_are_counted_by_its_need_of_texts(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "a", [(day, 0.1) for day in range(30)])
    write(con, "b", [(0, 0.9), (99, 0.9)])
    values = {**USUAL.model_dump(), "model_id": fake_feed.MODEL, "as_of": LAST}
    selected = statement("alerts/could_fire")
    row = query(con, selected.name, **selected.pick(values)).row(0, named=True)
    # level: five texts in a week from day 4, confirmed from day 5; change: 10 texts a week ago; sustained: five days
    assert row == {
        "subject_days": 130, "level": 25, "change": 14, "sustained": 26, "any": 26, "crisis": 32,
    }  # fmt: skip


def test_a_day_on_which_passages_raise_an_alert_counts_as_one_on_which_the_rule_could_fire(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, "a", [(day, 0.1) for day in (0, 4, 8, 12, 40, 41)])
    darken(con, (0, 4, 8, 40, 41))
    assert opened(con) == [("sustained", 8, 8)]
    row = state.count_days(con, fake_feed.MODEL, LAST, USUAL).row(0, named=True)
    assert (row["sustained"], row["any"]) == (1, 1)


def test_limits_of_the_former_change_rule_are_named_and_not_used(caplog: pytest.LogCaptureFixture) -> None:
    rules = AlertRules.model_validate({"change_limit": 4.0, "change_allowance": 0.1, "threshold": 0.5})
    assert rules == AlertRules(threshold=0.5)
    assert "alerts.change_limit (4.0)" in caplog.text
    assert "change_errors" in caplog.text

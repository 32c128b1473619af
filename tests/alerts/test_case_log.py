"""The case log: who saw an alert, what came of it, and how often each rule was right."""

from collections.abc import Iterator

import duckdb
import pytest

from monitor.alerts.case_log import OUTCOMES, record_case
from monitor.database.statements import query
from monitor.errors import DataError
from tests.alerts.test_rules import LAST, update, write
from tests.support import fake_feed


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two people with two open alerts each, and one who is fine."""
    with fake_feed.database() as con:
        for subject, code, p in (("a", "Bado7", 0.9), ("b", "Basu7", 0.9), ("c", "Baco7", 0.1)):
            write(con, subject, [(day, p) for day in range(10)])
            con.execute("INSERT INTO codes VALUES (?, ?, '2026-01-05')", [code, subject])
        update(con, 9)
        yield con


def alert(con: duckdb.DuckDBPyConnection, subject: str, rule: str) -> str:
    sql = "SELECT alert_id FROM alerts WHERE (subject_id, rule) = (?, ?)"
    ((found,),) = con.execute(sql, [subject, rule]).fetchall()
    return found


def logged(con: duckdb.DuckDBPyConnection) -> list[tuple]:
    return con.execute('SELECT alert_id, "by", outcome, note FROM case_log ORDER BY "at", alert_id').fetchall()


def test_each_event_is_kept_and_an_outcome_may_follow_later(con: duckdb.DuckDBPyConnection) -> None:
    one = alert(con, "a", "level")
    assert record_case(con, one[:8]) == [one]
    assert record_case(con, one, by="Ana", outcome="contacted", note="talks on Friday") == [one]
    update(con, 60)
    assert con.execute("SELECT DISTINCT state FROM alerts").fetchall() == [("closed",)]
    record_case(con, one, by="Ben", outcome="false_alarm")
    assert [row[1:] for row in logged(con)] == [
        (None, None, None),
        ("Ana", "contacted", "talks on Friday"),
        ("Ben", "false_alarm", None),
    ]


def test_a_code_stands_for_every_open_alert_of_the_person(con: duckdb.DuckDBPyConnection) -> None:
    both = sorted(alert(con, "a", rule) for rule in ("level", "sustained"))
    assert record_case(con, "bado-7", by="Ana") == both
    assert con.execute("SELECT DISTINCT subject_id FROM alerts WHERE state = 'open'").fetchall() == [("b",)]
    with pytest.raises(DataError, match="is acknowledged already"):
        record_case(con, "Bado7", by="Ana")
    assert record_case(con, "Bado7", by="Ana", outcome="known") == both
    with pytest.raises(DataError, match="the model that scored last raised no alert about this person"):
        record_case(con, "Baco7", by="Ana", outcome="known")


def test_a_code_without_alerts_of_the_last_model_is_not_said_to_have_had_none(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 08:00", 0.0)], model="model-b")
    con.execute("UPDATE scores SET run_id = 'run-2' WHERE model_id = 'model-b'")
    with pytest.raises(DataError, match="the model that scored last raised no alert"):
        record_case(con, "Bado7", by="Ana")
    one = alert(con, "a", "level")
    assert record_case(con, one[:8], by="Ana") == [one]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"outcome": "cured", "by": "Ana"}, "--outcome cured: there is contacted, referred, known, false_alarm"),
        ({"outcome": "known"}, "need --by"),
        ({"note": "x"}, "need --by"),
        ({"by": " "}, "--by is empty"),
        ({"by": "Ana", "note": "x" * 1001}, "--note: 1,001 characters; at most 1,000"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_kept(
    con: duckdb.DuckDBPyConnection, values: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        record_case(con, "Bado7", **values)
    assert logged(con) == []


def test_precision_counts_the_last_outcome_of_each_alert(con: duckdb.DuckDBPyConnection) -> None:
    assert query(con, "alerts/rule_outcomes", model_id=fake_feed.MODEL, as_of=LAST).is_empty()
    record_case(con, alert(con, "a", "level"), by="Ana", outcome="false_alarm")
    record_case(con, alert(con, "a", "level"), by="Ana", outcome="contacted")
    record_case(con, alert(con, "b", "level"), by="Ana", outcome="false_alarm")
    record_case(con, alert(con, "b", "sustained"), by="Ana")
    (row,) = query(con, "alerts/rule_outcomes", model_id=fake_feed.MODEL, as_of=LAST).to_dicts()
    assert (row["rule"], row["n"], row["n_subjects"], row["contacted"], row["false_alarm"]) == ("level", 2, 2, 1, 1)
    assert row["precision"] == 0.5
    assert (row["precision_lo"], row["precision_hi"]) == pytest.approx((0.0945, 0.9055), abs=1e-3)  # Wilson, 1 of 2
    assert set(OUTCOMES) <= set(row)

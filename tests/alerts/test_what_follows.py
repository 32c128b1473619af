"""What people did about an alert follows it: into the alerts of another model, and through a change of the limits."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from monitor.alerts import state
from monitor.alerts.case_log import record_case
from monitor.alerts.rules import AlertRules
from monitor.database.statements import query
from tests.alerts.test_crisis import mention
from tests.alerts.test_rules import USUAL, on, write
from tests.support import fake_feed

OTHER = "model-b"
LENIENT = AlertRules(threshold=0.01)
DAY = 40  # the last day of the feed


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A person with a level and a sustained alert, and one whose crisis alert of day 0 closed long ago."""
    with fake_feed.database() as con:
        write(con, "c", [(0, 0.0), (DAY, 0.0)])
        mention(con, "doc-0", "raised")
        write(con, "a", [(day, 0.9) for day in range(30, DAY)])
        update(con, "run-1")
        yield con


def update(
    con: duckdb.DuckDBPyConnection, run: str, model: str = fake_feed.MODEL, rules: AlertRules = USUAL
) -> state.AlertCounts:
    return fake_feed.update_alerts(con, on(DAY), rules, run, model)


def score_anew(con: duckdb.DuckDBPyConnection, model: str = OTHER) -> None:
    con.execute(
        "INSERT INTO scores BY NAME SELECT * REPLACE ($model AS model_id, timezone('UTC', now()) AS scored_at)"
        " FROM scores AS s WHERE model_id = 'model-a'"
        " AND NOT EXISTS (FROM scores AS o WHERE o.doc_id = s.doc_id AND o.model_id = $model)",
        {"model": model},
    )


def late_text(con: duckdb.DuckDBPyConnection, subject: str, day: int, p: float) -> None:
    """A text that comes in now."""
    write(con, subject, [(day, p)])
    con.execute(
        "UPDATE scores SET scored_at = timezone('UTC', now())"
        " WHERE doc_id = 'doc-' || (SELECT count(*) - 1 FROM documents)"
    )


def alerts(con: duckdb.DuckDBPyConnection, model: str = fake_feed.MODEL) -> list[tuple]:
    """Subject, rule, state, and whether it was sent."""
    return con.execute(
        "SELECT subject_id, rule, state, told_at IS NOT NULL FROM alerts WHERE model_id = ? ORDER BY 1, 2", [model]
    ).fetchall()


def late(con: duckdb.DuckDBPyConnection, model: str) -> int:
    values = {"model_id": model, "as_of": on(DAY), "suicidal_limit": 0.9}
    return int(query(con, "alerts/unsent_late_crisis_texts", **values).item())


def test_a_new_model_keeps_what_was_done_about_the_alerts_of_the_old_one(con: duckdb.DuckDBPyConnection) -> None:
    record_case(con, con.execute("SELECT alert_id FROM alerts WHERE rule = 'level'").fetchall()[0][0], by="Ana")
    state.mark_sent(con, fake_feed.MODEL)
    before = alerts(con)
    assert before == [
        ("a", "level", "acknowledged", False),
        ("a", "sustained", "open", True),
        ("c", "crisis", "closed", True),
    ]
    score_anew(con)
    counts = update(con, "run-2", OTHER)
    assert counts == state.AlertCounts(raised=0, closed=0, open=2)
    assert alerts(con, OTHER) == before
    assert state.count_unsent(con, OTHER) == (0, 0)
    times = "SELECT rule, state_changed_at, told_at, raised_at FROM alerts WHERE model_id = ? AND state <> 'closed'"
    assert con.execute(times, [OTHER]).fetchall() == con.execute(times, [fake_feed.MODEL]).fetchall()
    events = query(con, "alerts/case_events", model_id=OTHER, as_of=dt.date(9999, 1, 1))
    assert events.select("model_id", "rule", "by").rows() == [(OTHER, "level", "Ana")], "the event comes once"


def test_a_crisis_alert_that_was_sent_is_not_sent_as_late_under_a_new_model(con: duckdb.DuckDBPyConnection) -> None:
    late_text(con, "c", DAY - 16, 0.0)
    ((doc_id,),) = con.execute("SELECT max_by(doc_id, scored_at) FROM scores").fetchall()
    mention(con, doc_id, "raised")
    update(con, "run-2")
    assert late(con, fake_feed.MODEL) == 1
    state.mark_sent(con, fake_feed.MODEL)
    assert late(con, fake_feed.MODEL) == 0
    score_anew(con)
    update(con, "run-3", OTHER)
    assert late(con, OTHER) == 0


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_look_before_the_texts_of_another_model_s_alert_hides_it_in_no_model(
    con: duckdb.DuckDBPyConnection, is_sent: bool
) -> None:
    for (alert_id,) in con.execute("SELECT alert_id FROM alerts WHERE subject_id = 'a'").fetchall():
        record_case(con, alert_id, by="Ana")
    if is_sent:
        state.mark_sent(con, fake_feed.MODEL)
    score_anew(con)
    con.execute("UPDATE scores SET p_high = 0.1, p_low = 0.9 WHERE subject_id = 'a' AND model_id = 'model-b'")
    update(con, "run-2", OTHER)
    assert [row for row in alerts(con, OTHER) if row[0] == "a"] == []
    for day in [DAY - 2, DAY - 1, DAY] * 5:
        late_text(con, "a", day, 0.95)
    score_anew(con)
    update(con, "run-3", OTHER)
    assert ("a", "level", "open", False) in alerts(con, OTHER)
    update(con, "run-4")
    assert ("a", "level", "open", False) in alerts(con), "it goes on as the other model's: open and not sent"
    state.mark_sent(con, fake_feed.MODEL)
    update(con, "run-5")
    assert ("a", "level", "open", True) in alerts(con)
    update(con, "run-6", OTHER)
    assert ("a", "level", "open", True) in alerts(con, OTHER)


def test_an_alert_of_the_new_model_alone_is_news(con: duckdb.DuckDBPyConnection) -> None:
    state.mark_sent(con, fake_feed.MODEL)
    write(con, "b", [(day, 0.1) for day in range(30, DAY)])
    score_anew(con)
    con.execute("UPDATE scores SET p_high = 0.9, p_low = 0.1 WHERE subject_id = 'b' AND model_id = 'model-b'")
    assert update(con, "run-2", OTHER).raised == 2
    assert {row for row in alerts(con, OTHER) if row[0] == "b"} == {
        ("b", "level", "open", False),
        ("b", "sustained", "open", False),
    }
    assert state.count_unsent(con, OTHER) == (2, 0)


def test_the_earlier_models_alerts_come_back_with_what_was_recorded_meanwhile(con: duckdb.DuckDBPyConnection) -> None:
    state.mark_sent(con, fake_feed.MODEL)
    score_anew(con)
    update(con, "run-2", OTHER)
    ((alert_id,),) = con.execute(
        "SELECT alert_id FROM alerts WHERE (model_id, rule) = (?, 'level')", [OTHER]
    ).fetchall()
    record_case(con, alert_id, by="Ana", outcome="contacted", note="talks on Friday")
    assert update(con, "run-3").reopened == 0
    assert alerts(con)[:2] == [("a", "level", "acknowledged", True), ("a", "sustained", "open", True)]
    logs = con.execute(
        'SELECT a.model_id, l."by", outcome, note FROM case_log AS l JOIN alerts AS a USING (alert_id)'
    )
    assert sorted(logs.fetchall()) == [
        (model, "Ana", "contacted", "talks on Friday") for model in (fake_feed.MODEL, OTHER)
    ]
    before = con.execute("FROM alerts ORDER BY ALL").fetchall(), con.execute("FROM case_log ORDER BY ALL").fetchall()
    update(con, "run-4")
    assert before == (
        con.execute("FROM alerts ORDER BY ALL").fetchall(),
        con.execute("FROM case_log ORDER BY ALL").fetchall(),
    )


def test_a_crisis_text_of_the_new_model_alone_is_news_about_an_alert_that_was_seen(
    con: duckdb.DuckDBPyConnection,
) -> None:
    mention(con, "doc-1", "raised")
    update(con, "run-2")
    state.mark_sent(con, fake_feed.MODEL)
    line = {"as_of": on(DAY), "suicidal_limit": 0.9}
    score_anew(con)
    update(con, "run-3", OTHER)
    assert query(con, "alerts/unsent_crisis_texts", model_id=OTHER, **line).item() == 0
    write(con, "c", [(DAY, 0.5)])
    score_anew(con)
    con.execute(
        "UPDATE scores SET s_suicidal = 0.95 WHERE subject_id = 'c' AND p_high = 0.5 AND model_id = 'model-b'"
    )
    update(con, "run-4", OTHER)
    assert query(con, "alerts/unsent_crisis_texts", model_id=OTHER, **line).item() == 1


def test_alerts_that_other_limits_withdrew_come_back_as_they_were(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "b", [(day, 0.1) for day in range(30, DAY)])
    update(con, "run-2", rules=LENIENT)
    both = [("a", "level"), ("b", "level")]
    state.mark_sent(con, fake_feed.MODEL)
    ((alert_id,),) = con.execute("SELECT alert_id FROM alerts WHERE (subject_id, rule) = ('b', 'level')").fetchall()
    record_case(con, alert_id, by="Ana", outcome="contacted")
    wanted = [row for row in alerts(con) if row[:2] in both]
    assert wanted == [("a", "level", "open", True), ("b", "level", "acknowledged", True)]
    write(con, "b", [(day, 0.1) for day in range(35, DAY)])  # scored before the message: no news
    assert update(con, "run-3", rules=AlertRules(threshold=0.95)).closed == 2
    assert update(con, "run-4", rules=LENIENT).reopened == 2
    assert [row for row in alerts(con) if row[:2] in both] == wanted
    assert state.count_unsent(con, fake_feed.MODEL) == (0, 0)
    ((looked_at, changed_at),) = con.execute(
        'SELECT l."at", a.state_changed_at FROM alerts AS a JOIN case_log AS l USING (alert_id)'
    ).fetchall()
    assert looked_at == changed_at


def test_a_text_that_came_in_since_makes_an_alert_that_comes_back_news(con: duckdb.DuckDBPyConnection) -> None:
    level = ("a", "level")
    state.mark_sent(con, fake_feed.MODEL)
    ((alert_id,),) = con.execute("SELECT alert_id FROM alerts WHERE rule = 'level'").fetchall()
    record_case(con, alert_id, by="Ana", outcome="contacted")
    update(con, "run-2", rules=AlertRules(threshold=0.95))
    late_text(con, "a", DAY - 1, 0.9)
    assert update(con, "run-3").reopened == 1
    assert (*level, "open", False) in alerts(con)
    state.mark_sent(con, fake_feed.MODEL)
    update(con, "run-4", rules=AlertRules(threshold=0.95))
    update(con, "run-5")
    assert (*level, "open", True) in alerts(con), "nobody has looked since it was raised again"


def test_open_alerts_that_a_new_model_does_not_raise_are_counted_once_with_their_people(
    con: duckdb.DuckDBPyConnection,
) -> None:
    ((code,),) = con.execute("SELECT code FROM codes WHERE subject_id = 'a'").fetchall()
    score_anew(con)
    strict = AlertRules(threshold=0.95, sustained_line=0.95, change_errors=99)
    counts = update(con, "run-2", OTHER, strict)
    assert (counts.raised, counts.closed, counts.left, counts.left_people) == (0, 0, 2, (code,))
    assert "2 open ones of the model before are not found again" in str(counts)
    assert update(con, "run-3", OTHER, strict).left == 0
    score_anew(con, "model-c")
    assert update(con, "run-4", "model-c", USUAL).left == 0


def test_an_acknowledged_alert_goes_on_in_the_later_episode_that_raised_limits_leave(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, "b", [(day, 0.45) for day in range(20)] + [(day, 0.7) for day in range(20, DAY)])
    low = AlertRules(threshold=0.4)
    update(con, "run-2", rules=low)
    level = "SELECT alert_id, opened_on, state, told_at IS NULL FROM alerts WHERE (subject_id, rule) = ('b', 'level')"
    ((alert_id, opened_on, *_),) = con.execute(level).fetchall()
    state.mark_sent(con, fake_feed.MODEL)
    record_case(con, alert_id, by="Ana", outcome="contacted")
    counts = update(con, "run-3", rules=AlertRules(threshold=0.6))
    assert (counts.raised, counts.closed) == (0, 0)
    assert con.execute(level).fetchall() == [(alert_id, opened_on, "acknowledged", False)]
    assert update(con, "run-4", rules=low) == update(con, "run-5", rules=low)
    assert con.execute(level).fetchall() == [(alert_id, opened_on, "acknowledged", False)]


def test_an_episode_after_the_last_update_does_not_continue_an_acknowledged_alert(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, "b", [(day, 0.9) for day in range(10)])
    fake_feed.update_alerts(con, on(9), USUAL, "run-2", fake_feed.MODEL)
    level = "SELECT alert_id FROM alerts WHERE (subject_id, rule) = ('b', 'level') AND state <> 'closed'"
    ((alert_id,),) = con.execute(level).fetchall()
    record_case(con, alert_id, by="Ana")
    con.execute("DELETE FROM scores WHERE doc_id IN (SELECT doc_id FROM documents WHERE subject_id = 'b')")
    write(con, "b", [(day, 0.9) for day in range(20, 30)])
    counts = fake_feed.update_alerts(con, on(29), USUAL, "run-3", fake_feed.MODEL)
    assert counts.closed >= 1
    ((new,),) = con.execute(level).fetchall()
    assert new != alert_id, "the new episode is news"


def test_the_id_of_a_former_model_s_alert_names_the_present_one(con: duckdb.DuckDBPyConnection) -> None:
    score_anew(con)
    former = dict(con.execute("SELECT rule, alert_id FROM alerts WHERE subject_id = 'a'").fetchall())
    update(con, "run-2", OTHER)
    present = dict(
        con.execute("SELECT rule, alert_id FROM alerts WHERE (subject_id, model_id) = ('a', ?)", [OTHER]).fetchall()
    )
    assert record_case(con, former["level"][:10], by="Ana") == [present["level"]]
    assert record_case(con, former["sustained"], by="Ben") == [present["sustained"]]
    assert {row[2] for row in alerts(con, OTHER) if row[0] == "a"} == {"acknowledged"}

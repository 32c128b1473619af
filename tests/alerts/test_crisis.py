"""The crisis rule and the choice of a signal: one text is enough, and the other rules read what the setting names."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import find_episodes
from tests.support import fake_feed

LAST = dt.date(2026, 3, 1)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def mention(con: duckdb.DuckDBPyConnection, doc_id: str, state: str) -> None:
    con.execute(
        "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, 'a phrase' AS phrase,"
        " 'suicidal' AS criterion, 0 AS first, 4 AS last, ? AS state, '' AS rule, 'list' AS list_id,"
        " 'run' AS run_id FROM documents WHERE doc_id = ?",
        [state, doc_id],
    )


def opened(con: duckdb.DuckDBPyConnection, rules: AlertRules | None = None) -> list[tuple[str, str, str]]:
    episodes = find_episodes(con, fake_feed.MODEL, LAST, rules or AlertRules())
    return [(row["subject_id"], row["rule"], str(row["opened_on"])) for row in episodes.to_dicts()]


def test_one_raised_mention_opens_an_alert_on_its_day(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", f"2026-01-{day:02d} 10:00", 0.0) for day in range(5, 12)])
    mention(con, "doc-3", "raised")
    assert opened(con) == [("a", "crisis", "2026-01-08")]


def test_a_held_mention_opens_nothing(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 10:00", 0.0)])
    mention(con, "doc-0", "held")
    assert opened(con) == []


def test_the_model_alone_raises_it_too(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 10:00", 0.0), ("b", "2026-01-05 10:00", 0.0)])
    con.execute("UPDATE scores SET criteria = 'hopeless,suicidal', s_suicidal = 0.95 WHERE doc_id = 'doc-1'")
    con.execute("UPDATE scores SET criteria = 'hopeless,suicidal', s_suicidal = 0.8 WHERE doc_id = 'doc-0'")
    assert opened(con) == [("b", "crisis", "2026-01-05")]
    assert len(opened(con, AlertRules(suicidal_limit=0.8))) == 2


@pytest.mark.parametrize(("signal", "subjects"), [("p_high", "a"), ("p_any", "bc"), ("both", "abc")])
def test_the_level_rule_reads_the_signal_that_is_set(
    con: duckdb.DuckDBPyConnection, signal: str, subjects: str
) -> None:
    days = [f"2026-01-{day:02d} 10:00" for day in range(5, 12)]
    sad, symptoms, neither = (
        [("a", day, 0.9) for day in days],
        [("b", day, 0.0) for day in days],
        [("d", day, 0.0) for day in days],
    )
    fake_feed.add(con, [*sad, *symptoms, *neither])
    con.execute("UPDATE scores SET p_any = CASE subject_id WHEN 'b' THEN 0.9 ELSE 0.0 END, criteria = ''")
    fake_feed.add(con, [("c", day, 0.9) for day in days])  # a text without the symptoms question
    con.execute("UPDATE scores SET p_any = 0.9, p_high = 0.0, p_low = 1.0 WHERE subject_id = 'c'")
    found = {subject for subject, rule, _ in opened(con, AlertRules(signal=signal)) if rule == "level"}
    assert found == set(subjects)


def test_without_the_question_the_signal_p_any_reads_p_high(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", f"2026-01-{day:02d} 10:00", 0.9) for day in range(5, 12)])
    assert ("a", "level", "2026-01-10") in opened(con, AlertRules(signal="p_any"))

"""The crisis rule and the choice of a signal: one text is enough, and the other rules read what the setting names."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import find_episodes, write_episodes
from monitor.alerts.update import apply_rules
from monitor.database.statements import SQL, query
from monitor.windows import window_queries
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


AHEAD = "2027-03-01 20:00"  # after the time at which the feed is scored, 2026-06-01 00:00


def test_a_crisis_text_dated_ahead_opens_one_alert_on_the_day_of_its_score(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-05-20 10:00", 0.0), ("a", AHEAD, 0.0), ("b", "2026-05-20 10:00", 0.0)])
    mention(con, "doc-1", "raised")
    rules, scored_on, own_day = AlertRules(), dt.date(2026, 6, 1), dt.date(2027, 3, 1)
    for as_of in (scored_on, dt.date(2026, 6, 20), own_day, own_day + dt.timedelta(30)):
        episodes = find_episodes(con, fake_feed.MODEL, as_of, rules)
        assert episodes.select("subject_id", "rule", "opened_on").rows() == [("a", "crisis", scored_on)], as_of
    new = apply_rules(con, fake_feed.MODEL, rules)
    assert new.as_of == scored_on, "the last other text is of an earlier day"
    assert new.episodes["closed_on"].to_list() == [None]
    write_episodes(con, new.episodes, new.model_id, new.as_of, "run", rules)
    assert con.execute("SELECT as_of, at_line FROM subjects_now WHERE subject_id = 'a'").fetchall() == [
        (dt.date(2026, 5, 20), False)
    ], "the windows stay at the last day with texts"


def test_a_later_model_leaves_the_day_of_a_crisis_text_dated_ahead(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", AHEAD, 0.0)])
    mention(con, "doc-0", "raised")
    con.execute(
        "INSERT INTO scores BY NAME SELECT * REPLACE ('other' AS model_id, scored_at + INTERVAL 9 DAY AS scored_at)"
        " FROM scores"
    )
    episodes = find_episodes(con, "other", dt.date(2026, 6, 20), AlertRules())
    assert episodes["opened_on"].to_list() == [dt.date(2026, 6, 1)]


def test_a_crisis_text_is_known_since_any_model_or_the_list_made_it_one(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", f"2026-05-0{day} 10:00", 0.5) for day in range(1, 5)])
    con.execute("UPDATE scores SET s_suicidal = CASE doc_id WHEN 'doc-0' THEN 0.95 ELSE 0.1 END")
    con.execute(
        "INSERT INTO scores BY NAME SELECT * REPLACE ('other' AS model_id, TIMESTAMP '2026-07-01' AS scored_at,"
        " if(doc_id <= 'doc-1', 0.95, 0.1) AS s_suicidal) FROM scores"
    )
    mention(con, "doc-2", "raised")
    mention(con, "doc-3", "raised")
    con.execute("UPDATE mentions SET run_id = 'later' WHERE doc_id = 'doc-3'")
    con.execute(
        "INSERT INTO runs (run_id, job, started_at, status)"
        " VALUES ('later', 'nightly', TIMESTAMP '2026-08-01', 'done')"
    )
    known = con.execute("SELECT doc_id, known_at FROM crisis_texts('other', DATE '2026-09-01', 0.9)").fetchall()
    assert {doc_id: at.month for doc_id, at in known} == {"doc-0": 6, "doc-1": 7, "doc-2": 6, "doc-3": 8}


def test_an_upgrade_counts_texts_dated_ahead_from_their_day_or_from_its_own(con: duckdb.DuckDBPyConnection) -> None:
    """An older version told of such a text on its own day; a text that it has not told of is news now."""
    fake_feed.add(con, [("a", day, 0.5) for day in ("2026-05-20 10:00", "2026-06-10 10:00", AHEAD)])
    con.execute(
        "INSERT INTO runs (run_id, job, started_at, status) VALUES"
        " ('1', 'nightly', TIMESTAMP '2026-06-10 02:00', 'done'),"
        " ('2', 'nightly', TIMESTAMP '2026-06-11 02:00', 'done')"
    )
    fake_feed.update_alerts(con, dt.date(2026, 6, 11), AlertRules(threshold=0.1, min_texts=1, confirm_days=1), "2")
    con.execute("UPDATE alerts SET told_at = '2026-06-11 03:00', state_changed_at = '2026-06-11 03:00'")
    step = (SQL / "schema" / "074_crisis_texts_dated_ahead.sql").read_text(encoding="utf-8")
    con.execute(duckdb.extract_statements(step)[-1])
    assert con.execute("SELECT CAST(scored_at AS VARCHAR) FROM scores ORDER BY posted_at").fetchall() == [
        ("2026-06-01 00:00:00",),
        ("2026-06-10 02:00:00",),
        ("2026-06-11 03:00:00.000001",),
    ]


def test_a_held_mention_opens_nothing(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 10:00", 0.0)])
    mention(con, "doc-0", "held")
    assert opened(con) == []


def test_the_model_alone_raises_it_too(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 10:00", 0.5), ("b", "2026-01-05 10:00", 0.5)])
    con.execute("UPDATE scores SET criteria = 'hopeless,suicidal', s_suicidal = 0.95 WHERE doc_id = 'doc-1'")
    con.execute("UPDATE scores SET criteria = 'hopeless,suicidal', s_suicidal = 0.8 WHERE doc_id = 'doc-0'")
    assert opened(con) == [("b", "crisis", "2026-01-05")]
    assert len(opened(con, AlertRules(suicidal_limit=0.8))) == 2


def test_the_model_alone_needs_some_sadness_in_the_text_or_in_a_passage(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [(subject, "2026-01-05 10:00", 0.1) for subject in "abcd"])
    con.execute("UPDATE scores SET s_suicidal = 0.99, peak_high = NULL")
    con.execute("UPDATE scores SET p_high = 0.3, p_low = 0.7 WHERE subject_id = 'b'")
    con.execute("UPDATE scores SET peak_high = 0.9 WHERE subject_id = 'c'")
    con.execute("UPDATE scores SET peak_high = 0.29 WHERE subject_id = 'd'")
    assert opened(con) == [("b", "crisis", "2026-01-05"), ("c", "crisis", "2026-01-05")]


def test_wording_of_the_list_needs_no_sadness(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 10:00", 0.0)])
    mention(con, "doc-0", "raised")
    assert opened(con) == [("a", "crisis", "2026-01-05")]


@pytest.mark.slow
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


def evidence(con: duckdb.DuckDBPyConnection, top: int = 2) -> list[tuple[str, int]]:
    """doc_id and first character of each text behind the alerts that the rules raise."""
    rules = AlertRules()
    write_episodes(con, find_episodes(con, fake_feed.MODEL, LAST, rules), fake_feed.MODEL, LAST, "run", rules)
    rows = window_queries.run(con, "alert_evidence", model_id=fake_feed.MODEL, as_of=LAST, top=top)
    return rows.select("doc_id", "starts_at").rows()


@pytest.mark.slow
def test_the_evidence_of_a_crisis_alert_is_the_text_that_raised_it(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", f"2026-03-01 {hour}:00", p) for hour, p in ((10, 0.9), (11, 0.1), (12, 0.8))])
    con.execute("UPDATE scores SET s_suicidal = CASE doc_id WHEN 'doc-1' THEN 0.95 ELSE 0.2 END, criteria = ''")
    con.execute("UPDATE scores SET peak_high = 0.9")
    assert evidence(con, top=1) == [("doc-1", 0)]
    mention(con, "doc-2", "raised")
    assert [doc_id for doc_id, _ in evidence(con)] == ["doc-2", "doc-1"], "crisis wording comes first"


def test_the_evidence_is_the_sad_text_before_a_glad_one_with_a_higher_answer(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-03-01 10:00", 0.1), ("a", "2026-03-01 11:00", 0.5)])
    con.execute("UPDATE scores SET s_suicidal = CASE doc_id WHEN 'doc-0' THEN 0.99 ELSE 0.95 END, criteria = ''")
    assert evidence(con) == [("doc-1", 0), ("doc-0", 0)]
    values = {"as_of": LAST, "days": 28, "crisis_days": 28, "top": 2, "suicidal_limit": 0.9, "subjects": ["a"]}
    rows = query(con, "people/passages", model_id=fake_feed.MODEL, **values).select("doc_id", "is_crisis").rows()
    assert dict(rows) == {"doc-0": False, "doc-1": True}


def test_the_evidence_begins_with_the_first_character_that_is_not_blank(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-03-01 10:00", 0.9)])
    con.execute("UPDATE scores SET s_suicidal = 0.95, criteria = '', peak_high = 0.9")
    con.execute("UPDATE documents SET text = repeat(chr(10) || chr(160), 300) || 'dark'")
    assert evidence(con) == [("doc-0", 600)]
    con.execute("UPDATE documents SET text = NULL")
    assert evidence(con) == [("doc-0", 0)]


@pytest.mark.slow
def test_the_evidence_of_a_long_text_begins_with_its_piece(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-03-01 10:00", 0.1)])
    con.execute("UPDATE scores SET s_suicidal = 0.95, criteria = '', peak_high = 0.9")
    for piece, (suicidal, peak) in enumerate([(0.1, 0.9), (0.95, 0.3)]):
        con.execute(
            "INSERT INTO pieces BY NAME SELECT 'doc-0' AS doc_id, ? AS model_id, ? AS piece, ? AS first, ? AS last,"
            " 3 AS n_tokens, 0 AS p_sadness, 0 AS p_joy, 0 AS p_love, 0 AS p_anger, 0 AS p_fear, 0 AS p_surprise,"
            " 0 AS p_high, ? AS peak_high, ? AS s_suicidal",
            [fake_feed.MODEL, piece + 1, piece * 5, piece * 5 + 5, peak, suicidal],
        )
    assert evidence(con) == [("doc-0", 5)]

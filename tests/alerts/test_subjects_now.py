"""Who is at the line: one definition for the view, the headline and the cards of a report."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import polars as pl
import pytest

from monitor.alerts.rules import AlertRules
from monitor.database.statements import query
from monitor.windows import window_queries
from tests.support import fake_feed

LAST = fake_feed.START + dt.timedelta(119)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        fake_feed.add_courses(con)
        con.execute("UPDATE scores SET p_any = 1 - p_high WHERE hash(doc_id) % 3 > 0")
        yield con


@pytest.mark.slow
@pytest.mark.parametrize("signal", ["p_high", "p_any", "both"])
def test_view_headline_and_cards_count_the_same_subjects(con: duckdb.DuckDBPyConnection, signal: str) -> None:
    rules = AlertRules(signal=signal, threshold=0.45, min_texts=6)
    fake_feed.update_alerts(con, LAST, rules, "run")
    line = {"model_id": fake_feed.MODEL, "as_of": LAST, "signal": signal, "threshold": 0.45, "min_texts": 6}
    now, _ = window_queries.run(con, "headline", **line).to_dicts()
    cards = query(con, "people/now", suicidal_limit=1.0, **line)
    view = con.sql("FROM subjects_now").pl()
    assert view["as_of"].unique().to_list() == [LAST]
    assert view["subject_id"].to_list() == [f"demo-{number:02d}" for number in range(1, 31)]
    assert view.filter("at_line")["subject_id"].to_list() == cards.filter("at_line")["subject_id"].to_list()
    assert view["at_line"].sum() == now["n_above"] > 0
    assert view["rated"].sum() == now["n_rated"]
    assert view.select(pl.col("n_7", "n_high_7").sum()).row(0) == (now["n"], now["n_high"])


def test_level_rule_reaches_its_line_where_the_view_says_so(con: duckdb.DuckDBPyConnection) -> None:
    rules = AlertRules(signal="both", threshold=0.45, min_texts=6, confirm_days=1, cooldown_days=1)
    fake_feed.update_alerts(con, LAST, rules, "run")
    rows = con.sql("FROM subjects_now WHERE at_line AND last_day = as_of").pl()
    assert rows.height > 0
    assert all("level" in rules for rules in rows["open_rules"])


def test_view_waits_for_the_rules_and_knows_silent_subjects() -> None:
    with fake_feed.database() as con:
        fake_feed.add(con, [("a", "2026-01-20 08:00", 1.0), ("b", "2026-01-10 08:00", 1.0)])
        columns = "SELECT subject_id, n_7, p_high_7, rated, at_line, open_rules FROM subjects_now"
        assert con.sql(columns).fetchall() == [("a", 1, 1.0, None, None, []), ("b", 0, None, None, None, [])]
        fake_feed.update_alerts(con, dt.date(2026, 1, 20), AlertRules(min_texts=1, confirm_days=1), "run")
        assert con.sql(columns).fetchall() == [
            ("a", 1, 1.0, True, True, ["level"]),
            ("b", 0, None, False, False, ["level"]),
        ]


def test_a_text_of_the_future_makes_nobody_silent() -> None:
    """A phone with a wrong clock writes one; the report reads texts up to today, and so does the view."""
    with fake_feed.database() as con:
        fake_feed.add(
            con, [("a", "2026-01-20 08:00", 1.0), ("b", "2026-01-20 08:00", 1.0), ("b", "2098-01-01 08:00", 0)]
        )
        fake_feed.add(con, [("c", "2098-01-01 08:00", 1.0)])
        fake_feed.update_alerts(con, dt.date(2026, 1, 20), AlertRules(min_texts=1, confirm_days=1), "run")
        rows = con.sql("SELECT subject_id, as_of, last_day, n_7, at_line FROM subjects_now").fetchall()
        day = dt.date(2026, 1, 20)
        assert rows == [("a", day, day, 1, True), ("b", day, day, 1, True)]

"""The window queries against cases in tests/windows/cases/*.json and against a naive oracle on random feeds."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ConfigError
from monitor.windows import window_queries
from tests.support import fake_feed, window_oracle
from tests.support.tries import tries
from tests.support.window_oracle import Text

CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
    for path in sorted(Path(__file__).with_name("cases").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
AS_OF = dt.date(2026, 12, 31)
OTHERS = {
    "alerts",
    "alert_evidence",
    "last_run",
    "score_card",
    "criteria_subject",
    "criteria_overall",
}  # queries of tables that other tests fill
HEADLINE = {"model_id": "m", "as_of": AS_OF, "signal": "p_high", "threshold": 0.5, "min_texts": 3}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def arguments(name: str, given: dict[str, object]) -> dict[str, object]:
    """The parameters of a case, with defaults."""
    values = {"model_id": fake_feed.MODEL, "as_of": AS_OF, "until": AS_OF, "signal": "p_high", **given}
    if isinstance(values["as_of"], str):
        values["as_of"] = dt.date.fromisoformat(values["as_of"])
    return {key: values[key] for key in window_queries.load(name).params}


@pytest.mark.parametrize(("name", "case"), CASES)
def test_query_returns_the_rows_of_each_case(con: duckdb.DuckDBPyConnection, name: str, case: dict) -> None:
    fake_feed.add(con, case["texts"])
    result = window_queries.run(con, name, **arguments(name, case["params"])).to_dicts()
    assert len(result) == len(case["rows"])
    for row, expected in zip(result, case["rows"], strict=True):
        actual = {key: str(row[key]) if isinstance(row[key], dt.date) else row[key] for key in expected}
        assert actual == pytest.approx(expected, abs=1e-6)


def test_every_window_query_has_a_case_or_own_test() -> None:
    assert {case.values[0] for case in CASES} | {"model_coverage"} | OTHERS == set(window_queries.names())


@pytest.mark.parametrize("name", window_queries.names())
def test_header_names_exactly_the_parameters_of_its_statement(name: str) -> None:
    query = window_queries.load(name)
    statements = duckdb.extract_statements(query.sql)
    assert len(statements) == 1
    assert query.name == f"windows/{name}"
    assert set(query.params) == statements[0].named_parameters
    assert all((query.purpose, query.grain, query.frame))
    assert "now()" not in query.sql
    assert "current_date" not in query.sql.lower()


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("no_such", {}, "no window query 'no_such'; there are alert_evidence, alerts, criteria_overall, "),
        ("../schema/001", {}, "no window query"),
        ("daily_subject", {"model_id": "m"}, "missing as_of"),
        ("daily_subject", {"model_id": "m", "as_of": AS_OF, "day": 1}, "unknown day"),
        ("daily_subject", {"model_id": 7, "as_of": AS_OF}, "model_id is a string, not 7"),
        ("daily_subject", {"model_id": "m", "as_of": "yesterday"}, "as_of is a date, not 'yesterday'"),
        ("rolling_cohort", {"model_id": "m", "as_of": AS_OF, "window_days": 0}, "at least 1, not 0"),
        ("rolling_cohort", {"model_id": "m", "as_of": AS_OF, "window_days": 7.5}, "whole number"),
        (
            "headline",
            {"model_id": "m", "as_of": AS_OF, "signal": "both", "threshold": 1.2, "min_texts": 3},
            "from 0 to 1, not 1.2",
        ),
        (
            "headline",
            {"model_id": "m", "as_of": AS_OF, "signal": "both", "threshold": float("nan"), "min_texts": 3},
            "0 to 1",
        ),
    ],
)
def test_wrong_call_raises_an_error_that_names_the_fault(
    con: duckdb.DuckDBPyConnection, name: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        window_queries.run(con, name, **params)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_window_queries_do_not_mix_scores_of_models(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-01 08:00", 1.0)])
    fake_feed.add(con, [("a", "2026-01-01 09:00", 0.0)], model="model-b")
    for model, p_high in (("model-a", 1.0), ("model-b", 0.0)):
        for name in ("rolling_cohort", "daily_subject"):
            frame = window_queries.run(con, name, **arguments(name, {"model_id": model, "window_days": 1}))
            assert frame["n"].unique().to_list() == [1]
            assert frame["p_high"].unique().to_list() == [p_high]


def test_model_coverage_sorts_models_by_their_newest_scores(
    con: duckdb.DuckDBPyConnection,
) -> None:
    fake_feed.add(con, [("a", "2026-01-01 08:00", 1.0), ("a", "2027-02-01 08:00", 1.0)])
    fake_feed.add(con, [("b", "2026-01-03 08:00", 1.0)], model="model-b")
    con.execute("UPDATE scores SET scored_at = TIMESTAMP '2026-07-01' WHERE model_id = 'model-b'")
    con.execute("INSERT INTO models BY NAME SELECT 'model-0' AS model_id, * EXCLUDE model_id FROM models LIMIT 1")
    con.execute(
        "INSERT INTO alert_updates (model_id, scored_until, run_id) VALUES ('model-a', '2026-06-01', 'run-1'),"
        " ('model-b', '2026-06-30', 'run-1')"
    )
    frame = window_queries.run(con, "model_coverage", until=AS_OF)
    assert frame.select("model_id", "n", "last_posted", "alerts_current").rows() == [
        ("model-b", 1, dt.datetime(2026, 1, 3, 8), False),
        ("model-a", 1, dt.datetime(2026, 1, 1, 8), True),
        ("model-0", 0, None, True),
    ]


def test_data_quality_counts_unscored_truncated_rejected_and_repeated_rows(
    con: duckdb.DuckDBPyConnection,
) -> None:
    day = dt.datetime(2026, 1, 1, 8)
    p = [fake_feed.probabilities(0.5)] * 3
    fake_feed.insert(con, ["a", "b", "b"], [day] * 3, p, truncated=[True, False, False])
    fake_feed.insert(con, ["c", "c"], [day] * 2, [], model=None)
    con.execute("UPDATE documents SET text = NULL WHERE doc_id IN ('doc-0', 'doc-4')")  # emptied: one scored, one not
    con.execute(
        "INSERT INTO rejects BY NAME SELECT range AS reject_id, 'f.csv' AS file, range AS row,"
        " 'text' AS \"column\", 'empty text' AS reason, '' AS raw, 'run-1' AS run_id,"
        " TIMESTAMP '2026-06-01' AS rejected_at FROM range(4)"
    )
    con.execute(
        "INSERT INTO runs BY NAME SELECT 'run-' || range AS run_id, 'score' AS job, 'done' AS status,"
        " TIMESTAMP '2026-06-01' AS started_at, 2 AS n_duplicate FROM range(3)"
    )
    row = window_queries.run(con, "data_quality", model_id=fake_feed.MODEL, as_of=AS_OF).row(0, named=True)
    assert (
        row
        | {
            "n_documents": 5,
            "n_scored": 3,
            "n_unscored": 1,
            "n_removed": 1,
            "n_truncated": 1,
            "n_subjects": 2,
            "n_rejected": 4,
            "n_duplicate": 6,
        }
        == row
    )


def test_a_day_whose_texts_retention_emptied_waits_for_no_score(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-12-29 08:00", 0.5)])
    fake_feed.add(con, [("a", "2026-12-30 08:00", 0.5), ("a", "2026-12-31 08:00", 0.5)], model=None)
    con.execute("UPDATE documents SET text = NULL WHERE doc_id = 'doc-1'")
    gaps = window_queries.run(con, "missing_nights", model_id=fake_feed.MODEL, as_of=AS_OF)
    assert gaps.rows() == [(dt.date(2026, 12, 30), 0), (dt.date(2026, 12, 31), 1)]


feeds = st.lists(
    st.builds(
        lambda subject, cohort, day, minute, high, rest, scored: Text(
            subject, cohort, at(day) + dt.timedelta(minutes=minute), high, (1 - high) * rest, scored
        ),
        st.sampled_from("aab"),
        st.sampled_from([None, "x", "y"]),
        st.integers(0, 20) | st.integers(0, 100),
        st.sampled_from([0, 1, 719, 1439]),
        st.integers(0, 64).map(lambda part: part / 64),  # exact in floats: no ties by rounding
        st.sampled_from([0.0, 0.25, 1.0]),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=60,
)


@pytest.mark.slow
@settings(max_examples=tries(20))
@given(
    texts=feeds,
    as_of=st.integers(0, 105),
    params=st.fixed_dictionaries(
        {
            "window_days": st.sampled_from([1, 7, 28]),
            "days": st.sampled_from([1, 10, 366]),
            "top": st.sampled_from([1, 30]),
            "weeks": st.sampled_from([1, 4, 60]),
            "threshold": st.sampled_from([0.0, 0.375, 1.0]),
            "min_texts": st.integers(1, 4),
        }
    ),
)
def test_every_window_query_agrees_with_a_naive_oracle(texts: list[Text], as_of: int, params: dict[str, Any]) -> None:
    last = at(as_of).date()
    with fake_feed.database() as con:
        for scored in (True, False):
            some = [text for text in texts if text.scored is scored]
            fake_feed.insert(
                con,
                [text.subject for text in some],
                [text.at for text in some],
                [fake_feed.probabilities(text.high, text.mid) for text in some],
                fake_feed.MODEL if scored else None,
                cohorts=[text.cohort for text in some],
            )
        expected = window_oracle.answers(texts, last, **params)
        assert set(expected) | OTHERS == set(window_queries.names())
        for name, rows in expected.items():
            values = {"model_id": fake_feed.MODEL, "as_of": last, "until": last, "signal": "p_high", **params}
            result = window_queries.run(con, name, **{key: values[key] for key in window_queries.load(name).params})
            assert result.height == len(rows), name
            for row, wanted in zip(result.to_dicts(), rows, strict=True):
                for key, value in wanted.items():
                    assert row[key] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), (
                        name,
                        key,
                    )


def at(day: int) -> dt.datetime:
    return dt.datetime.combine(fake_feed.START, dt.time()) + dt.timedelta(days=day)

"""Rows of the database: appended once, even if they come twice, and counted in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.database import ledger, store
from monitor.errors import StoreError
from monitor.labels import RiskMap
from monitor.privacy import agreement
from monitor.privacy.pseudonyms import PLAIN
from tests.support.empty_database import in_memory
from tests.support.rows import count, documents, scores
from tests.support.tries import tries


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with in_memory() as connection:
        yield connection


def test_row_that_comes_twice_is_appended_once(con: duckdb.DuckDBPyConnection) -> None:
    assert store.append_documents(con, documents("a", "b", "a"), "r1") == 2
    assert store.append_documents(con, documents("b", "c"), "r2") == 1
    assert con.execute("SELECT doc_id, run_id FROM documents ORDER BY ALL").fetchall() == [
        ("a", "r1"),
        ("b", "r1"),
        ("c", "r2"),
    ]
    assert store.append_scores(con, scores("a", "a", "b"), "r1") == 2
    assert store.append_scores(con, scores("b", "c"), "r2") == 1
    assert store.append_scores(con, scores("a", model="other"), "r2") == 1
    assert count(con, "scores") == 4


def test_mention_and_word_weight_that_come_twice_are_appended_once(con: duckdb.DuckDBPyConnection) -> None:
    store.append_documents(con, documents("d1"), "run")
    mention = ("d1", "phrase", "suicidal", 0, 8, "raised", "", "list")
    mentions = pl.DataFrame([mention, mention], schema=store.MENTION_COLUMNS, orient="row")
    weight = ("d1", "model", 0, 8, 0.5, None, None)
    weights = pl.DataFrame([weight, weight], schema=store.WORD_WEIGHT_COLUMNS, orient="row")
    for n_new in (1, 0):
        assert store.append_mentions(con, mentions, "run") == n_new
        store.append_word_weights(con, weights)
    assert (count(con, "mentions"), count(con, "word_weights")) == (1, 1)


def test_conflict_is_a_stored_id_with_other_content(con: duckdb.DuckDBPyConnection) -> None:
    store.append_documents(con, documents("a", "b"), "r1")
    con.execute("UPDATE documents SET text = NULL WHERE doc_id = 'b'")  # as after retention
    assert store.conflicting_ids(con, documents("a", "b", "c")) == []
    assert store.conflicting_ids(con, documents("c", "a", "b", text="another")) == ["a"]


def test_unscored_returns_this_models_next_documents_within_limits(
    con: duckdb.DuckDBPyConnection,
) -> None:
    store.append_documents(con, documents("d", "a", "c", "b", text="x" * 10), "r1")
    con.execute("INSERT INTO documents SELECT * REPLACE ('gone' AS doc_id, NULL AS text) FROM documents LIMIT 1")
    store.append_scores(con, scores("a"), "r1")

    def ids(model: str, rows: int = 100, size: int = 1000) -> list[str]:
        return store.unscored(con, model, rows, size)["doc_id"].to_list()

    assert ids("m") == ["d", "c", "b"]
    assert ids("other") == ["d", "a", "c", "b"]
    assert ids("m", rows=2) == ["d", "c"]
    assert ids("m", size=20) == ["d", "c"]
    assert ids("m", size=1) == ["d"]
    assert store.count_unscored(con, "m") == 3


@pytest.mark.parametrize(
    "change", [{"p_high": 1.5}, {"p_joy": float("nan")}, {"p_low": -0.1}, {"risk": "none"}, {"emotion": None}]
)
def test_scores_table_refuses_impossible_values(con: duckdb.DuckDBPyConnection, change: dict[str, object]) -> None:
    store.append_documents(con, documents("a"), "r1")
    with pytest.raises(duckdb.ConstraintException):
        store.append_scores(
            con, scores("a").with_columns(**{name: pl.lit(value) for name, value in change.items()}), "r1"
        )


def test_model_is_recorded_once_and_not_changed(con: duckdb.DuckDBPyConnection) -> None:
    for name in ("first", "second"):
        store.add_model(
            con, "m", name=name, base="b", adapter=None, quantisation="nf4-dq", prompt={"before": "x"},
            temperature=1.3, exponent=1.2, sureness=0.6, risk_map=RiskMap().rules,
        )  # fmt: skip
    assert con.execute(
        "SELECT name, prompt->>'before', risk_map->>'fear', temperature, exponent, sureness FROM models"
    ).fetchall() == [("first", "x", "mid_risk", 1.3, 1.2, 0.6)]


def test_evaluations_of_a_model_never_replace_own_ones(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    file = tmp_path / "evaluation.csv"
    head = "model_id,split,method,metric,value,lo,hi,reason,n,data,evaluated_at\n"
    file.write_text(
        head + "m,test,fine_tuned,accuracy,0.9,0.8,0.95,,2000,d,2026-01-01 00:00:00\n"
        "m,test,tfidf_svm,ece,,,,no probabilities,2000,d,2026-01-01 00:00:00\n"
        "other,test,fine_tuned,accuracy,0.1,0,0.2,,2000,d,2026-01-01 00:00:00\n"
    )
    store.add_evaluations(con, "m", file)
    store.add_evaluations(con, "m", file)
    kept = "SELECT metric, value, reason FROM evaluations ORDER BY metric"
    assert con.execute(kept).fetchall() == [("accuracy", 0.9, None), ("ece", None, "no probabilities")]
    con.execute("DELETE FROM evaluations WHERE metric = 'ece'")
    store.add_evaluations(con, "m", file)
    assert count(con, "evaluations") == 1


def test_ledger_adds_up_and_run_ids_sort_by_time(con: duckdb.DuckDBPyConnection) -> None:
    first = ledger.start_run(con, "score", "m")
    ledger.count_in_run(con, first, n_read=5, n_rejected=1, n_appended=4)
    ledger.count_in_run(con, first, n_read=2, n_duplicate=2, n_scored=3)
    ledger.finish_run(con, first)
    second = ledger.start_run(con, "nightly", None)
    assert first[:19] <= second[:19]
    rows = con.execute(
        "SELECT run_id, status, n_read, n_rejected, n_duplicate, n_appended, n_scored, finished_at >= started_at "
        "FROM runs ORDER BY job DESC"
    ).fetchall()
    assert rows == [(first, "done", 7, 1, 2, 4, 3, True), (second, "running", 0, 0, 0, 0, 0, None)]
    ledger.finish_run(con, second, "failed", "StoreError: the disk is full")
    assert con.execute("SELECT status, message FROM runs WHERE run_id = ?", [second]).fetchall() == [
        ("failed", "StoreError: the disk is full")
    ]


def test_a_database_keeps_to_the_key_that_it_was_begun_with(con: duckdb.DuckDBPyConnection) -> None:
    agreement.require_same_key(con, "one")
    agreement.require_same_key(con, "one")
    with pytest.raises(StoreError, match="another key made the pseudonyms"):
        agreement.require_same_key(con, "two")
    with pytest.raises(StoreError, match="begun with pseudonyms and cannot take plain ids"):
        agreement.require_same_key(con, PLAIN)
    con.execute("UPDATE pseudonyms SET fingerprint = 'plain'")
    with pytest.raises(StoreError, match=r"begun with plain ids .* --plain-ids; settings: pseudonyms = false"):
        agreement.require_same_key(con, "one")


def test_totals_count_the_scores_of_one_model(con: duckdb.DuckDBPyConnection) -> None:
    store.append_documents(con, documents("a", "b"), "r1")
    store.append_scores(con, scores("a", "b"), "r1")
    store.append_scores(con, scores("a", model="other"), "r1")
    totals = store.totals(con, "m")
    assert (totals["n"], totals["n_subjects"], totals["share_high"], totals["sadness"], totals["joy"]) == (
        2,
        1,
        1,
        1,
        0,
    )


def stored_after(batches: list[list[str]]) -> list[str]:
    """The doc_ids in the table after these batches were appended in this order."""
    with in_memory() as con:
        for batch in batches:
            store.append_documents(con, documents(*batch), "r")
        return [doc_id for (doc_id,) in con.execute("SELECT doc_id FROM documents ORDER BY doc_id").fetchall()]


BATCHES = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), max_size=5)


@pytest.mark.slow
@settings(max_examples=tries(15))
@given(orders=BATCHES.flatmap(lambda batches: st.tuples(st.just(batches), st.permutations([*batches, *batches]))))
def test_order_and_repetition_of_batches_do_not_matter(
    orders: tuple[list[list[str]], list[list[str]]],
) -> None:
    once, twice_in_any_order = orders
    assert stored_after(once) == stored_after(twice_in_any_order) == sorted(set().union(*once))

"""Weigh the words of texts behind open alerts and on people's cards, within a limited share of the night."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl

from jobs.pipeline.report_inputs import TEXTS_PER_ALERT
from jobs.pipeline.report_people import texts_on_cards
from jobs.pipeline.score_new import Scorer
from monitor.alerts.rules import AlertRules
from monitor.database import store
from monitor.database.connection import Database
from monitor.database.statements import query, utc_now
from monitor.explanation.occlusion import PAIRS, Answerer, explain
from monitor.windows import window_queries

SHARE = 0.04  # of the tokens that the run has scored
LEAST_TOKENS = 60_000  # may always be used: four seconds of the built-in model on one core
PIECE = 200  # largest number of tokens of the passage whose words get weights


def explain_alerts(db: Database, scorer: Scorer, run_id: str, rules: AlertRules) -> int:
    """Store the weights of the words of texts behind open alerts; returns the number of texts.

    A text's tokens are computed once per pair of halves, once for its single words, and twice for its sentences. For
    each half and each word, the tokens of the model's question are computed as well. Texts of crisis alerts come
    first, then those of the newest alerts. Texts beyond SHARE of the run's tokens are left for the next run. Without
    log-odds from the scorer nothing is explained.
    """
    if not isinstance(scorer, Answerer):
        return 0
    model_id, beside = scorer.model.model_id, scorer.tokens_beside_text
    with db.reading() as con:
        today = utc_now().date()
        doc_ids = _doc_ids(con, model_id, today, rules)
        rows = query(con, "queries/unexplained", model_id=model_id, doc_ids=doc_ids.to_list())
        ((scored,),) = con.execute(
            "SELECT coalesce(sum(coalesce(n_tokens_read, n_tokens) + ?), 0) FROM scores WHERE run_id = ?",
            [beside, run_id],
        ).fetchall()
    passage = pl.min_horizontal(pl.col("n_tokens"), PIECE)
    costs = rows.select((passage * (PAIRS + 3 + beside) + 2 * PAIRS * beside).cum_sum())["n_tokens"]
    rows = rows.filter(costs <= max(LEAST_TOKENS, SHARE * scored))
    if rows.is_empty():
        return 0
    weights = word_weights(rows, scorer, model_id)
    with db.writing() as con:
        store.append_word_weights(con, weights)
    return rows.height


def _doc_ids(con: duckdb.DuckDBPyConnection, model_id: str, today: dt.date, rules: AlertRules) -> pl.Series:
    """The texts that a report quotes on the cards of people and behind each alert; texts of crisis alerts come
    first.
    """
    evidence = window_queries.run(con, "alert_evidence", model_id=model_id, as_of=today, top=TEXTS_PER_ALERT)
    alerts = window_queries.run(con, "alerts", model_id=model_id, as_of=today).filter("is_open")
    alerts = alerts.sort(pl.col("rule") != "crisis", maintain_order=True)
    behind = alerts.select("alert_id", "rule").join(evidence, on="alert_id", maintain_order="left_right")
    people = alerts["subject_id"].unique(maintain_order=True)
    last_days = window_queries.run(con, "model_coverage", until=today).filter(pl.col("model_id") == model_id)
    last_day = last_days["last_day"][0] or today
    on_cards = texts_on_cards(con, model_id, last_day, rules, people.to_list())
    order = people.to_frame().join(on_cards, on="subject_id", maintain_order="left_right")
    crisis = pl.col("rule") == "crisis"
    return pl.concat([behind.filter(crisis)["doc_id"], order["doc_id"], behind.filter(~crisis)["doc_id"]]).unique(
        maintain_order=True
    )


def word_weights(rows: pl.DataFrame, scorer: Answerer, model_id: str) -> pl.DataFrame:
    """Rows of the table word_weights for documents (columns doc_id, text)."""
    explanations = explain(scorer, rows["text"].to_list())
    return pl.DataFrame(
        [
            (
                doc_id,
                model_id,
                word.first,
                word.last,
                word.high,
                one.criterion,
                word.criterion if one.criterion else None,
            )
            for doc_id, one in zip(rows["doc_id"], explanations, strict=True)
            for word in one.words
        ],
        schema=store.WORD_WEIGHT_COLUMNS,
        orient="row",
    )

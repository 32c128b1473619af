"""Rows of documents and scores, and a small database, for tests of the database."""

import datetime as dt
from pathlib import Path

import duckdb
import polars as pl

from monitor.database import store
from monitor.database.connection import Database
from monitor.labels import RiskMap, score_columns


def documents(*ids: str, text: str = "a text") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row": range(1, len(ids) + 1),
            "doc_id": ids,
            "subject_id": ["s"] * len(ids),
            "posted_at": [dt.datetime(2026, 1, 5)] * len(ids),
            "text": [text] * len(ids),
            "source": pl.Series([None] * len(ids), dtype=pl.String),
        }
    )


def database(path: Path) -> Path:
    """A database with the documents a and b."""
    with Database(path).writing() as con:
        store.append_documents(con, documents("a", "b"), "run")
    return path


def scores(*ids: str, model: str = "m") -> pl.DataFrame:
    columns = score_columns(
        pl.DataFrame([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]] * len(ids), orient="row").to_numpy(), RiskMap()
    )
    return pl.DataFrame(
        {
            "doc_id": ids,
            "model_id": [model] * len(ids),
            **columns,
            "n_tokens": [2] * len(ids),
            "truncated": [False] * len(ids),
        }
    )


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return len(connection.table(table))

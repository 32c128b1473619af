"""The rows of the database: documents, rejects, scores, models, and the ledger of runs.

Every append is idempotent: what is kept already, or comes twice in one batch, is left out. Nothing here opens
or commits; that is monitor.database. The statements are in sql/queries, one a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from monitor.database.statements import execute, fetch_number, query, utc_now
from monitor.errors import StoreError

EVALUATION_COLUMNS: dict[str, type[pl.DataType] | pl.DataType] = {
    "model_id": pl.String,
    "split": pl.String,
    "method": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "reason": pl.String,
    "n": pl.Int64,
    "data": pl.String,
    "evaluated_at": pl.Datetime("us"),
}


def conflicting_ids(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> list[str]:
    """The doc_ids, each once in `documents`, that are already kept with another subject, time or text."""
    con.register("incoming", documents)
    return [doc_id for (doc_id,) in execute(con, "queries/conflicting_documents").fetchall()]


def append_documents(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame, run_id: str) -> int:
    """Keep the documents (columns of the table but run_id, ingested_at) that are new; returns how many."""
    return _append(
        con, "append_documents", documents.unique("doc_id", keep="first", maintain_order=True), run_id
    )


def append_rejects(con: duckdb.DuckDBPyConnection, rejects: pl.DataFrame, run_id: str) -> int:
    """Keep the rejects (reject_id, file, row, column, reason, raw) not kept yet; returns how many."""
    return _append(
        con, "append_rejects", rejects.unique("reject_id", keep="first", maintain_order=True), run_id
    )


def stored_rejects(con: duckdb.DuckDBPyConnection, rejects: pl.DataFrame) -> list[str]:
    """The reject_ids of these that are kept already."""
    con.register("incoming", rejects)
    return [reject_id for (reject_id,) in execute(con, "queries/stored_rejects").fetchall()]


def append_scores(con: duckdb.DuckDBPyConnection, scores: pl.DataFrame, run_id: str) -> int:
    """Keep the scores (the table's columns but run_id, scored_at) that are new; returns how many.

    A score of a document that is no longer kept is dropped.
    """
    keys = ["doc_id", "model_id"]
    return _append(con, "append_scores", scores.unique(keys, keep="first", maintain_order=True), run_id)


def unscored(con: duckdb.DuckDBPyConnection, model_id: str, max_rows: int, max_bytes: int) -> pl.DataFrame:
    """The next documents (doc_id, text) without a score of this model; at least one where there are any."""
    return query(con, "queries/unscored", model_id=model_id, max_rows=max_rows, max_bytes=max_bytes)


def count_unscored(con: duckdb.DuckDBPyConnection, model_id: str) -> int:
    """How many documents have no score of this model."""
    return fetch_number(execute(con, "queries/count_unscored", model_id=model_id))


def totals(con: duckdb.DuckDBPyConnection, model_id: str) -> dict[str, Any]:
    """How much this model has scored in all, and the shares of emotions and risks (see sql/queries/totals.sql)."""
    return query(con, "queries/totals", model_id=model_id).row(0, named=True)


def files_read(con: duckdb.DuckDBPyConnection) -> set[tuple[str, int, str]]:
    """The manifest: path, bytes and SHA-256 of every file that was read to its end."""
    return set(execute(con, "queries/files_read").fetchall())


def add_file(con: duckdb.DuckDBPyConnection, path: str, sha256: str, size: int, run_id: str) -> None:
    """Remember a file, of so many bytes, that was read to its end."""
    execute(con, "queries/add_file", path=path, sha256=sha256, size=size, run_id=run_id, now=utc_now())


def add_model(
    con: duckdb.DuckDBPyConnection,
    model_id: str,
    *,
    name: str,
    base: str,
    adapter: str | None,
    quantisation: str,
    prompt: Mapping[str, object],
    temperature: float,
    exponent: float,
    risk_map: Mapping[str, str],
) -> None:
    """Remember what stands behind a model_id; known ones stay as they are."""
    execute(
        con,
        "queries/add_model",
        model_id=model_id,
        name=name,
        base=base,
        adapter=adapter,
        quantisation=quantisation,
        prompt=json.dumps(prompt, ensure_ascii=False),
        temperature=temperature,
        exponent=exponent,
        risk_map=json.dumps(dict(risk_map)),
        now=utc_now(),
    )


def add_evaluations(con: duckdb.DuckDBPyConnection, model_id: str, file: Path) -> None:
    """Take the measurements that came with a model (a CSV of EVALUATION_COLUMNS), unless it has been measured here.

    Raises:
        StoreError: the file has other columns, or values that are none.
    """
    try:
        frame = pl.read_csv(file, schema=EVALUATION_COLUMNS)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as fault:
        first = str(fault).splitlines()[0]
        raise StoreError(f"{file}: not the table of evaluations ({first}); mend or remove it") from fault
    con.register("incoming", frame)
    execute(con, "queries/add_evaluations", model_id=model_id)


def replace_evaluations(con: duckdb.DuckDBPyConnection, metrics: pl.DataFrame) -> None:
    """Keep the metrics (the columns of `evaluations`) in place of those of the same model, split and method."""
    con.register("incoming", metrics)
    execute(con, "queries/replace_evaluations")
    execute(con, "queries/delete_old_evaluations")


def _append(con: duckdb.DuckDBPyConnection, name: str, rows: pl.DataFrame, run_id: str) -> int:
    """Run an append statement on `rows`, known to it as `incoming`; returns how many were new."""
    con.register("incoming", rows)
    return fetch_number(execute(con, f"queries/{name}", run_id=run_id, now=utc_now()))

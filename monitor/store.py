"""The rows of the database: documents, rejects, scores, models, and the ledger of runs.

Every append is idempotent: what is kept already, or comes twice in one batch, is left out. Nothing here opens
or commits; that is monitor.database. The statements are in sql/queries, one a file.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from monitor.database import SQL, utc_now
from monitor.errors import StoreError
from monitor.privacy import PLAIN

REPLACED = (
    "the database was deleted or replaced while this run worked on it; bring it back if you can, and run again: "
    "what is missing is read and scored anew"
)
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
    return [doc_id for (doc_id,) in _run(con, "conflicting_documents").fetchall()]


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


def known_rejects(con: duckdb.DuckDBPyConnection, rejects: pl.DataFrame) -> list[str]:
    """The reject_ids of these that are kept already."""
    con.register("incoming", rejects)
    return [reject_id for (reject_id,) in _run(con, "known_rejects").fetchall()]


def append_scores(con: duckdb.DuckDBPyConnection, scores: pl.DataFrame, run_id: str) -> int:
    """Keep the scores (the table's columns but run_id, scored_at) that are new; returns how many.

    A score of a document that is no longer kept is dropped.
    """
    keys = ["doc_id", "model_id"]
    return _append(con, "append_scores", scores.unique(keys, keep="first", maintain_order=True), run_id)


def unscored(con: duckdb.DuckDBPyConnection, model_id: str, max_rows: int, max_bytes: int) -> pl.DataFrame:
    """The next documents (doc_id, text) without a score of this model; at least one where there are any."""
    params = {"model_id": model_id, "max_rows": max_rows, "max_bytes": max_bytes}
    frame: pl.DataFrame = con.sql(_statement("unscored"), params=params).pl()
    return frame


def count_unscored(con: duckdb.DuckDBPyConnection, model_id: str) -> int:
    """How many documents have no score of this model."""
    return _number(_run(con, "count_unscored", model_id=model_id))


def totals(con: duckdb.DuckDBPyConnection, model_id: str) -> dict[str, Any]:
    """How much this model has scored in all, and the shares of emotions and risks (see sql/queries/totals.sql)."""
    frame: pl.DataFrame = con.sql(_statement("totals"), params={"model_id": model_id}).pl()
    return frame.row(0, named=True)


def known_files(con: duckdb.DuckDBPyConnection) -> set[tuple[str, int, str]]:
    """The manifest: path, bytes and SHA-256 of every file that was read to its end."""
    return set(_run(con, "known_files").fetchall())


def add_file(con: duckdb.DuckDBPyConnection, path: str, sha256: str, size: int, run_id: str) -> None:
    """Remember a file, of so many bytes, that was read to its end."""
    _run(con, "add_file", path=path, sha256=sha256, size=size, run_id=run_id, now=utc_now())


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
    _run(
        con,
        "add_model",
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


def agree_on_pseudonyms(con: duckdb.DuckDBPyConnection, fingerprint: str) -> None:
    """Hold every run to the key (or to PLAIN ids) of the first, or a person's course would break in two.

    Raises:
        StoreError: this database was begun with another key, or with plain ids, or without.
    """
    _run(con, "agree_on_pseudonyms", fingerprint=fingerprint, now=utc_now())
    check_pseudonyms(begun_with(con), fingerprint)


def begun_with(con: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint of the key that made the ids, or PLAIN; None where nothing was ever read."""
    row = con.execute("SELECT fingerprint FROM pseudonyms").fetchone()
    return row[0] if row else None


def check_pseudonyms(kept: str | None, fingerprint: str | None) -> None:
    """Hold a fingerprint (None: of a key that is not read yet) against what a database was begun with.

    Raises:
        StoreError: as `agree_on_pseudonyms`.
    """
    if kept is None or kept == fingerprint:
        return
    if kept == PLAIN:
        raise StoreError(
            "this database was begun with plain ids and cannot take pseudonyms; name a new database, or keep to "
            "plain ids (score: --plain-ids; settings: pseudonyms = false)"
        )
    if fingerprint == PLAIN:
        raise StoreError(
            "this database was begun with pseudonyms and cannot take plain ids; name a new database, or keep to "
            "pseudonyms (score: no --plain-ids; settings: pseudonyms = true)"
        )
    if fingerprint is not None:
        raise StoreError(
            "another key made the pseudonyms of this database; bring back that key, or name a new database"
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
    _run(con, "add_evaluations", model_id=model_id)


def replace_evaluations(con: duckdb.DuckDBPyConnection, metrics: pl.DataFrame) -> None:
    """Keep the metrics (the columns of `evaluations`) in place of those of the same model, split and method."""
    con.register("incoming", metrics)
    _run(con, "replace_evaluations")
    _run(con, "drop_old_evaluations")


def start_run(con: duckdb.DuckDBPyConnection, job: str, model_id: str | None) -> str:
    """Open a line in the ledger, close those of runs that died, and return the new run_id (sorts by time).

    The caller holds `only_writer`.
    """
    now = utc_now()
    run_id = f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}-{secrets.token_hex(2)}"
    _run(con, "abandon_runs", now=now)
    _run(con, "start_run", run_id=run_id, job=job, model_id=model_id, now=now)
    return run_id


def count_in_run(
    con: duckdb.DuckDBPyConnection,
    run_id: str,
    *,
    n_files: int = 0,
    n_refused_files: int = 0,
    n_read: int = 0,
    n_rejected: int = 0,
    n_duplicate: int = 0,
    n_appended: int = 0,
    n_scored: int = 0,
) -> None:
    """Add a chunk's counts to its run; call it in the transaction that appends the chunk.

    Raises:
        StoreError: the run has no line: this is another database than the one it began with.
    """
    counted = _run(
        con,
        "count_in_run",
        run_id=run_id,
        n_files=n_files,
        n_refused_files=n_refused_files,
        n_read=n_read,
        n_rejected=n_rejected,
        n_duplicate=n_duplicate,
        n_appended=n_appended,
        n_scored=n_scored,
    )
    _check_line(counted)


def finish_run(
    con: duckdb.DuckDBPyConnection, run_id: str, status: str = "done", message: str | None = None
) -> None:
    """Close a run's line: done, stopped or failed, with a message (which holds no text and no subject).

    Raises:
        StoreError: as `count_in_run`.
    """
    _check_line(_run(con, "finish_run", run_id=run_id, status=status, message=message, now=utc_now()))


def judge_run(con: duckdb.DuckDBPyConnection, run_id: str, quality: str, findings: Sequence[str]) -> None:
    """Put what a run's input was worth into its line.

    Raises:
        StoreError: as `count_in_run`.
    """
    _check_line(_run(con, "judge_run", run_id=run_id, quality=quality, findings=json.dumps(findings)))


def last_night(con: duckdb.DuckDBPyConnection, job: str) -> dt.datetime | None:
    """When the last run of a job that was done began, UTC; where none was, the first; None where it never ran."""
    row = _run(con, "last_night", job=job, now=utc_now()).fetchone()
    return row[0] if row else None


@cache
def _statement(name: str) -> str:
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def _run(con: duckdb.DuckDBPyConnection, statement: str, /, **params: object) -> duckdb.DuckDBPyConnection:
    """Execute sql/queries/STATEMENT.sql with these parameters."""
    return con.execute(_statement(statement), params)


def _number(result: duckdb.DuckDBPyConnection) -> int:
    """The one number that a count, an INSERT or an UPDATE answers with."""
    ((number,),) = result.fetchall()  # to its end, or the connection takes no other question
    return int(number)


def _check_line(updated: duckdb.DuckDBPyConnection) -> None:
    if not _number(updated):
        raise StoreError(REPLACED)


def _append(con: duckdb.DuckDBPyConnection, name: str, rows: pl.DataFrame, run_id: str) -> int:
    """Run an append statement on `rows`, known to it as `incoming`; returns how many were new."""
    con.register("incoming", rows)
    return _number(_run(con, name, run_id=run_id, now=utc_now()))

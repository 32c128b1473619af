"""Append and read the rows of the database: documents, rejects, scores, files, models and evaluations.

Every append is idempotent: it skips rows that are already in the table, and repeated rows of one batch. These
functions neither open a database nor commit; connection.py does. The statements are in sql/queries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl

from monitor.database.evaluation_file import read_evaluations
from monitor.database.statements import execute, fetch_number, query, utc_now

MENTION_COLUMNS: dict[str, type[pl.DataType]] = {
    "doc_id": pl.String,
    "phrase": pl.String,
    "criterion": pl.String,
    "first": pl.Int64,
    "last": pl.Int64,
    "state": pl.String,
    "rule": pl.String,
    "list_id": pl.String,
}
WORD_WEIGHT_COLUMNS: dict[str, type[pl.DataType]] = {
    "doc_id": pl.String,
    "model_id": pl.String,
    "first": pl.Int64,
    "last": pl.Int64,
    "adds_high": pl.Float64,
    "criterion": pl.String,
    "adds_criterion": pl.Float64,
}


def stored_ids(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> dict[str, str]:
    """doc_id -> stored doc_id, for documents that an older database stores under their given_id."""
    if "given_id" not in documents.columns or documents["given_id"].null_count() == documents.height:
        return {}
    con.register("incoming", documents)
    return dict(execute(con, "queries/stored_ids").fetchall())


def equal_versions(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> dict[str, str]:
    """doc_id -> stored doc_id, for documents that the table holds under another doc_id with equal time and text."""
    con.register("incoming", documents)
    return dict(execute(con, "queries/equal_versions").fetchall())


def conflicting_ids(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> list[str]:
    """The doc_ids in `documents` (each at most once) that the table has with another subject, time or text."""
    return _matching(con, "conflicting_documents", documents)


def stored_again(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> list[int]:
    """The numbers (column row) of the rows that repeat the stored document of their doc_id."""
    con.register("incoming", rows)
    return [row for (row,) in execute(con, "queries/stored_again").fetchall()]


def append_documents(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame, run_id: str) -> int:
    """Append the new documents (the table's columns without run_id and ingested_at); returns their number."""
    if "given_id" not in documents.columns:
        documents = documents.with_columns(given_id=pl.lit(None, pl.String))
    return _append(con, "append_documents", documents.unique("doc_id", keep="first", maintain_order=True), run_id)


def known_versions(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> list[str]:
    """The doc_ids in `documents` whose row is a superseded version of the stored document."""
    return _matching(con, "known_versions", documents)


def replace_documents(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame, run_id: str) -> int:
    """Replace stored documents of the same doc_ids; returns their number.

    The replaced versions become superseded. Rows about them in other tables are removed; `superseded_scores` keeps
    their scores.
    """
    con.register("incoming", documents)
    now = utc_now()
    n_replaced = fetch_number(execute(con, "queries/supersede_documents", run_id=run_id, now=now))
    execute(con, "queries/supersede_scores")
    for (table,) in execute(con, "queries/document_tables").fetchall():
        con.execute(f'DELETE FROM "{table}" WHERE doc_id IN (SELECT doc_id FROM incoming)')
    execute(con, "queries/replace_documents", run_id=run_id, now=now)
    execute(con, "queries/restored_versions")
    execute(con, "queries/restored_scores")
    return n_replaced


def append_superseded(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, run_id: str) -> int:
    """Append rows that later rows of the chunk replaced, as superseded versions; returns the number of new rows."""
    if rows.is_empty():
        return 0
    return _append(con, "supersede_rows", rows, run_id)


def append_measures(con: duckdb.DuckDBPyConnection, measures: pl.DataFrame, run_id: str) -> tuple[int, pl.DataFrame]:
    """Append numbers beside texts, one for each subject, time and name.

    Args:
        con: the database.
        measures: subject_id, measured_at, name, value, source, file, row, and `replaces`. If `replaces` is true, the
            number replaces a stored number and earlier numbers of this frame; otherwise the first number stays.
        run_id: the run.

    Returns:
        the number of rows written, and the rows of `measures` whose value differs from the stored value.
    """
    key = ["subject_id", "measured_at", "name"]
    replacing = measures.filter("replaces").unique(key, keep="last", maintain_order=True)
    con.register("incoming", replacing)
    execute(con, "queries/remove_changed_measures")
    first = measures.filter(~pl.col("replaces")).unique(key, keep="first", maintain_order=True)
    n = _append(con, "append_measures", replacing, run_id) + _append(con, "append_measures", first, run_id)
    con.register("incoming", measures)
    return n, query(con, "queries/other_measures")


def remove_measures(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> None:
    """Remove the numbers of stored rows whose time the documents (doc_id, posted_at) will correct."""
    con.register("incoming", documents)
    execute(con, "queries/remove_measures")


def corrected_times(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame) -> pl.DataFrame:
    """Subjects and times (subject_id, posted_at) of versions of documents that have another time now."""
    con.register("incoming", documents)
    return query(con, "queries/corrected_times")


def append_subject_forms(con: duckdb.DuckDBPyConnection, subjects: pl.DataFrame) -> None:
    """Append the forms of subjects (subject_id, form) that have none yet."""
    con.register("incoming", subjects.unique("subject_id", keep="first", maintain_order=True))
    execute(con, "queries/append_subject_forms")


def count_known_rejects(con: duckdb.DuckDBPyConnection, rejects: pl.DataFrame) -> int:
    """Number of rejects whose row an earlier run has rejected."""
    con.register("incoming", rejects)
    return fetch_number(execute(con, "queries/known_rejects"))


def append_rejects(con: duckdb.DuckDBPyConnection, rejects: pl.DataFrame, run_id: str) -> int:
    """Append the new rejects (reject_id, file, row, column, reason, raw, content_id); returns their number."""
    if "content_id" not in rejects.columns:
        rejects = rejects.with_columns(content_id=pl.lit(None, pl.String))
    return _append(con, "append_rejects", rejects.unique("reject_id", keep="first", maintain_order=True), run_id)


def stored_rejects(con: duckdb.DuckDBPyConnection, rejects: pl.DataFrame) -> list[str]:
    """The reject_ids in `rejects` that the table has."""
    return _matching(con, "stored_rejects", rejects)


def append_scores(con: duckdb.DuckDBPyConnection, scores: pl.DataFrame, run_id: str) -> int:
    """Append the new scores; returns their number. Scores of documents that the database lacks are left out.

    `scores` has doc_id, model_id, emotion, risk, the probabilities, confidence, n_tokens and truncated; the table's
    other columns may be missing.
    """
    keys = ["doc_id", "model_id"]
    return _append(con, "append_scores", scores.unique(keys, keep="first", maintain_order=True), run_id)


def append_pieces(con: duckdb.DuckDBPyConnection, pieces: pl.DataFrame) -> None:
    """Append the new pieces (the table's columns) of documents that the database has."""
    con.register("incoming", pieces.unique(["doc_id", "model_id", "piece"], keep="first", maintain_order=True))
    execute(con, "queries/append_pieces")


def append_word_weights(con: duckdb.DuckDBPyConnection, weights: pl.DataFrame) -> None:
    """Append the new word weights (WORD_WEIGHT_COLUMNS) of documents that the database has."""
    keys = ["doc_id", "model_id", "first"]
    con.register("incoming", weights.unique(keys, keep="first", maintain_order=True))
    execute(con, "queries/append_word_weights")


def append_mentions(con: duckdb.DuckDBPyConnection, mentions: pl.DataFrame, run_id: str) -> int:
    """Append the new mentions of crisis wording (MENTION_COLUMNS); returns their number. Mentions in documents for
    which `append_searches` has recorded a list are left out.
    """
    con.register("incoming", mentions.unique(["doc_id", "phrase", "first"], keep="first", maintain_order=True))
    return fetch_number(execute(con, "queries/append_mentions", run_id=run_id))


def append_searches(con: duckdb.DuckDBPyConnection, searched: pl.DataFrame, list_id: str) -> None:
    """Record the list with which documents (doc_id) were searched for crisis wording, unless one is recorded."""
    con.register("searched", searched.select("doc_id"))
    execute(con, "queries/append_searches", list_id=list_id)


def replace_mentions(
    con: duckdb.DuckDBPyConnection, searched: pl.DataFrame, mentions: pl.DataFrame, list_id: str, run_id: str
) -> None:
    """Replace the mentions of documents that another list had searched.

    Args:
        con: the database.
        searched: the documents (doc_id).
        mentions: what this list found in them (MENTION_COLUMNS).
        list_id: the list's fingerprint.
        run_id: the run.
    """
    con.register("searched", searched.select("doc_id"))
    con.register("incoming", mentions)
    execute(con, "queries/replace_mentions", run_id=run_id)
    execute(con, "queries/change_searches", list_id=list_id)  # reads the mentions that go
    execute(con, "queries/remove_other_mentions", list_id=list_id)


class OtherSearches(NamedTuple):
    """The number of stored texts that another list has searched, and of mentions of other lists in removed texts."""

    n_texts: int
    n_kept: int


def count_other_searches(con: duckdb.DuckDBPyConnection, list_id: str) -> OtherSearches:
    """Counts of what other lists than this one have searched."""
    ((n_texts, n_kept),) = execute(con, "queries/count_other_searches", list_id=list_id).fetchall()
    return OtherSearches(n_texts, n_kept)


def searched_otherwise(con: duckdb.DuckDBPyConnection, list_id: str, max_rows: int, max_bytes: int) -> pl.DataFrame:
    """The next documents (doc_id, text) that another list has searched; at least one if there are any."""
    return query(con, "queries/searched_otherwise", list_id=list_id, max_rows=max_rows, max_bytes=max_bytes)


def unscored(con: duckdb.DuckDBPyConnection, model_id: str, max_rows: int, max_bytes: int) -> pl.DataFrame:
    """The next documents (doc_id, text) that this model has not scored; at least one if there are any."""
    return query(con, "queries/unscored", model_id=model_id, max_rows=max_rows, max_bytes=max_bytes)


def count_unscored(con: duckdb.DuckDBPyConnection, model_id: str) -> int:
    """Number of documents that this model has not scored."""
    return fetch_number(execute(con, "queries/count_unscored", model_id=model_id))


def totals(con: duckdb.DuckDBPyConnection, model_id: str) -> dict[str, Any]:
    """Counts of this model's scored documents, and shares of emotions and risks: sql/queries/totals.sql."""
    return query(con, "queries/totals", model_id=model_id).row(0, named=True)


class InputFile(NamedTuple):
    """An input file of the manifest.

    Attributes:
        path: path of the file.
        size: size in bytes.
        sha256: hash of its content.
        fault: the reason why some of its rows are missing; None: the file was read to its end.
        read_as: hash of the settings under which no row could be used; None: some rows were used, or the file is
            damaged.
    """

    path: str
    size: int
    sha256: str
    fault: str | None = None
    read_as: str | None = None

    @property
    def is_renamed(self) -> bool:
        """Whether `forget` has replaced the name, as queries/copy_files does; the folder may be gone, too."""
        return re.fullmatch("forgotten-[0-9a-f]{12}", self.path.rpartition("/")[2]) is not None


def files_read(con: duckdb.DuckDBPyConnection) -> list[InputFile]:
    """The input files of the manifest."""
    return [InputFile(*row) for row in execute(con, "queries/files_read").fetchall()]


def look_alikes(con: duckdb.DuckDBPyConnection, subjects: Sequence[str], forms: Sequence[str]) -> list[str]:
    """Other subjects whose id differs from these only by case, accents, `.0`, spaces or leading zeros.

    Args:
        con: the database.
        subjects: ids as the database has them.
        forms: forms of ids that the database may lack.
    """
    rows = execute(con, "queries/look_alikes", subjects=list(subjects), forms=list(forms)).fetchall()
    return [subject for (subject,) in rows]


def add_file(con: duckdb.DuckDBPyConnection, file: InputFile, run_id: str) -> None:
    """Add a read file to the manifest. If the file was read to its end, an earlier run's fault is removed."""
    execute(con, "queries/add_file", **file._asdict(), run_id=run_id, now=utc_now())


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
    sureness: float,
    risk_map: Mapping[str, str],
) -> None:
    """Record the parts of the model that a model_id stands for; an earlier record stays as it is."""
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
        sureness=sureness,
        risk_map=json.dumps(dict(risk_map)),
        now=utc_now(),
    )


def add_evaluations(con: duckdb.DuckDBPyConnection, model_id: str, file: Path) -> None:
    """Add the measurements that come with a model (`read_evaluations`), unless this database has its own.

    Raises:
        StoreError: the file has other columns, or a value that cannot be stored.
    """
    con.register("incoming", read_evaluations(file, model_id))
    execute(con, "queries/add_evaluations", model_id=model_id)


def replace_evaluations(con: duckdb.DuckDBPyConnection, metrics: pl.DataFrame) -> None:
    """Replace the metrics of the same model, split and method; `metrics` has the columns of `evaluations`."""
    con.register("incoming", metrics)
    execute(con, "queries/replace_evaluations")
    execute(con, "queries/delete_old_evaluations")


def _append(con: duckdb.DuckDBPyConnection, name: str, rows: pl.DataFrame, run_id: str) -> int:
    """Run an append statement, which reads `rows` under the name `incoming`; returns the number of new rows."""
    con.register("incoming", rows)
    return fetch_number(execute(con, f"queries/{name}", run_id=run_id, now=utc_now()))


def _matching(con: duckdb.DuckDBPyConnection, name: str, rows: pl.DataFrame) -> list[str]:
    """The ids that a statement returns; it reads `rows` under the name `incoming`."""
    con.register("incoming", rows)
    return [row_id for (row_id,) in execute(con, f"queries/{name}").fetchall()]

"""Versions of a document: rows with the same doc_id, but another time or text, such as in corrected exports.

The settings say what a changed row does (`on_change`): it is rejected, it replaces the document, or both are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import polars as pl

from monitor.intake.row_rules import OnChange

Hashed = Callable[[Sequence[str]], list[str]]
CONTENT = ("subject_id", "posted_at", "text")


class Versions(NamedTuple):
    """The rows of a chunk, separated; each has the columns of the rows.

    Attributes:
        documents: each doc_id once.
        replaced: distinct earlier versions of `documents`.
        differing: rows that are rejected, because an earlier row of their doc_id has another time or text.
        n_repeated: number of rows that repeat one of `documents` or `replaced`.
    """

    documents: pl.DataFrame
    replaced: pl.DataFrame
    differing: pl.DataFrame
    n_repeated: int


def separate_versions(rows: pl.DataFrame, on_change: OnChange, hashed: Hashed) -> Versions:
    """Separate the documents of a chunk from repeats and from other versions.

    Args:
        rows: columns doc_id, given_id and CONTENT, in the order of the file.
        on_change: reject: the first version is the document. replace: the last one is, and those before it are
            replaced. keep_both: every version is a document.
        hashed: makes the doc_ids of further versions.
    """
    keep: Literal["first", "last"] = "last" if on_change == "replace" else "first"
    documents = rows.unique("doc_id", keep=keep, maintain_order=True)
    none = rows.clear()
    if documents.height == rows.height:
        return Versions(documents, none, none, 0)
    chosen = documents.select("doc_id", *(pl.col(name).alias(f"{name}_chosen") for name in CONTENT))
    several = rows.filter(pl.col("doc_id").is_duplicated()).join(chosen, on="doc_id", maintain_order="left")
    same = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_chosen") for name in CONTENT)
    other = several.filter(~same).select(rows.columns)
    if on_change == "reject":
        return Versions(documents, none, other, rows.height - documents.height - other.height)
    other = other.unique(["doc_id", "posted_at", "text"], keep="last", maintain_order=True)
    n_repeated = rows.height - documents.height - other.height
    if on_change == "replace":
        return Versions(documents, other, none, n_repeated)
    return Versions(pl.concat([documents, with_own_ids(other, hashed)]).sort("row"), none, none, n_repeated)


def with_own_ids(documents: pl.DataFrame, hashed: Hashed) -> pl.DataFrame:
    """Versions of documents as documents of their own: the doc_id is a hash of subject, given_id, time and text.

    No part contains NUL, so the key equals that of no other document.
    """
    written = pl.col("posted_at").dt.timestamp("us").cast(pl.String)
    keys = documents.select(pl.concat_str("subject_id", "given_id", written, "text", separator="\0")).to_series()
    return documents.with_columns(doc_id=pl.Series(hashed(keys.to_list()), dtype=pl.String))

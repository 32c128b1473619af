"""Check the files of a lake: which are missing, doubled, foreign or torn, and which hold rows of a subject."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.database.ctrl_c import connected
from monitor.errors import StoreError
from monitor.lake.cells import current_cells, differs
from monitor.lake.shards import (
    DERIVED,
    DOCUMENTS,
    METADATA,
    SMALL_TABLES,
    Lake,
    Listing,
    Shard,
    derived_path,
    document_path,
    shard_name,
)
from monitor.scratch_folder import scratch_folder

MIN_PART = 8  # bytes; shorter ids occur in other strings by chance


class ModelCheck(NamedTuple):
    """A model's scores: numbers of its scored shards, of shards without scores, and of scores."""

    model_id: str
    n_shards: int
    n_missing: int
    n_scores: int


@dataclass
class LakeCheck:
    """What `check_lake` found.

    Attributes:
        n_shards: number of shards of documents.
        n_documents: number of documents in them.
        n_scores: number of scores of each model_id.
        models: the counts of each model.
        torn: files that cannot be read.
        foreign: files that are not this project's, or not what their names say.
        doubled: documents or scores that are stored twice.
        missing: scored shards with texts that have no score.
        orphans, unfinished: files that no query reads; `lake compact` removes them.
        holding: files with rows of the subjects to search for.
    """

    n_shards: int = 0
    n_documents: int = 0
    n_scores: dict[str, int] = field(default_factory=dict)
    models: list[ModelCheck] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    holding: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, list[str]]:
        """Kind of fault -> its lines, for each kind that was found."""
        kinds = ("torn", "foreign", "doubled", "missing", "holding")
        return {kind: lines for kind in kinds if (lines := getattr(self, kind))}


def check_lake(lake: Lake, *, deep: bool = False, subjects: Collection[str] = ()) -> LakeCheck:
    """Read every shard's ids, compare documents with scores, and check that the daily sums can be read.

    Args:
        lake: the lake.
        deep: also compute the daily sums and each shard's name anew from its content; this reads every text.
        subjects: ids to search for in the rows of all files.
    """
    listing = lake.list_shards()
    found = LakeCheck(n_shards=len(listing.documents), orphans=listing.orphans, unfinished=listing.unfinished)
    found.foreign += [f"{path}: not a name of this project" for path in listing.foreign]
    with _id_table() as con:
        for shard in sorted(listing.documents):
            _check_shard(lake, found, listing, shard, con, deep)
        found.doubled += _doubled(con)
    for model_id, shards in sorted(listing.derived["scores"].items()):
        n_missing = len(listing.documents - shards)
        found.models.append(ModelCheck(model_id, len(shards), n_missing, found.n_scores.get(model_id, 0)))
    for table in (*(table for table in DERIVED if table != "scores"), *SMALL_TABLES):
        for path in _paths(lake, listing, table):
            _read_checked(lake, found, path, [])
    for (model_id, month), path in sorted(current_cells(lake, listing).items()):
        rows = _read_checked(lake, found, path, None if deep else [])
        if not deep or rows is None:
            continue
        with suppress(FileNotFoundError):  # another command replaced its scores meanwhile
            if differs(lake, listing, model_id, month, rows):
                found.foreign.append(
                    f"{path}: not the sums of its scores; remove it, and `lake compact` writes it anew"
                )
    if subjects:
        found.holding, unread = files_naming(lake, subjects)
        found.torn += [f"{path}: cannot be read" for path in unread if not any(path in line for line in found.torn)]
    return found


def foreign_reason(path: str, footer: pq.FileMetaData) -> str | None:
    """Why the footer of a file contradicts its path; None if the two agree."""
    own = (footer.metadata or {}).get(METADATA.encode())
    if own is None:
        return f"{path}: not written by this project"
    said = json.loads(own)
    if said["path"] != path:
        return f"{path}: written as {said['path']}"
    if said["rows"] != footer.num_rows:
        return f"{path}: {footer.num_rows:,} rows, and {said['rows']:,} were written"
    return None


def files_naming(lake: Lake, subjects: Collection[str]) -> tuple[list[str], list[str]]:
    """Search all Parquet files, also those that no query reads, for rows about these subjects.

    Returns:
        paths of the files with such rows, paths of the files that cannot be read.
    """
    folders = (DOCUMENTS, *DERIVED, *SMALL_TABLES, "cells")
    paths = [path for folder in folders for path, _ in lake.storage.list_files(folder) if path.endswith(".parquet")]
    holding, unread = [], []
    for path in paths:
        try:
            if _holds(lake, path, subjects):
                holding.append(path)
        except FileNotFoundError:  # another command replaced it meanwhile
            continue
        except (StoreError, KeyError, ValueError):
            unread.append(path)
    return holding, unread


def _paths(lake: Lake, listing: Listing, table: str) -> Iterator[str]:
    if table in SMALL_TABLES:
        yield from lake.small_files(table)
        return
    for key, shards in listing.derived[table].items():
        yield from (derived_path(table, key, shard) for shard in sorted(shards))


def _read_checked(lake: Lake, found: LakeCheck, path: str, columns: list[str] | None) -> pa.Table | None:
    """The rows of a file. If the file is torn or foreign: None, and `found` gets a line."""
    try:
        if reason := foreign_reason(path, lake.footer(path)):
            found.foreign.append(reason)
            return None
        return lake.read(path, columns)
    except FileNotFoundError:  # another command replaced it meanwhile
        return None
    except (StoreError, ValueError) as error:
        found.torn.append(f"{path}: {error}" if path not in str(error) else str(error))
        return None


def _check_shard(
    lake: Lake, found: LakeCheck, listing: Listing, shard: Shard, con: duckdb.DuckDBPyConnection, deep: bool
) -> None:
    """Check a shard's documents, add their ids to the table, and compare each model's scores with them."""
    path = document_path(shard)
    documents = _read_checked(lake, found, path, None if deep else ["doc_id", "posted_at"])
    ids = None
    if documents is not None:
        months = pc.unique(pc.strftime(documents["posted_at"], "%Y-%m")).to_pylist()
        if set(months) - {shard.month}:
            found.foreign.append(f"{path}: holds documents of {', '.join(sorted(months))}")
        if documents.num_rows != shard.rows or (deep and shard_name(pl.DataFrame(documents)) != shard.name):
            found.foreign.append(f"{path}: its content is not what its name says")
        found.n_documents += documents.num_rows
        con.register("incoming", documents)
        con.execute("INSERT INTO ids SELECT doc_id, ? FROM incoming", [path])
        ids = pl.DataFrame(documents.select(["doc_id"]))["doc_id"]
    for model_id, shards in listing.derived["scores"].items():
        if shard in shards:
            n = _check_scores(lake, found, model_id, shard, ids)
            found.n_scores[model_id] = found.n_scores.get(model_id, 0) + n


@contextmanager
def _id_table() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with a table for all ids; DuckDB moves its rows to temporary files when memory runs out."""
    with (
        scratch_folder(Path(tempfile.gettempdir()), "risk-monitor-ids-") as folder,
        connected(config={"temp_directory": str(folder)}) as con,
    ):
        con.execute("CREATE TABLE ids (doc_id VARCHAR, path VARCHAR)")
        yield con


def _doubled(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        "SELECT doc_id, count(*), min(path), max(path) FROM ids GROUP BY doc_id HAVING count(*) > 1 ORDER BY ALL"
    ).fetchall()
    return [f"document {doc_id}: {n} times, in {first} and {last}" for doc_id, n, first, last in rows]


def _check_scores(lake: Lake, found: LakeCheck, model_id: str, shard: Shard, ids: pl.Series | None) -> int:
    """Compare a shard's scores with its documents; returns the number of scores, 0 if either cannot be read."""
    path = derived_path("scores", model_id, shard)
    rows = _read_checked(lake, found, path, ["doc_id", "model_id"])
    if rows is None or ids is None:
        return 0
    scores = pl.DataFrame(rows)
    if n := scores.filter(pl.col("model_id") != model_id).height:
        found.foreign.append(f"{path}: {n:,} scores of another model")
    if n := scores.height - scores["doc_id"].n_unique():
        found.doubled.append(f"{path}: {n:,} scores come twice")
    if n := scores.filter(~pl.col("doc_id").is_in(ids.implode())).height:
        found.foreign.append(f"{path}: {n:,} scores of documents that the shard lacks")
    lacking = ids.filter(~ids.is_in(scores["doc_id"].implode()))
    if lacking.len():
        documents = _read_checked(lake, found, document_path(shard), ["doc_id", "text"])
        if documents is None:
            return scores.height
        texts = pl.DataFrame(documents).drop_nulls("text")
        if n := texts.filter(pl.col("doc_id").is_in(lacking.implode())).height:
            found.missing.append(f"{path}: {n:,} texts have no score; remove this file and score again")
    return scores.height


def _holds(lake: Lake, path: str, subjects: Collection[str]) -> bool:
    """Whether a row of a file is about one of the subjects. In small tables every string is searched for their
    ids.
    """
    is_small = path.startswith(tuple(f"{table}/" for table in SMALL_TABLES))
    rows = lake.read(path) if is_small else lake.read(path, ["subject_id"])
    for column in rows.itercolumns():
        if pa.types.is_string(column.type):
            for subject in subjects:
                matches = pc.match_substring if is_small and len(subject) >= MIN_PART else pc.equal
                if pc.any(matches(column, subject)).as_py():
                    return True
    return False

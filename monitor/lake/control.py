"""The control file of a lake: a small DuckDB database whose large tables are views of the lake's Parquet files.

Reports, alerts, status, query and evaluate-alerts run on it as on any database. It shows the lake as it was when the
file was made, because `open_lake` names every shard in the views. All queries of a report therefore see one state,
and a shard that is being replaced is read once. Alerts and other rows that people change are stored in the control
file itself, and are kept when it is made anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow.parquet as pq

from monitor.database.connection import FILE_TYPE, Database, private_files
from monitor.database.copy import FILTERED_TABLES, copy_table, pattern_of
from monitor.database.ctrl_c import connected
from monitor.database.lake_views import LAKE_TABLE, quoted, reach_objects
from monitor.database.remedies import explained
from monitor.database.schema import make_empty
from monitor.database.spills import spill_folder
from monitor.errors import BusyError, StoreError
from monitor.lake.cells import current_cells
from monitor.lake.check import foreign_reason
from monitor.lake.scratch import CELL_VIEW, columns, has_table
from monitor.lake.shards import DERIVED, DOCUMENTS, SMALL_TABLES, Lake, Listing, derived_path, document_path
from monitor.privacy.codes import give_codes_to_all

FOOTER_THREADS = 16
TRIES = 5  # listings of a lake whose files other commands replace at the same time
MANY_FILES = 20_000  # with more files each query is slow to start


class Opened(NamedTuple):
    """What the control file shows: numbers of documents, of scores, of pairs of model and month with cells, and of
    files.
    """

    n_documents: int
    n_scores: int
    n_cell_months: int
    n_files: int


def default_control(lake: Lake) -> Path:
    """Default path of a lake's control file: beside the lake's folder.

    Raises:
        StoreError: the lake is in an object store.
    """
    if not lake.storage.is_local:
        raise StoreError(f"{lake.url}: name the control file of a lake in an object store with --db FILE")
    return lake.storage.beside(lambda root: root.with_name(f"{root.name}.duckdb"))


def check_control(lake: Lake, db: Database) -> None:
    """Check that `open_lake` can make a control file anew, before a caller removes anything from the lake.

    Raises:
        StoreError, BusyError: as `open_lake`. A file that does not exist is no fault.
    """
    if db.exists():
        with db.only_writer(), explained(db.file):
            _require_control(lake, db)


def open_lake(
    lake: Lake, db: Database, *, without_subjects: Sequence[str] = (), before: dt.datetime | None = None
) -> Opened:
    """Make the control file of a lake, in place of an older one, in one step.

    Args:
        lake: the lake.
        db: the control file; alerts and other rows that people change are copied from an older one.
        without_subjects: ids of subjects whose rows are not copied.
        before: a time in UTC; notes of the case log written before it are not copied; None: all are copied.

    Raises:
        StoreError: a file of the lake is torn or foreign, or `db` is not the control file of this lake.
        BusyError: other commands keep replacing files of the lake, or another run is working on `db`.
    """
    listing, footers = _list_files(lake)
    new = db.file.with_name(f".{db.file.name}.open.new")
    with db.only_writer(), private_files(), explained(db.file):
        _require_control(lake, db)
        new.unlink(missing_ok=True)
        try:
            make_empty(new)
            with connected(new, config={"temp_directory": str(spill_folder(db.file))}) as con:
                reach_objects(con, lake.url)
                if db.exists():
                    _take_over(con, db, without_subjects, before)
                for table in SMALL_TABLES:
                    _load_small(con, lake, table)
                opened = _make_views(con, lake, listing, footers)
                give_codes_to_all(con)
            new.replace(db.file)
        finally:
            new.unlink(missing_ok=True)
    return opened


def _require_control(lake: Lake, db: Database) -> None:
    """Refuse a database with rows of its own, and the control file of another lake.

    A lake that was moved or copied, or that has a second path, is known by its runs: no two lakes share one.
    """
    if not db.exists():
        return
    db.check_place(read_only=False)
    with connected(f"{FILE_TYPE}:{db.file.absolute()}", read_only=True) as con:
        root = con.execute(f"FROM {LAKE_TABLE}").fetchall() if has_table(con, LAKE_TABLE) else []
        runs = {run for (run,) in con.execute("SELECT run_id FROM runs").fetchall()} if root else set()
    if not root:
        raise StoreError(f"{db}: a database with rows of its own, no control file of a lake; name another with --db")
    if root[0][0] != lake.storage.root and runs.isdisjoint(_runs_of(lake)):
        raise StoreError(f"{db}: the control file of another lake, {root[0][0]}; name another with --db")


def _runs_of(lake: Lake) -> set[str]:
    return {run for path in lake.small_files("runs") for run in lake.read(path, ["run_id"])["run_id"].to_pylist()}


def _take_over(
    con: duckdb.DuckDBPyConnection, db: Database, without_subjects: Sequence[str], before: dt.datetime | None
) -> None:
    """Copy the rows that only the control file has, with the statements that copy a database without some subjects
    and old texts.
    """
    con.execute(f"ATTACH {quoted(str(db.file.absolute()))} AS old (TYPE {FILE_TYPE}, READ_ONLY)")
    values = {"subjects": list(without_subjects), "names": pattern_of(without_subjects), "before": before}
    rows = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'old' ORDER BY ALL").fetchall()
    held_by_lake = {DOCUMENTS, *DERIVED, *SMALL_TABLES, LAKE_TABLE, "schema_version"}
    own = [table for (table,) in rows if table not in held_by_lake and has_table(con, table)]
    for table in sorted(own, key=lambda table: FILTERED_TABLES.index(table) if table in FILTERED_TABLES else 99):
        copy_table(con, table, values)
    con.execute("INSERT INTO runs BY NAME FROM old.runs WHERE job NOT IN ('ingest', 'score')")
    con.execute("DETACH old")


def _load_small(con: duckdb.DuckDBPyConnection, lake: Lake, table: str) -> None:
    """Copy the rows of a small table; if several rows have one key, the first of them."""
    for path in lake.small_files(table):
        rows = lake.read(path)
        names = ", ".join(f'"{name}"' for name in rows.column_names if name in columns(con, table))
        con.register("stored", rows)
        con.execute(f'INSERT INTO "{table}" BY NAME SELECT {names} FROM stored ON CONFLICT DO NOTHING')
        con.unregister("stored")
    if table == "runs":
        con.execute("INSERT OR REPLACE INTO pseudonyms VALUES (?, TIMESTAMP '1970-01-01')", [lake.fingerprint])
        con.execute("DELETE FROM id_rules")  # copied from the older control file
        con.execute(
            "INSERT INTO id_rules VALUES (false, false, TIMESTAMP '1970-01-01')"
        )  # `lake ingest` has no [ids]


def _list_files(lake: Lake) -> tuple[Listing, dict[str, pq.FileMetaData]]:
    """The shards that count, and the footer of every file that the views name. If another command replaces one of
    these files meanwhile, both are read again.

    Raises:
        StoreError: as `_read_footers`. BusyError: a file was replaced at every try.
    """
    for _ in range(TRIES):
        listing = lake.list_shards()
        try:
            return listing, _read_footers(lake, listing)
        except FileNotFoundError:
            continue
    raise BusyError(f"{lake.url}: another command replaces files of this lake; start again when it is done")


def _read_footers(lake: Lake, listing: Listing) -> dict[str, pq.FileMetaData]:
    """The footer of every file that the views name.

    Raises:
        StoreError: a file is torn or foreign; a query over the folder would fail on it without naming the remedy.
        FileNotFoundError: another command has replaced a file since it was listed.
    """
    paths = [document_path(shard) for shard in listing.documents]
    for table, of_keys in listing.derived.items():
        paths += [derived_path(table, key, shard) for key, shards in of_keys.items() for shard in shards]
    paths += current_cells(lake, listing).values()
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        footers = dict(zip(paths, pool.map(lake.footer, paths), strict=True))
    faults = [fault for path, footer in footers.items() if (fault := foreign_reason(path, footer))]
    faults += [f"{path}: not a name of this project" for path in listing.foreign]
    if faults:
        more = f"; and {len(faults) - 1} more, which `lake check` lists" if len(faults) > 1 else ""
        raise StoreError(f"{lake.url}/{faults[0]}; move it away{more}")
    return footers


def _make_views(
    con: duckdb.DuckDBPyConnection, lake: Lake, listing: Listing, footers: Mapping[str, pq.FileMetaData]
) -> Opened:
    documents = [document_path(shard) for shard in sorted(listing.documents)]
    _make_view(con, lake, DOCUMENTS, documents, footers)
    for table, of_keys in listing.derived.items():
        if has_table(con, table):
            paths = [derived_path(table, key, shard) for key in sorted(of_keys) for shard in sorted(of_keys[key])]
            _make_view(con, lake, table, paths, footers)
    n_cells = _make_cells(con, lake, listing, footers)
    con.execute(f"CREATE TABLE {LAKE_TABLE} (root VARCHAR, url VARCHAR)")
    con.execute(f"INSERT INTO {LAKE_TABLE} VALUES (?, ?)", [lake.storage.root, lake.url])
    n_documents = sum(shard.rows for shard in listing.documents)
    scores = [path for path in footers if path.startswith("scores/")]
    n_scores = sum(footers[path].num_rows for path in scores)
    return Opened(n_documents, n_scores, n_cells, len(footers) - n_cells)


def _make_view(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    table: str,
    paths: Sequence[str],
    footers: Mapping[str, pq.FileMetaData],
) -> None:
    """Replace a table by a view with the same columns; a column that no file has is NULL."""
    wanted = columns(con, table)
    con.execute(f'DROP TABLE "{table}"')
    con.execute(f'CREATE VIEW "{table}" AS {_select(lake, wanted, paths, footers, table)}')


def _select(
    lake: Lake,
    wanted: Mapping[str, str],
    paths: Sequence[str],
    footers: Mapping[str, pq.FileMetaData],
    table: str,
) -> str:
    if not paths:
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in wanted.items())
        return f"SELECT {empty} WHERE false"
    have = [frozenset(footers[path].schema.names) for path in paths]
    everywhere, anywhere = frozenset.intersection(*have), frozenset.union(*have)
    chosen = ", ".join(
        f'"{name}"' if name in anywhere else f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in wanted.items()
    )
    files = ", ".join(quoted(lake.storage.query_path(path)) for path in paths)
    options = "hive_partitioning = true, hive_types = {'month': VARCHAR"
    options += f", '{DERIVED[table]}': VARCHAR" if table in DERIVED else ""
    options += "}" + (", union_by_name = true" if everywhere != anywhere else "")
    once = ' QUALIFY row_number() OVER (PARTITION BY doc_id, phrase, "first" ORDER BY run_id, list_id) = 1'
    several_lists = table == "mentions" and len({path.split("/")[1] for path in paths}) > 1
    return f"SELECT {chosen} FROM read_parquet([{files}], {options}){once if several_lists else ''}"


def _make_cells(
    con: duckdb.DuckDBPyConnection, lake: Lake, listing: Listing, footers: Mapping[str, pq.FileMetaData]
) -> int:
    """Let the view of daily cells read stored cells where they are current; returns how many models' months have
    them.

    The same view is created a second time in the schema `rest`, whose `scores` are only the scores without stored
    cells. It names this schema: a temporary view `scores`, as a report of some cohorts has, must not take its place.
    """
    cells = current_cells(lake, listing)
    if not cells:
        return 0
    covered = {(model_id, month) for model_id, month in cells}
    rest = [
        derived_path("scores", model_id, shard)
        for model_id, shards in sorted(listing.derived["scores"].items())
        for shard in sorted(shards)
        if (model_id, shard.month) not in covered
    ]
    wanted = columns(con, "scores")
    own = columns(con, CELL_VIEW)
    ((sql,),) = con.execute("SELECT sql FROM duckdb_views() WHERE view_name = ?", [CELL_VIEW]).fetchall()
    con.execute("CREATE SCHEMA rest")
    con.execute(f"CREATE VIEW rest.scores AS {_select(lake, wanted, rest, footers, 'scores')}")
    for name, of_rest in (
        (f"CREATE VIEW {CELL_VIEW}", f"CREATE VIEW rest.{CELL_VIEW}"),
        ("FROM scores", "FROM rest.scores"),
    ):
        sql = sql.replace(name, of_rest, 1)
    con.execute(sql)
    names = ", ".join(f'"{name}"' for name in own)
    files = ", ".join(quoted(lake.storage.query_path(path)) for path in sorted(cells.values()))
    con.execute(
        f"CREATE OR REPLACE VIEW {CELL_VIEW} AS"
        f" SELECT {names} FROM read_parquet([{files}], hive_partitioning = false)"
        f" UNION ALL SELECT {names} FROM rest.{CELL_VIEW}"
    )
    return len(cells)

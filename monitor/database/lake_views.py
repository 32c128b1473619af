"""Database files whose large tables are views of a lake's Parquet files (`risk-monitor lake open` makes them)."""

from __future__ import annotations

from pathlib import Path

import duckdb

from monitor.errors import StoreError

LAKE_TABLE = "lake"  # one row with the root and the url; other databases have no such table
FOLDERS = ("documents", "scores", "mentions", "pieces", "cells")
MEMORY_BYTES = 4 * 2**30  # a lake can be larger than memory; beyond this limit DuckDB spills to its temporary folder


def is_remote(url: str) -> bool:
    """Whether the address of a lake is that of an object store."""
    return "://" in url and not url.startswith("file://")


def lake_url(con: duckdb.DuckDBPyConnection) -> str | None:
    """The lake that this database's views read; None for a database with rows of its own."""
    with con.cursor() as own:  # an error about a missing name would end a transaction of the caller's
        return opened_lake(own)


def lake_folder(con: duckdb.DuckDBPyConnection) -> Path | None:
    """The folder of the lake that this database's views read; None for an object store and without a lake."""
    url = lake_url(con)
    if url is None or is_remote(url):
        return None
    ((root,),) = con.execute(f"SELECT root FROM {LAKE_TABLE}").fetchall()
    return Path(root)


def opened_lake(con: duckdb.DuckDBPyConnection) -> str | None:
    """As `lake_url`, for a new connection; outside transactions, because an error about a missing name ends them.

    Listing the tables would take five times as long, because DuckDB first creates all of its own views. An error that
    suggests a name is slow for the same reason.
    """
    con.execute("SET catalog_error_max_schemas = 0")
    try:
        ((url,),) = con.execute(f"SELECT url FROM main.{LAKE_TABLE}").fetchall()
    except duckdb.CatalogException:
        return None
    finally:
        con.execute("RESET catalog_error_max_schemas")
    return str(url)


def allow_lake(con: duckdb.DuckDBPyConnection, url: str) -> None:
    """Allow a connection to read the lake's folders in bounded memory; call this before forbidding other access.

    Raises:
        StoreError: the lake is in an object store that cannot be read.
    """
    ((root,),) = con.execute(f"SELECT root FROM {LAKE_TABLE}").fetchall()
    if is_remote(url):
        root = f"{url.partition('://')[0]}://{root}"
        reach_objects(con, url)
    folders = ", ".join(quoted(f"{root}/{folder}") for folder in FOLDERS)
    con.execute(f"SET allowed_directories = [{folders}]")
    ((usual,),) = con.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchall()
    con.execute(f"SET memory_limit = '{min(MEMORY_BYTES, usual)}B'")


def refuse_lake(con: duckdb.DuckDBPyConnection, path: Path, instead: str) -> None:
    """Refuse a control file for commands that need a database with rows of its own.

    Args:
        con: the database.
        path: its file, for the message.
        instead: the subcommand of `risk-monitor lake` that does the same for a lake.

    Raises:
        StoreError: the database's tables are views of a lake.
    """
    if url := lake_url(con):
        raise StoreError(f"{path}: shows the lake {url}; use `risk-monitor lake {instead} --lake {url}`")


def quoted(value: str) -> str:
    """A string as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def reach_objects(con: duckdb.DuckDBPyConnection, url: str) -> None:
    """Let a connection read an object store: by DuckDB's httpfs if it is installed, otherwise through pyarrow.

    Only pyarrow accepts an endpoint and a region in the address, so such addresses always go through pyarrow. For a
    local folder this function does nothing.

    Raises:
        StoreError: the object store cannot be reached.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme == "file":
        return
    if "?" not in url:
        try:
            con.execute("LOAD httpfs")
        except duckdb.Error:
            pass
        else:
            return
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    try:
        filesystem, _ = fs.FileSystem.from_uri(url)
    except Exception as error:
        raise StoreError(f"{url}: cannot reach this lake ({error})") from error
    named = type("ObjectStore", (ArrowFSWrapper,), {"protocol": scheme})  # DuckDB reads the class's protocol
    con.register_filesystem(named(filesystem))

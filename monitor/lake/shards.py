"""The shards of a lake: their names, their Parquet files, and the list of those that count.

A shard is a Parquet file of documents of one calendar month. Its name is a hash of its content, and its number of
rows. Every other file about these documents (scores by a model, crisis wording by a list) has the same name in a
folder of its own. A model has scored a shard if the file in its folder exists.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.errors import ConfigError, StoreError
from monitor.lake.storage import UNFINISHED, Storage

MARK = "lake.json"
FORMAT = 1
DOCUMENTS = "documents"
DERIVED: Mapping[str, str] = {"mentions": "list_id", "pieces": "model_id", "scores": "model_id"}
"""Tables with rows about a document -> the column that names the folder. `scores` is last: it commits the others."""
SMALL_TABLES: Mapping[str, tuple[str, ...]] = {
    "models": ("model_id",),
    "evaluations": ("model_id", "split", "method", "metric"),
    "files": ("path", "sha256"),
    "rejects": ("reject_id",),
    "runs": ("run_id",),
    "retention_checks": ("day",),
}
"""Tables with few rows -> their primary keys. Their files may overlap: `lake open` keeps one row a key."""
REPLACED = "replaced"
CELLS = "cells"
FOLDERS = (DOCUMENTS, *DERIVED, *SMALL_TABLES, REPLACED, CELLS)
SHARD_ROWS = 20_000
GROUP_ROWS = 122_880  # as a row group of DuckDB has, so that its threads share a file
NAME = re.compile(r"[0-9a-f]{32}-(\d+)")
KEY = re.compile(r"[\w.-]+")
METADATA = "risk_monitor"


class Shard(NamedTuple):
    """A shard: the month (YYYY-MM, UTC) of its documents, and its name."""

    month: str
    name: str

    @property
    def rows(self) -> int:
        """Number of documents."""
        return int(self.name.rpartition("-")[2])


def require_place(storage: Storage) -> None:
    """Check that a place is a lake or can become one, before a lock or a key is written there.

    Raises:
        StoreError: something else is there.
    """
    if storage.exists(MARK):
        return
    others = [entry.path for entry in storage.list_files("") if not entry.path.startswith(".")]
    if others:
        raise StoreError(f"{storage.url}: not a lake, but it holds {others[0]}; name an empty or a new folder")


@dataclass
class Listing:
    """The files of a lake at one moment.

    Attributes:
        documents: the shards that count.
        derived: table -> model_id or list_id -> shards with a file. Files of shards that do not count are left out.
        orphans: paths that no query reads: files about shards that do not count, and shards that were replaced.
        foreign: paths of Parquet files with names that this project never gives.
        unfinished: paths of files that are being written, or that a killed process left.
    """

    documents: set[Shard] = field(default_factory=set)
    derived: dict[str, dict[str, set[Shard]]] = field(default_factory=lambda: {table: {} for table in DERIVED})
    orphans: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    def unscored(self, model_id: str) -> list[Shard]:
        """The shards that a model has not scored, oldest month first."""
        return sorted(self.documents - self.derived["scores"].get(model_id, set()))


class Lake:
    """A lake of this project. README.md lists its folders.

    Args:
        storage: the folder or object store that holds it.

    Attributes:
        fingerprint: of the key of its pseudonyms, or PLAIN.

    Raises:
        StoreError: there is no lake at this place, or a newer risk-monitor made it.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        try:
            mark = json.loads(storage.read(MARK))
            made, self.fingerprint = mark["format"], str(mark["pseudonyms"])
        except FileNotFoundError as error:
            raise StoreError(
                f"{storage.url}: not a lake; `risk-monitor lake ingest INPUT --lake {storage.url}` makes one"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{storage.url}/{MARK}: damaged; bring it back from a backup") from error
        if made != FORMAT:
            raise StoreError(
                f"{storage.url}: a lake of format {made} (this risk-monitor knows {FORMAT}); upgrade risk-monitor"
            )

    @property
    def url(self) -> str:
        """The lake as the user named it."""
        return self.storage.url

    @classmethod
    def create(cls, storage: Storage, fingerprint: str) -> Lake:
        """Open the lake, and make it first if there is none.

        Args:
            storage: the lake's place; without a lake it must be empty.
            fingerprint: of the key of the pseudonyms; an existing lake keeps its own.

        Raises:
            StoreError: the place holds other files.
        """
        if not storage.exists(MARK):
            require_place(storage)
            mark = json.dumps({"format": FORMAT, "pseudonyms": fingerprint})
            storage.write_once(MARK, lambda stream: stream.write(mark.encode()))
        return cls(storage)

    def list_shards(self) -> Listing:
        """List the shards that count. A replaced shard does not count once the new one is visible; see
        `replace_shards`.
        """
        found = Listing()
        # Another command may remove a note, or write one, while the documents are listed.
        notes = self.replacements()
        shards = self._place(DOCUMENTS, None, found)
        notes += self.replacements()
        replaced = {old for new, olds in notes if new in shards for old in olds}
        found.documents = shards - replaced
        found.orphans += [document_path(shard) for shard in sorted(shards & replaced)]
        for table in DERIVED:
            for key, having in self._derived(table, found).items():
                found.derived[table][key] = having & found.documents
                gone = sorted(having - found.documents)
                found.orphans += [derived_path(table, key, shard) for shard in gone]
        return found

    def replacements(self) -> list[tuple[Shard, list[Shard]]]:
        """The replacements under way, each as the new shard and the old ones that it replaces once it exists."""
        entries = []
        for path, _ in self.storage.list_files(REPLACED):
            if path.endswith(".json"):
                try:
                    value = json.loads(self.storage.read(path))
                except FileNotFoundError:  # another command has finished this replacement
                    continue
                entries.append((Shard(*value["new"]), [Shard(*old) for old in value["old"]]))
        return entries

    def read(self, path: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A file's rows.

        Raises:
            FileNotFoundError: the file is gone, because another command replaced it.
            StoreError: the file is torn, or cannot be reached.
        """
        with self.storage.open(path) as stream, torn(self.storage.full_path(path)):
            return pq.ParquetFile(stream).read(columns=columns)

    def footer(self, path: str) -> pq.FileMetaData:
        """A file's footer. Raises: as `read`."""
        with self.storage.open(path) as stream, torn(self.storage.full_path(path)):
            return pq.read_metadata(stream)

    def write(self, path: str, table: str, rows: pa.Table) -> bool:
        """Write a file of the lake. An existing file is kept; the result is then False."""
        own = json.dumps({"table": table, "path": path, "rows": rows.num_rows})
        options = {"compression": "zstd", "store_schema": False}

        def write(stream: IO[bytes]) -> None:
            with pq.ParquetWriter(stream, rows.schema, **options) as writer:
                writer.write_table(rows, row_group_size=GROUP_ROWS)
                writer.add_key_value_metadata({METADATA: own})

        return self.storage.write_once(path, write)

    def write_small(self, table: str, rows: pa.Table, *, by_content: bool = False) -> str | None:
        """Write rows of one of SMALL_TABLES, unless the same file exists. Returns its path; None without rows.

        Args:
            table: the table.
            rows: its rows.
            by_content: name the file by a hash of whole rows instead of their keys.
        """
        if not rows.num_rows:
            return None
        named = rows if by_content else rows.select(SMALL_TABLES[table])
        digest = hashlib.sha256("\n".join(sorted(map(str, named.to_pylist()))).encode("utf-8", "replace"))
        path = f"{table}/{digest.hexdigest()[:32]}-{rows.num_rows}.parquet"
        self.write(path, table, rows)
        return path

    def small_files(self, table: str) -> list[str]:
        """The paths of the files of one of SMALL_TABLES."""
        return [path for path, *_ in self.storage.list_files(table) if path.endswith(".parquet")]

    def keys(self, table: str) -> list[str]:
        """The model_ids or list_ids for which a table has a folder."""
        column = f"{DERIVED[table]}="
        folders = self.storage.list_folders(table)
        return [name.removeprefix(column) for name in folders if name.startswith(column)]

    def _derived(self, table: str, found: Listing) -> dict[str, set[Shard]]:
        shards: dict[str, set[Shard]] = {}
        for key, shard in self._parse(table, DERIVED[table], found):
            shards.setdefault(key, set()).add(shard)
        return shards

    def _place(self, table: str, column: str | None, found: Listing) -> set[Shard]:
        return {shard for _, shard in self._parse(table, column, found)}

    def _parse(self, table: str, column: str | None, found: Listing) -> Iterable[tuple[str, Shard]]:
        """The key and shard of each file of a table; other files go to `found`."""
        folder = f"{table}/" + (f"{column}=(?P<key>{KEY.pattern})/" if column else "")
        pattern = re.compile(rf"{folder}month=(?P<month>\d{{4}}-\d{{2}})/(?P<name>{NAME.pattern})\.parquet")
        for path, _ in self.storage.list_files(table):
            match = pattern.fullmatch(path)
            if match:
                yield match["key"] if column else "", Shard(match["month"], match["name"])
            elif path.endswith(UNFINISHED):
                found.unfinished.append(path)
            else:
                found.foreign.append(path)


def document_path(shard: Shard) -> str:
    """The path of a shard's documents below the root."""
    return f"{DOCUMENTS}/month={shard.month}/{shard.name}.parquet"


def derived_path(table: str, key: str, shard: Shard) -> str:
    """The path of a table's rows about a shard: a function of the shard's content and the model_id or list_id.

    Raises:
        ConfigError: the key cannot be part of a path.
    """
    if not KEY.fullmatch(key):
        raise ConfigError(f"{DERIVED[table]} {key!r}: a lake takes letters, digits, points, and hyphens alone")
    return f"{table}/{DERIVED[table]}={key}/month={shard.month}/{shard.name}.parquet"


def shard_name(documents: pl.DataFrame) -> str:
    """The name of a shard: 128 bits of SHA-256 over the content of its documents, then the number of rows.

    The hash leaves out the time of intake and the run, so that two runs over one input give one name.
    Intake refuses NUL in ids and texts, so different rows give different bytes.
    """
    columns = [name for name in sorted(documents.columns) if name not in ("run_id", "ingested_at")]
    digest = hashlib.sha256()
    for column in documents.sort("doc_id").select(columns).iter_columns():
        values = column.to_physical().cast(pl.String).fill_null("\0null")
        digest.update(f"{column.name}\0\0".encode() + "\0".join(values.to_list()).encode())
    return f"{digest.hexdigest()[:32]}-{documents.height}"


class torn:  # noqa: N801  (a context manager reads as a word)
    """Turn pyarrow's errors about a damaged file into a StoreError that names the file and the remedy."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, pa.ArrowInvalid | OSError) and not isinstance(error, FileNotFoundError):
            again = "`risk-monitor lake compact`" if self._path.startswith("cells/") else "ingest or score again"
            raise StoreError(
                f"{self._path}: torn or no Parquet file; move it away, and {again}: that writes it anew"
            ) from error

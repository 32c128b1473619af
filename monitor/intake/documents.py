"""Texts in, documents and rejects out: the contract every input row has to meet.

Needed are `subject_id`, `posted_at` (ISO 8601, or epoch seconds or milliseconds; without a zone it is UTC)
and `text` (1 character to 1 MiB; what a model does not reach is cut when it reads, not here). `doc_id` and
`source` may be there; without `doc_id` it is a hash of the other three. Of rows with one doc_id the first is
kept: equal ones are duplicates, different ones are rejects. Each row read is valid or rejected, never both,
never neither.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from monitor.errors import DataError
from monitor.intake.csv_jsonl import read_csv, read_jsonl
from monitor.intake.parquet import read_parquet
from monitor.intake.raw_rows import COLUMNS, MAX_RAW_CHARACTERS, REQUIRED, Batch, Fault
from monitor.intake.timestamps import UTC_TIME, YEARS, parse_times
from monitor.privacy.pseudonyms import Pseudonyms

Reader = Callable[[Path, int], Iterator[Batch]]

MAX_TEXT_BYTES = 2**20
MAX_NAME_BYTES = 512
CHUNK_ROWS = 50_000
DOCUMENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "row": pl.Int64,
    "doc_id": pl.String,
    "subject_id": pl.String,
    "posted_at": UTC_TIME,
    "text": pl.String,
    "source": pl.String,
}
REJECT_SCHEMA = {
    "reject_id": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "reason": pl.String,
    "raw": pl.String,
}
READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
    ".parquet": read_parquet,
}
REPEATED_ID = "used before for another subject, time or text"
BAD_TIME = f"neither ISO 8601 nor epoch (seconds or milliseconds) in {YEARS[0]} to {YEARS[1]}"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file, sorted out; n_read = n_valid + the rejects.

    Attributes:
        file: the path, as rejects name it.
        documents: the valid rows, each doc_id once; columns of DOCUMENT_SCHEMA.
        rejects: the others; columns of REJECT_SCHEMA.
        n_repeated: valid rows that repeat a document of this chunk.
        hidden: its ids are pseudonyms, and rejects hold nothing else of their rows.
        n_bytes: of memory that it may hold: strings of rejected rows stay while others of the file are there.
    """

    file: str
    documents: pl.DataFrame
    rejects: pl.DataFrame
    n_repeated: int
    hidden: bool = False
    n_bytes: int = 0

    @property
    def n_valid(self) -> int:
        """Rows that meet the contract."""
        return self.documents.height + self.n_repeated

    @property
    def n_read(self) -> int:
        """Rows of the file that were looked at."""
        return self.n_valid + self.rejects.height

    def reject_documents(self, ids: Collection[str]) -> Chunk:
        """This chunk with the documents of these doc_ids, which others have, moved to the rejects."""
        moved = pl.col("doc_id").is_in(list(ids))
        refused = self.documents.filter(moved).with_columns(
            column=pl.lit("doc_id"), reason=pl.lit(REPEATED_ID)
        )
        rejects = pl.concat([self.rejects, _rejects(self.file, _faults(refused, self.hidden))])
        return replace(self, documents=self.documents.filter(~moved), rejects=rejects)


def find_inputs(inputs: Iterable[str | Path]) -> list[Path]:
    """The files that these files, folders (not what is below them) and glob patterns stand for, each once.

    Raises:
        DataError: nothing there, or a file of a kind that cannot be read.
    """
    found: dict[Path, None] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            files = [file for file in sorted(path.iterdir()) if is_input(file)]
            if not files:
                raise DataError(f"{path}: no {', '.join(READERS)} file in this folder")
        elif path.exists():
            files = [path]
        else:
            names = glob.glob(str(given), recursive=True)  # noqa: PTH207  (Path.glob takes no absolute pattern)
            files = [Path(name) for name in sorted(names) if is_input(Path(name))]
            if not files:
                raise DataError(
                    f"{given}: no such file or folder, nor a pattern of {', '.join(READERS)} files"
                )
        found |= dict.fromkeys(files)
    for path in found:
        _reader(path)
    return list(found)


def is_input(path: Path) -> bool:
    """Whether a file of a folder is to be read: a known kind, and not hidden as files in the making are."""
    return path.name.lower().endswith(tuple(READERS)) and not path.name.startswith(".") and path.is_file()


def read_documents(
    path: Path, chunk_rows: int = CHUNK_ROWS, pseudonyms: Pseudonyms | None = None
) -> Generator[Chunk, None, None]:
    """Read a file in chunks of at most chunk_rows rows and about 64 MiB of text.

    Args:
        path: the file.
        chunk_rows: the most rows of a chunk.
        pseudonyms: what replaces the ids of subjects and documents; rejects then hold only these of their row,
            and nothing of one that cannot be parsed. None: the ids stay.

    Raises:
        DataError: the file as a whole cannot be read (missing, no permission, wrong kind, a column missing).
    """
    try:
        for batch in _reader(path)(path, chunk_rows):
            yield _sort_out(display_name(path), batch, pseudonyms)
    except OSError as error:
        raise DataError(f"{path}: cannot read this file ({error.strerror or error})") from error


def check_file(path: Path) -> None:
    """Look at the start of a file and raise what read_documents would raise there."""
    chunks = read_documents(path, chunk_rows=1)
    next(chunks, None)
    chunks.close()


def file_reject(path: Path, reason: str, sha256: str | None) -> pl.DataFrame:
    """The one reject, without a row number, that says why a file of this content (None: unknown) was refused.

    Columns of REJECT_SCHEMA; the same file with the same content and reason has the same reject_id.
    """
    return _rejects(display_name(path), [Fault(None, None, reason, sha256 and f"sha256 {sha256}")])


def display_name(path: Path) -> str:
    """The path as the database names it: absolute, and always Unicode."""
    return os.fsencode(path.resolve()).decode("utf-8", "replace")


def _reader(path: Path) -> Reader:
    """The reader for a file, by its name; its first bytes must not say otherwise."""
    if not path.is_file():
        raise DataError(f"{path}: not a regular file")
    name = path.name.lower()
    kind = next((ending for ending in READERS if name.endswith(ending)), None)
    if kind is None:
        raise DataError(f"{path}: cannot read this kind of file; use {', '.join(READERS)}")
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1" and kind != ".parquet":
        raise DataError(f"{path}: this is a Parquet file; give it a name that ends in .parquet")
    if start.startswith(_GZIP) and not kind.endswith(".gz"):
        raise DataError(f"{path}: this is compressed with gzip; give it a name that ends in {kind}.gz")
    if start and not start.startswith(_GZIP) and kind.endswith(".gz"):
        raise DataError(f"{path}: this is not compressed with gzip; give it a name without .gz")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: this is UTF-16; save it as UTF-8")
    return READERS[kind]


def _sort_out(file: str, batch: Batch, pseudonyms: Pseudonyms | None) -> Chunk:
    """Validate a batch's rows, give each an id, and part documents, repeats and rejects."""
    rows, unread = _checked(batch.rows), batch.faults
    if pseudonyms is not None:
        subject = _mapped(rows["subject_id"], pseudonyms.of_subjects)
        rows = rows.with_columns(
            subject,
            _mapped(rows["doc_id"], pseudonyms.of_documents),
            source=pl.when(pl.col("source") == pl.col("subject_id")).then(subject).otherwise("source"),
        )
        unread = [fault._replace(raw=None) for fault in unread]
    hashed = pseudonyms.of_documents if pseudonyms else lambda keys: [_hash(key) for key in keys]
    valid = _with_ids(rows.filter(pl.col("reason").is_null()), hashed)
    first = valid.filter(pl.col("doc_id").is_first_distinct())
    kept = first.select("doc_id", *(pl.col(name).alias(f"{name}_kept") for name in REQUIRED))
    again = valid.filter(~pl.col("doc_id").is_first_distinct()).join(kept, on="doc_id", maintain_order="left")
    same = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_kept") for name in REQUIRED)
    differing = again.filter(~same).with_columns(column=pl.lit("doc_id"), reason=pl.lit(REPEATED_ID))
    hidden = pseudonyms is not None
    faults = (
        unread + _faults(rows.filter(pl.col("reason").is_not_null()), hidden) + _faults(differing, hidden)
    )
    return Chunk(
        file,
        first.select(DOCUMENT_SCHEMA.keys()),
        _rejects(file, sorted(faults, key=lambda fault: fault.row or 0)),
        again.height - differing.height,
        hidden,
        int(batch.rows.estimated_size()),
    )


def _checked(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with posted_at as a time, and `column` and `reason` of the first rule it breaks, or nulls."""
    ids = ["subject_id", "doc_id", "source"]
    rows = rows.with_columns(
        pl.col(ids).str.strip_chars(),
        pl.col("posted_at").to_physical().cast(pl.String).alias("given"),
        parse_times(rows["posted_at"]).alias("posted_at"),
    )
    rows = rows.with_columns(pl.when(pl.col(name) != "").then(name).alias(name) for name in ids)
    rules = [
        ("subject_id", pl.col("subject_id").is_null(), "empty"),
        ("posted_at", pl.col("given").fill_null("").str.strip_chars() == "", "empty"),
        ("posted_at", pl.col("posted_at").is_null(), BAD_TIME),
        ("text", pl.col("text").fill_null("").str.strip_chars() == "", "empty"),
        ("text", pl.col("text").str.len_bytes() > MAX_TEXT_BYTES, "longer than 1 MiB"),
        ("text", pl.col("text").str.contains("\0", literal=True), "holds a NUL byte"),
        *((name, pl.col(name).str.len_bytes() > MAX_NAME_BYTES, "longer than 512 bytes") for name in ids),
        *((name, pl.col(name).str.contains("\0", literal=True), "holds a NUL byte") for name in ids),
    ]
    broken = [
        pl.when(rule).then(pl.struct(column=pl.lit(name), reason=pl.lit(reason)))
        for name, rule, reason in rules
    ]
    return rows.with_columns(pl.coalesce(broken).alias("fault")).unnest("fault")


def _mapped(values: pl.Series, function: Callable[[Sequence[str]], list[str]]) -> pl.Series:
    """Every string (not the nulls) through a function, which is given once each that differs."""
    distinct = values.drop_nulls().unique()
    return values.replace_strict(distinct, function(distinct.to_list()), default=None, return_dtype=pl.String)


def _with_ids(rows: pl.DataFrame, hashed: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """The rows with a doc_id: theirs, or the hash of subject, time (microseconds since 1970) and text."""
    numbered = rows.with_row_index("place")
    bare = numbered.filter(pl.col("doc_id").is_null())
    written = pl.col("posted_at").dt.timestamp("us").cast(pl.String)
    keys = bare.select(pl.concat_str("subject_id", written, "text", separator="\0")).to_series()
    hashes = pl.Series(hashed(keys.to_list()), dtype=pl.String)
    return rows.with_columns(doc_id=rows["doc_id"].scatter(bare["place"], hashes))


def _hash(*parts: object) -> str:
    """128 bits of SHA-256; the parts hold no NUL, so that no two lists of them join alike."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]


def _faults(rows: pl.DataFrame, hidden: bool) -> list[Fault]:
    """Faults of rows that could be read, given their `column` and `reason`; raw is the row as JSON, cut.

    Where ids are hidden raw holds only these: in a row whose columns are swapped, any other may be a plain one.
    """
    faults = []
    shown = dict(zip(COLUMNS, COLUMNS, strict=True))
    if hidden:
        shown = {name: name for name in ("subject_id", "doc_id")}
    elif "given" in rows.columns:
        shown["posted_at"] = "given"
    cut = rows.with_columns(pl.col(list(shown.values())).cast(pl.String).str.slice(0, MAX_RAW_CHARACTERS))
    for row in cut.iter_rows(named=True):
        held = {name: row[key] for name, key in shown.items() if row[key] is not None}
        raw = json.dumps(held, ensure_ascii=False)[:MAX_RAW_CHARACTERS]
        faults.append(Fault(row["row"], row["column"], row["reason"], raw))
    return faults


def _rejects(file: str, faults: Sequence[Fault]) -> pl.DataFrame:
    return pl.DataFrame(
        [(_hash(file, *fault), file, *fault) for fault in faults], schema=REJECT_SCHEMA, orient="row"
    )

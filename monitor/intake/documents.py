"""The contract of an input row: valid rows become documents, all others become rejects with a reason.

Required are `subject_id`, `posted_at` (ISO 8601, or epoch seconds or milliseconds; UTC if it has no zone) and `text`
(1 character to 1 MiB; the model truncates longer texts than it can read, this module does not). `doc_id` and `source`
are optional. Ids are cleaned (identity.py). The stored doc_id is a hash of the subject and the given doc_id, so that
nobody else's row can take its place; without a given one it is a hash of the required three. The first row of a
doc_id becomes the document. Later equal rows are duplicates. Later different rows are rejects, unless `on_change`
says otherwise. Each row is either valid or rejected.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from monitor.errors import DataError
from monitor.intake.date_rules import ISO_ONLY, DateRule, date_shape
from monitor.intake.feeds import Feed, FeedOf
from monitor.intake.identity import clean_ids, look_alike_forms
from monitor.intake.kinds import ENDINGS, kind_of, read_rows
from monitor.intake.measures import (
    BAD_NUMBER,
    MEASURE_SCHEMA,
    OTHER_NUMBER,
    find_measures,
    measure_faults,
    numbers_alone,
)
from monitor.intake.raw_rows import COLUMNS, MAX_RAW_CHARACTERS, Batch, Fault
from monitor.intake.reading_order import in_reading_order
from monitor.intake.row_rules import IdRules, OnChange
from monitor.intake.timestamps import UTC_TIME, YEARS, parse_times
from monitor.intake.unsafe_entries import reason_to_refuse, require_listed
from monitor.intake.versions import Hashed, separate_versions, with_own_ids
from monitor.privacy.pseudonyms import Pseudonyms

MAX_TEXT_BYTES = 2**20
VISIBLE = r"[^\s\p{DI}\x{2800}]"  # any character but white space, those of no width, and the empty Braille pattern
MAX_NAME_BYTES = 512
MIN_KEY_CHARACTERS = 8  # letters and digits by which a line is recognised in a later file
CHUNK_ROWS = 50_000
DOCUMENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "row": pl.Int64,
    "doc_id": pl.String,
    "subject_id": pl.String,
    "posted_at": UTC_TIME,
    "text": pl.String,
    "source": pl.String,
    "given_id": pl.String,
}
REJECT_SCHEMA = {
    "reject_id": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "reason": pl.String,
    "raw": pl.String,
    "content_id": pl.String,
}
SUBJECT_SCHEMA = {"subject_id": pl.String, "form": pl.String}
REPEATED_ID = "used before for another time or text of this subject; all feeds need different doc_ids, or none"
BAD_TIME = f"neither ISO 8601 nor epoch (seconds or milliseconds) in {YEARS[0]} to {YEARS[1]}"


def plain_hashes(keys: Sequence[str]) -> list[str]:
    """128 bits of SHA-256 of each key."""
    return [_hash(key) for key in keys]


@dataclass(frozen=True)
class Chunk:
    """Validated rows of a file; n_read = n_valid + number of rejects.

    Attributes:
        file: the path, as rejects name it.
        documents: valid rows, each doc_id once; columns of DOCUMENT_SCHEMA.
        rejects: refused rows; columns of REJECT_SCHEMA.
        n_repeated: number of valid rows that repeat a document of this chunk.
        has_pseudonyms: whether its ids are pseudonyms; then its rejects contain nothing else of their rows.
        measures: numbers of the rows with a subject and a time; columns of MEASURE_SCHEMA.
        bad_measures: as `rejects`: numbers that are none, or contradict a stored one; their rows are kept.
        n_not_texts: number of entries that are no rows: not a person's text, or numbers without a text.
        n_bytes: upper bound of its memory; strings of rejected rows stay allocated, too.
        replaced: valid rows that a later row of the chunk replaces; columns of DOCUMENT_SCHEMA.
        differing: rejected rows that differ from an earlier row of their doc_id; columns of DOCUMENT_SCHEMA.
        subjects: the subjects of valid rows, each once, with the form of the id; columns of SUBJECT_SCHEMA.
        hashed: the function from keys to ids that made the documents' ids.
        read_before: the file's content was read to its end by an earlier run.
    """

    file: str
    documents: pl.DataFrame
    rejects: pl.DataFrame
    n_repeated: int
    has_pseudonyms: bool = False
    measures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MEASURE_SCHEMA))
    bad_measures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECT_SCHEMA))
    n_not_texts: int = 0
    n_bytes: int = 0
    replaced: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DOCUMENT_SCHEMA))
    subjects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SUBJECT_SCHEMA))
    hashed: Hashed = plain_hashes
    read_before: bool = False
    differing: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DOCUMENT_SCHEMA))

    @property
    def n_valid(self) -> int:
        """Number of rows that meet the contract."""
        return self.documents.height + self.replaced.height + self.n_repeated

    @property
    def n_read(self) -> int:
        """Number of rows read, valid or not."""
        return self.n_valid + self.rejects.height

    def with_stored_ids(self, stored: Mapping[str, str]) -> Chunk:
        """This chunk with the doc_ids (doc_id -> stored doc_id) under which an older database has its documents."""
        known, names = pl.col("doc_id").replace(stored), ("documents", "replaced", "differing")
        return replace(self, **{name: getattr(self, name).with_columns(known) for name in names})

    def keep_versions(self, ids: Collection[str]) -> Chunk:
        """This chunk with the documents of these doc_ids, which have another time or text, under ids of their own."""
        changed = pl.col("doc_id").is_in(list(ids))
        versions = with_own_ids(self.documents.filter(changed), self.hashed)
        return replace(self, documents=pl.concat([self.documents.filter(~changed), versions]))

    def reject_documents(self, ids: Collection[str]) -> Chunk:
        """This chunk with the documents of these doc_ids, which have another time or text, moved to the rejects."""
        moved = pl.col("doc_id").is_in(list(ids))
        refused = self.documents.filter(moved).with_columns(column=pl.lit("doc_id"), reason=pl.lit(REPEATED_ID))
        rejects = _rejects(self.file, _faults(refused, self.has_pseudonyms), self.hashed)
        return replace(self, documents=self.documents.filter(~moved), rejects=pl.concat([self.rejects, rejects]))

    def reject_measures(self, rows: Collection[tuple[int, str]]) -> Chunk:
        """This chunk with these measures (row and name), which contradict stored ones, moved to the rejects."""
        keys = pl.DataFrame(list(rows), schema={"row": pl.Int64, "name": pl.String}, orient="row")
        refused = self.measures.join(keys, on=["row", "name"], how="semi", maintain_order="left")
        refused = refused.with_columns(given=pl.col("value").cast(pl.String))
        bad = _rejects(self.file, measure_faults(refused, OTHER_NUMBER, self.has_pseudonyms), self.hashed)
        kept = self.measures.join(keys, on=["row", "name"], how="anti", maintain_order="left")
        return replace(self, measures=kept, bad_measures=pl.concat([self.bad_measures, bad]))


def find_inputs(inputs: Iterable[str | Path], feed_of: FeedOf | None = None) -> list[Path]:
    """The files of these inputs, each once; those of a folder (without subfolders) or pattern in reading order.

    Raises:
        DataError: an input matches no file; a file has an unsupported type; an entry of a folder is a link out of it,
            a pipe or a device.
    """
    inputs_once: dict[Path, None] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            files = in_reading_order(file for file in path.iterdir() if is_input(file))
            for file in sorted(files):
                if reason := reason_to_refuse(file, path):
                    raise DataError(f"{file}: {reason}, or name it by itself")
            if not files:
                raise DataError(
                    f"{path}: no {', '.join(ENDINGS)} file in this folder; put one there, or name another folder"
                )
        elif path.exists():
            files = [path]
        else:
            names = glob.glob(str(given), recursive=True)  # noqa: PTH207  (Path.glob takes no absolute pattern)
            files = in_reading_order(Path(name) for name in names if is_input(Path(name)))
            if not files:
                require_listed(path)
                raise DataError(f"{given}: no such file or folder, nor a pattern of {', '.join(ENDINGS)} files")
        inputs_once |= dict.fromkeys(files)
    for path in inputs_once:
        kind_of(path, feed_of(path) if feed_of else None)
    return list(inputs_once)


def is_input(path: Path) -> bool:
    """Whether to read a file of a folder: of a supported type, and not hidden as unfinished files are."""
    return path.name.lower().endswith(ENDINGS) and not path.name.startswith(".") and path.is_file()


def read_documents(
    path: Path,
    chunk_rows: int = CHUNK_ROWS,
    pseudonyms: Pseudonyms | None = None,
    ids: IdRules | None = None,
    feed: Feed | None = None,
    on_change: OnChange = "reject",
) -> Generator[Chunk, None, None]:
    """Read a file in chunks of at most chunk_rows rows and about 64 MiB of text.

    Args:
        path: the file.
        chunk_rows: largest number of rows in a chunk.
        pseudonyms: replaces the ids of subjects and documents. Rejects then contain only these ids of their row,
            and nothing of a row that cannot be parsed. None: ids stay as they are.
        ids: further differences to remove from ids of subjects; None: none.
        feed: the meaning of its columns; None: the columns of the contract.
        on_change: the treatment of a row whose doc_id is used, but with another time or text.

    Raises:
        DataError: the file as a whole cannot be read (missing, no permission, wrong type, a column missing).
    """
    try:
        for batch in read_rows(path, chunk_rows, feed):
            yield _validate(display_name(path), batch, pseudonyms, ids, on_change)
    except OSError as error:
        raise DataError(
            f"{path}: cannot read this file ({error.strerror or error}); let this user read it"
        ) from error


def check_file(path: Path, feed: Feed | None = None) -> bool:
    """Read the start of a file, to raise the errors of read_documents early; returns whether it holds an entry."""
    chunks = read_documents(path, chunk_rows=1, feed=feed)
    has_entries = any(chunk.n_read or chunk.n_not_texts for chunk in chunks)
    chunks.close()
    return has_entries


def file_reject(path: Path, reason: str, sha256: str | None) -> pl.DataFrame:
    """The single reject of a refused file, without a row number; sha256 is None if its content is unknown.

    Columns of REJECT_SCHEMA. The same file, content and reason give the same reject_id.
    """
    return _rejects(display_name(path), [Fault(None, None, reason, sha256 and f"sha256 {sha256}")])


def display_name(path: Path) -> str:
    """The path as the database stores it: absolute, and always valid Unicode."""
    return os.fsencode(path.resolve()).decode("utf-8", "replace")


def _validate(
    file: str, batch: Batch, pseudonyms: Pseudonyms | None, ids: IdRules | None, on_change: OnChange
) -> Chunk:
    """Validate a batch's rows, give each an id, and separate documents, repeats and rejects."""
    rows = _with_faults(batch.rows, ids, batch.dates)
    read_faults = [fault._replace(key=_recognisable(fault.raw)) for fault in batch.faults]
    subjects = rows.filter(pl.col("reason").is_null()).select("subject_id").unique(maintain_order=True)
    subjects = subjects.with_columns(form=look_alike_forms(subjects["subject_id"]))
    if pseudonyms is not None:
        subject = _mapped(rows["subject_id"], pseudonyms.of_subjects)
        source_id = clean_ids(rows["source"], ids).ids  # the column of the ids may also be the source
        rows = rows.with_columns(
            subject,
            _mapped(rows["doc_id"], pseudonyms.of_documents),
            source=pl.when(source_id == rows["subject_id"]).then(subject).otherwise("source"),
        )
        read_faults = [fault._replace(raw=None) for fault in read_faults]
        subjects = subjects.with_columns(_mapped(subjects[name], pseudonyms.of_subjects) for name in SUBJECT_SCHEMA)
    hashed = pseudonyms.of_documents if pseudonyms else plain_hashes
    versions = separate_versions(_with_ids(rows.filter(pl.col("reason").is_null()), hashed), on_change, hashed)
    differing = versions.differing.with_columns(column=pl.lit("doc_id"), reason=pl.lit(REPEATED_ID))
    has_pseudonyms = pseudonyms is not None
    measures, no_numbers = find_measures(rows)
    refused = rows.filter(pl.col("reason").is_not_null())
    alone = numbers_alone(refused, measures)
    faults = read_faults + _faults(refused.filter(~alone), has_pseudonyms) + _faults(differing, has_pseudonyms)
    return Chunk(
        file,
        versions.documents.select(DOCUMENT_SCHEMA.keys()),
        _rejects(file, sorted(faults, key=lambda fault: fault.row or 0), hashed),
        versions.n_repeated,
        has_pseudonyms,
        measures,
        _rejects(file, measure_faults(no_numbers, BAD_NUMBER, has_pseudonyms), hashed),
        batch.n_not_texts + int(alone.sum()),
        int(batch.rows.estimated_size()),
        versions.replaced.select(DOCUMENT_SCHEMA.keys()),
        subjects,
        hashed,
        differing=versions.differing.select(DOCUMENT_SCHEMA.keys()),
    )


def _with_faults(rows: pl.DataFrame, id_rules: IdRules | None, dates: DateRule = ISO_ONLY) -> pl.DataFrame:
    """The rows with clean ids and posted_at as a time, and `column` and `reason` of the first rule each breaks."""
    ids = ["subject_id", "doc_id", "source"]
    subjects, given = clean_ids(rows["subject_id"], id_rules), clean_ids(rows["doc_id"], required=False)
    rows = rows.with_columns(
        subjects.ids.alias("subject_id"),
        given.ids.alias("doc_id"),
        pl.col("source").str.strip_chars(),
        pl.col("posted_at").to_physical().cast(pl.String).alias("given"),
        parse_times(rows["posted_at"], dates).alias("posted_at"),
        subjects.faults.alias("subject_fault"),
        given.faults.alias("doc_fault"),
    )
    rows = rows.with_columns(source=pl.when(pl.col("source") != "").then("source"))
    rules: list[tuple[str, pl.Expr, str | pl.Expr]] = [
        ("subject_id", pl.col("subject_id").is_null(), "empty"),
        ("subject_id", pl.col("subject_fault").is_not_null(), pl.col("subject_fault")),
        ("posted_at", pl.col("given").fill_null("").str.strip_chars() == "", "empty"),
        ("posted_at", pl.col("posted_at").is_null(), BAD_TIME),
        *((name, pl.col(name).str.len_bytes() > MAX_NAME_BYTES, "longer than 512 bytes") for name in ids),
        *((name, pl.col(name).str.contains("\0", literal=True), "holds a NUL byte") for name in ids),
        ("text", ~pl.col("text").fill_null("").str.contains(VISIBLE), "empty"),
        ("text", pl.col("text").str.len_bytes() > MAX_TEXT_BYTES, "longer than 1 MiB"),
        ("text", pl.col("text").str.contains("\0", literal=True), "holds a NUL byte"),
        ("doc_id", pl.col("doc_fault").is_not_null(), pl.col("doc_fault")),
    ]
    broken = [
        pl.when(rule).then(pl.struct(column=pl.lit(name), reason=pl.lit(why) if isinstance(why, str) else why))
        for name, rule, why in rules
    ]
    rows = rows.with_columns(pl.coalesce(broken).alias("fault")).unnest("fault")
    return rows.with_columns(_date_reasons(rows, dates))


def _date_reasons(rows: pl.DataFrame, dates: DateRule) -> pl.Series:
    """The reasons of the rows; a reason about an unreadable time also gives the shape of the value."""
    odd = (rows["reason"] == BAD_TIME) & (rows["posted_at"].is_null())
    if not odd.any():
        return rows["reason"]
    start = f"not in the format {' or '.join(dates.formats)}" if dates.formats else BAD_TIME
    given = rows["given"].filter(odd)
    reasons = given.map_elements(lambda value: f"{start}; {date_shape(value, dates)}", return_dtype=pl.String)
    return rows["reason"].scatter(odd.arg_true(), reasons)


def _mapped(values: pl.Series, function: Callable[[Sequence[str]], list[str]]) -> pl.Series:
    """Replace every string (not nulls) by a function, which receives each distinct string once."""
    distinct = values.drop_nulls().unique()
    return values.replace_strict(distinct, function(distinct.to_list()), default=None, return_dtype=pl.String)


def _with_ids(rows: pl.DataFrame, hashed: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """The rows with the given doc_id as given_id, and as doc_id the hash of subject and given_id.

    Without a given_id the hash is of subject, time (microseconds since 1970) and text. No part contains NUL, so
    neither kind of key can equal the other.
    """
    numbered = rows.with_row_index("position")
    written = pl.col("posted_at").dt.timestamp("us").cast(pl.String)
    doc_ids = pl.Series([None] * rows.height, dtype=pl.String)
    for is_given, parts in ((True, ("doc_id",)), (False, (written, "text"))):
        own = numbered.filter(pl.col("doc_id").is_not_null() == is_given)
        keys = own.select(pl.concat_str("subject_id", *parts, separator="\0")).to_series()
        doc_ids = doc_ids.scatter(own["position"], pl.Series(hashed(keys.to_list()), dtype=pl.String))
    return rows.with_columns(pl.col("doc_id").alias("given_id"), doc_ids.alias("doc_id"))


def _hash(*parts: object) -> str:
    """128 bits of SHA-256. The parts contain no NUL, so different lists of parts give different strings."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]


def _faults(rows: pl.DataFrame, has_pseudonyms: bool) -> list[Fault]:
    """Faults of rows with a `column` and `reason`; raw is the row as JSON, truncated.

    With pseudonyms raw contains only ids: if columns are swapped, any other column may contain a plain id.
    """
    faults = []
    raw_columns = dict(zip(COLUMNS, COLUMNS, strict=True))
    if has_pseudonyms:
        raw_columns = {name: name for name in ("subject_id", "doc_id")}
    elif "given" in rows.columns:
        raw_columns["posted_at"] = "given"
    if "given_id" in rows.columns:
        raw_columns["doc_id"] = "given_id"
    rows = rows.with_columns(_key(rows).alias("key"))
    truncated = rows.with_columns(pl.col(list(raw_columns.values())).cast(pl.String).str.slice(0, MAX_RAW_CHARACTERS))
    for row in truncated.iter_rows(named=True):
        content = {name: row[key] for name, key in raw_columns.items() if row[key] is not None}
        raw = json.dumps(content, ensure_ascii=False)[:MAX_RAW_CHARACTERS]
        faults.append(Fault(row["row"], row["column"], row["reason"], raw, row["key"]))
    return faults


def _key(rows: pl.DataFrame) -> pl.Series:
    """The content by which a later run recognises each row; null if person or text is missing."""
    time = pl.col("posted_at").cast(pl.String)
    if "given" in rows.columns:
        time = time.fill_null(pl.col("given"))
    others = [pl.col(name).fill_null("") for name in ("subject_id", "doc_id", "text", "source")]
    is_named = pl.col("doc_id").is_not_null() | (pl.col("subject_id").is_not_null() & (time != ""))
    return rows.select(pl.when(is_named).then(pl.concat_str(time.fill_null(""), *others, separator="\0"))).to_series()


def _recognisable(raw: str | None) -> str | None:
    """The refused line itself, by which a later run recognises it; None if it is nearly empty."""
    return raw if raw and sum(map(str.isalnum, raw)) >= MIN_KEY_CHARACTERS else None


def _rejects(file: str, faults: Sequence[Fault], hashed: Hashed = plain_hashes) -> pl.DataFrame:
    keys = [f"{fault.column}\0{fault.reason}\0{fault.key}" for fault in faults]
    contents = [key if fault.key else None for fault, key in zip(faults, hashed(keys), strict=True)]
    rows = [
        (_hash(file, *fault[:4]), file, *fault[:4], content) for fault, content in zip(faults, contents, strict=True)
    ]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")

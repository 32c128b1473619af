"""Input files for tests, and the result of reading one."""

import csv
import datetime as dt
import gzip
import io
import json
from pathlib import Path

import polars as pl

from monitor.intake.documents import DOCUMENT_SCHEMA, REJECT_SCHEMA, Chunk
from monitor.intake.documents import read_documents as stream

HEADER = "subject_id,posted_at,text\n"
GOOD = "s1,2026-01-05T10:00:00Z,first morning\n"
DAY = dt.datetime(2026, 1, 5, 10)


def read(path: Path, chunk_rows: int = 1000) -> Chunk:
    """All chunks of a file as one chunk."""
    chunks = list(stream(path, chunk_rows))
    assert all(chunk.n_valid + chunk.rejects.height == chunk.n_read for chunk in chunks)
    return Chunk(
        str(path),
        pl.concat([chunk.documents for chunk in chunks] or [pl.DataFrame(schema=DOCUMENT_SCHEMA)]),
        pl.concat([chunk.rejects for chunk in chunks] or [pl.DataFrame(schema=REJECT_SCHEMA)]),
        sum(chunk.n_repeated for chunk in chunks),
    )


def write(path: Path, content: str | bytes) -> Path:
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    """Write the rows in the format of the file's ending."""
    names = list(rows[0])
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
        return path
    if ".jsonl" in path.name:
        return write(path, "".join(json.dumps(row) + "\n" for row in rows))
    out = io.StringIO()
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    return write(path, out.getvalue())


def refusals(chunk: Chunk) -> list[tuple[int | None, str | None, str]]:
    """Row, column and reason of each reject."""
    return chunk.rejects.select("row", "column", "reason").rows()

"""The contract of an input row: the same in every format, and valid + rejected = read whatever comes in."""

import datetime as dt
import hashlib
import json
import math
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import DataError
from monitor.intake.documents import DOCUMENT_SCHEMA, REPEATED_ID, find_inputs, read_documents
from monitor.intake.parquet import NO_WHOLE_ID
from tests.support.inputs import DAY, HEADER, read, refusals, write, write_rows
from tests.support.tries import tries

FORMATS = ["feed.csv", "feed.csv.gz", "feed.jsonl", "feed.jsonl.gz", "feed.parquet", "FEED.CSV"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reads_the_same(tmp_path: Path, name: str) -> None:
    rows: list[dict[str, object]] = [
        {"subject_id": "s1", "posted_at": "2026-01-05T10:00:00Z", "text": 'a "quoted", text\nof two lines 🌧'},
        {"subject_id": "s2", "posted_at": "2026-01-05T12:00:00+02:00", "text": "another"},
    ]
    chunk = read(write_rows(tmp_path / name, rows))
    assert chunk.documents.schema == pl.Schema(DOCUMENT_SCHEMA)
    assert chunk.documents["text"].to_list() == [row["text"] for row in rows]
    assert chunk.documents["posted_at"].to_list() == [DAY, DAY]
    # The id is part of the contract, never to change: or what is kept already would be kept twice.
    assert chunk.documents["doc_id"][1] == hashlib.sha256(b"s2\x001767607200000000\x00another").hexdigest()[:32]
    assert chunk.n_read == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([dt.date(2026, 1, 5)]), dt.datetime(2026, 1, 5)),
        (pa.array([DAY], pa.timestamp("ns")), DAY),
        (pa.array([DAY], pa.timestamp("s")), DAY),
        (pa.array([DAY.replace(tzinfo=dt.UTC)], pa.timestamp("us", "Asia/Taipei")), DAY),
        (pa.array([DAY.replace(tzinfo=dt.UTC)], pa.timestamp("us", "+05:30")), DAY),
        (pa.array([DAY.replace(tzinfo=dt.UTC)], pa.timestamp("ms", "Z")), DAY),
        (pa.array([DAY], pa.timestamp("ns", "Mars/Phobos")), DAY),
        (pa.array([1767607200]), DAY),
        (pa.array([1767607200000]), DAY),
        (pa.array([1767607200.25]), DAY.replace(microsecond=250000)),
        (pa.array([20260105], pa.int32()), dt.datetime(2026, 1, 5)),
        (pa.array(["2026-01-05T10:00"]).dictionary_encode(), DAY),
        (pa.array([None], pa.timestamp("us")), None),
        (pa.array([float("nan")]), None),
        (pa.array([2**62], pa.timestamp("ms")), None),
    ],
)
def test_parquet_times_of_every_type(tmp_path: Path, values: pa.Array, expected: dt.datetime | None) -> None:
    pq.write_table(pa.table({"subject_id": ["s"], "posted_at": values, "text": ["x"]}), tmp_path / "a.parquet")
    chunk = read(tmp_path / "a.parquet")
    assert chunk.documents["posted_at"].to_list() == ([expected] if expected else [])
    assert chunk.n_read == 1


def test_parquet_ids_may_be_numbers_with_gaps_or_dictionaries(tmp_path: Path) -> None:
    table = pa.table(
        {
            "subject_id": pa.array([7.0, None, 8.0]),
            "posted_at": pa.array(["2026-01-05"] * 3),
            "text": pa.array(["a", "b", "a"]).dictionary_encode(),
            "doc_id": pa.array([1, 2, 3]),
            "unused": [[1], [2], [3]],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    chunk = read(tmp_path / "a.parquet")
    assert chunk.documents.select("given_id", "subject_id", "text").rows() == [("1", "7", "a"), ("3", "8", "a")]
    assert refusals(chunk) == [(2, "subject_id", "empty")]


def test_inexact_parquet_ids_are_rejected_and_merge_no_subjects(tmp_path: Path) -> None:
    ids = [2.0, 2.5, 2.7, float(2**53), 2.0**60, math.inf, math.nan]
    table = pa.table({"subject_id": ids, "posted_at": ["2026-01-05"] * 7, "text": ["a"] * 7})
    pq.write_table(table, tmp_path / "a.parquet")
    chunk = read(tmp_path / "a.parquet")
    assert chunk.documents["subject_id"].to_list() == ["2"]
    assert refusals(chunk) == [
        *((row, "subject_id", NO_WHOLE_ID) for row in range(2, 7)),
        (7, "subject_id", "empty"),
    ]


@pytest.mark.slow
def test_a_parquet_file_larger_than_stated_is_read_in_small_chunks(
    tmp_path: Path,
) -> None:
    one, n = "x" * 1_000_000, 1_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * n), [one])
    rows = {"subject_id": ["s"] * n, "posted_at": [1767607200 + i for i in range(n)]}
    for name, values in (("a.parquet", text.cast(pa.string())), ("b.parquet", text)):
        pq.write_table(pa.table({**rows, "text": values}), tmp_path / name)
        assert (tmp_path / name).stat().st_size < 100_000
        sizes = [chunk.n_valid for chunk in read_documents(tmp_path / name)]
        assert sum(sizes) == n
        assert max(sizes) <= 256


def test_later_rows_of_a_doc_id_are_repeats_or_rejects(tmp_path: Path) -> None:
    rows = [
        "d1,s1,2026-01-05,a",
        "d2,s1,2026-01-05,b",
        "d1,s1,2026-01-05T00:00Z,a",
        "d1,s1,2026-01-05,changed",
    ]
    chunk = read(write(tmp_path / "a.csv", "doc_id,subject_id,posted_at,text\n" + "\n".join(rows)))
    assert chunk.documents["given_id"].to_list() == ["d1", "d2"]
    assert chunk.n_repeated == 1
    assert refusals(chunk) == [(5, "doc_id", REPEATED_ID)]
    assert "; all feeds need different doc_ids, or none" in REPEATED_ID
    assert json.loads(chunk.rejects["raw"][0])["text"] == "changed"


def test_generated_doc_ids_are_equal_only_for_equal_rows(tmp_path: Path) -> None:
    rows = [
        ("s1", "2026-01-05", "a"),
        ("s1", "1767571200", "a"),
        ("s2", "2026-01-05", "a"),
        ("s1", "2026-01-06", "a"),
    ]
    content = "doc_id,subject_id,posted_at,text\n" + "".join(f",{','.join(row)}\n" for row in rows)
    chunk = read(write(tmp_path / "a.csv", content))
    assert chunk.documents["doc_id"].n_unique() == 3
    assert chunk.n_repeated == 1


def test_inputs_are_files_folders_and_patterns_each_file_once(tmp_path: Path) -> None:
    for name in ("b.csv", "a.jsonl", "notes.txt", ".c.csv", "d.parquet"):
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    found = find_inputs([tmp_path, tmp_path / "b.csv", str(tmp_path / "*.jsonl")])
    assert [path.name for path in found] == ["a.jsonl", "b.csv", "d.parquet"]


@pytest.mark.parametrize("given_input", ["missing.csv", "*.csv", "empty", "notes.txt"])
def test_inputs_without_a_readable_file_are_refused(tmp_path: Path, given_input: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError) as caught:
        find_inputs([tmp_path / given_input])
    assert given_input in str(caught.value)


def test_small_chunks_contain_the_same_rows_as_large_ones(tmp_path: Path) -> None:
    lines = [f"s{i % 3},2026-01-{i % 40 + 1:02d},text {i}\n" for i in range(100)]
    path = write(tmp_path / "a.csv", HEADER + "".join(lines))
    whole, parts = read(path), list(read_documents(path, 7))
    assert max(chunk.n_read for chunk in parts) == 7
    assert pl.concat([chunk.documents for chunk in parts]).equals(whole.documents)
    assert pl.concat([chunk.rejects for chunk in parts]).equals(whole.rejects)
    assert whole.rejects.height == 18  # the 32nd to 40th of January


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ANY_TIME = st.one_of(
    st.sampled_from(["2026-01-05", "1767607200", "soon", ""]),
    st.datetimes().map(dt.datetime.isoformat),
    st.integers().map(str),
)
ANY_ROW = st.fixed_dictionaries(
    {"subject_id": st.sampled_from(["s1", "s2", "", " s1 "]), "posted_at": ANY_TIME, "text": ANY_TEXT,
     "doc_id": st.sampled_from(["", "", "d1", "d2"])}
)  # fmt: skip
QUICK = settings(
    max_examples=tries(25), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.slow
@QUICK
@given(rows=st.lists(ANY_ROW, min_size=1, max_size=12), chunk_rows=st.integers(1, 5))
def test_every_written_row_is_read_as_valid_or_rejected(
    tmp_path: Path, rows: list[dict[str, object]], chunk_rows: int
) -> None:
    results = []
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        chunk = read(write_rows(tmp_path / name, rows), chunk_rows)
        assert chunk.n_read == len(rows)
        results.append(chunk)
    for chunk in results[1:]:  # but for the row numbers, a format changes nothing
        assert chunk.documents.drop("row").equals(results[0].documents.drop("row"))
        assert chunk.rejects.select("column", "reason").equals(results[0].rejects.select("column", "reason"))

"""Reading files in whatever state: a fault costs its own row, or is one clear line about the file."""

import gzip
import json
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import DataError
from monitor.intake import streams
from monitor.intake.csv_jsonl import read_csv
from monitor.intake.documents import MAX_TEXT_BYTES, check_file
from monitor.intake.raw_rows import Lines
from tests.support.inputs import DAY, GOOD, HEADER, read, refusals, write, write_rows
from tests.support.tries import tries

QUICK = settings(
    max_examples=tries(30), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (",2026-01-05,x", "subject_id", "empty"),
        ("s1,,x", "posted_at", "empty"),
        ("s1,soon,x", "posted_at", "neither ISO 8601 nor epoch"),
        ("s1,2026-01-05,", "text", "empty"),
        ('s1,2026-01-05,"  \t "', "text", "empty"),
        ("s1,2026-01-05,a\0b", "text", "NUL"),
        ("s\0,2026-01-05,x", "subject_id", "NUL"),
        (f"{'s' * 600},2026-01-05,x", "subject_id", "512 bytes"),
        (f"s1,2026-01-05,{'x' * (MAX_TEXT_BYTES + 1)}", "text", "1 MiB"),
        ("s1,2026-01-05", None, "fewer fields"),
        ("s1,2026-01-05,one, two", None, "more fields"),
        ('s1,2026-01-05,"said "so" loudly"', None, "quotes"),
    ],
)
def test_a_bad_csv_row_is_rejected_with_its_place_and_the_rest_is_read(
    tmp_path: Path, line: str, column: str | None, reason: str
) -> None:
    chunk = read(write(tmp_path / "a.csv", f"{HEADER}{GOOD}{line}\ns2,2026-01-05,last\n"))
    assert [(row, name) for row, name, _ in refusals(chunk)] == [(3, column)]
    assert reason in chunk.rejects["reason"][0]
    assert chunk.documents["text"].to_list() == ["first morning", "last"]
    assert len(chunk.rejects["raw"][0]) <= 300


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "te', None, "not JSON"),
        ("[1, 2]", None, "not a JSON object"),
        ("7", None, "not a JSON object"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "text": "x", "text": "y"}', "text", "the same key twice"),
        ('{"subject_id": "s1", "posted_at": 1, "text": "x", "author": {"a": 1, "a": 2}}', None, "the same key twice"),
        ("[" * 100_000, None, "not JSON"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05"}', "text", "the object has no such key"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "text": null}', "text", "empty"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "text": 5}', "text", "a JSON number"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "text": ["x"]}', "text", "a JSON array"),
        ('{"subject_id": true, "posted_at": "2026-01-05", "text": "x"}', "subject_id", "a JSON boolean"),
        ('{"subject_id": "s1", "posted_at": NaN, "text": "x"}', "posted_at", "neither ISO"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "text": "\\ud800"}', "text", "surrogate"),
        ('{"subject_id": "s1", "posted_at": "2026-01-05", "text": "a\\u0000b"}', "text", "NUL"),
    ],
)
def test_a_bad_json_line_is_rejected_with_its_place_and_the_rest_is_read(
    tmp_path: Path, line: str, column: str | None, reason: str
) -> None:
    good = json.dumps({"subject_id": 1, "posted_at": 1767607200, "text": "kept \ud83d\ude00"})
    chunk = read(write(tmp_path / "a.jsonl", f"{good}\n\n{line}\n{good.replace('kept', 'too')}"))
    assert [(row, name) for row, name, _ in refusals(chunk)] == [(3, column)]
    assert reason in chunk.rejects["reason"][0]
    assert chunk.documents["text"].to_list() == ["kept 😀", "too 😀"]
    assert chunk.documents["subject_id"].to_list() == ["1", "1"]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz"])
def test_a_line_that_is_not_utf8_is_rejected_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    rows: list[dict[str, object]] = [
        {"subject_id": "s1", "posted_at": "2026-01-05", "text": text} for text in ("one", "CAFE", "three")
    ]
    path = write_rows(tmp_path / name, rows)
    raw = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    chunk = read(write(path, raw.replace(b"CAFE", b"caf\xe9")))
    assert chunk.documents["text"].to_list() == ["one", "three"]
    assert [(column, reason) for _, column, reason in refusals(chunk)] == [(None, "not UTF-8")]


def test_a_parquet_string_that_is_not_utf8_is_rejected_and_the_rest_is_read(tmp_path: Path) -> None:
    offsets, data = pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pa.py_buffer(b"ok\xe9x")
    text = pa.Array.from_buffers(pa.string(), 2, [None, offsets, data])
    pq.write_table(
        pa.table({"subject_id": ["s", "s"], "posted_at": [DAY, DAY], "text": text}), tmp_path / "a.parquet"
    )
    chunk = read(tmp_path / "a.parquet")
    assert chunk.documents["text"].to_list() == ["ok"]
    assert refusals(chunk) == [(2, "text", "not UTF-8")]


def test_a_one_megabyte_text_is_kept_whole(tmp_path: Path) -> None:
    text = "word " * (1_000_000 // 5)
    for path in (
        write(tmp_path / "a.csv", f"{HEADER}s1,2026-01-05,{text}\n"),
        write_rows(tmp_path / "a.jsonl", [{"subject_id": "s1", "posted_at": "2026-01-05", "text": text}]),
    ):
        assert read(path).documents["text"].to_list() == [text]


def test_a_line_longer_than_any_text_does_not_stop_the_file(tmp_path: Path) -> None:
    chunk = read(write(tmp_path / "a.csv", f"{HEADER}s1,2026-01-05,{'x' * 9_000_000}\n{GOOD}"))
    assert refusals(chunk) == [(2, None, "longer than 8 MiB")]
    assert chunk.documents.height == 1


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_byte_order_marks_carriage_returns_and_other_delimiters_are_read(tmp_path: Path, mark: str) -> None:
    content = f"{mark}Subject_ID; posted_at ;text;doc_id\r\ns1;2026-01-05;fine, so far;d1\r\n\r\n"
    chunk = read(write(tmp_path / "a.csv", content))
    assert chunk.documents.select("given_id", "text", "row").rows() == [("d1", "fine, so far", 2)]
    assert chunk.n_read == 1
    line = {"subject_id": "s1", "posted_at": "2026-01-05", "text": "x"}
    assert read(write(tmp_path / "a.jsonl", mark + json.dumps(line))).documents.height == 1


def test_an_open_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = [GOOD, 's1,2026-01-06,"never closed\n', "s2,2026-01-06,second\n", 's3,2026-01-06,"third"\n']
    chunk = read(write(tmp_path / "a.csv", HEADER + "".join(lines)))
    assert [row for row, _, _ in refusals(chunk)] == [3]
    assert chunk.documents["subject_id"].to_list() == ["s1", "s2", "s3"]


@pytest.mark.parametrize("end", ['s9,2026-01-05,"half a te', "s9,2026-01"])
def test_a_half_written_last_csv_line_is_rejected(tmp_path: Path, end: str) -> None:
    chunk = read(write(tmp_path / "a.csv", HEADER + GOOD + end))
    assert [row for row, _, _ in refusals(chunk)] == [3]
    assert chunk.rejects["raw"][0] == end
    assert chunk.documents.height == 1


def test_a_compressed_file_cut_short_keeps_the_rows_before_the_cut(tmp_path: Path) -> None:
    rows = "".join(f"s{i},2026-01-05,text number {i * 7919 % 10007}\n" for i in range(2000))
    raw = gzip.compress((HEADER + rows).encode())
    (tmp_path / "a.csv.gz").write_bytes(raw[: len(raw) // 2])
    chunk = read(tmp_path / "a.csv.gz")
    assert 0 < chunk.documents.height < 2000
    assert chunk.rejects["reason"].to_list()[-1] == "the file is damaged or cut short from here on"


def test_a_parquet_file_damaged_in_the_middle_keeps_the_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"subject_id": ["s"] * 4000, "posted_at": [DAY] * 4000, "text": map(str, range(4000))})
    frame.write_parquet(path, row_group_size=1000, compression="zstd")
    raw = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(2).column(2).data_page_offset
    raw[start + 20 : start + 400] = b"\xff" * 380
    path.write_bytes(raw)
    chunk = read(path, chunk_rows=1000)
    assert chunk.documents.height == 2000
    assert refusals(chunk) == [(2001, None, "the file is damaged or cut short from here on")]


def test_files_without_rows_are_no_error(tmp_path: Path) -> None:
    for name, content in (("a.csv", ""), ("b.csv", HEADER), ("c.jsonl", ""), ("d.jsonl", "\n\n")):
        assert read(write(tmp_path / name, content)).n_read == 0
    pl.DataFrame(schema={"subject_id": pl.String, "posted_at": pl.Date, "text": pl.String}).write_parquet(
        tmp_path / "e.parquet"
    )
    assert read(tmp_path / "e.parquet").n_read == 0


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        (
            "a.csv",
            b"subject_id,when,text\n",
            ["no column posted_at", "it has: subject_id, when, text", "doc_id"],
        ),
        ("a.csv", b"subject_id,posted_at,text,text\n", ["two columns are called text"]),
        ("a.csv", b"\x89PNG\r\n\x1a\n\xff\xfe\x00", ["UTF-8"]),
        ("a.csv", "subject_id".encode("utf-16"), ["UTF-16", "[[feeds]] (or --encoding utf-16)"]),
        ("a.csv", b"subject_id,posted_at,text\rs1,2026-01-05,x\r", ["carriage returns alone", "CSV in UTF-8"]),
        ("a.csv", b"PAR1....", ["Parquet", ".parquet"]),
        ("a.csv", b"\x1f\x8b\x08\x00", ["gzip", ".csv.gz"]),
        ("a.parquet", b"PAR1 half of it", ["not a readable Parquet file"]),
        ("a.parquet", b"", ["not a readable Parquet file"]),
        ("a.jsonl", b'[{"text": "x"},\n', ["one JSON array"]),
        ("a.docx", b"PK", ["cannot read this kind", ".csv"]),
        ("a.xlsx", b"PK", ["not a readable Excel file"]),
        ("a.zip", b"PK", ["not a readable .zip"]),
        ("a.csv", b"PK\x03\x04", ["a .zip or an Excel file"]),
        ("a.json", b'{"a": 1}', ["neither an array of objects"]),
        ("a.json", b'[{"id": 1, "ts": 2, "text": "x"}]', ["no column subject_id, posted_at", "it has: id, ts, text"]),
        ("a", b"x", ["cannot read this kind"]),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, name: str, content: bytes, parts: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        check_file(tmp_path / name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path / name))
    for part in parts:
        assert part in message


def test_a_name_that_lies_about_gzip_and_columns_of_odd_types_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"{}")
    with pytest.raises(DataError, match=r"not compressed with gzip"):
        check_file(tmp_path / "a.jsonl.gz")
    pq.write_table(pa.table({"subject_id": ["s"], "posted_at": [DAY], "text": [[1]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column text holds list"):
        check_file(tmp_path / "a.parquet")
    pq.write_table(pa.table({"subject_id": ["s"], "posted_at": [DAY]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="no column text"):
        check_file(tmp_path / "b.parquet")


@pytest.mark.slow
@QUICK
@given(content=st.binary(max_size=400), cut=st.integers(0, 60), kind=st.sampled_from(["csv", "jsonl"]))
def test_no_bytes_at_all_break_the_reader(tmp_path: Path, content: bytes, cut: int, kind: str) -> None:
    good = json.dumps({"subject_id": "s", "posted_at": "2026-01-05", "text": "x"}) + "\n"
    start = (HEADER + GOOD).encode() if kind == "csv" else good.encode()
    start += start[start.index(b"\n") + 1 :] * 200 if kind == "csv" else start * 200  # few of the lines are damaged
    path = tmp_path / f"a.{kind}"
    path.write_bytes(start + content + b"\n" + start[cut:])
    chunk = read(path, 100)
    assert chunk.documents.height >= 1
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    assert 1 <= chunk.n_read <= len(lines)


ROWS = [
    *(b"s2,2026-01-06,other\n", b's3,2026-01-07,"two\nlines"\n', b"\n", b"s4,2026-01-08\n"),
    *(b"s5,2026-01-09,\xe9\n", "s6,2026-01-10,\u00e9\u2028\n".encode()),
]
PIECES = [
    *(b"s1,2026-01-05,text", b'"a, b"', b'"open', b'"in "side"', b'""', b",", b";", b" "),
    *(b"\n", b"\r\n", b"\r", b"\0", b'",\n'),
]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@QUICK
@given(
    pieces=st.lists(st.sampled_from(ROWS) | st.sampled_from(PIECES), max_size=30),
    block=st.integers(1, 400),
    chunk_rows=st.integers(1, 20),
    cut=st.integers(0, 40),
)
def test_rows_read_many_at_once_are_those_read_one_by_one(
    tmp_path: Path, name: str, pieces: list[bytes], block: int, chunk_rows: int, cut: int
) -> None:
    path = write(tmp_path / name, (HEADER + GOOD).encode() + b"".join(pieces))
    if name.endswith(".gz"):
        path.write_bytes(path.read_bytes()[: -cut or None])
    with patch.object(streams, "BLOCK_BYTES", block):
        found = list(read_csv(path, chunk_rows))
    with patch.object(Lines, "peek_lines", lambda _: b""):
        expected = list(read_csv(path, chunk_rows))
    assert pl.concat([batch.rows for batch in found]).equals(pl.concat([batch.rows for batch in expected]))
    assert [fault for batch in found for fault in batch.faults] == [
        fault for batch in expected for fault in batch.faults
    ]
    assert all(batch.rows.height + len(batch.faults) <= chunk_rows for batch in found)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_simple_rows_are_read_many_at_once(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, HEADER + GOOD * 20_000)
    with patch.object(Lines, "next_line", autospec=True, side_effect=Lines.next_line) as next_line:
        batch, *_ = list(read_csv(path, 20_000))
    assert batch.rows["row"].to_list() == list(range(2, 20_002))
    assert next_line.call_count < 1_000

"""Archives, Excel files and chats that are damaged, lie, or are no such thing: one clear line, and bounded memory."""

import datetime as dt
import gzip
import json
import re
import tracemalloc
import zipfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import DataError
from monitor.intake import json_entries, parquet, streams
from monitor.intake.documents import read_documents
from monitor.intake.feeds import Feed
from monitor.intake.inspection import inspect_file
from monitor.intake.raw_rows import TWICE_AROUND
from tests.support.excel_file import write_excel
from tests.support.inputs import DAY, GOOD, HEADER, read, refusals, write

SLACK = {"type": "message", "user": "U1", "ts": "1791225315.000100", "text": "x"}


def pack(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def refusal(path: Path, feed: Feed | None = None) -> str:
    with pytest.raises(DataError) as caught:
        for _ in read_documents(path, feed=feed):
            pass
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def refusal_of_sample(path: Path, feed: Feed) -> str:
    with pytest.raises(DataError) as caught:
        inspect_file(path, feed)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.zip", "a.parquet"])
def test_a_bomb_is_refused_before_a_row_is_read_in_little_memory(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FREE_BYTES", 2**22)
    content = HEADER.encode() + GOOD.encode() * 200_000
    packed = gzip.compress(content) if name.endswith(".gz") else b""
    path = tmp_path / name
    path.write_bytes(packed)
    if name == "a.zip":
        pack(path, {"a.csv": content})
    if name == "a.parquet":
        table = pl.DataFrame({"subject_id": ["s"], "posted_at": ["2026-01-05"], "text": ["a" * 2**23]}).to_arrow()
        pq.write_table(table, path, compression="zstd", use_dictionary=False)
    del content, packed
    tracemalloc.start()
    assert "unpacks to more than" in refusal(path)
    with suppress(DataError):
        assert "unpacks to more than" in (inspect_file(path).refused or "")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_parquet_file_that_claims_more_rows_than_it_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MANY_ROWS", 100_000)
    row = pl.DataFrame({"subject_id": ["s"], "posted_at": [dt.datetime(2026, 1, 5)], "text": ["x"]})
    pl.concat([row] * 100).sample(200_000, with_replacement=True).write_parquet(tmp_path / "a.parquet")
    assert "claims 200,000 rows" in refusal(tmp_path / "a.parquet")


ARRAYS: dict[str, pa.Array] = {
    "null": pa.nulls(3),
    "bool": pa.array([True, False, None]),
    "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
    "float": pa.array([float("nan"), float("inf"), -1e300]),
    "half": pa.array([1.0, 2.5, None], pa.float32()).cast(pa.float16()),
    "decimal": pa.array([Decimal("1.5"), Decimal(2), None], pa.decimal128(5, 2)),
    "decimal256": pa.array([Decimal(10) ** 60, Decimal(2), None], pa.decimal256(70, 0)),
    "binary": pa.array([b"\xff", b"ab", None]),
    "fixed binary": pa.array([b"ab", b"cd", None], pa.binary(2)),
    "date": pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    "seconds": pa.array([2**40, -(2**40), None], pa.timestamp("s")),
    "nanoseconds": pa.array([2**62, 0, None], pa.timestamp("ns", "Asia/Taipei")),
    "time": pa.array([dt.time(1), None, None]),
    "duration": pa.array([5, None, 1], pa.duration("s")),
    "list": pa.array([["a"], None, []]),
    "struct": pa.array([{"a": 1}, None, {"a": 2}]),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array(["a", "b", None]).dictionary_encode(),
    "numbers in a dictionary": pa.array([1, 2, None]).dictionary_encode(),
    "view": pa.array(["a", None, "b"], pa.string_view()),
}


@pytest.mark.parametrize(
    "column",
    [
        "posted_at",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("subject_id", "text", "doc_id", "source", "sleep")),
    ],
)
def test_a_parquet_column_of_any_type_is_read_or_refused_in_one_line(tmp_path: Path, column: str) -> None:
    plain = {"subject_id": ["a", "b", "c"], "posted_at": [DAY] * 3, "text": ["x", "y", "z"]}
    plain |= {"doc_id": ["1", "2", "3"], "source": ["s"] * 3, "sleep": ["1", "2", "3"]}
    path, feeds = tmp_path / "a.parquet", [Feed(measures="sleep"), Feed(text=("text", "source"), measures="sleep")]
    for array in ARRAYS.values():
        pq.write_table(pa.table({**plain, column: array}), path)
        for feed in (None, *feeds):
            n_told, refusal = 3, f"{path}: column {column} holds x; export it as a string"
            try:
                n_told = sum(chunk.n_read + chunk.n_not_texts for chunk in read_documents(path, feed=feed))
            except DataError as error:
                refusal = str(error)
            assert n_told == 3
            assert re.fullmatch(rf"{path}: column {column} holds .*; export it as a (string|number)", refusal)


def test_a_zip_is_read_if_it_holds_one_file_or_the_files_of_its_preset(tmp_path: Path) -> None:
    assert (
        read(pack(tmp_path / "a.zip", {"in/a.csv": HEADER + GOOD, "__MACOSX/a.csv": "x", "n.pdf": ""})).n_valid == 1
    )
    frame = pl.DataFrame({"subject_id": ["s"], "posted_at": ["2026-01-05"], "text": ["x"]})
    frame.write_parquet(tmp_path / "a.parquet")
    assert read(pack(tmp_path / "b.zip", {"a.parquet": (tmp_path / "a.parquet").read_bytes()})).n_valid == 1
    days = {
        f"c/2026-10-0{i}.json": json.dumps([SLACK | {"ts": f"179122531{i}.0"}, {"type": "message"}]) for i in (5, 6)
    }
    (first, second) = read_documents(
        pack(tmp_path / "c.zip", {"users.json": "[]", **days}), feed=Feed(preset="slack")
    )
    assert refusals(first) == [(2, "subject_id", "empty")]
    assert refusals(second) == [(4, "subject_id", "empty")]
    assert second.documents["row"].to_list() == [3]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.csv": HEADER, "b.csv": HEADER}, ["several files", "a.csv, b.csv"]),
        ({"a.pdf": ""}, ["no file", "a.pdf"]),
        ({}, ["no file"]),
    ],
)
def test_a_zip_without_one_file_to_read_says_what_it_holds(
    tmp_path: Path, files: dict[str, str], said: list[str]
) -> None:
    message = refusal(pack(tmp_path / "a.zip", dict(files)))
    assert all(part in message for part in said)


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("a.csv", None),
        ("c/2026-10-05.json", "slack"),
        ("tweets.js", "twitter-archive"),
        ("account.js", "twitter-archive"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_files_of_one_name_is_refused(tmp_path: Path, name: str, preset: Any) -> None:
    others: dict[str, str | bytes] = {"tweets-part1.js": "[]"} if preset == "twitter-archive" else {"photo.jpg": ""}
    path = pack(tmp_path / "a.zip", {name: "[]", **others})
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(name, '[{"user": "U1"}]')
    assert f"two files in it are called {name}; pack it again" in refusal(path, Feed(preset=preset))
    assert f"two files in it are called {name}" in refusal_of_sample(path, Feed(preset=preset))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_that_are_not_read_cost_nothing(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.csv": HEADER + GOOD, "photo.jpg": ""})
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("photo.jpg", "")
    assert read(path).n_valid == 1


def test_a_damaged_zip_keeps_the_rows_before_the_damage(tmp_path: Path) -> None:
    rows = "".join(f"s{i},2026-01-05,text number {i * 7919 % 10007}\n" for i in range(5_000))
    path = pack(tmp_path / "a.zip", {"a.csv": HEADER + rows})
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 99] = b"\xff" * 99
    path.write_bytes(raw)
    chunk = read(path, 50_000)
    assert 0 < chunk.documents.height < 5_000
    assert "damaged" in chunk.rejects["reason"].to_list()[-1]
    path.write_bytes(raw[: len(raw) // 2])
    assert "not a readable .zip" in refusal(path)


@pytest.mark.parametrize(
    ("content", "taken", "faults"),
    [
        ('[{"a": 1}]', 0, None),
        ("[]", 0, []),
        ("", 0, []),
        ('[GOOD, {"x": nope}, 7, GOOD]', 2, [(2, "not JSON"), (3, "not a JSON object")]),
        ('[GOOD, {"text": "]}\\"{["}, GOOD]', 2, [(2, "the object has no such key")]),
        ('[GOOD, {"a": 1, "b": 1, "a": 1}, GOOD]', 2, [(2, "the same key twice in a JSON object; keep one")]),
        ('{"messages": [GOOD, GOOD], "messages": [GOOD]}', 2, [(3, TWICE_AROUND)]),
        ('{"messages": [GOOD], "id": 1, "id": 2}', 1, [(2, TWICE_AROUND)]),
        ('[GOOD, {"text": 1', 1, [(2, "the file is damaged or cut short from here on")]),
        ('[GOOD, {"text": "never ends', 1, [(2, "the file is damaged or cut short from here on")]),
        ('{"n": {"x": [1, "]"]}, "data": [GOOD]}', 1, []),
        ("GOOD\nGOOD\n", 2, []),
    ],
)
def test_a_json_file_is_an_array_or_lines_and_a_bad_entry_costs_itself(
    tmp_path: Path, content: str, taken: int, faults: list[tuple[int, str]] | None
) -> None:
    good = '{"subject_id": "s1", "posted_at": 1767607200, "text": "x", "source": NaN}'
    path = write(tmp_path / "a.json", content.replace("GOOD", good))
    chunk = read(path)
    assert chunk.n_valid == taken
    if faults is not None:
        assert [(row, reason) for row, _, reason in refusals(chunk)] == faults


def test_a_repeated_key_before_the_rows_refuses_the_file_and_inspect_says_it(tmp_path: Path) -> None:
    twice = "the same key twice in a JSON object; keep one"
    row = '{"subject_id": "s1", "posted_at": "2026-01-05", "text": "a", "text": "b"}'
    for content in ('{"id": 1, "id": 2, "messages": [GOOD]}', f"[{row}, {row}]"):
        path = write(tmp_path / "a.json", content.replace("GOOD", row))
        with pytest.raises(DataError, match=twice):
            inspect_file(path)
    assert refusal(write(path, '{"id": 1, "id": 2, "messages": [GOOD]}'.replace("GOOD", row))).endswith(twice)
    good = row.replace('"text": "a", ', "")
    found = inspect_file(write(tmp_path / "a.jsonl", f"{row}\n{good}\n{good}\n"))
    assert (found.n_rows, found.n_taken, found.reasons) == (2, 2, {f"text: {twice}": 1})


def test_an_archive_that_names_two_accounts_in_one_object_does_not_say_whose_it_is(tmp_path: Path) -> None:
    account = 'window.YTD.account.part0 = [{"account": {"accountId": "1", "accountId": "2"}}]'
    tweet = {"tweet": {"id_str": "1", "full_text": "x", "created_at": "Mon Oct 05 10:00:00 +0000 2026"}}
    tweets = f"window.YTD.tweets.part0 = {json.dumps([tweet])}"
    path = pack(tmp_path / "archive.zip", {"data/account.js": account, "data/tweets.js": tweets})
    feed = Feed(preset="twitter-archive")
    (chunk,) = read_documents(path, feed=feed)
    assert chunk.documents["subject_id"].to_list() == ["archive"]


def test_json_entries_are_the_same_wherever_a_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ['a "quoted" \\ end', "]}{[", "naïve ☹", "", "plain"]
    message = {"type": "message", "date_unixtime": "1791225315", "date": ""}
    messages = [{**message, "id": i, "from_id": f"u{i}", "text": text} for i, text in enumerate(texts)]
    chats = {"about": "x", "chats": {"list": [{"id": 5, "deep": {"a": [1]}, "messages": messages}] * 2}}
    path = write(tmp_path / "result.json", json.dumps(chats, ensure_ascii=False))
    whole = list(read_documents(path, feed=Feed(preset="telegram")))
    assert sum(chunk.n_valid for chunk in whole) == 8
    assert sum(chunk.n_not_texts for chunk in whole) == 2
    for size in (1, 2, 3, 7, 50):
        monkeypatch.setattr(json_entries, "BLOCK_BYTES", size)
        again = list(read_documents(path, feed=Feed(preset="telegram")))
        assert [chunk.documents.rows() for chunk in again] == [chunk.documents.rows() for chunk in whole]


def test_an_entry_without_an_end_is_not_read_into_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '[{"text": "' + "x" * 20_000_000)
    chunk = read(path)
    assert "longer than 8 MiB" in chunk.rejects["reason"][0]


@pytest.mark.parametrize(
    ("name", "content", "preset"),
    [
        ("a.json", '{"messages": 5}', "slack"),
        ("a.json", '[{"user": "U1"}]', "telegram"),
        ("a.json", '[{"id": 1, "title": "x"}]', "slack"),
        ("a.jsonl", '{"subject_id": "x", "text": "y"}', "reddit"),
        ("a.txt", "Dear diary\nI\n", "whatsapp"),
        ("a.txt", "", "whatsapp"),
        ("a.csv", "a,b\n1,2\n", "m-path"),
        ("a.csv", "a,b\n1,2\n", "qualtrics"),
        ("a.csv", HEADER + GOOD, "dayone"),
    ],
)
def test_a_preset_on_a_wrong_file_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, preset: str
) -> None:
    assert preset in refusal(write(tmp_path / name, content), Feed(preset=preset))  # type: ignore[arg-type]


def test_deleted_authors_are_no_person(tmp_path: Path) -> None:
    rows = [
        {"author": a, "created_utc": 1791225315, "body": b, "id": "k"}
        for a, b in (("[deleted]", "x"), ("u", "[removed]"))
    ]
    chunk = next(
        read_documents(write(tmp_path / "a.ndjson", "\n".join(map(json.dumps, rows))), feed=Feed(preset="reddit"))
    )
    assert [(column, reason) for _, column, reason in refusals(chunk)] == [("subject_id", "empty"), ("text", "empty")]


def test_an_export_of_one_person_is_theirs_by_the_name_of_the_file_or_by_a_setting(tmp_path: Path) -> None:
    entry = {"creationDate": "2026-10-05T10:00:00Z", "text": "x"}
    content = json.dumps({"entries": [entry]})
    (tmp_path / "ben").mkdir()

    def subject(name: str, **given: str) -> str:
        chunk = next(read_documents(write(tmp_path / name, content), feed=Feed(preset="dayone", **given)))  # type: ignore[arg-type]
        return str(chunk.documents["subject_id"][0])

    assert subject("anna.json") == "anna"
    assert subject("Journal.json", subject="p7") == "p7"
    assert subject("ben/Journal.json", subject="{folder}") == "ben"
    assert subject("journal-07.json") == "journal-07"
    names = ("Journal.json", "Journal (1).json", "journal(2).json", "Journal - Copy.json", "Journal copy 2.json")
    for name in names:
        path = write(tmp_path / name, content)
        assert "does not say whose it is" in refusal(path, Feed(preset="dayone")), name
    tweet = {"tweet": {"id_str": "1", "full_text": "x", "created_at": "Mon Oct 05 10:00:00 +0000 2026"}}
    for name in ("tweets-part1.js", "tweets-part2.js", "tweets-part12 (1).js"):
        path = write(tmp_path / name, f"window.YTD.tweets.part1 = {json.dumps([tweet])}")
        assert "does not say whose it is" in refusal(path, Feed(preset="twitter-archive")), name


ROW = ["Who", "When", "Text"]


def test_an_excel_file_is_read_with_serial_dates_formulas_and_rounded_ids(tmp_path: Path) -> None:
    rows = [
        ROW,
        ["a", 46300.75, ("A1&B1", "formula")],
        [1103.0, "2026-10-05 10:00", "number"],
        [123456789012345680, 46301, "x"],
    ]
    feed = Feed(subject_id="who", posted_at="when", text="text")
    (chunk,) = read_documents(write_excel(tmp_path / "a.xlsx", [list(row) for row in rows]), feed=feed)
    assert chunk.documents.select("row", "subject_id", "text").rows() == [(2, "a", "formula"), (3, "1103", "number")]
    assert chunk.documents["posted_at"][0] == dt.datetime(2026, 10, 5, 18)
    assert [row for row, _, _ in refusals(chunk)] == [4]


def test_merged_cells_are_refused_unless_they_are_a_title(tmp_path: Path) -> None:
    feed = Feed(subject_id="who", posted_at="when", text="text")
    rows: list[list[object]] = [ROW, ["a", "2026-10-05", "x"], [None, "2026-10-06", "y"]]
    assert "A2:A3 are merged" in refusal(write_excel(tmp_path / "a.xlsx", rows, merged="A2:A3"), feed)
    titled = write_excel(tmp_path / "b.xlsx", [["Study 7"], *rows[:2]], merged="A1:C1")
    (chunk,) = read_documents(titled, feed=feed.model_copy(update={"skip_rows": 1}))
    assert chunk.n_valid == 1
    assert "no sheet Other; it has: Answers" in refusal(titled, feed.model_copy(update={"sheet": "Other"}))


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.xlsx", "a.zip", "a.txt", "a.parquet", "a.docx", "a.csv.gz"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xfe\x00", b'{"a', b"\x00" * 50, b"a,b\n"]
)
def test_inspect_of_any_bytes_is_a_finding_or_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    try:
        found = inspect_file(tmp_path / name)
    except DataError as error:
        message = str(error)
    else:
        message = found.refused or ""
        assert not found.n_taken
    assert "\n" not in message

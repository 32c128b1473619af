"""Files, settings and queries with anything wrong in them: a result, or one line that a user can act on.

`FUZZ_EXAMPLES=2000` tries more than a few of each; what once broke is kept as an example.
"""

import gzip
import io
import json
import os
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.query import run_query
from monitor.corpora.splits import load_splits
from monitor.database.connection import Database
from monitor.errors import MonitorError
from monitor.intake.documents import read_documents
from monitor.intake.feeds import PRESETS, Feed
from monitor.intake.inspection import inspect_file
from monitor.intake.settings_block import as_options, as_toml
from monitor.settings import load_settings
from tests.support.excel_file import write_excel

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
TRIED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
EXPORTS = Path(__file__).parent / "exports"
ROWS = [
    {"subject_id": "s1", "posted_at": "2026-01-05T10:00:00Z", "text": 'a "text", of two\nlines', "doc_id": "7.0"},
    {"subject_id": "s2", "posted_at": "05/10/2026 18:00", "text": "naïve ☹", "doc_id": ""},
    {"subject_id": "1.23457E+17", "posted_at": "1791219600", "text": "x", "doc_id": "d"},
]
BYTES = [
    *(bytes([i]) for i in (0, 9, 10, 13, 34, 39, 44, 59, 91, 92, 93, 123, 125, 127, 128, 0xE9, 0xFF)),
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"\\ud800",
    b"\\u0000",
    b'""',
    b"NaN",
    b"1e999",
    b"-1",
    b"9" * 400,
    b"0001-01-01",
    b"99/99/9999",
    b"9999-12-31T23:59:59+23:59",
    b"31/12/9999 23:59",
    b"[" * 3000,
    b'{"a":' * 1200,
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\xed\xa0\x80",
    "\u2028\u202e\u200b".encode(),
]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "cut", "drop", "repeat"]),
        st.floats(0, 1),
        st.integers(1, 60),
        st.sampled_from(BYTES) | st.binary(min_size=1, max_size=4),
    ),
    max_size=4,
)
Changes = list[tuple[str, float, int, bytes]]
FEEDS: dict[str, Feed | None] = {
    "": None,
    "columns": Feed(subject_id="text", posted_at="posted_at", text=("text", "doc_id"), measures="doc_id"),
    "constant": Feed(subject="{file}", day_first=True, time_zone="Asia/Taipei", source="text"),
    "formats": Feed(date_format=("%d/%m/%Y %H:%M", "excel"), time_zone="America/New_York"),
    "utf-16": Feed(encoding="utf-16"),
    "big5": Feed(encoding="big5", delimiter=";", skip_rows=1, skip_rows_after_header=2),
    **{name: Feed(preset=name) for name in PRESETS},  # type: ignore[arg-type]
    **{f"{name} named": Feed(preset=name, subject="p", text="text", day_first=True) for name in PRESETS},  # type: ignore[arg-type]
}


def changed(content: bytes, changes: Changes) -> bytes:
    for kind, share, n, token in changes:
        at = int(share * len(content))
        if kind == "cut":
            content = content[:at]
        elif kind == "repeat":
            content = content[: at + n] + content[at:]
        else:
            content = content[:at] + (token if kind != "drop" else b"") + content[at + n * (kind != "insert") :]
    return content


@cache
def seeds() -> dict[str, bytes]:
    """A file of each kind."""
    csv = "subject_id,posted_at,text,doc_id\n" + "".join(
        ",".join(json.dumps(value, ensure_ascii=False).replace('\\"', '""') for value in row.values()) + "\n"
        for row in ROWS
    )
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    table = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(table)
    with TemporaryDirectory() as folder:
        rows: list[list[object]] = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
        sheet = write_excel(Path(folder) / "a.xlsx", rows, merged="A1:C1").read_bytes()
    files = {path.name: path.read_bytes() for path in sorted(EXPORTS.iterdir())}
    return {
        "a.csv": csv.encode(),
        "a.tsv": csv.replace(",", "\t").encode(),
        "a.jsonl": lines.encode(),
        "a.json": json.dumps(ROWS, indent=1).encode(),
        "tree.json": json.dumps({"about": [1], "messages": ROWS}).encode(),
        "a.parquet": table.getvalue(),
        "a.xlsx": sheet,
        **files,
    }


def check_line(error: MonitorError, start: str = "") -> None:
    message = str(error)
    assert message.startswith(start)
    assert 0 < len(message) < 2500
    assert "\n" not in message, message


def read_or_refuse(path: Path, feed: Feed | None) -> None:
    """Read a file and inspect it; each must be a result or an error of ours in one line that names the file."""
    try:
        for chunk in read_documents(path, 3, feed=feed):
            assert chunk.n_valid + chunk.rejects.height == chunk.n_read
    except MonitorError as error:
        check_line(error, str(path))
    try:
        found = inspect_file(path, feed)
    except MonitorError as error:
        check_line(error, str(path))
    else:
        as_toml(found.feed, path)
        as_options(found.feed, path)


@TRIED
@example(name="a.xlsx", changes=[("insert", 0, 1, b"\0"), ("replace", 0, 3, b"\0")], feed="", packed="", outer=[])
@example(name="a.parquet", changes=[("insert", 1, 1, b"\0")], feed="", packed=".zip", outer=[])
@example(name="a.xlsx", changes=[("cut", 0, 1, b"\0")], feed="", packed=".zip", outer=[])
@example(name="WhatsApp Chat with Study.txt", changes=[], feed="utf-16", packed=".zip", outer=[])
@example(name="WhatsApp Chat with Study.txt", changes=[], feed="", packed=".zip", outer=[("insert", 0.5, 1, b"\0")])
@given(
    name=st.sampled_from(sorted(seeds())),
    changes=CHANGES,
    feed=st.sampled_from(sorted(FEEDS)),
    packed=st.sampled_from(["", ".gz", ".zip"]),
    outer=CHANGES,
)
def test_any_file_is_read_or_refused_in_one_line(
    name: str, changes: Changes, feed: str, packed: str, outer: Changes
) -> None:
    with TemporaryDirectory() as folder:
        content = changed(seeds()[name], changes)
        if packed == ".gz":
            content = changed(gzip.compress(content, mtime=0), outer)
        elif packed == ".zip":
            whole = io.BytesIO()
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as out:
                out.writestr(name, content)
            content = changed(whole.getvalue(), outer)
        path = Path(folder) / f"{name}{packed if packed != '.zip' else ''}"
        path = path.with_suffix(".zip") if packed == ".zip" else path
        path.write_bytes(content)
        read_or_refuse(path, FEEDS[feed])


@cache
def labelled() -> dict[str, bytes]:
    """A labelled file of each kind."""
    rows = [{"text": f'some "text", {word}', "label": i % 2} for i, word in enumerate("abcd")]
    names = {"label": {"names": ["sadness", "joy"], "_type": "ClassLabel"}}
    table = pl.DataFrame(rows).to_arrow()
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": names}})})
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    lines = "".join(json.dumps({**row, "label": "joy"}) + "\n" for row in rows)
    return {
        "test.txt": b"sad;sadness\nfine; and;joy\n",
        "test.csv": b'Text;Label\n"a ""b""";joy\nc;sadness\n',
        "test.jsonl": lines.encode(),
        "test.json": json.dumps({"text": {"0": "a", "1": "b"}, "label": {"0": "joy", "1": "anger"}}).encode(),
        "test.parquet": parquet.getvalue(),
        "test.arrow": arrow.getvalue(),
    }


@TRIED
@example(name="test.parquet", changes=[("insert", 0.0, 1, b"\0")])
@example(name="test.arrow", changes=[("replace", 0.8112, 1, b"\xff")])
@given(name=st.sampled_from(sorted(labelled())), changes=CHANGES)
def test_any_labelled_file_is_read_or_refused_in_one_line(name: str, changes: Changes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(changed(labelled()[name], changes))
        try:
            load_splits(folder, ("test",))
        except MonitorError as error:
            check_line(error, folder)


SETTINGS = """
inbox = "inbox"
db = "risk.duckdb"
time_zone = "Asia/Taipei"
min_cohort = 11
on_change = "replace"
[ids]
casefold = true
[quality]
rejected = [0.05, 0.25]
[alert_rules]
[[feeds]]
files = ["forms/**/*.csv", "a*.csv"]
preset = "google-forms"
date_format = "%d/%m/%Y %H:%M"
time_zone = "Europe/London"
encoding = "cp1252"
delimiter = "tab"
measures = ["sleep"]
[[reports]]
title = "ward"
out = "ward"
"""
TOKENS = ["[[", "]]", "=", '"', "inf", "nan", "-1", "1e999", "[]", "{}", "true", "~nobody/x", "%", "\\u0000", "0x1"]
TOKENS += ['"%Y%%"', '"**/a**"', '"/dev/zero"', '"../x"', '"utf-16"', '"rot13"', '"hex"', "[1]", "''", "\n[feeds]\n"]


@TRIED
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(["insert", "replace", "cut", "drop", "repeat"]),
            st.floats(0, 1),
            st.integers(1, 30),
            st.sampled_from([token.encode() for token in TOKENS]) | st.binary(min_size=1, max_size=2),
        ),
        max_size=4,
    )
)
def test_any_settings_are_read_or_refused_in_one_line(changes: Changes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "night.toml"
        path.write_bytes(changed(SETTINGS.encode(), changes))
        try:
            load_settings(path)
        except MonitorError as error:
            check_line(error)


FIELDS = st.sampled_from(sorted(Feed.model_fields))
VALUES = st.text(max_size=8) | st.sampled_from(
    ["%d%m%Y", "%", "utf-16", "zlib", "undefined", "idna", "UTC", "", "**", "\0", *ROWS[0]]
)


@TRIED
@example(given={"measures": ["", ""]})
@given(given=st.dictionaries(FIELDS, VALUES | st.lists(VALUES, max_size=2) | st.integers(-1, 3) | st.booleans()))
def test_any_feed_reads_any_file_or_is_refused(given: dict[str, object]) -> None:
    try:
        feed = Feed(**given)  # type: ignore[arg-type]
    except ValidationError:
        return
    with TemporaryDirectory() as folder:
        for name in ("a.csv", "a.json", "a.parquet", "a.xlsx"):
            path = Path(folder) / name
            path.write_bytes(seeds()[name])
            read_or_refuse(path, feed)


WORDS = """select from where documents runs * 1 ( ) , ; -- /* */ ' " $1 $a ? count explain call describe show copy to
attach pragma set load install summarize with as recursive union all values insert delete read_text('/etc/passwd')
read_csv('x') glob('*') range(3) now() getenv('HOME') {'a':1} [1] ::blob checkpoint begin pivot 1e999 '\\xff'::blob
ü from_json('{','')""".split()  # noqa: SIM905
WORDS += ["E'\\x00'", "\x00"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    db = Database(tmp_path_factory.mktemp("fuzz") / "risk.duckdb")
    with db.writing():
        pass
    return db


@TRIED
@given(words=st.lists(st.sampled_from(WORDS), max_size=7) | st.lists(st.text(max_size=5), max_size=3))
def test_any_query_is_answered_or_refused_in_one_line(database: Database, words: list[str]) -> None:
    try:
        run_query(database, " ".join(words), time_s=5)
    except MonitorError as error:
        check_line(error)

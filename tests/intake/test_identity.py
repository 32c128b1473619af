"""One person, one id: ids that programs write differently, and documents that belong to their subject."""

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from unicodedata import normalize
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import DataError
from monitor.intake.csv_jsonl import NO_KEY
from monitor.intake.identity import NO_WHOLE_ID, PLACEHOLDER, PLACEHOLDERS, ROUNDED, clean_ids, look_alike_form
from monitor.intake.parquet import NO_WHOLE_DECIMAL
from monitor.intake.row_rules import IdRules
from tests.support.inputs import DAY, HEADER, read, refusals, write, write_rows
from tests.support.tries import tries

WHEN = "2026-01-05T10:00:00Z"


def cleaned(*ids: str | None, rules: IdRules | None = None) -> list[str | None]:
    return clean_ids(pl.Series(ids, dtype=pl.String), rules).ids.to_list()


@pytest.mark.parametrize(
    ("given_id", "expected"),
    [
        ("7.0", "7"),
        (" 7.000\t", "7"),
        ("-0.0", "0"),
        ("007", "007"),
        ("007.0", "007"),
        ("1.2345678901E10", "12345678901"),
        ("12e4", "12e4"),
        ("2.5", "2.5"),
        ("1.0.0", "1.0.0"),
        ("Jose\u0301", "José"),
        ("an\u200bna\ufeff", "anna"),
        ("\u2066anna\u2069", "anna"),
        ("\u200b", None),
        ("Anna", "Anna"),
        ("P 01", "P 01"),
    ],
)
def test_an_id_is_cleaned_of_what_programs_add(given_id: str, expected: str | None) -> None:
    assert cleaned(given_id) == [expected]
    assert cleaned(expected) == [expected], "a clean id stays as it is"
    assert clean_ids(pl.Series([given_id])).faults.to_list() == [None]


@pytest.mark.parametrize("rules", [IdRules(), IdRules(casefold=True), IdRules(strip=True, casefold=True)])
def test_a_word_for_a_missing_id_is_nobody_whatever_the_rules(rules: IdRules) -> None:
    """Of all people without an id one person would be made."""
    words = pl.Series([f" {word}\u200b" for word in PLACEHOLDERS])
    assert clean_ids(words, rules).faults.to_list() == [PLACEHOLDER] * len(words)
    assert clean_ids(words, rules, required=False).ids.to_list() == [None] * len(words)


@pytest.mark.parametrize("casefold", [False, True])
def test_a_word_for_a_missing_value_in_quotes_is_nobody_where_quotes_are_stripped(casefold: bool) -> None:
    words = pl.Series([f"'{word}'" for word in ("None", "NULL", "nan", "N/A", "NaT")])
    faults = clean_ids(words, IdRules(strip=True, casefold=casefold)).faults
    assert faults.to_list() == [PLACEHOLDER] * len(words)


@pytest.mark.parametrize(
    ("given_id", "reason"),
    [
        *((number, ROUNDED) for number in ("1.23457E+17", "1,23457E+17", "1.23457e17", "1E+05", "-1.5E-3", "1.0E7")),
        ("9007199254740993.0", NO_WHOLE_ID),
        ("nan", PLACEHOLDER),
        ("NULL", PLACEHOLDER),
    ],
)
def test_an_id_that_several_people_may_share_is_a_fault(given_id: str, reason: str) -> None:
    assert clean_ids(pl.Series([given_id, "b"])).faults.to_list() == [reason, None]


def test_case_and_punctuation_are_dropped_on_request_alone() -> None:
    given_ids = ("@P 01", "p01.", "P01", "STRASSE", "straße")
    assert cleaned(*given_ids) == list(given_ids)
    assert cleaned(*given_ids, rules=IdRules(casefold=True, strip=True)) == ["p01"] * 3 + ["strasse"] * 2
    assert cleaned(*given_ids, rules=IdRules(strip=True)) == ["P01", "p01", "P01", "STRASSE", "straße"]


def test_look_alike_ids_share_a_form_and_others_do_not() -> None:
    assert {look_alike_form(text) for text in ("José", "JOSE\u0301", "jose", "jo se")} == {"jose"}
    assert {look_alike_form(text) for text in ("7", "007", "7.0", "７")} == {"7"}
    assert look_alike_form("कि") != look_alike_form("की"), "vowel signs are letters, not accents"
    assert look_alike_form("p-1") != look_alike_form("p1")


ANY_ID = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Mn", "Lo"]), min_size=1, max_size=8),
    st.integers(0, 10**19).map(str),
    st.floats(0, 1e6).map(repr),
    st.sampled_from(["1E5", "1.5E+3", "nan", "7.0", "0.0", "é", "e\u0301"]),
)


@pytest.mark.slow
@settings(max_examples=tries(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(ANY_ID, min_size=1, max_size=10))
def test_ids_are_cleaned_alike_in_every_format_and_stay_apart(tmp_path: Path, ids: list[str]) -> None:
    rows: list[dict[str, object]] = [
        {"subject_id": name, "posted_at": WHEN, "text": f"text {i}", "doc_id": name} for i, name in enumerate(ids)
    ]
    results = [read(write_rows(tmp_path / name, rows)) for name in ("a.csv", "a.jsonl", "a.parquet")]
    for chunk in results:
        assert chunk.n_read == len(rows)
        assert chunk.documents.drop("row").equals(results[0].documents.drop("row"))
        assert chunk.rejects.select("column", "reason").equals(results[0].rejects.select("column", "reason"))
    subjects = cleaned(*ids)
    assert cleaned(*subjects) == subjects
    people: dict[str | None, set[object]] = {}
    for name, subject in zip(ids, subjects, strict=True):
        people.setdefault(subject, set()).add(as_a_person_reads(name))
    assert all(len(names) == 1 for names in people.values()), "two people became one"


def as_a_person_reads(name: str) -> object:
    """An id as the eye compares it: letters that look the same are the same, and so are 7 and 7.0, but not 007."""
    name = normalize("NFC", name).strip()
    number = re.fullmatch(r"([0-9]+)\.0+|0*[0-9]\.[0-9]+[eE][+-]?[0-9]+", name)
    return name if number is None else number[1] or f"{Decimal(name):.0f}"


def test_rounded_ids_are_rejected_and_merge_no_subjects(tmp_path: Path) -> None:
    chunk = read(
        write(tmp_path / "a.csv", f"{HEADER}1.23457E+17,{WHEN},calm\n1.23457E+17,{WHEN},hopeless\n8.0,{WHEN},x\n")
    )
    assert chunk.documents["subject_id"].to_list() == ["8"]
    assert refusals(chunk) == [(2, "subject_id", ROUNDED), (3, "subject_id", ROUNDED)]
    assert "1.23457E+17" in chunk.rejects["raw"][0]


def test_a_document_belongs_to_its_subject(tmp_path: Path) -> None:
    rows = [f"d1,s1,{WHEN},mine", f"d1,s2,{WHEN},theirs", f"d1,s1,{WHEN},mine"]
    chunk = read(write(tmp_path / "a.csv", "doc_id,subject_id,posted_at,text\n" + "\n".join(rows)))
    assert chunk.documents["text"].to_list() == ["mine", "theirs"]
    assert chunk.documents["given_id"].to_list() == ["d1", "d1"]
    assert chunk.documents["doc_id"].n_unique() == 2
    assert chunk.n_repeated == 1


def test_a_missing_doc_id_written_as_a_word_costs_no_row(tmp_path: Path) -> None:
    content = "doc_id,subject_id,posted_at,text\n" + "".join(
        f"{word},s,{WHEN},{word}\n" for word in ("nan", "NULL", "17.0")
    )
    chunk = read(write(tmp_path / "a.csv", content))
    assert chunk.documents["given_id"].to_list() == [None, None, "17"]
    assert chunk.rejects.is_empty()


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([UUID(int=10).bytes], pa.uuid()), str(UUID(int=10))),
        (
            pa.array([Decimal(12345678901234567890123456789012345678)], pa.decimal128(38, 0)),
            "12345678901234567890123456789012345678",
        ),
        (pa.array([Decimal("7.00")], pa.decimal128(9, 2)), "7"),
        (pa.array([Decimal(7)], pa.decimal256(50, 0)), "7"),
        (pa.array([b"caf\xc3\xa9"], pa.binary()), "café"),
        (pa.array([b"\xff\x00\x10"], pa.binary()), "ff0010"),
        (pa.array([bytes(range(16))], pa.binary(16)), bytes(range(16)).hex()),
        (pa.array([b"s1"], pa.binary()).dictionary_encode(), "s1"),
        (pa.array([7], pa.int64()).dictionary_encode(), "7"),
        (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        (pa.array([7.0], pa.float16()), "7"),
    ],
)
def test_warehouse_ids_of_every_type_are_read(tmp_path: Path, ids: pa.Array, expected: str) -> None:
    chunk = read(
        parquet(tmp_path / "a.parquet", SUBJECT_ID=ids, Posted_At=[DAY], TEXT=[b"bytes of text"], Doc_Id=ids)
    )
    assert chunk.documents.select("subject_id", "given_id", "text", "posted_at").rows() == [
        (expected, expected, "bytes of text", DAY)
    ]


def test_warehouse_faults_are_rejects_of_their_row_alone(tmp_path: Path) -> None:
    chunk = read(
        parquet(
            tmp_path / "a.parquet",
            subject_id=pa.array([Decimal("2.50"), Decimal("3.00"), Decimal("4.00"), None], pa.decimal128(9, 2)),
            posted_at=pa.array([Decimal("1767607200.250")] * 4, pa.decimal128(20, 3)),
            text=pa.array([b"a", b"b", b"\xff", b"c"], pa.binary()),
        )
    )
    assert chunk.documents.select("subject_id", "posted_at").rows() == [("3", DAY + dt.timedelta(milliseconds=250))]
    assert refusals(chunk) == [
        (1, "subject_id", NO_WHOLE_DECIMAL),
        (3, "text", "not UTF-8"),
        (4, "subject_id", "empty"),
    ]


def test_two_columns_of_one_name_but_for_case_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", subject_id=["a"], SUBJECT_ID=["b"], posted_at=[WHEN], text=["x"])
    with pytest.raises(DataError, match="two columns are called subject_id; keep one"):
        read(path)


def test_json_numbers_and_missing_values_are_read_as_the_other_formats_read_them(tmp_path: Path) -> None:
    lines = [
        '{"SUBJECT_ID": 7.0, "Posted_At": 1767607200.0, "TEXT": "a", "doc_id": NaN, "source": NaN}',
        '{"subject_id": 7, "posted_at": "2026-01-05 10:00:00 UTC", "text": "b", "doc_id": 17.0}',
        '{"subject_id": 2.5, "posted_at": 1767607200, "text": "c"}',
        '{"subject_id": 1.23457E+17, "posted_at": 1767607200, "text": "c"}',
        '{"posted_at": 1767607200, "text": "c"}',
        '{"subject_id": "", "posted_at": 1767607200, "text": "c"}',
        '{"subject_id": null, "posted_at": 1767607200, "text": "c"}',
        '{"author": "x", "created_utc": 1767607200, "body": "c"}',
    ]
    chunk = read(write(tmp_path / "a.jsonl", "\n".join(lines) + "\n"))
    assert chunk.documents.select("subject_id", "posted_at", "text", "given_id", "source").rows() == [
        ("7", DAY, "a", None, None),
        ("7", DAY, "b", "17", None),
    ]
    assert refusals(chunk) == [
        (3, "subject_id", NO_WHOLE_ID),
        (4, "subject_id", NO_WHOLE_ID),
        (5, "subject_id", NO_KEY),
        (6, "subject_id", "empty"),
        (7, "subject_id", "empty"),
        (8, "subject_id", NO_KEY),
    ]

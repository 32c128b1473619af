"""Rules of every file in sql/: one statement, under a header that agrees with it."""

import re
from pathlib import Path

import duckdb
import pytest

from monitor.database import statements

SQL_FILES = sorted(statements.SQL.rglob("*.sql"))
KEYS = ("name", "purpose", "grain", "frame", "params")


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_sql_file_is_one_statement_with_a_matching_header(path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    lines = [line for line in sql.splitlines() if line.startswith("-- ")]
    header = dict(line[3:].split(": ", 1) for line in lines if re.match(rf"-- ({'|'.join(KEYS)}): ", line))
    assert tuple(header) == KEYS, "the header is name, purpose, grain, frame, params, in this order"
    assert header["name"] == re.sub(r"^\d{3}_", "", path.stem)
    (statement, *more) = duckdb.extract_statements(sql)
    assert not more or path.parent.name == "schema", "only a change of the schema may take several statements"
    named = set() if header["params"] == "none" else set(re.split(r",\s*", header["params"]))
    assert named == statement.named_parameters
    code = re.sub(r"--.*", "", sql).lower()
    assert not re.search(r"\b(now|today|get_current_timestamp)\s*\(|\bcurrent_(timestamp|date|time)\b", code)
    assert "over (" not in code or header["frame"] != "none"


def test_schema_files_have_distinct_numbers() -> None:
    numbers = [int(path.name[:3]) for path in SQL_FILES if path.parent.name == "schema"]
    assert len(set(numbers)) == len(numbers)

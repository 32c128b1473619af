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


def test_headers_of_replaced_schema_steps_name_a_later_step() -> None:
    made = re.compile(r"CREATE (?:OR REPLACE )?(?:VIEW|MACRO|TABLE) (?:new_)?(\w+)")
    steps: dict[str, list[str]] = {}
    for path in SQL_FILES:
        if path.parent.name == "schema":
            for name in set(made.findall(path.read_text(encoding="utf-8"))):
                steps.setdefault(name, []).append(path.stem)
    assert steps["daily_cells"] == ["010_daily_cells", "024_daily_cells", "050_daily_cells"]
    for name, files in steps.items():
        for number, file in enumerate(files[:-1], start=1):
            header = (statements.SQL / "schema" / f"{file}.sql").read_text(encoding="utf-8").split("-- grain:")[0]
            later = {f"schema/{step[:3]}" for step in files[number:]}
            assert any(step in header for step in later), f"{file}: {name} is replaced by {sorted(later)}"


def test_schema_files_have_distinct_numbers() -> None:
    numbers = [int(path.name[:3]) for path in SQL_FILES if path.parent.name == "schema"]
    assert len(set(numbers)) == len(numbers)

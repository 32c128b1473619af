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
    assert not more or path in statements.schema_files(), "only a change of the schema may take several statements"
    named = set() if header["params"] == "none" else set(re.split(r",\s*", header["params"]))
    assert named == statement.named_parameters
    code = re.sub(r"--.*", "", sql).lower()
    assert not re.search(r"\b(now|today|get_current_timestamp)\s*\(|\bcurrent_(timestamp|date|time)\b", code)
    assert "over (" not in code or header["frame"] != "none"


def names_made(path: Path) -> set[str]:
    """The views, macros and tables that a step of the schema makes."""
    made = re.compile(r"^CREATE (?:OR REPLACE )?(?:VIEW|MACRO|TABLE) (?:new_)?(\w+)", re.MULTILINE)
    return set(made.findall(path.read_text(encoding="utf-8")))


def test_headers_of_replaced_schema_steps_name_a_later_step() -> None:
    steps: dict[str, list[Path]] = {}
    for path in statements.schema_files():
        for name in names_made(path):
            steps.setdefault(name, []).append(path)
    assert [path.stem for path in steps["daily_cells"]] == ["010_daily_cells", "024_daily_cells", "050_daily_cells"]
    for name, files in steps.items():
        for number, file in enumerate(files[:-1], start=1):
            header = file.read_text(encoding="utf-8").split("-- grain:")[0]
            later = {f"schema/{path.name[:3]}" for path in files[number:]}
            assert any(step in header for step in later), f"{file}: {name} is replaced by {sorted(later)}"


def test_folder_of_replaced_steps_holds_those_of_which_nothing_remains() -> None:
    files = statements.schema_files()
    for number, path in enumerate(files, start=1):
        replaced = {name for later in files[number:] for name in names_made(later)}
        kinds = [one.type for one in duckdb.extract_statements(path.read_text(encoding="utf-8"))]
        only_views = set(kinds) == {duckdb.StatementType.CREATE} and "CREATE TABLE" not in path.read_text("utf-8")
        nothing_remains = only_views and names_made(path) <= replaced
        assert (path.parent.name == "replaced") == nothing_remains, path


def test_schema_files_have_distinct_numbers() -> None:
    numbers = [int(path.name[:3]) for path in statements.schema_files()]
    assert len(set(numbers)) == len(numbers)

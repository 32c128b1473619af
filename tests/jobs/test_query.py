"""The query job: read-only, every type of answer, errors in one line."""

import datetime as dt
import io
import json
import math
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import duckdb
import polars as pl
import pytest

from jobs.console.result_files import Format, safe_cell
from jobs.query import Rows, command, export_rows, print_table, run_query, save_rows
from monitor import ROOT
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError, DataError, StoreError
from tests.support import forked
from tests.support.small_disk import mounted


@pytest.fixture(scope="module")
def one_document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("query") / "risk.duckdb"
    with Database(path).writing() as con:
        con.execute("INSERT INTO documents VALUES ('d1', 's1', '2026-01-05', 'fine', NULL, 'r', '2026-01-05', NULL)")
    return path


@pytest.fixture
def db(one_document: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(one_document, tmp_path / "risk.duckdb"))


def test_a_query_returns_names_and_rows(db: Path) -> None:
    answer = run_query(Database(db), "SELECT doc_id, count(*) AS n FROM documents GROUP BY doc_id")
    assert answer == Rows(["doc_id", "n"], [("d1", 1)])


def test_copy_and_query_are_words_like_others_where_they_write_nothing(db: Path) -> None:
    sql = """SELECT 'copy' AS "copy", 'query(' AS b -- copy"""
    assert run_query(Database(db), sql) == Rows(["copy", "b"], [("copy", "query(")])


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("SELEC 1", "syntax error"),
        ("FROM documentz", "there is no table documentz; did you mean documents? SHOW TABLES lists them"),
        ("SELECT * FROM '/etc/passwd'", "there is no table /etc/passwd; SHOW TABLES lists them"),
        ("DELETE FROM documents", "DELETE does not only read, and query changes nothing; use SELECT"),
        ("EXPLAIN ANALYZE DELETE FROM documents", "query changes nothing; use SELECT"),
        ("CREATE TEMP TABLE x (a INTEGER)", "CREATE does not only read"),
        ("COPY documents TO 'stolen.csv'", "COPY does not only read"),
        ("ATTACH 'other.duckdb'", "ATTACH does not only read"),
        ("VACUUM", "VACUUM does not only read"),
        ("FROM read_text('/etc/hostname')", "reads the tables of the database, and nothing else"),
        ("FROM 'feed.csv'", "reads the tables of the database, and nothing else"),
        ("INSTALL httpfs", "LOAD does not only read"),
        (
            "EXPLAIN ANALYZE COPY (SELECT 42) TO '{db}' (FORMAT csv, USE_TMP_FILE false)",
            "copy could write a file",
        ),
        ("WITH c AS (COPY (SELECT 42) TO '{db}.wal' (FORMAT csv)) FROM c", "copy could write a file"),
        ("FROM query('FROM json_exec'||'ute_serialized_sql(1)')", "query could write a file"),
        ("FROM \"JSON_execute_serialized_SQL\"(json_serialize_sql('FROM c'))", "could write a file"),
        ("EXPLAIN ANALYZE PRAGMA database_list", "EXPLAIN of what does not only read"),
        ("/* a */ EXPLAIN (FORMAT json) VACUUM", "EXPLAIN of what does not only read"),
        ("EXPLAIN ANALYZE CALL duckdb_tables()", "EXPLAIN of what does not only read"),
        ("CALL force_checkpoint()", "CALL runs pragma_ and duckdb_ functions alone"),
        ("CALL enable_logging()", "CALL runs pragma_ and duckdb_ functions alone"),
        ("SET memory_limit = '1TB'", "SET does not only read"),
        ("PRAGMA memory_limit = '1TB'", "query changes nothing"),
        ("  -- nothing", "no SQL to run"),
        ("SELECT 1; SELECT 2", "one at a time"),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a' to INT32"),
    ],
)
def test_wrong_sql_and_every_change_are_refused_in_one_line(db: Path, sql: str, part: str) -> None:
    before = db.read_bytes()
    with pytest.raises(DataError) as caught:
        run_query(Database(db), sql.replace("{db}", str(db)))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not re.search("Error|configur|pg_|read-only", str(caught.value))
    assert db.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "SUMMARIZE runs",
        "EXPLAIN FROM runs",
        "/* a */ explain analyze FROM runs",
        "EXPLAIN (FORMAT json) SELECT 1",
        "PIVOT documents ON doc_id",
        "CALL duckdb_tables()",
        "PRAGMA database_list",
        "SELECT now(), TIMESTAMPTZ '2026-01-01'",
    ],
)
def test_every_kind_of_reading_statement_runs(db: Path, sql: str) -> None:
    assert run_query(Database(db), sql).names


def test_the_help_of_query_names_every_table_and_view(db: Path) -> None:
    inner = {"schema_version", "pseudonyms", "alert_updates", "daily_cells", "latest_model"}
    inner |= {"retention_checks", "output_folders", "id_rules", "crisis_searches"}
    named = set(re.findall(r"\w+", command.__doc__ or ""))
    assert {name for (name,) in run_query(Database(db), "SHOW TABLES").rows} - inner <= named


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        run_query(Database(tmp_path / "no.duckdb"), "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_variables_of_the_program_are_no_tables(db: Path) -> None:
    with pytest.raises(DataError, match="there is no table result"):
        run_query(Database(db), "FROM result")


EVERY_TYPE = (
    "SELECT NULL AS n, 1.5::DECIMAL(5, 2) AS d, INTERVAL 1 DAY AS i, [1, 'inf'::DOUBLE] AS l, {'a': 1} AS s, "
    "'x'::BLOB AS b, DATE '2026-01-05' AS day, 'nan'::DOUBLE AS x, uuid() AS u, TRUE AS t, "
    "'a\tb\x1b[31m' AS hostile, '[red]' AS tag, MAP {1: {'a': '-inf'::DOUBLE}} AS deep"
)


def written(db: Path, sql: str, style: Format) -> str:
    out = io.StringIO()
    export_rows(Database(db), sql, style, out)
    return out.getvalue()


def test_every_type_can_be_printed_and_no_text_steers_the_terminal(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(run_query(Database(db), EVERY_TYPE))
    table = capsys.readouterr().out
    assert "\x1b" not in table
    assert "[red]" in table
    (row,) = json.loads(written(db, EVERY_TYPE, Format.JSON))
    assert (row["day"], row["x"], row["l"], row["deep"]) == (
        "2026-01-05",
        None,
        [1, None],
        {"1": {"a": None}},
    )
    assert written(db, EVERY_TYPE, Format.CSV).startswith("n,d,i,l,s,b,day,x,u,t,hostile,tag,deep\n")


def test_a_table_is_cut_and_csv_is_whole(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = "SELECT range AS i, repeat('x', 500) AS long FROM range(300)"
    print_table(run_query(Database(db), many))
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + 100
    assert table[-1].split() == ["99", "x" * 199 + "…"]
    assert written(db, many, Format.CSV).count("x" * 500) == 300
    assert len(json.loads(written(db, many, Format.JSON))) == 300


def test_columns_of_one_name_are_all_kept_and_no_rows_are_still_json(db: Path) -> None:
    sql = "SELECT 1 AS n, 2 AS n, 3 AS n_1 FROM documents"
    assert json.loads(written(db, sql, Format.JSON)) == [{"n": 1, "n_1": 2, "n_1_1": 3}]
    assert json.loads(written(db, sql + " WHERE FALSE", Format.JSON)) == []
    assert written(db, sql + " WHERE FALSE", Format.CSV) == "n,n_1,n_1_1\n"


@pytest.mark.slow
def test_the_database_is_closed_before_the_rows_are_written_out(db: Path) -> None:
    class Pager(io.StringIO):
        n_writes = 0

        def write(self, text: str) -> int:
            if self.n_writes % 20 == 0:  # of some 460
                Database(db).connect(wait_s=0).close()  # a writer gets in
            self.n_writes += 1
            return super().write(text)

    assert export_rows(Database(db), "SELECT repeat('x', 1000) FROM range(30_000)", Format.CSV, Pager()) == 30_000


def test_a_table_too_wide_for_the_screen_is_printed_row_by_row(
    db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table(run_query(Database(db), "FROM documents"))
    lines = capsys.readouterr().out.splitlines()
    assert "row 1" in lines[0]
    assert len(lines) == 1 + 8


def test_an_endless_query_is_ended_by_ctrl_c(db: Path) -> None:
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_query(Database(db), "SELECT count(*) FROM range(10_000_000_000) AS t(a) WHERE hash(a) % 7 = 8")
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert run_query(Database(db), "SELECT 1").rows == [(1,)]


def test_a_reader_does_not_see_what_is_not_committed(db: Path) -> None:
    with duckdb.connect(db) as con:
        con.execute("BEGIN")
        con.execute("DELETE FROM documents")
    assert run_query(Database(db), "SELECT count(*) FROM documents").rows == [(1,)]


FORMULAS = "SELECT '=1+1' AS \"=a\", '+1' AS b, '-1' AS c, '@x' AS d, -1 AS e, 'a=1' AS f, '\tx' AS g"


@pytest.mark.filterwarnings("error::UserWarning")
def test_cells_that_a_spreadsheet_would_calculate_begin_with_an_apostrophe(db: Path, tmp_path: Path) -> None:
    safe = "'=a,b,c,d,e,f,g\n'=1+1,'+1,'-1,'@x,-1,a=1,'\tx\n"
    assert written(db, FORMULAS, Format.CSV) == safe
    raw = io.StringIO()
    export_rows(Database(db), FORMULAS, Format.CSV, raw, safe_csv=False)
    assert raw.getvalue() == safe.replace("'", "")
    save_rows(Database(db), FORMULAS, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == safe
    wide = "SELECT unnest(['\uff1d1', '\uff0b1', '\uff0d1', '\uff20x', '\uff081']) AS a"
    assert written(db, wide, Format.CSV) == "a\n'\uff1d1\n'\uff0b1\n'\uff0d1\n'\uff20x\n\uff081\n"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ('hi;=HYPERLINK("http://x/?"&A1)', 'hi;\'=HYPERLINK("http://x/?"&A1)'),
        ("a;=HYPERLINK(1)", "a;'=HYPERLINK(1)"),
        ("\t=1+1", "'\t'=1+1"),
        ("a\n=1\r\n@x", "a\n'=1\r\n'@x"),
        ('a; "=1"|\uff1d1;;-1', "a; \"'=1\"|'\uff1d1;;'-1"),
        ("a-b; c=d, e@f.org", "a-b; c=d, e@f.org"),
    ],
)
def test_a_part_of_a_cell_that_a_spreadsheet_may_split_off_is_no_formula(text: str, safe: str) -> None:
    assert safe_cell(text) == safe


def test_texts_in_lists_structs_and_blobs_are_no_formulas_either(db: Path) -> None:
    query = "SELECT ['a;=1'] AS a, {'k': 'b|+1'} AS b, 'c;-1'::BLOB AS c, [1, -1] AS d, -1.5 AS e"
    assert written(db, query, Format.CSV) == "a,b,c,d,e\n['a;'=1'],{'k': 'b|'+1'},b'c;'-1',\"[1, -1]\",-1.5\n"


def test_results_go_into_files_as_their_endings_say(db: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="CAST it to VARCHAR"):
        save_rows(Database(db), EVERY_TYPE, tmp_path / "result.parquet")
    sql = f"SELECT * EXCLUDE (i, deep) FROM ({EVERY_TYPE}) CROSS JOIN ({FORMULAS})"
    for ending in ("parquet", "csv", "xlsx"):
        file = tmp_path / f"result.{ending}"
        assert save_rows(Database(db), sql, file) == 1
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (row,) = pl.read_parquet(tmp_path / "result.parquet").rows(named=True)
    assert (row["day"], row["=a"]) == (dt.date(2026, 1, 5), "=1+1")
    (row,) = pl.read_excel(tmp_path / "result.xlsx").rows(named=True)
    assert (row["=a"], row["hostile"]) == ("=1+1", "a\tb\x1b[31m")
    with zipfile.ZipFile(tmp_path / "result.xlsx") as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml"), "a formula"
    for name in ("result.db", "missing/result.csv"):
        with pytest.raises(ConfigError, match="--out"):
            save_rows(Database(db), sql, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir() if "result" in path.name} == {
        f"result.{ending}" for ending in ("parquet", "csv", "xlsx")
    }


def test_a_result_replaces_only_files_of_query(db: Path, tmp_path: Path) -> None:
    theirs, link = tmp_path / "theirs.csv", tmp_path / "link.csv"
    theirs.write_text("a survey")
    link.symlink_to(theirs)
    for file in (theirs, link):
        with pytest.raises(ConfigError, match=f"{file}: risk-monitor did not write this file"):
            save_rows(Database(db), "SELECT 1", file)
    assert theirs.read_text() == "a survey"
    for number in (1, 2):
        save_rows(Database(db), f"SELECT {number} AS n", tmp_path / "ours.csv")
    assert (tmp_path / "ours.csv").read_text() == "n\n2\n"


def test_a_query_has_limits_of_time_and_memory(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "SELECT count(*) FROM range(10_000_000_000) AS t(a) WHERE hash(a) % 7 = 8"
    with pytest.raises(DataError, match=r"more than 0\.2 s"):
        run_query(Database(db), endless, time_s=0.2)
    monkeypatch.setattr("jobs.console.safe_sql.MEMORY_BYTES", 2**25)
    monkeypatch.setattr("jobs.console.safe_sql.SPILL_BYTES", 2**20)
    with pytest.raises(DataError, match="of memory"):
        run_query(Database(db), "SELECT list(a::VARCHAR) FROM range(30_000_000) AS t(a)")


def test_a_slow_query_of_the_snapshot_is_not_sent_to_the_snapshot(db: Path, tmp_path: Path) -> None:
    endless = "SELECT count(*) FROM range(10_000_000_000) AS t(a) WHERE hash(a) % 7 = 8"
    with pytest.raises(DataError, match=r"; read fewer rows, or query the snapshot$"):
        run_query(Database(db), endless, time_s=0.1)
    with Database(db).only_writer():
        copy = publish(Database(db), tmp_path / "snapshot")
    with pytest.raises(DataError, match=r"; read fewer rows$"):
        run_query(Database(copy), endless, time_s=0.1)


def test_names_of_columns_steer_no_terminal(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(run_query(Database(db), 'SELECT 1 AS "a\x1b[31m\x9b"'))
    assert capsys.readouterr().out.split() == ["a", "[31m", "─" * 7, "1"]
    terminal = io.StringIO()
    monkey = pytest.MonkeyPatch()
    monkey.setattr(terminal, "isatty", lambda: True)
    export_rows(Database(db), "SELECT 'a\x1b\x9b' AS x", Format.CSV, terminal)
    assert terminal.getvalue() == "x\na  \n"


RUN = [sys.executable, "-m", "jobs.cli", "query"]


@pytest.mark.slow
def test_sql_comes_from_a_file_or_standard_input_and_a_reader_may_leave(db: Path, tmp_path: Path) -> None:
    (tmp_path / "many.sql").write_text("SELECT 'äöü 日本' AS x FROM range(200_000)")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    reader = subprocess.Popen(
        [*RUN, str(tmp_path / "many.sql"), "--db", str(db), "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert reader.stdout is not None
    assert reader.stderr is not None
    assert [reader.stdout.readline().decode() for _ in range(2)] == ["x\n", "äöü 日本\n"]
    reader.stdout.close()  # as `head` does
    assert reader.wait() == 0
    assert b"Traceback" not in reader.stderr.read()
    table = subprocess.run(
        [*RUN, "-", "--db", str(db)],
        input="SELECT 'ä' AS x",
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert table.stdout.split()[::2] == ["x", "\\xe4"]


def test_excel_holds_numbers_as_numbers_and_none_that_it_would_round(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "SELECT sum(range) AS n, 1.25::DECIMAL(5, 2) AS d, 9007199254740993 AS big, 0.1 AS x FROM range(4)"
    save_rows(Database(db), sql, tmp_path / "a.xlsx")
    (row,) = pl.read_excel(tmp_path / "a.xlsx").rows()
    assert row == (6, 1.25, "9007199254740993", 0.1)
    assert "because Excel would round the number" in (told := capsys.readouterr().err)
    assert told.strip().endswith(": 1")
    with pytest.raises(DataError, match="longer texts: 2"):
        save_rows(
            Database(db), "SELECT repeat('x', 32_768) AS a, repeat('\U0001f600', 20_000) AS b", tmp_path / "a.xlsx"
        )


def test_excel_holds_dates_before_its_first_as_texts(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = (
        "SELECT DATE '1899-12-31' AS a, TIMESTAMP '1850-01-01 10:00:00' AS b,"
        " DATE '1900-01-01' AS c, TIMESTAMP '2026-01-05 10:00:00' AS d"
    )
    save_rows(Database(db), sql, tmp_path / "a.xlsx")
    (row,) = pl.read_excel(tmp_path / "a.xlsx").rows()
    assert row[:2] == ("1899-12-31", "1850-01-01 10:00:00")
    assert not any(isinstance(value, str) for value in row[2:])
    told = " ".join(capsys.readouterr().err.split())
    assert told.endswith("has no such date (before 1900): 2")


@pytest.mark.parametrize("value", ["TIMESTAMP 'infinity'", "DATE '290000-01-01'", "DATE '-infinity'"])
@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_times_that_python_lacks_are_written_somehow(db: Path, tmp_path: Path, value: str, ending: str) -> None:
    assert save_rows(Database(db), f"SELECT {value} AS a", tmp_path / f"a.{ending}") == 1


INFINITE = """
    SELECT DATE 'infinity' AS a, TIMESTAMP '-infinity' AS a, TIMESTAMPTZ 'infinity' AS c,
        TIMESTAMP_NS '-infinity' AS d,
        DATE '9999-12-31' AS e, TIMESTAMP '0001-01-01' AS f, NULL::DATE AS g, 'é; t' AS h; -- it''s; a comment
"""


def test_infinite_times_are_called_so_and_the_last_day_of_the_calendar_is_not(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = run_query(Database(db), INFINITE)
    assert rows.names == ["a", "a_1", *"cdefgh"]
    ends = (dt.date(9999, 12, 31), dt.datetime(1, 1, 1), None, "é; t")
    assert rows.rows == [("infinity", "-infinity", "infinity", "-infinity", *ends)]
    print_table(rows)
    assert "-infinity" in capsys.readouterr().out
    out = io.StringIO()
    export_rows(Database(db), INFINITE, Format.JSON, out)
    assert [*json.loads(out.getvalue())[0].values()][:5] == [
        "infinity", "-infinity", "infinity", "-infinity", "9999-12-31"
    ]  # fmt: skip
    save_rows(Database(db), INFINITE, tmp_path / "a.csv")
    assert ",infinity," in (tmp_path / "a.csv").read_text()
    save_rows(Database(db), INFINITE.replace("TIMESTAMP '0001-01-01' AS f", "1 AS f"), tmp_path / "a.xlsx")
    assert pl.read_excel(tmp_path / "a.xlsx").row(0)[0] == "infinity"
    save_rows(Database(db), INFINITE, tmp_path / "a.parquet")
    with duckdb.connect() as con:
        assert con.execute(f"SELECT isinf(a), isinf(a_1), isinf(e) FROM '{tmp_path}/a.parquet'").fetchall() == [
            (True, True, False)
        ]


def test_rows_with_times_keep_their_order_and_their_number(db: Path) -> None:
    sql = "SELECT (range * 7919) % 10007 AS n, TIMESTAMP '2026-01-01' AS t FROM range(10007) ORDER BY n DESC"
    rows = run_query(Database(db), sql, max_rows=20_000).rows
    assert [n for n, _ in rows] == sorted(range(10_007), reverse=True)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_file_that_cannot_be_written_is_one_line(db: Path, tmp_path: Path, ending: str) -> None:
    longest = tmp_path / f"{'a' * (254 - len(ending))}.{ending}"
    assert save_rows(Database(db), "SELECT 1", longest) == 1
    for file in (Path(f"/proc/a.{ending}"), tmp_path / f"{'a' * 300}.{ending}"):
        with pytest.raises(ConfigError, match="cannot write there"):
            save_rows(Database(db), "SELECT 1", file)
    assert not list(tmp_path.glob(".*.new"))


def test_excel_on_a_full_disk_is_one_line_and_leaves_no_rows_in_the_temporary_folder(
    db: Path, tmp_path: Path
) -> None:
    sql = "SELECT md5(range::VARCHAR) AS a, md5((-range)::VARCHAR) AS b FROM range(10000)"
    (tmp_path / "temporary").mkdir()
    with mounted(tmp_path / "disk", "300k") as disk:
        done = forked.run(
            "from jobs.cli import main\nmain()",
            *("query", sql, "--db", db, "--out", disk / "a.xlsx"),
            variables={"TMPDIR": str(tmp_path / "temporary"), "COLUMNS": "400"},
        )
        assert not list(disk.iterdir())
    assert done.returncode == 2
    assert done.stderr.startswith(f"risk-monitor: --out {disk / 'a.xlsx'}: the disk is full")
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "temporary").iterdir())


def test_a_timeout_that_no_timer_takes_and_a_format_beside_a_file_are_refused(db: Path, tmp_path: Path) -> None:
    for time_s in (1e300, math.nan, math.inf):
        with pytest.raises(ConfigError, match="--timeout"):
            run_query(Database(db), "SELECT 1", time_s=time_s)
    with pytest.raises(ConfigError, match="leave out --format"):
        command("SELECT 1", db=db, style=Format.JSON, out=tmp_path / "a.csv")

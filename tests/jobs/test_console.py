"""The command line as a user meets it: help, exit codes, one line for a mistake."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from jobs.console import app
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.database.statements import SQL
from monitor.errors import DataError
from tests.support import forked
from tests.support.inputs import write
from tests.support.rows import database

ROOT = SQL.parent


def risk_monitor(*words: str, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", **variables}
    return subprocess.run(
        [sys.executable, "-m", "jobs.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )


def forked_risk_monitor(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """As `risk_monitor`, in a process whose imports are done."""
    return forked.run(
        "from jobs.cli import main\nmain()", *words, folder=folder, variables={"COLUMNS": "100", "NO_COLOR": "1"}
    )


def leave(call: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and error stream of a call that ends the program."""
    with pytest.raises(SystemExit) as caught:
        call()  # type: ignore[operator]
    return int(caught.value.code or 0), capsys.readouterr().err


def test_help_names_every_command_and_loads_none_of_them() -> None:
    done = risk_monitor("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    for name, summary in app.COMMANDS.items():
        assert f" {name} " in done.stdout
        assert summary in done.stdout
    assert "Not a diagnosis" in done.stdout
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert not loaded & {"torch", "duckdb", "polars", "jobs.score"}


@pytest.mark.parametrize(
    ("name", "value", "is_wrong"),
    [
        ("POLARS_MAX_THREADS", "0", True),
        ("POLARS_MAX_THREADS", "", False),
        ("POLARS_MAX_THREADS", "2", False),
        ("POLARS_IDEAL_MORSEL_SIZE", "0", True),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "", True),
        ("HF_HUB_ETAG_TIMEOUT", "ten", True),
        ("HF_HUB_ETAG_TIMEOUT", "10", False),
    ],
)
def test_a_variable_that_ends_an_import_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, is_wrong: bool
) -> None:
    monkeypatch.setenv(name, value)
    if is_wrong:
        assert leave(lambda: app.exit_with_code(lambda: None), capsys) == (
            app.USER_ERROR,
            f"risk-monitor: variable {name}: {value!r} cannot be used; unset it, or give a whole number from 1\n",
        )
    else:
        app.exit_with_code(lambda: None)


@pytest.mark.slow
def test_every_command_has_help_and_starts_in_both_ways_without_torch() -> None:
    code = (
        "import runpy, sys; from jobs import cli; from jobs.console.app import COMMANDS\n"
        "for name in COMMANDS:\n"
        "    module = name.replace('-', '_'); sys.argv = [f'jobs/{module}.py', '--help']\n"
        "    for start in (lambda: cli.main([name, '--help']), lambda: runpy.run_module(f'jobs.{module}', "
        "run_name='__main__')):\n"
        "        try: start()\n"
        "        except SystemExit as stop: assert not stop.code, name\n"
        "        else: raise AssertionError(name)\n"
        "        assert 'torch' not in sys.modules, name\n"
        "        sys.modules.pop(f'jobs.{module}', None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    for name in app.COMMANDS:
        assert f"risk-monitor {name}" in done.stdout
        assert f"python -m jobs.{name.replace('-', '_')}" in done.stdout


@pytest.mark.slow
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    for words in (
        ["query", "SELECT 1", "--db", "no.duckdb"],
        ["score", "no.csv", "--db", "x.duckdb"],
        ["nightly", "--config", "no.toml"],
        ["query", "SELECT", "--db", str(tmp_path)],
    ):
        done = forked_risk_monitor(*words, folder=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("risk-monitor: ")
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


LATIN_1 = os.fsdecode(b"Jos\xe9")  # as a terminal of that encoding sends it


@pytest.mark.parametrize(
    "words",
    [
        ["forget", LATIN_1],
        pytest.param(["who", LATIN_1], marks=pytest.mark.slow),
        ["alerts", "--acknowledge", LATIN_1],
        ["alerts", "--acknowledge", "a1b2", "--by", LATIN_1],
        ["query", f"FROM documents WHERE source = '{LATIN_1}'"],
        pytest.param(["report", "--cohort", LATIN_1, "--out", "out"], marks=pytest.mark.slow),
        pytest.param(["explain", "--doc-id", LATIN_1], marks=pytest.mark.slow),
    ],
)
def test_a_word_that_is_not_utf_8_is_one_line(tmp_path: Path, words: list[str]) -> None:
    with Database(database(tmp_path / "risk.duckdb")).writing() as con:
        con.execute(
            "INSERT INTO alerts BY NAME SELECT 'a1b2' AS alert_id, 's' AS subject_id, 'm' AS model_id,"
            " 'level' AS rule, DATE '2026-01-01' AS opened_on, opened_on AS evidence_from, opened_on AS evidence_to,"
            " 5 AS n, 0.5 AS value, 0.4 AS threshold, 'open' AS state, opened_on AS state_changed_at, 'r' AS run_id,"
            " opened_on AS raised_at"
        )
    done = forked_risk_monitor(*words, "--db", "risk.duckdb", folder=tmp_path)
    assert done.returncode == 2
    number = next(number for number, word in enumerate(words, 1) if "\udce9" in word)
    assert done.stderr.splitlines()[-1].startswith(f"risk-monitor: word {number} of the command line is not UTF-8; ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["score", "{}.csv", "--db", "risk.duckdb"],
        pytest.param(["score", "{}/*.csv", "--db", "risk.duckdb"], marks=pytest.mark.slow),
        pytest.param(["lake", "ingest", "{}.csv", "--lake", "lk"], marks=pytest.mark.slow),
        ["inspect", "{}.csv"],
        ["nightly", "--config", "long.toml"],
    ],
)
def test_a_name_that_is_too_long_for_the_file_system_is_one_line(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "inbox").mkdir()
    write(tmp_path / "long.toml", f'snapshot = "{"a" * 300}"\n')
    done = forked_risk_monitor(*(word.format("a" * 300) for word in words), folder=tmp_path)
    assert done.returncode == 2
    told = done.stderr.splitlines()[-1]
    if words[0] == "nightly":  # a folder that only the snapshot needs fails at the end of the night
        assert told.startswith("risk-monitor: ")
        assert "(File name too long); name another folder; everything else of this run is done" in told
    else:
        assert told == f"risk-monitor: {'a' * 40}…: file name too long; name a shorter one"
    assert "Traceback" not in done.stderr


def test_files_with_names_that_are_not_utf_8_are_read_and_written(tmp_path: Path) -> None:
    feed = write(tmp_path / f"{LATIN_1}.csv", "subject_id,posted_at,text\ns1,2026-01-01,joy\n")
    assert forked_risk_monitor("inspect", str(feed), folder=tmp_path).returncode == 0
    Database(database(tmp_path / "risk.duckdb")).check()
    line = ["query", "SELECT 1", "--db", "risk.duckdb", "--out", f"{LATIN_1}.parquet"]
    assert forked_risk_monitor(*line, folder=tmp_path).returncode == 0
    assert (tmp_path / f"{LATIN_1}.parquet").exists()


def test_a_wrong_command_or_option_is_exit_code_2_and_suggests() -> None:
    done = forked_risk_monitor("scroe", "x.csv")
    assert done.returncode == 2
    assert "score" in done.stderr
    assert forked_risk_monitor("query").returncode == 2


@pytest.mark.slow
def test_a_working_folder_that_was_removed_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os; os.rmdir(os.getcwd()); from jobs.cli import main; main(['status', '--db', '../a.duckdb'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=gone,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "change to another one (cd) and run again" in done.stderr


def test_no_words_print_the_help() -> None:
    done = risk_monitor()
    assert "Usage: risk-monitor" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_exit_codes_of_a_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x"])

    def mistake() -> None:
        raise DataError("feed.csv:\n row 3: not a date")

    def gate() -> None:
        raise typer.Exit(app.GATE_FIRED)

    def stopped() -> None:
        raise KeyboardInterrupt

    def bug() -> None:
        raise ZeroDivisionError("a bug")

    def fine() -> None:
        """Do nothing."""

    assert leave(lambda: app.run(mistake), capsys) == (2, "risk-monitor: feed.csv: row 3: not a date\n")
    assert leave(lambda: app.run(gate), capsys)[0] == 3
    before = signal.getsignal(signal.SIGINT)
    assert leave(lambda: app.run(stopped), capsys) == (130, "interrupted; what was committed is kept\n")
    assert signal.signal(signal.SIGINT, before) == signal.SIG_IGN
    assert leave(lambda: app.run(fine), capsys)[0] == 0
    with pytest.raises(ZeroDivisionError):
        app.run(bug)


def test_a_bug_exits_with_1_and_a_log_gets_no_variables_and_no_messages(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from jobs.console.app import run\n"
        "def command() -> None:\n"
        "    text = 'somebody' + 's words'\n"
        "    try:\n        raise KeyError(text)\n"
        "    except KeyError as error:\n        raise ValueError(text) from error\n"
        "run(command)\n"
    )
    done = subprocess.run(
        [sys.executable, "broken.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1
    assert "line 5, in command" in done.stderr
    assert "KeyError" in done.stderr
    assert "ValueError" in done.stderr
    assert "somebodys words" not in done.stderr


@pytest.mark.slow
def test_query_prints_a_table_and_says_it_is_no_diagnosis(tmp_path: Path) -> None:
    Database(tmp_path / "risk.duckdb").connect().close()
    done = forked_risk_monitor("query", "SELECT 1 AS one, 'x' AS letter", "--db", "risk.duckdb", folder=tmp_path)
    assert [line.split() for line in done.stdout.splitlines()][::2] == [["one", "letter"], ["1", "x"]]
    assert done.stderr == f"1 row · {NOT_A_DIAGNOSIS}\n"
    to_csv = ["query", "SELECT 1 AS one", "--db", "risk.duckdb", "--format", "csv"]
    csv = forked_risk_monitor(*to_csv, folder=tmp_path)
    assert csv.stdout == "one\n1\n"

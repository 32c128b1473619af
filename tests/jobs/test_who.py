"""`risk-monitor who`: from a code to a person and back, and a line in the access log for each use."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs import report
from jobs.cli import main
from jobs.forget import forget_subject
from jobs.pipeline.people import named_database
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.intake.row_rules import IdRules
from monitor.privacy.access_log import account
from monitor.privacy.pseudonyms import open_pseudonyms
from monitor.privacy.roster import read_roster
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

PEOPLE = ("s1234", "s5678", "s9999")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with pseudonyms, its key, and one with plain ids; three people."""
    folder = tmp_path_factory.mktemp("who")
    rows = "".join(f"{who},2026-01-0{day}T08:00:00Z,joy {day}\n" for who in PEOPLE for day in range(1, 4))
    (folder / "feed.csv").write_text("subject_id,posted_at,text\n" + rows)
    key = folder / "risk.duckdb.key"
    score_files([folder / "feed.csv"], Database(folder / "risk.duckdb"), KeywordScorer, key_file=key)
    score_files([folder / "feed.csv"], Database(folder / "plain.duckdb"), KeywordScorer)
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        main(["who", *words])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out + printed.err


def codes(db: Path) -> dict[str, str]:
    with Database(db).reading() as con:
        return dict(con.execute("SELECT subject_id, code FROM codes").fetchall())


def accesses(db: Path) -> list[tuple]:
    with Database(db).reading() as con:
        return con.execute('SELECT command, code, n_people FROM access_log ORDER BY "at"').fetchall()


@pytest.mark.slow
def test_a_code_leads_to_the_name_and_an_id_to_the_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = folder / "risk.duckdb"
    hidden = open_pseudonyms(folder / "risk.duckdb.key").of("s1234")
    code = codes(db)[hidden]
    (folder / "roster.csv").write_text("subject_id,name,class\ns1234,Ana Novak,7b\ns5678,Bo Chen,7b\n")
    before = len(accesses(db))
    for word in (code, code.lower(), "s1234", hidden):
        exit_code, told = call(capsys, word, "--db", str(db), "--roster", str(folder / "roster.csv"))
        assert exit_code == 0
        assert re.search(rf"code\s+{code}\n\s+subject\s+{hidden}\n\s+name\s+Ana Novak", told)
    assert accesses(db)[before:] == [("who", code, 1)] * 4
    _, told = call(capsys, "s9999", "--db", str(db), "--roster", str(folder / "roster.csv"))
    assert "not in the roster" in told
    assert "Ana" not in told


def test_nobody_is_an_error_that_is_logged_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(accesses(folder / "plain.duckdb"))
    exit_code, told = call(capsys, "Zuzu9", "--db", str(folder / "plain.duckdb"))
    assert exit_code == 2
    assert "nobody in" in told
    assert accesses(folder / "plain.duckdb")[before:] == [("who", None, 0)]


def test_without_the_key_a_plain_id_leads_nowhere(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    db = tmp_path / "risk.duckdb"
    db.write_bytes((folder / "risk.duckdb").read_bytes())
    (tmp_path / "roster.csv").write_text("subject_id,name\ns1234,Ana Novak\n")
    exit_code, told = call(capsys, "s1234", "--db", str(db))
    assert exit_code == 2
    assert "needs the key" in told
    code = next(iter(codes(db).values()))
    exit_code, told = call(capsys, code, "--db", str(db), "--roster", str(tmp_path / "roster.csv"))
    assert exit_code == 0
    assert "the key is not here" in told
    assert "not in the roster" in told


def test_the_key_may_be_named_by_a_variable_without_settings(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = tmp_path / "risk.duckdb"
    db.write_bytes((folder / "risk.duckdb").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RISK_MONITOR_KEY_FILE", str(folder / "risk.duckdb.key"))
    exit_code, _ = call(capsys, "s1234", "--db", str(db))
    assert exit_code == 0
    assert named_database(db, None)[1] == folder / "risk.duckdb.key"
    forget_subject(Database(db), "s1234", None)
    exit_code, printed = call(capsys, "s1234", "--db", str(db))
    assert exit_code == 2
    assert "check how it is written" in " ".join(printed.split())


def test_copy_of_a_snapshot_names_its_unknown_key_as_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    snapshot = publish(Database(folder / "risk.duckdb"), tmp_path / "snapshot")
    db, reason = tmp_path / "copy.duckdb", "does not record the key of its ids: name the database itself"
    db.write_bytes(snapshot.read_bytes())
    shutil.copy(folder / "risk.duckdb.key", tmp_path / "copy.duckdb.key")
    roster = write(tmp_path / "roster.csv", "subject_id,name\ns1234,Ana Novak\n")
    exit_code, printed = call(capsys, "s1234", "--db", str(db))
    assert exit_code == 2
    assert reason in " ".join(printed.split())
    assert "check how it is written" not in printed
    code = next(iter(codes(db).values()))
    exit_code, printed = call(capsys, code, "--db", str(db), "--roster", str(roster))
    assert exit_code == 0
    assert reason in " ".join(printed.split())


@pytest.mark.slow
def test_an_id_is_found_as_a_program_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "feed.csv").write_text("subject_id,posted_at,text\n7,2026-01-01,joy\nanna,2026-01-01,joy\n")
    db = tmp_path / "risk.duckdb"
    key, rules = tmp_path / "risk.duckdb.key", IdRules(casefold=True)
    score_files([tmp_path / "feed.csv"], Database(db), KeywordScorer, key_file=key, ids=rules)
    (tmp_path / "roster.csv").write_text("subject_id,name\n7.0,Ana Novak\nANNA,Bo Chen\n")
    (tmp_path / "rm.toml").write_text('db = "risk.duckdb"\n[ids]\ncasefold = true\n')
    for word, name in (("7.0", "Ana Novak"), ("Anna", "Bo Chen")):
        words = (word, "--config", str(tmp_path / "rm.toml"), "--roster", str(tmp_path / "roster.csv"))
        exit_code, told = call(capsys, *words)
        assert (exit_code, name in told) == (0, True), told


def test_a_report_of_a_database_takes_the_ids_of_its_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "feed.csv").write_text("subject_id,posted_at,text\nanna,2026-01-01,joy\n")
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "a.key"
    db, rules = Database(tmp_path / "risk.duckdb"), IdRules(casefold=True)
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, key_file=key, ids=rules)
    (tmp_path / "roster.csv").write_text("subject_id,name\nANNA,Bo Chen\n")
    (tmp_path / "risk-monitor.toml").write_text(
        'db = "risk.duckdb"\nkey_file = "keys/a.key"\n[ids]\ncasefold = true\n'
    )
    monkeypatch.chdir(tmp_path)
    named: list[Mapping[str, str]] = []
    monkeypatch.setattr(report, "write_report", lambda *_, names: named.append(names) or tmp_path)
    with pytest.raises(SystemExit):
        main(["report", "--db", "risk.duckdb", "--out", "x", "--mode", "case", "--roster", "roster.csv"])
    assert [[*names.values()] for names in named] == [["Bo Chen"]], capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("subject_id,name\ns1234,Ana\ns5678,Ana\n", 0, "1 name is shared by several people"),
        ("subject_id,name\ns1234,Ana\nstranger,Bo\nother,Cy\n", 0, "2 of its ids are not in"),
        ("subject_id,name\ns1234,Ana\ns1234,Anna\n", 2, "row 3, subject_id: row 2 names this person already"),
        ("subject_id,name\ns1234,\n", 2, "row 2, name: empty"),
        ("subject_id,name\n,Ana\n", 2, "row 2, subject_id: empty"),
        ("subject_id,name\n", 2, "names nobody"),
        ("id,name\ns1234,Ana\n", 2, "lacks the column subject_id"),
        ("", 2, "not a CSV"),
        ("subject_id,name\ns1234," + "x" * 81 + "\n", 2, "longer than 80"),
    ],
)
def test_a_faulty_roster_is_explained_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, code: int, message: str
) -> None:
    (tmp_path / "roster.csv").write_text(content)
    exit_code, told = call(
        capsys, "s1234", "--db", str(folder / "plain.duckdb"), "--roster", str(tmp_path / "roster.csv")
    )
    assert (exit_code, message in " ".join(told.split())) == (code, True), told


def test_a_missing_roster_is_said_to_be_missing_and_one_of_notepad_is_read(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("s1234", "--db", str(folder / "plain.duckdb"), "--roster")
    exit_code, told = call(capsys, *words, str(tmp_path / "nothere.csv"))
    assert exit_code == 2
    assert "there is no such file; give a roster, a CSV with subject_id and name" in " ".join(told.split())
    _, told = call(capsys, *words, str(tmp_path))
    assert "(Is a directory); give a roster, a CSV with subject_id and name" in " ".join(told.split())
    (tmp_path / "marked.csv").write_text("subject_id,name\ns1234,Ana Novak\n", encoding="utf-8-sig")
    assert "Ana Novak" in call(capsys, *words, str(tmp_path / "marked.csv"))[1]


def test_a_roster_keeps_ids_apart_that_differ_by_spaces(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text('subject_id,name\n"P  01 ",Ana  Novak\nP 01,Bo\n')
    assert read_roster(path, lambda ids: dict(zip(ids, ids, strict=True))).names == {
        "P  01": "Ana Novak",
        "P 01": "Bo",
    }


def test_the_access_log_names_the_account_and_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "somebody-else")
    assert account() != "somebody-else"

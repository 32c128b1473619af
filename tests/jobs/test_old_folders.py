"""Folders that the settings name no more, and files that nobody can read, are told where texts have to go."""

import os
from pathlib import Path

import pytest

from jobs.forget import forget_subject
from jobs.pipeline.night import remove_old_texts, report_and_publish
from jobs.pipeline.output_folders import left_behind
from jobs.pipeline.write_report import report_files
from jobs.report import write_all
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError, StoreError
from monitor.settings import Settings, load_settings
from tests.support.inputs import write
from tests.support.rows import database

CASE = '[[reports]]\nmode = "case"\nevidence = true\n'


def settings(folder: Path, text: str, named: str = "risk-monitor.toml") -> Settings:
    db = "" if text.startswith("db = ") else 'db = "risk.duckdb"\n'
    return load_settings(write(folder / named, f"{db}text_days = 3\n{text}"))


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """After a night with a case report, and a snapshot with texts."""
    monkeypatch.setattr("jobs.pipeline.night.write_report", lambda _, out, **__: out / "index.html")
    db = Database(database(tmp_path / "risk.duckdb"))
    report_and_publish(db, settings(tmp_path, f"snapshot_texts = true\n{CASE}"), "m")
    for name in ("case", "report"):
        (tmp_path / "out" / name).mkdir()
    write(tmp_path / "out" / "case" / ".risk-monitor-report", "index.html\n")
    write(tmp_path / "out" / "case" / "index.html", "a text")
    return db


@pytest.mark.slow
def test_folders_that_the_settings_name_no_more_are_told(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now, case, snapshot = settings(tmp_path, 'snapshot = "copy"\n'), tmp_path / "out/case", tmp_path / "out/snapshot"
    assert left_behind(db, settings(tmp_path, CASE)) == []
    remove_old_texts(db, now, 3, trust_clock=True)
    told = " ".join(capsys.readouterr().err.split())
    assert f"{case}: an earlier run wrote this report, but the settings no longer name it" in told
    assert f"{snapshot}: an earlier run wrote this snapshot" in told
    with pytest.raises(StoreError, match="removed from the database, but the proof is not complete: ") as fault:
        forget_subject(db, "s", now)
    assert f"{case}: an earlier run wrote this report" in str(fault.value)
    assert f"{snapshot}: an earlier run wrote this snapshot" in str(fault.value)
    with db.reading() as con:
        assert con.execute("FROM documents").fetchall() == []
    (case / "index.html").unlink()
    assert [one.folder for one in left_behind(db, now)] == [snapshot]


@pytest.mark.slow
def test_folders_of_reports_by_day_are_told_by_forget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def page(_db: Database, out: Path, **_: object) -> Path:
        out.mkdir(parents=True, exist_ok=True)
        report_files(out).claim(out / "index.html")
        return write(out / "index.html", "a text")

    monkeypatch.setattr("jobs.pipeline.night.write_report", page)
    db = Database(database(tmp_path / "risk.duckdb"))
    settings(tmp_path, CASE)
    write_all(tmp_path / "risk-monitor.toml")
    with pytest.raises(StoreError, match="case: an earlier run wrote this report"):
        forget_subject(db, "s", settings(tmp_path, ""))
    snapshot = publish(db, tmp_path / "out" / "snapshot")
    capsys.readouterr()
    settings(tmp_path, f'db = "{snapshot}"\n{CASE}', named="day.toml")
    write_all(tmp_path / "day.toml")  # a snapshot takes no record, and its reports are written all the same
    assert "case" in capsys.readouterr().out


@pytest.mark.slow
def test_forget_without_settings_names_the_folders_of_runs(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_subject(db, "s", None)
    assert f"not searched: {tmp_path / 'out' / 'case'}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_named_and_not_covered(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, opened = write(tmp_path / "out" / "report" / "theirs.txt", "x"), Path.open

    def refuse(path: Path, *args: object, **options: object) -> object:
        if path == theirs:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match=r"report/theirs.txt: cannot be read, so the proof does not cover it"):
        forget_subject(db, "s", settings(tmp_path, CASE))
    assert "removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "this file is not a list; move it away$"),
        ("pipe", "this file is not a list; move it away$"),
        ("torn", "so look at the list and remove it$"),
    ],
)
def test_a_list_that_is_none_is_one_line(tmp_path: Path, kind: str, message: str) -> None:
    place = tmp_path / ".risk-monitor-report"
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.write_bytes(b"\0" * 10_000)  # as a machine that lost power may leave it
    with pytest.raises(ConfigError, match=message) as error:
        report_files(tmp_path)
    assert len(str(error.value)) < 500

"""Folders that the settings name no more, and files that nobody can read, are told where texts have to go."""

from pathlib import Path

import pytest

from jobs.forget import forget_subject
from jobs.pipeline.night import remove_old_texts, report_and_publish
from jobs.pipeline.output_folders import left_behind
from monitor.database.connection import Database
from monitor.errors import StoreError
from monitor.settings import Settings, load_settings
from tests.support.inputs import write
from tests.support.rows import database

CASE = '[[reports]]\nmode = "case"\nevidence = true\n'


def settings(folder: Path, text: str) -> Settings:
    return load_settings(write(folder / "risk-monitor.toml", f'db = "risk.duckdb"\ntext_days = 3\n{text}'))


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


def test_folders_that_the_settings_name_no_more_are_told(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now, case, snapshot = settings(tmp_path, 'snapshot = "copy"\n'), tmp_path / "out/case", tmp_path / "out/snapshot"
    assert left_behind(db, settings(tmp_path, CASE)) == []
    remove_old_texts(db, now, 3, trust_clock=True)
    told = " ".join(capsys.readouterr().err.split())
    assert f"{case}: an earlier run wrote this report, and the settings name it no more" in told
    assert f"{snapshot}: an earlier run wrote this snapshot" in told
    with pytest.raises(StoreError, match="the subject is removed from the database, but not everywhere") as fault:
        forget_subject(db, "s", now)
    assert f"{case}: an earlier run wrote this report" in str(fault.value)
    assert f"{snapshot}: an earlier run wrote this snapshot" in str(fault.value)
    with db.reading() as con:
        assert con.execute("FROM documents").fetchall() == []
    (case / "index.html").unlink()
    assert [one.folder for one in left_behind(db, now)] == [snapshot]


def test_forget_without_settings_names_the_folders_of_runs(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_subject(db, "s", None)
    assert f"not searched: {tmp_path / 'out' / 'case'}" in " ".join(capsys.readouterr().err.split())


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

"""Folders that the settings name no more, and files that nobody can read, are told where texts have to go."""

from pathlib import Path

import pytest

from jobs.forget import forget_subject
from jobs.pipeline.night import report_and_publish
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

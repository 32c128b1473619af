"""A folder that the user of a run may not enter: it is told, with a remedy, and never passed over in silence."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs import inspect, report  # noqa: F401  (nobody may not import them later)
from jobs.cli import main
from jobs.forget import _input_files
from jobs.pipeline.inbox import complete_files, inbox_state, sha256_of
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.store import files_read
from monitor.errors import DataError
from monitor.intake.documents import find_inputs
from monitor.intake.feeds import Feed
from monitor.intake.unsafe_entries import reason_to_refuse
from monitor.settings import Settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

NOBODY = 65534
TEXTS = "subject_id,posted_at,text\nanna,2026-01-01,joy\n"
FEEDS = (Feed(files=["forms/*.csv"]), Feed(files=["chats/**/*.csv"]))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed to others."""
    place = Path("/tmp") / f"risk-monitor-{os.getpid()}"
    try:
        place.mkdir()
        yield place
    finally:
        for parent, names, _ in os.walk(place):
            for name in names:
                Path(parent, name).chmod(0o700)
        shutil.rmtree(place)


def filled(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, TEXTS)


@contextmanager
def as_nobody() -> Iterator[None]:
    """The block of a user whom a folder's mode can shut out: of this one, or of nobody in place of root."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_closed_subfolder_that_a_feed_names_is_a_file_that_cannot_be_read(folder: Path, mode: int) -> None:
    for name in ("a.csv", "forms/b.csv", "chats/may/c.csv", "chats/june/d.csv", "other/e.csv"):
        filled(folder / name)
    closed = [folder / "chats" / "may", folder / "forms"]
    for path in (*closed, folder / "other"):
        path.chmod(mode)
    with as_nobody():
        found = complete_files(folder, 0, FEEDS)
        assert found == [folder / "a.csv", folder / "chats" / "june" / "d.csv", *closed]
        with pytest.raises(DataError, match="may not look into this folder, and a feed names it; let the user in"):
            sha256_of(folder / "forms")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (0o000, r"cannot read the inbox \(Permission denied\); .*let this user read it"),
        (0o111, r"cannot read the inbox \(Permission denied\); .*let this user read it"),
        (0o444, "this user may list the inbox, but not enter it; let the user in there"),
    ],
)
def test_an_inbox_that_may_not_be_listed_or_entered_is_one_line_with_a_remedy(
    folder: Path, mode: int, message: str
) -> None:
    inbox = filled(folder / "inbox" / "a.csv").parent
    inbox.chmod(mode)
    with as_nobody():
        for read in (lambda: complete_files(inbox, 0), lambda: inbox_state(inbox)):
            with pytest.raises(DataError, match=f"inbox: {message}"):
                read()


def test_a_pattern_in_a_folder_that_may_not_be_listed_is_not_taken_for_one_that_matches_nothing(
    folder: Path,
) -> None:
    shut = filled(folder / "shut" / "a.csv").parent
    shut.chmod(0o111)
    with as_nobody():
        for pattern in (shut / "*.csv", shut / "**" / "*.csv"):
            with pytest.raises(DataError, match="shut: this user may not list this folder; let the user do so, or"):
                find_inputs([pattern])
        assert find_inputs([shut / "a.csv"]) == [shut / "a.csv"]


def test_the_reason_to_refuse_an_entry_says_whether_permission_is_missing(folder: Path) -> None:
    shut = filled(folder / "inbox" / "shut" / "a.csv").parent
    to_shut, circle = folder / "inbox" / "link.csv", folder / "inbox" / "circle.csv"
    to_shut.symlink_to(shut / "a.csv")
    circle.symlink_to(circle)
    shut.chmod(0o444)
    with as_nobody():
        for path in (to_shut, shut / "a.csv"):
            assert reason_to_refuse(path, folder / "inbox") == "where this user may not look; let the user in there"
        assert reason_to_refuse(circle, folder / "inbox") == "a link that leads in a circle"


def test_forget_names_the_input_that_it_may_not_look_at(folder: Path) -> None:
    filled(folder / "inbox" / "forms" / "a.csv")
    settings = Settings(db=folder / "risk.duckdb", inbox=folder / "inbox", feeds=FEEDS, pseudonyms=False)
    db = Database(settings.db)
    score_files([folder / "inbox" / "forms" / "a.csv"], db, KeywordScorer)
    folder.chmod(0o777)
    with db.reading() as con:
        read = files_read(con)
    for closed in (folder / "inbox" / "forms", folder / "inbox"):
        closed.chmod(0)
        with as_nobody():
            assert closed in _input_files(read, settings)[1]


@pytest.mark.parametrize("words", [["inspect", "shut/a.csv"], ["report", "--db", "shut/a.duckdb", "--out", "o"]])
def test_a_path_in_a_closed_folder_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    filled(folder / "shut" / "a.csv")
    (folder / "shut").chmod(0)
    monkeypatch.chdir(folder)
    with as_nobody(), pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "permission denied; let this user in there, or name another place" in " ".join(
        capsys.readouterr().err.split()
    )

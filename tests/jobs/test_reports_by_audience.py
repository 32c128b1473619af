"""One night, several readers: a pilot of eight people in the counsellors' report, and a board that sees no one."""

import shutil
import stat
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.pipeline.audiences import planned_reports
from jobs.pipeline.night import report_and_publish
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.settings import load_settings
from reports.risk import pictures
from reports.style import rendering
from tests.support.keyword_scorer import KeywordScorer

PEOPLE = [f"s{number}" for number in range(1, 9)]
CASE = '\n[[reports]]\nmode = "case"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored pilot of eight people, three of them sad, in two cohorts; ids are hashed."""
    folder = tmp_path_factory.mktemp("pilot")
    rows = [
        f"{who},2026-01-{day:02d}T08:00:00Z,{'sadness' if who < 's4' else 'joy'} {day},"
        f"{'north' if who < 's6' else 'south'}\n"
        for who in PEOPLE
        for day in range(1, 15)
    ]
    (folder / "feed.csv").write_text("subject_id,posted_at,text,source\n" + "".join(rows))
    db = Database(folder / "risk.duckdb")
    score_files([folder / "feed.csv"], db, KeywordScorer, key_file=folder / "risk.duckdb.key")
    (folder / "roster.csv").write_text("subject_id,name\ns1,Ana Novak\nstranger,Bo\n")
    return folder


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "write", lambda *_args, **_options: [])
    monkeypatch.setattr(rendering.Drawer, "__enter__", lambda self: self)
    monkeypatch.setattr(rendering.Drawer, "__exit__", lambda *_args: None)


def settings_file(folder: Path, extra: str) -> Path:
    config = folder / "risk-monitor.toml"
    config.write_text('db = "risk.duckdb"\ninbox = "inbox"\nout = "out/report"\n' + extra)
    return config


def codes(folder: Path) -> set[str]:
    with Database(folder / "risk.duckdb").reading() as con:
        return {code for (code,) in con.execute("SELECT code FROM codes").fetchall()}


@pytest.mark.slow
def test_two_lines_of_settings_show_a_pilot_to_its_counsellors_and_not_to_the_board(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(settings_file(folder, CASE))
    report_and_publish(Database(settings.db), settings, None)
    case = (folder / "out" / "case" / "people.html").read_text()
    board = "".join(page.read_text() for page in (folder / "out" / "report").glob("*.html"))
    assert "3 people to look at: 3 still high." in case
    assert sum(f'id="{code}"' in case for code in codes(folder)) == 3
    assert not [code for code in codes(folder) if code in board]
    assert "with fewer than 11 people, even a card" in board
    assert stat.S_IMODE((folder / "out" / "case" / "people.html").stat().st_mode) == 0o600
    told = " ".join(capsys.readouterr().err.split())
    assert "people withheld: 8 have scores, fewer than min_cohort = 11; mode case" in told
    assert "numbers of the last week withheld" in told


@pytest.mark.slow
def test_each_reader_gets_the_roster_language_and_cohorts_of_the_settings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = (
        '[[reports]]\nname = "board"\nmode = "aggregate"\nfolder = "out/report"\nlang = "zh-TW"\n'
        '[[reports]]\nname = "team-north"\nmode = "case"\nroster = "roster.csv"\ncohorts = ["north", "west"]\n'
    )
    with pytest.raises(SystemExit) as stop:
        main(["report", "--config", str(settings_file(folder, extra))])
    assert stop.value.code == 0
    board = (folder / "out" / "report" / "index.html").read_text()
    assert '<html lang="zh-TW">' in board
    assert "本報告只談群體，不顯示個人" in board
    north = (folder / "out" / "team-north" / "people.html").read_text()
    assert "Ana Novak" in north
    assert "Bo" not in north.split("<script")[0].split()
    assert "70 scored texts of 5 subjects" in north
    told = " ".join(capsys.readouterr().err.split())
    assert "1 of its ids is not in" in told
    assert "cohorts: no scored text is of west; there are north, south" in told
    with Database(folder / "risk.duckdb").reading() as con:
        assert con.execute("SELECT command, n_people FROM access_log").fetchall() == [("report", 1)]


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        ("--cohort north --mode aggregate --min-cohort 4", True),  # three people are of south
        ("--cohort north --min-cohort 4", True),
        ("--cohort north --mode aggregate --min-cohort 3", False),
        ("--cohort north --mode case", False),
        ("--cohort north --cohort south --mode aggregate --min-cohort 4", False),
        ("--mode aggregate --min-cohort 4", False),
    ],
)
def test_a_report_of_cohorts_warns_if_its_difference_to_everyone_is_about_few_people(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, warned: bool
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["report", "--db", str(folder / "risk.duckdb"), "--out", str(tmp_path / "out"), *words.split()])
    assert stop.value.code == 0
    told = " ".join(capsys.readouterr().err.split())
    assert ("cohorts: the other cohorts have fewer than min_cohort = 4 people" in told) == warned


def test_a_text_with_a_wrong_year_keeps_no_warning_about_cohorts_back(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = shutil.copy(folder / "risk.duckdb", tmp_path / "risk.duckdb")
    with Database(Path(db)).writing() as con:
        for table in ("scores", "documents"):
            changed = "(SELECT min(doc_id) FROM documents WHERE source = 'north')"
            con.execute(f"UPDATE {table} SET posted_at = TIMESTAMP '2098-11-05' WHERE doc_id = {changed}")
    words = ["--cohort", "north", "--mode", "aggregate", "--min-cohort", "4"]
    with pytest.raises(SystemExit) as stop:
        main(["report", "--db", str(db), "--out", str(tmp_path / "out"), *words])
    assert stop.value.code == 0
    assert "the other cohorts have fewer than min_cohort = 4 people" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('[[reports]]\nmode = "cases"\n', "reports.0.mode"),
        ('[[reports]]\nmode = "case"\nrooster = "x"\n', "did you mean roster"),
        ('[[reports]]\nroster = "roster.csv"\n', 'a roster names people, so it needs mode = "case"'),
        (CASE + CASE, "several are named case"),
        (CASE + 'roster = "missing.csv"\n', "there is no such roster"),
        (CASE + '[[reports]]\nfolder = "out/case"\n', "is the folder of two of them"),
        (CASE + 'folder = "inbox"\n', "the folder of the inbox"),
        (CASE + 'lang = "fr"\n', "reports, case: lang fr"),
        ('[[reports]]\nmode = "aggregate"\nevidence = true\n', "shows no single people"),
    ],
)
def test_a_mistake_in_a_report_is_named_before_a_night_begins(folder: Path, extra: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        planned_reports(load_settings(settings_file(folder, extra)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--db", "risk.duckdb"], "--out"),
        (["--config", "risk-monitor.toml", "--out", "x"], "reports; leave out --out"),
        (
            [
                "--config",
                "risk-monitor.toml",
                "--min-cohort",
                "11",
                "--mode",
                "case",
                "--evidence",
                "--lang",
                "zh-TW",
            ],
            "leave out --min-cohort and --evidence and --lang and --mode",
        ),
        (["--db", "risk.duckdb", "--out", "x", "--roster", "roster.csv"], "needs --mode case"),
        (["--db", "risk.duckdb", "--out", "x", "--mode", "cases"], "there is aggregate, people, case"),
    ],
)
def test_the_report_command_explains_what_does_not_go_together(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    settings_file(folder, "")
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stop:
        main(["report", *words])
    assert stop.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())

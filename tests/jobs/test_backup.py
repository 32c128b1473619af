"""A backup brings everything back but the key; a damaged, foreign or occupied one is a line."""

import gzip
import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import duckdb
import pytest

import jobs.backup
from jobs.backup import backup
from jobs.cli import main
from jobs.console import app
from jobs.pipeline import run
from jobs.pipeline.score_files import score_files
from jobs.restore import command as restore_command
from jobs.restore import restore
from jobs.who import who
from monitor.database.connection import Database, companions
from monitor.database.snapshot import publish
from monitor.errors import IN_THE_WAY, BusyError, ConfigError, DataError, StoreError
from monitor.privacy.retention import rewrite
from monitor.settings import load_settings
from tests.support import forked
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.rows import database

slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    feed = write(folder / "feed.csv", "subject_id,posted_at,text\ns1,2026-01-01,joy\ns2,2026-01-02,sadness\n")
    write(folder / "risk-monitor.toml", 'db = "risk.duckdb"\n')
    score_files([feed], Database(folder / "risk.duckdb"), KeywordScorer, key_file=folder / "risk.duckdb.key")
    return folder


@pytest.fixture
def db(scored: Path, tmp_path: Path) -> Database:
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    return Database(tmp_path / "risk.duckdb")


def contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    with db.reading() as con:
        tables = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {name: sorted(con.table(name).fetchall(), key=repr) for name in tables}


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def _heard() -> Iterator[None]:
    """The handler of Ctrl-C, which an interrupted command switches off, is back after the test."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heard")
def test_an_interrupted_command_that_commits_nothing_says_what_is_true(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "backups"
    monkeypatch.setattr("jobs.backup.sha256_of", stopped)
    monkeypatch.setattr("jobs.query.check_statement", stopped)
    for words, line in (
        (["backup", str(folder), "--config", str(tmp_path / "risk-monitor.toml")], "interrupted; no backup was made"),
        (["query", "SELECT 1", "--db", str(db.file)], "interrupted"),
    ):
        with pytest.raises(SystemExit, match="130"):
            main(words)
        assert capsys.readouterr().err.splitlines() == [line]
    assert not folder.exists() or not list(folder.iterdir())


def test_only_commands_have_a_line_after_ctrl_c() -> None:
    assert app.INTERRUPTED_LINES.keys() <= app.COMMANDS.keys()


@pytest.mark.slow
def test_a_backup_brings_back_every_row_and_setting_but_no_key(db: Database, tmp_path: Path) -> None:
    kept = backup(db, tmp_path / "backups", tmp_path / "risk-monitor.toml")
    names = {path.name for path in kept.iterdir()}
    assert names == {"risk.duckdb", "risk-monitor.toml", "backup.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    restored = restore(kept, tmp_path / "new")
    assert contents(restored) == contents(db)
    assert (tmp_path / "new" / "risk-monitor.toml").read_text() == 'db = "risk.duckdb"\n'
    again = score_files([tmp_path / "feed.csv"], restored, KeywordScorer, key_file=tmp_path / "risk.duckdb.key")
    assert again.counts.n_appended == 0
    with restored.writing() as con, pytest.raises(duckdb.ConstraintException):
        con.execute("INSERT INTO documents FROM documents")


def test_a_backup_waits_for_the_end_of_a_run(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`watch` may be in a batch when the scheduled backup begins."""
    with ExitStack() as other_run:
        other_run.enter_context(db.only_writer())
        monkeypatch.setattr(run, "sleep", lambda _: other_run.close())
        assert (backup(db, tmp_path / "backups") / "risk.duckdb").is_file()
    assert "another run is working on the database; waiting for it, 300 s at most" in capsys.readouterr().err
    monkeypatch.setattr(jobs.backup, "WRITE_WAIT_S", 0)
    with db.only_writer(), pytest.raises(BusyError, match="another run is working on this database"):
        backup(db, tmp_path / "others")
    assert not (tmp_path / "others").exists()


def test_the_files_that_the_settings_name_and_a_backup_lacks_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database(tmp_path / "risk.duckdb")
    write(tmp_path / "a.csv", "subject_id,name\ns,Ana\n")
    top = 'db = "risk.duckdb"\ncrisis_list = "words.toml"\n'
    reports = [f'[[reports]]\nname = "{name}"\nmode = "case"\nroster = "{name}.csv"\n' for name in ("a", "b")]
    config = write(tmp_path / "risk-monitor.toml", top + "".join(reports))
    for number, given in enumerate(([], ["--roster", str(tmp_path / "a.csv")])):
        with pytest.raises(SystemExit) as stop:
            main(["backup", str(tmp_path / f"backups{number}"), "--config", str(config), *given])
        assert stop.value.code == 0
        told = " ".join(capsys.readouterr().err.split())
        assert ("a.csv (roster; --roster adds one)" in told) == (not given)
        assert "b.csv (roster; --roster adds one), " in told
        assert "words.toml (crisis_list); keep copies of them elsewhere" in told


@pytest.mark.slow
def test_nothing_is_written_into_a_backup_so_that_it_can_still_be_restored(db: Database, tmp_path: Path) -> None:
    made = backup(db, tmp_path / "backups", tmp_path / "risk-monitor.toml")
    inside = Database(made / "risk.duckdb")
    with inside.reading() as con:
        (code,) = con.execute("SELECT min(code) FROM codes").fetchall()[0]
    for write_there in (
        lambda: who(inside, code, tmp_path / "risk.duckdb.key", None),  # each use is logged
        lambda: score_files([tmp_path / "feed.csv"], inside, KeywordScorer, key_file=tmp_path / "risk.duckdb.key"),
    ):
        with pytest.raises(StoreError, match="the database of a backup, which `restore` takes only unchanged"):
            write_there()
    assert who(restore(made, tmp_path / "new"), code, tmp_path / "risk.duckdb.key", None)[0].code == code


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[str], Path]:
    """Backs up a small database with settings of this text."""

    def make(text: str) -> Path:
        file = database(tmp_path / "old.duckdb")
        with Database(file).writing() as con:
            con.execute("INSERT INTO pseudonyms VALUES ('fingerprint', TIMESTAMP '2026-01-01')")
        write(tmp_path / "old.toml", text)
        return backup(Database(file), tmp_path / "backups", tmp_path / "old.toml")

    return make


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        ('db = "data/risk.duckdb"\n', "data/risk.duckdb", "data/risk.duckdb.key"),
        slow('\ufeffdb = "data/risk.duckdb"\n', "data/risk.duckdb", "data/risk.duckdb.key"),
        slow("threshold = 0.4\n", "risk-monitor.duckdb", "risk-monitor.duckdb.key"),
        slow('db = "./a/../risk.duckdb"\nkey_file = "keys/k"\n', "risk.duckdb", "keys/k"),
        ('db = "/elsewhere/risk.duckdb"\n', "old.duckdb", "old.duckdb.key"),
        slow('db = "../risk.duckdb"\nkey_file = "/keys/k"\n', "old.duckdb", "/keys/k"),
    ],
)
def test_a_database_is_restored_to_where_the_restored_settings_say(
    kept: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    place: str,
    key: str,
) -> None:
    new = tmp_path / "new"
    restore_command(kept(text), new)
    printed = " ".join("".join(capsys.readouterr()).split())
    named = load_settings(new / "risk-monitor.toml").db
    assert (new / place).is_file()
    assert sum(1 for _ in new.rglob("*.duckdb")) == 1
    assert f"bring the key back as well: {new / key}" in printed
    if place == "old.duckdb":
        assert named != new / place
        assert 'write db = "old.duckdb" there' in printed
    else:
        assert named.resolve() == (new / place).resolve()
        assert "still says" not in printed


CASE = '[[reports]]\nmode = "case"\nname = "{}"\nroster = "{}"\n'


@pytest.mark.parametrize(
    ("named", "place", "lines"),
    [
        (["people/roster.csv"], "people/roster.csv", []),
        (["people/roster.csv", "./people/roster.csv"], "people/roster.csv", []),
        ([], "roster.csv", []),
        (
            ["/elsewhere/roster.csv"],
            "roster.csv",
            ['says roster = "/elsewhere/roster.csv", a place outside {new}: write roster = "roster.csv" there'],
        ),
        (
            ["a/roster.csv", "b/roster.csv"],
            "roster.csv",
            [
                'says roster = "a/roster.csv", which is not there: write roster = "roster.csv" there, or bring back '
                "{new}/a/roster.csv",
                'says roster = "b/roster.csv", which is not there: write roster = "roster.csv" there, or bring back '
                "{new}/b/roster.csv",
            ],
        ),
        (["a.csv", "roster.csv"], "roster.csv", ['says roster = "a.csv", which is not there: write roster =']),
    ],
)
def test_a_roster_is_restored_to_where_the_restored_settings_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], named: list[str], place: str, lines: list[str]
) -> None:
    db, new = Database(database(tmp_path / "risk.duckdb")), tmp_path / "new"
    roster = write(tmp_path / "names.csv", "subject_id,name\ns1,Ana\n")
    tables = "".join(CASE.format(f"r{number}", path) for number, path in enumerate(named))
    settings = write(tmp_path / "risk-monitor.toml", f'db = "risk.duckdb"\n{tables}')
    restore_command(backup(db, tmp_path / "backups", settings, roster), new)
    printed = " ".join("".join(capsys.readouterr()).split())
    assert (new / place).read_text() == roster.read_text()
    assert [path.name for path in new.rglob("*.csv")] == [Path(place).name]
    assert printed.count("says roster") == len(lines)
    for line in lines:
        assert line.format(new=new) in printed


def test_files_that_the_settings_name_and_no_backup_holds_are_told(
    kept: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restore_command(kept('crisis_list = "words.toml"\n' + CASE.format("r", "names.csv")), tmp_path / "new")
    printed = " ".join("".join(capsys.readouterr()).split())
    for name, file in (("crisis_list", "words.toml"), ("roster", "names.csv")):
        assert f'says {name} = "{file}", which is not there: bring back {tmp_path / "new" / file}' in printed


@pytest.mark.parametrize("named", ["risk-monitor.toml", "backups/../risk.duckdb"])
def test_a_roster_with_the_place_of_another_file_is_refused(tmp_path: Path, named: str) -> None:
    db = Database(database(tmp_path / "risk.duckdb"))
    roster = write(tmp_path / "names.csv", "subject_id,name\ns1,Ana\n")
    settings = write(tmp_path / "risk-monitor.toml", f'db = "risk.duckdb"\n{CASE.format("r", named)}')
    made = backup(db, tmp_path / "backups", settings, roster)
    with pytest.raises(DataError, match="is the name of another file of this backup"):
        restore(made, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_damaged_or_foreign_backup_and_an_occupied_folder_are_refused(db: Database, tmp_path: Path) -> None:
    kept = backup(db, tmp_path / "backups")
    with pytest.raises(ConfigError, match="exists already"):
        restore(kept, tmp_path)
    (kept / "risk.duckdb").write_bytes((kept / "risk.duckdb").read_bytes()[:-1])
    with pytest.raises(DataError, match="not what was backed up"):
        restore(kept, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    listed = (kept / "backup.json").read_text()
    for text in (
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"format": 1, "sha256": ["risk.duckdb"], "database": "risk.duckdb"}',
        listed.replace('"risk.duckdb"', '"../risk.duckdb"'),
        listed.replace('"risk.duckdb"', '"risk\\u0000.duckdb"'),
    ):
        (kept / "backup.json").write_text(text)
        with pytest.raises(DataError, match="no backup of risk-monitor"):
            restore(kept, tmp_path / "new")
    (kept / "backup.json").unlink()
    os.mkfifo(kept / "backup.json")
    with pytest.raises(DataError, match="no backup of risk-monitor"):
        restore(kept, tmp_path / "new")
    (kept / "backup.json").unlink()
    (kept / "backup.json").write_text(listed)
    (kept / "risk.duckdb").unlink()
    os.mkfifo(kept / "risk.duckdb")
    with pytest.raises(DataError, match="is missing, or no file"):
        restore(kept, tmp_path / "new")
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=rf"the backup was not made: {place}: .*{IN_THE_WAY}\); name another"):
            backup(db, place)


LEAVE_REJECTS_IN_A_LOG = """
import os, sys, duckdb
con = duckdb.connect("duckdb:" + sys.argv[1])
con.execute("PRAGMA disable_checkpoint_on_shutdown")
con.execute("INSERT INTO rejects BY NAME SELECT * REPLACE ('x' AS reject_id) FROM rejects")
os._exit(9)
"""


def test_an_older_database_is_copied_and_restored_as_it_is_with_the_log_that_a_kill_left(tmp_path: Path) -> None:
    """The older program refuses a newer schema, and a backup before an upgrade is the way back."""
    live = tmp_path / "risk.duckdb"
    live.write_bytes(gzip.decompress((Path(__file__).parents[1] / "database" / "schema-17.gz").read_bytes()))
    forked.run(LEAVE_REJECTS_IN_A_LOG, live)
    assert companions(live)[0].exists()
    made = backup(Database(live), tmp_path / "backups")
    assert {path.name for path in made.iterdir()} == {"risk.duckdb", "backup.json"}
    restored = restore(made, tmp_path / "new")
    for file in (live, made / "risk.duckdb", restored.file):
        with duckdb.connect(file, read_only=True) as con:
            counts = con.execute(
                "SELECT (SELECT count(*) FROM schema_version), (SELECT count(*) FROM rejects),"
                " (SELECT count(*) FROM scores)"
            )
            assert counts.fetchall() == [(17, 2, 216)], file
    with restored.writing():  # brings the schema up to date, as the next night does
        pass
    restored.check()


def test_a_roster_that_this_user_may_not_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db, roster = Database(database(tmp_path / "risk.duckdb")), write(tmp_path / "names.csv", "subject_id,name\n")

    def refuse(source: Path, _: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(ConfigError, match=r"names.csv: cannot read this file \(Permission denied\).*; let this user"):
        backup(db, tmp_path / "backups", roster=roster)


@pytest.mark.parametrize("name", ["roster.csv", "risk-monitor.toml", "backup.json"])
def test_a_database_with_the_name_of_another_file_of_a_backup_is_refused(tmp_path: Path, name: str) -> None:
    file = database(tmp_path / name)
    roster = write(tmp_path / "names.csv", "subject_id,name\ns1,Ana\n")
    with pytest.raises(ConfigError, match="give the database a name such as"):
        backup(Database(file), tmp_path / "backups", roster, roster)
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ("risk-monitor.toml", DataError, "is the name of another file of this backup"),
        ("a" * 300 + ".duckdb", StoreError, "the name has 307 bytes"),
        ("b" * 300 + "/risk.duckdb", ConfigError, "File name too long"),
    ],
)
def test_settings_that_give_the_database_no_place_leave_nothing_behind(
    kept: Callable[[str], Path], tmp_path: Path, named: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        restore(kept(f'db = "{named}"\n'), tmp_path / "new")
    assert not list((tmp_path / "new").glob("*"))


def test_a_backup_of_a_mistyped_database_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    for make in (
        lambda db: backup(db, tmp_path / "dest"),
        lambda db: publish(db, tmp_path / "dest"),
        lambda db: rewrite(db, subjects=["s1"]),
    ):
        with pytest.raises(StoreError, match=r"riks.duckdb: there is no such database"):
            make(Database(tmp_path / "riks.duckdb"))
    assert not list(tmp_path.rglob("*.duckdb*"))
    assert not list(tmp_path.rglob("backup-*"))


@pytest.mark.slow
def test_commands_that_read_make_nothing_where_there_is_no_database_or_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "l.csv", "doc_id,label\n1,yes\n")
    write(tmp_path / "risk-monitor.toml", 'db = "riks.duckdb"\n')
    before = set(tmp_path.iterdir())
    for line in (
        *("backup dest", "query SELECT", "report --db riks.duckdb --out o", "report --config risk-monitor.toml"),
        *("status", "alerts --update", "who Bako7", "validate l.csv", "calibrate l.csv", "forget s1"),
        *("explain --doc-id x --db riks.duckdb", "lake open --lake lk", "lake check --lake lk"),
        *("lake retention --lake lk --text-days 3", "lake compact --lake lk", "lake forget s1 --lake lk"),
        *("lake forget s1 --lake lk --db control.duckdb", "lake score --lake lk"),
    ):
        words = line.replace("SELECT", "SELECT#1 --db riks.duckdb").split()
        with pytest.raises(SystemExit) as stop:
            main([word.replace("#", " ") for word in words])
        assert stop.value.code == 2, line
        assert "there is no such database" in (err := capsys.readouterr().err) or "not a lake" in err, line
        assert set(tmp_path.iterdir()) == before, line


def test_more_days_than_the_calendar_has_are_refused_by_lake_retention(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["lake", "retention", "--lake", "lk", "--text-days", "999999999"])
    assert stop.value.code == 2
    assert "36500" in capsys.readouterr().err


LEAVE_A_LOG = """
import os, sys, duckdb
con = duckdb.connect("duckdb:" + sys.argv[1])
con.execute("PRAGMA disable_checkpoint_on_shutdown")
con.execute("INSERT INTO subject_forms VALUES ('ghost', 'ghost')")
os._exit(9)
"""


@pytest.mark.slow
def test_the_log_of_an_earlier_database_does_not_come_into_a_restored_one(db: Database, tmp_path: Path) -> None:
    """A log fits every copy of its database: its commits would be those of the restored one."""
    kept, new = backup(db, tmp_path / "backups"), tmp_path / "new"
    forked.run(LEAVE_A_LOG, db.file)
    new.mkdir()
    for path in companions(db.file):
        rest = new / path.name
        rest.write_bytes(db.file.with_name("risk.duckdb.wal").read_bytes())
        with pytest.raises(ConfigError, match=f"{path.name}: belongs to another database"):
            restore(kept, new)
        assert [left.name for left in new.iterdir()] == [path.name]
        rest.unlink()
    assert "ghost" not in repr(contents(restore(kept, new)))


def test_version_names_program_schema_model_and_duckdb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert not stop.value.code
    words = capsys.readouterr().out
    for part in ("risk-monitor ", "schema ", "model ", f"DuckDB {duckdb.__version__}"):
        assert part in words

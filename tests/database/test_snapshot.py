"""The copy for analysts: complete, private, without texts by default, and replaced in one step."""

import grp
import os
import shutil
import stat
from pathlib import Path

import duckdb
import polars as pl
import pytest

from jobs.alerts import update_alerts
from jobs.forget import forget_subject
from jobs.pipeline.night import report_and_publish
from jobs.pipeline.score_files import score_files
from jobs.pipeline.write_report import write_report
from jobs.query import run_query
from jobs.who import who
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.database.snapshot import NAME, publish, snapshot_files
from monitor.errors import ConfigError, StoreError
from monitor.privacy.pseudonyms import open_pseudonyms
from monitor.privacy.retention import rewrite
from monitor.settings import load_settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer

FEED = "doc_id,subject_id,posted_at,text,source\n" + "".join(
    f"d{i},s{i},2026-0{i % 3 + 1}-15,a secret diary line of joy number {i},diary\n" for i in range(9)
)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    feed = write(folder / "feed.csv", FEED + "d9,s9,someday,a secret diary line that was refused\n")
    score_files([feed], Database(folder / "risk.duckdb"), KeywordScorer)
    return folder


@pytest.fixture
def db(scored: Path, tmp_path: Path) -> Path:
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    return tmp_path / "risk.duckdb"


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
def test_snapshot_answers_like_the_database_without_any_text(db: Path, tmp_path: Path) -> None:
    out = publish(Database(db), tmp_path / "out")
    assert out == tmp_path / "out" / NAME
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(path.name for path in out.parent.iterdir()) == [".risk-monitor-snapshot", NAME]
    sql = "SELECT doc_id, d.subject_id, emotion, p_high FROM scores JOIN documents d USING (doc_id) ORDER BY ALL"
    assert run_query(Database(out), sql) == run_query(Database(db), sql)
    assert b"secret diary" in db.read_bytes()
    assert b"secret diary" not in out.read_bytes()
    assert run_query(Database(out), "SELECT count(raw), count(*) FROM rejects").rows == [(0, 1)]
    assert write_report(Database(out), tmp_path / "report").is_file()
    assert b"secret diary" in publish(Database(db), tmp_path / "with-texts", texts=True).read_bytes()


@pytest.mark.slow
def test_attached_snapshot_answers_views_with_their_macros(db: Path, tmp_path: Path) -> None:
    out = publish(Database(db), tmp_path / "out")
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{out}' AS snapshot (READ_ONLY)")
        rows = con.execute(
            "SELECT n, round(share_high_lo, 3), round(share_high_hi, 3) FROM snapshot.risk_rolling"
            " WHERE level = 'overall' ORDER BY day LIMIT 1"
        ).fetchall()
        assert rows == [(3, 0.0, 0.862)]
        assert con.execute("SELECT count(at_line) FROM snapshot.subjects_now WHERE n_7 > 0").fetchall() > [(0,)]
        assert con.execute("SELECT round(snapshot.wilson_low(1, 10), 3)").fetchall() == [(0.018,)]


@pytest.mark.slow
def test_a_rewritten_copy_of_a_snapshot_has_its_indexes_again(db: Path, tmp_path: Path) -> None:
    out = Path(shutil.copy(publish(Database(db), tmp_path / "out", texts=True), tmp_path / "copy.duckdb"))
    with duckdb.connect(out, read_only=True) as con:
        keyed = con.execute("SELECT DISTINCT table_name FROM duckdb_constraints()").fetchall()
    assert not {("documents",), ("scores",)} & set(keyed)
    rewrite(Database(out))
    with pytest.raises(duckdb.ConstraintException), Database(out).writing() as con:
        con.execute("INSERT INTO documents FROM documents")


@pytest.mark.slow
def test_open_snapshot_stays_while_the_next_replaces_it(db: Path, tmp_path: Path) -> None:
    out = publish(Database(db), tmp_path / "out")
    with duckdb.connect(out, read_only=True) as analyst:
        score_files([write(tmp_path / "more.csv", FEED.replace("d1,", "e1,"))], Database(db), KeywordScorer)
        publish(Database(db), tmp_path / "out")
        assert analyst.execute("SELECT count(*) FROM scores").fetchall() == [(9,)]
    assert run_query(Database(out), "SELECT count(*) FROM scores").rows == [(10,)]


@pytest.mark.slow
def test_parquet_is_written_by_month_and_old_months_removed(db: Path, tmp_path: Path) -> None:
    out = publish(Database(db), tmp_path / "out", parquet=True)
    files = sorted(out.parent.glob("*.parquet"))
    assert [path.name for path in files] == [f"scores-2026-0{month}.parquet" for month in (1, 2, 3)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    rows = pl.concat([pl.read_parquet(path) for path in files])
    assert rows["doc_id"].n_unique() == rows.height == 9
    assert rows["posted_at"].dt.month().to_list() == [1] * 3 + [2] * 3 + [3] * 3
    assert rows["text"].null_count() == 9
    assert (rows["model_id"].unique().to_list(), rows["source"].unique().to_list()) == (
        ["keywords-1"],
        ["diary"],
    )
    killed = out.parent / ".scores-2026-01.parquet.new"
    snapshot_files(out.parent).claim(killed)
    killed.touch()
    publish(Database(db), tmp_path / "out")
    assert sorted(path.name for path in out.parent.iterdir()) == [".risk-monitor-snapshot", NAME]


@pytest.mark.slow
@pytest.mark.parametrize("parquet", [False, True])
def test_files_of_others_in_the_folder_stay(db: Path, tmp_path: Path, parquet: bool) -> None:
    (tmp_path / "out").mkdir()
    theirs = write(tmp_path / "out" / "scores-2025-01.parquet", "theirs")
    publish(Database(db), tmp_path / "out", parquet=parquet)
    publish(Database(db), tmp_path / "out")
    assert theirs.read_text() == "theirs"
    for name in (NAME, "scores-2026-01.parquet"):
        (tmp_path / name).mkdir()
        theirs = write(tmp_path / name / name, "theirs")
        with pytest.raises(ConfigError, match="did not write this file"):
            publish(Database(db), tmp_path / name, parquet=True)
        assert theirs.read_text() == "theirs"


def test_the_files_of_a_version_without_lists_are_replaced(db: Path, tmp_path: Path) -> None:
    out = publish(Database(db), tmp_path / "out", parquet=True)
    (out.parent / ".risk-monitor-snapshot").unlink()
    theirs = write(out.parent / "scores-2025-01.parquet", "theirs")
    publish(Database(db), tmp_path / "out")
    assert {path.name for path in out.parent.iterdir()} == {".risk-monitor-snapshot", NAME, theirs.name}


def test_snapshot_never_replaces_the_database_or_a_file(db: Path, tmp_path: Path) -> None:
    before = db.read_bytes()
    same = db.rename(db.with_name(NAME))
    with pytest.raises(ConfigError, match="would replace the database"):
        publish(Database(same), tmp_path)
    with pytest.raises(ConfigError, match="cannot write there"):
        publish(Database(same), same)
    assert same.read_bytes() == before


def test_clients_of_an_older_duckdb_can_open_the_snapshot(db: Path, tmp_path: Path) -> None:
    versions = [
        int.from_bytes(path.read_bytes()[12:20], "little") for path in (db, publish(Database(db), tmp_path / "out"))
    ]
    assert versions[0] > 68, "what DuckDB 2.0 writes by itself"
    assert versions[1] == 64, "DuckDB 1.1 and newer; https://duckdb.org/docs/current/internals/storage"


def test_a_group_may_read_the_snapshot(db: Path, tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    out = publish(Database(db), tmp_path / "out", parquet=True, group=group)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (out, *out.parent.glob("*.parquet"))}
    assert set(modes.values()) == {0o640}
    assert len(modes) == 4
    assert stat.S_IMODE(out.parent.stat().st_mode) == 0o750
    with pytest.raises(ConfigError, match="no group 'nosuchgroup' on this machine"):
        publish(Database(db), tmp_path / "out", group="nosuchgroup")


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("umask", [0o077, 0o027])
def test_the_group_passes_the_folders_that_a_night_makes_and_others_are_named(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], umask: int
) -> None:
    text = f'db = "{db}"\npseudonyms = false\nsnapshot_group = "{grp.getgrgid(os.getgid()).gr_name}"\n'
    settings = load_settings(write(tmp_path / "risk-monitor.toml", text))
    before = os.umask(umask)
    try:
        report_and_publish(Database(db), settings, KeywordScorer().model.model_id)
        tmp_path.chmod(0o700)
        again = settings.model_copy(update={"snapshot": tmp_path / "other" / "deep" / "snapshot"})
        report_and_publish(Database(db), again, KeywordScorer().model.model_id)
    finally:
        os.umask(before)
    for name in ("out", "other", "other/deep"):
        assert (tmp_path / name).stat().st_mode & stat.S_IXGRP
    told = " ".join(capsys.readouterr().err.split())
    assert f"snapshot_group: the modes of {tmp_path}" in told
    assert f"{tmp_path}/" not in told.partition("snapshot_group: ")[2].partition(" keep the group")[0]


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
def test_nothing_is_written_into_a_snapshot(db: Path, tmp_path: Path) -> None:
    out = publish(Database(db), tmp_path / "out")
    before = out.read_bytes()
    code, subject = run_query(Database(out), "SELECT code, subject_id FROM codes LIMIT 1").rows[0]
    feed = write(tmp_path / "later.csv", "doc_id,subject_id,posted_at,text\nd99,s1,2026-04-01,a line of joy\n")
    with pytest.raises(StoreError, match="a snapshot, which the next night replaces"):
        score_files([feed], Database(out), KeywordScorer)
    for write_there in (
        lambda: update_alerts(Database(out), AlertRules()),
        lambda: forget_subject(Database(out), subject, None),
        lambda: who(Database(out), code, tmp_path / "risk.duckdb.key", None),
    ):
        with pytest.raises(StoreError, match=r"also the line that each use of `who`.*; name the database itself"):
            write_there()
    assert out.read_bytes() == before
    assert not (out.parent / f"{NAME}.key").exists()
    score_files([feed], Database(db), KeywordScorer)
    publish(Database(db), tmp_path / "out")  # the next night still replaces it
    assert run_query(Database(out), "SELECT count(*) FROM documents").rows == [(10,)]


def test_an_older_snapshot_waits_for_the_next_night(tmp_path: Path) -> None:
    older = tmp_path / NAME
    with duckdb.connect(older) as con:
        con.execute("CREATE TABLE schema_version AS SELECT 1 AS version, '001_schema_version' AS name")
    write(tmp_path / ".risk-monitor-snapshot", f"{NAME}\n")
    with pytest.raises(StoreError, match="by an older risk-monitor; the next night writes it anew"):
        Database(older).check()


@pytest.mark.slow
def test_a_copy_of_a_snapshot_takes_no_texts_with_any_key(db: Path, tmp_path: Path) -> None:
    key = tmp_path / "keyed.duckdb.key"
    feed = write(tmp_path / "again.csv", FEED)
    keyed = Database(tmp_path / "keyed.duckdb")
    score_files([feed], keyed, KeywordScorer, key_file=key)
    other = tmp_path / "other.key"
    open_pseudonyms(other, create=True)
    copy = Database(Path(shutil.copy(publish(keyed, tmp_path / "out"), tmp_path / "copy.duckdb")))
    plain = Database(Path(shutil.copy(publish(Database(db), tmp_path / "out"), tmp_path / "plain.duckdb")))
    for database in (copy, plain):
        for given in (key, other, tmp_path / "copy.duckdb.key", None):
            with pytest.raises(StoreError, match=r"a copy of a snapshot.* takes no texts; name the database itself"):
                score_files([feed], database, KeywordScorer, key_file=given)
        assert run_query(database, "SELECT count(DISTINCT subject_id) FROM documents").rows == [(9,)]
        assert run_query(database, "SELECT count(*) FROM pseudonyms").rows == [(0,)]
    assert not (tmp_path / "copy.duckdb.key").exists()
    rewrite(copy)
    with pytest.raises(StoreError, match="takes no texts"):
        score_files([feed], copy, KeywordScorer)


@pytest.mark.slow
def test_texts_of_before_the_record_of_keys_still_take_texts(db: Path, tmp_path: Path) -> None:
    old = Database(db)
    with old.writing() as con:
        con.execute("DELETE FROM pseudonyms")
        con.execute("UPDATE schema_version SET applied_at = TIMESTAMP '2100-01-01' WHERE version >= 13")
    more = write(tmp_path / "more.csv", FEED + "d10,s1,2026-04-01,one line more,diary\n")
    score_files([more], old, KeywordScorer)
    assert run_query(old, "SELECT count(*), count(DISTINCT subject_id) FROM documents").rows == [(10, 9)]

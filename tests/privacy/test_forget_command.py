"""Forgetting and privacy in everything a run writes: database, snapshot, exports, report and messages."""

import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.forget import command, forget_subject
from jobs.nightly import run_nightly
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.database.spills import spill_folder
from monitor.errors import ConfigError, DataError, MonitorError, StoreError
from monitor.intake.archives import UNPACKED
from monitor.output_files import RESULTS, OutputFiles
from monitor.privacy.forgetting import search_files, values_containing
from monitor.privacy.pseudonyms import KEY_VARIABLE, default_key_file, open_pseudonyms
from monitor.scratch_folder import scratch_folder
from monitor.settings import Settings, load_settings
from tests.support.inputs import HEADER, write, write_rows
from tests.support.keyword_scorer import KeywordScorer

pytestmark = pytest.mark.slow

SUBJECT = "margarete.holm@example.org"
SECRETS = [
    "nobody was to read this sadness",
    "日本の誰にも言わない joy",
    "a third line that is hers, only fear",
]
REFUSED = "a text without a day of its own"


@pytest.fixture(autouse=True)
def _no_key_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return fill(tmp_path)


def fill(folder: Path) -> Settings:
    """An inbox in every format, with rejects, of one subject among fifteen."""
    inbox = folder / "inbox"
    inbox.mkdir()
    rows: list[dict[str, Any]] = [
        {
            "subject_id": f"person-{i % 14}",
            "posted_at": f"2026-01-{i % 28 + 1:02d}",
            "text": f"joy of day {i}",
        }
        for i in range(60)
    ]
    rows += [{"subject_id": SUBJECT, "posted_at": f"2026-01-1{i}", "text": text} for i, text in enumerate(SECRETS)]
    rows.append({"subject_id": SUBJECT, "posted_at": "someday", "text": REFUSED})
    rows.append({"subject_id": "person-1", "posted_at": SUBJECT, "text": "columns that were swapped"})
    for name in ("a.csv", "b.jsonl", "c.parquet"):
        write_rows(inbox / name, rows)
    write(inbox / "d.csv", f"subject_id,posted_at,text\n{SUBJECT},torn off\n")
    write(inbox / "e.csv", f"{SUBJECT},when\n")
    (folder / "risk-monitor.toml").write_text(
        'db = "risk.duckdb"\nsettle_s = 0\nsnapshot_texts = true\nsnapshot_parquet = true\nshow_subjects = true\n'
        "min_cohort = 1\n"
    )
    return load_settings(folder / "risk-monitor.toml")


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder after a night without a report, and a copy of it."""
    work, kept = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("kept") / "work"
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv(KEY_VARIABLE, raising=False)
        patched.setattr("jobs.pipeline.night.write_report", lambda _, out, **__: out / "index.html")
        run_nightly(fill(work), KeywordScorer)
    shutil.copytree(work, kept)
    return work, kept


@pytest.fixture
def after_a_night(first_night: tuple[Path, Path], no_report: None) -> Settings:
    """The settings of that folder, which is as the night left it, at the place that its database knows."""
    work, kept = first_night
    shutil.rmtree(work)
    shutil.copytree(kept, work)
    (work / "inbox" / "e.csv").unlink()  # the user has removed the file that cannot be read
    return load_settings(work / "risk-monitor.toml")


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nights without their report, which takes most of their time."""
    monkeypatch.setattr("jobs.pipeline.night.write_report", lambda _, out, **__: out / "index.html")


def written(settings: Settings) -> list[Path]:
    """Every file in the folder of the settings that is not the user's own."""
    files = [path for path in sorted(settings.db.parent.rglob("*")) if path.is_file()]
    return [path for path in files if settings.inbox not in path.parents and path.suffix != ".toml"]


def holding(files: list[Path], *texts: str) -> list[tuple[str, str]]:
    """File and text, wherever one stands in the bytes."""
    return [
        (path.name, text)
        for path in files
        for text in texts
        for form in {text, ascii(text)[1:-1]}
        if form.encode() in path.read_bytes() or text in path.name
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")  # the next test searches them
def test_no_plain_id_reaches_a_file_a_message_or_a_name(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    run_nightly(settings, KeywordScorer)
    output = "".join(capfd.readouterr())
    assert "rejected" in output
    for text in (SUBJECT, *SECRETS, REFUSED, "torn off", "columns that were swapped"):
        assert text not in output
    files = written(settings)
    assert {"risk.duckdb", "risk-snapshot.duckdb", "index.html", "scores-2026-01.parquet"} <= {
        path.name for path in files
    }
    assert holding(files, SUBJECT, "person-13", REFUSED, "columns that were swapped") == []
    with Database(settings.db).reading() as con:
        subjects = con.execute("SELECT count(DISTINCT subject_id) FROM documents").fetchall()
        assert subjects == [(15,)]
        for (raw,) in con.execute("SELECT raw FROM rejects WHERE raw IS NOT NULL").fetchall():
            assert "text" not in raw
    private = [path for path in files if path.suffix in (".duckdb", ".parquet", ".key", ".lock")]
    assert len(private) >= 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


@pytest.mark.slow
@pytest.mark.parametrize("given", ["plain", "pseudonym"])
def test_no_byte_of_a_forgotten_subject_stays_in_any_written_file(
    request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str], given: str
) -> None:
    if given == "plain":
        settings = request.getfixturevalue("settings")
        run_nightly(settings, KeywordScorer)
    else:  # whose report is that of the other
        settings = request.getfixturevalue("after_a_night")
    pseudonym = open_pseudonyms(settings.db.with_name("risk.duckdb.key")).of(SUBJECT)
    with Database(settings.db).reading() as con:
        (ids,) = zip(
            *con.execute("SELECT doc_id FROM documents WHERE subject_id = ?", [pseudonym]).fetchall(),
            strict=True,
        )
    assert len(ids) == len(SECRETS)
    files_with_pseudonym = {name for name, _ in holding(written(settings), pseudonym)}
    assert holding(written(settings), SUBJECT, "person-13") == []
    searched = {"risk.duckdb", "risk-snapshot.duckdb"} | ({"index.html"} if given == "plain" else set())
    assert searched <= files_with_pseudonym, "a search that finds nothing proves nothing"
    for file in (settings.db, settings.snapshot / "risk-snapshot.duckdb"):
        assert holding([file], *SECRETS)
    capfd.readouterr()
    torn = settings.inbox / "e.csv"
    unread = f"removed from the database, but the proof is not complete: {torn}: this input cannot be read; [^;]*$"
    with pytest.raises(StoreError, match=unread) if torn.exists() else nullcontext():
        forget_subject(Database(settings.db), SUBJECT if given == "plain" else pseudonym, settings)
    output = "".join(capfd.readouterr())
    assert "3 documents" in output
    assert holding(written(settings), SUBJECT, pseudonym, *SECRETS, REFUSED, *ids) == []
    assert all(text not in output for text in (SUBJECT, pseudonym, *SECRETS, *ids))
    for name in ("a.csv", "b.jsonl", "c.parquet"):
        assert f"{settings.inbox / name} is your file and still names" in output
    with Database(settings.db).reading() as con:
        assert con.execute("SELECT count(DISTINCT subject_id) FROM scores").fetchall() == [(14,)]
    for export in settings.snapshot.glob("*.parquet"):
        assert pseudonym not in pl.read_parquet(export).to_series(0).to_list()


@pytest.mark.slow
def test_a_forgotten_subject_returns_only_with_a_changed_file(
    after_a_night: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = after_a_night
    forget_subject(Database(settings.db), SUBJECT, settings)
    told = " ".join("".join(capfd.readouterr()).split())
    assert "`score` reads every file again, a night each file that is new or has changed" in told
    run_nightly(settings, KeywordScorer)
    assert number_of_subjects(settings) == 14
    with (settings.inbox / "a.csv").open("a") as file:
        file.write("person-1,2026-02-01,one more joy,\n")
    run_nightly(settings, KeywordScorer)
    assert number_of_subjects(settings) == 15


@pytest.mark.slow
def test_a_forgotten_subject_returns_with_score(after_a_night: Settings) -> None:
    settings = after_a_night
    forget_subject(Database(settings.db), SUBJECT, settings)
    key_file = default_key_file(settings.db)
    score_files([settings.inbox / "a.csv"], Database(settings.db), KeywordScorer, key_file=key_file)
    assert number_of_subjects(settings) == 15


def number_of_subjects(settings: Settings) -> int:
    with Database(settings.db).reading() as con:
        return int(con.execute("SELECT count(DISTINCT subject_id) FROM documents").fetchall()[0][0])


def test_an_export_of_only_their_month_is_removed(after_a_night: Settings) -> None:
    settings = after_a_night
    write_rows(settings.inbox / "f.csv", [{"subject_id": SUBJECT, "posted_at": "2025-07-01", "text": "long ago joy"}])
    run_nightly(settings, KeywordScorer)
    assert (settings.snapshot / "scores-2025-07.parquet").exists()
    forget_subject(Database(settings.db), SUBJECT, settings)
    assert not (settings.snapshot / "scores-2025-07.parquet").exists()


@pytest.mark.usefixtures("no_report")
def test_without_the_key_only_a_pseudonym_can_be_forgotten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_rows(settings.inbox / f"{SUBJECT}.csv", [{"subject_id": "x", "posted_at": "2026-01-05", "text": "a"}])
    run_nightly(settings, KeywordScorer)
    file = settings.db.with_name("risk.duckdb.key")
    pseudonyms = {subject: open_pseudonyms(file).of(subject) for subject in ("person-2", SUBJECT)}
    file.unlink()
    for key, (subject, pseudonym), message in zip(
        (None, "f" * 64),
        pseudonyms.items(),
        ("the key of its pseudonyms is missing", "another key made"),
        strict=True,
    ):
        if key:
            monkeypatch.setenv(KEY_VARIABLE, key)
        before = settings.db.read_bytes()
        with pytest.raises(StoreError, match=message):
            forget_subject(Database(settings.db), subject, settings)
        assert settings.db.read_bytes() == before
        capfd.readouterr()
        with pytest.raises(StoreError, match="the key is missing, so your input files were not searched"):
            forget_subject(Database(settings.db), pseudonym, settings)
        with Database(settings.db).reading() as con:
            assert con.execute("FROM documents WHERE subject_id = ?", [pseudonym]).fetchall() == []
        assert not file.exists()


@pytest.mark.slow
def test_a_subject_that_cannot_be_forgotten_is_one_line(
    settings: Settings, after_a_night: Settings, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="no such database"):
        forget_subject(Database(settings.db), SUBJECT, settings)
    assert not settings.db.exists()
    settings = after_a_night
    with pytest.raises(DataError, match=r"nothing about this subject; give the id"):
        forget_subject(Database(settings.db), "nobody", settings)
    with Database(settings.db).only_writer(), pytest.raises(StoreError, match="another run is working"):
        forget_subject(Database(settings.db), SUBJECT, settings)
    with pytest.raises(ConfigError, match="--db"):
        command(SUBJECT)
    with pytest.raises(ConfigError, match="SUBJECT is empty"):
        command(" ", db=settings.db)
    Database(tmp_path / "plain.duckdb").connect().close()
    with pytest.raises(DataError, match="nothing about"):
        command(SUBJECT, db=tmp_path / "plain.duckdb")


@pytest.mark.slow
def test_a_short_id_within_a_file_date_removes_no_other_row(after_a_night: Settings) -> None:
    settings = after_a_night

    def state() -> list[tuple[int]]:
        with Database(settings.db).reading() as con:
            tables = ("documents", "rejects", "files")
            return [con.execute(f"SELECT count(*) FROM {table}").fetchall()[0] for table in tables]

    write_rows(
        settings.inbox / "feed-2026-09-17.csv",
        [
            {"subject_id": subject, "posted_at": "2026-01-05", "text": text}
            for subject, text in [("17", "joy"), ("person-3", ""), ("gone", "fear")]
        ],
    )
    run_nightly(settings, KeywordScorer)
    forget_subject(Database(settings.db), "gone", settings)
    before = state()
    forget_subject(Database(settings.db), "17", settings)
    after = [(before[0][0] - 1,), *before[1:]]
    assert state() == after
    with Database(settings.db).reading() as con:
        names = "SELECT path FROM files UNION SELECT file FROM rejects"
        assert con.execute(f"SELECT count(*) FROM ({names}) WHERE contains(path, '-17')").fetchall() == [(0,)]
    (settings.inbox / "feed-2026-09-17.csv").rename(settings.inbox / "again.csv")
    run_nightly(settings, KeywordScorer)
    assert state() == after


def test_the_proof_reads_values_that_no_search_of_bytes_finds(
    settings: Settings, no_report: None, tmp_path: Path
) -> None:
    rows = [
        {"subject_id": f"s{i}", "posted_at": "2026-01-01", "text": f"the day of joy {i} " * 20} for i in range(60)
    ]
    write_rows(settings.inbox / "more.jsonl", rows)
    run_nightly(settings, KeywordScorer)
    texts = [str(row["text"]) for row in rows]
    parquet = settings.snapshot / "scores-2026-01.parquet"
    stored = [settings.db, settings.snapshot / "risk-snapshot.duckdb", parquet]
    assert search_files([parquet], texts[:5])[0] == [], "compressed"
    for path in stored:
        for text in texts[::20]:
            found, n_columns = values_containing([path], [text])
            assert [name.rpartition(": ")[2].rpartition(".")[2] for name in found] == ["text"]
            assert n_columns > 3
    assert values_containing(stored, ["nobody ever wrote this line"])[0] == []


def test_what_is_left_in_a_compressed_file_is_told(after_a_night: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.forget.publish", lambda *_, **__: None)  # the snapshot keeps the subject
    with pytest.raises(StoreError, match=r"scores-2026-01\.parquet: text.*still holds traces"):
        forget_subject(Database(after_a_night.db), SUBJECT, after_a_night)


def test_the_name_of_a_folder_is_nobodys_id(after_a_night: Settings) -> None:
    settings = after_a_night
    with Database(settings.db).reading() as con:
        before = con.execute("SELECT path FROM files ORDER BY ALL").fetchall()
    with pytest.raises(DataError, match="nothing about this subject"):
        forget_subject(Database(settings.db), "inbox", settings)
    with Database(settings.db).reading() as con:
        assert con.execute("SELECT path FROM files ORDER BY ALL").fetchall() == before


def test_files_of_others_and_of_killed_runs_are_named_and_no_bug(
    after_a_night: Settings, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = after_a_night
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder(tmp_path, UNPACKED) as running:
        killed = tmp_path / running.name.replace(f"-{os.getpid()}-", f"-{2**30}-")
    killed.mkdir()
    settings.out.mkdir(parents=True, exist_ok=True)
    theirs = [write(folder / "index.html", SUBJECT) for folder in (settings.out, settings.snapshot)]
    with pytest.raises(StoreError, match=f"{killed}: was left by a run that was killed.*; remove it"):
        forget_subject(Database(settings.db), SUBJECT, settings)
    told = " ".join("".join(capfd.readouterr()).split())
    for path in theirs:
        assert f"{path} was not written by risk-monitor, and holds traces" in told
        assert path.read_text() == SUBJECT


def test_an_input_that_cannot_be_read_leaves_the_proof_open_and_is_named(after_a_night: Settings) -> None:
    settings = after_a_night
    torn = settings.inbox / "torn.parquet"
    torn.write_bytes(b"PAR1 and no more")
    with pytest.raises(StoreError, match=f"{torn}: this input cannot be read; check yourself whether it names"):
        forget_subject(Database(settings.db), SUBJECT, settings)
    with pytest.raises(DataError, match=f"nothing about this subject; .*; but {torn}: this input cannot be read"):
        forget_subject(Database(settings.db), SUBJECT, settings)
    torn.unlink()
    forget_subject(Database(settings.db), "person-2", settings)


def ended() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


@pytest.mark.parametrize("queried", ["database", "snapshot"])
def test_spills_of_killed_queries_are_removed_and_of_running_ones_named(
    after_a_night: Settings, capfd: pytest.CaptureFixture[str], queried: str
) -> None:
    settings = after_a_night
    folder = spill_folder(settings.db if queried == "database" else settings.snapshot / "risk-snapshot.duckdb")
    folder.mkdir()
    for pid in (ended(), os.getpid()):
        write(folder / f"duckdb_temp_{pid}_0_storage_DEFAULT-0.tmp", SUBJECT)
    running = folder / f"duckdb_temp_{os.getpid()}_0_storage_DEFAULT-0.tmp"
    with pytest.raises(StoreError, match=f"{running}: a running query, or a program that is not ours"):
        forget_subject(Database(settings.db), SUBJECT, settings)
    assert list(folder.iterdir()) == [running]
    assert "was not written by risk-monitor" not in " ".join("".join(capfd.readouterr()).split())


def test_a_night_removes_what_killed_queries_spilled_beside_the_snapshot(after_a_night: Settings) -> None:
    folder = spill_folder(after_a_night.snapshot / "risk-snapshot.duckdb")
    folder.mkdir()
    os.utime(write(folder / f"duckdb_temp_{ended()}_0_storage_DEFAULT-0.tmp", SUBJECT), (0, 0))
    with Database(after_a_night.db).only_writer():
        publish(Database(after_a_night.db), after_a_night.snapshot)
    assert not folder.exists()


def test_a_result_of_query_among_the_outputs_is_named(after_a_night: Settings) -> None:
    result = after_a_night.snapshot / "export.csv"
    OutputFiles(result.parent, RESULTS).claim(result)
    write(result, f"text\n{SECRETS[0]}\n")
    with pytest.raises(StoreError, match=f"{result}: `query --out` wrote this file, and it holds traces"):
        forget_subject(Database(after_a_night.db), SUBJECT, after_a_night)


def test_a_copy_of_a_snapshot_names_its_unknown_key_as_the_reason(after_a_night: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "copy.duckdb"
    copy.parent.mkdir()
    copy.write_bytes((after_a_night.snapshot / "risk-snapshot.duckdb").read_bytes())
    with pytest.raises(DataError, match="does not record the key of its ids: name the database itself, or give"):
        forget_subject(Database(copy), SUBJECT, None)


def test_the_snapshot_has_no_fingerprint_of_the_key(after_a_night: Settings) -> None:
    for path, n in ((after_a_night.db, 1), (after_a_night.snapshot / "risk-snapshot.duckdb", 0)):
        with Database(path).reading() as con:
            assert con.execute("SELECT count(*) FROM pseudonyms").fetchall() == [(n,)]


@pytest.mark.parametrize("text", [REFUSED, REFUSED * 20])
def test_an_input_file_whose_rows_were_all_rejected_is_named(
    after_a_night: Settings, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    for path in after_a_night.inbox.iterdir():
        path.unlink()
    left = write(after_a_night.inbox / "left.csv", f"subject_id,posted_at,text\n{SUBJECT},someday,{text}\n")
    forget_subject(Database(after_a_night.db), SUBJECT, after_a_night)
    told = " ".join("".join(capfd.readouterr()).split())
    assert f"{left} is your file and still names this subject" in told
    assert "of the files that were read are not where they were, and were not searched" in told


@pytest.mark.parametrize("is_plain", [True, False])
def test_an_input_file_is_searched_also_if_its_name_holds_the_id(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], is_plain: bool
) -> None:
    db = Database(tmp_path / "r.duckdb")
    wave = write(tmp_path / "wave 7.csv", HEADER + "".join(f"{who},2026-01-05,joy of {who}\n" for who in (7, 8, 9)))
    score_files([wave], db, KeywordScorer, key_file=None if is_plain else tmp_path / "r.duckdb.key")
    forget_subject(db, "7", None)
    assert f"{wave} is your file and still names this subject" in " ".join("".join(capfd.readouterr()).split())
    lost = f"1 input file (in {tmp_path}) cannot be searched, because an earlier `forget` removed its name"
    with pytest.raises(StoreError, match=re.escape(lost)):
        forget_subject(db, "8", None)


@pytest.mark.usefixtures("no_report")
def test_names_that_an_inbox_has_lost_leave_no_proof_open(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in settings.inbox.iterdir():
        path.unlink()
    rows = "".join(f"{who},2026-01-05,joy of {who}\n" for who in ("anna", "bert"))
    file = write(settings.inbox / "anna.csv", HEADER + rows)
    run_nightly(settings, KeywordScorer)
    forget_subject(Database(settings.db), "anna", settings)
    write(file, HEADER + rows.splitlines(keepends=True)[1])
    capfd.readouterr()
    forget_subject(Database(settings.db), "bert", settings)
    assert f"{file} is your file and still names this subject" in " ".join("".join(capfd.readouterr()).split())


@pytest.fixture
def with_case_report(after_a_night: Settings) -> Settings:
    """The settings with a case report that names people by a roster; its page on disk holds the subject."""
    file = after_a_night.db.with_name("risk-monitor.toml")
    with file.open("a") as toml:
        toml.write('[[reports]]\nmode = "case"\nroster = "roster.csv"\nevidence = true\n')
    write(file.with_name("roster.csv"), "subject_id,name\nperson-1,Ana\n")
    case = after_a_night.db.parent / "out" / "case"
    case.mkdir(parents=True)
    OutputFiles(case, "report").claim(case / "index.html")
    write(case / "index.html", f"{SUBJECT} {SECRETS[0]}")
    return load_settings(file)


@pytest.mark.parametrize("fault", ["roster", "folder", "group", "list"])
def test_what_the_outputs_need_is_checked_before_anything_is_removed(
    with_case_report: Settings, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    settings, case = with_case_report, with_case_report.db.parent / "out" / "case"
    if fault == "roster":
        write(settings.db.with_name("roster.csv"), "subject_id\nperson-1\n")
    elif fault == "folder":
        monkeypatch.setattr("os.access", lambda path, _: Path(path) != case)
    elif fault == "group":
        settings = settings.model_copy(update={"snapshot_group": "no-such-group"})
    else:
        (settings.snapshot / ".risk-monitor-snapshot").write_text("")
    before = settings.db.read_bytes()
    with pytest.raises(
        MonitorError, match=r"lacks the column name|case: cannot write there|no group|did not write this file"
    ):
        forget_subject(Database(settings.db), SUBJECT, settings)
    assert settings.db.read_bytes() == before


@pytest.mark.parametrize("has_key", [True, False])
def test_a_removal_that_is_cut_short_says_so_and_is_ended_by_the_next(
    with_case_report: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], has_key: bool
) -> None:
    settings, page = with_case_report, with_case_report.db.parent / "out" / "case" / "index.html"
    key = settings.db.with_name("risk.duckdb.key")
    subject = open_pseudonyms(key).of(SUBJECT)
    if not has_key:
        key.unlink()
    told = "the subject is removed from the database, but snapshot and reports may still hold"
    with monkeypatch.context() as patched:
        patched.setattr("jobs.forget.write_planned", interrupted)
        with pytest.raises(KeyboardInterrupt):
            forget_subject(Database(settings.db), subject, settings)
    assert told in " ".join("".join(capfd.readouterr()).split())
    write(page, f"a code beside {subject}")
    with pytest.raises(DataError, match=f"snapshot and reports were written anew.*{page}: holds this id"):
        forget_subject(Database(settings.db), subject, settings)
    assert told not in " ".join("".join(capfd.readouterr()).split())


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt

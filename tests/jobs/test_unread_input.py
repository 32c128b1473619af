"""What stays unread of an input is said, costs exit code 2, and loses no row that could be read."""

import gzip
import json
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from jobs.forget import forget_subject
from jobs.nightly import run_nightly
from jobs.pipeline.ingest import read_files
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.summary import print_file_warnings
from jobs.query import run_query
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.intake.feeds import Feed
from tests.support.failing import last_line
from tests.support.inputs import HEADER, write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.nights import settings

N = 3000
ROWS = [
    {"subject_id": f"s{i % 7}", "posted_at": f"2026-01-{1 + i % 28:02d}", "text": f"joy number {i * 7919 % 10007}"}
    for i in range(N)
]
CSV = (HEADER + "".join(f"{','.join(row.values())}\n" for row in ROWS)).encode()
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
ARRAY = json.dumps(ROWS).encode()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def zipped(path: Path, name: str, content: bytes, damaged: float) -> None:
    """A .zip with 99 wrong bytes in it, from this share of its length on."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    raw = bytearray(path.read_bytes())
    first = int(damaged * len(raw))
    raw[first : first + 99] = b"\xff" * 99
    path.write_bytes(raw)


def parquet(path: Path) -> None:
    pl.DataFrame(ROWS).write_parquet(path, row_group_size=1000, compression="zstd")
    raw = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(1).column(2).data_page_offset
    raw[start + 20 : start + 400] = b"\xff" * 380
    path.write_bytes(raw)


DAMAGED: dict[str, Callable[[Path], object]] = {
    "a.csv.gz": lambda path: path.write_bytes(half(gzip.compress(CSV))),
    "a.ndjson.gz": lambda path: path.write_bytes(half(gzip.compress(LINES))),
    "a.json.gz": lambda path: path.write_bytes(half(gzip.compress(ARRAY))),
    "two.json": lambda path: path.write_bytes(ARRAY[:5000].rpartition(b",")[0] + b"]" + ARRAY),
    "a.json": lambda path: path.write_bytes(half(ARRAY)),
    "a.parquet": parquet,
    "csv.zip": lambda path: zipped(path, "a.csv", CSV, 0.6),
    "json.zip": lambda path: zipped(path, "a.json", ARRAY, 0.6),
}


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must end with exit code 2; returns its last line."""
    monkeypatch.setattr("jobs.score.open_scorer", lambda **_: KeywordScorer())

    return partial(last_line, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_file_is_an_error_after_its_readable_rows_are_scored(
    tmp_path: Path, name: str, fails: Callable[..., str]
) -> None:
    path, other, db = tmp_path / name, write(tmp_path / "b.csv", HEADER + "z,2026-01-05,joy\n"), tmp_path / "risk.db"
    DAMAGED[name](path)
    for _ in range(2):
        line = fails("score", path, other, "--db", db)
        assert f"{path}: row " in line, name
        assert "from here on; the rows before were read; export it again" in line
    counts = run_query(Database(db), "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM scores)").rows
    assert counts[0][0] == counts[0][1]
    assert 1 < counts[0][0] < N
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    path.rename(inbox / name)
    done = run_pipeline(settings(tmp_path / "night", inbox, chunk_rows=N), KeywordScorer, report=False)
    assert done.quality.level == "yellow"
    assert list(done.counts.refused) == [inbox / name]


@pytest.mark.slow
def test_night_reads_a_damaged_file_once_and_names_it_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read again, it would undo each night what later files corrected, and bring back whom `forget` removed."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    known = '{"doc_id": "k", "subject_id": "s1", "posted_at": "2026-01-05", "text": "TEXT"}'
    other = known.replace('"k"', '"l"').replace("s1", "s2")
    damaged = [
        write(inbox / "cut.json", f"[{known}, {other}, {other[:20]}"),
        write(inbox / "two.json", f"[{known}][{other}]"),
    ]
    write(inbox / "z.jsonl", known.replace("TEXT", "corrected"))
    chosen = settings(tmp_path, inbox, on_change="replace")
    done = [run_pipeline(chosen, KeywordScorer, report=False)]
    forget_subject(Database(chosen.db), "s2", chosen)
    read_again: list[Path] = []
    monkeypatch.setattr(
        "jobs.pipeline.ingest.documents.read_documents", lambda path, **_: read_again.append(path) or ()
    )
    done += [run_pipeline(chosen, KeywordScorer, report=False) for _ in range(2)]
    assert sorted(done[0].counts.refused) == sorted(damaged)
    assert [sorted(night.counts.still_refused) for night in done[1:]] == [sorted(damaged)] * 2
    assert read_again == []
    assert run_query(Database(chosen.db), "SELECT text FROM documents").rows == [("corrected",)]
    write(damaged[0], f"[{other}]")
    monkeypatch.undo()
    assert run_pipeline(chosen, KeywordScorer, report=False).counts.n_appended == 1


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"day_first": True}, {"date_format": "%d/%m/%Y"}])
def test_night_reads_a_file_that_was_rejected_whole_again_when_its_settings_change(
    tmp_path: Path, change: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write(inbox / "a.csv", HEADER + "a,25/12/2026,joy\nb,26/12/2026,joy\n")
    write(inbox / "b.csv", HEADER)
    wrong, right = Feed(files=("*.csv",), date_format="%m/%d/%Y"), Feed(files=("*.csv",), **change)  # type: ignore[arg-type]
    said = []
    for feed in (wrong, wrong, right, right):
        counts = run_pipeline(settings(tmp_path, inbox, feeds=(feed,)), KeywordScorer, report=False).counts
        capsys.readouterr()
        print_file_warnings(counts)
        said.append((counts.n_read, counts.n_appended, counts.n_skipped_files, "a.csv" in capsys.readouterr().err))
    assert said == [(2, 0, 0, True), (0, 0, 1, True), (2, 2, 1, False), (0, 0, 2, False)]


def test_night_reads_a_file_of_rejected_corrections_again_when_on_change_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows are sound by themselves; only the database knows that their doc_id was used before."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    header = "doc_id,subject_id,posted_at,text\n"
    write(inbox / "a.csv", header + "d,s,2026-01-05,joy\ne,s,2026-01-05,love\n")
    said = []
    for on_change in ("reject", "reject", "reject", "replace", "replace"):
        chosen = settings(tmp_path, inbox, on_change=on_change)
        counts = run_pipeline(chosen, KeywordScorer, report=False).counts
        capsys.readouterr()
        print_file_warnings(counts)
        said.append((counts.n_rejected, counts.n_replaced, "b.csv" in capsys.readouterr().err))
        write(inbox / "b.csv", header + "d,s,2026-01-05,anger\nd,s,2026-01-05,anger\n")
        write(inbox / "c.csv", header + "d,s,2026-01-05,anger\ne,s,2026-01-05,love\n")
    assert said == [(0, 0, False), (2, 0, True), (0, 0, True), (0, 1, False), (0, 0, False)]
    assert run_query(Database(chosen.db), "SELECT text FROM documents ORDER BY text").rows == [("anger",), ("love",)]
    assert run_query(Database(chosen.db), "FROM files WHERE fault IS NOT NULL OR read_as IS NOT NULL").rows == []


@pytest.mark.slow
def test_the_same_content_is_read_once_for_each_person_whom_its_name_or_folder_names(tmp_path: Path) -> None:
    """A file under a wrong person's name is read under the right one, but not again where `forget` removed a name."""
    entry = {"uuid": "u", "creationDate": "2026-01-05T10:00:00Z", "text": "joy"}
    contents = {
        "file/{}.csv": "posted_at,text\n2026-01-05,joy\n",
        "folder/{}/a.csv": "posted_at,text\n2026-01-06,joy\n",
        "preset/{}.json": json.dumps({"entries": [entry]}),
    }
    feeds = (
        Feed(files="file/*.csv", subject="{file}"),
        Feed(files="folder/*/*.csv", subject="{folder}"),
        Feed(files="preset/*.json", preset="dayone"),
    )
    inbox = tmp_path / "inbox"
    config = settings(tmp_path, inbox, feeds=feeds, pseudonyms=False)

    def night(person: str) -> list[tuple[object, ...]]:
        for name, content in contents.items():
            path = inbox / name.format(person)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        run_pipeline(config, KeywordScorer, report=False)
        shutil.rmtree(inbox)
        return run_query(
            Database(config.db), "SELECT subject_id, count(*) FROM documents GROUP BY ALL ORDER BY ALL"
        ).rows

    assert night("anna-smith") == [("anna-smith", 3)]
    assert night("bertha-jones") == [("anna-smith", 3), ("bertha-jones", 3)]
    inbox.mkdir()
    forget_subject(Database(config.db), "bertha-jones", config)
    assert night("bertha-jones") == [("anna-smith", 3)]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.ndjson"])
def test_zip_damaged_at_its_start_is_called_damaged(tmp_path: Path, name: str, fails: Callable[..., str]) -> None:
    content = {"a.csv": CSV, "a.json": ARRAY, "a.ndjson": LINES}[name]
    zipped(tmp_path / "a.zip", name, content * 2, 0.003)
    line = fails("score", tmp_path / "a.zip", "--db", tmp_path / "risk.db")
    assert "damaged or cut short" in line
    assert "UTF-8" not in line


@pytest.mark.slow
@pytest.mark.usefixtures("no_outputs")
def test_night_reads_all_but_the_file_that_two_feeds_name_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write(inbox / "forms.csv", HEADER + "s1,2026-01-05,joy\n")
    write(inbox / "other.csv", HEADER + "s2,2026-01-05,joy\n")
    feeds = (Feed(files=("*.csv",)), Feed(files=("forms*",)))
    for n_new in (1, 0):
        with pytest.raises(ConfigError) as caught:
            run_nightly(settings(tmp_path, inbox, feeds=feeds), KeywordScorer)
        for part in (f"{inbox / 'forms.csv'}: two feeds name this file", '"*.csv"', '"forms*"', "change one pattern"):
            assert part in str(caught.value)
        assert "1 file of the inbox that two feeds name: not read (red from 1)" in capsys.readouterr().err
        assert run_query(Database(tmp_path / "risk.duckdb"), "SELECT n_appended, quality FROM runs").rows[-1] == (
            n_new,
            "red",
        )
    run_nightly(settings(tmp_path, inbox, feeds=feeds[:1]), KeywordScorer)
    assert run_query(Database(tmp_path / "risk.duckdb"), "SELECT count(*) FROM documents").rows == [(2,)]


@pytest.mark.parametrize("content", ["", HEADER, HEADER + "\n\n"])
def test_input_without_rows_leaves_no_database(tmp_path: Path, content: str, fails: Callable[..., str]) -> None:
    line = fails("score", write(tmp_path / "a.csv", content), "--db", tmp_path / "risk.db")
    assert f"{tmp_path / 'a.csv'}: the input holds no rows" in line
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.slow
def test_rejects_of_an_input_without_a_usable_row_are_kept(tmp_path: Path, fails: Callable[..., str]) -> None:
    path = write(tmp_path / "a.csv", HEADER + ",2026-01-05,x\ns1,2026-01-05,\n,2026-01-06,y\n")
    line = fails("score", path, "--db", tmp_path / "risk.db")
    for part in ("2 of 3: subject_id: empty (first: a.csv row 2)", "rejects", "risk-monitor inspect"):
        assert part in line
    assert run_query(Database(tmp_path / "risk.db"), "SELECT count(*) FROM rejects").rows == [(3,)]


def test_a_database_that_cannot_be_written_ends_a_run_and_is_no_fault_of_a_file(tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise ConfigError("the database cannot be written")

    counts = RunCounts()
    with pytest.raises(ConfigError, match="the database cannot be written"):
        read_files([write(tmp_path / "a.csv", HEADER + "a,2026-01-05,joy\n")] * 3, refuse, counts, unattended=True)
    assert not counts.undecided

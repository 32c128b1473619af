"""Removed texts and subjects leave rows and bytes; everything else stays unchanged."""

import csv
import datetime as dt
import html
import io
import json
import stat
from pathlib import Path
from types import SimpleNamespace

import duckdb
import polars as pl
import pytest
from markupsafe import escape

from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.errors import StoreError
from monitor.privacy.forgetting import forget, possible_ids, search_files
from monitor.privacy.pseudonyms import Pseudonyms
from monitor.privacy.retention import drop_old_texts, rewrite
from reports.style.offline import script_json
from tests.support.rows import documents, scores

pytestmark = pytest.mark.slow

KEY = Pseudonyms("a key for the tests alone")
NOW = dt.datetime(2026, 6, 1)
SHA = "0123456789abcdef" * 4
HOSTILE_IDS = [
    "o'brien",
    'say "hi"',
    "a b",
    "(x|y)*",
    "[ab]",
    "日本",
    "\\d+",
    "tab\there",
    "$subjects",
    "-- x",
    ".",
]


def fill(db: Path, subject: str = "alice", other: str = "bob") -> None:
    with Database(db).writing() as con:
        rows = documents("d-one", "d-two", "d-three").with_columns(
            subject_id=pl.Series([subject, other, subject]),
            text=pl.Series(["the very secret words", "words of another", "common words"]),
        )
        store.append_documents(con, rows, "r")
        store.append_documents(con, documents("d-four", text="common words"), "r")
        store.append_scores(con, scores("d-one", "d-two", "d-three"), "r")
        store.append_scores(con, scores("d-one", "d-four", model="m2"), "r")
        run = ledger.start_run(con, "nightly", "m")
        ledger.finish_run(con, run, "failed", f"DataError: /inbox/{subject}.csv: no column text")
        rejects = [
            ("1", "/inbox/a.csv", pl.Series([{"subject_id": subject, "text": "half a secret"}])),
            ("2", f"/inbox/{subject}.csv", None),
            ("3", "/inbox/b.csv", f"{subject},2026,cut shor"),
            ("4", "/inbox/b.csv", pl.Series([{"subject_id": other, "text": "x"}])),
        ]
        frame = pl.DataFrame(
            [
                (
                    i,
                    file,
                    2,
                    "text",
                    "empty",
                    raw.struct.json_encode()[0] if isinstance(raw, pl.Series) else raw,
                )
                for i, file, raw in rejects
            ],
            schema=["reject_id", "file", "row", "column", "reason", "raw"],
            orient="row",
        )
        store.append_rejects(con, frame, "r")
        for name in (subject, f"x{subject}x"):
            store.add_file(con, store.InputFile(f"/inbox/{name}.csv", 1, SHA), "r")
        con.execute(
            "INSERT INTO alerts BY NAME SELECT unnest(['a1', 'a2']) AS alert_id, 'm' AS model_id,"
            " unnest([$subject, $other]) AS subject_id, 'level' AS rule, DATE '2026-01-05' AS opened_on,"
            " opened_on AS evidence_from, opened_on AS evidence_to, 3 AS n, 0.9 AS value, 0.5 AS threshold,"
            " 'open' AS state, TIMESTAMP '2026-01-06' AS state_changed_at, 'r' AS run_id,"
            " TIMESTAMP '2026-01-06' AS raised_at",
            {"subject": subject, "other": other},
        )


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "it's" / "risk.duckdb"
    fill(path)
    return path


def tables(db: Path) -> dict[str, list[tuple[object, ...]]]:
    with Database(db).reading() as con:
        names = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {name: sorted(con.table(name).fetchall(), key=str) for name in names}


def column(db: Path, sql: str) -> list[object]:
    with Database(db).reading() as con:
        return [value for (value,) in con.execute(sql).fetchall()]


def test_a_complete_copy_is_equal_private_and_leaves_no_other_file(db: Path) -> None:
    before, names = tables(db), sorted(path.name for path in db.parent.iterdir())
    order = column(db, "SELECT doc_id FROM documents ORDER BY rowid")
    assert rewrite(Database(db)) == {}
    assert tables(db) == before
    assert column(db, "SELECT doc_id FROM documents ORDER BY rowid") == order
    assert stat.S_IMODE(db.stat().st_mode) == 0o600
    assert sorted(path.name for path in db.parent.iterdir()) == names
    with pytest.raises(duckdb.ConstraintException), Database(db).writing() as con:
        con.execute("INSERT INTO scores FROM scores")


def test_a_forgotten_subject_is_in_no_row_and_others_stay(db: Path) -> None:
    done = forget(Database(db), possible_ids("alice", None))
    assert done.removed == {"documents": 2, "scores": 3, "alerts": 1, "rejects": 1, "file names": 1}
    assert column(db, "SELECT doc_id FROM documents") == ["d-two", "d-four"]
    assert column(db, "SELECT doc_id FROM scores ORDER BY ALL") == ["d-four", "d-two"]
    assert column(db, "SELECT subject_id FROM alerts") == ["bob"]
    assert column(db, "SELECT path FROM files ORDER BY path") == [
        f"/inbox/forgotten-{SHA[:12]}",
        "/inbox/xalicex.csv",
    ]
    assert column(db, "SELECT DISTINCT sha256 FROM files WHERE size = 1") == [SHA]
    assert column(db, "SELECT message FROM runs") == [None]
    assert column(db, "SELECT raw IS NULL FROM rejects ORDER BY reject_id") == [True, True, False]
    assert column(db, "SELECT file FROM rejects ORDER BY reject_id")[0] == f"forgotten-{SHA[:12]}"
    assert forget(Database(db), possible_ids("alice", None)).removed == {}


def test_the_bytes_of_a_forgotten_subject_are_gone_from_the_file(db: Path) -> None:
    secrets = ("the very secret words", "half a secret", "alice,2026", "/inbox/alice.csv", "d-one")
    for text in secrets:
        assert search_files([db], [text])[0] == [db], "a search that finds nothing before proves nothing after"
    done = forget(Database(db), possible_ids("alice", None))
    assert "the very secret words" in done.search_strings
    assert search_files([db], [*secrets, *done.search_strings])[0] == []


def test_forgetting_through_a_link_rewrites_its_target(db: Path, tmp_path: Path) -> None:
    link = tmp_path / "risk.duckdb"
    link.symlink_to(db)
    done = forget(Database(link), possible_ids("alice", None))
    assert link.is_symlink()
    assert search_files([db], done.search_strings)[0] == []
    assert column(db, "SELECT count(*) FROM documents WHERE subject_id = 'alice'") == [0]


def test_text_that_others_also_wrote_stays_and_is_not_searched_for(db: Path) -> None:
    done = forget(Database(db), possible_ids("alice", None))
    assert "common words" not in done.search_strings
    assert done.n_not_searched == 2, "xalicex contains alice, and d-one is short"
    assert column(db, "SELECT text FROM documents ORDER BY text") == ["common words", "words of another"]


def test_plain_id_and_pseudonym_both_identify_the_subject(tmp_path: Path) -> None:
    for given in ("alice", KEY.of("alice")):
        db = tmp_path / f"{len(given)}.duckdb"
        fill(db, KEY.of("alice"), KEY.of("bob"))
        assert forget(Database(db), possible_ids(given, KEY)).removed["documents"] == 2
        assert search_files([db], ["the very secret words"])[0] == []
        assert column(db, "SELECT subject_id FROM alerts") == [KEY.of("bob")]


@pytest.mark.parametrize("subject", HOSTILE_IDS)
def test_no_subject_id_is_executed_as_sql_or_pattern(tmp_path: Path, subject: str) -> None:
    db = tmp_path / "risk.duckdb"
    fill(db, subject)
    assert forget(Database(db), [subject]).removed["documents"] == 2
    assert column(db, "SELECT count(*) FROM documents") == [2]
    assert column(db, "SELECT count(*) FROM rejects WHERE raw LIKE '%bob%'") == [1]


def test_old_texts_are_removed_with_their_bytes_and_scores_stay(db: Path) -> None:
    with Database(db).writing() as con:
        con.execute("UPDATE documents SET ingested_at = '2026-05-01' WHERE doc_id IN ('d-one', 'd-three')")
        con.execute("UPDATE documents SET ingested_at = '2026-05-02' WHERE doc_id NOT IN ('d-one', 'd-three')")
        con.execute("UPDATE rejects SET rejected_at = '2026-05-01' WHERE reject_id < '4'")
    n_scores = column(db, "SELECT count(*) FROM scores")
    assert search_files([db], ["the very secret words"])[0] == [db]
    assert drop_old_texts(Database(db), 30, NOW) == 2
    assert column(db, "SELECT text FROM documents ORDER BY doc_id") == [
        "common words",
        None,
        None,
        "words of another",
    ]
    assert column(db, "SELECT count(*) FROM rejects WHERE raw IS NULL") == [3]
    assert column(db, "SELECT count(*) FROM scores") == n_scores
    assert column(db, "SELECT count(*) FROM alerts") == [2]
    assert search_files([db], ["the very secret words", "half a secret", "alice,2026"])[0] == []
    untouched = db.stat().st_ino
    assert drop_old_texts(Database(db), 30, NOW) == 0
    assert db.stat().st_ino == untouched, "nothing to do is nothing written"


class NoConnection:
    close = staticmethod(lambda: None)
    execute = staticmethod(lambda *_: SimpleNamespace(fetchall=list, fetchone=lambda: None))


def test_rewriting_removes_leftovers_and_stops_at_a_foreign_log(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".risk.duckdb.rewrite", ".risk.duckdb.rewrite.wal"):
        db.with_name(name).write_bytes(b"rubbish")
    assert rewrite(Database(db), subjects=["alice"])["documents"] == 2
    assert not list(db.parent.glob(".*"))
    log = db.with_name("risk.duckdb.wal")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "connect", lambda *_, **__: log.touch() or NoConnection)
        patch.setattr("monitor.database.copy.refuse_lake", lambda *_: None)  # it asks with a cursor
        with pytest.raises(StoreError, match="another program writes to it"):
            rewrite(Database(db), subjects=["bob"])
    log.unlink()
    assert column(db, "SELECT count(*) FROM documents") == [2]


def test_a_copy_that_fails_changes_nothing(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = db.read_bytes()

    def full(*_: object) -> None:
        db.with_name(f".{db.name}.rewrite.wal").touch()
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr("monitor.database.copy._copy_tables", full)
    with pytest.raises(StoreError, match="the disk is full"):
        rewrite(Database(db), subjects=["alice"])
    assert db.read_bytes() == before
    assert not list(db.parent.glob(".*"))


def test_the_search_sees_escaped_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "page").write_text('{"text": "\\u65e5\\u672c"}')
    assert search_files(sorted(tmp_path.iterdir()), ["日本"])[0] == [tmp_path / "page"]


@pytest.mark.parametrize("text", ['"café" & more', "smile \U0001f600 < 3", "it's\ntwo lines", "日本語の文"])
def test_the_search_sees_texts_as_json_csv_and_pages_write_them(tmp_path: Path, text: str) -> None:
    in_json = json.dumps(text)
    in_csv = io.StringIO()
    csv.writer(in_csv).writerow([text, "x"])
    written = [in_json, json.dumps(text, ensure_ascii=False), in_csv.getvalue(), escape(text), html.escape(text)]
    written += [script_json({"text": text}), html.escape(text, quote=False)]
    for number, content in enumerate(written):
        (tmp_path / f"{number}").write_text(content, encoding="utf-8", newline="")
    files = sorted(tmp_path.iterdir())
    assert search_files(files, [text])[0] == files

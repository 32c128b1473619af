"""The command explain: a text or a stored document, as a table or as JSON."""

import json
import shutil
from pathlib import Path

import pytest

from jobs.explain import command, stored_text
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database
from monitor.database.snapshot import publish
from monitor.errors import ConfigError, DataError
from tests.explanation.test_occlusion import TEXT, WordScorer
from tests.support.keyword_scorer import KeywordScorer

NO_KEY = Path("no.key")


@pytest.fixture(autouse=True)
def word_scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.explain.open_scorer", lambda **_: WordScorer())


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    feed = folder / "feed.csv"
    feed.write_text(
        f"doc_id,subject_id,posted_at,text\nab1,s,2026-01-05,{TEXT}\nab2,s,2026-01-06,b\nab,t,2026-01-05,c\n"
    )
    score_files([feed], Database(folder / "risk.duckdb"), KeywordScorer)
    return folder


@pytest.fixture
def db(scored: Path, tmp_path: Path) -> Database:
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    return Database(tmp_path / "risk.duckdb")


def test_a_text_is_explained_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    command(TEXT, as_json_=True)
    found = json.loads(capsys.readouterr().out)
    assert found["counted_most"] == ["worthless", "again"]
    assert found["criterion"] == "worth"
    assert [TEXT[word["first"] : word["last"]] for word in found["words"]] == [
        word["text"] for word in found["words"]
    ]
    assert "".join(one["text"] for one in found["sentences"]) == TEXT
    assert "diagnosis" in found["note"]


def test_a_text_is_explained_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    command("\x1b[31m" + TEXT)
    out = capsys.readouterr().out
    assert "'worthless', 'again' counted most" in out
    assert "P(worth)" in out
    assert "\x1b[31m" not in out


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_text_has_no_answer_to_explain(text: str) -> None:
    with pytest.raises(ConfigError, match="the text is empty"):
        command(text)


@pytest.mark.slow
def test_a_document_is_found_by_its_id_and_its_use_is_logged(db: Database) -> None:
    with db.reading() as con:
        ids = dict(con.execute("SELECT given_id, doc_id FROM documents").fetchall())
    assert stored_text(db, "ab", NO_KEY).text == "c"
    for one in ("ab1", ids["ab1"], ids["ab1"][:12]):
        assert stored_text(db, one, NO_KEY) == (TEXT, "keywords-1")
    with db.reading() as con:
        log = con.execute("SELECT command, n_people FROM access_log").fetchall()
    assert log == [("explain", 1)] * 4


def test_the_id_of_the_file_names_no_other_document_by_the_start_of_a_pseudonym(tmp_path: Path) -> None:
    rows = "".join(f"d{n},s{n},2026-01-{n % 28 + 1:02d},text {n}\n" for n in range(200))
    (tmp_path / "feed.csv").write_text(f"doc_id,subject_id,posted_at,text\n{rows}7.0,s,2026-01-01,seven\n")
    db, key = Database(tmp_path / "risk.duckdb"), tmp_path / "risk.duckdb.key"
    key.write_text("a key for which pseudonyms begin like given ids, 77")
    key.chmod(0o600)
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, key_file=key)
    with db.reading() as con:
        stored = [row[0] for row in con.execute("SELECT doc_id FROM documents").fetchall()]
    starts = [number for number in range(200) if any(doc_id.startswith(f"d{number}") for doc_id in stored)]
    assert starts == [2, 3, 7, 36, 72]
    for number in starts:
        assert stored_text(db, f"d{number}", key).text == f"text {number}"
    assert stored_text(db, "7.0", key).text == stored_text(db, "7", key).text == "seven"


def test_an_id_that_two_people_use_asks_for_the_doc_id_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("doc_id,subject_id,posted_at,text\n2,s,2026-01-05,a\n2,t,2026-01-06,b\n")
    db, key = Database(tmp_path / "risk.duckdb"), tmp_path / "risk.duckdb.key"
    score_files([tmp_path / "feed.csv"], db, KeywordScorer, key_file=key)
    with pytest.raises(DataError, match="several documents have this id in their files; give the doc_id that the"):
        stored_text(db, "2", key)
    with db.reading() as con:
        texts = dict(con.execute("SELECT doc_id, text FROM documents").fetchall())
    assert {doc_id: stored_text(db, doc_id, key).text for doc_id in texts} == texts


def test_the_start_of_several_ids_asks_for_more_of_the_id(db: Database) -> None:
    with db.reading() as con:
        first, second = (row[0] for row in con.execute("SELECT doc_id FROM documents LIMIT 2").fetchall())
    with db.writing() as con:
        con.execute("UPDATE documents SET doc_id = ? WHERE doc_id = ?", [f"{first[:9]}{second[9:]}", second])
    with pytest.raises(DataError, match="several documents match; give more of the id"):
        stored_text(db, first[:9], NO_KEY)


@pytest.mark.parametrize(("doc_id", "fault"), [("zz", "no such document"), (" ", "no such"), ("%", "no such")])
def test_an_unknown_document_is_said_so(db: Database, doc_id: str, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        stored_text(db, doc_id, NO_KEY)


def test_unknown_document_is_explained_by_a_missing_key(scored: Path, tmp_path: Path) -> None:
    db, key = Database(tmp_path / "risk.duckdb"), tmp_path / "risk.duckdb.key"
    score_files([scored / "feed.csv"], db, KeywordScorer, key_file=key)
    assert stored_text(db, "ab2", key).text == "b"
    copy = shutil.copy(publish(db, tmp_path / "snapshot", texts=True), tmp_path / "copy.duckdb")
    with pytest.raises(DataError, match="no such document; a snapshot, or a copy of it, does not record the key"):
        stored_text(Database(copy), "ab2", key)
    with pytest.raises(DataError, match="no such document; the key is not here"):
        stored_text(db, "ab2", NO_KEY)


def test_a_removed_text_is_said_so(db: Database) -> None:
    with db.writing() as con:
        con.execute("UPDATE documents SET text = NULL")
    with pytest.raises(DataError, match="was removed"):
        stored_text(db, "ab1", NO_KEY)


def test_one_of_text_and_document_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="either a text, or --doc-id"):
        command()
    with pytest.raises(ConfigError, match="either a text, or --doc-id"):
        command("a", doc_id="b")
    with pytest.raises(ConfigError, match="name the database with --db"):
        command(doc_id="b")
    with pytest.raises(ConfigError, match="a text given here is in no database; leave out --db"):
        command("a", db=tmp_path / "nothere.duckdb")

"""Changed rows of known documents, known rejects, and look-alike ids, in runs, nights and `forget`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from jobs.forget import forget_subject
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.run_counts import RunCounts
from jobs.pipeline.score_files import score_files
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.database.statements import query, statement, statement_names
from monitor.errors import DataError
from monitor.intake.row_rules import IdRules, OnChange
from monitor.settings import Settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordScorer
from tests.support.nights import BY_RUN

HEADER = "doc_id,subject_id,posted_at,text\n"


def score(db: Database, *files: Path, on_change: OnChange = "reject", key_file: Path | None = None) -> RunCounts:
    return score_files(files, db, KeywordScorer, on_change=on_change, key_file=key_file).counts


def ask(db: Database, sql: str) -> list[tuple[Any, ...]]:
    with db.reading() as con:
        return con.execute(sql).fetchall()


def feed(path: Path, *rows: str) -> Path:
    return write(path, HEADER + "".join(f"{row}\n" for row in rows))


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(tmp_path / "risk.duckdb")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("on_change", "texts", "old", "counts", "has_key"),
    [
        ("reject", ["first joy"], [], (3, 2, 0, 0), False),
        ("replace", ["third fear"], [(1, "first joy", "joy"), (2, "second anger", None)], (0, 3, 2, 0), True),
        ("keep_both", ["first joy", "second anger", "third fear"], [], (0, 3, 0, 2), True),
    ],
)
def test_a_changed_row_does_what_the_settings_say(
    db: Database, tmp_path: Path, on_change: OnChange, texts: list[str], old: list[Any], counts: Any, has_key: bool
) -> None:
    key = tmp_path / "key" if has_key else None
    first = feed(
        tmp_path / "1.csv", "d,s,2026-01-05,first joy", "e,s,2026-01-05,other love", "d,z,2026-01-05,not mine"
    )
    rows = ["d,s,2026-01-05,second anger", "d,s,2026-01-06,third fear", "d,s,2026-01-06,third fear"]
    second = feed(tmp_path / "2.csv", *rows, "e,s,2026-01-05,other love", "d,z,2026-01-05,not mine")
    score(db, first, on_change=on_change, key_file=key)
    done = score(db, second, on_change=on_change, key_file=key)
    n_rejected, n_duplicate, n_replaced, n_appended = counts
    assert (done.n_read, done.n_rejected, done.n_duplicate, done.n_replaced, done.n_appended) == (
        5, n_rejected, n_duplicate, n_replaced, n_appended
    )  # fmt: skip
    mine = "SELECT text FROM documents WHERE text NOT IN ('other love', 'not mine') ORDER BY posted_at, text"
    versions = (
        "SELECT version, text, emotion FROM superseded_documents LEFT JOIN superseded_scores USING (doc_id, version)"
    )
    everything = (
        "SELECT doc_id, text, emotion, posted_at FROM documents JOIN scores USING (doc_id, posted_at) ORDER BY ALL"
    )

    def state() -> list[Any]:
        return [ask(db, mine), ask(db, f"{versions} ORDER BY version"), ask(db, everything)]

    before = state()
    assert [text for (text,) in before[0]] == texts
    assert before[1] == old
    assert len(before[2]) == len(texts) + 2, "each document has a score, and of its own text"
    again = score(db, first, second, on_change=on_change, key_file=key)
    assert (again.n_appended, again.n_replaced, again.n_scored) == (0, 0, 0)
    assert state() == before, "reading old files again changes nothing"


def test_a_row_that_repeats_the_stored_text_is_no_reject_although_another_version_stands_above_it(
    db: Database, tmp_path: Path
) -> None:
    score(db, feed(tmp_path / "1.csv", "d,s,2026-01-05,first joy", "e,s,2026-01-05,other love"))
    rows = ["d,s,2026-01-05,second anger", "d,s,2026-01-05,first joy", "d,s,2026-01-05,first joy"]
    done = score(db, feed(tmp_path / "2.csv", *rows, "d,s,2026-01-06,first joy"))
    assert (done.n_read, done.n_rejected, done.n_duplicate, done.n_appended) == (4, 2, 2, 0)
    assert ask(db, 'SELECT "row" FROM rejects ORDER BY ALL') == [(2,), (5,)]
    done = score(db, feed(tmp_path / "3.csv", *rows[:2]))
    assert not done.empty, "the file holds a usable row"


@pytest.mark.slow
def test_a_new_file_brings_back_a_version_that_was_replaced(db: Database, tmp_path: Path) -> None:
    for number, text in enumerate(("the first joy", "an anger", "the first joy"), 1):
        score(
            db,
            feed(tmp_path / f"{number}.csv", f"d,s,2026-01-05,{text}", f"e{number},s,2026-01-05,x"),
            on_change="replace",
        )
    assert ask(db, "SELECT text, emotion FROM documents JOIN scores USING (doc_id) WHERE given_id = 'd'") == [
        ("the first joy", "joy")
    ]
    sql = "SELECT text, emotion FROM superseded_documents JOIN superseded_scores USING (doc_id, version)"
    assert ask(db, sql) == [("an anger", "anger")]
    assert len(ask(db, "FROM superseded_scores")) == 1


@pytest.mark.slow
def test_every_table_about_a_document_follows_its_replacement(db: Database, tmp_path: Path) -> None:
    score(db, feed(tmp_path / "1.csv", "d,s,2026-01-05,i want to kill myself"), on_change="replace")
    with db.writing() as con:
        assert con.execute("SELECT count(*) FROM mentions").fetchone() != (0,)
        con.execute("CREATE TABLE of_a_later_schema AS SELECT doc_id, 1 AS piece FROM documents")
    score(db, feed(tmp_path / "2.csv", "d,s,2026-01-05,such joy"), on_change="replace")
    assert ask(db, "FROM mentions") == ask(db, "FROM of_a_later_schema") == []
    assert ask(db, "SELECT n_raised > 0 FROM superseded_documents") == [(True,)]


@pytest.mark.slow
def test_no_query_or_view_sees_a_superseded_document(tmp_path: Path) -> None:
    """A database after corrections answers as one that has read the last versions alone.

    Alerts that rested on a superseded version stay in the history, as withdrawn.
    """
    people = [(f"d{i}", f"s{i % 5}", f"2026-01-{i // 5 + 1:02d}") for i in range(100)]
    last = [f"{d},{s},{day},so much {'sadness' if s in ('s1', 's2') else 'joy'} {d}" for d, s, day in people]
    wrong = [f"{d},{s},2025-12-{day[-2:]},i want to kill myself in sadness and fear {d}" for d, s, day in people]
    corrected, plain = Database(tmp_path / "corrected.duckdb"), Database(tmp_path / "plain.duckdb")
    score(corrected, feed(tmp_path / "wrong.csv", *wrong), on_change="replace")
    score(corrected, feed(tmp_path / "last.csv", *last), on_change="replace")
    score(plain, tmp_path / "last.csv", on_change="replace")
    assert ask(
        corrected, "SELECT count(*) FROM superseded_documents JOIN superseded_scores USING (doc_id, version)"
    ) == [(100,)]
    with corrected.reading() as one, plain.reading() as other:
        answers = [answered(con) for con in (one, other)]
    assert answers[0].keys() == answers[1].keys()
    assert len(answers[0]) > 25
    for name in answers[0]:
        assert answers[0][name] == answers[1][name], name


PARAMS: dict[str, object] = {
    **AlertRules().model_dump(),
    "model_id": KeywordScorer().model.model_id,
    "as_of": "2026-01-25",
    "until": "2026-02-01",
    "days": 90,
    "top": 500,
    "weeks": 8,
    "window_days": 7,
}
OF_RUNS = {"last_run", "data_quality"}  # the ledger of runs tells of every row that was read


def answered(con: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """The answers of every window, alert rule and view that reads; columns of runs and clocks are left out."""
    names = [f"windows/{name}" for name in statement_names("windows") if name not in OF_RUNS]
    names += [f"alerts/{name}" for name in ("level", "change", "sustained", "crisis")]
    names += [f"queries/{name}" for name in ("totals", "crisis_passages", "count_unscored", "snapshot_months")]
    answers: dict[str, list[Any]] = {}
    for name in names:
        wanted = {key: PARAMS[key] for key in statement(name).params}
        rows = query(con, name, **wanted)
        if "closed_because" in rows.columns:
            rows = rows.filter(pl.col("closed_because").ne_missing("withdrawn"))
        answers[name] = kept_rows(rows)
    views = [name for (name,) in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
    assert len(views) >= 5
    for view in views:
        answers[view] = kept_rows(con.table(view).pl())
    now = "SELECT count(*), min(posted_at), max(posted_at), count(DISTINCT subject_id) FROM"
    answers["documents"] = con.execute(f"{now} documents").fetchall()
    answers["open alerts"] = con.execute(
        "SELECT rule, subject_id, opened_on, n, value FROM open_alerts ORDER BY ALL"
    ).fetchall()
    return answers


def kept_rows(frame: Any) -> list[str]:
    columns = [name for name in frame.columns if name not in BY_RUN | {"last_scored", "alert_id"}]
    return sorted(
        str([round(v, 9) if isinstance(v, float) else v for v in row]) for row in frame.select(columns).rows()
    )


def nightly(tmp_path: Path, **more: Any) -> Settings:
    (tmp_path / "inbox").mkdir(exist_ok=True)
    return Settings(
        db=tmp_path / "risk.duckdb", inbox=tmp_path / "inbox", out=tmp_path / "report", snapshot=tmp_path / "snap",
        settle_s=0, quality={"min_rows": 20}, **more,
    )  # fmt: skip


def night(settings: Settings, name: str, rows: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    feed(settings.inbox / name, *rows)
    done = run_pipeline(settings, KeywordScorer, report=False).quality
    return done.level, done.findings


@pytest.mark.slow
def test_rejects_of_an_earlier_night_turn_no_later_night_red(tmp_path: Path) -> None:
    """A full export every night, of which half was edited once; junk without ids is new every night."""
    settings = nightly(tmp_path, pseudonyms=True)
    rows = [f"d{i},u{i % 6},2026-11-{i % 25 + 1:02d},joy on day {i}" for i in range(40)]
    edited = [f"{row} (edited)" if i % 2 else row for i, row in enumerate(rows)]
    assert night(settings, "1.csv", rows)[0] == "green"
    level, findings = night(settings, "2.csv", edited)
    assert level == "red"
    assert "50% of the rows read were rejected" in findings[0]
    third = [*edited, "d98,u1,2026-11-25,joy of a new day"]
    assert "rejected" not in str(night(settings, "3.csv", third))
    again = [row.replace("(edited)", "(edited twice)") for row in edited]
    assert night(settings, "4.csv", again)[0] == "red", "another edit is news"
    junk = [",,,", "u1,,,"] * 20
    assert [
        night(settings, f"{name}.csv", [*junk, f"{name},u1,2026-11-25,joy {name}"])[0] for name in ("5", "6")
    ] == ["red"] * 2


@pytest.mark.slow
def test_a_night_and_forget_tell_of_look_alike_ids(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = nightly(tmp_path)
    assert (
        night(settings, "1.csv", ["a,José,2026-01-05,joy", "b,7,2026-01-05,fear", "c,P01,2026-01-05,love"])[1] == ()
    )
    level, findings = night(
        settings,
        "2.csv",
        ["d,JOSE,2026-01-06,joy", "e,007,2026-01-06,fear", "f,p 01,2026-01-06,x", "g,new,2026-01-06,y"],
    )
    assert level == "yellow"
    assert findings[0].startswith("3 new subjects differ from known ones only by case, .0 or accents")
    assert "read all files into a new database with [ids]" in findings[0]  # changed in this one, it splits people
    assert night(settings, "3.csv", ["h,JOSE,2026-01-07,joy", "i,7.0,2026-01-07,joy"])[1] == (), "7.0 is 7"
    db = Database(settings.db)
    ((alike,),) = ask(db, "SELECT subject_id FROM documents WHERE text = 'joy' AND posted_at = '2026-01-06'")
    forget_subject(db, "José", settings)
    output = " ".join("".join(capfd.readouterr()).split())
    assert (
        "1 other subject differs from this one only by case, .0 or accents, spaces or leading zeros, and stay"
        in output
    )
    assert alike in output
    assert "José" not in output
    with pytest.raises(DataError, match="nothing about this subject"):
        forget_subject(db, "jose", settings)
    assert alike in "".join(capfd.readouterr())
    forget_subject(db, "JOSE", settings)
    assert "other subject" not in "".join(capfd.readouterr())


@pytest.mark.slow
def test_casefold_and_strip_make_one_person_of_two_spellings(db: Database, tmp_path: Path) -> None:
    path = feed(tmp_path / "a.csv", "a,@P 01,2026-01-05,joy", "b,p01,2026-01-05,fear", "a,P01.,2026-01-05,joy")
    counts = score_files([path], db, KeywordScorer, ids=IdRules(casefold=True, strip=True)).counts
    assert (counts.n_appended, counts.n_duplicate) == (2, 1)
    assert ask(db, "SELECT DISTINCT subject_id FROM documents") == [("p01",)]
    forget_subject(db, "p01", None)
    assert ask(db, "FROM documents") == ask(db, "FROM subject_forms") == []


@pytest.mark.slow
def test_forget_and_retention_reach_superseded_versions(tmp_path: Path) -> None:
    settings = nightly(tmp_path, on_change="replace", text_days=30)
    night(
        settings, "1.csv", ["d,anna-maria,2026-01-05,an early secret joy", "e,berta,2026-01-05,another early secret"]
    )
    night(settings, "2.csv", ["d,anna-maria,2026-01-05,a later joy", "e,berta,2026-01-05,a later one"])
    db = Database(settings.db)
    forget_subject(db, "anna-maria", settings)
    assert b"an early secret joy" not in settings.db.read_bytes()
    assert ask(db, "SELECT text FROM superseded_documents") == [("another early secret",)]
    with db.writing() as con:
        con.execute("UPDATE superseded_documents SET ingested_at = '2020-01-01'")
    night(settings, "3.csv", ["f,berta,2026-01-06,joy"])
    assert ask(db, "SELECT text FROM superseded_documents") == [(None,)]
    assert b"another early secret" not in settings.db.read_bytes()


@pytest.mark.parametrize("has_key", [False, True])
def test_versions_that_are_kept_are_stored_once_in_whatever_order_files_bring_them(
    db: Database, tmp_path: Path, has_key: bool
) -> None:
    key = tmp_path / "key" if has_key else None
    one, two, three = "d,s,2026-01-05,first joy", "d,s,2026-01-05,second anger", "d,s,2026-01-06,second anger"
    orders = [(two,), (one, two), (two, one), (three, two, one), (one, three), (three,)]
    for number, rows in enumerate(orders):
        score(db, feed(tmp_path / f"{number}.csv", *rows), on_change="keep_both", key_file=key)
    assert ask(db, "SELECT text, count(*) FROM documents GROUP BY ALL ORDER BY text") == [
        ("first joy", 1), ("second anger", 2)
    ]  # fmt: skip

"""After a change of the list of crisis wording, runs that know the settings search the stored texts anew."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import alerts
from jobs.pipeline import search_anew
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.people import is_crisis_list_named
from jobs.pipeline.score_files import score_files
from jobs.query import run_query
from monitor.alerts.rules import AlertRules
from monitor.crisis import CrisisList
from monitor.database.connection import Database
from monitor.database.statements import schema_files
from monitor.privacy.forgetting import forget
from monitor.settings import Settings, load_settings
from tests.support.inputs import write
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

FEED = """subject_id,posted_at,text
a,2026-01-05,I want to kill myself
b,2026-01-05,the blue zebra came again
c,2026-01-05,joy at the lake
"""
ZEBRA = '[[phrases]]\nphrase = "blue zebra"\ncriterion = "suicidal"\nwhy = "a code word"\n'
Rows = Sequence[tuple[Any, ...]]


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """Settings of nights with the built-in list, and a copy of their folder after a night has scored its texts."""
    work, kept = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("kept") / "work"
    (work / "inbox").mkdir()
    write(work / "inbox" / "1.csv", FEED)
    paths = {key: work / key for key in ("inbox", "out", "snapshot")}
    settings = Settings(db=work / "risk.duckdb", settle_s=0, pseudonyms=False, **paths)
    night(settings)
    shutil.copytree(work, kept)
    return settings, kept


@pytest.fixture
def settings(first_night: tuple[Settings, Path]) -> Settings:
    """Those settings; their folder is as the night left it."""
    settings, kept = first_night
    shutil.rmtree(settings.db.parent)
    shutil.copytree(kept, settings.db.parent)
    return settings


@pytest.fixture
def own(settings: Settings) -> Settings:
    """The same settings with a list of the user's own, which lacks every wording of the built-in list."""
    return settings.model_copy(update={"crisis_list": write(settings.db.with_name("own.toml"), ZEBRA)})


def night(settings: Settings, model: str = "keywords-1") -> None:
    run_pipeline(settings, lambda: KeywordScorer(KeywordModel(model_id=model)), report=False)


def rows(settings: Settings, sql: str) -> Rows:
    return run_query(Database(settings.db), sql).rows


def people(settings: Settings) -> Rows:
    """The people with a mention, and those with a crisis alert that is not withdrawn."""
    return [
        *rows(settings, "SELECT subject_id, state FROM mentions ORDER BY ALL"),
        *rows(settings, "SELECT subject_id FROM alerts WHERE closed_because IS NULL ORDER BY ALL"),
    ]


def searched(settings: Settings) -> Rows:
    return rows(settings, "SELECT list_id, count(*) FROM crisis_searches GROUP BY ALL ORDER BY 2")


def fingerprint(settings: Settings) -> str:
    return CrisisList.read(settings.crisis_list).fingerprint


ALL_ANEW = "crisis wording: 3 stored texts were searched anew, because another list had searched them\n"
FOUND, FOUND_BY_OWN = [("a", "raised"), ("a",)], [("b", "raised"), ("b",)]


@pytest.mark.slow
def test_a_night_searches_stored_texts_with_a_changed_list(own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    before = own.model_copy(update={"crisis_list": None})
    assert people(before) == FOUND
    for changed, found in ((own, FOUND_BY_OWN), (before, FOUND)):
        capsys.readouterr()
        night(changed)
        assert people(changed) == found
        assert ALL_ANEW in capsys.readouterr().err
        night(changed)
        assert "crisis wording" not in capsys.readouterr().err
        assert searched(changed) == [(fingerprint(changed), 3)]


@pytest.mark.slow
def test_an_update_of_the_alerts_searches_with_the_list_of_the_settings(own: Settings) -> None:
    alerts.update_alerts(Database(own.db), AlertRules())
    assert people(own) == FOUND, "without settings"
    alerts.update_alerts(Database(own.db), AlertRules(), CrisisList.read(own.crisis_list))
    assert people(own) == FOUND_BY_OWN


@pytest.mark.slow
@pytest.mark.parametrize("where", ["jobs.pipeline.search_anew.find_mentions", "monitor.database.store.execute"])
def test_a_run_completes_a_search_that_was_killed(
    own: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """The second batch dies in the search, or after its mentions were written and before they are committed."""
    monkeypatch.setattr(search_anew, "BATCH_ROWS", 1)
    module, name = where.rsplit(".", 1)
    usual, n_calls = getattr(__import__(module, fromlist=[name]), name), 0

    def dies(*given: Any, **others: Any) -> Any:
        nonlocal n_calls
        n_calls += name == "find_mentions" or given[1] == "queries/change_searches"
        if n_calls == 2:
            raise RuntimeError
        return usual(*given, **others)

    with monkeypatch.context() as patched:
        patched.setattr(where, dies)
        with pytest.raises(RuntimeError):
            night(own)
    assert people(own) == [("a",)], "the first text was searched anew, and its alert not yet updated"
    assert searched(own) == [(fingerprint(own), 1), (CrisisList.read().fingerprint, 2)]
    night(own)
    assert people(own) == FOUND_BY_OWN
    assert "crisis wording: 2 stored texts were searched anew" in capsys.readouterr().err


@pytest.mark.slow
def test_a_mention_in_a_removed_text_stays_and_is_told(own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with Database(own.db).writing() as con:
        con.execute("UPDATE documents SET text = NULL WHERE subject_id = 'a'")
    night(own)
    assert people(own) == [("a", "raised"), ("b", "raised"), ("a",), ("b",)]
    told = capsys.readouterr().err
    assert "2 stored texts were searched anew" in told
    assert "; 1 mention of an earlier list stays, because retention removed its text\n" in told


@pytest.mark.slow
def test_score_without_settings_leaves_the_texts_of_the_settings_list_alone(
    own: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    night(own)
    more = write(own.db.with_name("more.csv"), "subject_id,posted_at,text\nd,2026-01-06,I want to kill myself\n")
    new_model = KeywordScorer(KeywordModel(model_id="another"))  # scores the stored texts once more
    score_files([more], Database(own.db), lambda: new_model)
    assert "3 stored texts were searched with another list of crisis wording" in capsys.readouterr().err
    assert people(own) == [("b", "raised"), ("d", "raised"), ("b",), ("b",), ("d",)], "the alerts of two models"
    score_files([more], Database(own.db), KeywordScorer, crisis=CrisisList.read(own.crisis_list), is_list_named=True)
    assert "1 stored text was searched anew, because another list had searched it" in capsys.readouterr().err
    assert people(own)[0] == ("b", "raised")
    assert searched(own) == [(fingerprint(own), 4)]


@pytest.mark.parametrize(
    ("line", "variable", "db", "named"),
    [
        ('crisis_list = "own.toml"', "", "risk.duckdb", True),
        ("", "", "risk.duckdb", True),  # the built-in list
        (None, "", "risk.duckdb", False),
        (None, "RISK_MONITOR_CRISIS_LIST", "risk.duckdb", True),
        (None, "RISK_MONITOR_THRESHOLD", "risk.duckdb", False),
        ("", "", "another.duckdb", False),
    ],
)
def test_settings_of_the_database_name_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str | None, variable: str, db: str, named: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if line is not None:
        write(tmp_path / "risk-monitor.toml", f'{line}\ndb = "risk.duckdb"\n')
    if variable:
        monkeypatch.setenv(variable, "0.5")
    assert is_crisis_list_named(load_settings(), Path(db)) is named


@pytest.mark.slow
def test_a_text_that_was_raised_before_is_no_news_of_a_changed_list(own: Settings) -> None:
    both = own.db.with_name("both.toml")
    longer = ZEBRA + '[[phrases]]\nphrase = "want to kill myself"\ncriterion = "suicidal"\nwhy = "as before"\n'
    night(own.model_copy(update={"crisis_list": write(both, longer)}))
    found = "SELECT m.subject_id, count(*), bool_and(m.run_id = s.run_id) FROM mentions AS m JOIN scores AS s"
    assert rows(own, f"{found} USING (doc_id) GROUP BY ALL ORDER BY ALL") == [("a", 1, True), ("b", 1, False)]


@pytest.mark.slow
def test_an_older_database_was_searched_with_the_lists_of_its_mentions(
    own: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first night had the built-in list and the second its own, and nothing was recorded."""
    write(own.inbox / "2.csv", FEED.replace("01-05", "01-06"))
    with Database(own.db).writing() as con:
        con.execute("DELETE FROM crisis_searches")
    own_list = CrisisList.read(own.crisis_list)
    score_files([own.inbox / "2.csv"], Database(own.db), KeywordScorer, crisis=own_list)
    upgrade(own)
    assert set(searched(own)) == {(fingerprint(own), 3), (CrisisList.read().fingerprint, 3)}
    night(own)
    assert ALL_ANEW in capsys.readouterr().err
    assert rows(own, "SELECT DISTINCT subject_id FROM mentions") == [("b",)]


@pytest.mark.slow
def test_an_upgrade_alone_searches_nothing(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where no text has crisis wording, so that no mention tells the list."""
    upgrade(settings)
    night(settings)
    assert searched(settings) == [(fingerprint(settings), 3)]
    with Database(settings.db).writing() as con:
        con.execute("DELETE FROM mentions")
    upgrade(settings)
    assert searched(settings) == [(None, 3)]
    night(settings)
    assert searched(settings) == [(fingerprint(settings), 3)]
    assert "crisis wording" not in capsys.readouterr().err


def upgrade(settings: Settings) -> None:
    """Make the table as the upgrade of an older database does."""
    steps = [file for file in schema_files() if file.stem.endswith(("_crisis_searches", "_told_wording"))]
    with Database(settings.db).writing() as con:
        con.execute("DROP TABLE crisis_searches")
        for step in steps:
            con.execute(step.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_forgetting_removes_the_searches_too(settings: Settings) -> None:
    db = Database(settings.db)
    with db.only_writer():
        forget(db, ["a"])
    assert searched(settings) == [(fingerprint(settings), 2)]

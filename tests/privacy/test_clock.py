"""A clock that is wrong for a night removes no text, and makes no old model the newest."""

import datetime as dt
from pathlib import Path

import pytest

from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.errors import ClockError
from monitor.privacy import retention
from monitor.privacy.retention import drop_old_texts
from tests.support.rows import documents, scores

pytestmark = pytest.mark.slow  # each makes several runs

TODAY = dt.datetime(2026, 6, 1)
AHEAD = TODAY + dt.timedelta(days=400)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(tmp_path / "risk.duckdb")


def set_clock(monkeypatch: pytest.MonkeyPatch, now: dt.datetime) -> None:
    for module in (ledger, store, retention):
        monkeypatch.setattr(module, "utc_now", lambda: now)


def night(db: Database, monkeypatch: pytest.MonkeyPatch, now: dt.datetime, *ids: str, model: str = "m") -> str:
    """A run at this time that appends documents, and scores them."""
    set_clock(monkeypatch, now)
    with db.writing() as con:
        run_id = ledger.start_run(con, "nightly", model)
        store.append_documents(con, documents(*ids), run_id)
        store.append_scores(con, scores(*ids, model=model), run_id)
        ledger.finish_run(con, run_id)
    return run_id


def texts(db: Database) -> int:
    with db.reading() as con:
        ((n,),) = con.execute("SELECT count(text) FROM documents").fetchall()
    return int(n)


@pytest.mark.parametrize("checked", [False, True])
def test_retention_refuses_a_clock_that_is_far_ahead(
    db: Database, monkeypatch: pytest.MonkeyPatch, checked: bool
) -> None:
    night(db, monkeypatch, TODAY, "a", "b")
    if checked:
        assert drop_old_texts(db, 365) == 0
    set_clock(monkeypatch, AHEAD)
    for later in range(3):  # that runs of the wrong clock are in the ledger makes it no better
        with pytest.raises(ClockError, match="no old text was removed: the clock says 2027-07-06"):
            drop_old_texts(db, 365)
        if checked:
            night(db, monkeypatch, AHEAD + dt.timedelta(seconds=later), f"c{later}")
    assert texts(db) == (5 if checked else 2)
    assert drop_old_texts(db, 365, trust_clock=True) == 2


def test_retention_goes_on_day_by_day(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    night(db, monkeypatch, TODAY, "a")
    removed = [drop_old_texts(db, 60, TODAY + dt.timedelta(days=days)) for days in range(0, 100, 20)]
    assert removed == [0, 0, 0, 0, 1]


def test_the_newest_model_is_that_of_the_last_run_whatever_the_clock_said(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [night(db, monkeypatch, AHEAD, "a", model="old"), night(db, monkeypatch, TODAY, "a", "b", model="new")]
    runs.append(night(db, monkeypatch, TODAY, "c", model="new"))
    assert runs == sorted(runs)
    with db.reading() as con:
        for view in ("latest_scores", "risk_daily"):
            assert con.execute(f"SELECT DISTINCT model_id FROM {view}").fetchall() == [("new",)]


def test_run_ids_count_on_from_a_run_of_a_wrong_clock(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    times = (TODAY, AHEAD, TODAY, TODAY, AHEAD + dt.timedelta(days=1))
    ids = [night(db, monkeypatch, now, "a") for now in times]
    assert [run_id[:19] for run_id in ids] == [
        "20260601T000000.000",
        "20270706T000000.000",
        "20270706T000000.001",
        "20270706T000000.002",
        "20270707T000000.000",
    ]

"""Windows over the criteria: which signs a person, a cohort and everyone showed, against a naive count."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

from monitor.labels import CRITERIA
from monitor.windows import window_queries
from tests.support import fake_feed

START = fake_feed.START
DAYS = 40
Text = tuple[str, str, dt.date, tuple[str, ...] | None]  # subject, cohort, day, criteria (None: not asked)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def random_texts(seed: int) -> list[Text]:
    rng = np.random.default_rng(seed)
    texts: list[Text] = []
    for _ in range(300):
        subject = f"s{rng.integers(6)}"
        criteria = tuple(name for name in CRITERIA if rng.random() < 0.12)
        day = START + dt.timedelta(int(rng.integers(DAYS)))
        asked = rng.random() > 0.1
        texts.append((subject, f"c{int(subject[1]) % 2}", day, criteria if asked else None))
    return texts


def insert(con: duckdb.DuckDBPyConnection, texts: list[Text]) -> None:
    fake_feed.add(con, [(f"{subject}@{cohort}", f"{day} 12:00", 0.25) for subject, cohort, day, _ in texts])
    for index, (_, _, _, criteria) in enumerate(texts):
        if criteria is not None:
            con.execute(
                "UPDATE scores SET criteria = ?, p_any = 0.5 WHERE doc_id = ?",
                [",".join(criteria), f"doc-{index}"],
            )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_each_window_counts_what_a_naive_loop_counts(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    texts = random_texts(seed)
    insert(con, texts)
    as_of = START + dt.timedelta(DAYS - 5)
    recent = [t for t in texts if t[3] is not None and as_of - dt.timedelta(13) <= t[2] <= as_of]
    strip = window_queries.run(con, "criteria_subject", model_id=fake_feed.MODEL, as_of=as_of, days=14)
    counted = {(row["subject_id"], row["criterion"], row["day"]): row["n_shown"] for row in strip.to_dicts()}
    naive: dict[tuple[str, str, dt.date], int] = {}
    for subject, _, day, criteria in recent:
        for name in criteria or ():
            naive[subject, name, day] = naive.get((subject, name, day), 0) + 1
    assert counted == naive
    overall = window_queries.run(con, "criteria_overall", model_id=fake_feed.MODEL, as_of=as_of, days=14)
    for row in overall.to_dicts():
        of_cohort = [t for t in recent if row["cohort"] in (None, t[1])]
        shown = [t for t in of_cohort if t[3] and (row["criterion"] == "any" or row["criterion"] in t[3])]
        assert (row["n"], row["n_shown"]) == (len(of_cohort), len(shown))
        assert row["n_shown_subjects"] == len({t[0] for t in shown})


@pytest.mark.slow
def test_the_view_rolls_over_days_not_rows(con: duckdb.DuckDBPyConnection) -> None:
    texts = random_texts(9)
    insert(con, texts)
    rows = con.sql("FROM criteria_rolling").pl().to_dicts()
    for row in rows[:: max(1, len(rows) // 60)]:
        level = {"subject": 0, "cohort": 1}.get(row["level"])
        week = [
            t[3]
            for t in texts
            if t[3] is not None
            and (level is None or t[level] == row["name"])
            and row["day"] - dt.timedelta(6) <= t[2] <= row["day"]
        ]
        shown = [criteria for criteria in week if row["criterion"] in (*criteria, *(["any"] if criteria else []))]
        assert (row["n_7"], row["n_shown_7"]) == (len(week), len(shown))


def test_a_model_without_the_question_has_no_rows(con: duckdb.DuckDBPyConnection) -> None:
    fake_feed.add(con, [("a", "2026-01-05 10:00", 0.9)])
    day = {"model_id": fake_feed.MODEL, "as_of": START, "days": 14}
    assert window_queries.run(con, "criteria_subject", **day).is_empty()
    assert window_queries.run(con, "criteria_overall", **day).is_empty()
    assert con.sql("FROM criteria_rolling").pl().is_empty()

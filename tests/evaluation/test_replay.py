"""Replay with real texts: how timelines are mixed, what is counted as a detection, and the exact intervals."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from monitor.alerts.rules import AlertRules
from monitor.errors import DataError
from monitor.evaluation import exact_intervals, replay
from monitor.evaluation.replay import OWN, Design, Pool, Scored
from tests.support import fake_feed

FIRST = dt.datetime(2026, 1, 5, 9)
DESIGN = Design(days=60, onset=30, within=21, doses=(0.5, 1.0), least_texts=20)


def scored(prefix: str, subjects: Sequence[str], days: Sequence[int], high: Sequence[float]) -> Scored:
    """Texts as they come from a database: subject i writes on days[i] with P(high) high[i]."""
    with fake_feed.database() as con:
        posted = [FIRST + dt.timedelta(day) for day in days]
        fake_feed.insert(con, subjects, posted, [fake_feed.probabilities(p) for p in high])
        scores = con.sql("FROM scores").pl().with_columns(doc_id=prefix + pl.col("doc_id"))
        return Scored(scores, con.sql("FROM mentions").pl())


@pytest.fixture(scope="module")
def background() -> Scored:
    """Twelve persons who write a text a day, one who writes three texts, and one who stops before the onset."""
    rows = [(f"p{who}", day) for who in range(12) for day in range(60)]
    rows += [("few", 0), ("few", 20), ("few", 40), *(("stopped", day) for day in range(25))]
    high = np.random.default_rng(3).beta(1, 9, len(rows))
    return scored("own-", [who for who, _ in rows], [day for _, day in rows], high)


@pytest.fixture(scope="module")
def pools() -> list[Pool]:
    low = scored("low-", [f"a{n % 4}" for n in range(40)], range(40), [0.9] * 40)
    other = scored("other-", ["b"] * 10, range(10), [0.05] * 10)
    return [Pool("low", True, low), Pool("other", False, other)]


def mixed(background: Scored, pools: list[Pool], design: Design) -> pl.DataFrame:
    chosen, _ = replay.usable_people(background.scores, design)
    return replay.mixed_timelines(background, chosen, pools, AlertRules(), design, fake_feed.MODEL)[0]


def test_texts_are_replaced_from_the_onset_on_alike_in_all_pools_and_more_at_a_higher_dose(
    background: Scored, pools: list[Pool]
) -> None:
    rows = mixed(background, pools, DESIGN)
    assert rows.group_by("pool", "dose").len()["len"].unique().to_list() == [12 * 60]
    assert rows["doc_id"].n_unique() == rows.height
    assert not rows.filter(pl.col("day") < 30)["replaced"].any()
    assert not rows.filter(pool=OWN)["replaced"].any()
    places = {
        (pool, dose): set(arm.filter("replaced").select("person", "day").iter_rows())
        for (pool, dose), arm in rows.group_by("pool", "dose")
    }
    assert places["low", 0.5] == places["other", 0.5]
    assert places["low", 0.5] < places["low", 1.0] == {(f"p{who}", day) for who in range(12) for day in range(30, 60)}
    assert len(places["low", 0.5]) == pytest.approx(180, abs=40)
    assert rows.filter("replaced", pool="low")["source_doc_id"].str.starts_with("low-").all()
    assert rows.filter(~pl.col("replaced"))["source_doc_id"].str.starts_with("own-").all()
    assert mixed(background, pools, DESIGN).sort("doc_id").equals(rows.sort("doc_id"))


def test_in_order_a_timeline_has_one_author_from_the_first_text_on(background: Scored, pools: list[Pool]) -> None:
    rows = mixed(background, pools, Design(days=60, onset=30, within=21, doses=(1.0,), in_order=True))
    texts = pools[0].texts.scores.select("posted_at", author="subject_id", source_doc_id="doc_id").sort("posted_at")
    drawn = rows.filter("replaced", pool="low").drop("posted_at").join(texts, on="source_doc_id").sort("day")
    for _, one in drawn.group_by("person"):
        (author,) = one["author"].unique()
        own = texts.filter(author=author)["source_doc_id"].to_list()
        assert one["source_doc_id"].to_list() == (own * 3)[:30]
    assert drawn["author"].n_unique() > 1


@pytest.mark.slow
def test_the_rules_find_the_low_pool_and_not_the_control(background: Scored, pools: list[Pool]) -> None:
    found = replay.replay(background, pools, AlertRules(), DESIGN, fake_feed.MODEL)
    assert found["people"] == {
        "subjects": 14,
        "used": 12,
        "left_out": {"fewer than 20 texts in 60 days": 1, "no text from day 30 on": 1},
    }
    rate = {
        (row["pool"], row["dose"]): row["detection"]["value"] for row in found["arms"] if row["rules"] == "all four"
    }
    assert rate == {(OWN, 0.0): 0, ("low", 0.5): 1, ("low", 1.0): 1, ("other", 0.5): 0, ("other", 1.0): 0}
    assert found["false_alarms"][0]["years"] == pytest.approx(12 * 60 / 365.25)
    assert {row["value"] for row in found["predictive"] if row["rules"] != "crisis"} == {1.0}


def test_nobody_to_replay_is_said_with_the_reasons(background: Scored, pools: list[Pool]) -> None:
    lone = Scored(background.scores.filter(subject_id="few"), background.mentions)
    with pytest.raises(DataError, match=r"nobody in the background .* \(1: fewer than 20 texts in 60 days\)"):
        replay.replay(lone, pools, AlertRules(), DESIGN, fake_feed.MODEL)


def test_detection_counts_alerts_opened_in_the_days_and_alarms_those_of_unmixed_timelines() -> None:
    days = pl.DataFrame({"day": [0, 10, 59]})
    people = pl.DataFrame({"timeline": ["u", "v", "x", "y", "z"], "pool": ["", "", "low", "low", "low"]})
    rows = people.join(days, how="cross").with_columns(
        dose=pl.when(pl.col("pool") == "").then(0.0).otherwise(1.0),
        posted_at=pl.lit(FIRST) + pl.duration(days=pl.col("day")),
        replaced=pl.col("day") == 59,
    )
    opened = [("u", 5, 9), ("u", 35, 39), ("x", 30, 40), ("x", 45, 46), ("y", 52, 59), ("z", 12, 33), ("z", 51, 52)]
    episodes = pl.DataFrame(
        {
            "subject_id": [who for who, *_ in opened],
            "opened_on": [(FIRST + dt.timedelta(day)).date() for _, day, _ in opened],
            "last_day": [(FIRST + dt.timedelta(day)).date() for _, _, day in opened],
            "rule": ["level"] * 7,
        }
    )
    none = Scored(pl.DataFrame(), pl.DataFrame())
    found = replay.measure(rows, episodes, [Pool("low", True, none)], DESIGN)
    own, low = (row for row in found["arms"] if row["rules"] == "level")
    assert (own["n"], own["detected"], own["delay"]["value"]) == (2, 1, 5)
    assert (low["n"], low["detected"], low["open_at_onset"]) == (3, 2, 1)  # x on day 0 and z on day 21, y a day late
    assert low["delay"]["value"] == 10.5
    alarms = next(row for row in found["false_alarms"] if row["rules"] == "level")
    assert (alarms["alarms"], alarms["people_alarmed"], alarms["years"]) == (2, 1, pytest.approx(120 / 365.25))


def test_exact_intervals_at_published_points() -> None:
    assert exact_intervals.share(5, 5)["low"] == pytest.approx(0.4782, abs=1e-4)  # Clopper & Pearson
    assert exact_intervals.share(0, 0) == {"value": None, "low": 0.0, "high": 1.0}
    assert exact_intervals.rate(0, 1)["high"] == pytest.approx(3.6889, abs=1e-4)  # Garwood's table
    assert (exact_intervals.rate(10, 1)["low"], exact_intervals.rate(10, 1)["high"]) == pytest.approx(
        (4.7954, 18.3904), abs=1e-4
    )
    assert exact_intervals.rate(0, 0)["high"] is None
    assert exact_intervals.middle([1, 2, 3, 4, 5])["low"] is None
    assert exact_intervals.middle(range(1, 7)) == {"value": 3.5, "low": 1, "high": 6}
    assert exact_intervals.middle(range(1, 21)) == {"value": 10.5, "low": 6, "high": 15}  # Conover, n = 20


def test_the_predictive_value_weighs_detections_by_their_incidence() -> None:
    detection, alarms = {"value": 0.8, "low": 0.7, "high": 0.9}, {"value": 0.8, "low": 0.4, "high": 1.3}
    found = exact_intervals.predictive_value(detection, alarms, 0.5)
    assert found["value"] == pytest.approx(0.4 / 1.2)
    assert found["low"] == pytest.approx(0.35 / 1.65)
    assert found["high"] == pytest.approx(0.45 / 0.85)
    unknown = exact_intervals.predictive_value(detection, {"value": None, "low": 0.0, "high": None}, 0.5)
    assert (unknown["value"], unknown["low"], unknown["high"]) == (None, 0.0, 1.0)


@pytest.mark.slow
def test_the_exact_intervals_hold_the_truth_often_enough() -> None:
    rng = np.random.default_rng(21)
    held = {"share": 0, "rate": 0, "middle": 0, "predictive": 0}
    for _ in range(150):
        hits, events = int(rng.binomial(30, 0.8)), int(rng.poisson(1.1 * 12))
        share, rate = exact_intervals.share(hits, 30), exact_intervals.rate(events, 12)
        middle = exact_intervals.middle(rng.exponential(1.0, 25).tolist())
        value = exact_intervals.predictive_value(
            exact_intervals.share(hits, 30, 0.975), exact_intervals.rate(events, 12, 0.975), 0.5
        )
        held["share"] += share["low"] <= 0.8 <= share["high"]
        held["rate"] += rate["low"] <= 1.1 <= rate["high"]
        held["middle"] += middle["low"] <= np.log(2) <= middle["high"]
        held["predictive"] += value["low"] <= 0.4 / 1.5 <= value["high"]
    assert min(held.values()) >= 0.93 * 150

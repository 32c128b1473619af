"""Numbers beside texts: windows and fused values against plain Python, and alerts on their exact day."""

import datetime as dt
import math
import random
import statistics
from collections.abc import Iterator, Mapping

import duckdb
import polars as pl
import pytest
from pydantic import ValidationError

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import find_episodes
from monitor.database import store
from tests.support import fake_feed
from tests.support.fake_feed import MODEL, START

SHORT = AlertRules(measures={"sleep": -3.0})
FUSED = AlertRules(fusion={"text": 1.0, "sleep": -0.5, "steps": 0.25}, fusion_errors=2.0)
LAST = START + dt.timedelta(days=200)
Days = Mapping[int, float]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def on(day: int) -> dt.date:
    return START + dt.timedelta(days=day)


def write(con: duckdb.DuckDBPyConnection, subject: str, name: str, days: Days) -> None:
    """Numbers as day from START -> value, each split into a morning's and an evening's."""
    rows = [
        (subject, dt.datetime.combine(on(day), dt.time(hour)), name, value + add, None, "f.csv", day, False)
        for day, value in days.items()
        for hour, add in ((8, -1.0), (20, 1.0))
    ]
    columns = ["subject_id", "measured_at", "name", "value", "source", "file", "row", "replaces"]
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col("source").cast(pl.String))
    assert store.append_measures(con, frame, "run")[0] == len(rows)


def text(con: duckdb.DuckDBPyConnection, subject: str, days: Mapping[int, list[float]]) -> None:
    pairs = [(day, p) for day, some in days.items() for p in some]
    posted = [dt.datetime.combine(on(day), dt.time(12)) for day, _ in pairs]
    fake_feed.insert(con, [subject] * len(pairs), posted, [fake_feed.probabilities(p) for _, p in pairs])


def number_z(days: Days, day: int) -> float | None:
    week = [days[other] for other in days if day - 7 < other <= day]
    past = [days[other] for other in days if day - 63 < other <= day - 7]
    if len(week) < 3 or len(past) < 14:
        return None
    middle = statistics.median(past)
    deviation = 1.4826 * statistics.median(abs(value - middle) for value in past) or statistics.stdev(past)
    if not deviation:
        return None
    error = deviation * math.sqrt(math.pi / 2 * (1 / len(week) + 1 / len(past)))
    return (statistics.median(week) - middle) / error


def text_z(texts: Mapping[int, list[float]], day: int, wander: float) -> float | None:
    past = [p for other, some in texts.items() if day - 187 < other <= day - 7 for p in some]
    stretches = [
        [p for other, some in texts.items() if day - length < other <= day for p in some] for length in (7, 14, 28)
    ]
    if len(past) < 15:
        return None
    values = [
        (statistics.mean(own) - statistics.mean(past))
        / math.sqrt(statistics.variance(past) * (1 / len(own) + 1 / len(past)) + wander**2)
        for own in stretches
        if len(own) >= 3
    ]
    return max(values, default=None)


def series(seed: int, kind: str) -> dict[int, float]:
    """Numbers with gaps; `flat` ones are mostly equal, so that their MAD is 0."""
    rng = random.Random(seed)
    days = [day for day in range(120) if rng.random() < 0.7 and not 60 <= day < 68]
    return {day: 7.0 if kind == "flat" and rng.random() < 0.8 else rng.gauss(7, 1) for day in days}


@pytest.mark.parametrize("kind", ["varied", "flat"])
def test_windows_of_numbers_agree_with_plain_python(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    days = series(3, kind)
    write(con, "a", "sleep", days)
    write(con, "b", "sleep", dict.fromkeys(range(90), 5.0))
    rows = con.execute(
        "SELECT day, z, value, first_day_7 FROM measures_rolling WHERE subject_id = 'a' ORDER BY day"
    ).fetchall()
    assert [(row[0] - START).days for row in rows] == sorted(days)
    for day, z, value, first in rows:
        own = (day - START).days
        expected = number_z(days, own)
        assert value == pytest.approx(days[own])
        assert (first - START).days == min(other for other in days if own - 7 < other <= own)
        assert (z is None) == (expected is None)
        assert z is None or z == pytest.approx(expected)
    assert sum(row[1] is not None for row in rows) > 40
    assert con.execute("SELECT count(z) FROM measures_rolling WHERE subject_id = 'b'").fetchone() == (0,)


@pytest.mark.slow
def test_the_measures_rule_opens_and_closes_and_is_off_by_default(con: duckdb.DuckDBPyConnection) -> None:
    rng = random.Random(5)
    short = {day: (4.0 if 80 <= day < 95 else 7.5) + rng.gauss(0, 0.5) for day in range(140)}
    for subject in ("a", "long", "without texts"):
        sign = -1 if subject == "long" else 1
        write(con, subject, "sleep", {day: 7.5 + sign * (value - 7.5) for day, value in short.items()})
        if subject != "without texts":
            text(con, subject, {0: [0.1]})
    values = {day: (number_z(short, day) or 0.0) / -3 for day in short}
    hits = [day for day, value in values.items() if value >= 1]
    last = max(day for day, value in values.items() if value >= 0.75)
    episodes = find_episodes(con, MODEL, LAST, SHORT).to_dicts()
    assert [(row["subject_id"], row["rule"]) for row in episodes] == [("a", "measures")]
    (row,) = episodes
    assert (row["opened_on"], row["evidence_from"]) == (on(hits[0]), on(hits[0] - 6))
    assert 80 <= hits[0] <= 84
    assert (row["n"], row["threshold"], row["value"]) == (7, 1.0, pytest.approx(values[hits[0]], abs=1e-8))
    assert (row["closed_on"], row["closed_because"]) == (on(last + 15), "calm again")
    long = find_episodes(con, MODEL, LAST, AlertRules(measures={"sleep": 3.0, "none": 1.0}))
    assert long["subject_id"].to_list() == ["long"]
    assert find_episodes(con, MODEL, LAST, AlertRules()).is_empty()


@pytest.mark.slow
def test_fusion_is_the_weighted_sum_of_the_parts_that_there_are(con: duckdb.DuckDBPyConnection) -> None:
    rng = random.Random(8)
    texts = {
        day: [rng.uniform(0, 0.4) + (0.4 if day >= 100 else 0) for _ in range(rng.randint(1, 3))]
        for day in range(130)
        if rng.random() < 0.6 and not 40 <= day < 52
    }
    numbers = {"sleep": series(11, "varied"), "steps": {day: rng.gauss(0, 1) for day in range(70, 130, 2)}}
    text(con, "a", texts)
    for name, days in numbers.items():
        write(con, "a", name, days)
    fake_feed.update_alerts(con, LAST, FUSED, "run")
    rows = con.execute("SELECT day, n, n_numbers, z_text, z FROM fusion_rolling ORDER BY day").fetchall()
    assert {row[0] for row in rows} == {on(day) for days in (texts, *numbers.values()) for day in days}
    values = {}
    for day, n, n_numbers, z_text, z in rows:
        own = (day - START).days
        newest = {name: max((d for d in days if own - 7 < d <= own), default=None) for name, days in numbers.items()}
        parts = {name: number_z(numbers[name], d) for name, d in newest.items() if d is not None}
        parts["text"] = text_z(texts, own, FUSED.wander)
        assert z_text == (None if parts["text"] is None else pytest.approx(parts["text"]))
        assert n == sum(len(some) for d, some in texts.items() if own - 7 < d <= own)
        assert (n_numbers > 0) == (len(parts) > 1)
        there = {name: part for name, part in parts.items() if part is not None}
        weights = [FUSED.fusion[name] for name in there]
        if not there:
            assert z is None
            continue
        total = sum(max(0.0, FUSED.fusion[name] * part) for name, part in there.items())
        values[own] = total / math.sqrt(sum(weight**2 for weight in weights))
        assert z == pytest.approx(values[own])
    assert len({tuple(sorted(n for n in (row[3] is None, row[2] == 0))) for row in rows}) > 1
    opened = find_episodes(con, MODEL, LAST, FUSED, ["fusion"]).row(0, named=True)
    first = min(day for day, value in values.items() if value >= FUSED.fusion_errors)
    assert (opened["opened_on"], opened["threshold"]) == (on(first), 2.0)
    assert opened["value"] == pytest.approx(values[first], abs=1e-8)
    stored = con.execute("SELECT count(*) FROM alerts WHERE rule = 'fusion'").fetchone()
    assert stored is not None
    assert stored[0] > 0
    fake_feed.update_alerts(con, LAST, AlertRules(), "run")  # switched off: withdrawn, and the view is empty
    assert con.execute("SELECT DISTINCT closed_because FROM alerts WHERE rule = 'fusion'").fetchall() == [
        ("withdrawn",)
    ]
    assert con.execute("SELECT count(*) FROM fusion_rolling").fetchone() == (0,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measures": {"sleep": 0}}, "sleep is 0; leave the line out"),
        ({"fusion": {"text": math.inf}}, "Input should be a finite number"),
    ],
)
def test_a_limit_or_weight_without_a_direction_is_refused(
    settings: dict[str, dict[str, float]], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        AlertRules.model_validate(settings)

"""A simulation with known courses: do alerts come sooner if rules also read a number, at the same false alarm rate?

Every person writes texts whose P(high) varies about a mean of their own, and has a number a day, such as hours of
sleep. Half of them have a low period: over two weeks from its onset on the texts' mean rises, and the number falls by
`shift` of its own standard deviations (0: the number carries no signal). The limits of the compared rules are set on
people of one seed, so that all rules have the same false alarms per subject-year; the rules are then compared on
people of another seed. As in life, and because both raise false alarms, two things are simulated: a person's weeks
differ by more than single days explain, in texts and in numbers, and neighbouring days of a number are correlated.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import polars as pl

from monitor.alerts.rules import AlertRules
from monitor.alerts.state import find_episodes
from monitor.database import store
from monitor.database.ctrl_c import connected
from monitor.database.schema import migrate
from monitor.evaluation import exact_intervals
from monitor.labels import EMOTIONS, RiskMap, score_columns

MODEL, NUMBER = "simulated", "sleep"
START, AFTER_ALL = dt.date(2026, 1, 5), dt.date(9999, 12, 30)
LIMITS = (0.5, 8.0)  # the limit of a rule is searched between these
YEAR = 365.25
FOUND_DAYS = 21
SPREAD = 6.0  # of the beta distribution of a person's texts: at a mean of 0.2 its standard deviation is 0.15
RESEMBLES = 0.3  # correlation of a number with that of the day before
SHIFTS = (2.0, 1.0, 0.0)  # standard deviations by which the number falls
TUNING = 1_000_000  # added to the seed of the people on whom the limits are set
RULES = {
    "texts": ("change", AlertRules()),
    "fusion": ("fusion", AlertRules(fusion={"text": 1.0, NUMBER: -1.0})),
    "half": ("fusion", AlertRules(fusion={"text": 1.0, NUMBER: -0.5})),
}
"""Name -> compared rule, and its other settings."""
Json = dict[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Design:
    """Settings of the simulation.

    Attributes:
        subjects: people of each seed; every second one has a low period.
        days: length of a person's course.
        texts_a_day: mean number of texts.
        rise: increase of the mean P(high) in a low period.
        ramp: days from the onset to the full depth.
        within: days from the onset after which a period counts as missed; a missed period's delay is this number.
        alarms: false alarms per subject-year to which the limits are set.
    """

    subjects: int = 400
    days: int = 240
    texts_a_day: float = 0.8
    rise: float = 0.12
    ramp: int = 14
    within: int = 42
    alarms: float = 1.0


def compare(design: Design, shifts: Sequence[float], seed: int) -> Json:
    """Compare the rules of RULES for each shift of the number.

    Returns:
        design; shifts: one object per shift, with `rules`: name -> limit, alarms and their rate with its exact
        interval, share found within 21 days with its exact interval, mean delay; and `gain`: name -> number of days
        by which its alerts come before those of the texts alone (mean over people, with a 95% interval by the normal
        approximation).
    """
    tuning_seed = seed + TUNING
    answer: Json = {"design": vars(design), "seed": seed, "tuning_seed": tuning_seed, "shifts": []}
    with _people(design, 0, tuning_seed) as (con, onsets):  # these people have no low period and so no shift
        limits = {name: _limit(con, onsets, name, design) for name in RULES}
    for shift in shifts:
        with _people(design, shift, seed) as (con, onsets):
            measured = {name: _measure(con, onsets, name, limits[name], design) for name in RULES}
        delays = {name: result.pop("delays") for name, result in measured.items()}
        gains = {name: _mean(delays["texts"] - own) for name, own in delays.items() if name != "texts"}
        answer["shifts"].append({"shift": shift, "rules": measured, "gain": gains})
    return answer


@contextmanager
def _people(design: Design, shift: float, seed: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, int]]]:
    """A database in memory with the scored texts and numbers of people, and the onset of each person's low period."""
    texts: list[tuple[str, dt.datetime, float]] = []
    numbers: list[tuple[str, dt.datetime, float]] = []
    onsets: dict[str, int] = {}
    for place in range(design.subjects):
        rng, subject = np.random.default_rng([seed, place]), f"s{place:04d}"
        onset = int(rng.integers(design.days // 2, design.days - design.within - 14))
        if place % 2:
            onsets[subject] = onset
        days = np.arange(design.days)
        depth = np.clip((days - onset) / design.ramp, 0, 1) * (place % 2)
        p, values, there = _course(design, rng, depth, shift)
        for day in range(design.days):
            at = dt.datetime.combine(START + dt.timedelta(days=day), dt.time(12))
            texts += [(subject, at, value) for value in p[day]]
            if there[day]:
                numbers.append((subject, at, float(values[day])))
    with connected() as con:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con)
        _insert(con, texts, numbers)
        _compute_once(con)
        yield con, onsets


def _course(
    design: Design, rng: np.random.Generator, depth: Floats, shift: float
) -> tuple[list[Floats], Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
    """One person's P(high) by day, their number by day, and the days on which there is one.

    `depth` of the low period and the two arrays have shape (days,).
    """
    n_weeks = -(-design.days // 7)
    week = np.arange(design.days) // 7
    mean = np.clip(rng.normal(0.20, 0.05), 0.08, 0.40) + rng.normal(0, 0.05, n_weeks)[week] + design.rise * depth
    mean = np.clip(mean, 0.02, 0.95)
    p = [rng.beta(one * SPREAD, (1 - one) * SPREAD, size=rng.poisson(design.texts_a_day)) for one in mean]
    number = np.empty(design.days)
    number[0] = rng.normal()
    for day in range(1, design.days):
        number[day] = RESEMBLES * number[day - 1] + math.sqrt(1 - RESEMBLES**2) * rng.normal()
    number += 7 + rng.normal(0, 0.3, n_weeks)[week] - shift * depth
    return p, number, rng.random(design.days) < 0.8


def _insert(
    con: duckdb.DuckDBPyConnection,
    texts: Sequence[tuple[str, dt.datetime, float]],
    numbers: Sequence[tuple[str, dt.datetime, float]],
) -> None:
    frame = pl.DataFrame(texts, schema=["subject_id", "posted_at", "p"], orient="row")
    p = np.zeros((frame.height, len(EMOTIONS)))
    p[:, EMOTIONS.index("sadness")] = frame["p"]
    p[:, EMOTIONS.index("joy")] = 1 - frame["p"].to_numpy()
    scores = pl.DataFrame(score_columns(p, RiskMap())).hstack(frame.drop("p"))
    scores = scores.with_columns(
        doc_id=pl.format("d{}", pl.int_range(pl.len())),
        model_id=pl.lit(MODEL),
        cohort=pl.lit("simulated"),
        n_tokens=pl.lit(20),
        truncated=pl.lit(value=False),
        run_id=pl.lit("run"),
        scored_at=pl.lit(dt.datetime(2026, 1, 5)),
    )
    con.register("new_scores", scores)
    con.execute("INSERT INTO scores BY NAME FROM new_scores")
    measures = pl.DataFrame(numbers, schema=["subject_id", "measured_at", "value"], orient="row").with_columns(
        name=pl.lit(NUMBER),
        source=pl.lit(None, pl.String),
        file=pl.lit("simulated"),
        row=pl.int_range(pl.len()),
        replaces=pl.lit(value=False),
    )
    store.append_measures(con, measures, "run")


def _compute_once(con: duckdb.DuckDBPyConnection) -> None:
    """Compute what does not depend on limits, under the names by which the rules read it: the sums of each day's
    texts, the windows of numbers, and the fused z by weights, in which alone the fused rules differ.
    """
    for view in ("daily_cells", "measures_rolling"):
        con.execute(f"CREATE TEMP TABLE {view} AS FROM main.{view}")
    given = ("model_id", "signal", "wander", "fusion_names", "fusion_weights")
    arguments = ", ".join(f"${key}" for key in given)
    fused = f"SELECT *, $fusion_weights::DOUBLE[] AS of_weights FROM main.fused_z({arguments})"
    fill = "CREATE TEMP TABLE fused AS"
    for rules in (rules for rule, rules in RULES.values() if rule == "fusion"):
        values = {**rules.parameters(), "model_id": MODEL}
        con.execute(f"{fill} {fused}", {key: values[key] for key in given})
        fill = "INSERT INTO fused"
    con.execute(
        "CREATE TEMP MACRO fused_z(model, signal, wander, names, weights) AS TABLE"
        " SELECT * EXCLUDE of_weights FROM temp.fused WHERE of_weights = weights::DOUBLE[]"
    )


def _opened(con: duckdb.DuckDBPyConnection, name: str, limit: float) -> pl.DataFrame:
    """The episodes of a compared rule at a limit, each with the day of the course on which it opened."""
    rule, rules = RULES[name]
    episodes = find_episodes(con, MODEL, AFTER_ALL, rules.with_limit(rule, limit), [rule])
    return episodes.select("subject_id", day=(pl.col("opened_on") - START).dt.total_days())


def _alarms(opened: pl.DataFrame, onsets: dict[str, int]) -> int:
    """Number of alerts of people without a low period."""
    return opened.filter(~pl.col("subject_id").is_in(list(onsets))).height


def _limit(con: duckdb.DuckDBPyConnection, onsets: dict[str, int], name: str, design: Design) -> float:
    """The smallest limit with no more false alarms than the design allows."""
    low, high = LIMITS
    while high - low > 0.01:
        middle = (low + high) / 2
        few = _alarms(_opened(con, name, middle), onsets) <= design.alarms * _years(design, onsets)
        low, high = (low, middle) if few else (middle, high)
    return high


def _years(design: Design, onsets: dict[str, int]) -> float:
    return (design.subjects - len(onsets)) * design.days / YEAR


def _measure(con: duckdb.DuckDBPyConnection, onsets: dict[str, int], name: str, limit: float, design: Design) -> Json:
    opened = _opened(con, name, limit)
    own = opened.partition_by("subject_id", as_dict=True)
    delays = []
    for subject, onset in onsets.items():
        days = own[(subject,)]["day"].to_list() if (subject,) in own else []
        within = [day - onset for day in days if 0 <= day - onset < design.within]
        delays.append(min(within, default=design.within))
    alarms = _alarms(opened, onsets)
    return {
        "limit": limit,
        "alarms": alarms,
        "rate": exact_intervals.rate(alarms, _years(design, onsets)),
        "found": exact_intervals.share(sum(delay <= FOUND_DAYS for delay in delays), len(delays)),
        "delay": _mean(np.array(delays, float)),
        "delays": np.array(delays, float),
    }


def _mean(values: Floats) -> Json:
    """The mean, and its 95% interval by the normal approximation."""
    error = 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return {"value": mean, "low": mean - error, "high": mean + error}

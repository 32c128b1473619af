"""Replay of the early-warning rules on timelines of real texts, some of which are replaced from a certain day on.

A timeline is one person's own texts. From the day `onset` on a share of them (the dose) is replaced by texts of a
pool: posts that people wrote while they were low, or a control pool of the same source. An alert opened within
`within` days from the onset detects the change. The same timelines without replaced texts give the false alarms, and
the number of alerts that these days would have had anyway. A real low period begins more slowly than such a mixture,
and a person's words in it are their own. The replay measures what the rules see in real texts, not how people fall
ill.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import polars as pl

from monitor.alerts.rules import ALL_RULES, RULES, AlertRules
from monitor.alerts.state import find_episodes
from monitor.database.ctrl_c import connected
from monitor.database.schema import migrate
from monitor.database.statements import execute, query
from monitor.errors import DataError
from monitor.evaluation import exact_intervals

YEAR = 365.25
OWN = ""  # the name of the arm without replaced texts
AFTER_ALL = dt.date(9999, 12, 30)
SETS: Mapping[str, Sequence[str]] = {
    "level, change, sustained": RULES,
    **{rule: (rule,) for rule in ALL_RULES},
    "all four": ALL_RULES,
}
"""Columns of the tables: the rules whose alerts are counted together."""
BONFERRONI = 0.975
STEPS = ((0, 2), (3, 5), (6, 10), (11, None))
"""Least and greatest number of mixed texts within the days that count."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Design:
    """Settings of the replay.

    Attributes:
        days: length of a timeline, from the person's first text on.
        onset: the day from which texts are replaced, from 0.
        within: days from the onset in which an alert detects the change.
        doses: shares of the texts that are replaced.
        incidences: numbers of low periods per subject-year for which the predictive value is computed.
        least_texts: smallest number of texts of a person in a timeline.
        in_order: whether a timeline takes its pool texts from a single author, in the author's order.
        seed: of the draws.
    """

    days: int = 120
    onset: int = 60
    within: int = 21
    doses: tuple[float, ...] = (0.25, 0.5, 1.0)
    incidences: tuple[float, ...] = (0.05, 0.2, 0.5)
    least_texts: int = 20
    in_order: bool = False
    seed: int = 1


class Scored(NamedTuple):
    """Scored texts of one file.

    Attributes:
        scores: columns of the table `scores`.
        mentions: columns of the table `mentions`.
    """

    scores: pl.DataFrame
    mentions: pl.DataFrame


class Pool(NamedTuple):
    """A pool of texts: its name, whether it is a low pool or a control, and its scored texts."""

    name: str
    is_low: bool
    texts: Scored


def replay(background: Scored, pools: Sequence[Pool], rules: AlertRules, design: Design, model_id: str) -> Json:
    """Build the timelines, apply the rules to them, and measure their alerts.

    Returns:
        design and rules; people: subjects of the background, used ones, and those left out by reason; pools: name,
        is_low, n_texts, n_authors; false_alarms: one row per set of rules (SETS); arms: one row per pool, dose and
        set of rules, the arm without replaced texts has pool ''; by_texts: the same by replaced texts within the days
        that count;
        predictive: one row per low pool, dose, set of rules and incidence.

    Raises:
        DataError: nobody in the background can be replayed; the message says why.
    """
    chosen, people = usable_people(background.scores, design)
    if not chosen:
        left_out = "; ".join(f"{n:,}: {why}" for why, n in people["left_out"].items() if n)
        raise DataError(f"nobody in the background can be replayed ({left_out or 'it holds no texts'})")
    answer: Json = {"design": asdict(design), "rules": rules.model_dump(), "people": people, "model_id": model_id}
    answer["pools"] = [
        {
            "name": pool.name,
            "is_low": pool.is_low,
            "n_texts": pool.texts.scores.height,
            "n_authors": pool.texts.scores["subject_id"].n_unique(),
        }
        for pool in pools
    ]
    timelines, episodes = mixed_timelines(background, chosen, pools, rules, design, model_id)
    return answer | measure(timelines, episodes, pools, design)


def usable_people(scores: pl.DataFrame, design: Design) -> tuple[list[str], Json]:
    """The subjects who can be replayed, and the number left out for each reason."""
    first = pl.col("posted_at").dt.date().min().over("subject_id")
    day = (pl.col("posted_at").dt.date() - first).dt.total_days()
    people = (
        scores.with_columns(day=day)
        .filter(pl.col("day") < design.days)
        .group_by("subject_id")
        .agg(n=pl.len(), last=pl.col("day").max(), before=(pl.col("day") < design.onset).sum())
        .sort("subject_id")
    )
    few = pl.col("n") < design.least_texts
    silent = pl.col("last") < design.onset
    used = people.filter(~few, ~silent)
    counts = {
        f"fewer than {design.least_texts} texts in {design.days} days": people.filter(few).height,
        f"no text from day {design.onset} on": people.filter(~few, silent).height,
    }
    return used["subject_id"].to_list(), {"subjects": people.height, "used": used.height, "left_out": counts}


def mixed_timelines(
    background: Scored,
    chosen: Sequence[str],
    pools: Sequence[Pool],
    rules: AlertRules,
    design: Design,
    model_id: str,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of sql/replay/timelines.sql, and the episodes that the rules raise on them.

    The timelines are written into an empty database in memory, where the rules read them as any other scores.
    """
    own = background.scores.filter(pl.col("subject_id").is_in(list(chosen)))
    arms = [(OWN, 0.0), *((pool.name, dose) for pool in pools for dose in design.doses)]
    all_texts = [background, *(pool.texts for pool in pools)]
    with connected() as con:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con)
        con.register("background_texts", own.select("doc_id", "subject_id", "posted_at"))
        con.register("arms", pl.DataFrame(arms, schema={"pool": pl.String, "dose": pl.Float64}, orient="row"))
        con.register("pool_texts", pl.concat([_numbered(pool, design.in_order) for pool in pools]))
        values = {"days": design.days, "onset": design.onset, "seed": design.seed, "in_order": design.in_order}
        timelines = query(con, "replay/timelines", **values)
        con.register("timelines", timelines)
        con.register("source_scores", _once([texts.scores for texts in all_texts]))
        con.register("source_mentions", _once([texts.mentions for texts in all_texts]))
        execute(con, "replay/add_scores")
        execute(con, "replay/add_mentions")
        return timelines, find_episodes(con, model_id, AFTER_ALL, rules)


def measure(timelines: pl.DataFrame, episodes: pl.DataFrame, pools: Sequence[Pool], design: Design) -> Json:
    """Count detections, delays and false alarms; see `replay`."""
    people = (
        timelines.group_by("timeline", "pool", "dose")
        .agg(
            first=pl.col("posted_at").min().dt.date(),
            span=pl.col("day").max() + 1,
            n_mixed=(pl.col("replaced") & (pl.col("day") <= design.onset + design.within)).sum(),
        )
        .with_columns(onset=pl.col("first") + pl.duration(days=design.onset))
        .sort("timeline")
    )
    alerts = episodes.select("rule", "opened_on", "last_day", timeline="subject_id").join(people, on="timeline")
    delay = (pl.col("opened_on") - pl.col("onset")).dt.total_days()
    alerts = alerts.with_columns(delay=delay, lasts=(pl.col("last_day") >= pl.col("onset")) & (delay < 0))
    low = {pool.name for pool in pools if pool.is_low}
    answer: Json = {"false_alarms": [], "arms": [], "by_texts": [], "predictive": []}
    for name, rules in SETS.items():
        own = alerts.filter(pl.col("rule").is_in(list(rules)))
        alarms = own.filter(pool=OWN)
        years = float(people.filter(pool=OWN)["span"].sum()) / YEAR
        answer["false_alarms"].append(_false_alarms(name, alarms, years))
        for (pool, dose), arm in people.group_by("pool", "dose", maintain_order=True):
            own_alerts = own.filter(pl.col("timeline").is_in(arm["timeline"].implode()))
            row = {"pool": pool, "dose": dose, "is_low": pool in low, "rules": name}
            answer["arms"].append(row | _detected(arm, own_alerts, design.within))
            if pool in low:
                answer["by_texts"] += [row | part for part in _by_texts(arm, own_alerts, design.within)]
                answer["predictive"] += _predictive(row, answer["arms"][-1], alarms.height, years, design.incidences)
    order = {pool: place for place, pool in enumerate([OWN, *(pool.name for pool in pools)])}
    for key in ("arms", "by_texts", "predictive"):
        answer[key].sort(key=lambda row: (order[row["pool"]], row["dose"]))
    return answer


def _numbered(pool: Pool, in_order: bool) -> pl.DataFrame:
    """The texts of a pool, with the numbers by which sql/replay/timelines.sql samples them."""
    frame = pool.texts.scores.sort("subject_id", "posted_at", "doc_id")
    author = pl.col("subject_id").rank("dense") - 1 if in_order else pl.lit(0)
    return frame.select("doc_id", pool=pl.lit(pool.name), author=author.cast(pl.Int64)).with_columns(
        n_authors=pl.col("author").max() + 1,
        number=pl.int_range(pl.len(), dtype=pl.Int64).over("author"),
        n=pl.len().over("author").cast(pl.Int64),
    )


def _once(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all frames; a text in two files counts once."""
    return pl.concat(frames, how="vertical_relaxed").unique(maintain_order=True)


def _false_alarms(name: str, alarms: pl.DataFrame, years: float) -> Json:
    return {
        "rules": name,
        "alarms": alarms.height,
        "years": years,
        "people_alarmed": alarms["timeline"].n_unique(),
        **exact_intervals.rate(alarms.height, years),
    }


def _detected(arm: pl.DataFrame, alerts: pl.DataFrame, within: int) -> Json:
    first = (
        alerts.filter(pl.col("delay") >= 0, pl.col("delay") <= within).group_by("timeline").agg(pl.col("delay").min())
    )
    return {
        "n": arm.height,
        "detected": first.height,
        "open_at_onset": alerts.filter("lasts")["timeline"].n_unique(),
        "detection": exact_intervals.share(first.height, arm.height),
        "delay": exact_intervals.middle(first["delay"].to_list()),
    }


def _by_texts(arm: pl.DataFrame, alerts: pl.DataFrame, within: int) -> Iterable[Json]:
    """The rows `by_texts`: detections by the number of replaced texts within the days that count."""
    for least, most in STEPS:
        part = arm.filter(pl.col("n_mixed").is_between(least, most if most is not None else 10**9))
        own_alerts = alerts.filter(pl.col("timeline").is_in(part["timeline"].implode()))
        yield {"least": least, "most": most, **_detected(part, own_alerts, within)}


def _predictive(row: Json, arm: Json, alarms: int, years: float, incidences: Sequence[float]) -> Iterable[Json]:
    detection = exact_intervals.share(arm["detected"], arm["n"], BONFERRONI)
    false = exact_intervals.rate(alarms, years, BONFERRONI)
    for incidence in incidences:
        yield row | {"incidence": incidence, **exact_intervals.predictive_value(detection, false, incidence)}

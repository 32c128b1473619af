"""The early-warning rules again, day by day in plain Python."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from monitor.alerts.rules import AlertRules

DAY = dt.timedelta(days=1)
Days = Mapping[dt.date, Sequence[float]]  # day -> p_high of one subject's texts


class Signal(NamedTuple):
    """A rule's result for a day: first day and number of texts of the evidence, value, hit, calm."""

    evidence_from: dt.date
    n: int
    value: float
    hit: bool
    calm: bool


def within(days: Days, first: dt.date, last: dt.date) -> list[float]:
    return [p for day, texts in days.items() if first <= day <= last for p in texts]


def level(days: Days, rules: AlertRules) -> dict[dt.date, Signal]:
    result = {}
    for day in days:
        days_within = [other for other in days if day - rules.level_days * DAY < other <= day]
        texts = within(days, min(days_within), day)
        value, enough = sum(texts) / len(texts), len(texts) >= rules.min_texts
        hit = enough and value >= rules.threshold
        long = within(days, day - (4 * rules.level_days - 1) * DAY, day)
        judged = value if enough else sum(long) / len(long)
        calm = len(long) >= rules.min_texts and judged < rules.calm_share * rules.threshold
        result[day] = Signal(min(days_within), len(texts), value, hit, calm)
    return result


def sustained(days: Days, rules: AlertRules, dark: Collection[dt.date] = ()) -> dict[dt.date, Signal]:
    """`dark`: days with a text that is calm as a whole and holds a passage at the passage line."""
    result = {}
    for day in days:
        days_within = [other for other in days if day - rules.sustained_of * DAY < other <= day]
        value = sum(sum(days[other]) / len(days[other]) >= rules.sustained_line for other in days_within)
        latest = sorted(other for other in days if other <= day)[-rules.passage_days :]
        in_a_row = len(latest) == rules.passage_days and all(o in dark and o in days_within for o in latest)
        hit = in_a_row or value >= rules.sustained_days
        calm = day not in dark and value < rules.calm_share * rules.sustained_days
        value = rules.passage_days if in_a_row and value < rules.sustained_days else value
        result[day] = Signal(min(days_within), len(within(days, min(days_within), day)), float(value), hit, calm)
    return result


def change(days: Days, rules: AlertRules) -> dict[dt.date, Signal]:
    """For each day the stretch whose mean lies most standard errors above the past and some usual texts."""
    result = {}
    for day in days:
        last = day - rules.baseline_gap * DAY
        past = within(days, last - (rules.baseline_days - 1) * DAY, last)
        if len(past) < rules.baseline_texts:
            result[day] = Signal(day, len(days[day]), 0.0, hit=False, calm=False)
            continue
        weight = len(past) + rules.usual_texts
        mean = (sum(past) + rules.usual_texts * rules.usual_mean) / weight
        apart = rules.usual_deviation**2 + (mean - rules.usual_mean) ** 2
        variance = (sum((p - mean) ** 2 for p in past) + rules.usual_texts * apart) / max(1, weight - 1)
        found = []
        for place, length in enumerate((rules.change_days // 2, rules.change_days)):
            chosen = [other for other in days if day - max(1, length) * DAY < other <= day]
            texts = within(days, min(chosen), day)
            above = max(0.0, sum(texts) / len(texts) - mean - rules.change_allowance)
            error = (variance / len(texts) + variance / weight + rules.wander**2) ** 0.5
            value = round(above / error, 9) if len(texts) >= rules.change_texts else 0.0
            found.append((value, -place, len(texts), min(chosen)))
        value, _, n, first = max(found)
        hit, calm = value >= rules.change_errors, value < rules.calm_share * rules.change_errors
        result[day] = Signal(first, n, value, hit, calm)
    return result


RULES: dict[str, Callable[[Days, AlertRules], dict[dt.date, Signal]]] = {
    "level": level,
    "change": change,
    "sustained": sustained,
}


def episodes(signals: Mapping[dt.date, Signal], rules: AlertRules, confirm: int) -> list[list[dt.date]]:
    """The days of each episode, one list per episode, by a walk through the days in order."""
    result: list[list[dt.date]] = []
    run, standing, before = 0, False, dt.date.min
    for day, signal in sorted(signals.items()):
        run = run + 1 if signal.hit else 0
        if (day - before).days > rules.cooldown_days:
            standing = False  # a silence
        before = day
        if run >= confirm:
            standing = True
        elif signal.calm:
            standing = False
        if not standing:
            continue
        if not result or (day - result[-1][-1]).days > rules.cooldown_days:
            result.append([])
        result[-1].append(day)
    return result

"""The early-warning rules again, day by day in plain Python."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
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


def sustained(days: Days, rules: AlertRules) -> dict[dt.date, Signal]:
    result = {}
    for day in days:
        days_within = [other for other in days if day - rules.sustained_of * DAY < other <= day]
        value = sum(sum(days[other]) / len(days[other]) >= rules.sustained_line for other in days_within)
        hit, calm = value >= rules.sustained_days, value < rules.calm_share * rules.sustained_days
        result[day] = Signal(min(days_within), len(within(days, min(days_within), day)), float(value), hit, calm)
    return result


def change(days: Days, rules: AlertRules) -> dict[dt.date, Signal]:
    """For each day the greatest sum over any stretch of days that ends on it, result by trying every stretch."""
    steps = {}
    for day in days:
        last = day - rules.baseline_gap * DAY
        past = within(days, last - (rules.baseline_days - 1) * DAY, last)
        if len(past) >= rules.baseline_texts:
            usual = sum(past) / len(past) + rules.change_allowance
            steps[day] = sum(p - usual for p in days[day])
    result = {}
    for day in steps:
        starts = [other for other in steps if day - rules.change_days * DAY < other <= day]
        sums = {one: sum(steps[other] for other in steps if one <= other <= day) for one in starts}
        value = max(0.0, *sums.values())
        begin = max(starts, key=lambda one: (round(sums[one], 9), one))
        hit, calm = value >= rules.change_limit, value < rules.calm_share * rules.change_limit
        result[day] = Signal(begin, len(within({d: days[d] for d in steps}, begin, day)), value, hit, calm)
    without_baseline = {day: Signal(day, len(days[day]), 0.0, False, False) for day in days if day not in steps}
    return result | without_baseline


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

"""The page, pictures and tables of a replay with real texts, made from the contents of replay.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from monitor import NOT_A_DIAGNOSIS
from reports.evaluation.text_tables import Table
from reports.style import axes, offline
from reports.style.palette import FOR_CSS, LIGHT, Palette
from reports.style.rendering import draw
from reports.style.wording import Words, count

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is built into vl-convert
UNMIXED = "nothing mixed in"
CHARTED = "level, change, sustained"
"""The set of rules in the chart, and in the tables that show one set."""
Json = Mapping[str, Any]


def write(results: Json, out: Path) -> list[str]:
    """Write replay.html, replay.png and replay.svg into the folder `out`; returns their names."""
    chart = detection_chart(results, LIGHT).properties(
        width=640,
        height=320,
        background=LIGHT.paper,
        padding=24,
        title=alt.TitleParams(
            "Detection by share of mixed texts", subtitle=[*_folded(chart_note(results)), NOT_A_DIAGNOSIS]
        ),
    )
    draw(axes.VEGA_LITE, axes.spec(chart, LIGHT, FONT), out / "replay.svg", with_png=True)
    (out / "replay.html").write_text(page(results), encoding="utf-8")
    return ["replay.html", "replay.png", "replay.svg"]


def page(results: Json) -> str:
    """The results as one offline HTML page; the table of detections comes first."""
    return offline.render(
        "evaluation/replay.html",
        {"replay": detection_chart(results, FOR_CSS).properties(width="container", height=300)},
        Words(),
        (offline.STYLE, "evaluation/evaluation.css"),
        title="Early warning on real texts",
        lead=lead(results),
        chart_note=chart_note(results),
        tables=tables(results),
        facts=list(_facts(results)),
    )


def lead(results: Json) -> str:
    """The result in one paragraph: detection of each low pool at the middle dose, and false alarms."""
    doses = sorted(results["design"]["doses"])
    dose = doses[len(doses) // 2]
    shares = [
        f"{row['pool']} {_share(row['detection'])}"
        for row in results["arms"]
        if row["is_low"] and row["dose"] == dose and row["rules"] == CHARTED
    ]
    alarms = next(row for row in results["false_alarms"] if row["rules"] == CHARTED)
    return (
        f"Of timelines in which {dose:.0%} of the texts are replaced, an alert was opened within "
        f"{results['design']['within']} days in: {'; '.join(shares)}. "
        f"False alarms a subject-year: {_rate(alarms)}. Rules: {CHARTED}; 95% intervals."
    )


def tables(results: Json) -> list[Table]:
    """The tables of the page."""
    return [_detections(results), _delays(results), _false_alarms(results), _predictive(results), _by_texts(results)]


def chart_note(results: Json) -> str:
    """A sentence that explains the chart."""
    design = results["design"]
    return (
        f"Share of {count(results['people']['used'], 'timeline')} with an alert opened within {design['within']} "
        f"days, with its 95% interval; rules {CHARTED}. The dashed line is the share without any mixing."
    )


def detection_chart(results: Json, palette: Palette) -> alt.LayerChart | alt.FacetChart:
    """Detection over the dose: one line per pool, with its interval. A dashed line shows the unmixed timelines."""
    rows = [row for row in results["arms"] if row["rules"] == CHARTED]
    frame = pl.DataFrame(
        [
            {
                "pool": row["pool"] + ("" if row["is_low"] else " (control)"),
                "dose": row["dose"],
                "rate": row["detection"]["value"],
                "low": row["detection"]["low"],
                "high": row["detection"]["high"],
            }
            for row in rows
            if row["pool"]
        ]
    )
    names = frame["pool"].unique(maintain_order=True).to_list()
    colours = [palette.high[0], palette.mid[0], palette.low[0], palette.ink, palette.muted]
    colour = alt.Color(
        "pool:N",
        scale=alt.Scale(domain=names, range=[colours[place % len(colours)] for place in range(len(names))]),
        legend=alt.Legend(title=None, orient="top", labelLimit=400),
    )
    base = alt.Chart(frame).encode(
        x=alt.X("dose:Q", title="share of mixed texts", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=colour,
    )
    top = alt.Y("rate:Q", title="timelines with an alert", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    own = next(row["detection"]["value"] for row in rows if not row["pool"])
    line = alt.Chart(pl.DataFrame({"rate": [own]})).encode(y="rate:Q")
    return alt.layer(
        line.mark_rule(color=palette.ink, strokeDash=[6, 4]),
        base.mark_line(strokeWidth=1.6).encode(y=top),
        base.mark_rule(strokeWidth=1.6).encode(y=alt.Y("low:Q", title="timelines with an alert"), y2="high:Q"),
        base.mark_point(size=60, filled=True, opacity=1).encode(y=top),
    )


def _sets(results: Json) -> tuple[str, ...]:
    return tuple(row["rules"] for row in results["false_alarms"])


def _arms(results: Json) -> Iterator[tuple[str, list[Json]]]:
    """Name of each arm, and its rows in the order of the sets of rules."""
    for row in results["arms"]:
        if row["rules"] == _sets(results)[0]:
            same = [one for one in results["arms"] if (one["pool"], one["dose"]) == (row["pool"], row["dose"])]
            ordered = sorted(same, key=lambda one: _sets(results).index(one["rules"]))
            yield _arm(row), ordered


def _arm(row: Json) -> str:
    kind = "" if row["is_low"] else " (control)"
    return f"{row['pool']}{kind}, {row['dose']:.0%}" if row["pool"] else UNMIXED


def _detections(results: Json) -> Table:
    design = results["design"]
    return Table(
        "detections",
        f"Timelines with an alert within {design['within']} days",
        f"Real texts of {count(results['people']['used'], 'person')}; from day {design['onset']} on the "
        "told share of them is replaced by texts of a pool. In brackets the exact 95% interval (Clopper-Pearson). "
        "The first row is what the same rules do in the same days when nothing is mixed in. An alert that was open "
        "before is not counted.",
        ("pool and share of mixed texts", *_sets(results)),
        [(name, *(_share(row["detection"]) for row in rows)) for name, rows in _arms(results)],
    )


def _delays(results: Json) -> Table:
    return Table(
        "delays",
        "Median days from the first mixed day to the alert",
        f"Of the timelines with an alert within {results['design']['within']} days. In brackets the 95% interval of "
        "the median (order statistics); – where there are fewer than six.",
        ("pool and share of mixed texts", *_sets(results)),
        [(name, *(_median(row["delay"]) for row in rows)) for name, rows in _arms(results) if name != UNMIXED],
    )


def _false_alarms(results: Json) -> Table:
    return Table(
        "false-alarms",
        "False alarms",
        "Every alert on the timelines in which nothing is mixed in. Nobody knows whether these persons were well, so "
        "the rate is an upper estimate. In brackets the exact 95% Poisson interval; alerts of one person cluster, so "
        "the true interval is wider.",
        ("rules", "alerts", "persons with one", "a subject-year"),
        [
            (row["rules"], f"{row['alarms']:,}", f"{row['people_alarmed']:,}", _rate(row))
            for row in results["false_alarms"]
        ],
    )


def _predictive(results: Json) -> Table:
    incidences = results["design"]["incidences"]
    rows = [row for row in results["predictive"] if row["rules"] == CHARTED]
    names = dict.fromkeys(_arm(row) for row in rows)
    return Table(
        "predictive",
        "Share of true alerts (positive predictive value)",
        f"If so many low periods begin a subject-year. Rules {CHARTED}. The intervals hold at least 95%.",
        ("pool and share of mixed texts", *(f"{incidence:g} a year" for incidence in incidences)),
        [(name, *(_share(row) for row in rows if _arm(row) == name)) for name in names],
    )


def _by_texts(results: Json) -> Table:
    rows = [row for row in results["by_texts"] if row["rules"] == CHARTED]
    steps = list(dict.fromkeys((row["least"], row["most"]) for row in rows))
    return Table(
        "by-texts",
        f"The same by number of mixed texts within {results['design']['within']} days",
        f"Somebody who writes little shows little. Rules {CHARTED}; number of timelines behind each share.",
        ("pool and share of mixed texts", *(_step(*step) for step in steps)),
        [
            (name, *(f"{_share(row['detection'])}, n {row['n']}" for row in rows if _arm(row) == name))
            for name in dict.fromkeys(map(_arm, rows))
        ],
    )


def _step(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else f"{least} to {most}"


def _share(value: Json) -> str:
    if value["value"] is None:
        return "undefined"
    return f"{value['value']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def _rate(value: Json) -> str:
    return _share(value)


def _median(value: Json) -> str:
    if value["value"] is None:
        return "undefined"
    if value["low"] is None:
        return f"{value['value']:g} (–)"
    return f"{value['value']:g} ({value['low']:g} to {value['high']:g})"


def _folded(text: str) -> list[str]:
    return text.split("; ")


def _facts(results: Json) -> Iterator[tuple[str, str]]:
    people, design = results["people"], results["design"]
    left_out = "; ".join(f"{n:,} left out, {why}" for why, n in people["left_out"].items() if n)
    yield "Persons", f"{people['used']:,} of {people['subjects']:,}" + (f" ({left_out})" if left_out else "")
    for pool in results["pools"]:
        kind = "low pool" if pool["is_low"] else "control pool"
        yield pool["name"], f"{kind}, {count(pool['n_texts'], 'text')} of {count(pool['n_authors'], 'author')}"
    drawn = "of one author a timeline, in their order" if design["in_order"] else "drawn from the whole pool"
    yield "Mixed texts", f"{drawn}; seed {design['seed']}"
    yield "Timeline", f"{design['days']} days from a person's first text, mixed from day {design['onset']} on"
    rejects = {name: n for name, n in results.get("rejects", {}).items() if n}
    yield "Rows that could not be read", ", ".join(f"{name}: {n:,}" for name, n in rejects.items()) or "none"
    rules = results["rules"]
    yield "Rules", ", ".join(f"{name} {value}" for name, value in rules.items())
    yield "Model", f"model_id {results['model_id']}"
    yield (
        "What this does not show",
        "A mixture begins on one day and holds other people's words. A low period begins slowly, in a person's own "
        "words. The authors of the pools chose to post there. Nobody has examined them or the persons of the "
        "background.",
    )

"""What the numbers of a report rest on: data quality, denominators, and the model's score card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from reports.risk.figures import Figure, Table
from reports.risk.inputs import Inputs
from reports.style.wording import exact, percent

Fact = tuple[str, str, str]
METHODS = {
    "fine_tuned": "this model, fine-tuned",
    "tfidf_svm": "words counted: TF-IDF + LinearSVC",
    "zero_shot": "its base, without examples",
    **{f"few_shot_{n}": "its base, few-shot ({n} a label)" for n in range(1, 33)},
    "majority": "always the commonest class",
}
METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "risk_macro_f1": "risk macro-F1",
    "risk_auroc": "risk AUROC",
    "ece": "calibration error",
}


@dataclass(frozen=True)
class Quality:
    """The state of the newest run's input: "green", "yellow" or "red", a word for it, and what was found."""

    state: str
    word: str
    findings: tuple[str, ...]


def quality(inputs: Inputs) -> Quality | None:
    """How good the newest input was; None where no run was judged."""
    if inputs.run is None:
        return None
    say, words = inputs.say, {"green": "as usual", "yellow": "look at it", "red": "do not rely on it"}
    state = inputs.run["quality"]
    word = say(
        "{state}: {meaning} (run of {day})",
        state=say(state),
        meaning=say(words[state]),
        day=say.day(inputs.run["started_at"].date()),
    )
    return Quality(state, word, tuple(map(str, json.loads(inputs.run["findings"]))))


def facts(inputs: Inputs) -> list[Fact]:
    """Denominators and data quality: what, how much, and a remark."""
    say, row, options = inputs.say, inputs.data_quality.row(0, named=True), inputs.options
    model = inputs.model
    share = row["n_scored"] / row["n_documents"] if row["n_documents"] else None
    others = say("also in this database: {models}", models=", ".join(model.others)) if model.others else ""
    missing = [day for day in inputs.missing if day >= inputs.first_day]
    last = say("the last: {day}", day=say.day(missing[-1])) if missing else say("in the time charted")
    return [
        (say("As of"), f"{say.day(inputs.as_of)} (UTC)", say("the whole day included")),
        (say("Texts on record"), f"{row['n_documents']:,}", say("posted up to that day")),
        (say("Scored"), f"{row['n_scored']:,}", say("{share} of texts", share=percent(share))),
        (say("Not yet scored"), f"{row['n_unscored']:,}", say("by this model")),
        (say("Cut to length"), f"{row['n_truncated']:,}", say("longer than the model reads")),
        (say("Subjects"), f"{row['n_subjects']:,}", say("with a scored text")),
        (
            say("Rows rejected"),
            f"{row['n_rejected']:,}",
            say("at intake, kept with their reasons in table rejects"),
        ),
        (say("Rows seen before"), f"{row['n_duplicate']:,}", say("skipped, never scored twice")),
        (say("Posted later"), f"{row['n_after']:,}", say("after the as-of day, in no number here")),
        (say("Days without scores"), f"{len(missing):,}", last),
        (say("Model"), model.name, f"{model.base}, {model.quantisation}. {others}".strip()),
        (say("Alert line"), exact(options.threshold), say("of mean P(high risk); set by --threshold")),
        (
            say("Smallest cohort"),
            say.count(options.min_cohort, "subject"),
            say("below it common numbers are withheld, and what would give them away"),
        ),
    ]


def footer(inputs: Inputs) -> list[str]:
    """What stands under every page."""
    say, row = inputs.say, inputs.data_quality.row(0, named=True)
    voiced = [say(emotion) for emotion, risk in inputs.model.rules.items() if risk == "high_risk"]
    return [
        say(
            "As of {day} (UTC) · model {name} · model_id {id}",
            day=say.day(inputs.as_of),
            name=inputs.model.name,
            id=inputs.model.model_id,
        ),
        say(
            "{texts} of {subjects}; {rows}. High risk is the probability that a text voices {emotions}, as a "
            "language model reads it; it says nothing certain about any one person.",
            texts=say.count(row["n_scored"], "scored text"),
            subjects=say.count(row["n_subjects"], "subject"),
            rows=say.count(row["n_rejected"], "rejected row"),
            emotions=say(" or ").join(voiced) or say("nothing"),
        ),
        say.join(
            say("Texts are shown because --evidence asked for them.")
            if inputs.options.evidence
            else say("No text is on this page."),
            say("Charts: Vega (BSD-3-Clause), inlined."),
        ),
    ]


def score_card(inputs: Inputs) -> Figure:
    """What `evaluate --db` found out about the model, beside what it was held against."""
    say, card = inputs.say, inputs.score_card
    words = partial(Figure, "score_card", say("How good is the model?"))
    if not card.height:
        return words(
            say("Measured on texts whose labels are known."),
            say(
                "Not measured yet: this database holds no evaluation of model {name}. Measure it with risk-monitor "
                "evaluate --db.",
                name=inputs.model.name,
            ),
        )
    first, days = card.row(0, named=True), card["evaluated_at"].dt.date().sort()
    unit = say(
        "Measured on {texts} whose labels are known ({data}), {day}; in brackets 95% intervals.",
        texts=say.count(first["n"], "text"),
        data=first["data"],
        day="–".join(say.day(day) for day in dict.fromkeys((days[0], days[-1]))),
    )
    cells = {(row["method"], row["metric"]): row for row in card.to_dicts()}
    order = card.filter(pl.col("metric") == "macro_f1").sort("value", descending=True, nulls_last=True)
    rows = [
        (
            say(METHODS[method], n=method.rpartition("_")[2]),
            *(_measured(cells.get((method, metric)), inputs) for metric in METRICS),
        )
        for method in order["method"]
        if method in METHODS
    ]
    columns = (say("Method"), *(say(title) for title in METRICS.values()))
    return words(
        unit, say("Lower is better for calibration error, higher for all others."), table=Table(columns, rows)
    )


def _measured(cell: Mapping[str, Any] | None, inputs: Inputs) -> str:
    if cell is None:
        return "–"
    if cell["value"] is None:
        return inputs.say("undefined")
    interval = "" if cell["lo"] is None else f" ({cell['lo']:.3f}–{cell['hi']:.3f})"
    return f"{cell['value']:.3f}{interval}"

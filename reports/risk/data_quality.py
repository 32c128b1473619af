"""Data quality, denominators, and the model's score card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from reports.risk.figures import Figure, Table
from reports.risk.inputs import Inputs
from reports.risk.suppression import tells_few
from reports.style.wording import exact, percent

Fact = tuple[str, str, str]
METHODS = {
    "fine_tuned": "this model, fine-tuned",
    "tfidf_svm": "word counts: TF-IDF + LinearSVC",
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
    """The state of the newest run's input: "green", "yellow" or "red", a word for it, and the findings."""

    state: str
    word: str
    findings: tuple[str, ...]


def quality(inputs: Inputs) -> Quality | None:
    """The quality of the newest input; None if no run was judged."""
    if inputs.run is None:
        return None
    words, meanings = inputs.words, {"green": "as usual", "yellow": "look at it", "red": "do not rely on it"}
    state = inputs.run["quality"]
    word = words(
        "{state}: {meaning} (run of {day})",
        state=words(state),
        meaning=words(meanings[state]),
        day=words.day(inputs.run["started_at"].date()),
    )
    return Quality(state, word, tuple(map(str, json.loads(inputs.run["findings"]))))


def facts(inputs: Inputs) -> list[Fact]:
    """Denominators and data quality: name, number and remark."""
    words, options, model = inputs.words, inputs.options, inputs.model
    row = inputs.data_quality.row(0, named=True)
    share = row["n_scored"] / row["n_documents"] if row["n_documents"] else None
    others = words("also in this database: {models}", models=", ".join(model.others)) if model.others else ""
    by_model = words("by this model")
    if row["n_removed"]:
        removed = words.count(row["n_removed"], "text")
        by_model = words("by this model; {texts} were removed with age before it read them", texts=removed)
    missing = [day for day in inputs.missing if day >= inputs.first_day]
    last = words("in the period of the charts")
    if missing:
        last = words("the last: {day}", day=words.day(missing[-1]))
    return [
        (words("As of"), f"{words.day(inputs.as_of)} (UTC)", words("the whole day included")),
        (words("Texts on record"), f"{row['n_documents']:,}", words("posted up to that day")),
        (words("Scored"), f"{row['n_scored']:,}", words("{share} of texts", share=percent(share))),
        (words("Not yet scored"), f"{row['n_unscored']:,}", by_model),
        (words("Cut to length"), f"{row['n_truncated']:,}", words("longer than the model can read")),
        (words("Subjects"), f"{row['n_subjects']:,}", words("with a scored text")),
        (
            words("Rows rejected"),
            f"{row['n_rejected']:,}",
            words("at intake; the table rejects holds the reasons"),
        ),
        (words("Rows seen before"), f"{row['n_duplicate']:,}", words("skipped, never scored twice")),
        (
            words("Posted later"),
            f"{row['n_after']:,}",
            words("after the as-of day; not counted in this report"),
        ),
        (words("Days without scores"), f"{len(missing):,}", last),
        (words("Model"), model.name, f"{model.base}, {model.quantisation}. {others}".strip()),
        (
            words("Alert threshold"),
            exact(options.threshold),
            words("applies to the mean P(high risk); set by --threshold"),
        ),
        (words("Smallest cohort"), words.count(options.min_cohort, "subject"), _withheld(inputs)),
    ]


def _withheld(inputs: Inputs) -> str:
    words = inputs.words
    if inputs.options.min_cohort == 1:
        return words("nothing is withheld")
    return words(
        "numbers about fewer subjects, or mostly about one, are withheld, and so are numbers that would reveal them; "
        "the difference between the reports of two nights may be about fewer"
    )


def footer(inputs: Inputs) -> list[str]:
    """The sentences at the foot of every page."""
    words, row = inputs.words, inputs.data_quality.row(0, named=True)
    voiced = [words(emotion) for emotion, risk in inputs.model.rules.items() if risk == "high_risk"]
    return [
        words(
            "As of {day} (UTC) · model {name} · model_id {id}",
            day=words.day(inputs.as_of),
            name=inputs.model.name,
            id=inputs.model.model_id,
        ),
        words(
            "{texts} of {subjects}; {rows}. High risk is the probability that a text expresses "
            "{emotions}, estimated by a language model. It says nothing certain about any one person.",
            texts=words.count(row["n_scored"], "scored text"),
            subjects=words.count(row["n_subjects"], "subject"),
            rows=words.count(row["n_rejected"], "rejected row"),
            emotions=words(" or ").join(voiced) or words("nothing"),
        ),
        words.join(
            words("Texts are shown because the option --evidence was given.")
            if inputs.options.evidence
            else words("No text is on this page."),
            words("Charts: Vega (BSD-3-Clause), inlined."),
        ),
    ]


def score_card(inputs: Inputs) -> Figure:
    """The metrics that `evaluate --db` measured, of the model and of its baselines."""
    words, card = inputs.words, inputs.score_card
    figure = partial(Figure, "score_card", words("How good is the model?"))
    if not card.height:
        return figure(
            words("Measured on texts with known labels."),
            words(
                "Not measured yet: this database holds no evaluation of model {name}. Measure it with risk-monitor "
                "evaluate --db.",
                name=inputs.model.name,
            ),
        )
    first, days = card.row(0, named=True), card["evaluated_at"].dt.date().sort()
    unit = words(
        "Measured on {texts} with known labels ({data}), {day}. 95% intervals are in brackets. "
        "Accuracy: share of correct labels. Macro-F1: mean over classes of the balance of precision "
        "and recall. AUROC: how well risk is ranked; 0.5 is chance. Calibration error: mean gap "
        "between a probability and the share that was correct.",
        texts=words.count(first["n"], "text"),
        data=first["data"],
        day="–".join(words.day(day) for day in dict.fromkeys((days[0], days[-1]))),
    )
    cells = {(row["method"], row["metric"]): row for row in card.to_dicts()}
    order = card.filter(pl.col("metric") == "macro_f1").sort("value", descending=True, nulls_last=True)
    rows = [
        (
            words(METHODS[method], n=method.rpartition("_")[2]),
            *(_measured(cells.get((method, metric)), inputs) for metric in METRICS),
        )
        for method in order["method"]
        if method in METHODS
    ]
    columns = (words("Method"), *(words(title) for title in METRICS.values()))
    return figure(
        unit,
        words("Lower is better for calibration error, higher for all others."),
        table=Table(columns, rows),
    )


def rule_outcomes(inputs: Inputs) -> Figure:
    """How often each rule was right, by the outcomes in the case log."""
    words, least = inputs.words, inputs.options.min_cohort
    unit = words(
        "What people recorded about alerts (risk-monitor alerts --acknowledge). Right: the share of judged alerts "
        "that were no false alarm, with Wilson's 95% interval. People choose which alerts to judge, so the share may "
        "not hold for the others."
    )
    figure = partial(Figure, "rule_outcomes", words("How often was a rule right?"), unit)
    if not inputs.outcomes.height:
        return figure(words("Nobody has recorded an outcome yet."))
    if inputs.outcomes["n_subjects"].max() < least:  # type: ignore[operator]
        return figure(words("Withheld: fewer than {n} people have an alert with an outcome.", n=least))
    rows = [
        (
            words(row["rule"]),
            f"{row['n']:,}",
            *(f"{row[name]:,}" for name in ("contacted", "referred", "known", "false_alarm")),
            f"{percent(row['precision'], 0)} ({percent(row['precision_lo'], 0)} – {percent(row['precision_hi'], 0)})",
        )
        if row["n_subjects"] >= least and not (inputs.people_hidden and tells_few(least, *row["n_people"]))
        else (words(row["rule"]), words("withheld"), "", "", "", "", "")
        for row in inputs.outcomes.to_dicts()
    ]
    columns = ("Rule", "Judged", "contacted", "referred to other help", "known already", "false alarm", "Right")
    return figure("", table=Table(tuple(map(words, columns)), rows))


def _measured(cell: Mapping[str, Any] | None, inputs: Inputs) -> str:
    if cell is None:
        return "–"
    if cell["value"] is None:
        return inputs.words("undefined")
    interval = "" if cell["lo"] is None else f" ({cell['lo']:.3f}–{cell['hi']:.3f})"
    return f"{cell['value']:.3f}{interval}"

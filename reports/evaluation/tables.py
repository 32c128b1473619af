"""The tables of an evaluation, made from what metrics.json holds.

Page, summary and technical report show these same tables, so no number stands in one that the others lack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.evaluation.text_tables import (
    UNDEFINED,
    Json,
    Table,
    asked,
    has_intervals,
    measured,
    method_by_id,
    name_of,
    number,
    shortened,
)
from reports.evaluation.undefined_metrics import difference_name, undefined
from reports.style.wording import count, percent

TEST, DEDUPLICATED = "test", "test_deduplicated"
Column = tuple[str, Callable[[Json], str]]


def headline(found: Json, split: str = TEST) -> Table:
    """The three-way table: a line a method."""

    def metric(kind: str, name: str, *, interval: bool = False) -> Callable[[Json], str]:
        return lambda method: number(method[kind][split]["metrics"][name], interval=interval, spread=interval)

    columns: list[Column] = [
        (_with_interval(found, "macro-F1"), metric("emotion", "macro_f1", interval=True)),
        ("accuracy", metric("emotion", "accuracy")),
        ("ECE", metric("emotion", "ece")),
        ("risk macro-F1", metric("risk", "macro_f1")),
        ("risk AUROC", metric("risk", "auroc")),
        ("texts/s", lambda method: _rate(method)),
        ("peak MB", lambda method: _whole(method["peak_memory_mb"])),
    ]
    n = next((method["emotion"][split]["n"] for method in measured(found)), 0)
    what = "the whole test split" if split == TEST else "without texts that stand elsewhere in the data"
    return Table(
        f"headline_{split}",
        f"Methods on {count(n, 'test text')}: {what}",
        " ".join(
            ["In brackets 95% bootstrap intervals."] * has_intervals(found)
            + ["± is the standard deviation over draws of examples, which the intervals do not hold."]
            * (asked(found, "few_shot") and found["settings"]["draws"] > 1)
        ),
        ("method", *(name for name, _ in columns)),
        _rows(found, columns),
    )


def all_tables(found: Json) -> list[Table]:
    """Every table of the report, in its order."""
    return [
        headline(found),
        headline(found, DEDUPLICATED),
        *(_further(found, kind) for kind in ("emotion", "risk")),
        *(table for table in (_draws(found), _generated(found)) if table.rows),
        *(_per_class(found, kind) for kind in ("emotion", "risk")),
        *(table for table in (_comparisons(found), _gate(found)) if table.rows),
        *(part(found, found["analysis"]) for part in ANALYSIS if found["analysis"]),
        *(table for table in (undefined(found),) if table.rows),
    ]


def _rows(found: Json, columns: Sequence[Column]) -> list[tuple[str, ...]]:
    rows = []
    for method in found["methods"]:
        cells = [show(method) if method["emotion"] else "–" for _, show in columns]
        if not method["emotion"]:
            cells[0] = "not measured"
        rows.append((name_of(found, method), *cells))
    return rows


def _further(found: Json, kind: str) -> Table:
    names = {
        "weighted_f1": "weighted F1",
        "pr_auc": "PR-AUC",
        "auroc": "AUROC",
        "ece": "ECE",
        "brier": "Brier",
        "log_loss": "log-loss",
    }

    def metric(name: str) -> Callable[[Json], str]:
        return lambda method: number(method[kind][TEST]["metrics"][name], interval=True)

    columns = [(title, metric(name)) for name, title in names.items()]
    return Table(
        f"further_{kind}",
        f"{kind.capitalize()}: the other metrics" + ", with 95% intervals" * has_intervals(found),
        "AUROC and PR-AUC: one class against the rest, weighted by class size. ECE: 15 bins of confidence. "
        "Brier: 0 to 2. Log-loss: nats. Canonical test split.",
        ("method", *names.values()),
        _rows(found, columns),
    )


def _draws(found: Json) -> Table:
    rows = []
    for method in found["methods"]:
        for draw in method["draws"]:
            cells = (draw["seed"], draw["prompt_tokens"], draw["replaced"])
            scores = (number({"value": draw[name]}) for name in ("macro_f1", "risk_macro_f1"))
            shown = "yes" if draw["shown"] else ""
            rows.append((name_of(found, method), *map(str, cells), *scores, shown))
    return Table(
        "draws",
        "Few-shot: every draw of examples",
        "Replaced: examples that gave way to shorter ones so that the prompt fits the model's positions. Shown: the "
        "draw of the median macro-F1, which charts and McNemar's test use.",
        ("method", "seed", "prompt tokens", "replaced", "macro-F1", "risk macro-F1", "shown"),
        rows,
    )


def _generated(found: Json) -> Table:
    rows = [
        (
            name_of(found, method),
            count(method["unparseable"]),
            percent(method["unparseable_share"]),
            number(method["emotion"][TEST]["metrics"]["macro_f1"], interval=True),
        )
        for method in measured(found)
        if method["unparseable"] is not None
    ]
    return Table(
        "generated",
        "Generated answers that name no label",
        "The model writes, and the first label word in its answer counts; an answer without one counts as wrong.",
        ("method", "unparseable", "share", "macro-F1"),
        rows,
    )


def _per_class(found: Json, kind: str) -> Table:
    rows = []
    for method in measured(found):
        if method["id"] not in found["shown"]:
            continue
        for name, rates in method[kind][TEST]["per_class"].items():
            values = (number(rates[rate], interval=rate == "f1") for rate in ("precision", "recall", "f1"))
            rows.append((name_of(found, method), name, *values, count(rates["support"])))
    return Table(
        f"per_class_{kind}",
        f"{kind.capitalize()} by class",
        "Of zero-shot and of few-shot the variant that is best on this split."
        * asked(found, "zero_shot", "few_shot"),
        ("method", "class", "precision", "recall", _with_interval(found, "F1"), "texts"),
        rows,
    )


def _comparisons(found: Json) -> Table:
    def difference(row: Json, kind: str, name: str) -> str:
        gap = row[kind][name]
        if gap.get("value") is None:
            return UNDEFINED
        interval = f" ({gap['low']:+.3f} to {gap['high']:+.3f})" if "low" in gap else ""
        return f"{gap['value']:+.3f}{interval}"

    def p(found: Json) -> str:
        if "p" not in found:
            return UNDEFINED
        return f"{found['p']:.2g}" if found["p"] > 1e-300 else "<1e-300"

    rows = []
    for row in found["comparisons"]:
        alone = row["emotion"]["mcnemar"]
        rows.append(
            (
                difference_name(found, row),
                difference(row, "emotion", "macro_f1"),
                p(row["emotion"]["macro_f1"]),
                f"{alone['only_first']:,} : {alone['only_second']:,}",
                p(alone),
                difference(row, "risk", "macro_f1"),
                p(row["risk"]["mcnemar"]),
            )
        )
    return Table(
        "comparisons",
        "Differences between methods on the same texts",
        f"Paired bootstrap for macro-F1{' (few-shot: of the mean over draws)' * asked(found, 'few_shot')}; exact "
        "McNemar test of being right, with the texts that one method alone got right. p is two-sided and not "
        "adjusted for the number of comparisons.",
        ("pair", "macro-F1", "p", "right alone", "McNemar p", "risk macro-F1", "risk McNemar p"),
        rows,
    )


def _gate(found: Json) -> Table:
    rows = [
        (
            name_of(found, method_by_id(found, row["method"])),
            row["metric"],
            UNDEFINED if row["value"] is None else f"{row['value']:.4f}",
            f"{'at least' if row['least'] else 'at most'} {row['limit']:g}",
            "kept" if row["passed"] else "not kept",
        )
        for row in found["gate"]
    ]
    return Table("gate", "Quality gate", "", ("model", "metric", "value", "limit", "result"), rows)


def _segments(found: Json, analysis: Json) -> Table:
    about = name_of(found, method_by_id(found, analysis["method"]))
    rows = [
        (
            part["name"],
            count(part["n"]),
            *(number(part["metrics"][name], interval=True) for name in ("accuracy", "macro_f1", "ece")),
        )
        for part in analysis["segments"]
        if part["worst"]
    ]
    return Table(
        "segments",
        f"Where it is weakest: {about}",
        "The five parts of the test split with the lowest accuracy, among those by length, negation, presence of "
        '"feel", confidence, and whether a word that train labels with either of two emotions decides, which no '
        "model can tell apart; all are in metrics.json.",
        ("part", "texts", "accuracy", "macro-F1", "ECE"),
        rows,
    )


def _confusions(_: Json, analysis: Json) -> Table:
    pairs = [
        (f"{row['labelled']}, called {row['predicted']}", count(row["n"]), percent(row["share"]))
        for row in analysis["confusions"]
    ]
    return Table(
        "confusions",
        "The commonest confusions",
        f"{count(analysis['wrong'], 'mistake')} in all.",
        ("labelled, called", "texts", "share of mistakes"),
        pairs,
    )


def _mistakes(_: Json, analysis: Json) -> Table:
    mistakes = [
        (
            f"row {row['row']:,}",
            *([shortened(row["text"])] if "text" in row else []),
            row["labelled"],
            row["predicted"],
            f"{row['p_predicted']:.3f}",
            f"{row['p_labelled']:.3f}",
        )
        for row in analysis["mistakes"]
    ]
    told = any("text" in row for row in analysis["mistakes"])
    return Table(
        "mistakes",
        "The most confident mistakes",
        "Rows of the test split, counted from 1." + ("" if told else " --show-texts quotes them here."),
        ("text", *(["what it says"] if told else []), "labelled", "called", "P(called)", "P(labelled)"),
        mistakes,
    )


ANALYSIS = (_segments, _confusions, _mistakes)


def _with_interval(found: Json, name: str) -> str:
    return f"{name} (95%)" if has_intervals(found) else name


def _rate(method: Json) -> str:
    return f"{method['texts_per_second']:,.0f}" if method["texts_per_second"] else "–"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"

"""The tables of an evaluation, made from the contents of metrics.json.

Page, summary and technical report all use these tables, so each has every number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.evaluation.text_tables import (
    UNDEFINED,
    Json,
    Table,
    has_intervals,
    measured_methods,
    method_by_id,
    name_of,
    number,
    shortened,
    uses,
)
from reports.evaluation.undefined_metrics import difference_name, undefined
from reports.style.wording import count, percent

TEST, DEDUPLICATED = "test", "test_deduplicated"
Column = tuple[str, Callable[[Json], str]]


def methods_table(metrics: Json, split: str = TEST) -> Table:
    """The table of methods: one row per method."""

    def metric(kind: str, name: str, *, interval: bool = False) -> Callable[[Json], str]:
        return lambda method: number(method[kind][split]["metrics"][name], interval=interval, spread=interval)

    columns: list[Column] = [
        (_with_interval(metrics, "macro-F1"), metric("emotion", "macro_f1", interval=True)),
        ("accuracy", metric("emotion", "accuracy")),
        ("ECE", metric("emotion", "ece")),
        ("risk macro-F1", metric("risk", "macro_f1")),
        ("risk AUROC", metric("risk", "auroc")),
        ("texts/s", lambda method: _rate(method)),
        ("peak MB", lambda method: _whole(method["peak_memory_mb"])),
    ]
    n = next((method["emotion"][split]["n"] for method in measured_methods(metrics)), 0)
    part = "the whole test split" if split == TEST else "without texts that also occur elsewhere in the data"
    return Table(
        f"headline_{split}",
        f"Methods on {count(n, 'test text')}: {part}",
        " ".join(
            ["95% bootstrap intervals are in brackets."] * has_intervals(metrics)
            + ["± is the standard deviation over draws of examples; the intervals leave it out."]
            * (uses(metrics, "few_shot") and metrics["settings"]["draws"] > 1)
        ),
        ("method", *(name for name, _ in columns)),
        _rows(metrics, columns),
    )


WORD_METHODS = {
    "ours": "our words",
    "random": "random words",
    "attention": "attention",
    "gradient": "gradient x input",
}
WORD_TEXTS = {"test": "test texts", "posts": "long posts"}


def faithfulness_table(metrics: Json) -> Table:
    """Faithfulness of explanations' words: one row per set of texts and method; no row if it was not measured."""
    several = len(metrics["models"]) > 1
    rows = []
    for texts in metrics.get("faithfulness", []):
        where = f"{count(texts['n'], WORD_TEXTS[texts['texts']][:-1])}, {texts['words']:.0f} words"
        where += f", model {texts['model_id'][:8]}" * several
        for key, measures in texts["methods"].items():
            cells = (number(measures[name], interval=True) for name in ("comprehensiveness", "sufficiency", "turned"))
            rows.append((where, WORD_METHODS[key], *cells))
    return Table(
        "faithfulness",
        "Faithfulness of words, on texts with a high-risk answer",
        "Comprehensiveness is the fall of P(high risk) without the words of most weight, sufficiency with them alone "
        "(less is better), each the mean over 1, 5, 10, 20 and 50% of the words (ERASER). The last column is the "
        "share of answers that leaving out a fifth of the words turns. Of a long post a passage of up to 200 tokens "
        "counts.",
        ("texts", "words", "comprehensiveness", "sufficiency", "turned"),
        rows,
    )


def all_tables(metrics: Json) -> list[Table]:
    """Every table of the report, in its order."""
    return [
        methods_table(metrics),
        methods_table(metrics, DEDUPLICATED),
        *(_further(metrics, kind) for kind in ("emotion", "risk")),
        *(table for table in (_draws(metrics), _generated(metrics)) if table.rows),
        *(_per_class(metrics, kind) for kind in ("emotion", "risk")),
        *(table for table in (_comparisons(metrics), faithfulness_table(metrics), _gate(metrics)) if table.rows),
        *(part(metrics, metrics["analysis"]) for part in ANALYSIS if metrics["analysis"]),
        *(table for table in (undefined(metrics),) if table.rows),
    ]


def _rows(metrics: Json, columns: Sequence[Column]) -> list[tuple[str, ...]]:
    rows = []
    for method in metrics["methods"]:
        cells = [cell_of(method) if method["emotion"] else "–" for _, cell_of in columns]
        if not method["emotion"]:
            cells[0] = "not measured"
        rows.append((name_of(metrics, method), *cells))
    return rows


def _further(metrics: Json, kind: str) -> Table:
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

    def null(method: Json) -> str:
        ece = method[kind][TEST]["metrics"]["ece"]
        return f"{ece['null']:.3f}" if "null" in ece else UNDEFINED if ece["value"] is None else "–"

    columns = [(title, metric(name)) for name, title in names.items()]
    columns.insert(4, ("ECE by chance", null))
    return Table(
        f"further_{kind}",
        f"{kind.capitalize()}: the other metrics" + ", with 95% intervals" * has_intervals(metrics),
        "AUROC and PR-AUC: one class against the rest, weighted by class size. ECE: 15 bins of confidence; by "
        "chance: what a perfectly calibrated model would show. Brier: 0 to 2. Log-loss: nats. Canonical test split.",
        ("method", *(title for title, _ in columns)),
        _rows(metrics, columns),
    )


def _draws(metrics: Json) -> Table:
    rows = []
    for method in metrics["methods"]:
        for draw in method["draws"]:
            cells = (draw["seed"], draw["prompt_tokens"], draw["replaced"])
            scores = (number({"value": draw[name]}) for name in ("macro_f1", "risk_macro_f1"))
            charted = "yes" if draw["shown"] else ""
            rows.append((name_of(metrics, method), *map(str, cells), *scores, charted))
    return Table(
        "draws",
        "Few-shot: every draw of examples",
        "Replaced: examples exchanged for shorter ones so that the prompt fits into the model. Shown: the draw with "
        "the median macro-F1, which charts and McNemar's test use.",
        ("method", "seed", "prompt tokens", "replaced", "macro-F1", "risk macro-F1", "shown"),
        rows,
    )


def _generated(metrics: Json) -> Table:
    rows = [
        (
            name_of(metrics, method),
            count(method["unparseable"]),
            percent(method["unparseable_share"]),
            number(method["emotion"][TEST]["metrics"]["macro_f1"], interval=True),
        )
        for method in measured_methods(metrics)
        if method["unparseable"] is not None
    ]
    return Table(
        "generated",
        "Generated answers that name no label",
        "The model writes, and the first label word in its answer counts; an answer without one counts as wrong.",
        ("method", "unparseable", "share", "macro-F1"),
        rows,
    )


def _per_class(metrics: Json, kind: str) -> Table:
    rows = []
    for method in measured_methods(metrics):
        if method["id"] not in metrics["shown"]:
            continue
        for name, rates in method[kind][TEST]["per_class"].items():
            values = (number(rates[rate], interval=rate == "f1") for rate in ("precision", "recall", "f1"))
            rows.append((name_of(metrics, method), name, *values, count(rates["support"])))
    return Table(
        f"per_class_{kind}",
        f"{kind.capitalize()} by class",
        "For zero-shot and few-shot, the variant that is best on this split."
        * uses(metrics, "zero_shot", "few_shot"),
        ("method", "class", "precision", "recall", _with_interval(metrics, "F1"), "texts"),
        rows,
    )


def _comparisons(metrics: Json) -> Table:
    def difference(row: Json, kind: str, name: str) -> str:
        gap = row[kind][name]
        if gap.get("value") is None:
            return UNDEFINED
        interval = f" ({gap['low']:+.3f} to {gap['high']:+.3f})" if "low" in gap else ""
        return f"{gap['value']:+.3f}{interval}"

    def p(test: Json) -> str:
        if "p" not in test:
            return UNDEFINED
        return f"{test['p']:.2g}" if test["p"] > 1e-300 else "<1e-300"

    rows = []
    for row in metrics["comparisons"]:
        alone = row["emotion"]["mcnemar"]
        rows.append(
            (
                difference_name(metrics, row),
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
        f"Paired bootstrap for macro-F1{' (few-shot: of the mean over draws)' * uses(metrics, 'few_shot')}; exact "
        "McNemar test of correct answers, with the texts that only one method got right. p is two-sided and not "
        "adjusted for the number of comparisons.",
        ("pair", "macro-F1", "p", "right alone", "McNemar p", "risk macro-F1", "risk McNemar p"),
        rows,
    )


def _gate(metrics: Json) -> Table:
    rows = [
        (
            name_of(metrics, method_by_id(metrics, row["method"])),
            row["metric"],
            UNDEFINED if row["value"] is None else f"{row['value']:.4f}",
            f"{'at least' if row['least'] else 'at most'} {row['limit']:g}",
            "passed" if row["passed"] else "failed",
        )
        for row in metrics["gate"]
    ]
    return Table("gate", "Quality gate", "", ("model", "metric", "value", "limit", "result"), rows)


def _segments(metrics: Json, analysis: Json) -> Table:
    about = name_of(metrics, method_by_id(metrics, analysis["method"]))
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
        "The five parts of the test split with the lowest accuracy. Parts are made by length, negation, presence of "
        '"feel", confidence, and whether the deciding word has two labels in train, so that no model can know the '
        "right one. metrics.json has all parts.",
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
    quoted = any("text" in row for row in analysis["mistakes"])
    return Table(
        "mistakes",
        "The most confident mistakes",
        "Rows of the test split, counted from 1." + ("" if quoted else " --show-texts quotes them here."),
        ("text", *(["what it says"] if quoted else []), "labelled", "called", "P(called)", "P(labelled)"),
        mistakes,
    )


ANALYSIS = (_segments, _confusions, _mistakes)


def _with_interval(metrics: Json, name: str) -> str:
    return f"{name} (95%)" if has_intervals(metrics) else name


def _rate(method: Json) -> str:
    return f"{method['texts_per_second']:,.0f}" if method["texts_per_second"] else "–"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"

"""The expected content of each cell of an evaluation's tables, read from metrics.json by row and column."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Row = list[Any]  # the row's name, then for each cell its numbers, or its words
FURTHER = ("weighted_f1", "pr_auc", "auroc", "ece", "ece null", "brier", "log_loss")
NUMBER = re.compile(r"(?<![\w.])[+-]?[\d,]+(?:\.\d+)?(?:e-\d+)?%?")


def cell_agrees(cell: str, values: Any) -> bool:
    """Whether a cell shows these numbers, to the digits that it has, or this text."""
    if isinstance(values, str):
        return cell == values
    if None in values:
        return cell == "undefined"
    numbers = NUMBER.findall(cell)
    return len(numbers) == len(values) and all(map(_agrees, numbers, values))


def expected(found: Json) -> dict[str, list[Row]]:
    """The rows of each table, except the table of undefined metrics."""
    methods = {method["id"]: method for method in found["methods"]}
    shown = [methods[name] for name in found["shown"]]
    tables = {f"headline_{split}": list(_headline(found, split)) for split in ("test", "test_deduplicated")}
    for kind in ("emotion", "risk"):
        tables[f"further_{kind}"] = [
            [m["title"], *(_further(m[kind]["test"]["metrics"], name) for name in FURTHER)] for m in found["methods"]
        ]
        tables[f"per_class_{kind}"] = [
            [m["title"], label, *_classes(rates)]
            for m in shown
            for label, rates in m[kind]["test"]["per_class"].items()
        ]
    tables["draws"] = [
        [
            m["title"],
            *([d[name]] for name in ("seed", "prompt_tokens", "replaced", "macro_f1", "risk_macro_f1")),
            "yes" if d["shown"] else "",
        ]
        for m in found["methods"]
        for d in m["draws"]
    ]
    tables["generated"] = [
        [
            m["title"],
            [m["unparseable"]],
            [m["unparseable_share"]],
            _whole(m["emotion"]["test"]["metrics"]["macro_f1"]),
        ]
        for m in found["methods"]
        if m["key"].startswith("generate")
    ]
    tables["comparisons"] = [_difference(row, methods) for row in found["comparisons"]]
    tables["gate"] = [
        [
            methods[row["method"]]["title"],
            row["metric"],
            [row["value"]],
            [row["limit"]],
            "passed" if row["passed"] else "failed",
        ]
        for row in found["gate"]
    ]
    return tables | _analysis(found["analysis"])


def _headline(found: Json, split: str) -> Iterator[Row]:
    for m in found["methods"]:
        emotion, risk = (m[kind][split]["metrics"] for kind in ("emotion", "risk"))
        plain = (emotion["accuracy"], emotion["ece"], risk["macro_f1"], risk["auroc"])
        rate = [m["texts_per_second"]] if m["texts_per_second"] else "–"
        yield [
            m["title"],
            _whole(emotion["macro_f1"]),
            *([one["value"]] for one in plain),
            rate,
            [m["peak_memory_mb"]],
        ]


def _classes(rates: Json) -> Iterator[list[float | None]]:
    for name in ("precision", "recall"):
        yield [rates[name][key] for key in ("value", "spread") if key in rates[name]]
    yield _whole(rates["f1"])
    yield [rates["support"]]


def _difference(row: Json, methods: Json) -> Row:
    emotion, risk = row["emotion"], row["risk"]
    alone = emotion["mcnemar"]
    name = " less ".join(methods[row[key]]["title"] for key in ("first", "second"))
    cells = [_whole(emotion["macro_f1"]), [emotion["macro_f1"].get("p")]]
    cells += [[alone["only_first"], alone["only_second"]], [alone.get("p")]]
    return [name, *cells, _whole(risk["macro_f1"]), [risk["mcnemar"].get("p")]]


def _analysis(analysis: Json) -> dict[str, list[Row]]:
    parts = [part for part in analysis["segments"] if part["worst"]]
    return {
        "segments": [
            [
                part["name"],
                [part["n"]],
                *(_whole(part["metrics"][name]) for name in ("accuracy", "macro_f1", "ece")),
            ]
            for part in parts
        ],
        "confusions": [
            [f"{row['labelled']}, called {row['predicted']}", [row["n"]], [row["share"]]]
            for row in analysis["confusions"]
        ],
        "mistakes": [
            [
                f"row {row['row']}",
                row["text"],
                row["labelled"],
                row["predicted"],
                [row["p_predicted"]],
                [row["p_labelled"]],
            ]
            for row in analysis["mistakes"]
        ],
    }


def _whole(metric: Json) -> list[float | None]:
    """Value, spread and interval, as far as the metric has them."""
    return [metric.get("value"), *(metric[key] for key in ("spread", "low", "high") if key in metric)]


def _further(metrics: Json, name: str) -> list[float | None]:
    return [metrics["ece"].get("null")] if name == "ece null" else _whole(metrics[name])


def _agrees(number: str, value: float) -> bool:
    shown = float(number.strip("%").replace(",", "")) / (100 if number.endswith("%") else 1)
    digits = len(number.strip("%").partition(".")[2].partition("e")[0]) + 2 * number.endswith("%")
    slack = 0.06 * shown if "e" in number else 0.501 * 10.0**-digits
    return abs(shown - value) <= slack

"""The table of undefined metrics and their reasons."""

from __future__ import annotations

from collections.abc import Iterator

from reports.evaluation.text_tables import Json, Table, method_by_id, name_of

RATES = ("precision", "recall", "f1")
Undefined = tuple[str, str, str]  # method, difference or part; reason; metric


def undefined(metrics: Json) -> Table:
    """One row per reason and method, difference or part of the split."""
    why: dict[tuple[str, str], list[str]] = {}
    for part in (_of_methods, _of_differences, _of_parts):
        for name, reason, metric in part(metrics):
            names = why.setdefault((name, reason), [])
            names += [metric] if metric not in names else []
    return Table(
        "undefined",
        "What is undefined, and why",
        "On either test split. An undefined metric is never counted as 0.",
        ("what", "reason", "metrics"),
        [(name, reason, ", ".join(names)) for (name, reason), names in why.items()],
    )


def difference_name(metrics: Json, row: Json) -> str:
    """The name of a comparison: first method minus second."""
    first, second = (name_of(metrics, method_by_id(metrics, row[key])) for key in ("first", "second"))
    return f"{first} less {second}"


def _of_methods(metrics: Json) -> Iterator[Undefined]:
    for method in metrics["methods"]:
        if method["reason"]:
            yield name_of(metrics, method), method["reason"], "everything"
        for kind in ("emotion", "risk"):
            for split in method[kind].values():
                values = {name.replace("_", " "): metric for name, metric in split["metrics"].items()}
                for label, rates in split["per_class"].items():
                    values |= {f"{rate} of {label}": rates[rate] for rate in RATES}
                for name, metric in values.items():
                    if metric["value"] is None:
                        yield name_of(metrics, method), metric["reason"], f"{kind} {name}"
                    elif "no_interval" in metric:
                        yield name_of(metrics, method), metric["no_interval"], f"interval of {kind} {name}"


def _of_differences(metrics: Json) -> Iterator[Undefined]:
    for row in metrics["comparisons"]:
        for kind, name, words in (
            ("emotion", "macro_f1", "emotion macro-F1"),
            ("emotion", "mcnemar", "McNemar p of emotions"),
            ("risk", "macro_f1", "risk macro-F1"),
            ("risk", "mcnemar", "McNemar p of risks"),
        ):
            if "reason" in (gap := row[kind][name]):
                yield (
                    difference_name(metrics, row),
                    gap["reason"],
                    ("p of " if "value" in gap else "") + words,
                )


def _of_parts(metrics: Json) -> Iterator[Undefined]:
    for part in metrics["analysis"]["segments"] if metrics["analysis"] else ():
        for name in ("accuracy", "macro_f1", "ece"):
            metric = part["metrics"][name]
            if part["worst"] and (why := metric.get("reason") or metric.get("no_interval")):
                of = "interval of " if "no_interval" in metric else ""
                yield f"part: {part['name']}", why, of + name.replace("_", " ")

"""The table of what an evaluation leaves undefined, and why."""

from __future__ import annotations

from collections.abc import Iterator

from reports.evaluation.text_tables import Json, Table, method_by_id, name_of

RATES = ("precision", "recall", "f1")
Undefined = tuple[str, str, str]  # of what, reason, metric


def undefined(found: Json) -> Table:
    """A line for each method, difference or part of the split, and reason."""
    why: dict[tuple[str, str], list[str]] = {}
    for part in (_of_methods, _of_differences, _of_parts):
        for name, reason, metric in part(found):
            metrics = why.setdefault((name, reason), [])
            metrics += [metric] if metric not in metrics else []
    return Table(
        "undefined",
        "What is undefined, and why",
        "On either test split. An undefined metric is never counted as 0.",
        ("what", "reason", "metrics"),
        [(name, reason, ", ".join(metrics)) for (name, reason), metrics in why.items()],
    )


def difference_name(found: Json, row: Json) -> str:
    """What a comparison is called."""
    first, second = (name_of(found, method_by_id(found, row[key])) for key in ("first", "second"))
    return f"{first} less {second}"


def _of_methods(found: Json) -> Iterator[Undefined]:
    for method in found["methods"]:
        if method["reason"]:
            yield name_of(found, method), method["reason"], "everything"
        for kind in ("emotion", "risk"):
            for whole in method[kind].values():
                metrics = {name.replace("_", " "): metric for name, metric in whole["metrics"].items()}
                for label, rates in whole["per_class"].items():
                    metrics |= {f"{rate} of {label}": rates[rate] for rate in RATES}
                for name, metric in metrics.items():
                    if metric["value"] is None:
                        yield name_of(found, method), metric["reason"], f"{kind} {name}"
                    elif "no_interval" in metric:
                        yield name_of(found, method), metric["no_interval"], f"interval of {kind} {name}"


def _of_differences(found: Json) -> Iterator[Undefined]:
    for row in found["comparisons"]:
        for kind, name, words in (
            ("emotion", "macro_f1", "emotion macro-F1"),
            ("emotion", "mcnemar", "McNemar p of emotions"),
            ("risk", "macro_f1", "risk macro-F1"),
            ("risk", "mcnemar", "McNemar p of risks"),
        ):
            if "reason" in (gap := row[kind][name]):
                yield difference_name(found, row), gap["reason"], ("p of " if "value" in gap else "") + words


def _of_parts(found: Json) -> Iterator[Undefined]:
    for part in found["analysis"]["segments"] if found["analysis"] else ():
        for name in ("accuracy", "macro_f1", "ece"):
            metric = part["metrics"][name]
            if part["worst"] and (why := metric.get("reason") or metric.get("no_interval")):
                of = "interval of " if "no_interval" in metric else ""
                yield f"part: {part['name']}", why, of + name.replace("_", " ")

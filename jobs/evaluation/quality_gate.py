"""The quality gate: limits that the metrics of fine-tuned models must meet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.errors import ConfigError
from monitor.evaluation.metrics import CLASS_RATES, RATES, SOFT
from monitor.labels import EMOTIONS, RISKS

LARGEST = {"brier": 2.0, "log_loss": math.inf}  # largest value; 1 for every other metric; the smallest is 0 for all
LOWER_IS_BETTER = ("ece", "brier", "log_loss")
NAMES = tuple(
    f"{prefix}{name}"
    for prefix, labels in (("", EMOTIONS), ("risk_", RISKS))
    for name in (*RATES, *SOFT, *(f"{rate}_{label}" for rate in CLASS_RATES for label in labels))
)


def read_gate(text: str) -> dict[str, float]:
    """Parse `macro_f1=0.90,ece=0.02` into limits by metric.

    Raises:
        ConfigError: a metric is unknown or named twice, or a limit is not a number or outside the metric's range.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if name in limits:
            raise ConfigError(f"--gate {text}: {name} has two limits; keep one")
        try:
            limits[name] = float(number)
        except ValueError:
            limits[name] = math.nan
        if name not in NAMES or not math.isfinite(limits[name]):
            raise ConfigError(
                f"--gate {part.strip()!r}: write METRIC=NUMBER; metrics are {', '.join((*RATES, *SOFT))}, "
                "f1_EMOTION, precision_EMOTION, recall_EMOTION, and the same of risk as risk_METRIC"
            )
        largest = LARGEST.get(name.removeprefix("risk_"), 1.0)
        if not 0 <= limits[name] <= largest:
            raise ConfigError(
                f"--gate {part.strip()!r}: {name} is never outside 0 to {largest:g}; set a limit within that range"
            )
    return limits


def gate(methods: Sequence[Mapping[str, Any]], limits: Mapping[str, float]) -> list[dict[str, Any]]:
    """Check each limit for each fine-tuned model on the canonical test split.

    Errors (ece, brier, log_loss) may be at most the limit; every other metric must be at least the limit. An
    undefined or unmeasured metric does not pass.
    """
    fine_tuned = [method for method in methods if method["key"] == "fine_tuned"]
    chosen = [method for method in fine_tuned if method["emotion"]] or fine_tuned
    return [_check(method, name, limit) for method in chosen for name, limit in limits.items()]


def _check(method: Mapping[str, Any], name: str, limit: float) -> dict[str, Any]:
    missing = {"value": None, "reason": method["reason"]}
    metric = metrics_of(method)["test"][name] if method["emotion"] else missing
    least = name.removeprefix("risk_") not in LOWER_IS_BETTER
    value = metric["value"]
    passed = value is not None and (value >= limit if least else value <= limit)
    row = {"method": method["id"], "metric": name, "value": value, "limit": limit, "least": least}
    return row | {"passed": passed} | ({"reason": metric["reason"]} if value is None else {})


def metrics_of(method: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Metrics of one method of metrics.json by split and name: macro_f1, f1_joy, risk_macro_f1, risk_f1_high_risk."""
    by_split: dict[str, dict[str, Any]] = {}
    for kind, prefix in (("emotion", ""), ("risk", "risk_")):
        for split, measured in method[kind].items():
            metrics = by_split.setdefault(split, {})
            metrics |= {f"{prefix}{name}": metric for name, metric in measured["metrics"].items()}
            metrics |= {
                f"{prefix}{rate}_{label}": rates[rate]
                for label, rates in measured["per_class"].items()
                for rate in CLASS_RATES
            }
    return by_split


def failing(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each limit that was not met."""
    return [
        f"gate: {row['method']}: {row['metric']} is "
        + (f"undefined ({row['reason']})" if row["value"] is None else f"{row['value']:.4f}")
        + f", and the limit is {'at least' if row['least'] else 'at most'} {row['limit']:g}"
        for row in checks
        if not row["passed"]
    ]

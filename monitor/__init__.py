"""Risk monitor: score short texts with a 4-bit LoRA language model, keep the scores in DuckDB, and report the trend.

A research and support tool; never a diagnosis.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["NOT_A_DIAGNOSIS", "ROOT", "Database", "LabelScorer", "load_model"]

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds monitor, jobs, reports and sql: the checkout, or site-packages."""
NOT_A_DIAGNOSIS = "A research and support tool. Not a diagnosis; no decision about a person may rest on it alone."
_MODULES = {
    "Database": "monitor.database.connection",
    "LabelScorer": "monitor.scoring.scorer",
    "load_model": "monitor.scoring.loading",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that `import monitor` loads neither duckdb nor torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)

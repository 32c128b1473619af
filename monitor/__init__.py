"""Risk monitor: score short texts with a 4-bit LoRA language model, keep the scores in DuckDB, and report the trend.

A research and support tool; never a diagnosis.

The folders, in the order of the pipeline:

    intake       rows of input files become documents, or rejects with a reason (documents.py)
    privacy      pseudonyms of ids, codes of people, retention, forgetting
    database     DuckDB: connections, schema, and the tables of documents, scores and runs
    model        prompt, labels, calibration and identity of a model
    scoring      texts become probabilities
    crisis       the list of crisis wording, and the rules that hold a match back
    alerts       the early-warning rules, and the states of an alert
    windows      rolling windows and the forecast

The folders beside the pipeline:

    training, corpora       train a model, and the texts for it
    evaluation, benchmark   measure answers, alerts and speed
    explanation             the words that an answer rests on
    lake                    Parquet files instead of one database, for many machines
    demo, assets            the synthetic feed; the built-in model and other data files

The files beside the folders:

    labels.py                           emotions, risk levels, criteria; P(risk) is summed here
    settings.py, settings_tables.py     risk-monitor.toml
    cron.py                             when runs are due
    errors.py                           errors that a user can correct
    output_files.py, regular_files.py, scratch_folder.py, small_tables.py     files to write and to read

Only model, scoring, training and benchmark may import torch (tests/whole/test_layers.py).
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

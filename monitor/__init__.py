"""Risk monitor: score short texts with a 4-bit LoRA language model, keep the rows, watch the trend.

A research and support tool; never a diagnosis.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds monitor, jobs, reports and sql: the checkout, or site-packages."""
NOT_A_DIAGNOSIS = (
    "A research and support tool. Not a diagnosis; no decision about a person may rest on it alone."
)

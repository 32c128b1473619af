"""The code of the processes that search texts for crisis wording. It imports only what they need."""

from __future__ import annotations

import pickle
from pathlib import Path

from jobs.pipeline.processes import end_with_parent
from monitor.crisis.matching import CrisisList, Mention

_crisis: CrisisList


def start(name: str) -> None:
    """Read the list from a file that the parent has pickled."""
    global _crisis
    end_with_parent()
    _crisis = pickle.loads(Path(name).read_bytes())


def find(texts: list[str]) -> list[list[Mention]]:
    """The mentions of each text."""
    return _crisis.find(texts)

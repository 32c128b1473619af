"""What a process does that searches texts for crisis wording; it imports no more than that needs."""

from __future__ import annotations

from jobs.pipeline.processes import end_with_parent
from monitor.crisis.matching import CrisisList, Mention

_crisis: CrisisList


def start(crisis: CrisisList) -> None:
    """Keep the list."""
    global _crisis
    _crisis = crisis
    end_with_parent()


def find(texts: list[str]) -> list[list[Mention]]:
    """The mentions of each text."""
    return _crisis.find(texts)

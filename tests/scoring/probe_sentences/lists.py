"""Three lists of plain sentences that nothing was trained on, each by a writer who saw no other text of ours.

A list has 21 symptoms of depression in three grades, 10 sentences of people in crisis, 8 negations, 20 sentences that
hold telling words but say nothing about the writer, and 40 ordinary ones. All are invented by language models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

GRADES = ("mild", "marked", "severe")


@dataclass(frozen=True)
class Probes:
    """One list.

    Attributes:
        graded: the 21 mild, 21 marked and 21 severe sentences, in the same order of symptoms.
        crisis: sentences of people in crisis.
        negations: sentences that negate something, and whether their writer is low (`low`).
        others: sentences about somebody else, films, books, songs, and idioms.
        neutral: ordinary sentences.
    """

    graded: tuple[list[str], list[str], list[str]]
    crisis: list[str]
    negations: list[str]
    low: list[bool]
    others: list[str]
    neutral: list[str]


def read_probes(path: Path) -> Probes:
    """The list of a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    mild, marked, severe = ([row[grade] for row in content["inventory"]] for grade in GRADES)
    negations = content["negations"]
    texts, low = [row["text"] for row in negations], [row["low"] for row in negations]
    return Probes((mild, marked, severe), content["crisis"], texts, low, content["others"], content["neutral"])


LISTS = {path.stem: read_probes(path) for path in sorted(Path(__file__).parent.glob("*.json"))}

"""TODO"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monitor.intake import documents


@dataclass
class RunCounts:
    """What a run did; valid rows (n_read - n_rejected) are appended or duplicates.

    Attributes:
        reasons: how many rejects there were of each `column: reason`.
        places: the first file and row of each of these.
        refused: files that cannot be read, and why; those that an earlier run refused as they are now are
            still_refused instead.
        empty: files that gave nothing, and why.
    """

    n_files: int = 0
    n_known_files: int = 0
    n_read: int = 0
    n_rejected: int = 0
    n_duplicate: int = 0
    n_appended: int = 0
    n_scored: int = 0
    scoring_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    refused: dict[Path, str] = field(default_factory=dict)
    still_refused: list[Path] = field(default_factory=list)
    empty: dict[Path, str] = field(default_factory=dict)

    def count(self, chunks: Sequence[documents.Chunk], n_appended: int) -> None:
        """Count chunks, of which so many documents were new, and their rejects by their reasons."""
        for chunk in chunks:
            self.n_read += chunk.n_read
            self.n_rejected += chunk.rejects.height
            self.n_duplicate += chunk.n_valid
            for file, row, column, reason in chunk.rejects.select("file", "row", "column", "reason").rows():
                key = f"{column}: {reason}" if column else reason
                self.reasons[key] += 1
                self.places.setdefault(key, Path(file).name + ("" if row is None else f" row {row:,}"))
        self.n_duplicate -= n_appended
        self.n_appended += n_appended

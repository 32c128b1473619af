"""The counts of one run: files, rows, rejects with their reasons, scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from monitor.errors import DataError
from monitor.intake import documents


@dataclass
class RunCounts:
    """The counts of a run. Valid rows (n_read - n_rejected) are appended, replace a version, or are duplicates.

    Attributes:
        n_replaced: versions of documents that a changed row replaced.
        n_known_rejects: rejects whose rows an earlier run has rejected.
        n_skipped_files: files whose content an earlier run has read.
        n_not_texts: entries of chats and surveys that are not a person's text, and do not count as rows.
        n_measures: new numbers beside the texts.
        n_numbers: numbers beside the texts, new or not.
        n_bad_measures: values of measures that are not numbers, or contradict stored ones; their rows are kept.
        n_truncated: scored texts that were not read to their end.
        scoring_s: seconds of scoring, commits included.
        n_taken: file, as rejects name it -> number of its documents and measures, new or not.
        reasons: number of rejects for each `column: reason`.
        examples: for each of these reasons, file and row of the first reject.
        refused: files that cannot be read, or not to the end, with the reason.
        still_refused: unreadable files that an earlier run refused and that did not change since, with the reason.
        undecided: files that two feeds name, with the reason; they stay unread.
        empty: files without a valid row, with the reason.
        still_empty: files of which an earlier run took no row, and which this run would read in the same way.
    """

    n_files: int = 0
    n_skipped_files: int = 0
    n_read: int = 0
    n_rejected: int = 0
    n_duplicate: int = 0
    n_appended: int = 0
    n_scored: int = 0
    n_not_texts: int = 0
    n_measures: int = 0
    n_numbers: int = 0
    n_bad_measures: int = 0
    n_truncated: int = 0
    n_replaced: int = 0
    n_known_rejects: int = 0
    scoring_s: float = 0.0
    n_taken: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    refused: dict[Path, str] = field(default_factory=dict)
    still_refused: dict[Path, str] = field(default_factory=dict)
    undecided: dict[Path, str] = field(default_factory=dict)
    empty: dict[Path, str] = field(default_factory=dict)
    still_empty: list[Path] = field(default_factory=list)

    def add_chunks(
        self, chunks: Sequence[documents.Chunk], n_appended: int, n_replaced: int = 0, n_known_rejects: int = 0
    ) -> None:
        """Count chunks, of which n_appended documents were new, and their rejects by reason."""
        for chunk in chunks:
            self.n_read += chunk.n_read
            self.n_rejected += chunk.rejects.height
            self.n_duplicate += chunk.n_valid
            self.n_not_texts += chunk.n_not_texts
            self.n_numbers += chunk.measures.height
            self.n_bad_measures += chunk.bad_measures.height
            self.n_taken[chunk.file] += count_taken(chunk)
            rejects = pl.concat([chunk.rejects, chunk.bad_measures])
            for file, row, column, reason in rejects.select("file", "row", "column", "reason").rows():
                key = f"{column}: {reason}" if column else reason
                self.reasons[key] += 1
                self.examples.setdefault(key, Path(file).name + ("" if row is None else f" row {row:,}"))
        self.n_duplicate -= n_appended + n_replaced
        self.n_replaced += n_replaced
        self.n_known_rejects += n_known_rejects
        self.n_appended += n_appended

    def check_taken(self, rejects: str) -> None:
        """Raise DataError if a file was not read to its end, or if no row and no number could be used.

        `rejects` names the place of the refused rows, for the message.
        """
        for path, reason in (self.refused | self.still_refused).items():
            raise DataError(f"{path}: {reason}")
        if self.n_read == self.n_rejected and not self.n_numbers:
            reason, n = next(iter(self.reasons.most_common(1)), ("", 0))
            raise DataError(
                f"no row of the input could be used; {n:,} of {self.n_read:,}: {reason} (first: "
                f"{self.examples[reason]}); all are in {rejects}, and `risk-monitor inspect FILE` proposes settings"
                if n
                else "the input holds no texts of a person"
            )


def count_taken(chunk: documents.Chunk) -> int:
    """Number of a chunk's documents and measures, known or not; a repeat of a rejected row is none."""
    return chunk.documents.height + chunk.replaced.height + chunk.measures.height

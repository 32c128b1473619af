"""What a run did, for people: a few aligned lines on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from jobs.ingest import Tally
from jobs.progress import duration
from monitor import NOT_A_DIAGNOSIS

if TYPE_CHECKING:
    from monitor.models import LoadedModel

TOP_REASONS = 5


def print_summary(tally: Tally, db: Path, model: LoadedModel, report: Path | None = None) -> None:
    """Counts of a run that read and scored; the reasons of its rejects, the most frequent first."""
    plural = "" if tally.n_files == 1 else "s"
    lines = [("read", tally.n_read, f"rows of {tally.n_files:,} file{plural}")]
    if tally.n_known_files:
        lines.append(("skipped", tally.n_known_files, "files of the inbox that were read before"))
    lines.append(("rejected", tally.n_rejected, "kept in the table rejects" if tally.n_rejected else ""))
    lines += [("", n, reason) for reason, n in tally.reasons.most_common(TOP_REASONS)]
    lines.append(
        ("duplicates", tally.n_duplicate, "known already, or twice in the input" if tally.n_duplicate else "")
    )
    lines.append(("appended", tally.n_appended, ""))
    speed = (
        f"in {duration(tally.scoring_s)}, {tally.n_scored / tally.scoring_s:,.0f} texts/s"
        if tally.n_scored
        else ""
    )
    lines.append(("scored", tally.n_scored, speed))
    console = Console()
    width = max(len(f"{count:,}") for _, count, _ in lines)
    for name, count, remark in lines:
        line = Text(f"  {name:<10}  {count:>{width},}")
        line.append(f"  {remark}" if remark else "", style="dim")
        console.print(line, soft_wrap=True)
    console.print(f"  {'model':<10}  {model.name} {model.model_id[:12]}", markup=False, highlight=False)
    console.print(f"  {'database':<10}  {db}", markup=False, highlight=False, soft_wrap=True)
    if report is not None:
        console.print(f"  {'report':<10}  {report}", markup=False, highlight=False, soft_wrap=True)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)

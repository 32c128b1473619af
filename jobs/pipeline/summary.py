"""What a run did, for people: a few aligned lines on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from jobs.console.progress import format_duration, print_warning, without_control_characters
from jobs.pipeline.run_counts import RunCounts
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.intake.quality import Judgement

if TYPE_CHECKING:
    from monitor.alerts.state import AlertCounts
    from monitor.scoring.loading import LoadedModel

TOP_REASONS = 5


def print_summary(
    counts: RunCounts,
    db: Database,
    model: LoadedModel,
    report: Path | None = None,
    judged: Judgement | None = None,
    alerts: AlertCounts | None = None,
) -> None:
    """Counts of a run that read and scored; the reasons of its rejects, the most frequent first, with a place."""
    refused = f'see: risk-monitor query "FROM rejects" --db {db}'
    again = "known already, or twice in the input"
    speed = f"in {format_duration(counts.scoring_s)}, {counts.n_scored / max(counts.scoring_s, 1e-9):,.0f} texts/s"
    lines = [
        ("read", counts.n_read, f"rows of {_files(counts.n_files)}"),
        *[("skipped", counts.n_known_files, "read before as they are now")][: counts.n_known_files],
        *[("refused", len(counts.refused), "cannot be read at all, see below")][: len(counts.refused)],
        ("rejected", counts.n_rejected, refused if counts.reasons else ""),
        *(
            ("", n, f"{reason} (first: {counts.places[reason]})")
            for reason, n in counts.reasons.most_common(TOP_REASONS)
        ),
        ("duplicates", counts.n_duplicate, again if counts.n_duplicate else ""),
        ("appended", counts.n_appended, ""),
        ("scored", counts.n_scored, speed if counts.n_scored else ""),
    ]
    console = Console()
    width = max(len(f"{count:,}") for _, count, _ in lines)
    for name, count, remark in lines:
        line = Text(f"  {name:<10}  {count:>{width},}")
        line.append(f"  {without_control_characters(remark)}" if remark else "", style="dim")
        console.print(line, soft_wrap=True)
    last = {"model": f"{model.name} {model.model_id[:12]}", "database": f"{db}"}
    if report is not None:
        last["report"] = f"{report}"
    if alerts is not None:
        last["alerts"] = f"{alerts.raised:,} raised, {alerts.closed:,} closed, {alerts.open:,} not closed"
    if judged is not None:
        last["quality"] = judged.level
    for name, value in last.items():
        console.print(Text(f"  {name:<10}  {value}"), soft_wrap=True)
    for finding in judged.findings if judged else ():
        print_warning(finding)
    print_file_warnings(counts)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


def print_file_warnings(counts: RunCounts) -> None:
    """Each file that was refused or gave nothing: the first few with the reason, the others by name."""
    found = [*counts.refused.items(), *counts.empty.items()]
    for path, why in found[:TOP_REASONS]:
        print_warning(f"{path}: {why}")
    if more := [path for path, _ in found[TOP_REASONS:]]:
        print_warning(f"{_files(len(more))} more: {_names(more)}")
    if again := counts.still_refused:
        was, them = ("was", "it") if len(again) == 1 else ("were", "them")
        print_warning(
            f"{_files(len(again))} {was} refused before and did not change since; "
            f"mend {them}, or move {them} out of the inbox: {_names(again)}"
        )


def _names(files: Sequence[Path]) -> str:
    return ", ".join(path.name for path in files)


def _files(n: int) -> str:
    return f"{n:,} file{'' if n == 1 else 's'}"

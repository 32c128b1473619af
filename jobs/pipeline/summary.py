"""Print the result of a run in a few aligned lines on standard output."""

from __future__ import annotations

from collections.abc import Iterable
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
NOT_TEXTS = "entries that are no texts of a person (calls, pictures, bots, numbers alone)"


def print_summary(
    counts: RunCounts,
    db: Database,
    model: LoadedModel,
    report: Path | None = None,
    quality: Judgement | None = None,
    alerts: AlertCounts | None = None,
) -> None:
    """Print the counts of a run, and the most frequent reasons of its rejects, each with its first row."""
    lines = _count_lines(counts, db)
    console = Console()
    width = max(len(f"{n:,}") for _, n, _ in lines)
    for name, n, remark in lines:
        line = Text(f"  {name:<10}  {n:>{width},}")
        line.append(f"  {without_control_characters(remark)}" if remark else "", style="dim")
        console.print(line, soft_wrap=True)
    last = {"model": f"{model.name} {model.model_id[:12]}", "database": f"{db}"}
    if report is not None:
        last["report"] = f"{report}"
    if alerts is not None:
        last["alerts"] = f"{alerts}"
    if quality is not None:
        last["quality"] = quality.level
    for name, value in last.items():
        console.print(Text(f"  {name:<10}  {value}"), soft_wrap=True)
    for finding in quality.findings if quality else ():
        print_warning(finding)
    print_file_warnings(counts)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


def _count_lines(counts: RunCounts, db: Database) -> list[tuple[str, int, str]]:
    """Name, number and remark of each count; rare counts are left out if they are 0."""
    rejects = f'see: risk-monitor query "FROM rejects" --db {db}'
    duplicates = "in the database already, or twice in the input"
    speed = f"in {format_duration(counts.scoring_s)}, {counts.n_scored / max(counts.scoring_s, 1e-9):,.0f} texts/s"
    return [
        ("read", counts.n_read, f"rows of {_files(counts.n_files)}"),
        *[("skipped", counts.n_skipped_files, "read before as they are now")][: counts.n_skipped_files],
        *[("undecided", len(counts.undecided), "named by two feeds, see below")][: len(counts.undecided)],
        *[("refused", len(counts.refused), "cannot be read, or not to the end; see below")][: len(counts.refused)],
        ("rejected", counts.n_rejected, rejects if counts.reasons else ""),
        *[("", counts.n_known_rejects, "of them rejected by an earlier run, too")][: counts.n_known_rejects],
        *(
            ("", n, f"{reason} (first: {counts.examples[reason]})")
            for reason, n in counts.reasons.most_common(TOP_REASONS)
        ),
        ("duplicates", counts.n_duplicate, duplicates if counts.n_duplicate else ""),
        *[("replaced", counts.n_replaced, "by a changed row; see: superseded_documents")][: counts.n_replaced],
        ("appended", counts.n_appended, ""),
        *[("numbers", counts.n_measures, "new, beside the texts; see: measures")][: counts.n_measures],
        *[
            (
                "",
                counts.n_bad_measures,
                "values that are no number or contradict one; their texts are kept; see: rejects",
            )
        ][: counts.n_bad_measures],
        *[("left out", counts.n_not_texts, NOT_TEXTS)][: counts.n_not_texts],
        ("scored", counts.n_scored, speed if counts.n_scored else ""),
        *[("cut", counts.n_truncated, "of these were not read to their end (setting max_pieces)")][
            : counts.n_truncated
        ],
    ]


def print_file_warnings(counts: RunCounts) -> None:
    """Warn about files that were not read or had no valid row: the first few with the reason, the others by name."""
    files = [*counts.undecided.items(), *counts.refused.items(), *counts.empty.items()]
    for path, reason in files[:TOP_REASONS]:
        print_warning(f"{path}: {reason}")
    if more := [path for path, _ in files[TOP_REASONS:]]:
        print_warning(f"{_files(len(more))} more: {_names(more)}")
    if refused := counts.still_refused:
        was, them = ("was", "it") if len(refused) == 1 else ("were", "them")
        print_warning(
            f"{_files(len(refused))} {was} refused before and did not change since; "
            f"repair {them}, or move {them} out of the inbox: {_names(refused)}"
        )
    if empty := counts.still_empty:
        them = "it" if len(empty) == 1 else "them"
        print_warning(
            f"no row of {_files(len(empty))} was taken before, and neither {'it' if len(empty) == 1 else 'they'} nor "
            f"the settings changed since; change these or repair {them}, or move {them} out of the inbox: "
            f"{_names(empty)}"
        )


def _names(files: Iterable[Path]) -> str:
    return ", ".join(path.name for path in files)


def _files(n: int) -> str:
    return f"{n:,} file{'' if n == 1 else 's'}"

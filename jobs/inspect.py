"""Describe a file, and propose the settings that read it. No value of the file is printed.

risk-monitor inspect survey.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.feed_options import feed_from_options, with_feed_options
from jobs.console.progress import without_control_characters
from monitor import NOT_A_DIAGNOSIS
from monitor.intake.inspection import Inspection, inspect_file
from monitor.intake.settings_block import as_options, as_toml

MAX_REASONS = 5


@with_feed_options
def command(
    file: Annotated[Path, typer.Argument(help="One file, as a program exported it.")],
    **options: Any,
) -> None:
    """Say what a file is: kind, encoding, columns, shapes of values, and what would be taken of its first 1,000 rows.

    Ends with a block [[feeds]] for the settings and the same as options of `score`, or with the missing information.
    Given options are kept, and the others are proposed. Values are never printed, only their shapes: 9 for a digit, a
    for a letter.
    """
    print_inspection(file, inspect_file(file, feed_from_options(**options)))


def print_inspection(path: Path, found: Inspection) -> None:
    """Print the findings, and the settings if they work, otherwise the missing information."""
    lines = [f"{path}", f"  kind       {found.kind}"]
    if found.encoding:
        lines.append(f"  encoding   {found.encoding}")
    lines.append(f"  rows       {found.n_rows:,} looked at")
    width = min(max((len(column.name) for column in found.columns), default=0), 40)
    lines += ["", "  columns"]
    for column in found.columns:
        shapes = " · ".join(column.shapes)
        lines.append(f"    {column.name[:40]:<{width}}  {column.kind:<7}  {column.filled:>4.0%}  {shapes}")
    lines.append("")
    if found.refused:
        lines.append(f"  with these settings the file is refused: {found.refused}")
    else:
        left_out = f", {found.n_not_texts:,} are no texts of a person" if found.n_not_texts else ""
        lines.append(f"  taken      {found.n_taken:,}, {found.n_rejected:,} rejected{left_out}")
        lines += [f"             {n:,} {reason}" for reason, n in found.reasons.most_common(MAX_REASONS)]
    lines += [f"  to decide  {question}" for question in found.questions]
    options = as_options(found.feed, path)
    if found.works:
        block = as_toml(found.feed, path).splitlines()
        lines += ["", *block, "", f"  risk-monitor score {options} --db risk.duckdb"]
    else:
        lines += ["", "no settings yet: these would take no row of the file"]
        if missing := " ".join(filter(None, found.questions.values())):
            lines += ["give what is missing, and look again:", "", f"  risk-monitor inspect {options} {missing}"]
    lines += ["", NOT_A_DIAGNOSIS]
    console = Console()
    for line in lines:
        console.print(Text(without_control_characters(line)), soft_wrap=True)


if __name__ == "__main__":
    run(command)

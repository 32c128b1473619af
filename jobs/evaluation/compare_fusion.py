"""Simulate people with texts and a daily number, and print how much sooner the rule fusion raises its alerts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from jobs.console.output_folder import claim_files
from jobs.console.progress import print_note
from monitor import NOT_A_DIAGNOSIS
from monitor.evaluation.fusion import SHIFTS, Design, compare
from monitor.output_files import OutputFiles

TITLES = {"texts": "texts alone (change)", "fusion": "fusion, weights 1 and -1", "half": "fusion, weights 1 and -0.5"}
Json = dict[str, Any]


def claim_fusion(out: Path) -> OutputFiles:
    """Our file in the folder `out`, after a check that we may replace it.

    Raises:
        ConfigError: the file is somebody else's, or the folder cannot be written.
    """
    return claim_files(out, "fusion", ["fusion.json"], ("shifts", "tuning_seed"))


def run_fusion(subjects: int, seed: int, out: Path) -> Json:
    """Compare the rules on simulated people, print the table, and write fusion.json into `out`."""
    files = claim_fusion(out)
    print_note("simulating people, and seeking limits with equal false alarms")
    results = compare(Design(subjects=subjects), SHIFTS, seed)
    files.claim(out / "fusion.json")
    (out / "fusion.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    table = Table("number falls by", "rule", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("limit", "false alarms a subject-year", "found in 21 days", "mean delay, days", "days sooner"):
        table.add_column(name, justify="right")
    for part in results["shifts"]:
        for rule, row in part["rules"].items():
            rate, gain = row["rate"], part["gain"].get(rule)
            table.add_row(
                f"{part['shift']:g} sd" if part["shift"] else "no signal",
                TITLES[rule],
                f"{row['limit']:.2f}",
                _with_interval(rate, 2),
                _with_interval(row["found"], 2),
                _with_interval(row["delay"], 1),
                _with_interval(gain, 1) if gain else "",
            )
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)
    design = results["design"]
    console.print(
        f"{subjects:,} simulated people of seed {seed}, half of them with a low period; limits from people of seed "
        f"{results['tuning_seed']}; a period without an alert in {design['within']} days counts as "
        f"{design['within']} days; 95% intervals\n{NOT_A_DIAGNOSIS}",
        style="dim",
        soft_wrap=True,
        highlight=False,
    )
    return results


def _with_interval(value: Json, digits: int) -> str:
    return f"{value['value']:.{digits}f} ({value['low']:.{digits}f} to {value['high']:.{digits}f})"

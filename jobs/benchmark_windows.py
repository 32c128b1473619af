"""Measure the 7- and 28-day windows of all subjects over many scores, in bounded memory.

python -m jobs.benchmark_windows --rows 100000000 --subjects 100000 --out out/windows

The command generates the scores in SQL in a database in DIR, which later calls use again, and queries the view
risk_rolling. The scores are stored in the order of arrival. The columns that windows do not read are NULL, and a
column store does not read them for these queries. The table lacks the primary key, which windows do not use. The
command writes windows.json.
"""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console

from jobs.console.app import run
from jobs.console.output_folder import claim_files
from jobs.console.progress import print_note
from monitor.database.schema import make_empty, n_steps
from monitor.errors import ConfigError

DAYS = 365
GENERATE = f"""
INSERT INTO scores BY NAME
SELECT
    'benchmark' AS model_id,
    's' || hash(i) % $subjects AS subject_id,
    'cohort-' || hash(i) % $subjects % 7 AS cohort,
    TIMESTAMP '2025-01-01' + to_microseconds(CAST(i * ({DAYS * 86_400e6} / $rows) AS BIGINT)) AS posted_at,
    CASE hash(i, 1) % 5 WHEN 0 THEN 'high_risk' WHEN 1 THEN 'mid_risk' ELSE 'low_risk' END AS risk,
    hash(i, 2) % 1000000 / 1e6 AS p_high,
    TIMESTAMP '2026-01-01' AS scored_at
FROM range($rows) AS texts (i)
"""
MEASURES = ("n", "n_days", "n_high", "p_high", "share_high", "share_high_lo", "share_high_hi")
QUERY = (
    "SELECT count(*) AS n_rows, sum(n_7 + n_28) AS n_texts, "
    + ", ".join(f"avg({name}_{days})" for days in (7, 28) for name in MEASURES)
    + " FROM risk_rolling WHERE level = 'subject'"
)


def measure(db: Path, rows: int, subjects: int, threads: int, memory: str) -> dict[str, object]:
    """Seconds, peak memory of the process and rows of the answer; generates the scores first if `db` lacks them."""
    if not db.exists():
        make_empty(db)
    with duckdb.connect(db, config={"threads": threads, "memory_limit": memory}) as con:
        if con.execute("SELECT count(*) FROM scores").fetchall() != [(rows,)]:
            print_note(f"generating {rows:,} scores")
            con.execute("CREATE OR REPLACE TABLE scores AS FROM scores LIMIT 0")
            con.execute(GENERATE, {"rows": rows, "subjects": subjects})
    with duckdb.connect(db, read_only=True, config={"threads": threads, "memory_limit": memory}) as con:
        print_note("querying the 7- and 28-day windows of all subjects")
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        ((n_rows, n, *_),) = con.execute(QUERY).fetchall()
        seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rows": rows,
        "subjects": subjects,
        "threads": threads,
        "memory_limit": memory,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_gib": round(after.ru_maxrss / 2**20, 2),
        "rows_of_answer": n_rows,
        "texts_in_windows": int(n),
        "file_gib": round(db.stat().st_size / 2**30, 2),
    }


def command(
    out: Annotated[Path, typer.Option(help="Folder for the database and windows.json.")],
    rows: Annotated[int, typer.Option(help="Number of scores.")] = 100_000_000,
    subjects: Annotated[int, typer.Option(help="Number of subjects of the scores, over a year.")] = 100_000,
    threads: Annotated[int, typer.Option(help="Number of cores.")] = 2,
    memory: Annotated[str, typer.Option(help="Memory limit of DuckDB.")] = "6GB",
) -> None:
    """Measure the 7- and 28-day windows of all subjects over many scores."""
    if min(rows, subjects, threads) < 1:
        raise ConfigError("--rows, --subjects and --threads are whole numbers of at least 1")
    db = out / f"windows-{rows}-{subjects}-schema-{n_steps()}.duckdb"
    files = claim_files(out, "windows", ["windows.json", db.name], ("texts_in_windows", "file_gib"))
    files.claim(db, out / "windows.json")
    results = measure(db, rows, subjects, threads, memory)
    (out / "windows.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    Console().print_json(data=results)


if __name__ == "__main__":
    run(command)

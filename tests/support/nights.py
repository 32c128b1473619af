"""An inbox in every format and state, a night over it, and what a database holds, whoever wrote it and when."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl

from monitor.database.connection import Database
from monitor.labels import EMOTIONS
from monitor.settings import Settings

BY_RUN = {
    "run_id",
    "ingested_at",
    "scored_at",
    "scored_until",
    "rejected_at",
    "first_seen",
    "since",
    "raised_at",
    "state_changed_at",
    "told_at",
}
LEDGERS = {"runs", "schema_version"}


def rows(first: int, n: int) -> list[dict[str, str]]:
    """Rows of n texts by 14 people; every 17th repeats the one before, every 23rd has no day."""
    found = []
    for i in range(first, first + n):
        k = i - 1 if i % 17 == 0 else i
        day = "someday" if i % 23 == 0 else f"2026-{i % 5 + 1:02d}-{i % 28 + 1:02d}"
        text = f"some {EMOTIONS[k % 6]}, number {k}"
        found.append({"doc_id": f"d{k}", "subject_id": f"s{k % 14}", "posted_at": day, "text": text})
    return found


def write_csv(path: Path, given: list[dict[str, str]], end: str = "") -> None:
    """A file that appears whole, as a careful sender's does."""
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(given[0]))
        writer.writeheader()
        writer.writerows(given)
        stream.write(end)
    unfinished.replace(path)


def fill(inbox: Path, night: int) -> None:
    """What comes in before one of two nights: files with faults, and one that cannot be read at all."""
    inbox.mkdir(exist_ok=True)
    first = 1000 * night
    write_csv(inbox / f"a{night}.csv", rows(first, 60), end=f"d{first},too,short\n")
    lines = [json.dumps(row) for row in rows(first + 50, 50)]
    (inbox / f"b{night}.jsonl").write_text("\n".join([*lines, "{", ""]))
    pl.DataFrame(rows(first + 90, 40)).write_parquet(inbox / f"c{night}.parquet")
    (inbox / f"d{night}.csv").write_text("subject_id,when,text\n")
    sad = {"doc_id": "", "subject_id": f"sad-{night}", "text": "only sadness"}  # for the alert rules
    write_csv(inbox / f"e{night}.csv", [sad | {"posted_at": f"2026-05-{day:02d}"} for day in range(8, 28)])


def settings(folder: Path, inbox: Path, **others: Any) -> Settings:
    """Settings of a run in a folder, whose key is beside the inbox."""
    places = {"db": folder / "risk.duckdb", "out": folder / "report", "snapshot": folder / "snapshot"}
    return Settings(
        inbox=inbox, key_file=inbox.with_name("key"), chunk_rows=40, settle_s=0, **places, **others
    )


def contents(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table but the ledgers, sorted, without run ids and the times of runs."""
    with Database(db).reading() as con:
        tables = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        found = {}
        for (table,) in tables:
            if table not in LEDGERS:
                columns = [
                    name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall() if name not in BY_RUN
                ]
                names = ", ".join(f'"{name}"' for name in columns)
                found[table] = sorted(con.execute(f"SELECT {names} FROM {table}").fetchall(), key=repr)
    return found


def assert_ledger_adds_up(db: Path) -> None:
    """Every row is counted in the line of the run that wrote it: they were committed together or not at all."""
    with Database(db).reading() as con:
        for table, counted in (("documents", "n_appended"), ("scores", "n_scored"), ("files", "n_files")):
            wrong = con.execute(
                f"SELECT run_id, {counted}, n FROM (FROM runs SELECT run_id, {counted}) FULL JOIN"
                f" (SELECT run_id, count(*) AS n FROM {table} GROUP BY run_id) USING (run_id)"
                f" WHERE {counted} IS DISTINCT FROM coalesce(n, 0)"
            ).fetchall()
            assert not wrong, (table, wrong)

"""An inbox with every format and fault, settings of a night, and a database's rows without ids and times of runs."""

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
    "given_at",
    "code",  # drawn at random
    "superseded_at",
    "superseded_by",
}
LEDGERS = {"runs", "schema_version"}


def rows(first: int, n: int) -> list[dict[str, str]]:
    """Rows of n texts by 14 people; every 17th repeats the one before, every 23rd has no valid date."""
    result = []
    for i in range(first, first + n):
        k = i - 1 if i % 17 == 0 else i
        day = "someday" if i % 23 == 0 else f"2026-{i % 5 + 1:02d}-{i % 28 + 1:02d}"
        text = f"some {EMOTIONS[k % 6]}, number {k}"
        result.append({"doc_id": f"d{k}", "subject_id": f"s{k % 14}", "posted_at": day, "text": text})
    return result


def write_csv(path: Path, given: list[dict[str, str]], end: str = "") -> None:
    """Write a CSV file in one step, as a careful sender does."""
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(given[0]))
        writer.writeheader()
        writer.writerows(given)
        stream.write(end)
    unfinished.replace(path)


def fill(inbox: Path, night: int) -> None:
    """Fill the inbox before one of two nights: files with faults, and one that cannot be read."""
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
    """Settings of a run in a folder; the key is beside the inbox, and a commit has 40 texts unless `others` say."""
    paths = {"db": folder / "risk.duckdb", "out": folder / "report", "snapshot": folder / "snapshot"}
    usual = {"inbox": inbox, "key_file": inbox.with_name("key"), "chunk_rows": 40, "settle_s": 0, **paths}
    return Settings(**(usual | others))


def contents(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The sorted rows of every table except the ledgers, without run ids and times of runs."""
    with Database(db).reading() as con:
        tables = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        tables_rows = {}
        for (table,) in tables:
            if table not in LEDGERS:
                columns = [name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall() if name not in BY_RUN]
                names = ", ".join(f'"{name}"' for name in columns)
                tables_rows[table] = sorted(con.execute(f"SELECT {names} FROM {table}").fetchall(), key=repr)
    return tables_rows


def assert_ledger_adds_up(db: Path) -> None:
    """Every row is counted in the line of its run: rows and counts were committed together or not at all."""
    with Database(db).reading() as con:
        for table, counted in (("documents", "n_appended"), ("scores", "n_scored"), ("files", "n_files")):
            wrong = con.execute(
                f"SELECT run_id, {counted}, n FROM (FROM runs SELECT run_id, {counted}) FULL JOIN"
                f" (SELECT run_id, count(*) AS n FROM {table} GROUP BY run_id) USING (run_id)"
                f" WHERE {counted} IS DISTINCT FROM coalesce(n, 0)"
            ).fetchall()
            assert not wrong, (table, wrong)

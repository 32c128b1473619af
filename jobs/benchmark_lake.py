"""Measure SQL over a lake and over the same rows in a database file, and the scaling of engines.

python -m jobs.benchmark_lake windows --rows 10000000 --subjects 100000 --out out/lake
python -m jobs.benchmark_lake workers --workers 1,2,4,8 --out out/lake
python -m jobs.benchmark_lake gpus --gpus 1,2,4 --texts 400000 --out out/lake

`windows` writes a year of synthetic scores into a lake and the same rows into a database file. It runs every window
query on the lake, on the file, and on the lake with daily sums; answers are read in batches and dropped. `workers`
scores a lake with a scorer that sleeps, which measures only the handing out of shards. `gpus` scores a lake with one
worker a GPU, from strings to Parquet. Each writes a JSON file into DIR.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import duckdb
import numpy as np
import polars as pl
import typer
from rich.console import Console

from jobs.console.app import new_app, run_group
from jobs.console.output_folder import claim_files, claim_folder
from jobs.console.progress import print_note
from jobs.pipeline.lake.local_engine import CARDS, LocalCrew, visible_cards
from jobs.pipeline.lake.ray_engine import RayCrew
from jobs.pipeline.lake.score import score_lake
from jobs.pipeline.run import open_scorer
from monitor.alerts.rules import AlertRules
from monitor.benchmark.peak_memory import peak_memory
from monitor.database.connection import Database
from monitor.demo.feed import demo_texts
from monitor.errors import ConfigError
from monitor.lake.compaction import compact
from monitor.lake.control import open_lake
from monitor.lake.scratch import open_scratch, rows_of
from monitor.lake.shards import DOCUMENTS, Lake, Shard, derived_path, document_path, shard_name
from monitor.lake.storage import Storage
from monitor.privacy.pseudonyms import PLAIN
from monitor.windows import window_queries

command = new_app("Measure SQL over a lake, and how engines scale.")
MODEL = "benchmark"
CPU = SimpleNamespace(type="cpu")  # stands for a torch.device, without torch
SHARD_ROWS = 100_000
BATCH_ROWS = 100_000  # rows of an answer that are read at a time
WARM_TEXTS = 20_000
MONTH_US = 28 * 86_400_000_000
RANDOM = "TinyLlama 1.1B"
MEAN_TEXT_TOKENS, SUFFIX_TOKENS, N_LABELS = 22, 12, 6  # of the texts of random words
AS_OF = dt.date(2025, 12, 31)
PARAMETERS: dict[str, Any] = {
    "model_id": MODEL,
    "as_of": AS_OF,
    "until": AS_OF,
    "window_days": 7,
    "days": 366,
    "weeks": 56,
    "top": 40,
    "threshold": AlertRules().threshold,
    "min_texts": 5,
    "signal": "p_high",
}
GENERATE = """
SELECT
    'd' || i AS doc_id,
    's' || hash(i) % $subjects AS subject_id,
    CAST($start AS TIMESTAMP) + to_microseconds(CAST(hash(i, 3) % $span AS BIGINT)) AS posted_at,
    'cohort-' || hash(i) % $subjects % 7 AS source,
    hash(i, 2) % 1000000 / 1e6 AS p_high
FROM range(CAST($first AS BIGINT), CAST($last AS BIGINT)) AS texts (i)
"""
SCORES = """
INSERT INTO scores BY NAME
SELECT
    doc_id, subject_id, posted_at, source AS cohort, $model AS model_id, p_high,
    if(p_high > 0.5, 'sadness', 'joy') AS emotion, if(p_high > 0.5, 'high_risk', 'low_risk') AS risk,
    p_high AS p_sadness, 1 - p_high AS p_joy, 0 AS p_love, 0 AS p_anger, 0 AS p_fear, 0 AS p_surprise,
    1 - p_high AS p_low, 0 AS p_mid, 0.5 AS confidence, 20 AS n_tokens, false AS truncated,
    'run' AS run_id, TIMESTAMP '2026-01-01' AS scored_at
FROM generated
"""


class SleepingScorer:
    """A scorer that sleeps a while for each text and computes nothing."""

    def __init__(self, seconds_a_text: float) -> None:
        from monitor.labels import RiskMap
        from monitor.model.prompts import PromptTemplate

        self._seconds = seconds_a_text
        words = ("sadness", "joy", "love", "anger", "fear", "surprise")
        prompt = PromptTemplate("text:", "emotion:", {word: (f" {word}",) for word in words})
        names = {"model_id": "sleeping", "name": "sleeping", "base": "none", "adapter": None, "quantisation": "none"}
        calibration = {"temperature": 1.0, "exponent": 1.0, "sureness": 0.0, "criteria_limits": None}
        rest = {"prompt": prompt, "risk_map": RiskMap(), "evaluation": None, "device": CPU}
        self.model: Any = type("Sleeping", (), names | calibration | rest)()

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Any:
        """Sleep, then return equal probabilities; shape (n, 6)."""
        from monitor.scoring.scores import Scores

        time.sleep(self._seconds * len(texts))
        n = len(texts)
        return Scores(np.full((n, 6), 1 / 6), np.ones(n, dtype=np.int32), np.zeros(n, dtype=np.bool_))


def write_lake(url: Path, rows: int, subjects: int) -> Lake:
    """A lake of synthetic scores, the same number in each month of 2025, without texts."""
    lake = Lake.create(Storage(str(url)), PLAIN)
    con = open_scratch()
    con.execute(
        f"INSERT INTO models (model_id, name, base, quantisation, prompt, temperature, risk_map, first_seen)"
        f" VALUES ('{MODEL}', '{MODEL}', 'none', 'none', '{{}}', 1, '{{}}', TIMESTAMP '2026-01-01')"
    )
    lake.write_small("models", rows_of(con, "models"))
    first = 0
    for month in range(1, 13):
        left = rows // 12
        while left > 0:
            n = min(SHARD_ROWS, left)
            values: dict[str, Any] = {"subjects": subjects, "start": dt.datetime(2025, month, 1), "span": MONTH_US}
            values |= {"first": first, "last": first + n}
            con.execute(f"CREATE OR REPLACE TEMP TABLE generated AS {GENERATE}", values)
            con.execute(
                "INSERT INTO documents BY NAME SELECT doc_id, subject_id, posted_at, source, 'run' AS run_id,"
                " TIMESTAMP '2026-01-01' AS ingested_at FROM generated"
            )
            con.execute(SCORES, {"model": MODEL})
            documents = rows_of(con, DOCUMENTS)
            shard = Shard(f"2025-{month:02d}", shard_name(pl.DataFrame(documents)))
            lake.write(derived_path("scores", MODEL, shard), "scores", rows_of(con, "scores"))
            lake.write(document_path(shard), DOCUMENTS, documents)
            con.execute("DELETE FROM documents; DELETE FROM scores")
            first, left = first + n, left - n
    con.close()
    return lake


def write_database(control: Path, file: Path) -> None:
    """Write the rows that a control file shows into a database file without keys."""
    with Database(file).writing() as con:
        for table in (DOCUMENTS, "scores"):
            con.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {table} LIMIT 0")
    with duckdb.connect(file) as con:
        con.execute(f"ATTACH '{control.absolute()}' AS lake (READ_ONLY)")
        for table in ("models", DOCUMENTS, "scores"):
            con.execute(f"INSERT INTO {table} BY NAME FROM lake.{table}")


def ask_windows(db: Path, threads: int) -> dict[str, Any]:
    """CPU seconds of each window query on a database, and the peak memory of this process in GiB.

    Answers are read in batches, because a row for each subject and day can need more memory than the query.
    """
    queries: dict[str, dict[str, float]] = {}
    with Database(db).reading() as con:
        con.execute(f"SET threads = {threads}; SET enable_progress_bar = false")
        for name in window_queries.names():
            query = window_queries.load(name)
            before = time.process_time()
            with peak_memory("cpu") as peak:
                answer = con.sql(query.sql, params=query.pick(PARAMETERS)).to_arrow_reader(BATCH_ROWS)
                rows = sum(batch.num_rows for batch in answer)
            seconds = time.process_time() - before
            queries[name] = {
                "rows": rows,
                "cpu_seconds": round(seconds, 2),
                "peak_gib": round((peak.bytes or 0) / 2**30, 2),
            }
            print_note(f"{name}: {queries[name]}")
    return {
        "cpu_seconds": round(sum(query["cpu_seconds"] for query in queries.values()), 1),
        "peak_gib": max(query["peak_gib"] for query in queries.values()),
        "queries": queries,
    }


def in_own_process(call: Callable[..., Any], *arguments: object) -> Any:
    """The result of a call in a new process, so that its peak memory is that of the call alone."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


@command.command()
def windows(
    out: Annotated[Path, typer.Option(help="Folder for the lake, the database and windows.json.")],
    rows: Annotated[int, typer.Option(min=1, help="Number of scores.")] = 10_000_000,
    subjects: Annotated[int, typer.Option(min=1, help="Number of subjects.")] = 100_000,
    threads: Annotated[int, typer.Option(min=1, help="Number of cores.")] = 2,
    database: Annotated[bool, typer.Option(help="Also write and ask a database file.")] = True,
    plain: Annotated[bool, typer.Option(help="Also ask the lake before it has daily sums.")] = True,
) -> None:
    """Measure every window query over a lake, the same rows in a database file, and the lake with daily sums."""
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"--out {out}: holds files; name another folder")
    claim_folder(out)
    print_note(f"writing {rows:,} scores")
    lake = write_lake(out / "lake", rows, subjects)
    control = out / "lake.duckdb"
    open_lake(lake, Database(control))
    results: dict[str, Any] = {"rows": rows, "subjects": subjects, "threads": threads}
    if plain:
        results["lake"] = in_own_process(ask_windows, control, threads)
    if database:
        write_database(control, out / "risk.duckdb")
        results["database"] = in_own_process(ask_windows, out / "risk.duckdb", threads)
    with lake.storage.only_writer():
        compact(lake, dt.date(2026, 1, 1))
    open_lake(lake, Database(control))
    results["lake with daily sums"] = in_own_process(ask_windows, control, threads)
    _save(results, out / "windows.json")


@command.command()
def workers(
    out: Annotated[Path, typer.Option(help="Folder for the lake and workers.json.")],
    counts: Annotated[str, typer.Option("--workers", help="Numbers of workers.")] = "1,2,4,8",
    shards_each: Annotated[int, typer.Option(min=1, help="Shards for each worker.")] = 12,
    shard_s: Annotated[float, typer.Option(min=0, help="Seconds that a shard takes.")] = 2.0,
) -> None:
    """Measure how well shards are handed out, with a scorer that sleeps: efficiency 1 would lose no time."""
    results, numbers = [], _numbers("--workers", counts)
    names = ["workers.json", *(f"lake-{n}" for n in numbers)]
    claim_files(out, "workers", names, ("workers", "efficiency")).claim(*(out / name for name in names))
    for n in numbers:
        n_texts = 50 * n * shards_each
        lake = _texts_lake(out / f"lake-{n}", n * shards_each, word_texts(n_texts))
        crew = LocalCrew(str(lake), partial(SleepingScorer, shard_s / 50), None, n, "cpu")
        seconds = score_lake(str(lake), crew).seconds
        results.append({"workers": n, "seconds": round(seconds, 2), "efficiency": shards_each * shard_s / seconds})
    _save(results, out / "workers.json")


@command.command()
def gpus(
    out: Annotated[Path, typer.Option(help="Folder for the lakes and gpus.json.")],
    counts: Annotated[str, typer.Option("--gpus", help="Numbers of GPUs, the first of which is the base.")] = "1,2,4",
    model: Annotated[str, typer.Option(help=f'A model, or "{RANDOM}" with random weights.')] = RANDOM,
    texts: Annotated[int, typer.Option(min=1, help="Texts of strong scaling, and a GPU of weak scaling.")] = 400_000,
    engine: Annotated[str, typer.Option(help="local or ray.")] = "local",
) -> None:
    """Measure texts a second with one worker a GPU, from strings to Parquet, and compare the scores."""
    load = partial(_warm_scorer, model)
    texts_of = word_texts if model == RANDOM else _numbered_texts
    results: list[dict[str, Any]] = []
    numbers = _numbers("--gpus", counts)
    names = [f"{scaling}-{n}" for scaling in ("strong", "weak") for n in numbers]
    names.insert(0, "gpus.json")
    claim_files(out, "gpus", names, ("scaling", "texts_per_s")).claim(*(out / name for name in names))
    first = None
    peak, per_token = in_own_process(_peak_and_operations, RANDOM) if model == RANDOM else (1.0, 1.0)
    for scaling in ("strong", "weak"):
        for n in numbers:
            if scaling == "weak" and n == 1:
                results += [row | {"scaling": "weak"} for row in results if row["gpus"] == 1]  # the same measurement
                continue
            n_texts = texts * (n if scaling == "weak" else 1)
            lake = _texts_lake(out / f"{scaling}-{n}", max(8 * n, n_texts // 20_000), texts_of(n_texts))
            with _cards(n):
                crew = RayCrew(str(lake), load) if engine == "ray" else LocalCrew(str(lake), load, None, n)
                rate = n_texts / score_lake(str(lake), crew).seconds
            row: dict[str, Any] = {"scaling": scaling, "gpus": n, "texts": n_texts, "texts_per_s": round(rate)}
            if model == RANDOM:
                row["mfu"] = round(rate * (MEAN_TEXT_TOKENS + SUFFIX_TOKENS + N_LABELS) * per_token / (peak * n), 3)
            scores = _scores(lake)
            if scaling == "strong":
                first = scores if first is None else first
                row["greatest_difference"] = float((scores["p_high"] - first["p_high"]).abs().max())  # type: ignore[arg-type]
            results.append(row)
            _save(results, out / "gpus.json")  # saved after each, so that results survive a stop
            shutil.rmtree(lake)


def _numbers(option: str, given: str) -> list[int]:
    """Whole numbers from 1, separated by commas, in the given order."""
    try:
        numbers = [int(word) for word in given.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise ConfigError(f"{option} {given!r}: give whole numbers from 1 with commas between them, such as 1,2,4")
    return numbers


def word_texts(n_texts: int) -> list[str]:
    """Texts of random words."""
    from monitor.benchmark import scoring_speed  # imports torch

    return scoring_speed.word_texts(n_texts)


def _numbered_texts(n_texts: int) -> list[str]:
    """Texts of the demo feed, repeated with a different number at the end of each repetition."""
    posts = demo_texts()
    return [f"{posts[number % len(posts)]} {number}" for number in range(n_texts)]


def _texts_lake(url: Path, n_shards: int, texts: Sequence[str]) -> Path:
    """A lake of texts in shards of equal size."""
    shutil.rmtree(url, ignore_errors=True)
    lake = Lake.create(Storage(str(url)), PLAIN)
    start = dt.datetime(2025, 1, 1)
    documents = pl.DataFrame({"doc_id": [f"d{i}" for i in range(len(texts))], "text": texts}).with_columns(
        subject_id=pl.format("s{}", pl.int_range(pl.len()) % 1000),
        posted_at=pl.lit(start),
        run_id=pl.lit("run"),
        ingested_at=pl.lit(start),
    )
    edges = np.linspace(0, len(texts), n_shards + 1).round().astype(int)
    for first, last in pairwise(edges):
        rows = documents[int(first) : int(last)]
        lake.write(document_path(Shard("2025-01", shard_name(rows))), DOCUMENTS, rows.to_arrow())
    return url


def _scores(lake: Path) -> pl.DataFrame:
    files = sorted((lake / "scores").rglob("*.parquet"))
    return pl.concat([pl.read_parquet(file, columns=["doc_id", "p_high"]) for file in files]).sort("doc_id")


@contextmanager
def _cards(n: int) -> Iterator[None]:
    """Show workers only the first n of the GPUs that this process may use."""
    before, cards = os.environ.get(CARDS), visible_cards()
    if n > len(cards):
        raise ConfigError(f"--gpus {n}: this process may use {len(cards)}")
    os.environ[CARDS] = ",".join(cards[:n])
    try:
        yield
    finally:
        if before is None:
            del os.environ[CARDS]
        else:
            os.environ[CARDS] = before


def _warm_scorer(model: str) -> Any:
    """A scorer that has already scored a shard's number of texts, so that its kernels are compiled before the
    measurement.
    """
    from monitor.benchmark.gpu_workers import random_scorer  # imports torch, in a worker

    scorer = random_scorer(model) if model == RANDOM else open_scorer(model, "cuda")
    scorer.score(word_texts(WARM_TEXTS))
    return scorer


def _peak_and_operations(shape: str) -> tuple[float, float]:
    from monitor.benchmark.gpu_workers import peak_and_operations

    return peak_and_operations(shape)


def _save(results: Any, file: Path) -> None:
    file.write_text(json.dumps(results, indent=1), encoding="utf-8")
    Console().print_json(data=results)


if __name__ == "__main__":
    run_group(command, "benchmark_lake")

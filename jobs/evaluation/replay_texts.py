"""Score the files of a replay with real texts once per model, run the replay, and write its results.

The scores of each file stay in a database of their own in the output folder, named by the file's content, so that a
second run with other doses or rules scores nothing again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from rich.console import Console
from rich.text import Text

from jobs.console.output_folder import claim_files
from jobs.console.progress import print_note
from jobs.pipeline.inbox import sha256_of
from jobs.pipeline.score_files import score_files
from jobs.pipeline.score_new import Scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import AlertRules
from monitor.corpora.mixture import is_listed
from monitor.database.connection import Database
from monitor.errors import ConfigError, DataError
from monitor.evaluation.replay import Design, Pool, Scored, replay
from monitor.intake.documents import find_inputs
from monitor.intake.timestamps import parse_times
from monitor.model.files import text_hash
from monitor.output_files import OutputFiles
from monitor.regular_files import require_regular
from monitor.scratch_folder import scratch_folder
from reports.evaluation import replay_page
from reports.evaluation.text_tables import as_text
from reports.style.rendering import require_drawing

Json = dict[str, Any]
FILES = ("replay.json", "replay.html", "replay.png", "replay.svg")
MOST_DAYS = 3_660
LABEL, CONTROL = "label", "other label"
LABELS = ("0", "1")
NO_LIST: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
FIRST_TIME = dt.datetime(2000, 1, 1)  # time of the first text if texts have no times; only their order counts


def claim_replay(out: Path) -> OutputFiles:
    """Our files in the folder `out`, after a check that we may replace them.

    Raises:
        ConfigError: a file is somebody else's, or the folder cannot be written.
    """
    require_drawing()
    return claim_files(out, "replay", FILES, ("design", "arms"))


def run_replay(
    background: Path,
    low: Sequence[Path],
    control: Sequence[Path],
    design: Design,
    rules: AlertRules,
    load: Callable[[], Scorer],
    out: Path,
    trained: npt.NDArray[np.uint64] = NO_LIST,
) -> Json:
    """Score the files, replay them, and write replay.json, replay.html, replay.png and replay.svg into `out`.

    Args:
        background: texts of people, in the columns of any input.
        low: pools of texts from low periods. If a file has labels, its texts labelled 0 become a control pool.
        control: other pools of the same sources.
        design: what to replay.
        rules: of the alerts.
        load: opens the model.
        out: a folder that exists.
        trained: the model's training list; its texts are left out of pools.

    Raises:
        DataError: a file cannot be read, or nobody in the background can be replayed. ConfigError: two pools have one
        name, or a file in `out` is somebody else's.
    """
    files = claim_replay(out)
    names = [path.name.split(".")[0] for path in (*low, *control)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two pools are called {twice[0]}; a pool is called by its file, so rename one")
    pools = [part for path in (*low, *control) for part in read_pool(path, is_low=path in low)]
    if empty := [name for name, _, rows in pools if rows.is_empty()]:
        raise DataError(f"{empty[0]}: this pool has no texts")
    pools = [(name, is_low, _untrained(name, rows, trained)) for name, is_low, rows in pools]
    load = cache(load)
    rejects: dict[str, int] = {}
    own, model_id, rejects["background"] = _score_once(background, load, out)
    scored = []
    for name, is_low, rows in pools:
        texts, _, rejects[name] = _score_pool(name, rows, load, out)
        if texts.scores.is_empty():
            raise DataError(f"{name}: none of the texts of this pool can be scored")
        scored.append(Pool(name, is_low, texts))
    note_kept_databases(out)
    print_note("replaying")
    results = replay(own, scored, rules, design, model_id) | {"rejects": rejects}
    files.claim(*(out / name for name in FILES))
    (out / "replay.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    written = replay_page.write(results, out)
    print_note(f"wrote {', '.join(['replay.json', *written])} into {out}")
    return results


def _untrained(name: str, rows: pl.DataFrame, trained: npt.NDArray[np.uint64]) -> pl.DataFrame:
    """The rows of a pool whose texts are not in the training list."""
    listed = is_listed(rows["text"].fill_null("").to_list(), trained)
    if listed.all():
        raise DataError(f"{name}: the model was trained on every text of this pool; give other texts")
    if n := int(listed.sum()):
        print_note(f"{name}: {n:,} of {rows.height:,} texts are left out, because the model was trained on them")
    return rows.filter(~listed)


def scored_database(feed: Path, out: Path, kind: str) -> Database:
    """The database in `out` for the scores of only these texts; its name contains a hash of their files.

    Two feeds in one database would be measured as one.

    Args:
        feed: a file, folder or pattern.
        out: a folder that exists.
        kind: the beginning of the name.

    Raises:
        DataError: a file cannot be read.
    """
    hashes = [sha256_of(path) for path in sorted(find_inputs([feed]))]
    name = hashes[0] if len(hashes) == 1 else text_hash("".join(hashes))
    return Database(out / f"{kind}-{name[:12]}.duckdb")


def note_kept_databases(out: Path) -> None:
    """Print that the databases in `out` hold people's texts, which `forget` of another database does not reach."""
    print_note(
        f"the databases in {out} keep the texts, with their ids as they came; `risk-monitor forget ID --db FILE` "
        "removes a person from one, or remove the files when you are done"
    )


def read_pool(path: Path, *, is_low: bool) -> Iterator[tuple[str, bool, pl.DataFrame]]:
    """The pools of a file: name, whether it is low, and rows with subject_id, posted_at and text as strings.

    A file needs only the column text. If it has a column label (0 or 1), the texts of a low pool with label 0 become
    its control pool.

    Raises:
        DataError: the file cannot be read, has no column text, or a label is neither 0 nor 1.
    """
    rows = _read(path)
    name = path.name.split(".")[0]
    if "text" not in rows.columns:
        raise DataError(f"{path}: lacks the column text (found: {', '.join(rows.columns) or 'none'})")
    columns: dict[str, pl.Expr | pl.Series] = {"subject_id": pl.lit("-")}
    if "subject_id" in rows.columns:
        columns["subject_id"] = pl.col("subject_id").cast(pl.String)
    if "posted_at" in rows.columns:
        columns["posted_at"] = _as_strings(rows["posted_at"])
    times = pl.lit(FIRST_TIME) + pl.duration(seconds=pl.int_range(pl.len()))
    columns.setdefault("posted_at", times.dt.strftime("%Y-%m-%dT%H:%M:%S"))
    texts = rows.select("text", **columns)
    if LABEL not in rows.columns or not is_low:
        yield name, is_low, texts
        return
    labels = rows[LABEL].cast(pl.String)
    wrong = (~labels.is_in(LABELS)).fill_null(value=True).arg_true()
    if len(wrong):
        raise DataError(f"{path}, row {wrong[0] + 1}, {LABEL}: give 0 or 1, not {labels[wrong[0]]!r}")
    yield name, True, texts.filter(labels == "1")
    if (labels == "0").any():
        yield f"{name}, {CONTROL}", False, texts.filter(labels == "0")


def _as_strings(times: pl.Series) -> pl.Series:
    """Times as strings. A time outside of the calendar (DuckDB's infinity), which polars cannot print, becomes
    null.
    """
    if isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone:
        times = times.dt.convert_time_zone("UTC")
    return (parse_times(times) if times.dtype in (pl.Date, pl.Datetime) else times).cast(pl.String)


def _read(path: Path) -> pl.DataFrame:
    kind = path.name.lower().removesuffix(".gz")
    require_regular(path)
    try:
        if kind.endswith(".parquet"):
            return pl.read_parquet(path)
        if kind.endswith(".jsonl"):
            return pl.read_ndjson(path, infer_schema_length=None)
        if kind.endswith(".csv"):
            return pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot read this file ({str(error).splitlines()[0]})") from error
    raise DataError(f"{path}: a pool is a .csv, .jsonl or .parquet file")


def _score_pool(name: str, rows: pl.DataFrame, load: Callable[[], Scorer], out: Path) -> tuple[Scored, str, int]:
    with scratch_folder(out, ".replay-") as folder:
        file = folder / f"{name}.jsonl"
        rows.write_ndjson(file)
        return _score_once(file, load, out)


def _score_once(file: Path, load: Callable[[], Scorer], out: Path) -> tuple[Scored, str, int]:
    """Score a file in its own database; returns its scores, the model_id, and the number of rejects."""
    db = scored_database(file, out, "replay")
    model_id: str = score_files([file], db, load).model.model_id
    with db.reading() as con:
        scores = con.sql("FROM scores WHERE model_id = $id ORDER BY doc_id", params={"id": model_id}).pl()
        mentions = con.sql("FROM mentions ORDER BY doc_id").pl()
        ((rejects,),) = con.execute("SELECT count(*) FROM rejects").fetchall()
    return Scored(scores, mentions), model_id, rejects


def read_design(
    days: int,
    onset: int | None,
    within: int,
    dose: str,
    incidence: str,
    least_texts: int,
    seed: int,
    *,
    in_order: bool,
) -> Design:
    """The design from the options of the command line.

    Raises:
        ConfigError: a value is out of its range; the message names the option.
    """
    if not 2 <= days <= MOST_DAYS:
        raise ConfigError(f"--days {days}: give 2 to {MOST_DAYS:,}")
    onset = days // 2 if onset is None else onset
    if not 1 <= onset < days:
        raise ConfigError(f"--onset {onset}: give a day from 1 to {days - 1}, within the {days} days of a timeline")
    if not 0 <= within < days - onset:
        raise ConfigError(f"--within {within}: {days - onset} days of a timeline are left from day {onset} on")
    if least_texts < 1:
        raise ConfigError(f"--least-texts {least_texts}: give 1 or more")
    doses = _numbers("--dose", dose, most=1)
    incidences = _numbers("--incidence", incidence, most=366)
    return Design(days, onset, within, doses, incidences, least_texts, in_order, seed)


def _numbers(option: str, given: str, most: float) -> tuple[float, ...]:
    """Numbers above 0 and up to `most`, separated by commas, each once and in order."""
    try:
        numbers = sorted({float(word) for word in given.split(",")})
    except ValueError as error:
        raise ConfigError(f"{option} {given!r}: give numbers with commas between them, such as 0.25,0.5,1") from error
    if not all(0 < number <= most for number in numbers):
        raise ConfigError(f"{option} {given!r}: give numbers above 0 and up to {most:g}")
    return tuple(numbers)


def print_replay(results: Json) -> None:
    """Print the tables of the page as text."""
    console = Console()
    for table in replay_page.tables(results):
        console.print(as_text(table), highlight=False, markup=False, soft_wrap=True)
    console.print(Text(f"{replay_page.lead(results)}\n{NOT_A_DIAGNOSIS}", style="dim"), soft_wrap=True)

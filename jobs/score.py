"""Read texts into the database and score those that the model has not scored yet.

risk-monitor score feed.csv more/ "archive/2026-*.parquet" --db risk.duckdb

Running it again appends nothing; running it after a crash completes what the crash left out.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from jobs.alerts import refresh
from jobs.cli import run
from jobs.ingest import ingest, ledger
from jobs.intake import Tally
from jobs.pending import CHUNK_ROWS, Scorer, score_pending
from jobs.progress import note
from jobs.stopping import checkpoint, stoppable
from jobs.summary import print_summary
from monitor import store
from monitor.alert_rules import AlertRules
from monitor.alerts import AlertCounts
from monitor.database import only_writer, writing
from monitor.documents import check, find_inputs
from monitor.errors import DataError, MonitorError
from monitor.labels import RiskMap
from monitor.privacy import PLAIN, Pseudonyms, key_file_of, open_pseudonyms
from monitor.settings import load_settings

if TYPE_CHECKING:
    from monitor.models import LoadedModel


def open_scorer(
    model: str, device: str = "auto", risk_map: Mapping[str, str] | None = None, weights: str = "auto"
) -> Scorer:
    """Load a model; this is where torch is imported.

    Args:
        model: "embedded", a model folder, or a hub id.
        device: "auto", "cpu" or "cuda".
        risk_map: the risk level of each emotion; None: the model's own.
        weights: "auto", "dense" or "nf4"; see `monitor.models.load_model`.

    Raises:
        ModelError: no such model, or its parts do not fit.
    """
    note(f"loading model {model}")
    from monitor.models import load_model
    from monitor.scoring import LabelScorer

    rules = None if risk_map is None else RiskMap(risk_map)
    scorer = LabelScorer(load_model(model, device=device, weights=weights, risk_map=rules))
    gc.freeze()  # what was loaded stays; to look through it again and again makes reading a tenth slower
    atexit.register(gc.unfreeze)  # or the libraries report it as leaked
    return scorer


class Scored(NamedTuple):
    """What scoring some files came to."""

    tally: Tally
    model: LoadedModel
    alerts: AlertCounts


class Run(NamedTuple):
    """A run that has begun: its model, its line in the ledger, and what replaces ids (None: they stay)."""

    scorer: Scorer
    run_id: str
    pseudonyms: Pseudonyms | None


@contextmanager
def scoring_run(db: Path, job: str, load: Callable[[], Scorer], key_file: Path | None) -> Iterator[Run]:
    """A run that is alone on this database for the length of a block.

    Nothing is begun before database, key and model are known to be readable; the model, which takes longest, is last.

    Args:
        db: the database; made where there is none.
        job: its name in the ledger.
        load: opens the model.
        key_file: the key of the pseudonyms, made where there is none; None: ids stay as they come.

    Raises:
        StoreError, ConfigError, ModelError: the one that is not readable, or is not the database's key.
    """
    with stoppable(), only_writer(db):
        pseudonyms = _agreed(db, key_file)
        try:
            scorer = load()
        except MonitorError:
            if db.exists():
                with ledger(db, job, None):  # keeps that the run failed, and why
                    raise
            raise
        checkpoint()
        with writing(db) as con:
            store.agree_on_pseudonyms(con, pseudonyms.fingerprint if pseudonyms else PLAIN)
        remember_model(db, scorer.model)
        with ledger(db, job, scorer.model.model_id) as run_id:
            yield Run(scorer, run_id, pseudonyms)


def _agreed(db: Path, key_file: Path | None) -> Pseudonyms | None:
    """The pseudonyms of a run, if it has any, in agreement with the database, which is looked at and not changed."""
    kept = None
    if db.exists():
        with writing(db) as con:  # brings the schema up to date
            kept = store.begun_with(con)
    store.check_pseudonyms(kept, PLAIN if key_file is None else None)
    if key_file is None:
        return None
    pseudonyms = open_pseudonyms(key_file, create=kept is None)
    store.check_pseudonyms(kept, pseudonyms.fingerprint)
    return pseudonyms


def remember_model(db: Path, model: LoadedModel) -> None:
    """Put what stands behind the model_id into `models`."""
    with writing(db) as con:
        store.add_model(
            con,
            model.model_id,
            name=model.name,
            base=model.base,
            adapter=model.adapter,
            quantisation=model.quantisation,
            prompt=model.prompt.to_json(),
            temperature=model.temperature,
            exponent=model.exponent,
            risk_map=model.risk_map.rules,
        )
        if model.evaluation is not None:
            store.add_evaluations(con, model.model_id, model.evaluation)


def score_files(
    inputs: Sequence[str | Path],
    db: Path,
    load: Callable[[], Scorer],
    chunk_rows: int = CHUNK_ROWS,
    key_file: Path | None = None,
    rules: AlertRules | None = None,
) -> Scored:
    """Ingest the inputs, score, alert; nothing is begun before inputs, database and model are known to be readable.

    Args:
        inputs: files, folders and patterns.
        db: the database; made where there is none.
        load: opens the model.
        chunk_rows: texts scored between two commits.
        key_file: the key of the pseudonyms; None: ids stay as they come.
        rules: of the alerts; None: the defaults.

    Raises:
        DataError, StoreError, ModelError: the one that is not readable.
    """
    files = find_inputs(inputs)
    for path in files:
        check(path)
    tally = Tally()
    with scoring_run(db, "score", load, key_file) as (scorer, run_id, pseudonyms):
        ingest(db, files, run_id, tally, pseudonyms=pseudonyms)
        score_pending(db, scorer, run_id, tally, chunk_rows)
        alerts = refresh(db, scorer.model.model_id, rules or AlertRules(), run_id)
    return Scored(tally, scorer.model, alerts)


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Files, folders or quoted patterns: CSV, JSONL (.gz), Parquet."),
    ],
    db: Annotated[Path, typer.Option(help="The database file; made where there is none.")],
    model: Annotated[str, typer.Option(help='"embedded", a model folder, or a hub id.')] = "embedded",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    plain_ids: Annotated[
        bool, typer.Option("--plain-ids", help="Keep the ids as they are: the feed holds no real ones.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="RISK_MONITOR_KEY_FILE",
            help="Key of the pseudonyms (default: FILE.key beside the database).",
        ),
    ] = None,
) -> None:
    """Read texts into the database, score the new ones, and bring the alerts up to date.

    Each input row needs subject_id, posted_at (ISO 8601 or epoch; without a zone it is UTC) and text; doc_id and
    source are optional. Rows that cannot be used are kept in the table rejects with the reason. Running it
    again appends nothing; after a crash it completes the rest. Input without a single row that can be used is
    an error.

    Ids of subjects and documents are replaced by keyed hashes, with the key in RISK_MONITOR_KEY or beside the
    database; without that key nobody can make or undo them, so keep it.
    """
    settings = load_settings()
    if key_file is None and settings.db.resolve() == db.resolve():
        key_file = settings.key_file
    key = None if plain_ids else key_file or key_file_of(db)
    rules = settings.alert_rules
    done = score_files(inputs, db, lambda: open_scorer(model, device), key_file=key, rules=rules)
    print_summary(done.tally, db, done.model, alerts=done.alerts)
    tally = done.tally
    if tally.n_read == tally.n_rejected:
        raise DataError("no row of the input could be used" if tally.n_read else "the input holds no rows")


if __name__ == "__main__":
    run(command)

"""Runs: open the model, agree on the database's key, and write a line in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from jobs.console.interrupts import Stopped, ending_at_once, sleep, stoppable
from jobs.console.progress import print_note, print_warning
from jobs.pipeline.background import GRACE_S
from jobs.pipeline.score_new import Scorer
from monitor.database import ledger, store
from monitor.database.connection import WRITE_WAIT_S, Database
from monitor.database.lake_views import refuse_lake
from monitor.errors import BusyError, MonitorError
from monitor.intake.recorded_rules import check_id_rules, record_id_rules
from monitor.intake.row_rules import IdRules
from monitor.labels import RiskMap
from monitor.privacy import agreement
from monitor.privacy.codes import give_codes_to_all
from monitor.privacy.pseudonyms import PLAIN, Pseudonyms

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel


def open_scorer(
    model: str,
    device: str = "auto",
    risk_map: Mapping[str, str] | None = None,
    weights: str = "auto",
    criteria_limits: Mapping[str, float] | None = None,
    max_pieces: int | None = None,
) -> Scorer:
    """Load a model; this imports torch.

    Args:
        model: "embedded", a model folder, or a hub id.
        device: "auto", "cpu" or "cuda".
        risk_map: the risk level of each emotion; None: the model's own.
        weights: "auto", "dense", "nf4" or "fp8"; `monitor.scoring.loading.load_model` explains them.
        criteria_limits: probabilities above which criteria count as shown, in place of the model's own.
        max_pieces: largest number of pieces of a text to score; None: the default.

    Raises:
        ModelError: no such model, or its parts do not fit.
    """
    print_note(f"loading model {model}")
    from monitor.model.files import damage_named
    from monitor.scoring.loading import load_model
    from monitor.scoring.pieces import MAX_PIECES
    from monitor.scoring.scorer import LabelScorer

    rules = None if risk_map is None else RiskMap(risk_map)
    loaded = load_model(model, device=device, weights=weights, risk_map=rules, criteria_limits=criteria_limits)
    with damage_named(Path(model)):
        return LabelScorer(loaded, max_pieces=max_pieces or MAX_PIECES)


class OpenRun(NamedTuple):
    """A run that has started: its model, the id of its line in the ledger, and its pseudonyms (None: ids are not
    replaced).
    """

    scorer: Scorer
    run_id: str
    pseudonyms: Pseudonyms | None


@contextmanager
def scoring_run(
    db: Database, job: str, load: Callable[[], Scorer], key_file: Path | None, ids: IdRules | None = None
) -> Iterator[OpenRun]:
    """Start a run that is the only writer of this database for the length of a block.

    Key, rules of ids, database and model are checked before anything is written; the model loads last because it
    takes longest.

    Args:
        db: the database; created if it does not exist.
        job: its name in the ledger. The job "nightly" waits for the end of another run.
        load: opens the model.
        key_file: the key of the pseudonyms, created for a new database; None: ids stay as they are.
        ids: the rules for ids of subjects; None: neither settings nor options give any, so the defaults are used, and
            are not recorded for a database that has subjects but no recorded rules.

    Raises:
        BusyError: another run is working on the database.
        StoreError, ConfigError, ModelError: one of them cannot be read, or the database has another key or other
            rules.
    """
    rules = ids or IdRules()
    wait_s = WRITE_WAIT_S if job == "nightly" else 0  # `watch` tries again by itself
    with stoppable(), only_writer_after_others(db, wait_s):
        recorded, has_texts = None, False
        if db.exists():
            with db.writing() as con:  # brings the schema up to date
                refuse_lake(con, db.path, "ingest INPUT")
                check_id_rules(con, rules, db)
                recorded = agreement.recorded_key(con)
                has_texts = bool(con.execute("SELECT 1 FROM documents LIMIT 1").fetchall())
        pseudonyms = agreement.pseudonyms_for_run(recorded, key_file, has_texts=has_texts)
        try:
            with ending_at_once():
                scorer = load()
        except MonitorError:
            if db.exists():
                with recorded_run(db, job, None):  # records the failure and its reason
                    raise
            raise
        with db.writing() as con:
            agreement.require_same_key(con, pseudonyms.fingerprint if pseudonyms else PLAIN)
            has_rules = record_id_rules(con, rules, is_given=ids is not None, is_night=job in ("nightly", "watch"))
            give_codes_to_all(con)
            add_model(con, scorer.model)
            run_id = ledger.start_run(con, job, scorer.model.model_id)
        if not has_rules:
            print_warning(
                f"{db}: the rules by which its ids were read are not recorded; name those of its earlier runs once, "
                "with --casefold, --strip, or [ids] in the settings (casefold = false if they had none)"
            )
        with _line_closed_at_end(db, run_id):
            yield OpenRun(scorer, run_id, pseudonyms)


@contextmanager
def only_writer_after_others(db: Database, wait_s: float) -> Iterator[None]:
    """As `Database.only_writer`, after the end of another run; a line says that this run waits for it.

    Raises:
        BusyError: the other run has not ended in `wait_s` seconds.
    """
    deadline, is_told = time.monotonic() + wait_s, False
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(db.only_writer())
                break
            except BusyError:
                if time.monotonic() >= deadline:
                    raise
            if not is_told:
                print_note(f"another run is working on the database; waiting for it, {wait_s:g} s at most")
                is_told = True
            sleep(1)
        yield


def record_model(db: Database, model: LoadedModel) -> None:
    """Record a model and its evaluation in `models` and `evaluations`."""
    with db.writing() as con:
        add_model(con, model)


def add_model(con: duckdb.DuckDBPyConnection, model: LoadedModel) -> None:
    """Add a model and its evaluation to `models` and `evaluations`, unless they have them."""
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
        sureness=model.sureness,
        risk_map=model.risk_map.rules,
    )
    if model.evaluation is not None:
        store.add_evaluations(con, model.model_id, model.evaluation)


@contextmanager
def recorded_run(db: Database, job: str, model_id: str | None) -> Iterator[str]:
    """Write a line in `runs` for the length of a block: done at its end, failed after an error, stopped on request.

    The line gives the error's class. It gives the message only of a MonitorError, because any other message could
    quote somebody's text. The caller holds `database.only_writer`.
    """
    with db.writing() as con:
        run_id = ledger.start_run(con, job, model_id)
    with _line_closed_at_end(db, run_id):
        yield run_id


@contextmanager
def _line_closed_at_end(db: Database, run_id: str) -> Iterator[None]:
    try:
        yield
    except (Stopped, KeyboardInterrupt) as stop:
        # If this line cannot be written, the next run closes it.
        wait_s = GRACE_S if isinstance(stop, KeyboardInterrupt) else WRITE_WAIT_S
        with suppress(MonitorError), db.writing(wait_s=wait_s) as con:
            ledger.finish_run(con, run_id, "stopped", "stopped on request; the next run completes its rows")
        raise
    except BaseException as error:
        message = f"{type(error).__name__}: {error}" if isinstance(error, MonitorError) else type(error).__name__
        with suppress(MonitorError), db.writing() as con:  # the first error is the one to report
            ledger.finish_run(con, run_id, "failed", message)
        raise
    with db.writing() as con:
        ledger.finish_run(con, run_id)

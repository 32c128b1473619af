"""TODO"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.console.interrupts import raise_if_stopped, stoppable
from jobs.console.progress import print_note
from jobs.pipeline.score_new import Scorer
from monitor.database import ledger, store
from monitor.database.connection import Database
from monitor.errors import MonitorError
from monitor.labels import RiskMap
from monitor.privacy import agreement
from monitor.privacy.agreement import pseudonyms_for_run
from monitor.privacy.pseudonyms import PLAIN, Pseudonyms

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel
from contextlib import suppress

from jobs.console.interrupts import Stopped
from jobs.pipeline.background import GRACE_S
from monitor.database.connection import WRITE_WAIT_S
from monitor.errors import StoreError


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
    print_note(f"loading model {model}")
    from monitor.scoring.loading import load_model
    from monitor.scoring.scorer import LabelScorer

    rules = None if risk_map is None else RiskMap(risk_map)
    scorer = LabelScorer(load_model(model, device=device, weights=weights, risk_map=rules))
    gc.freeze()  # what was loaded stays; to look through it again and again makes reading a tenth slower
    atexit.register(gc.unfreeze)  # or the libraries report it as leaked
    return scorer


class Run(NamedTuple):
    """A run that has begun: its model, its line in the ledger, and what replaces ids (None: they stay)."""

    scorer: Scorer
    run_id: str
    pseudonyms: Pseudonyms | None


@contextmanager
def scoring_run(db: Database, job: str, load: Callable[[], Scorer], key_file: Path | None) -> Iterator[Run]:
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
    with stoppable(), db.only_writer():
        pseudonyms = pseudonyms_for_run(db, key_file)
        try:
            scorer = load()
        except MonitorError:
            if db.exists():
                with recorded_run(db, job, None):  # keeps that the run failed, and why
                    raise
            raise
        raise_if_stopped()
        with db.writing() as con:
            agreement.require_same_key(con, pseudonyms.fingerprint if pseudonyms else PLAIN)
        record_model(db, scorer.model)
        with recorded_run(db, job, scorer.model.model_id) as run_id:
            yield Run(scorer, run_id, pseudonyms)


def record_model(db: Database, model: LoadedModel) -> None:
    """Put what stands behind the model_id into `models`."""
    with db.writing() as con:
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


@contextmanager
def recorded_run(db: Database, job: str, model_id: str | None) -> Iterator[str]:
    """A line in `runs` for the length of a block: done at its end, failed if it raises, stopped if it was asked to.

    The line names the error's kind, and its message only where that is the user's to mend: any other message
    could hold somebody's text. The caller holds `database.only_writer`.
    """
    with db.writing() as con:
        run_id = ledger.start_run(con, job, model_id)
    try:
        yield run_id
    except (Stopped, KeyboardInterrupt) as stop:
        # The next run closes a line that is left open.
        wait_s = GRACE_S if isinstance(stop, KeyboardInterrupt) else WRITE_WAIT_S
        with suppress(StoreError), db.writing(wait_s=wait_s) as con:
            ledger.finish_run(
                con, run_id, "stopped", "stopped as it was asked; the next run completes its rows"
            )
        raise
    except BaseException as error:
        message = (
            f"{type(error).__name__}: {error}" if isinstance(error, MonitorError) else type(error).__name__
        )
        with suppress(StoreError), db.writing() as con:  # the first error is the one to report
            ledger.finish_run(con, run_id, "failed", message)
        raise
    with db.writing() as con:
        ledger.finish_run(con, run_id)

"""Recalibrate the signal from your own labels; the model's calibration stays as it is.

risk-monitor calibrate labels.csv --db risk.duckdb

The file is a CSV with doc_id (or text) and label (yes or no). Texts are scored by the model that scored last. The
view calibrated_scores applies every calibration of that model; its scores stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl
import typer
from rich.console import Console

from jobs.console.app import run
from jobs.console.progress import print_warning
from jobs.console.shared_options import DatabaseOption
from jobs.pipeline.people import cleaned_ids, lacking_key, named_database, settings_for
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_new import Scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.update import latest_model
from monitor.database.connection import Database
from monitor.database.statements import execute, query, utc_now
from monitor.errors import ConfigError, DataError
from monitor.evaluation.platt import Recalibrated, recalibrate
from monitor.privacy.agreement import open_key, recorded_key
from monitor.small_tables import ROW, read_small_table

WHAT = "a CSV with doc_id (or text) and label"
ANSWERS = {"yes": True, "no": False, "1": True, "0": False, "true": True, "false": False}


def read_labels(path: Path) -> tuple[pl.DataFrame, str]:
    """Columns number (the row), key and yes of a file of labels, and whether key is a "doc_id" or a "text".

    A key that comes again with the same label counts once. Ids are compared as reading cleans them (7.0 is 7).

    Raises:
        DataError: the file cannot be read, lacks a column, or a row has no key, another label than yes or no, or
            another label than an earlier row with the same key.
    """
    table = read_small_table(path, ("doc_id", "text", "label"), WHAT)
    column = next((name for name in ("doc_id", "text") if name in table.columns), None)
    if column is None or "label" not in table.columns:
        raise DataError(f"{path}: give the columns doc_id (or text) and label")
    cleaned = cleaned_ids(table[column].drop_nulls().to_list()) if column == "doc_id" else {}
    rows: dict[str, tuple[int, str, bool]] = {}
    for number, key, label in table.select(ROW, column, "label").iter_rows():
        answer = ANSWERS.get((label or "").strip().lower())
        if not key or answer is None:
            fault = f"column {column} is empty" if not key else "column label is neither yes nor no"
            raise DataError(f"{path}, row {number}: {fault}; give a {column} and the label yes or no")
        first, _, its_answer = rows.setdefault(cleaned.get(key, key), (number, key, answer))
        if its_answer != answer:
            raise DataError(f"{path}, row {number}: row {first} has another label for the same {column}; keep one")
    schema = {"number": pl.Int64, "key": pl.String, "yes": pl.Boolean}
    return pl.DataFrame(list(rows.values()), schema=schema, orient="row"), column


def calibrate(
    path: Path, db: Database, key_file: Path, signal: str, load: Callable[[], Scorer]
) -> tuple[str, Recalibrated, int, int]:
    """Fit and store a calibration; returns its id, the calibration, and the numbers of used labels and of yes.

    Raises:
        DataError: the labels cannot be used. StoreError: the database cannot be read or written.
    """
    labels, column = read_labels(path)
    no_key = ""
    model = latest_model(db)
    if model is None:
        raise DataError(f"{db}: nothing is scored in this database; `risk-monitor score INPUT --db FILE` does that")
    if column == "text":
        values = labels.with_columns(
            signal=pl.Series(_score(labels["key"].to_list(), model["model_id"], signal, load))
        )
    else:
        signals, no_key = _look_up(db, labels, key_file, model["model_id"], signal)
        values = labels.join(signals, on="number")
    try:
        fitted = recalibrate(values["signal"].to_numpy(), values["yes"].to_numpy())
    except DataError as error:
        lost = labels.height - values.height
        raise DataError(
            f"{path}: {error}"
            + (f"; {lost} of the ids have no score in {db}, or several subjects have them{no_key}" if lost else "")
        ) from error
    _warn_of_lost(path, db, labels.height, values.height, no_key)
    content = [model["model_id"], signal, *values.sort("key").select(pl.format("{}={}", "key", "yes")).to_series()]
    calibration_id = hashlib.sha256("\0".join(content).encode()).hexdigest()[:16]
    n, n_yes = values.height, int(values["yes"].sum())
    with db.only_writer(), db.writing() as con:
        execute(
            con,
            "queries/add_calibration",
            calibration_id=calibration_id,
            model_id=model["model_id"],
            signal=signal,
            **fitted.platt._asdict(),
            n=n,
            n_yes=n_yes,
            ece_before=fitted.ece_before,
            ece_after=fitted.ece_after,
            now=utc_now(),
        )
    return calibration_id, fitted, n, n_yes


def _look_up(
    db: Database, labels: pl.DataFrame, key_file: Path, model_id: str, signal: str
) -> tuple[pl.DataFrame, str]:
    """Number and signal of the documents with these ids, or with the pseudonyms of these ids; and the end of a
    message if the key is missing.
    """
    with db.reading() as con:
        recorded = recorded_key(con)
        pseudonyms = open_key(recorded, key_file)
        given = labels.select("number", doc_id="key")
        cleaned = cleaned_ids(labels["key"].to_list())
        ids = pl.concat([given, given.with_columns(pl.col("doc_id").replace(cleaned))]).unique(maintain_order=True)
        if pseudonyms:
            hashed = pseudonyms.of_documents(ids["doc_id"].to_list())
            ids = pl.concat([ids, ids.with_columns(doc_id=pl.Series(hashed, dtype=pl.String))])
        con.register("labels", ids)
        signals = query(con, "queries/labelled_signals", model_id=model_id, signal=signal)
    return signals, lacking_key(recorded, pseudonyms, key_file)


def _warn_of_lost(path: Path, db: Database, n_given: int, n_used: int, no_key: str) -> None:
    """Say how many labels the calibration does not rest on."""
    if n_used < n_given:
        print_warning(
            f"{path}: {n_given - n_used:,} of {n_given:,} labels are not used: their ids have no score in {db}, or "
            f"several subjects have them{no_key}"
        )


def _score(texts: list[str], model_id: str, signal: str, load: Callable[[], Scorer]) -> npt.NDArray[np.float64]:
    scorer = load()
    if scorer.model.model_id != model_id:
        raise DataError(
            f"{scorer.model.name} with these settings is the model {scorer.model.model_id[:12]}, not the one that "
            f"scored last ({model_id[:12]}); name its settings with --config (model, risk_map), or label by doc_id"
        )
    scores = scorer.score(texts)
    high = np.asarray(scores.probabilities @ scorer.model.risk_map.matrix()[:, -1], dtype=np.float64)
    shown = high if scores.any is None else np.asarray(scores.any, dtype=np.float64)
    return {"p_high": high, "p_any": shown}.get(signal, np.maximum(high, shown))


def command(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="CSV with doc_id (or text) and label (yes, no).")],
    db: DatabaseOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help='Model for texts: "embedded", a folder, or a hub id (default: of the settings, else embedded).'
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings in TOML, with database, key, model and signal (default: risk-monitor.toml)."),
    ] = None,
) -> None:
    """Calibrate the signal of the rules anew from your own labels, 30 or more.

    The calibration is kept under its own id beside the scores, which stay as they are; the view calibrated_scores
    applies it. The calibration error afterwards is measured on labels that were left out of the fit.
    """
    database, key_file = named_database(db, config)
    if model is not None and read_labels(labels)[1] == "doc_id":
        raise ConfigError(f"--model {model}: labels by doc_id use the scores of the database; leave it out")
    settings = settings_for(db, config)
    signal = settings.alert_rules.signal
    name, fitted, n, n_yes = calibrate(
        labels, database, key_file, signal, lambda: open_scorer(**settings.model_with(model=model))
    )
    console = Console()
    console.print(
        f"calibration {name} of {signal}: slope {fitted.platt.slope:.2f}, intercept {fitted.platt.intercept:.2f}"
    )
    console.print(
        f"calibration error (ECE) {fitted.ece_before:.3f} before, {fitted.ece_after:.3f} after (10-fold), on "
        f"{n:,} labels, {n_yes:,} of them yes"
    )
    if fitted.ece_after >= fitted.ece_before:
        console.print("It is no better than without; the model's own calibration may be kept.")
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    run(command)

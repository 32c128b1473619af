"""Compare the scores with clinical outcomes: PHQ-9, BDI, or a clinician's rating.

risk-monitor validate phq9.csv --db risk.duckdb --positive "phq9>=10" --window 14

The file is a CSV with subject_id, date, name and value. Every row is checked before anything is computed, and rows
that are left out are counted. The command writes index.html and validation.json.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.app import run
from jobs.console.output_folder import claim_files
from jobs.console.progress import print_warning, without_control_characters
from jobs.console.shared_options import DatabaseOption
from jobs.pipeline.people import known_ids, lacking_key, named_database, settings_for
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import AlertRules
from monitor.alerts.update import latest_model
from monitor.database.connection import Database, private_files
from monitor.database.statements import query
from monitor.errors import ConfigError, DataError
from monitor.evaluation.metrics import Metric
from monitor.evaluation.outcome_measures import measure_outcomes
from monitor.evaluation.outcomes import Criterion, Outcomes, read_outcomes
from monitor.intake.recorded_rules import recorded_id_rules
from monitor.intake.row_rules import IdRules
from monitor.privacy.agreement import open_key, recorded_key
from reports.evaluation import outcomes as outcomes_page
from reports.style.rendering import put

FILES = ("validation.json", "index.html")
Json = dict[str, Any]


def validate(
    file: Path,
    db: Database,
    key_file: Path,
    positive: str | None,
    window: int,
    rules: AlertRules,
    ids: IdRules | None = None,
) -> Json:
    """Measure the agreement of each outcome with the signal before it; returns the contents of validation.json.

    Raises:
        DataError: the file cannot be used, or no outcome has texts before it. StoreError: the database cannot be
        read.
    """
    with db.reading() as con:
        recorded, id_rules = recorded_key(con), recorded_id_rules(con) or ids
        known = {subject for (subject,) in con.execute("SELECT DISTINCT subject_id FROM scores").fetchall()}
    pseudonyms = open_key(recorded, key_file)
    find = partial(known_ids, known=known, pseudonyms=pseudonyms, rules=id_rules)
    outcomes, criterion = read_outcomes(file, positive, find)
    model = latest_model(db)
    if model is None:
        raise DataError(f"{db}: nothing is scored in this database; `risk-monitor score INPUT --db FILE` does that")
    joined = _with_scores(outcomes.frame, db, model["model_id"], rules.signal, window)
    no_key = lacking_key(recorded, pseudonyms, key_file)
    used, counts = _usable(joined, rules.min_texts)
    no_key = no_key if counts["n_unknown"] else ""
    if used.is_empty():
        raise DataError(
            f"{file}: no outcome has {rules.min_texts} texts in the {window} days to it ({_in_words(counts)}){no_key}"
        )
    if no_key:
        print_warning(f"{file}: {counts['n_unknown']:,} outcomes of subjects without a score{no_key}")
    return {
        "model_id": model["model_id"],
        "criterion": str(criterion),
        "signal": rules.signal,
        "threshold": rules.threshold,
        "window_days": window,
        "min_texts": rules.min_texts,
        "counts": _file_counts(outcomes) | counts,
        "rejects": [{"row": row, "reason": reason} for row, reason in outcomes.rejects],
        "everyone": _measured(used, criterion, rules.threshold),
        "cohorts": {
            cohort: _measured(used.filter(pl.col("cohort") == cohort), criterion, rules.threshold)
            for cohort in (sorted(used["cohort"].unique()) if used["cohort"].n_unique() > 1 else ())
        },
        "note": NOT_A_DIAGNOSIS,
    }


def _with_scores(outcomes: pl.DataFrame, db: Database, model_id: str, signal: str, window: int) -> pl.DataFrame:
    """The outcomes with the mean signal before them."""
    with db.reading() as con:
        con.register("outcomes", outcomes.select("number", "subject_id", "day"))
        scores = query(con, "queries/outcome_scores", model_id=model_id, signal=signal, window_days=window)
    return outcomes.join(scores, on="number", maintain_order="left")


def _usable(joined: pl.DataFrame, min_texts: int) -> tuple[pl.DataFrame, dict[str, int]]:
    """The outcomes with enough texts before them, and the number of other outcomes by reason."""
    unknown = joined["first_day"].is_null()
    before = (joined["day"] < joined["first_day"]).fill_null(False)
    few = ~unknown & ~before & (joined["n_texts"] < min_texts)
    counts = {"n_unknown": int(unknown.sum()), "n_before": int(before.sum()), "n_few_texts": int(few.sum())}
    return joined.filter(~unknown & ~before & ~few), counts


def _in_words(counts: dict[str, int]) -> str:
    return "; ".join(f"{n:,} {outcomes_page.LEFT_OUT[name]}" for name, n in counts.items() if n)


def _file_counts(outcomes: Outcomes) -> dict[str, int]:
    return {
        "n_rows": outcomes.n_rows,
        "n_rejected": len(outcomes.rejects),
        "n_other": outcomes.n_other,
        "n_repeated": outcomes.n_repeated,
        "n_averaged": outcomes.n_averaged,
    }


def _measured(frame: pl.DataFrame, criterion: Criterion, line: float) -> Json:
    positive = np.array([criterion.holds(value) for value in frame["value"]], dtype=np.bool_)
    subjects = frame["subject_id"].rank("dense").to_numpy().astype(np.int64)
    measures = measure_outcomes(subjects, frame["signal"].to_numpy(), frame["value"].to_numpy(), positive, line)
    return {key: item.to_json() if isinstance(item, Metric) else item for key, item in measures.items()}


def _print(result: Json, out: Path) -> None:
    console = Console()
    for table in outcomes_page.tables(result):
        drawn = Table(title=table.title, title_justify="left", box=None)
        for name in table.columns:
            drawn.add_column(Text(without_control_characters(name)))
        for row in table.rows:
            drawn.add_row(*map(Text, row))
        console.print(drawn)
    console.print(Text(f"{NOT_A_DIAGNOSIS}\n{out / 'index.html'}"), soft_wrap=True)


def command(
    file: Annotated[Path, typer.Argument(metavar="OUTCOMES", help="CSV with subject_id, date, name and value.")],
    db: DatabaseOption = None,
    positive: Annotated[
        str | None, typer.Option(help='What counts as positive, such as "phq9>=10" (default: the usual one).')
    ] = None,
    window: Annotated[int, typer.Option(help="Days of texts, to the day of the outcome, that are compared.")] = 14,
    out: Annotated[Path, typer.Option(help="Folder for index.html and validation.json.")] = Path("out/validation"),
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in TOML, with database, key and line (default: risk-monitor.toml here, if it is of --db)."
        ),
    ] = None,
) -> None:
    """Compare the scores with clinical outcomes: AUROC, sensitivity and specificity at the alert line, correlations.

    The line is `threshold` of the settings, on the mean signal of the window. Intervals count subjects. With fewer
    than 30 subjects everything is undefined.
    """
    if not 1 <= window <= 366:
        raise ConfigError(f"--window {window}: give 1 to 366 days")
    database, key_file = named_database(db, config)
    database.check()  # before the folder of the answer is made
    files = claim_files(out, "validation", FILES, ("criterion", "window_days"))
    settings = settings_for(db, config)
    result = validate(file, database, key_file, positive, window, settings.alert_rules, ids=settings.ids)
    files.claim(*(out / name for name in FILES))
    with private_files():
        put(out / "validation.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        put(out / "index.html", outcomes_page.page(result))
    _print(result, out)


if __name__ == "__main__":
    run(command)

"""What a report needs, asked of the database: which model, which day, and the frames of the window queries."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import duckdb
import polars as pl

from monitor import windows
from monitor.database import utc_now
from monitor.errors import ConfigError
from monitor.labels import RiskMap
from reports.inputs import Inputs, Model, Notice, Options
from reports.wording import count, day

LAST_DAY = dt.date(9999, 12, 30)
Row = dict[str, Any]


def collect(
    con: duckdb.DuckDBPyConnection, as_of: dt.date | None, model: str | None, options: Options
) -> Inputs | Notice:
    """The inputs of a report, or the reason why there is nothing to report.

    Args:
        con: the database.
        as_of: last day of the report; default: the last day, up to today, with a scored text of the model.
        model: model_id, the start of one, or a name; default: the model that scored last.
        options: what the reader set.

    Raises:
        ConfigError: no such model, or several that fit.
    """
    rows = windows.run(con, "model_coverage", until=as_of or utc_now().date()).to_dicts()
    chosen = _choose(rows, model)
    if chosen is None or not chosen["n"]:
        return _nothing(con, chosen, as_of)
    until = as_of or chosen["last_posted"].date()
    known = Model(
        model_id=chosen["model_id"],
        name=chosen["name"],
        base=chosen["base"],
        quantisation=chosen["quantisation"],
        rules=RiskMap(json.loads(chosen["risk_map"])).rules,
        others=tuple(
            f"{row['name']} ({row['model_id'][:12]})" for row in rows if row is not chosen and row["n"]
        ),
    )

    def ask(name: str, **params: object) -> pl.DataFrame:
        return windows.run(con, name, model_id=known.model_id, as_of=until, **params)

    return Inputs(
        as_of=until,
        model=known,
        options=options,
        headline=ask("headline", threshold=options.threshold, min_texts=options.min_texts),
        data_quality=ask("data_quality"),
        daily=ask("daily_overall"),
        week=ask("rolling_overall", window_days=7),
        month=ask("rolling_overall", window_days=28),
        emotion_mix=ask("emotion_mix", days=options.days),
        subject_week=ask("heat_subject_week", days=options.days, top=options.top),
        weekday_hour=ask("heat_weekday_hour", days=options.days),
    )


def _choose(rows: list[Row], model: str | None) -> Row | None:
    """The row of the asked model, or of the one that scored last; None where there is no model at all."""
    if model is None:
        return rows[0] if rows else None
    found = [row for row in rows if model in (row["model_id"], row["name"])]
    found = found or [row for row in rows if row["model_id"].startswith(model)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{row['model_id']} ({row['name']})" for row in rows) or "none"
    if not found:
        raise ConfigError(f"--model {model}: this database has no such model; it has {known}")
    raise ConfigError(f"--model {model}: several models fit; give one model_id of {known}")


def _nothing(con: duckdb.DuckDBPyConnection, chosen: Row | None, as_of: dt.date | None) -> Notice:
    if chosen is not None:
        ever = next(
            row
            for row in windows.run(con, "model_coverage", until=LAST_DAY).to_dicts()
            if row["model_id"] == chosen["model_id"]
        )
        if ever["n"]:
            return Notice(
                "Nothing up to this day",
                f"Model {chosen['name']} (model_id {chosen['model_id']}) has scored "
                f"{count(ever['n'], 'text')}, but none posted up to {day(as_of or utc_now().date())}.",
                f"The first was posted on {day(ever['first_posted'].date())}, the last on "
                f"{day(ever['last_posted'].date())}; ask for a later --as-of.",
            )
    quality = windows.run(con, "data_quality", model_id="", as_of=LAST_DAY).row(0, named=True)
    rejected = (
        f" {count(quality['n_rejected'], 'row')} were rejected at intake." if quality["n_rejected"] else ""
    )
    if quality["n_documents"]:
        return Notice(
            "Nothing scored yet",
            f"{count(quality['n_documents'], 'text')} on record, none of them scored.{rejected}",
            "Run risk-monitor score on the same database; it scores what is missing.",
        )
    return Notice(
        "No texts yet",
        f"This database holds no texts.{rejected}",
        "Read and score some with: risk-monitor score INPUT --db FILE",
    )

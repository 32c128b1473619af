"""Read the data for the cards of a report: all people in order, and details about those who need attention."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import duckdb
import polars as pl

from jobs.console.progress import print_warning
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import count_days
from monitor.database.statements import query
from reports.risk.cards import TEXT_DAYS, TOP
from reports.risk.curve import WEEKS
from reports.risk.inputs import STRIP_DAYS, Inputs, Options
from reports.risk.people import CLOSED_DAYS, people
from reports.risk.suppression import tells_few

LAST_DAY = dt.date(9999, 12, 30)  # a report of a past day shows today's knowledge of its alerts


def with_people(con: duckdb.DuckDBPyConnection, inputs: Inputs) -> Inputs:
    """The same inputs with the frames about single people, the case log and the database's file."""
    options, model_id, as_of = inputs.options, inputs.model.model_id, inputs.as_of
    ((path,),) = con.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    inputs = replace(
        inputs,
        db=path or ":memory:",
        people=query(
            con,
            "people/now",
            model_id=model_id,
            as_of=as_of,
            suicidal_limit=options.rules.suicidal_limit,
            **options.line,
        ),
        case_events=query(con, "alerts/case_events", model_id=model_id, as_of=LAST_DAY),
        outcomes=query(con, "alerts/rule_outcomes", model_id=model_id, as_of=as_of),
        measures=query(con, "people/measures", as_of=as_of, days=options.days if options.subject_pages else 0),
        could_fire=count_days(con, model_id, as_of, options.rules.model_copy(update=options.line)),
    )
    listed = [person.subject_id for person in people(inputs)]
    quoted = listed if options.evidence else []
    texts = texts_on_cards(con, model_id, as_of, options.rules, quoted)
    doc_ids = pl.concat([texts["doc_id"], inputs.evidence["doc_id"]]).unique().to_list()
    wording = query(con, "queries/crisis_passages", as_of=as_of, days=_crisis_days(options.rules) if quoted else 0)
    return replace(
        inputs,
        word_weights=query(con, "queries/word_weights", model_id=model_id, doc_ids=doc_ids),
        person_weeks=query(con, "people/weeks", model_id=model_id, as_of=as_of, weeks=WEEKS, subjects=listed),
        person_days=query(con, "people/days", model_id=model_id, as_of=as_of, days=STRIP_DAYS, subjects=listed),
        texts=texts,
        wording=wording.filter(pl.col("passage") != ""),
    )


def texts_on_cards(
    con: duckdb.DuckDBPyConnection, model_id: str, as_of: dt.date, rules: AlertRules, subjects: Sequence[str]
) -> pl.DataFrame:
    """The texts that the cards of these people quote: columns of sql/people/passages.sql."""
    return query(
        con,
        "people/passages",
        model_id=model_id,
        as_of=as_of,
        days=TEXT_DAYS,
        crisis_days=_crisis_days(rules),
        top=TOP,
        suicidal_limit=rules.suicidal_limit,
        subjects=subjects,
    )


def _crisis_days(rules: AlertRules) -> int:
    """Days back to the texts behind the oldest crisis alert that closed unseen and still has a card."""
    return CLOSED_DAYS + rules.cooldown_days + 1


def keep_cohorts(con: duckdb.DuckDBPyConnection, options: Options, until: dt.date) -> None:
    """Restrict this connection to texts of the options' cohorts, and to alerts of the people who wrote them.

    Temporary views hide the tables of the same names from every later query of the connection. A cohort without
    scored texts is only a warning, because its first texts may come tomorrow. So are too few people with texts of the
    other cohorts: this report and one about everyone together tell about them.

    Args:
        con: the database.
        options: of the report.
        until: its last day, at the latest.
    """
    cohorts = options.cohorts
    known = {cohort for (cohort,) in con.execute("SELECT DISTINCT cohort FROM scores").fetchall()}
    if unknown := sorted(set(cohorts) - known):
        there = ", ".join(sorted(known)) or "none"
        print_warning(f"cohorts: no scored text is of {', '.join(unknown)}; there are {there}")
    left_out = query(con, "queries/people_left_out", cohorts=cohorts, until=until, days=options.days)
    if tells_few(options.min_cohort, left_out["n"][0]):
        print_warning(
            f"cohorts: the other cohorts have fewer than min_cohort = {options.min_cohort} people; the difference of "
            "this report and one about everyone tells about them, so give a reader only one of the two"
        )
    ((database,),) = con.execute("SELECT current_database()").fetchall()
    main = f'"{database.replace(chr(34), chr(34) * 2)}".main'
    con.execute(
        "CREATE TEMP TABLE kept_cohorts AS SELECT unnest(CAST($cohorts AS VARCHAR[])) AS cohort", {"cohorts": cohorts}
    )
    for table, condition in SCOPES.items():
        con.execute(f"CREATE TEMP VIEW {table} AS FROM {main}.{table} AS t WHERE {condition}")


SCOPES = {  # table -> its rows of the kept cohorts; later entries read the views of earlier ones
    "scores": "cohort IN (SELECT cohort FROM kept_cohorts)",
    "daily_cells": "cohort IN (SELECT cohort FROM kept_cohorts)",  # in a lake they are stored
    "documents": "coalesce(source, 'unnamed') IN (SELECT cohort FROM kept_cohorts)",
    "measures": "subject_id IN (SELECT subject_id FROM scores)",
    "alerts": "subject_id IN (SELECT subject_id FROM scores)",
    "mentions": "doc_id IN (SELECT doc_id FROM documents)",
}

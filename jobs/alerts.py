"""List the alerts of a database, bring them up to date, or record what somebody did about one.

risk-monitor alerts --db risk.duckdb --update --fail-on-open
risk-monitor alerts --db risk.duckdb --acknowledge Bako7 --by Ana --outcome contacted --note "talks with us on Friday"

`score` and the nightly run update the alerts themselves; --update does it after a change of settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.app import GATE_FIRED, run
from jobs.console.progress import print_note, print_warning, without_control_characters
from jobs.console.shared_options import DatabaseOption
from jobs.pipeline.limits import warn_of_other_limits
from jobs.pipeline.people import are_from_file, is_crisis_list_named, settings_for
from jobs.pipeline.run import recorded_run
from jobs.pipeline.search_anew import search_anew
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.case_log import OUTCOMES, record_case
from monitor.alerts.rules import AlertRules
from monitor.alerts.update import latest_model, refresh_alerts
from monitor.crisis import CrisisList
from monitor.database.connection import Database
from monitor.database.statements import query, utc_now
from monitor.errors import ConfigError, StoreError
from monitor.privacy.codes import give_missing_codes
from monitor.settings import DEFAULT_FILE
from monitor.windows import window_queries

SHORT_ID = 8
SIGNALS = {"p_high": "P(high risk)", "p_any": "P(any)", "both": "of the greater of P(high risk) and P(any)"}


def update_alerts(
    db: Database, rules: AlertRules, crisis: CrisisList | None = None, *, are_limits_named: bool = True
) -> None:
    """Update the alerts of the model that scored last, as a run of its own, and print the counts.

    Args:
        db: the database.
        rules: of the alerts.
        crisis: the list of crisis wording that the database's settings name; None: texts are not searched anew.
        are_limits_named: whether the settings of this database name `rules`; otherwise a line tells if the last
            update of the alerts had other limits.
    """
    with db.only_writer():
        model = latest_model(db)
        if model is None:
            return
        if not are_limits_named:
            warn_of_other_limits(db, rules)
        with recorded_run(db, "alerts", model["model_id"]) as run_id:
            if crisis is not None:
                search_anew(db, crisis, run_id)
            counts = refresh_alerts(db, model["model_id"], rules, run_id)
    print_note(f"{counts}")


def list_alerts(db: Database, model_id: str, *, closed: bool = False) -> list[dict[str, Any]]:
    """The alerts of a model, newest first: those not closed, or all of them."""
    with db.reading() as con:
        rows = window_queries.run(con, "alerts", model_id=model_id, as_of=utc_now().date()).to_dicts()
        codes = dict(con.execute("SELECT subject_id, code FROM codes").fetchall())
        log = query(con, "alerts/case_events", model_id=model_id, as_of=utc_now().date())
    events = log.partition_by("alert_id", as_dict=True)
    for row in rows:
        own = events.get((row["alert_id"],))
        row |= {"code": codes.get(row["subject_id"], "–"), "events": [] if own is None else own.to_dicts()}
    return [row for row in rows if closed or row["state"] != "closed"]


def describe(alert: dict[str, Any], signal: str = "p_high") -> str:
    """The value and the limit of an alert in a few words; `signal` is the signal that the rules read."""
    value, threshold = alert["value"], alert["threshold"]
    by_passages = alert["rule"] == "sustained" and value < threshold
    texts = f"{value:.0f} text" + ("" if value == 1 else "s")
    return {
        "level": f"mean {SIGNALS[signal]} {value:.2f}, line {threshold:.2f}",
        "change": f"{value:.2f} standard errors above the own past, limit {threshold:.2f}",
        "sustained": f"dark passages on {value:.0f} days in a row"
        if by_passages
        else f"{value:.0f} high days, limit {threshold:.0f}",
        "measures": f"a number {value:.2f} times as far from the own past as its limit",
        "fusion": f"texts and numbers {value:.2f} standard errors above the own past, limit {threshold:.2f}",
        "crisis": f"crisis wording or P(suicidal) above its limit in {texts}",
    }[alert["rule"]]


def done(events: list[dict[str, Any]]) -> str:
    """The events of an alert in the case log, described in a few words."""
    parts = (
        " ".join(filter(None, (str(event["at"].date()), event["by"], (event["outcome"] or "seen").replace("_", " "))))
        for event in events
    )
    return "; ".join(parts) or "nobody has looked"


def print_alerts(rows: list[dict[str, Any]], if_none: str, signal: str = "p_high") -> None:
    """Print alerts as a table on standard output, or the line `if_none` if there are none."""
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("alert", "person", "subject", "rule", "opened", "evidence", "texts", "because", "state", "done"):
        table.add_column(name, overflow="fold")
    for row in rows:
        state = row["state"] + (f" ({row['closed_because']}, {row['closed_on']})" if row["closed_on"] else "")
        cells = (
            row["alert_id"][:SHORT_ID],
            row["code"],
            without_control_characters(row["subject_id"]),
            row["rule"],
            str(row["opened_on"]),
            f"{row['evidence_from']} to {row['evidence_to']}",
            str(row["n"]),
            describe(row, signal),
            state,
            without_control_characters(done(row["events"])),
        )
        table.add_row(*map(Text, cells))
    console.print(table if rows else Text(if_none), soft_wrap=not rows)


def command(
    db: DatabaseOption = None,
    update_first: Annotated[
        bool, typer.Option("--update", help="Bring the alerts up to date with the scores first.")
    ] = False,
    acknowledged: Annotated[
        str | None,
        typer.Option(
            "--acknowledge", metavar="ID", help="Record that somebody has seen this alert, or those of this code."
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(help="With --acknowledge: the name of the person who looked.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help=f"With --acknowledge: what came of it; {', '.join(OUTCOMES)}.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="With --acknowledge: a sentence about it.")] = None,
    closed: Annotated[bool, typer.Option("--all", help="Also list closed alerts.")] = False,
    fail_on_open: Annotated[
        bool, typer.Option("--fail-on-open", help="Exit with 3 when an alert is open (not yet acknowledged).")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings in TOML, with the rules (default: risk-monitor.toml here, if any)."),
    ] = None,
) -> None:
    """List the alerts that are not closed, newest first; bring them up to date; record what was done about one.

    Each alert gives its rule, the days and texts behind it, its value and the limit that it passed, all as of the day
    it opened. The report shows the person's present state.
    """
    if db is None and config is None and not DEFAULT_FILE.exists():
        raise ConfigError("name the database with --db, or the settings with --config")
    settings = settings_for(db, config)
    rules = settings.alert_rules
    database = Database(db or settings.db)
    database.check()  # a mistyped name must not create a database
    if update_first:
        update_alerts(
            database,
            rules,
            crisis=CrisisList.read(settings.crisis_list) if is_crisis_list_named(settings, database.path) else None,
            are_limits_named=are_from_file(settings),
        )
    if acknowledged is not None:
        give_missing_codes(database)
        with database.only_writer(), database.writing() as con:
            recorded = record_case(con, acknowledged, by=by, outcome=outcome, note=note)
        for alert_id in recorded:
            print_note(f"acknowledged {alert_id}" if outcome is None else f"{outcome.replace('_', ' ')}: {alert_id}")
    elif by or outcome or note:
        raise ConfigError("--by, --outcome and --note belong to --acknowledge ID")
    model = latest_model(database)
    rows = list_alerts(database, model["model_id"], closed=closed) if model else []
    outdated = ""
    if model and not model["alerts_current"]:
        outdated = f"{database}: the alert rules have not read every score yet; `alerts --update` runs them"
    nothing = "no alerts" if model else "nothing is scored in this database yet"
    print_alerts(rows, outdated or nothing, rules.signal)
    Console(stderr=True).print(NOT_A_DIAGNOSIS, style="dim", highlight=False, soft_wrap=True)
    if fail_on_open and any(row["state"] == "open" for row in rows):
        raise typer.Exit(GATE_FIRED)
    if outdated and fail_on_open:
        raise StoreError(outdated)
    if outdated and rows:
        print_warning(outdated)


if __name__ == "__main__":
    run(command)

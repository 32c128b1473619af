"""Measure the early-warning rules: replay a feed with known courses, and count detections and false alarms.

risk-monitor evaluate-alerts --out out/alerts                         the built-in feed and its truth
risk-monitor evaluate-alerts --seeds 12 --out out/alerts              twelve other generated feeds
risk-monitor evaluate-alerts --feed feed.csv --truth truth.csv --out out/alerts
risk-monitor evaluate-alerts --db risk.duckdb --out out/alerts        without a truth: alerts are only counted
risk-monitor evaluate-alerts --background people.csv --low low.csv --control other.csv --out out/replay
                                                                      real texts: a pool is mixed into timelines
risk-monitor evaluate-alerts --numbers 800 --seed 2100 --out out/fusion
                                                                      simulated people with a number beside the texts

The command writes alerts.json and the curves over limits as alerts.png and alerts.svg. The default limits were chosen
with --seeds 12. The crisis rule has no limit to choose, and it responds to a single text instead of a course, so its
alerts are only counted.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import duckdb
import polars as pl
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.app import run
from jobs.console.output_folder import claim_files
from jobs.console.progress import print_note, progress, without_control_characters
from jobs.evaluation.alert_options import check_options
from jobs.evaluation.compare_fusion import claim_fusion, run_fusion
from jobs.evaluation.replay_texts import (
    claim_replay,
    note_kept_databases,
    print_replay,
    read_design,
    run_replay,
    scored_database,
)
from jobs.evaluation.trained_texts import training_hashes
from jobs.evaluation.true_courses import check_truth, known_courses
from jobs.pipeline.people import named_key, named_settings
from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_files import score_files
from jobs.pipeline.score_new import Scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.case_log import OUTCOMES
from monitor.alerts.rules import RULES, AlertRules
from monitor.alerts.state import count_days, find_episodes
from monitor.alerts.update import latest_model
from monitor.database.connection import Database
from monitor.database.statements import query
from monitor.demo.feed import ASSETS, demo_feed_path, generate, to_csv
from monitor.errors import DataError
from monitor.evaluation.early_detection import CALM, Course, Feed, measure
from monitor.evaluation.replay import Design
from monitor.intake.row_rules import IdRules
from monitor.output_files import OutputFiles
from monitor.settings import load_settings
from monitor.windows import window_queries
from reports.evaluation import alert_curves
from reports.style.rendering import require_drawing

DESIGN = Design()
DOSES = ",".join(f"{dose:g}" for dose in DESIGN.doses)
YEARLY = ",".join(f"{incidence:g}" for incidence in DESIGN.incidences)
GRIDS: Mapping[str, Sequence[float]] = {
    "level": tuple(step / 100 for step in range(20, 66, 5)),
    "change": tuple(step / 5 for step in range(5, 21)),
    "sustained": tuple(range(1, 11)),
}
FILES = ("alerts.json", "alerts.png", "alerts.svg")
DRAWN = ("feed.csv", "truth.csv")
LEAD_IN = re.compile(r"\b[iI](?:'m|m| am)?(?: just| still| really)? (?:feel|felt|feeling)(?: so| like)?\s+")
LAST_DAY = dt.date(9999, 12, 30)
KNOWN_MEASURES = {
    "median_delay": "all: median days from onset",
    "median_delay_from_half": "all: median days from half depth",
    "alarms_per_year_outside": "false alarms a subject-year outside low periods",
    "alarms_per_calm_year": "  of stable subjects alone",
    **{"erde5": "ERDE5", "erde5_from_onset": "  from onset", "erde50": "ERDE50"},
    **{"erde50_from_onset": "  from onset", "f1": "F1", "latency_f1": "latency-weighted F1"},
    "latency_f1_from_onset": "  from onset",
}
Json = dict[str, Any]


def replay(
    con: duckdb.DuckDBPyConnection,
    model_id: str,
    rules: AlertRules,
    truth: Path | None,
    key_file: Path | None = None,
    ids: IdRules | None = None,
) -> Json:
    """Replay the rules night by night: each rule alone over a range of limits, and all together with their settings.

    Args:
        con: connection to the database; only read.
        model_id: model of the scores.
        rules: settings of the rules.
        truth: file of the courses (`early_detection.read_truth`); None only counts alerts.
        key_file: the key of the pseudonyms, if the database has some.
        ids: the table [ids] of the settings, for a database that has not recorded its own.

    Raises:
        DataError: nothing is scored, or the truth cannot be used. StoreError, ConfigError: as `open_key`.
    """
    daily = window_queries.run(con, "daily_subject", model_id=model_id, as_of=LAST_DAY)
    if daily.is_empty():
        raise DataError("nothing is scored in this database; `risk-monitor score INPUT --db FILE` does that")
    feed = Feed.of(daily)
    courses = [Course(subject, CALM, None, None) for subject in feed.days]
    counts: Json | None = None
    if truth is not None:
        given = known_courses(con, truth, feed, key_file, ids)
        courses = list(given.courses)
        counts = {"n_rows": given.n_rows, "n_repeated": given.n_repeated, "n_unknown": len(given.unknown)}

    def measured(rules: AlertRules, only: Sequence[str]) -> Json:
        return measure(_opened(find_episodes(con, model_id, LAST_DAY, rules, only)), courses, feed)

    curves: dict[str, list[Json]] = {}
    with progress("replaying", "limits", sum(map(len, GRIDS.values()))) as advance:
        for rule, grid in GRIDS.items():
            limits = sorted({*grid, rules.limit(rule)})
            curves[rule] = []
            for limit in limits:
                if rule != "sustained" or limit <= rules.sustained_of:
                    curves[rule].append({"limit": limit, **measured(rules.with_limit(rule, limit), [rule])})
                advance(1)
    return {
        "model_id": model_id,
        "known": truth is not None,
        "truth": counts,
        "n_subjects": len(feed.days),
        "n_texts": sum(map(len, feed.days.values())),
        "subject_years": feed.years(feed.days),
        "rules": rules.model_dump(),
        "all": measured(rules, RULES),
        "could_fire": count_days(con, model_id, LAST_DAY, rules).row(0, named=True),
        "n_crisis": find_episodes(con, model_id, LAST_DAY, rules, ["crisis"]).height,
        "outcomes": query(con, "alerts/rule_outcomes", model_id=model_id, as_of=LAST_DAY).to_dicts(),
        "curves": curves,
    }


def claim_alerts(out: Path, *, drawn: bool = False) -> OutputFiles:
    """Our files in the folder `out`, after a check. With `drawn` they include the drawn feed and its truth.

    Raises:
        ConfigError: a file is somebody else's, or the folder cannot be written.
    """
    require_drawing()
    files = claim_files(out, "alerts", FILES, ("model_id", "subject_years", "curves"))
    if drawn:
        files.check(out / name for name in DRAWN)
    return files


def draw_feeds(seeds: Sequence[int], out: Path, *, lead_ins: bool = True) -> tuple[Path, Path]:
    """Write the demo feeds of these seeds into one feed and one truth file. A subject's id starts with its seed.

    Without `lead_ins`, "I feel so" and the like are cut out of every text.

    Raises:
        ConfigError: one of the files is somebody else's.
    """
    feed, truth = (out / name for name in DRAWN)
    claim_alerts(out, drawn=True).claim(feed, truth)
    texts, periods = [], []
    for seed in seeds:
        drawn = generate(seed)
        texts += [
            replace(
                text,
                doc_id=f"{seed}-{text.doc_id}",
                subject_id=f"{seed}-{text.subject_id}",
                text=text.text if lead_ins else LEAD_IN.sub("", text.text),
            )
            for text in drawn.texts
        ]
        periods += [replace(period, subject_id=f"{seed}-{period.subject_id}") for period in drawn.periods]
    feed.write_text(to_csv(texts), encoding="utf-8")
    truth.write_text(to_csv(periods), encoding="utf-8")
    return feed, truth


def evaluate(
    out: Path,
    db: Database | None,
    feed: Path | None,
    truth: Path | None,
    rules: AlertRules,
    load: Callable[[], Scorer],
    key_file: Path | None = None,
    ids: IdRules | None = None,
) -> Json:
    """Score the feed unless a database is given, replay it, and write alerts.json and the pictures into `out`.

    Raises:
        ConfigError: one of the files is somebody else's. DataError: the truth cannot be used. Both are checked before
            anything is scored.
    """
    files = claim_alerts(out)
    if db is None:
        texts = feed or demo_feed_path()
        if truth is not None:
            check_truth(truth, texts)
        db = scored_database(texts, out, "alerts")
        model_id: str = score_files([texts], db, load, rules=rules).model.model_id
        if feed is not None:
            note_kept_databases(out)
    else:
        db.connect(read_only=True).close()
        model_id = (latest_model(db) or {"model_id": ""})["model_id"]
    print_note("replaying")
    with db.reading() as con:
        results = replay(con, model_id, rules, truth, key_file, ids)
    files.claim(*(out / name for name in FILES))
    (out / "alerts.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    names = alert_curves.write_pictures(results, out)
    print_note(f"wrote {', '.join(['alerts.json', *names])} into {out}")
    return results


def print_results(results: Json) -> None:
    """Print the measures of all rules together and of each rule alone, a column for each."""
    rules = AlertRules(**results["rules"])
    columns = {"all rules": results["all"]} | {
        f"{rule} {rules.limit(rule):g}": next(row for row in curve if row["limit"] == rules.limit(rule))
        for rule, curve in results["curves"].items()
    }
    console = Console()
    table = Table("", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right")
    for kind in results["all"]["courses"]:
        detected = Text(without_control_characters(f"{kind}: detected"))
        table.add_row(detected, *(f"{row['courses'][kind]['rate']:.0%}" for row in columns.values()))
        for key, since in (("median_delay", "onset"), ("median_delay_from_half", "half depth")):
            days = (_number(row["courses"][kind][key], "g") for row in columns.values())
            table.add_row(f"  median days from {since}", *days)
    measures = KNOWN_MEASURES if results["known"] else {"alarms_per_calm_year": "alerts a subject-year"}
    for key, name in measures.items():
        form = "g" if "median" in key else ".2f"
        table.add_row(name, *(_number(row[key], form) for row in columns.values()))
    fires, days = results["could_fire"], max(1, results["could_fire"]["subject_days"])
    table.add_row("subject-days on which it could fire", *(f"{fires[name] / days:.0%}" for name in ("any", *RULES)))
    console.print(table)
    console.print(f"alerts of the crisis rule, not in this table: {results['n_crisis']:,}")
    _print_outcomes(console, results["outcomes"])
    if counts := results["truth"]:
        console.print(
            f"courses: {counts['n_rows']:,} rows, {counts['n_repeated']:,} of them repeated, {counts['n_unknown']:,} "
            "of subjects who are not in the feed",
            style="dim",
            soft_wrap=True,
            highlight=False,
        )
    console.print(
        f"{results['n_texts']:,} texts of {results['n_subjects']:,} subjects over {results['subject_years']:,.1f} "
        f"subject-years\n{NOT_A_DIAGNOSIS}",
        style="dim",
        soft_wrap=True,
        highlight=False,
    )


def _print_outcomes(console: Console, outcomes: Sequence[Json]) -> None:
    """Print how often each rule was right by the outcomes in the case log. Without outcomes nothing is printed."""
    if not outcomes:
        return
    columns = ("rule", "judged", *(name.replace("_", " ") for name in OUTCOMES), "precision (95%)")
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in outcomes:
        interval = f"{row['precision']:.0%} ({row['precision_lo']:.0%} to {row['precision_hi']:.0%})"
        table.add_row(row["rule"], str(row["n"]), *(str(row[name]) for name in OUTCOMES), interval)
    console.print(table)
    console.print(
        "precision: share of judged alerts that were no false alarm, by the case log; people chose which to judge",
        style="dim",
        soft_wrap=True,
    )


def _opened(episodes: pl.DataFrame) -> dict[str, list[dt.date]]:
    opened: dict[str, list[dt.date]] = defaultdict(list)
    for subject, day in episodes.select("subject_id", "opened_on").sort("opened_on").iter_rows():
        opened[subject].append(day)
    return opened


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def command(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for alerts.json and the pictures.")],
    feed: Annotated[Path | None, typer.Option(help="Texts to score and replay (default: the built-in feed).")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="CSV: subject_id with course, onset, end; or with label (0, 1).")
    ] = None,
    db: Annotated[Path | None, typer.Option(help="A scored database to replay instead of a feed.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of other demo feeds to generate and replay.")] = None,
    first_seed: Annotated[int, typer.Option(help="The first of these seeds.")] = 1,
    lead_ins: Annotated[
        bool, typer.Option("--lead-ins/--without-lead-ins", help='Keep or cut "I feel so" in their texts.')
    ] = True,
    model: Annotated[str, typer.Option(help='"embedded", a model folder, or a hub id.')] = "embedded",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    config: Annotated[
        Path | None, typer.Option(help="Settings of the rules (default: risk-monitor.toml here, if any).")
    ] = None,
    background: Annotated[
        Path | None, typer.Option(help="Real texts of people; a pool is mixed into their timelines (needs --low).")
    ] = None,
    low: Annotated[
        list[Path] | None, typer.Option(help="Pool of low texts (column text); repeat it for several pools.")
    ] = None,
    control: Annotated[
        list[Path] | None, typer.Option(help="Control pool of the same source; may be repeated.")
    ] = None,
    dose: Annotated[str, typer.Option(help="Shares of the texts that are replaced by those of a pool.")] = DOSES,
    incidence: Annotated[
        str, typer.Option(help="Low periods a subject-year, for the share of true alerts.")
    ] = YEARLY,
    days: Annotated[int, typer.Option(help="Days of a timeline.")] = DESIGN.days,
    onset: Annotated[int | None, typer.Option(help="First mixed day (default: the middle of the timeline).")] = None,
    within: Annotated[int, typer.Option(help="Days from there in which an alert counts.")] = DESIGN.within,
    least_texts: Annotated[int, typer.Option(help="Texts that a person needs in a timeline.")] = DESIGN.least_texts,
    in_order: Annotated[
        bool, typer.Option(help="Mix in the texts of one author of the pool a timeline, in their order.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the draws of a replay or of --numbers.")] = DESIGN.seed,
    numbers: Annotated[
        int | None,
        typer.Option(min=20, max=5000, help="Number of simulated people with a number beside their texts."),
    ] = None,
) -> None:
    """Measure the early-warning rules on known courses: detection, delay, false alarms, ERDE, latency-F1.

    The command replays each rule over a range of its limit, so that you can choose a limit by its false alarms.
    Without a truth (--db or --feed alone) it only counts alerts. With --background and --low it mixes real texts into
    real timelines, and gives detection, delay, false alarms and the share of true alerts with their intervals. With
    --numbers it gives the number of days by which alerts come sooner if the rule fusion also reads a number.
    """
    check_options(context)
    if numbers is not None:
        claim_fusion(out)
        run_fusion(numbers, seed, out)
        return
    if background is not None and low:
        design = read_design(days, onset, within, dose, incidence, least_texts, seed, in_order=in_order)
        rules = load_settings(config).alert_rules
        claim_replay(out)
        trained = training_hashes(model)
        results = run_replay(
            background, low, control or (), design, rules, lambda: open_scorer(model, device), out, trained
        )
        print_replay(results)
        return
    rules = load_settings(config).alert_rules
    claim_alerts(out, drawn=seeds is not None)
    if seeds is not None:
        feed, truth = draw_feeds(range(first_seed, first_seed + seeds), out, lead_ins=lead_ins)
    elif feed is None and db is None:
        truth = truth or ASSETS / "demo_truth.csv"
    database, key_file, ids = None, None, None
    if db is not None:
        database, settings = named_settings(db, config)
        key_file, ids = named_key(database, settings), settings.ids if settings else None
    load = partial(open_scorer, model, device)
    print_results(evaluate(out, database, feed, truth, rules, load, key_file, ids))


if __name__ == "__main__":
    run(command)

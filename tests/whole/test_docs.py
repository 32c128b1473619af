"""README is held to the code: commands, options, settings, queries and links."""

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from jobs.alerts import update_alerts
from jobs.cli import build_app
from jobs.console.app import COMMANDS
from jobs.pipeline.score_files import score_files
from jobs.query import run_query
from monitor import ROOT
from monitor.alerts.rules import ALL_RULES, OPTIONAL_RULES, AlertRules
from monitor.database.connection import Database
from monitor.demo.feed import demo_feed_path
from monitor.labels import EMOTIONS
from monitor.settings import Settings, load_settings
from reports.risk.inputs import Mode, Options
from tests.support.keyword_scorer import KeywordScorer

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.M | re.S)
INLINE = re.findall(r"`(risk-monitor [^`\n]+)`", README)
CALLS = INLINE + [
    call[1]
    for language, block in BLOCKS
    if language in ("sh", "")
    for line in block.splitlines()
    if (call := re.search(r"(?:^|bin/)(risk-monitor [a-z].*?)(?: >> .*)?$", line))
]
QUERIES = [block for language, block in BLOCKS if language == "sql"]
PYTHON = [block for language, block in BLOCKS if language == "python"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert any(call.split()[1] == command for call in CALLS)


def test_the_readme_says_what_each_command_does_without_its_neighbours() -> None:
    rows = re.findall(r"^\| `risk-monitor [^`]+` \| (.*) \|$", README, flags=re.M)
    assert len(rows) == len(COMMANDS)
    assert not [row for row in rows if row.startswith("the same")]


def test_the_readme_tells_what_the_first_installation_needs() -> None:
    (needs,) = (part for part in README.split("\n\n") if part.startswith("Both commands need"))
    assert {word for word in ("make", "git", "network", "Python 3.11") if word in needs} == {
        "make", "git", "network", "Python 3.11",
    }  # fmt: skip
    assert "nothing else" not in needs


def test_the_readme_counts_the_full_days_after_which_an_alert_closes() -> None:
    days = AlertRules().cooldown_days
    assert f"It closes when {days} full days have passed without such a day" in " ".join(README.split())


def test_the_docstring_of_the_rules_names_each() -> None:
    assert [rule for rule in (*ALL_RULES, *OPTIONAL_RULES) if rule not in (AlertRules.__doc__ or "")] == []


@pytest.mark.parametrize("call", CALLS)
def test_every_call_in_the_readme_exists_with_its_options(call: str) -> None:
    _, name, *words = shlex.split(call)
    assert name in COMMANDS
    command = typer.main.get_command(build_app([name])).commands[name]  # type: ignore[attr-defined]
    if hasattr(command, "commands"):  # a group of subcommands
        command = command.commands[words[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_readme_names_whatever_shows_more_than_aggregates() -> None:
    for name in ("show_subjects", "subject_pages", "evidence"):
        assert Options(**{name: True}).about_persons
        assert f"`--{name.replace('_', '-')}`" in README


def test_the_readme_says_which_reports_have_mode_600() -> None:
    assert [mode for mode in get_args(Mode) if Options(mode=mode).about_persons] == ["case"]
    private = "reports of mode `case` or with `--subject-pages`, `--evidence` or `--show-subjects` have mode 600."
    assert f"{private} Other reports have the mode that the umask gives" in " ".join(README.split())


def test_the_settings_example_is_valid(tmp_path: Path) -> None:
    examples = [block for language, block in BLOCKS if language == "toml"]
    assert len(examples) == 1
    (tmp_path / "risk-monitor.toml").write_text(examples[0])
    settings = load_settings(tmp_path / "risk-monitor.toml")
    defaults = Settings.model_fields
    for name in ("threshold", "min_texts", "min_cohort", "model"):
        assert getattr(settings, name) == defaults[name].default, f"README shows {name} other than its default"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo feed and a file with one bad row, scored by words, and the alerts of rules that words can raise."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "bad.csv").write_text("subject_id,posted_at,text\ns1,yesterday,hello\n")
    score_files([demo_feed_path(), folder / "bad.csv"], Database(folder / "risk.duckdb"), KeywordScorer)
    update_alerts(Database(folder / "risk.duckdb"), AlertRules(threshold=0.1))
    return folder / "risk.duckdb"


def test_there_are_ten_queries_and_they_use_every_view() -> None:
    assert len(QUERIES) == 10
    for view in ("latest_scores", "risk_daily", "risk_rolling", "open_alerts"):
        assert any(f"FROM {view}" in sql for sql in QUERIES)


@pytest.mark.slow
@pytest.mark.parametrize("sql", QUERIES)
def test_every_query_in_the_readme_answers(scored: Path, sql: str) -> None:
    answer = run_query(Database(scored), sql)
    assert answer.rows
    assert all(any(row[column] is not None for row in answer.rows) for column in range(len(answer.names)))


@pytest.mark.slow
def test_queries_of_cohorts_also_tell_of_one_that_has_no_text_on_sundays_or_on_the_last_day(tmp_path: Path) -> None:
    days = {"early": range(5, 17), "late": [*range(5, 18), *range(19, 24)]}  # of January 2026; 11 and 18 are Sundays
    rows = [f"{cohort}-1,2026-01-{day:02},joy,{cohort}\n" for cohort, own in days.items() for day in own if day != 11]
    (tmp_path / "a.csv").write_text("subject_id,posted_at,text,source\n" + "".join(rows))
    score_files([tmp_path / "a.csv"], Database(tmp_path / "risk.duckdb"), KeywordScorer)
    by_week, by_subject = (
        run_query(Database(tmp_path / "risk.duckdb"), next(sql for sql in QUERIES if part in sql)).rows
        for part in ("AS last_day, n_7", "AS of_cohort")
    )
    found = [(row[0], row[1].isoformat()) for row in by_week]
    assert found == [
        *(("early", f"2026-01-{day}") for day in (10, 16)),
        *(("late", f"2026-01-{day}") for day in (10, 17, 23)),
    ]
    assert sorted(row[0] for row in by_subject) == ["early-1", "late-1"]


def test_the_python_example_scores_two_texts() -> None:
    (example,) = PYTHON
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    sad, joyful = names["scores"].probabilities
    assert sad[EMOTIONS.index("sadness")] > 0.5
    assert joyful[EMOTIONS.index("joy")] + joyful[EMOTIONS.index("love")] > 0.5


def test_every_link_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", README, flags=re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (ROOT / target).exists(), target


def test_every_file_named_in_the_readme_exists() -> None:
    for name in re.findall(r"`((?:monitor|jobs|sql|reports|tests)/[\w./]+)`", README):
        assert (ROOT / name).exists(), name

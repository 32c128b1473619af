"""Settings: the file, the variables over it, and one clear line for whatever is wrong."""

import os
import re
from pathlib import Path

import pytest

from jobs.query import read_sql
from monitor.alerts.rules import AlertRules
from monitor.crisis.phrases import SHIPPED, read_phrases
from monitor.errors import ConfigError
from monitor.settings import PATHS, Settings, load_settings
from monitor.training.recipe import read_recipe


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a settings file to start in."""
    folder = tmp_path / "start"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def config(folder: Path, content: str) -> Path:
    path = folder / "night.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.model == "embedded"
    assert settings.min_cohort == 11


def test_the_file_of_the_starting_folder_is_read(nowhere: Path) -> None:
    (nowhere / "risk-monitor.toml").write_text('time_zone = "Asia/Taipei"')
    assert load_settings().time_zone == "Asia/Taipei"


def test_paths_are_relative_to_the_file_and_a_hub_id_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    path = config(tmp_path, 'db = "data/risk.duckdb"\ninbox = "/srv/inbox"\nmodel = "my-model"\n')
    settings = load_settings(path)
    assert settings.db == tmp_path / "data" / "risk.duckdb"
    assert settings.inbox == Path("/srv/inbox")
    assert settings.out == tmp_path / "out" / "report", "what the file leaves out is beside it, too"
    assert settings.model == str(tmp_path / "my-model")
    assert load_settings(config(tmp_path, 'model = "org/name"')).model == "org/name"


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_MONITOR_CHUNK_ROWS", "7")
    monkeypatch.setenv("RISK_MONITOR_DB", "here.duckdb")
    settings = load_settings(config(tmp_path, 'chunk_rows = 9\ndb = "there.duckdb"\nthreshold = 0.25'))
    assert (settings.chunk_rows, settings.db, settings.threshold) == (7, Path("here.duckdb"), 0.25)


def test_the_home_folder_is_meant_alike_in_variables_and_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    names = ("db", "inbox", "out", "snapshot", "key_file", "crisis_list", "model")
    report = '[[reports]]\nmode = "case"\nfolder = "~/a"\nroster = "~/b.csv"\n'
    lines = "".join(f'{name} = "~/{name}"\n' for name in names)
    in_file = load_settings(config(tmp_path, lines + report))
    for name in names:
        monkeypatch.setenv(f"RISK_MONITOR_{name.upper()}", f"~/{name}")
    monkeypatch.setenv("RISK_MONITOR_REPORTS", '[{"mode": "case", "folder": "~/a", "roster": "~/b.csv"}]')
    assert load_settings() == in_file
    assert {name: str(getattr(in_file, name)) for name in names} == {name: str(tmp_path / name) for name in names}
    assert in_file.reports[0].folder == tmp_path / "a"
    monkeypatch.setenv("RISK_MONITOR_DB", "~nobody-here/risk.duckdb")
    with pytest.raises(ConfigError, match=r"variable RISK_MONITOR_DB: db: ~nobody-here.*write the whole path"):
        load_settings()
    monkeypatch.delenv("RISK_MONITOR_DB")
    monkeypatch.delenv("RISK_MONITOR_OUT")
    with pytest.raises(ConfigError, match=r"night\.toml: out: ~nobody-here.*write the whole path"):
        load_settings(config(tmp_path, 'out = "~nobody-here/out"'))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ('databse = "x"', ["no such setting: databse"]),
        ("min_cohrt = 3", ["min_cohrt", "did you mean min_cohort?"]),
        ("chunk_rows = 0", ["chunk_rows", "greater than or equal to 1"]),
        ("threshold = 1.5", ["threshold", "less than or equal to 1"]),
        ('weights = "int3"', ["weights", "'auto', 'dense' or 'nf4'"]),
        ('device = "tpu"', ["device", "'auto', 'cpu' or 'cuda'"]),
        ('time_zone = "Mars/Olympus"', ["time_zone", "no time zone 'Mars/Olympus'"]),
        ('time_zone = "../../etc/passwd"', ["time_zone", "no time zone"]),
        ('[risk_map]\njoy = "low_risk"', ["risk_map", "missing emotions", "sadness"]),
        ("db = [1]", ["db", "give a path in quotes"]),
        ("db = 5", ["db: give a path in quotes"]),
        ("model = 5", ["model: give a text in quotes"]),
        ("text_days = 1.5", ["text_days: give a whole number"]),
        ('inbox = ""', ["inbox: empty; give a path, or remove this setting"]),
        ('model = ""', ["model: empty; give a path"]),
        ('crisis_list = " "', ["crisis_list: empty; give a path"]),
        ('[[reports]]\nmode = "case"\nroster = ""', ["reports.0.roster: empty; give a path"]),
        ('threshold = "high"', ["threshold: give a number"]),
        ('show_subjects = "often"', ["show_subjects: give true or false"]),
        ("notify = 5", ["notify: give a list"]),
        ("schedule = 5", ["schedule: this is a table", "in [ ]"]),
        ("[quality]\nrejected = [1]", ["quality.rejected.1: give both numbers"]),
        ("min_texts = 3\ndb = here", ["not TOML", "line 2"]),
        ("min_cohort = 0\nmin_texts = 0", ["min_cohort", "min_texts"]),
        ('[schedule]\ncron = "61 2 * * *"', ["schedule.cron", "'61' is no minute"]),
        ('[schedule]\ntime_zone = "Mars"', ["schedule.time_zone", "no time zone 'Mars'"]),
        ('[schedule]\ncrom = "1 2 * * *"', ["schedule.crom", "did you mean cron?"]),
        ("[schedule]\njobs = []", ["schedule.jobs: give at least one"]),
        ("[quality]\nrejected = [0.5, 0.1]", ["quality.rejected", "yellow not above red"]),
        ("[quality]\nlength = 3", ["quality.length"]),
        ("text_days = 0", ["text_days"]),
        ("text_days = 999999", ["text_days: give at most 36,500 days; without this line texts are kept always"]),
        ("[alerts]\nchange_errors = 0", ["alerts.change_errors", "greater than 0"]),
        ("[alerts]\nchange_error = 2", ["alerts.change_error", "did you mean change_errors?"]),
        ("[alerts]\nsustained_days = 15", ["alerts", "cannot be more than all"]),
        ("[alerts]\nthreshold = 0.3", ["alerts", "threshold belongs above the tables"]),
    ],
)
def test_a_fault_in_the_file_is_one_line_with_file_and_key(tmp_path: Path, content: str, parts: list[str]) -> None:
    path = config(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    message = str(caught.value)
    assert "\n" not in message
    assert not re.search("Input|a valid|pathlib|instance|tuple|dictionary", message)
    for part in (str(path), *parts):
        assert part in message


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("RISK_MONITOR_CHUNK_ROWS", "many", ["variable RISK_MONITOR_CHUNK_ROWS", "whole number"]),
        *(
            (
                f"RISK_MONITOR_{name.upper()}",
                "",
                [f"variable RISK_MONITOR_{name.upper()}: {name}: empty; give a path"],
            )
            for name in PATHS
        ),
        ("RISK_MONITOR_CHUNK_ROW", "5", ["RISK_MONITOR_CHUNK_ROW:", "did you mean chunk_rows?"]),
        ("RISK_MONITOR_RISK_MAP", "{joy", ["risk_map", "JSON"]),
        ("RISK_MONITOR_QUALITY", "{joy", ["RISK_MONITOR_QUALITY", "not JSON"]),
        (
            "RISK_MONITOR_ALERTS",
            '{"suicidal_limit": true}',
            ["RISK_MONITOR_ALERTS", "limit: give a number, not true"],
        ),
        ("RISK_MONITOR_CRITERIA", '{"sleep": false}', ["RISK_MONITOR_CRITERIA", "sleep: give a number, not true"]),
        ("RISK_MONITOR_REPORTS", '[{"days": true}]', ["RISK_MONITOR_REPORTS", "reports.0.days: give a number"]),
    ],
)
def test_a_fault_in_a_variable_is_one_line_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, parts: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    for part in parts:
        assert part in str(caught.value)


def test_the_alert_line_of_the_report_is_that_of_the_level_rule(tmp_path: Path) -> None:
    settings = load_settings(config(tmp_path, "threshold = 0.3\nmin_texts = 4\n[alerts]\nlevel_days = 5"))
    assert settings.alert_rules == AlertRules(threshold=0.3, min_texts=4, level_days=5)
    assert load_settings(config(tmp_path, "")).alert_rules == AlertRules()


def test_the_tests_variable_and_the_key_are_no_unknown_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_MONITOR_DATA", "/data")
    monkeypatch.setenv("RISK_MONITOR_KEY", "a secret that no setting may hold")
    assert load_settings() == Settings()


def test_addresses_of_notifications_are_a_list_or_words_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(config(tmp_path, 'notify = ["json://user:secret@host"]'))
    assert "secret" not in repr(settings)
    assert [url.get_secret_value() for url in settings.notify] == ["json://user:secret@host"]
    monkeypatch.setenv("RISK_MONITOR_NOTIFY", "json://a json://b")
    assert len(load_settings().notify) == 2


def test_a_missing_file_or_a_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"night\.toml: cannot read this settings file \(No such file"):
        load_settings(tmp_path / "night.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_settings(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="not TOML"):
        load_settings(tmp_path / "latin.toml")
    (tmp_path / "deep.toml").write_text("db = " + "[" * 5000)
    with pytest.raises(ConfigError, match="nested too deep"):
        load_settings(tmp_path / "deep.toml")


def test_a_mark_at_the_start_of_a_file_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "notepad.toml").write_text("min_texts = 3\r\n", encoding="utf-8-sig")
    assert load_settings(tmp_path / "notepad.toml").min_texts == 3
    (tmp_path / "unicode.toml").write_text("min_texts = 3\r\n", encoding="utf-16")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        load_settings(tmp_path / "unicode.toml")
    query = tmp_path / "query.sql"
    query.write_text("SELECT 1", encoding="utf-8-sig")
    assert read_sql(str(query)) == "SELECT 1"


@pytest.mark.slow
def test_a_mark_at_the_start_of_a_list_or_recipe_is_no_content(tmp_path: Path) -> None:
    marked = tmp_path / "list.toml"
    marked.write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert len(read_phrases(marked).phrases) == len(read_phrases(None).phrases)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[adapter]\nseed = 7\n", encoding="utf-8-sig")
    assert read_recipe(str(recipe), {}).adapter.seed == 7


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("threshold = true", "threshold: give a number, not true or false"),
        ("min_texts = true", "min_texts: give a number, not true or false"),
        ("[alerts]\nlevel_days = true", "alerts.level_days: give a number, not true or false"),
        ("[criteria]\nsleep = false", "criteria.sleep: give a number, not true or false"),
        ("[quality]\nrejected = [0.1, true]", "quality.rejected.1: give a number, not true or false"),
        ('[[reports]]\nmode = "case"\ndays = true', "reports.0.days: give a number, not true or false"),
        ("min_texts = 99999999999999999999999", "min_texts: give at most 1,000,000,000"),
        ("max_pieces = 9223372036854775808", "max_pieces: give at most 1,000,000,000"),
        ('[[feeds]]\nfiles = "a.csv"\nskip_rows = 9999999999', "feeds.0.skip_rows: give at most 1,000,000,000"),
    ],
)
def test_a_number_is_no_truth_value_and_ends_somewhere(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "rm.toml").write_text(f"{line}\n")
    with pytest.raises(ConfigError) as error:
        load_settings(tmp_path / "rm.toml")
    assert f"rm.toml: {message}" in str(error.value)


def test_truth_values_stay_truth_values(tmp_path: Path) -> None:
    (tmp_path / "rm.toml").write_text("pseudonyms = false\n[ids]\ncasefold = true\n")
    settings = load_settings(tmp_path / "rm.toml")
    assert (settings.pseudonyms, settings.ids.casefold) == (False, True)


def test_a_pipe_is_no_settings_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rm.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_settings(tmp_path / "rm.toml")

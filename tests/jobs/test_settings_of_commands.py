"""score, explain, calibrate and lake score take from the settings file what nightly takes; an option given wins."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs import alerts, calibrate, explain, lake, score, validate
from jobs.cli import main
from jobs.pipeline.lake.score import LakeScored
from jobs.pipeline.night import run_pipeline
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.labels import RiskMap
from monitor.settings import load_settings
from tests.explanation.test_occlusion import TEXT, WordScorer
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

MAP = RiskMap().rules | {"fear": "high_risk"}
CHOICE = {
    "model": "embedded",
    "device": "cpu",
    "risk_map": MAP,
    "weights": "nf4",
    "criteria_limits": {"mood": 0.0},
    "max_pieces": 1,
}
SETTINGS = f"""\
db = "risk.duckdb"
device = "cpu"
weights = "nf4"
max_pieces = 1
pseudonyms = false
settle_s = 0
[criteria]
mood = 0.0
[alerts]
signal = "both"
[risk_map]
{"".join(f'{emotion} = "{level}"{chr(10)}' for emotion, level in MAP.items())}"""
TEXTS = [f"{n} {'fear' if n % 2 else 'joy'}" for n in range(40)]
FEED = "doc_id,subject_id,posted_at,text\n" + "".join(f"d{n},s,2026-01-05,{text}\n" for n, text in enumerate(TEXTS))
LABELS = "text,label\n" + "".join(f"{text},{'yes' if n % 2 else 'no'}\n" for n, text in enumerate(TEXTS))

Asked = list[dict[str, Any]]


def named(risk_map: dict[str, str] | None) -> KeywordScorer:
    """A scorer whose model's id depends on its risk map, as that of a real model does."""
    rules = RiskMap(risk_map) if risk_map else RiskMap()
    return KeywordScorer(KeywordModel(model_id=f"keywords-{rules.rules['fear']}", risk_map=rules))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The arguments of each model that a command opens."""
    given = Asked()

    def load(**options: Any) -> KeywordScorer:
        given.append(options)
        return named(options.get("risk_map"))

    def load_words(**options: Any) -> WordScorer:
        scorer = WordScorer()
        scorer.model.model_id = load(**options).model.model_id
        return scorer

    def take_partial(lake: str, load: Any, *others: Any) -> None:
        given.append(load.keywords)

    monkeypatch.setattr(score, "open_scorer", load)
    monkeypatch.setattr(calibrate, "open_scorer", load)
    monkeypatch.setattr(explain, "open_scorer", load_words)
    monkeypatch.setattr(lake, "LocalCrew", take_partial)
    monkeypatch.setattr(lake, "score_lake", lambda *_: LakeScored("keywords", "keywords", 0, 0, 1.0))
    return given


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a night whose texts are scored."""
    folder = tmp_path_factory.mktemp("night")
    (folder / "inbox").mkdir()
    (folder / "inbox" / "feed.csv").write_text(FEED)
    (folder / "risk-monitor.toml").write_text(SETTINGS)
    (folder / "labels.csv").write_text(LABELS)
    settings = load_settings(folder / "risk-monitor.toml")
    run_pipeline(settings, lambda: named(settings.risk_map), report=False)
    return folder


@pytest.fixture
def night(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which commands then run."""
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


CALLS = {
    "score": "score inbox/feed.csv --db risk.duckdb",
    "explain": "explain --doc-id d1 --db risk.duckdb",
    "explain, a text": "explain sad",
    "calibrate": "calibrate labels.csv --db risk.duckdb",
    "lake score": "lake score --lake lake",
}


def ended_well(line: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(line.split())
    assert not stop.value.code


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_command_opens_the_model_of_the_night(night: Path, asked: Asked, call: str) -> None:
    ended_well(call)
    assert asked == [CHOICE]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["score", "explain", "lake score"])
def test_an_option_wins_over_the_file(night: Path, asked: Asked, name: str) -> None:
    ended_well(f"{CALLS[name]} --model mine --device auto")
    assert asked == [CHOICE | {"model": "mine", "device": "auto"}]


@pytest.mark.slow
def test_score_beside_a_night_scores_nothing_again(night: Path, asked: Asked) -> None:
    ended_well(CALLS["score"])
    with Database(night / "risk.duckdb").reading() as con:
        assert con.execute("SELECT DISTINCT model_id FROM scores").fetchall() == [("keywords-high_risk",)]
        assert con.execute("SELECT count(*) FROM scores").fetchall() == [(len(TEXTS),)]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["", "--key-file my.key"])
def test_a_database_begun_by_score_is_one_that_the_night_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Asked, option: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RISK_MONITOR_KEY", raising=False)
    (tmp_path / "risk-monitor.toml").write_text(SETTINGS)
    (tmp_path / "feed.csv").write_text(FEED)
    ended_well(f"score feed.csv --db risk.duckdb {option}")
    keys = {path.name for path in tmp_path.glob("*.key")}
    assert keys == ({"my.key"} if option else set())
    if not option:
        settings = load_settings()
        settings.inbox.mkdir()
        run_pipeline(settings, lambda: named(settings.risk_map), report=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["score", "explain"])
def test_the_settings_of_another_database_are_not_used(
    night: Path, asked: Asked, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RISK_MONITOR_MAX_PIECES", "7")
    (night / "risk.duckdb").rename(night / "other.duckdb")
    ended_well(CALLS[name].replace("risk.duckdb", "other.duckdb") + (" --plain-ids" if name == "score" else ""))
    assert [(one["risk_map"], one["criteria_limits"], one["max_pieces"]) for one in asked] == [(None, None, 7)]
    told = " ".join(capfd.readouterr().err.split())
    assert "risk-monitor.toml is not used, because its database is" in told
    assert "name that there with db" in told


@pytest.mark.parametrize("config", ["risk-monitor.toml", None])
def test_calibrate_validate_and_alerts_take_no_rules_of_another_database(
    night: Path, monkeypatch: pytest.MonkeyPatch, config: str | None
) -> None:
    (night / "risk.duckdb").rename(night / "other.duckdb")
    seen = list[str]()

    def see_signal(*given: Any) -> None:
        seen.append(given[3])
        raise ConfigError("seen")

    def see_rules(*given: Any, **_: Any) -> None:
        seen.append(given[-1].signal)
        raise ConfigError("seen")

    monkeypatch.setattr(calibrate, "calibrate", see_signal)
    monkeypatch.setattr(validate, "validate", see_rules)
    monkeypatch.setattr(alerts, "update_alerts", see_rules)
    db, file = night / "other.duckdb", Path(config) if config else None
    calls: list[Callable[[], None]] = [
        lambda: calibrate.command(night / "labels.csv", db, config=file),
        lambda: validate.command(night / "labels.csv", db, config=file),
        lambda: alerts.command(db, update_first=True, config=file),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match="seen"):
            call()
    assert seen == ["p_high"] * 3


def test_explain_says_that_its_answers_are_of_another_model(
    night: Path, asked: Asked, capfd: pytest.CaptureFixture[str]
) -> None:
    ended_well(f"{CALLS['explain']} --json")
    shown = capfd.readouterr()
    assert json.loads(shown.out)["scored_by"] == json.loads(shown.out)["model_id"] == "keywords-high_risk"
    assert "these answers are of the model" not in shown.err
    (night / "risk-monitor.toml").write_text('db = "risk.duckdb"')
    ended_well(f"{CALLS['explain']} --json")
    shown = capfd.readouterr()
    assert json.loads(shown.out)["model_id"] == "keywords-mid_risk"
    told = " ".join(shown.err.split())
    assert "these answers are of the model keywords-mid, but the text's scores are of keywords-hig" in told
    assert "--config" in told
    ended_well(f"explain '{TEXT.split()[0]}' --json")
    assert json.loads(capfd.readouterr().out)["scored_by"] is None


def test_the_remedy_for_labels_of_another_model_works(
    night: Path, asked: Asked, capfd: pytest.CaptureFixture[str]
) -> None:
    (night / "risk-monitor.toml").rename(night / "night.toml")
    with pytest.raises(SystemExit) as stop:
        main(CALLS["calibrate"].split())
    assert stop.value.code == 2
    assert "name its settings with --config" in " ".join(capfd.readouterr().err.split())
    ended_well(f"{CALLS['calibrate']} --config night.toml")

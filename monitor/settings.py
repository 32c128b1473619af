"""Settings of an unattended run: risk-monitor.toml, and RISK_MONITOR_* variables, which override it.

Unknown keys and variables are errors, so that a misspelling does not silently mean the default. Paths in the file,
and default paths, are relative to the folder of the file, because cron starts runs anywhere. Paths in variables are
relative to the working folder. In both `~` is the home folder.
"""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from monitor.alerts.rules import AlertRules
from monitor.errors import ConfigError
from monitor.intake.feeds import Feed
from monitor.intake.quality_limits import Count, Quality
from monitor.intake.row_rules import IdRules, OnChange
from monitor.labels import CRITERIA, RiskMap
from monitor.regular_files import require_regular
from monitor.settings_tables import REPORT_PATHS, Report, Schedule, Zone, number_faults, require_path, with_home

DEFAULT_FILE = Path("risk-monitor.toml")
PREFIX = "RISK_MONITOR_"
RULES = AlertRules()  # its defaults are those of the settings
MAX_TEXT_DAYS = 36_500  # a hundred years; some day counts from there on lead to before the year 1
_OTHER_VARIABLES = {"RISK_MONITOR_DATA", "RISK_MONITOR_KEY"}  # the tests' real data; the key of privacy.py
PATHS = ("db", "inbox", "out", "snapshot", "key_file", "crisis_list")

Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
Hours = Annotated[float, Field(gt=0)]


def _check_text_days(value: int) -> int:
    if value > MAX_TEXT_DAYS:
        raise ValueError(f"give at most {MAX_TEXT_DAYS:,} days; without this line texts are kept always")
    return value


TextDays = Annotated[Count, AfterValidator(_check_text_days)]


class Settings(BaseSettings):
    """The settings of one run; see each field's description.

    Raises:
        pydantic.ValidationError: a value is wrong; load_settings turns it into one line.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    db: Path = Field(Path("risk-monitor.duckdb"), description="the database file; created when missing")
    inbox: Path = Field(Path("inbox"), description="folder whose CSV, JSONL and Parquet files are read")
    out: Path = Field(Path("out/report"), description="folder of the report")
    model: str = Field("embedded", description='"embedded", a model folder, or a hub id')
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the model computes")
    weights: Literal["auto", "dense", "nf4"] = Field(
        "auto", description="decoded once (dense), at each use (nf4: less memory), or as memory allows"
    )
    max_pieces: Count = Field(
        64, description="largest number of pieces of a long text, up to 200 tokens each; the rest is not read"
    )
    snapshot: Path = Field(Path("out/snapshot"), description="folder of the read-only copy for analysts")
    snapshot_texts: bool = Field(False, description="keep texts in the read-only copy")
    snapshot_group: str | None = Field(None, description="group of users who may read the read-only copy")
    snapshot_parquet: bool = Field(False, description="publish the scores by month as Parquet, too")
    chunk_rows: Count = Field(
        20_000, description="largest number of texts between two commits, about 30 seconds apart"
    )
    settle_s: Seconds = Field(5.0, description="seconds; a file that changes in this time is left for the next run")
    time_zone: Zone = Field("UTC", description="zone of the times that a run prints")
    threshold: Probability = Field(
        RULES.threshold, description="alert line for a subject's mean P(high risk) over 7 days"
    )
    min_texts: Count = Field(
        RULES.min_texts, description="texts in a week that a subject needs to be compared with the line"
    )
    min_cohort: Count = Field(11, description="numbers about fewer subjects than this are withheld")
    show_subjects: bool = Field(False, description="name subjects by their ids in the report")
    pseudonyms: bool = Field(True, description="keep keyed hashes of subject and document ids, not the ids")
    key_file: Path | None = Field(None, description="key of the pseudonyms; default: beside the database")
    text_days: TextDays | None = Field(None, description="days that texts are kept; scores stay; default: always")
    notify: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Apprise URLs that receive alerts and failed runs"
    )
    late_hours: Hours = Field(26.0, description="hours after the last finished run from which status says late")
    schedule: Schedule = Field(default_factory=Schedule, description="when jobs run, and which")
    alerts: AlertRules = Field(default_factory=AlertRules, description="the early-warning rules")
    on_change: OnChange = Field(
        "reject", description='a row with a used doc_id and another time or text: "reject", "replace" or "keep_both"'
    )
    ids: IdRules = Field(default_factory=IdRules, description="differences between ids that mean nothing here")
    quality: Quality = Field(default_factory=Quality, description="limits of the input's quality")
    feeds: tuple[Feed, ...] = Field((), description="files of the inbox with other columns, and how to read them")
    reports: tuple[Report, ...] = Field((), description="more reports, each for its own readers")
    risk_map: dict[str, str] | None = Field(None, description="risk level of each emotion; default: the model's")

    criteria: dict[str, Probability] | None = Field(
        None, description="probabilities above which criteria count as shown; default: the model's limits"
    )
    crisis_list: Path | None = Field(
        None, description="TOML list of crisis wording; default: the list that comes with the program"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read variables first, then arguments (the file's values), and nothing else."""
        return env_settings, init_settings

    @field_validator(*PATHS, "model", mode="before")
    @classmethod
    def _refuse_empty(cls, value: object) -> object:
        return require_path(value)

    @field_validator(*PATHS)
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value and with_home(value)

    @field_validator("model")
    @classmethod
    def _expand_home_of_model(cls, value: str) -> str:
        return str(with_home(value)) if value.startswith("~") else value

    @field_validator("notify", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value

    @field_validator("alerts", mode="before")
    @classmethod
    def _refuse_second_line(cls, value: object) -> object:
        if isinstance(value, dict) and (twice := [key for key in ("threshold", "min_texts") if key in value]):
            raise ValueError(f"{', '.join(twice)} belongs above the tables: the rule and the report share one line")
        return value

    @field_validator("reports")
    @classmethod
    def _distinct_reports(cls, value: tuple[Report, ...]) -> tuple[Report, ...]:
        names = [report.title for report in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several are named {', '.join(twice)}; give each a name of its own")
        return value

    def report_folder(self, report: Report) -> Path:
        """The folder of one of `reports`."""
        return report.folder or self.out.parent / report.title

    @property
    def model_choice(self) -> dict[str, Any]:
        """The arguments of `jobs.pipeline.run.open_scorer`, by name."""
        return {
            "model": self.model,
            "device": self.device,
            "risk_map": self.risk_map,
            "weights": self.weights,
            "criteria_limits": self.criteria,
            "max_pieces": self.max_pieces,
        }

    def model_with(self, **options: Any) -> dict[str, Any]:
        """`model_choice`, with the options of the command line that are given (not None) in place of its values."""
        return {**self.model_choice, **{name: value for name, value in options.items() if value is not None}}

    @property
    def alert_rules(self) -> AlertRules:
        """The table [alerts] with the alert line that the report draws."""
        return self.alerts.model_copy(update={"threshold": self.threshold, "min_texts": self.min_texts})

    @field_validator("feeds")
    @classmethod
    def _check_feeds(cls, value: tuple[Feed, ...]) -> tuple[Feed, ...]:
        for number, feed in enumerate(value, 1):
            if not feed.files:
                raise ValueError(f'feed {number} names no files; give files = "forms/*.csv", relative to the inbox')
        return value

    @field_validator("criteria")
    @classmethod
    def _known_criteria(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if unknown := sorted(set(value or ()) - {*CRITERIA, "any"}):
            raise ValueError(f"no such criterion: {', '.join(unknown)}; there are {', '.join(CRITERIA)} and any")
        return value

    @field_validator("risk_map")
    @classmethod
    def _check_risk_map(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        try:
            if value is not None:
                RiskMap(value)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return value


def load_settings(config: Path | None = None) -> Settings:
    """Settings of a file (default: risk-monitor.toml in the working folder, if it exists) and the variables.

    Raises:
        ConfigError: the file cannot be read, or a key or value in it or in a variable is wrong.
    """
    return _settings(_read(config or DEFAULT_FILE) if config or DEFAULT_FILE.exists() else {}, config)


def load_variables() -> Settings:
    """Settings from the variables alone, for a database that the settings file does not name.

    Raises:
        ConfigError: a variable has no such setting, or a wrong value.
    """
    return _settings({}, None)


def _settings(given: dict[str, Any], config: Path | None) -> Settings:
    _refuse_unknown_variables()
    try:
        settings = Settings(**given)
    except SettingsError as error:  # a table that a variable should hold as JSON
        field = str(error).split('"')[1]
        raise ConfigError(f"variable {PREFIX}{field.upper()}: not JSON") from error
    except ValidationError as error:
        lines = [_explain(fault["loc"], fault["type"], fault["msg"], config) for fault in error.errors()]
        raise ConfigError("; ".join(lines)) from error
    variables = EnvSettingsSource(Settings)()
    if faults := dict.fromkeys([*number_faults(given, settings), *number_faults(variables, settings)]):
        raise ConfigError("; ".join(_explain(place, "", message, config) for place, message in faults))
    return settings


def _read(config: Path) -> dict[str, Any]:
    """The file's values, with absolute paths."""
    try:
        require_regular(config, ConfigError)
        given = tomllib.loads(config.read_text(encoding="utf-8-sig"))  # Windows' Notepad begins files with a mark
    except OSError as error:
        raise ConfigError(
            f"{config}: cannot read this settings file ({error.strerror}); name one that this user may read"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{config}: not TOML, which is UTF-8; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{config}: not TOML ({error})") from error
    except RecursionError as error:
        raise ConfigError(f"{config}: nested too deep; no setting has more than three levels") from error
    folder = config.resolve().parent
    for key in PATHS:
        path = given.get(key, Settings.model_fields[key].default)
        if path is not None:
            given[key] = _beside(folder, path)
    for report in given["reports"] if isinstance(given.get("reports"), list) else ():
        for key in REPORT_PATHS:
            if isinstance(report, dict) and key in report:
                report[key] = _beside(folder, report[key])
    model = given.get("model")
    if isinstance(model, str) and model.strip() and (folder / model).is_dir():
        given["model"] = str(folder / model)
    return given


def _beside(folder: Path, path: object) -> object:
    """A path of the file, relative to its folder.

    A value that begins with `~`, or is empty or not a path, is left as it is.
    """
    if isinstance(path, str) and (path.startswith("~") or not path.strip()):
        return path
    return folder / path if isinstance(path, str | Path) else path


def _refuse_unknown_variables() -> None:
    for name in map(str.upper, os.environ):
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and name not in _OTHER_VARIABLES and key not in Settings.model_fields:
            raise ConfigError(f"variable {name}: no such setting{suggest(key)}")


def _explain(location: tuple[int | str, ...], kind: str, message: str, config: Path | None) -> str:
    """One fault as `source: key: fault`; the source is the file or a variable."""
    key = ".".join(map(str, location))
    variable = f"{PREFIX}{location[0]}".upper()
    source = f"variable {variable}" if variable in map(str.upper, os.environ) else str(config or DEFAULT_FILE)
    if kind == "extra_forbidden":
        table = next((kind for name, kind in _TABLES.items() if location[0] == name), Settings)
        return f"{source}: no such setting: {key}{suggest(str(location[-1]), table)}"
    if kind == "dict_type":
        message = "give each emotion's risk level, in a table of the file or as JSON in the variable"
    return f"{source}: {key}: {plain_message(kind, message)}"


def plain_message(kind: str, message: str) -> str:
    """The remedy for a fault that pydantic reports, in plain words."""
    message = next((words for sign, words in _WANTED.items() if kind.startswith(sign)), message)
    return message.removeprefix("Value error, ").replace("Input should", "it should")


_WANTED = {  # prefix of pydantic's error type -> remedy
    "path_": "give a path in quotes",
    "string_": "give a text in quotes",
    "int_": "give a whole number",
    "float_": "give a number",
    "bool_": "give true or false",
    "tuple_": "give a list, in [ ]",
    "too_short": "give at least one",
    "missing": "give both numbers",
    "model_": "this is a table: put its settings below a line with its name in [ ]",
}


_TABLES: dict[str, type[BaseModel]] = {
    "schedule": Schedule,
    "quality": Quality,
    "alerts": AlertRules,
    "feeds": Feed,
    "ids": IdRules,
    "reports": Report,
}


def suggest(key: str, table: type[BaseModel] = Settings) -> str:
    """The setting most similar to a misspelt key, or the list of all settings."""
    close = get_close_matches(key, table.model_fields, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (there are: {', '.join(table.model_fields)})"

"""Tables of the settings, and the kinds of their values: [schedule], and each of [[reports]]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.cron import Cron
from monitor.errors import ConfigError
from monitor.intake.quality_limits import Count

REPORT_PATHS = ("folder", "roster")


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"no time zone {value!r}; use a name such as Asia/Taipei") from error
    return value


Zone = Annotated[str, AfterValidator(_check_zone)]


def with_home(path: str | Path) -> Path:
    """The path with `~` or `~user` replaced by the home folder.

    Raises:
        ValueError: there is no such user, or the user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no such user or no home folder; write the whole path") from error


class Schedule(BaseModel):
    """The table [schedule]: when the jobs run, and which."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: str = Field(default="15 2 * * *", description="minute hour day month weekday, as cron reads it")
    time_zone: Zone | None = Field(default=None, description="zone of these times; default: time_zone")
    jobs: tuple[str, ...] = Field(default=("nightly",), min_length=1, description="command lines, one after another")

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        try:
            Cron.parse(value, "UTC")
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("cron ")) from error
        return value


class Report(BaseModel):
    """One [[reports]]: a report for its own readers, written each night beside the one in `out`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["aggregate", "people", "case"] = Field(
        "people", description="aggregates alone; also people by code; or for those who may see single people"
    )
    name: str | None = Field(None, pattern=r"^[\w-]+$", description="its name; default: the mode")
    folder: Path | None = Field(None, description="its folder; default: a folder of its name beside `out`")
    subject_pages: bool = Field(False, description="also a page for each person")
    show_subjects: bool = Field(False, description="show ids beside codes")
    evidence: bool = Field(False, description="quote texts")
    roster: Path | None = Field(None, description="CSV with subject_id and name: people by their names")
    lang: str = Field("en", description="language of its own words: en or zh-TW")
    days: Count = Field(366, description="days that the charts cover")
    cohorts: tuple[str, ...] = Field((), description="only texts of these cohorts; default: of all")

    @field_validator(*REPORT_PATHS)
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value and with_home(value)

    @model_validator(mode="after")
    def _may_name_people(self) -> Report:
        if self.roster is not None and self.mode != "case":
            raise ValueError(f'a roster names people, so it needs mode = "case", not "{self.mode}"')
        return self

    @property
    def title(self) -> str:
        """The name of the report."""
        return self.name or self.mode

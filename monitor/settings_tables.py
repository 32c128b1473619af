"""The tables [schedule] and [[reports]] of the settings, and the types of their values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.cron import Cron
from monitor.errors import ConfigError
from monitor.intake.quality_limits import Count

REPORT_PATHS = ("folder", "roster")
MOST = 10**9  # of a whole number; DuckDB's end at 2^63


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"no time zone {value!r}; use a name such as Asia/Taipei") from error
    return value


Zone = Annotated[str, AfterValidator(_check_zone)]


def require_path(value: object) -> object:
    """The value, unless it is an empty text, which would mean the working folder.

    Raises:
        ValueError: it is.
    """
    if isinstance(value, str) and not value.strip():
        raise ValueError("empty; give a path, or remove this setting")
    return value


def with_home(path: str | Path) -> Path:
    """The path with `~` or `~user` replaced by the home folder.

    Raises:
        ValueError: there is no such user, or the user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no such user or no home folder; write the whole path") from error


def number_faults(
    given: object, taken: object, place: tuple[int | str, ...] = ()
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Place and fault of each number that was given as true or false, and of each whole number beyond MOST.

    pydantic reads true as 1, so `threshold = true` would be a limit of 1, which no mean reaches.

    Args:
        given: the value in the file or in a variable; None if it is from neither.
        taken: what pydantic made of it.
        place: its position in the settings.
    """
    if isinstance(given, bool) and not isinstance(taken, bool):
        yield place, "give a number, not true or false"
    elif isinstance(taken, int) and not isinstance(taken, bool) and abs(taken) > MOST:
        yield place, f"give at most {MOST:,}"
    elif isinstance(taken, BaseModel | dict):
        values = dict(taken)
        own = given if isinstance(given, dict) else {}
        for name, value in values.items():
            yield from number_faults(own.get(name), value, (*place, name))
    elif isinstance(taken, list | tuple):
        own_list = given if isinstance(given, list | tuple) and len(given) == len(taken) else [None] * len(taken)
        for number, (value, one) in enumerate(zip(own_list, taken, strict=True)):
            yield from number_faults(value, one, (*place, number))


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
        "people", description="aggregates only; also people by code; or for those who may see single people"
    )
    name: str | None = Field(None, pattern=r"^[\w-]+$", description="its name; default: the mode")
    folder: Path | None = Field(None, description="its folder; default: a folder of its name beside `out`")
    subject_pages: bool = Field(False, description="also a page for each person")
    show_subjects: bool = Field(False, description="show ids beside codes")
    evidence: bool = Field(False, description="quote texts")
    roster: Path | None = Field(None, description="CSV with subject_id and name: people by their names")
    lang: str = Field("en", description="language of its own words: en or zh-TW")
    days: Count = Field(366, description="days that the charts cover")
    cohorts: tuple[str, ...] = Field(
        (),
        description="only texts of these cohorts; default: of all. Two reports together tell about the others",
    )

    @field_validator(*REPORT_PATHS, mode="before")
    @classmethod
    def _refuse_empty(cls, value: object) -> object:
        return require_path(value)

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

"""A feed: its files, the meaning of their columns, and the format of their values.

A feed comes from a table `[[feeds]]` of the settings or from options of `score` and `inspect`. Without one, files
have the columns subject_id, posted_at and text.
"""

from __future__ import annotations

import codecs
import datetime as dt
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from monitor.errors import ConfigError
from monitor.intake.date_rules import EXCEL, DateRule

PresetName = Literal[
    "google-forms",
    "qualtrics",
    "redcap",
    "m-path",
    "reddit",
    "twitter-archive",
    "slack",
    "discord",
    "telegram",
    "whatsapp",
    "dayone",
]
PRESETS: tuple[str, ...] = get_args(PresetName)
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Feed(BaseModel):
    """One feed; see each field's description.

    Raises:
        pydantic.ValidationError: a value is wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Names = Field(default=(), description="pattern of its files, relative to the inbox")
    preset: PresetName | None = Field(default=None, description="the program that wrote the files")
    subject_id: str | None = Field(default=None, description="column of the person's id")
    subject: str | None = Field(
        default=None, description="the id itself, for files of one person; {file} and {folder} stand for names"
    )
    posted_at: str | None = Field(default=None, description="column of the time")
    text: Names = Field(default=(), description="column of the text, or several that are joined")
    doc_id: str | None = Field(default=None, description="column of the text's own id")
    source: str | None = Field(default=None, description="column of the source")
    measures: Names = Field(default=(), description="columns of numbers, such as hours of sleep")
    date_format: Names = Field(default=(), description='formats of the time, such as "%d/%m/%Y %H:%M", or "excel"')
    day_first: bool | None = Field(default=None, description="whether 05/10/2026 is in October")
    time_zone: str | None = Field(default=None, description="zone of times without an offset; default: UTC")
    encoding: str | None = Field(default=None, description="of text files; default: utf-8")
    delimiter: str | None = Field(default=None, description="of CSV files; default: comma, semicolon or tab")
    skip_rows: int = Field(default=0, ge=0, description="lines before the header")
    skip_rows_after_header: int | None = Field(default=None, ge=0, description="rows between the header and the data")
    sheet: str | None = Field(default=None, description="of an Excel file; default: the first")

    @property
    def dates(self) -> DateRule:
        """How its dates are written."""
        return DateRule(self.date_format, self.day_first, self.time_zone)

    @property
    def label(self) -> str:
        """Its name in messages: its files, or its preset."""
        return ", ".join(self.files) or self.preset or "options"

    @field_validator("files")
    @classmethod
    def _check_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            path = PurePosixPath(pattern)
            if not pattern or path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{pattern!r}: give a pattern inside the inbox, such as forms/*.csv")
            if any("**" in part and part != "**" for part in path.parts):
                raise ValueError(f"{pattern!r}: ** needs slashes around it, such as forms/**/*.csv")
        return value

    @field_validator("measures", "text")
    @classmethod
    def _check_columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(name.strip() for name in value) or len({name.casefold() for name in value}) < len(value):
            raise ValueError("name each column, and each once")
        return value

    @field_validator("date_format")
    @classmethod
    def _check_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for form in value:
            if form == EXCEL:
                continue
            try:
                zone = dt.UTC if "%z" in form else None  # %Z is refused: strptime ignores the zone that it names
                day = dt.datetime.strptime(dt.datetime(2031, 11, 23, 21, tzinfo=zone).strftime(form), form).date()
            except (ValueError, TypeError, re.error) as error:
                raise ValueError(f"{form!r} is no date format ({error}); an example is %d/%m/%Y %H:%M") from error
            if day != dt.date(2031, 11, 23):
                raise ValueError(f"{form!r} does not name day, month and year; an example is %d/%m/%Y %H:%M")
        return value

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str | None) -> str | None:
        try:
            return value and ZoneInfo(value).key
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(f"no time zone {value!r}; use a name such as Asia/Taipei") from error

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                codecs.lookup(value)
                b"a".decode(value, "ignore").encode("utf-8", "surrogatepass")
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"no encoding {value!r}; names are cp1252, utf-16, big5, shift_jis") from error
        return value

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, value: str | None) -> str | None:
        value = value and _DELIMITERS.get(value, value)
        if value is not None and (len(value) != 1 or value in '\r\n"'):
            raise ValueError("give one character, such as ; or | or tab")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Feed:
        if self.subject_id is not None and self.subject is not None:
            raise ValueError("subject_id names a column and subject is the id itself; give one of them")
        if self.subject is not None and not self.subject.strip():
            raise ValueError("subject is empty; give the person's id, or {file}")
        if self.date_format and self.day_first is not None:
            raise ValueError("date_format already gives the place of the day; leave out day_first")
        return self


FeedOf = Callable[[Path], Feed | None]


def feed_finder(feeds: Sequence[Feed], inbox: Path) -> FeedOf:
    """A function from a file of the inbox to its feed, or to None if no feed's pattern matches the file.

    The function raises ConfigError if patterns of two feeds match the file.
    """
    matches: dict[Path, list[Feed]] = {}
    for feed in feeds:
        for path in feed_files(feed, inbox):
            matches.setdefault(path.resolve(), []).append(feed)

    def find(path: Path) -> Feed | None:
        found = matches.get(path.resolve(), [])
        if len(found) > 1:
            names = " and ".join(f'files = "{feed.label}"' for feed in found[:2])
            raise ConfigError(f"{path}: two feeds name this file ({names}); change one pattern")
        return found[0] if found else None

    return find


def feed_files(feed: Feed, inbox: Path) -> list[Path]:
    """The files of an inbox that a feed's patterns match, sorted, each once."""
    return sorted({path for pattern in feed.files for path in inbox.glob(pattern) if _may_be_file(path)})


def closed_folders(feeds: Sequence[Feed], inbox: Path) -> list[Path]:
    """The subfolders of an inbox that feeds name but this user may not read, sorted.

    `Path.glob` skips them without an error.
    """
    patterns = [PurePath(pattern).parts for feed in feeds for pattern in feed.files]
    starts = {str(PurePath(*parts[:n])) for parts in patterns for n in range(1, len(parts))}
    folders = {path for start in starts for path in inbox.glob(start) if not _may_be_file(path)}
    return sorted(path for path in folders if path.exists() and not os.access(path, os.R_OK | os.X_OK))


def _may_be_file(path: Path) -> bool:
    try:
        return not path.is_dir()
    except PermissionError:  # the file is in one of `closed_folders`
        return False

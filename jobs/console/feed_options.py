"""Options that say how the files of a feed are read; the same words as in a table [[feeds]] of the settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from monitor.errors import ConfigError
from monitor.intake.feeds import PRESETS, Feed
from monitor.settings import plain_message

_PANEL = "How the files are read (a table [[feeds]] has the same)"


def _option(*names: str, help: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL)


PresetOption = Annotated[str | None, _option(help=f"The program that wrote them: {', '.join(PRESETS)}.")]
SubjectIdOption = Annotated[str | None, _option(help="Column of the person's id.")]
SubjectOption = Annotated[str | None, _option(help="The id itself, for files of one person; {file} is their name.")]
PostedAtOption = Annotated[str | None, _option(help="Column of the time.")]
TextOption = Annotated[list[str] | None, _option(help="Column of the text; several are joined.")]
DocIdOption = Annotated[str | None, _option(help="Column of the text's own id.")]
SourceOption = Annotated[str | None, _option(help="Column of the source.")]
MeasuresOption = Annotated[list[str] | None, _option("--measure", help="Column of a number, such as hours of sleep.")]
DateFormatOption = Annotated[
    list[str] | None, _option(help='Format of the time, such as "%d/%m/%Y %H:%M", or excel.')
]
DayFirstOption = Annotated[bool | None, _option("--day-first/--month-first", help="What 05/10/2026 begins with.")]
TimeZoneOption = Annotated[str | None, _option(help="Zone of times without an offset (default: UTC).")]
EncodingOption = Annotated[str | None, _option(help="Encoding of text files, such as cp1252 (default: utf-8).")]
DelimiterOption = Annotated[str | None, _option(help="Delimiter of CSV files (default: comma, semicolon or tab).")]
SkipRowsOption = Annotated[int | None, _option(help="Lines before the header.")]
SkipAfterOption = Annotated[
    int | None, _option("--skip-rows-after-header", help="Rows between the header and the data.")
]
SheetOption = Annotated[str | None, _option(help="Sheet of an Excel file (default: the first).")]


def feed_from_options(**options: Any) -> Feed | None:
    """The feed of these options, by the names of Feed's fields; None if none is given.

    Raises:
        ConfigError: a value is wrong.
    """
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    given = {name: value for name, value in given.items() if value not in (None, ())}
    if not given:
        return None
    try:
        return Feed(**given)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            name = str(fault["loc"][0]).replace("_", "-") if fault["loc"] else ""
            option = f"--{'measure' if name == 'measures' else name}: " if name else ""
            faults.append(f"{option}{plain_message(fault['type'], fault['msg'])}")
        raise ConfigError("; ".join(faults)) from error

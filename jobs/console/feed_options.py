"""Options for reading the files of a feed. Their names are those of a table [[feeds]] in the settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from monitor.errors import ConfigError
from monitor.intake.feeds import PRESETS, Feed
from monitor.settings import plain_message

_PANEL = "How the files are read (as in the feeds of the settings)"


def _option(*names: str, help: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL)


_ANNOTATIONS: dict[str, Any] = {
    "preset": Annotated[str | None, _option(help=f"The program that wrote them: {', '.join(PRESETS)}.")],
    "subject_id": Annotated[str | None, _option(help="Column of the person's id.")],
    "subject": Annotated[
        str | None, _option(help="The id itself, where a file holds one person; {file} is the file's name.")
    ],
    "posted_at": Annotated[str | None, _option(help="Column of the time.")],
    "text": Annotated[list[str] | None, _option(help="Column of the text; several columns are joined.")],
    "doc_id": Annotated[str | None, _option(help="Column of the text's own id.")],
    "source": Annotated[str | None, _option(help="Column of the source.")],
    "measures": Annotated[list[str] | None, _option("--measure", help="Column of a number, such as hours of sleep.")],
    "date_format": Annotated[
        list[str] | None, _option(help='Format of the time, such as "%d/%m/%Y %H:%M", or excel.')
    ],
    "day_first": Annotated[
        bool | None, _option("--day-first/--month-first", help="Whether 05/10/2026 begins with the day or the month.")
    ],
    "time_zone": Annotated[str | None, _option(help="Zone of times without an offset (default: UTC).")],
    "encoding": Annotated[str | None, _option(help="Encoding of text files, such as cp1252 (default: utf-8).")],
    "delimiter": Annotated[str | None, _option(help="Delimiter of CSV files (default: comma, semicolon or tab).")],
    "skip_rows": Annotated[int | None, _option(help="Lines before the header.")],
    "skip_rows_after_header": Annotated[int | None, _option(help="Rows between the header and the data.")],
    "sheet": Annotated[str | None, _option(help="Sheet of an Excel file (default: the first).")],
}


def with_feed_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a feed: typer and its help show them in place of `**options`."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind != parameter.VAR_KEYWORD]
    feed = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _ANNOTATIONS.items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *feed])  # type: ignore[attr-defined]
    return command


def feed_from_options(**options: Any) -> Feed | None:
    """The feed that these options give, named as the fields of Feed; None without options.

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

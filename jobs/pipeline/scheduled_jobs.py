"""The command lines in `[schedule] jobs`: their settings file, and the folders that they write to."""

from __future__ import annotations

import inspect
import json
import os
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand

from jobs.console.app import COMMANDS
from jobs.pipeline.audiences import key_of
from monitor.database.connection import Database
from monitor.database.lake_views import is_remote
from monitor.errors import ConfigError
from monitor.settings import PATHS, PREFIX, Settings, load_settings
from monitor.settings_tables import REPORT_PATHS

# Options that replace the settings. A command with one of them refuses --config.
INSTEAD_OF_CONFIG = {"report": ("--db", "--out"), "evaluate-alerts": ("--numbers",)}
FOLDER_OPTIONS = ("out", "to")
FILE_COMMANDS = ("query",)  # --out names a file; it is written beside its place, and listed there
ENDLESS = ("schedule", "watch")  # a job after one of these would never start, and neither would another night


def command_lines(settings: Settings, config: Path | None) -> list[list[str]]:
    """The words of each job in `schedule.jobs`; --config is added if the command takes it and no option excludes it.

    Raises:
        ConfigError: a job cannot be split into words, or is not a command that can be scheduled.
    """
    lines = []
    for line in settings.schedule.jobs:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise ConfigError(f"schedule.jobs: {line!r}: {str(error).lower()}") from error
        if words and words[0] in ENDLESS:
            raise ConfigError(
                f"schedule.jobs: {line!r}: {words[0]} stays until it is stopped, so no later job or night would run; "
                "start it by itself, and name a command that ends, such as 'nightly'"
            )
        if not words or words[0] not in COMMANDS:
            raise ConfigError(f"schedule.jobs: {line!r} is not a command that can be scheduled, such as 'nightly'")
        if config is not None and _lacks_config(words):
            end = words.index("--") if "--" in words else len(words)
            words[end:end] = ["--config", str(config)]
        _check_options(line, words)
        lines.append(words)
    return lines


def _check_options(line: str, words: list[str]) -> None:
    """Check the options of a job, which would otherwise fail every night.

    Raises:
        ConfigError: the command has no such option, lacks an argument, or refuses these options together.
    """
    function, arguments = _function(words)
    if function is None:
        raise ConfigError(
            f"schedule.jobs: {line!r}: see `risk-monitor {words[0]} --help` for the commands of this group"
        )
    try:
        context = _command(function).make_context(words[0], list(arguments))
    except typer.TyperException as error:
        fault = str(error).rstrip(".")
        raise ConfigError(f"schedule.jobs: {line!r}: {fault}; see `risk-monitor {words[0]} --help`") from error
    except typer.Exit as error:
        raise ConfigError(f"schedule.jobs: {line!r} only prints its help; leave out --help") from error
    check = getattr(_module(words[0]), "check_options", None)
    if check is not None:
        try:
            check(context)
        except ConfigError as error:
            raise ConfigError(f"schedule.jobs: {line!r}: {error}") from error


def absolute_variables() -> dict[str, str]:
    """The environment for a process in another folder: paths in the variables of the settings are absolute."""
    names = {f"{PREFIX}{key}".upper() for key in PATHS}
    model, reports = f"{PREFIX}MODEL", f"{PREFIX}REPORTS"
    return {
        name: _absolute_reports(value)
        if name.upper() == reports
        else str(Path(value).absolute())
        if value.strip()
        and not value.startswith("~")
        and (name.upper() in names or (name.upper() == model and Path(value).is_dir()))
        else value
        for name, value in os.environ.items()
    }


def _absolute_reports(value: str) -> str:
    """The JSON of [[reports]] with absolute paths. Anything else is left to the job, which says what is wrong."""
    try:
        reports = json.loads(value)
    except (ValueError, RecursionError):
        return value
    for report in reports if isinstance(reports, list) else ():
        for key in REPORT_PATHS if isinstance(report, dict) else ():
            path = report.get(key)
            if isinstance(path, str) and path.strip() and not path.startswith("~"):
                report[key] = str(Path(path).absolute())
    return json.dumps(reports)


def _lacks_config(words: list[str]) -> bool:
    """Whether a command takes --config and was given neither --config nor an option that excludes it."""
    named = {word.partition("=")[0] for word in words}
    command = _function(words)[0]
    return (
        command is not None
        and "config" in inspect.signature(command).parameters
        and not named & {"--config", *INSTEAD_OF_CONFIG.get(words[0], ())}
    )


def _function(words: list[str]) -> tuple[Callable[..., Any] | None, list[str]]:
    """The function of a command, or of a group's command, and its arguments; None if there is no such command."""
    command = _module(words[0]).command
    if not isinstance(command, typer.Typer):
        return command, words[1:]
    for one in command.registered_commands:
        if words[1:2] == [one.name or getattr(one.callback, "__name__", "")]:
            return one.callback, words[2:]
    return None, []


def _module(name: str) -> ModuleType:
    """The module of a command."""
    return import_module(f"jobs.{name.replace('-', '_')}")


def _parameters(words: list[str]) -> dict[str, Any]:
    """Name -> value of the arguments in a job's words; only the readable part of a faulty line."""
    command, arguments = _function(words)
    if command is None:
        return {}
    return _command(command).make_context(words[0], list(arguments), resilient_parsing=True).params


def _command(function: Callable[..., Any]) -> TyperCommand:
    """The command line of a function."""
    app = typer.Typer(add_completion=False)
    app.command()(function)
    command = typer.main.get_command(app)
    assert isinstance(command, TyperCommand)  # a group would need several commands
    return command


def need_network(commands: list[list[str]]) -> bool:
    """Whether a job reads or writes a lake in an object store."""
    return any(is_remote(str(_parameters(words).get("lake") or "")) for words in commands)


def written_folders(settings: Settings, commands: list[list[str]], folder: Path) -> list[Path]:
    """The folders that the jobs write to, whether they exist or not; absolute, without `..`, links followed.

    Args:
        settings: those of the schedule.
        commands: the words of each job.
        folder: where the jobs run.
    """
    places = _folders_of(settings)
    for words in commands:
        given = _parameters(words)
        config, db = given.get("config"), given.get("db")
        if config is not None and (folder / config).is_file():
            places |= _folders_of(load_settings(folder / config))
        if db is not None:
            places |= _folders_of_database(folder / db)
        named = {folder / given[name] for name in FOLDER_OPTIONS if given.get(name)}
        places |= {place.parent for place in named} if words[0] in FILE_COMMANDS else named
        if (lake := given.get("lake")) and not is_remote(lake):
            place = folder / Path(lake.removeprefix("file://")).expanduser()
            places |= {place, place.parent}  # the key and the control file are beside it
        if words[0] == "backup" and given.get("folder"):
            places.add(folder / given["folder"])
    return sorted({place.resolve() for place in places})


def _folders_of(settings: Settings) -> set[Path]:
    reports = {settings.report_folder(report) for report in settings.reports}
    keys = {key_of(settings).parent} if settings.pseudonyms else set()
    return _folders_of_database(settings.db) | {settings.out, settings.snapshot} | reports | keys


def _folders_of_database(db: Path) -> set[Path]:
    """The folder of the database's name, where the key is made, and the folder of its file. They differ for a
    link.
    """
    return {db.parent, Database(db).file.parent}

"""The command lines in `[schedule] jobs`: their words, and their settings file."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from jobs.console.app import COMMANDS
from monitor.errors import ConfigError
from monitor.settings import PATHS, PREFIX, Settings

# Options that say what the settings would say; a command that is given one refuses --config beside it.
INSTEAD_OF_CONFIG = {"report": ("--db", "--out")}


def command_lines(settings: Settings, config: Path | None) -> list[list[str]]:
    """The words of each job in `schedule.jobs`, with --config added if its command takes it and nothing contradicts.

    Raises:
        ConfigError: a job cannot be split into words, or is no command to schedule.
    """
    lines = []
    for line in settings.schedule.jobs:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise ConfigError(f"schedule.jobs: {line!r}: {str(error).lower()}") from error
        if not words or words[0] not in COMMANDS or words[0] == "schedule":
            raise ConfigError(f"schedule.jobs: {line!r} is no command to schedule, such as 'nightly'")
        if config is not None and _lacks_config(words):
            end = words.index("--") if "--" in words else len(words)
            words[end:end] = ["--config", str(config)]
        lines.append(words)
    return lines


def absolute_variables() -> dict[str, str]:
    """The environment for a process in another folder: paths in the variables of the settings are absolute."""
    names = {f"{PREFIX}{key}".upper() for key in PATHS}
    model = f"{PREFIX}MODEL"
    return {
        name: str(Path(value).absolute())
        if value.strip()
        and not value.startswith("~")
        and (name.upper() in names or (name.upper() == model and Path(value).is_dir()))
        else value
        for name, value in os.environ.items()
    }


def _lacks_config(words: list[str]) -> bool:
    """Whether a command takes --config, and neither has it nor an option that contradicts it."""
    named = {word.partition("=")[0] for word in words}
    command = _function(words)[0]
    return (
        command is not None
        and "config" in inspect.signature(command).parameters
        and not named & {"--config", *INSTEAD_OF_CONFIG.get(words[0], ())}
    )


def _function(words: list[str]) -> tuple[Callable[..., Any] | None, list[str]]:
    """The function of a command, or of the command of a group, and its arguments; None: the group has no such one."""
    command = import_module(f"jobs.{words[0].replace('-', '_')}").command
    if not isinstance(command, typer.Typer):
        return command, words[1:]
    for one in command.registered_commands:
        if words[1:2] == [one.name or getattr(one.callback, "__name__", "")]:
            return one.callback, words[2:]
    return None, []

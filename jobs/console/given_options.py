"""The options that were given on the command line, and a refusal of those that a command would ignore."""

from __future__ import annotations

from collections.abc import Collection

import typer

from monitor.errors import ConfigError


def given_options(context: typer.Context) -> dict[str, str]:
    """The options and arguments given on the command line, in their order: name of the parameter -> option."""
    given = {}
    for parameter in context.command.params:
        name = parameter.name
        if name is not None and getattr(context.get_parameter_source(name), "name", None) == "COMMANDLINE":
            is_off = context.params[name] is False and parameter.secondary_opts
            given[name] = (parameter.secondary_opts if is_off else parameter.opts)[0]
    return given


def require_used(context: typer.Context, way: str, used: Collection[str]) -> None:
    """Check that the command uses every given option.

    Args:
        context: of the command.
        way: what ignores the others, for the message.
        used: names of the parameters that are used.

    Raises:
        ConfigError: an option is not used.
    """
    if ignored := [option for name, option in given_options(context).items() if name not in used]:
        raise ConfigError(
            f"{way} does not use {' and '.join(ignored)}; leave {'it' if len(ignored) == 1 else 'them'} out"
        )

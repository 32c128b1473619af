"""The risk-monitor command line.

    risk-monitor COMMAND [OPTIONS]        or        python -m jobs.COMMAND [OPTIONS]

Exit codes: 0 done · 1 a bug · 2 the user's mistake, in one clear line · 3 done, but an alert or a quality
gate fired and --fail-on is set (the command raises `typer.Exit(GATE_FIRED)`) · 130 Ctrl-C.

Only the module of the given command is imported, so `report`, `query` and every --help of the light commands start
without torch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

from jobs.console.app import COMMANDS, exit_with_code, new_app
from monitor import NOT_A_DIAGNOSIS

HELP = f"""Score short texts for emotion and risk, keep every score, watch the trend.

New here? Run `risk-monitor demo`. `risk-monitor --version` says what is installed.

{NOT_A_DIAGNOSIS}"""


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The app for these arguments: only the named command is loaded; the others are lines in the help.

    Args:
        arguments: the words after `risk-monitor`.
    """
    app = new_app(HELP)
    given = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        function = importlib.import_module(f"jobs.{name.replace('-', '_')}").command if name == given else _not_loaded
        if isinstance(function, typer.Typer):  # a group of subcommands
            app.add_typer(function, name=name, short_help=summary)
        else:
            app.command(name, short_help=summary)(function)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `risk-monitor` with these arguments (default: those of the process) and exit with its code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["--version"]:
        exit_with_code(_print_version)
        sys.exit()
    name = next((word for word in words if not word.startswith("-")), "")
    exit_with_code(lambda: build_app(words)(words, prog_name="risk-monitor"), name)


def _print_version() -> None:
    from jobs.console.version import version_line

    print(version_line())


def _not_loaded() -> None:
    """A placeholder in the list of commands."""


if __name__ == "__main__":
    main()

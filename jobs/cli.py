"""The risk-monitor command line.

    risk-monitor COMMAND [OPTIONS]        or        python -m jobs.COMMAND [OPTIONS]

Exit codes: 0 done · 1 a bug · 2 the user's mistake, in one clear line · 3 done, but an alert or a quality
gate fired and --fail-on asked to hear of it (a command says so with `raise typer.Exit(GATE_FIRED)`) · 130 Ctrl-C.

Only the module of the command that was asked for is imported, so `report`, `query` and every --help of the
light commands start without torch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

from jobs.console.app import COMMANDS, exit_with_code, new_app
from monitor import NOT_A_DIAGNOSIS

HELP = f"""Score short texts for emotion and risk, keep every score, watch the trend.

New here? Run `risk-monitor demo`.

{NOT_A_DIAGNOSIS}"""


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The app for these arguments: the command they name is loaded, the others are lines in the help.

    Args:
        arguments: the words after `risk-monitor`.
    """
    app = new_app(HELP)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        function = (
            importlib.import_module(f"jobs.{name.replace('-', '_')}").command if name == asked else _not_asked
        )
        app.command(name, short_help=summary)(function)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `risk-monitor` with these words (default: the process's own) and exit with its code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    exit_with_code(lambda: build_app(words)(words, prog_name="risk-monitor"))


def _not_asked() -> None:
    """Stand in the list of commands for a command that was not asked for."""


if __name__ == "__main__":
    main()

"""TODO"""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from collections.abc import Callable
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn

import typer
from rich.text import Text

from jobs.console.interrupts import Stopped
from jobs.console.progress import print_line, print_note, without_control_characters
from monitor.errors import MonitorError

USER_ERROR = 2


GATE_FIRED = 3


INTERRUPTED = 130


COMMANDS = MappingProxyType(
    {
        "demo": "Score the built-in synthetic feed and write its report.",
        "score": "Read texts into the database and score the new ones.",
        "alerts": "List the alerts, bring them up to date, acknowledge one.",
        "evaluate-alerts": "Measure the early-warning rules on courses that are known.",
        "report": "Write the offline risk report of a database.",
        "nightly": "The unattended run: read the inbox, score, report.",
        "schedule": "Run the nightly job when it is due.",
        "watch": "Score what comes into the inbox, all the time.",
        "status": "Say whether the runs are well.",
        "forget": "Remove every trace of a subject.",
        "query": "Ask the database a read-only SQL question.",
        "train": "Fine-tune a base model on labelled texts (QLoRA).",
        "evaluate": "Measure models on labelled texts.",
        "transfer": "Measure a model on text unlike its corpus.",
        "pretrain": "Rebuild the base of the built-in model.",
        "benchmark": "Measure how fast scoring is, beside the ways it replaces.",
    }
)
"""Each command, whose code is `command` in jobs/NAME.py (`_` for `-`), and its line in `risk-monitor --help`."""


def new_app(help_text: str | None = None) -> typer.Typer:
    """An app whose errors are plain tracebacks: never local variables, which hold people's texts."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run(command: Callable[..., Any]) -> None:
    """Run one command function as a program, for `python -m jobs.NAME`, and exit with its code."""
    app = new_app()
    app.command()(command)
    name = command.__module__.removeprefix("jobs.")
    if name == "__main__":
        name = sys.argv[0].rpartition("/")[2].removesuffix(".py")
    exit_with_code(lambda: app(prog_name=f"python -m jobs.{name}"))


def exit_with_code(call: Callable[[], object]) -> None:
    """Exit with 2 and one red line for what the user can mend; let bugs through with their traceback."""
    try:
        call()
    except Stopped as stop:
        _leave(
            "stopped as it was asked; what was committed is kept, and the next run completes the rest",
            stop.code,
        )
    except MonitorError as error:
        _refuse(str(error))
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:  # typer's of a KeyboardInterrupt
            raise
        _leave("interrupted; what was committed is kept", INTERRUPTED)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _refuse(f"{error.filename or 'the output'}: the disk is full; make room and run again")
        if not sys.stderr.isatty():
            sys.excepthook = print_without_messages
        raise


def _refuse(message: str) -> NoReturn:
    """Exit with a line about what the user can mend."""
    print_line(Text(f"risk-monitor: {' '.join(without_control_characters(message).split())}", style="red"))
    sys.exit(USER_ERROR)


def _leave(line: str, code: int) -> NoReturn:
    """Exit with a line, undisturbed by further Ctrl-C while what was loaded is torn down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print_note(line)
    sys.exit(code)


def print_without_messages(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    """The traceback of a bug for a log: without messages, which may quote somebody's text."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for fault in reversed(chain):
        frames = "".join(traceback.format_tb(fault.__traceback__))
        print(f"Traceback (most recent call last):\n{frames}{type(fault).__name__}", file=sys.stderr)
    print("The message is left out, for it may quote a text; a terminal shows it.", file=sys.stderr)

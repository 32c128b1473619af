"""Run a command: exit codes, and one line instead of a traceback for the user's mistakes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from errno import EDQUOT, EFBIG, ENAMETOOLONG, ENOSPC, EROFS
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn

import typer
from rich.text import Text

from jobs.console import streams
from jobs.console.interrupts import Stopped
from jobs.console.output_folder import remove_empty_folders
from jobs.console.progress import print_line, print_note, without_control_characters
from monitor.errors import LET_IN, ConfigError, MonitorError, cannot_write

USER_ERROR = 2
GATE_FIRED = 3
INTERRUPTED = 130
ONLY_WRITING = (ENOSPC, EDQUOT, EFBIG, EROFS)  # errors that only writing can have
LEAST_NUMBERS = MappingProxyType(  # of Polars from 1; of the Hugging Face hub any whole number
    {
        "POLARS_MAX_THREADS": 1,
        "POLARS_IDEAL_MORSEL_SIZE": 1,
        "HF_HUB_DOWNLOAD_TIMEOUT": 0,
        "HF_HUB_ETAG_TIMEOUT": 0,
    }
)
COMMANDS = MappingProxyType(
    {
        "demo": "Score the built-in synthetic feed and write its report.",
        "score": "Read texts into the database and score the new ones.",
        "inspect": "Say what a file is, and how to read it.",
        "alerts": "List the alerts, bring them up to date, record what was done about one.",
        "who": "Say whom a code or an id names; each use is logged.",
        "evaluate-alerts": "Measure the early-warning rules on subjects whose course is known.",
        "explain": "Say which sentences and words of a text its answer rests on.",
        "report": "Write the offline risk report of a database.",
        "nightly": "The unattended run: read the inbox, score, report.",
        "schedule": "Run the nightly job when it is due.",
        "watch": "Score new files of the inbox as they come in.",
        "status": "Say whether the runs are in order.",
        "backup": "Copy database and settings into a dated folder.",
        "restore": "Bring back what a backup holds.",
        "forget": "Remove every trace of a subject.",
        "query": "Run a read-only SQL query on the database.",
        "train": "Fine-tune a base model on labelled texts (QLoRA).",
        "evaluate": "Measure models on labelled texts.",
        "calibrate": "Calibrate the signal anew from your own labels.",
        "validate": "Compare the scores with clinical outcomes.",
        "transfer": "Measure a model on text unlike its corpus.",
        "pretrain": "Rebuild the base of the built-in model.",
        "lake": "Beyond one machine: a lake of Parquet files.",
        "benchmark": "Measure the speed of scoring, beside the methods it replaces.",
    }
)
"""Each command and its line in `risk-monitor --help`; its code is `command` in jobs/NAME.py (`_` for `-`)."""


INTERRUPTED_LINES = MappingProxyType(
    {
        "backup": "interrupted; no backup was made",
        **dict.fromkeys(("inspect", "report", "status", "restore", "query", "train"), "interrupted"),
        **dict.fromkeys(("evaluate-alerts", "validate", "transfer", "pretrain", "benchmark"), "interrupted"),
    }
)
"""The last line after Ctrl-C of each command that commits no scores, alerts or notes."""


def new_app(help_text: str | None = None) -> typer.Typer:
    """An app with plain tracebacks: local variables, which hold people's texts, are never printed."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run(command: Callable[..., Any]) -> None:
    """Run a command function as a program, for `python -m jobs.NAME`, and exit with its code."""
    app = new_app()
    app.command()(command)
    name = command.__module__.removeprefix("jobs.")
    if name == "__main__":
        name = sys.argv[0].rpartition("/")[2].removesuffix(".py")
    exit_with_code(lambda: app(prog_name=f"python -m jobs.{name}"), name.replace("_", "-"))


def run_group(group: typer.Typer, name: str) -> None:
    """Run a group of subcommands as a program, as `run` does for one command."""
    exit_with_code(lambda: group(prog_name=f"python -m jobs.{name}"))


def exit_with_code(call: Callable[[], object], name: str = "") -> None:
    """Call a command (`name`) and exit: 2 and one red line for the user's mistakes, a traceback for bugs."""
    streams.prepare()
    try:
        if sys.flags.optimize > 1:
            raise ConfigError(
                "Python runs without docstrings (PYTHONOPTIMIZE=2 or -OO), which libraries need; unset it"
            )
        _require_working_folder()
        _require_numbers()
        call()
    except Stopped as stop:
        _exit_with_note(
            "stopped on request; what was committed is kept, and the next run completes the rest",
            stop.code,
        )
    except MonitorError as error:
        _exit_with_error(str(error))
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:  # typer turns KeyboardInterrupt into this code
            raise
        _exit_with_note(INTERRUPTED_LINES.get(name, "interrupted; what was committed is kept"), INTERRUPTED)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in ONLY_WRITING:
            _exit_with_error(str(cannot_write(str(error.filename or "the output"), error)))
        if isinstance(error, PermissionError) and error.filename is not None:
            _exit_with_error(f"{error.filename}: {str(error.strerror).lower()}; {LET_IN}")
        if isinstance(error, OSError) and error.errno == ENAMETOOLONG and error.filename is not None:
            name = max(Path(os.fsdecode(error.filename)).parts, key=len)
            _exit_with_error(f"{name[:40]}…: {str(error.strerror).lower()}; name a shorter one")
        if number := _not_utf8(sys.argv[1:]):
            _exit_with_error(
                f"word {number} of the command line is not UTF-8; use a terminal whose characters are UTF-8, such as "
                "one with LANG=C.UTF-8, or rename the file"
            )
        if not sys.stderr.isatty():
            sys.excepthook = print_without_messages
        raise
    finally:
        remove_empty_folders()


def _require_working_folder() -> None:
    """Check that the working folder exists. Without it, paths and libraries fail in many different ways.

    Raises:
        ConfigError: the working folder was removed.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise ConfigError(
            f"the working folder: {error.strerror}; change to another one (cd) and run again"
        ) from error


def _require_numbers() -> None:
    """Check the variables of libraries whose wrong values end an import, or every query, with a traceback.

    Raises:
        ConfigError: a value cannot be used.
    """
    for name, least in LEAST_NUMBERS.items():
        value = os.environ.get(name)
        if value is None or (not value and least):  # Polars reads an empty value as none
            continue
        try:
            is_wrong = int(value) < least
        except ValueError:
            is_wrong = not least  # Polars ignores what is not a number
        if is_wrong:
            raise ConfigError(
                f"variable {name}: {value!r} cannot be used; unset it, or give a whole number from {least or 1}"
            )


def _not_utf8(words: Sequence[str]) -> int | None:
    """Number, from 1, of the first word whose bytes are not UTF-8. Only names of files may be such words."""
    undecoded = (number for number, word in enumerate(words, 1) if any("\ud800" <= sign <= "\udfff" for sign in word))
    return next(undecoded, None)


def _exit_with_error(message: str) -> NoReturn:
    """Exit with a line that says what the user should correct."""
    print_line(Text(f"risk-monitor: {' '.join(without_control_characters(message).split())}", style="red"))
    sys.exit(USER_ERROR)


def _exit_with_note(line: str, code: int) -> NoReturn:
    """Exit with a line; further Ctrl-C is ignored while the libraries clean up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print_note(line)
    sys.exit(code)


def print_without_messages(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Print the traceback of a bug without its messages, which may quote somebody's text."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for cause in reversed(chain):
        frames = "".join(traceback.format_tb(cause.__traceback__))
        print(f"Traceback (most recent call last):\n{frames}{type(cause).__name__}", file=sys.stderr)
    print("The message is left out because it may quote a text; a terminal shows it.", file=sys.stderr)

"""Errors a user can act on.

    MonitorError
    ├── ConfigError   a setting, option or prompt is wrong
    ├── DataError     an input file, row or column is wrong
    ├── ReportError   a night could not write one of its reports or the snapshot
    ├── ModelError    a model folder, adapter or tokenizer is wrong
    ├── ClockError    the clock is so far ahead that it may be wrong
    └── StoreError    the database is wrong, locked, foreign or of another schema
        └── BusyError another run is working on it

Each message is one line: what is wrong, where (file, row, column), and the remedy. The command line prints it
and exits with 2. Any other exception is a bug, with exit code 1.
"""

from errno import EDQUOT, EFBIG, ENOSPC

DISK_FULL = "the disk is full, or this user's quota is used up; make room and run again, committed rows are kept"

IN_THE_WAY = "a file stands there, or above it, where a folder should be"
LET_IN = "let this user in there, or name another place"


class MonitorError(Exception):
    """Base of every error that a user can correct."""


class ConfigError(MonitorError):
    """A setting, command-line option or prompt is wrong."""


class DataError(MonitorError):
    """An input file, row, column or label is wrong."""


class ReportError(MonitorError):
    """A night could not write one of its reports or the snapshot; it has done everything else."""


class ModelError(MonitorError):
    """A model folder, adapter or tokenizer is missing, damaged or mismatched."""


class ClockError(MonitorError):
    """The clock is so far ahead of the last run that it may be wrong."""


class StoreError(MonitorError):
    """The database is locked, damaged, foreign or of another schema version."""


class BusyError(StoreError):
    """Another run is working on the database."""


def reason_of(error: OSError) -> str:
    """What the operating system said, in words that fit a folder that cannot be made."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return IN_THE_WAY
    return str(error.strerror)


def cannot_write(place: str, error: OSError) -> MonitorError:
    """The error for an output that cannot be written: a full disk wants room, any other fault another folder.

    Args:
        place: the folder or file, with the option that named it, such as "--out report".
        error: what the operating system said.
    """
    if error.errno in (ENOSPC, EDQUOT, EFBIG):
        return StoreError(f"{place}: {DISK_FULL} ({error.strerror})")
    return ConfigError(f"{place}: cannot write there ({reason_of(error)}); name another folder")

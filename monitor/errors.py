"""Errors a user can act on.

    MonitorError
    ├── ConfigError   a setting, option or prompt is wrong
    ├── DataError     an input file, row or column is wrong
    ├── ModelError    a model folder, adapter or tokenizer is wrong
    ├── ClockError    the clock is so far ahead that it may be wrong
    └── StoreError    the database is wrong, locked, foreign or of another schema
        └── BusyError another run is working on it

Each message is one line: what is wrong, where (file, row, column), and the remedy. The command line prints it
and exits with 2. Any other exception is a bug, with exit code 1.
"""


class MonitorError(Exception):
    """Base of every error that a user can correct."""


class ConfigError(MonitorError):
    """A setting, command-line option or prompt is wrong."""


class DataError(MonitorError):
    """An input file, row, column or label is wrong."""


class ModelError(MonitorError):
    """A model folder, adapter or tokenizer is missing, damaged or mismatched."""


class ClockError(MonitorError):
    """The clock is so far ahead of the last run that it may be wrong."""


class StoreError(MonitorError):
    """The database is locked, damaged, foreign or of another schema version."""


class BusyError(StoreError):
    """Another run is working on the database."""

"""The installed versions of program, schema, built-in model and DuckDB, for bug reports and before upgrades."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import duckdb

from monitor.database.schema import n_steps
from monitor.model.folder import EMBEDDED, find_folder, fingerprint, open_folder


def version_line() -> str:
    """`risk-monitor 0.1.0 · schema 46 · model MODEL_ID · DuckDB 2.0.0`."""
    try:
        program = version("risk-monitor")
    except PackageNotFoundError:  # run from a checkout that is not installed
        program = "(not installed)"
    model_id, _ = fingerprint(open_folder(find_folder(EMBEDDED)), with_adapter=True)
    return f"risk-monitor {program} · schema {n_steps()} · model {model_id} · DuckDB {duckdb.__version__}"

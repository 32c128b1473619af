"""`from monitor import ...` gives the public names, and `import monitor` alone loads nothing large."""

import subprocess
import sys

import pytest

import monitor
from monitor.database.connection import Database
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer


def loaded(code: str) -> set[str]:
    """The top-level modules that a new interpreter has loaded after this code."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=monitor.ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_public_names_are_the_objects_of_their_modules() -> None:
    assert monitor.Database is Database
    assert monitor.LabelScorer is LabelScorer
    assert monitor.load_model is load_model
    assert all(hasattr(monitor, name) for name in monitor.__all__)


@pytest.mark.slow
def test_import_monitor_loads_no_duckdb_and_no_torch() -> None:
    assert not loaded("import monitor") & {"duckdb", "polars", "numpy", "torch", "transformers"}
    assert "torch" not in loaded("from monitor import Database")
    assert "duckdb" not in loaded("from monitor import LabelScorer, load_model")


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'monitor' has no attribute 'Scorer'"):
        _ = monitor.Scorer

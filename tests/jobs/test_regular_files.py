"""A pipe or a device where a file is expected: one line at once, never a wait without end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.backup import backup
from jobs.calibrate import read_labels
from jobs.evaluation.replay_texts import _read as read_pool
from jobs.query import read_sql
from monitor.corpora.labelled_files import read_labelled
from monitor.database.connection import Database
from monitor.errors import ConfigError, DataError, MonitorError
from monitor.evaluation.early_detection import Feed, read_truth
from monitor.evaluation.outcomes import read_outcomes
from monitor.intake.documents import find_inputs
from monitor.intake.sampling import read_sample
from monitor.privacy.pseudonyms import open_pseudonyms
from monitor.privacy.roster import read_roster
from monitor.settings import load_settings
from monitor.training.recipe import read_recipe

READERS: dict[str, tuple[str, Callable[[Path], object], type[MonitorError]]] = {
    "texts": ("t.csv", lambda path: find_inputs([path]), DataError),
    "an export to inspect": ("e.csv", lambda path: read_sample(path, None), DataError),
    "settings": ("rm.toml", load_settings, ConfigError),
    "SQL": ("q.sql", lambda path: read_sql(str(path)), DataError),
    "labels": ("l.csv", read_labels, DataError),
    "outcomes": ("o.csv", lambda path: read_outcomes(path, None, dict), DataError),
    "roster": ("r.csv", lambda path: read_roster(path, dict), DataError),
    "courses": ("t.csv", lambda path: read_truth(path, Feed({}), dict), DataError),
    "pool": ("p.parquet", read_pool, DataError),
    "training texts": ("train.csv", read_labelled, DataError),
    "key": ("k.key", open_pseudonyms, ConfigError),
    "roster of a backup": (
        "b.csv",
        lambda path: backup(Database(path.with_name("risk.duckdb")), path.parent, roster=path),
        ConfigError,
    ),
    "recipe": ("recipe.toml", lambda path: read_recipe(str(path), {}), ConfigError),
}


@pytest.mark.parametrize("what", READERS)
def test_a_pipe_is_refused_at_once(tmp_path: Path, what: str) -> None:
    name, read, error = READERS[what]
    os.mkfifo(tmp_path / name)
    with pytest.raises(error, match="not a regular file; save what it gives into a file"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("texts", r"no \.csv, .* file in this folder; put one there, or name another folder$"),
        ("an export to inspect", "a folder; name one of its files$"),
    ],
)
def test_a_folder_is_refused_with_a_remedy(tmp_path: Path, what: str, message: str) -> None:
    name, read, error = READERS[what]
    (tmp_path / name / name).mkdir(parents=True)
    with pytest.raises(error, match=message):
        read(tmp_path / name)


def test_a_table_of_outcomes_without_a_row_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("subject_id,date,name,value\n")
    with pytest.raises(DataError, match="there is no row below the header; give a CSV with"):
        read_outcomes(tmp_path / "o.csv", "phq9>=10", dict)

"""The built-in model and the rules on a diary whose long, cheerful entries all end darkly."""

import random
from pathlib import Path

import polars as pl
import pytest

from jobs.pipeline.run import open_scorer
from jobs.pipeline.score_files import score_files
from monitor.database.connection import Database

CHEERFUL = (
    "We had pancakes on the balcony and laughed about the neighbour's cat.",
    "The garden smells wonderful after the rain, and the roses are out.",
    "My sister called with good news, she got the job she wanted.",
    "I ran five miles along the river and felt great.",
    "Dinner with old friends was lovely, we sang all evening.",
    "The children built a castle of sand and were so proud of it.",
    "I love this new book, I read half of it in one go.",
    "Work went well, my team finished the project early and we celebrated.",
    "The sunset over the lake was beautiful, I took a hundred pictures.",
    "Grandma taught me her apple pie, and it turned out delicious.",
)
ENDING = " But when the lights are off I feel worthless and so sad, nothing matters and I cry myself to sleep."


def entries(file: Path, ending: str) -> Path:
    """5 nightly entries of about 600 words; more would say nothing else, and the model reads for long."""
    rng = random.Random(20)
    texts = [" ".join(rng.choices(CHEERFUL, k=52)) + ending for _ in range(5)]
    days = [f"2026-01-{day:02d}T22:00:00Z" for day in range(1, 6)]
    pl.DataFrame({"subject_id": "diarist", "posted_at": days, "text": texts}).write_csv(file)
    return file


@pytest.mark.slow
def test_dark_endings_raise_an_alert_within_three_entries_and_cheerful_entries_none(tmp_path: Path) -> None:
    scorer = open_scorer("embedded", "cpu")
    found = {}
    for name, ending in (("dark", ENDING), ("cheerful", "")):
        db = Database(tmp_path / f"{name}.duckdb")
        score_files([entries(tmp_path / f"{name}.csv", ending)], db, lambda: scorer)
        with db.reading() as con:
            found[name] = con.execute(
                "SELECT rule, CAST(min(opened_on) AS VARCHAR) FROM alerts GROUP BY rule ORDER BY rule"
            ).fetchall()
            ((highest,),) = con.execute("SELECT max(p_high) FROM scores").fetchall()
            assert highest < 0.4  # no entry as a whole is at the line
    assert found == {"dark": [("sustained", "2026-01-03")], "cheerful": []}

"""Readings: passages of real texts by their place, and what careful readers say of them."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor import ROOT
from monitor.corpora.mixture import is_listed
from monitor.corpora.sources import twin_key
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS
from tests.training.forum_halves import is_trained_on
from tests.training.readings import FORUMS, READINGS, UNSURE, Readings, folded_texts, read_readings

DATA = Path(os.environ.get("RISK_MONITOR_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(not (DATA / FORUMS).exists(), reason="the data folder is not there")


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    names = ["file", "row", "first_word", "words", "part", "source", "emotion", *CRITERIA]
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_reading_takes_the_words_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "pretrain").mkdir()
    pq.write_table(pa.table({"text": ["one  two\nthree four five"]}), tmp_path / "pretrain" / "a.parquet")
    row = {"file": "pretrain/a.parquet", "row": "0", "first_word": "1", "words": "3", "part": "train"}
    path = write(tmp_path / "r.csv.gz", [row | {"source": "diaries", "emotion": "none", "mood": "2", "sleep": "?"}])
    read = read_readings(tmp_path, path)
    assert read.texts == ["two three four"]
    assert read.grades[0, CRITERIA.index("mood")] == 2
    assert read.grades[0, CRITERIA.index("sleep")] == UNSURE
    assert read.grades[0].sum() == 2 + UNSURE
    assert not read.held[0]


def test_targets_follow_the_grades_and_the_network_where_the_reader_is_not_sure() -> None:
    grades = np.zeros((3, len(CRITERIA)), np.int64)
    grades[0, CRITERIA.index("mood")], grades[0, CRITERIA.index("worth")] = 1, 3
    grades[1, CRITERIA.index("sleep")] = UNSURE
    read = Readings(["a", "b", "c"], grades, ["sadness", "none", "joy"], ["x"] * 3, np.zeros(3, np.bool_))
    emotions = np.full((3, 6), 1 / 6, np.float32)
    criteria = np.full((3, len(ANSWERS)), 0.3, np.float32)
    examples = read.examples(emotions, criteria, 0.5)
    mood, worth, sleep = (CRITERIA.index(name) for name in ("mood", "worth", "sleep"))
    assert examples.criteria[0, [mood, worth, sleep]] == pytest.approx([0.45, 0.97, 0.02])
    assert examples.criteria[:, ANSWERS.index("any")] == pytest.approx([0.97, 0.3, 0.02])
    assert examples.criteria[1, sleep] == pytest.approx(0.3)
    assert examples.targets[0, EMOTIONS.index("sadness")] == pytest.approx(0.5 + 0.5 / 6)
    assert examples.targets[1] == pytest.approx([1 / 6] * 6)
    assert examples.targets.sum(axis=1) == pytest.approx([1, 1, 1])


@needs_data
def test_no_passage_that_measures_is_of_a_text_that_trains() -> None:
    """Forum passages are of the half that their part says, and no row of a file is in both parts."""
    with gzip.open(READINGS, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    posts = folded_texts(DATA, FORUMS)
    titles = pq.read_table(DATA / FORUMS, columns=["title", "body"]).to_pydict()
    raw = [
        f"{title or ''}. {body or ''}".strip() for title, body in zip(titles["title"], titles["body"], strict=True)
    ]
    assert len(posts) == len(raw)
    for row in rows:
        if row["file"] == FORUMS:
            assert is_trained_on(raw[int(row["row"])]) == (row["part"] == "train"), row
    places = {part: {(row["file"], row["row"]) for row in rows if row["part"] == part} for part in ("train", "held")}
    assert not places["train"] & places["held"]


@needs_data
def test_every_passage_is_found_and_its_answers_are_known_ones() -> None:
    read = read_readings(DATA)
    assert min(len(text.split()) for text in read.texts) >= 5
    assert set(np.unique(read.grades)) == {UNSURE, 0, 1, 2, 3}
    assert set(read.emotions) <= {*EMOTIONS, "none"}
    assert len(read.texts) == len(read.grades) > 9000
    assert read.held.sum() > 800
    held = {twin_key(text) for text, is_held in zip(read.texts, read.held, strict=True) if is_held}
    trained = {twin_key(text) for text, is_held in zip(read.texts, read.held, strict=True) if not is_held}
    assert not held & trained
    training = np.load(ROOT / "monitor" / "assets" / "emotion-llama" / "training_list.npy")
    measuring = [text for text, is_held in zip(read.texts, read.held, strict=True) if is_held]
    assert not is_listed(measuring, training).any(), "the model was trained on a passage that measures"

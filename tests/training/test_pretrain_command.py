"""The pretrain job end to end on a handful of texts: what it reads, leaves out and writes."""

import random
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from jobs.cli import build_app
from jobs.pretrain import command, read_corpora
from monitor.errors import ConfigError, DataError
from monitor.labels import EMOTIONS
from monitor.model.files import read_tokenizer
from monitor.model.folder import open_folder
from monitor.model.prompts import PromptEncoder
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer

NAMES = ("anna", "ben", "carla", "dan", "eve", "finn", "gina", "hugo", "ida", "jan")
PLACES = ("park", "kitchen", "office", "garden", "library", "station", "museum", "market")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    draw = random.Random(0)
    words = [f"{name}{suffix}" for name in NAMES for suffix in ("", "s", "ish", "like", "less", "ward")]
    posts = [
        f"I went to the {draw.choice(PLACES)} with {' '.join(draw.sample(words, 12))} and I'm fine." * 4
        for _ in range(300)
    ]
    posts.append("The committee met on Tuesday and the minutes were read aloud to all.")
    (folder / "pretrain").mkdir()
    pl.DataFrame({"text": posts}).write_parquet(folder / "pretrain" / "posts.parquet")
    (folder / "emotion").mkdir()
    for name, count in (("train", 60), ("val", 6), ("test", 6)):
        rows = [
            f"{name} {i} i feel {EMOTIONS[i % 6]} at the {draw.choice(PLACES)};{EMOTIONS[i % 6]}"
            for i in range(count)
        ]
        (folder / "emotion" / f"{name}.txt").write_text(
            "\n".join([*rows, "the very same;joy"]) + "\n", encoding="utf-8"
        )
    extra = {"text": ["the very same", "something else"], "emotion": ["joy", "love"]}
    pl.DataFrame(extra).write_parquet(folder / "emotion" / "unsplit_extra.parquet")
    (folder / "external").mkdir()
    comments = [
        ("train", f"comment by {draw.choice(NAMES)} {i}", ("neutral", "joy", "grief")[i % 3])
        for i in range(60)
    ]
    frame = pl.DataFrame(comments, schema=["split", "text", "labels"], orient="row")
    frame.write_parquet(folder / "external" / "goemotions_train_dev.parquet")
    return folder


def test_only_first_person_posts_and_no_held_out_text_are_read(data: Path) -> None:
    posts, short, _ = read_corpora(data, None)
    assert len(posts) == 300
    assert not any("committee" in post for post in posts)
    assert "something else" in short
    assert "the very same" not in short
    assert not any(text.startswith(("val", "test")) for text in short)


def test_a_base_is_made_that_loads_and_scores(data: Path, tmp_path: Path) -> None:
    tiny = [
        "--steps",
        "2",
        "--batch",
        "2",
        "--hidden",
        "64",
        "--layers",
        "1",
        "--mlp",
        "64",
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(
        build_app(["pretrain"]), ["pretrain", "--data", str(data), "--out", str(tmp_path / "base"), *tiny]
    )
    assert result.exit_code == 0, result.output
    folder = open_folder(tmp_path / "base")
    encoder = PromptEncoder(folder.manifest.prompt, read_tokenizer(folder.base))
    assert all(len(word) == 1 for words in encoder.label_ids for word in words)
    scores = LabelScorer(load_model(tmp_path / "base", device="cpu")).score(["I am here", ""])
    assert scores.probabilities.sum(axis=1) == pytest.approx([1, 1])


def test_a_model_is_not_written_over_nor_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "monitor.json").touch()
    for name, told in (("file", "cannot be made"), ("model", r"holds a model already \(monitor.json\)")):
        with pytest.raises(ConfigError, match=told):
            command(tmp_path / "no data", tmp_path / name)


def test_missing_posts_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Parquet file"):
        read_corpora(tmp_path, None)

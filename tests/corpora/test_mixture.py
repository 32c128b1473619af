"""The training mixture: free of held-out twins, at the natural mix, honest about words of two emotions."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.corpora.label_overlap import Overlap
from monitor.corpora.mixture import (
    NATURAL_MIX,
    Mixture,
    MixtureSettings,
    training_list,
    without_twins,
)
from monitor.corpora.sources import FLAT, instruction_pairs, read_comments, read_extra, twin_key
from monitor.corpora.splits import Split, load_splits
from monitor.errors import DataError
from monitor.labels import EMOTIONS
from monitor.model.folder import EMBEDDED_FOLDER

PLAIN = MixtureSettings(neutral=0, emotional=0, punctuate=0, shorten=0, surround=0)


def split(*rows: tuple[str, str]) -> Split:
    return Split(tuple(text for text, _ in rows), np.array([EMOTIONS.index(label) for _, label in rows]))


def many(count: int = 60) -> Split:
    return split(*[(f"i feel {emotion} number {i}", emotion) for emotion in EMOTIONS for i in range(count)])


def test_twins_of_held_out_texts_and_disputed_texts_are_left_out() -> None:
    train = split(
        ("i feel low", "sadness"),
        ("I feel, low!", "sadness"),
        ("i feel odd", "fear"),
        ("i feel odd", "surprise"),
        ("i feel fine", "joy"),
        ("i feel fine", "joy"),
    )
    kept, why = without_twins(train, [split(("i feel LOW", "joy"))])
    assert kept.texts == ("i feel fine",)
    assert why == {"twins of held-out texts": 2, "texts with two labels": 2, "repeats": 1}


def test_texts_in_any_script_or_none_are_twins_of_themselves_alone() -> None:
    texts = ("я чувствую", "我很難過", "मैं खुश हूँ", "🙂", "🙁", "café")
    train = split(*((text, "joy") for text in (*texts, "tout autre")))
    assert without_twins(train, [split(("Café!", "joy"), ("🙁", "joy"))])[0].texts == (
        *texts[:4],
        "tout autre",
    )
    kept, _ = without_twins(train, [split(("  ", "joy"))])
    assert len({twin_key(text) for text in kept.texts}) == 7


@given(st.text(st.characters(max_codepoint=127)))
def test_the_key_of_english_is_the_one_that_the_training_list_was_hashed_with(text: str) -> None:
    written = re.sub(r"[^a-z0-9]+", "", text.lower())[:60]
    assert not written or twin_key(text) == written


def test_a_twin_is_a_text_with_the_same_first_sixty_letters() -> None:
    start = "i feel that this sentence is long enough to fill up all of the sixty letters"
    assert twin_key(start + " and ends here") == twin_key(start.upper() + ", or there")
    assert len(twin_key(start)) == 60


def test_an_epoch_has_the_natural_mix_and_the_same_seed_draws_the_same() -> None:
    drawn = Mixture([many(200), many(300)], None, PLAIN)
    first = drawn.epoch(0)
    texts, targets = first.texts, first.targets
    assert targets.sum(axis=0) / len(texts) == pytest.approx(NATURAL_MIX, abs=0.01)
    assert drawn.epoch(0).texts == texts
    assert drawn.epoch(1).texts != texts


def test_without_extra_texts_an_epoch_is_the_canonical_split() -> None:
    canonical = many(20)
    drawn = Mixture([canonical, many(50)], None, MixtureSettings(**{**vars(PLAIN), "extra": False}))
    epoch = drawn.epoch(3)
    texts, targets = epoch.texts, epoch.targets
    assert tuple(texts) == canonical.texts
    assert (targets.argmax(axis=1) == canonical.labels).all()


def comments_file(folder: Path) -> Path:
    rows = [
        ("train", "what a day", "neutral"),
        ("train", "so sorry", "remorse,caring"),
        ("dev", "yay", "joy"),
    ]
    path = folder / "comments.parquet"
    pl.DataFrame(rows, schema=["split", "text", "labels"], orient="row").write_parquet(path)
    return path


def test_comments_are_cast_to_the_six_emotions_and_neutral_is_flat(tmp_path: Path) -> None:
    comments = read_comments(comments_file(tmp_path))
    assert comments.texts == ("what a day", "so sorry")
    assert comments.targets[0] == pytest.approx(FLAT)
    assert comments.targets[1] == pytest.approx([0.5, 0, 0.5, 0, 0, 0])
    assert comments.neutral.tolist() == [True, False]


def test_rewritten_texts_keep_their_emotion_and_targets_stay_distributions(tmp_path: Path) -> None:
    settings = MixtureSettings(neutral=1, emotional=1, punctuate=1, shorten=1, surround=1)
    epoch = Mixture([many(50)], read_comments(comments_file(tmp_path)), settings).epoch(0)
    texts, targets = epoch.texts, epoch.targets
    assert targets.sum(axis=1) == pytest.approx(np.ones(len(texts)))
    assert all("i feel" not in text and "what a day" in text for text in texts[:-2])
    assert targets[:-2].max(axis=1).min() > 0.8


def test_instruction_pairs_name_one_emotion_a_comment(tmp_path: Path) -> None:
    words = {word for _ in range(20) for _, word in instruction_pairs(read_comments(comments_file(tmp_path)), R)}
    assert words <= {" neutral", " remorse", " sadness", " caring", " love"}
    assert len(words) >= 4


R = np.random.default_rng(0)


def overlapping() -> Split:
    rows = [(f"i feel blessed on day {i}", ("joy", "love")[i % 2]) for i in range(60)]
    rows += [(f"i feel happy on day {i}", "joy") for i in range(60)]
    rows += [(f"i feel tender on day {i}", "love") for i in range(60)]
    rows += [(f"i feel weird on day {i}", ("fear", "surprise")[i % 2]) for i in range(60)]
    rows += [(f"i feel sad on day {i}", "sadness") for i in range(60)]
    return split(*rows)


def test_a_word_of_two_emotions_shares_its_target_and_a_clear_word_keeps_it() -> None:
    texts = ["they feel blessed", "they feel tender", "they feel sad"]
    targets = np.eye(6, dtype=np.float32)[[EMOTIONS.index(e) for e in ("love", "love", "sadness")]]
    Overlap(overlapping()).soften(targets, texts, trust=0.0)
    joy, love = EMOTIONS.index("joy"), EMOTIONS.index("love")
    assert 0.3 < targets[0, joy] < 0.7
    assert targets[0, joy] + targets[0, love] == pytest.approx(1.0)
    assert targets[1, love] > 0.9
    assert targets[2, EMOTIONS.index("sadness")] == 1.0


def test_full_trust_changes_no_target() -> None:
    targets = np.eye(6, dtype=np.float32)[overlapping().labels]
    before = targets.copy()
    Overlap(overlapping()).soften_canonical(targets, trust=1.0)
    assert np.array_equal(before, targets)


def test_a_missing_file_or_column_or_unknown_emotion_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"extra\.parquet: no such file"):
        read_extra(tmp_path / "extra.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(DataError, match=r"text\.parquet: not a readable Parquet file"):
        read_extra(tmp_path / "text.parquet")
    with pytest.raises(DataError, match="column emotion: missing"):
        read_extra(comments_file(tmp_path))
    pl.DataFrame({"text": ["a"], "emotion": ["disgust"]}).write_parquet(tmp_path / "odd.parquet")
    with pytest.raises(DataError, match="disgust"):
        read_extra(tmp_path / "odd.parquet")
    rows = {"split": ["dev", "dev"], "text": ["a", "b"], "labels": ["joy", None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "null.parquet")
    with pytest.raises(DataError, match=r"null\.parquet, row 2, column labels: not a text; correct"):
        read_comments(tmp_path / "null.parquet", "dev")
    with pytest.raises(DataError, match="no row of split 'test' with a known label"):
        read_comments(comments_file(tmp_path), "test")


def test_no_held_out_text_nor_twin_of_one_was_trained_on(data_dir: Path) -> None:
    splits = load_splits(data_dir / "emotion")
    trained_on = set(np.load(EMBEDDED_FOLDER / "training_list.npy").tolist())
    assert len(trained_on) > 10_000
    for name in ("validation", "test"):
        assert not trained_on & set(training_list(splits[name].texts).tolist())
    train = training_list(without_twins(splits["train"], [splits["validation"], splits["test"]])[0].texts)
    assert set(train.tolist()) <= trained_on

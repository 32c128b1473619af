"""Words of two emotions are told from words of one and from words of none."""

from pathlib import Path

import numpy as np

from monitor.corpora.ambiguous_words import SharedWords
from monitor.corpora.splits import Split, load_splits
from monitor.labels import EMOTIONS


def corpus() -> Split:
    rows = [(f"i feel blessed on day {i}", ("joy", "love")[i % 2]) for i in range(60)]
    rows += [(f"i feel happy on day {i}", "joy") for i in range(60)]
    rows += [(f"i feel tender on day {i}", "love") for i in range(60)]
    rows += [(f"i feel sad on day {i}", "sadness") for i in range(120)]
    rows += [("a rare word", "fear"), ("a rare word", "anger")]
    return Split(tuple(text for text, _ in rows), np.array([EMOTIONS.index(label) for _, label in rows]))


def test_words_of_two_emotions_and_of_one_are_found_and_others_are_not() -> None:
    found = SharedWords(corpus())
    joy, love = EMOTIONS.index("joy"), EMOTIONS.index("love")
    assert found.shared == {"blessed": (joy, love)}
    assert found.clear == {"happy": joy, "tender": love, "sad": EMOTIONS.index("sadness")}


def test_a_clear_word_decides_a_text() -> None:
    texts = [
        "I feel BLESSED",
        "blessed and happy",
        "blessed and sad",
        "blessed or tender",
        "happy",
        "",
        "a rare word",
    ]
    assert SharedWords(corpus()).undecided(texts).tolist() == [True, False, False, False, False, False, False]


def test_a_corpus_without_words_has_none() -> None:
    found = SharedWords(Split(("", " "), np.array([0, 1])))
    assert (found.shared, found.clear) == ({}, {})
    assert found.undecided(["any", ""]).tolist() == [False, False]


def test_the_emotion_corpus_shares_words_that_its_labels_follow_like_a_coin(data_dir: Path) -> None:
    splits = load_splits(data_dir / "emotion")
    found = SharedWords(splits["train"])
    assert {"sweet", "blessed", "helpless", "hated", "weird", "amazing"} <= set(found.shared)
    train = splits["train"]
    texts = [set(text.split()) for text in train.texts]
    for word, (first, second) in found.shared.items():
        labels = train.labels[[word in text for text in texts]]
        assert np.isin(labels, (first, second)).mean() >= 0.8
        assert (labels == second).sum() >= 0.3 * np.isin(labels, (first, second)).sum()
    assert 150 < found.undecided(splits["test"].texts).sum() < 300

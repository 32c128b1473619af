"""Explanations: sentences with their own answers, words by what leaving them out changes, and their faithfulness."""

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from monitor.explanation.faithfulness import faithfulness, high_risk
from monitor.explanation.occlusion import PAIRS, explain, weigh_words
from monitor.explanation.words import strongest, without, word_spans
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS, RiskMap

LIMITS = dict.fromkeys(ANSWERS, 0.6)
DARK = {"worthless": 2.0, "again": 1.0, "lovely": -1.5}


class WordScorer:
    """Adds up the words: log-odds of high risk by DARK, of `worth` by the word worthless; pieces of 60 characters."""

    def __init__(self) -> None:
        self.model = SimpleNamespace(model_id="words-1", risk_map=RiskMap(), criteria_limits=LIMITS)
        self.n_calls = 0

    def log_odds(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        self.n_calls += 1
        odds = np.array([sum(weight for word, weight in DARK.items() if word in text.lower()) for text in texts])
        symptoms = np.full((len(texts), len(ANSWERS)), -3.0)
        symptoms[:, CRITERIA.index("worth")] = [1.0 if "worthless" in text else -3.0 for text in texts]
        symptoms[:, CRITERIA.index("suicidal")] = [2.0 if "disappear" in text else -3.0 for text in texts]
        return odds, symptoms

    def answers(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        odds, symptoms = self.log_odds(texts)
        high = 1 / (1 + np.exp(-odds))
        emotions = np.stack([high, *[(1 - high) / 5] * 5], axis=1)
        assert emotions.shape[1] == len(EMOTIONS)
        return emotions, 1 / (1 + np.exp(-symptoms))

    def pieces(self, text: str) -> list[tuple[int, int]]:
        return [(first, min(first + 60, len(text))) for first in range(0, len(text), 60)]


TEXT = "What a lovely day. I feel worthless again!"


def test_words_and_sentences_of_a_short_text() -> None:
    (found,) = explain(WordScorer(), [TEXT])
    weights = {TEXT[w.first : w.last]: (w.high, w.criterion) for w in found.words}
    # The ridge draws weights towards 0 by its share of PAIRS, one part in seventeen.
    near = partial(pytest.approx, rel=0.1, abs=0.1)
    assert weights["worthless"] == near((2.0, 4.0))
    assert weights["again!"] == near((1.0, 0.0))
    assert weights["lovely"] == near((-1.5, 0.0))
    assert weights["day."] == near((0.0, 0.0))
    assert found.criterion == "worth"
    assert [(TEXT[s.first : s.last], s.criteria) for s in found.sentences] == [
        ("What a lovely day. ", ()),
        ("I feel worthless again!", ("worth",)),
    ]
    assert found.sentences[1].p_high > 0.9 > found.p_high > found.sentences[0].p_high
    assert (found.first, found.last) == (0, len(TEXT))


def test_a_word_weighs_what_it_adds_in_the_company_of_random_halves() -> None:
    class Either(WordScorer):
        def log_odds(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            return np.array([4.0 * ("low" in text or "sad" in text) for text in texts]), np.zeros((len(texts), 12))

    text = "so low and sad a day was this one of all days"
    ((weights, criterion),) = weigh_words(Either(), [text], [word_spans(text, 0, len(text))])
    by_word = dict(zip(text.split(), weights, strict=True))
    assert by_word["low"] == pytest.approx(2.0, abs=0.5), "each of two words that do alone counts half"
    assert by_word["sad"] == pytest.approx(2.0, abs=0.5)
    assert max(abs(weight) for word, weight in by_word.items() if word not in ("low", "sad")) < 0.7
    assert not criterion.any()


def test_a_long_passage_costs_no_more_variants_than_a_short_one() -> None:
    seen: list[int] = []

    class Counting(WordScorer):
        def log_odds(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            seen.append(len(texts))
            return super().log_odds(texts)

    text = "one two three " * 100
    weigh_words(Counting(), [text, "one", ""], [word_spans(some, 0, len(some)) for some in (text, "one", "")])
    assert seen == [2 * 2 * PAIRS]


@pytest.mark.parametrize(
    ("text", "is_left_out", "left"),
    [
        ("so  low, today", [0, 1, 0], "so  today"),
        ("so low", [1, 1], ""),
        ("我很難過", [0, 1, 0, 0], "我難過"),
        (" so\nlow ", [0, 1], "so"),
        ("", [], ""),
    ],
)
def test_a_word_is_left_out_with_the_space_behind_it(text: str, is_left_out: list[int], left: str) -> None:
    assert without(text, word_spans(text, 0, len(text)), np.array(is_left_out, dtype=bool)) == left


def test_faithfulness_follows_erasers_definitions() -> None:
    text, scorer = "worthless again nothing here now", WordScorer()
    words = [word_spans(text, 0, len(text))]
    p = {odds: 1 / (1 + np.exp(-odds)) for odds in (0.0, 1.0, 2.0, 3.0)}
    right = faithfulness(scorer, [text], words, [np.array([2.0, 1.0, 0.0, 0.0, 0.0])])
    # Shares of 1, 5, 10 and 20% of five words are one word, a half is three.
    assert right.comprehensiveness[0] == pytest.approx(p[3.0] - (4 * p[1.0] + p[0.0]) / 5)
    assert right.sufficiency[0] == pytest.approx(p[3.0] - (4 * p[2.0] + p[3.0]) / 5)
    assert right.turned.tolist() == [0.0]
    wrong = faithfulness(scorer, [text], words, [np.array([0.0, 1.0, 2.0, 3.0, 4.0])])
    assert wrong.comprehensiveness[0] == pytest.approx(0.0)
    alone = faithfulness(scorer, ["again a b c d"], [word_spans("again a b c d", 0, 13)], [np.eye(5)[0]])
    assert alone.turned.tolist() == [0.0], "odds of 0 leave high risk the likeliest of three levels"
    dark = "worthless, yet a lovely"
    assert high_risk(scorer, [dark, "lovely", ""]).tolist() == [True, False, True]
    turned = faithfulness(scorer, [dark], [word_spans(dark, 0, len(dark))], [np.array([1.0, 0, 0, 0])])
    assert turned.turned.tolist() == [1.0]


def test_of_a_long_text_the_piece_with_the_darkest_sentence_is_weighed() -> None:
    long = "It was a lovely time, all of it. " * 4
    text = long[:120] + "And now I am worthless."
    (found,) = explain(WordScorer(), [text])
    assert (found.first, found.last) == (120, len(text))
    assert {text[w.first : w.last] for w in found.words} == {"And", "now", "I", "am", "worthless."}


def test_thoughts_of_death_come_before_the_darkest_sentence() -> None:
    text = "I am worthless.".ljust(60) + "I could disappear.".ljust(60)
    (found,) = explain(WordScorer(), [text])
    assert found.criterion == "suicidal"
    assert found.first == 60


def test_all_texts_are_answered_in_two_calls() -> None:
    scorer = WordScorer()
    explained = explain(scorer, [TEXT, "", " ", TEXT, "a", "\ud800"])
    assert scorer.n_calls == 2
    assert explained[0] == explained[3]
    assert explained[1].words == explained[2].words == ()
    assert explain(scorer, []) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("so low", ["so", "low"]),
        (" (so)  low! ", ["(so)", "low!"]),
        ("我很難過", ["我", "很", "難", "過"]),
        ("", []),
        ("🙂 ok", ["🙂", "ok"]),
    ],
)
def test_words_are_what_stands_between_spaces(text: str, words: list[str]) -> None:
    assert [text[first:last] for first, last in word_spans(text, 0, len(text))] == words


def test_the_strongest_words_are_named_once_and_without_punctuation() -> None:
    text = "Worthless, worthless! again; day"
    weights = [(0, 10, 3.0), (11, 21, 2.0), (22, 28, 1.5), (29, 32, 0.1)]
    assert strongest(text, weights, 3) == ["Worthless", "again"]
    assert strongest(text, weights, 1) == ["Worthless"]
    assert strongest(text, [(0, 10, -1.0)], 3) == []
    assert strongest(text, [], 3) == []

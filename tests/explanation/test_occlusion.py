"""Explanations: sentences with their own answers, words by what leaving them out changes, and their faithfulness."""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from monitor.explanation.faithfulness import faithfulness, high_risk
from monitor.explanation.occlusion import CALM, PAIRS, Weights, explain, weigh_words
from monitor.explanation.words import bare, strongest, without, word_spans
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS, RiskMap
from monitor.model.sentences import STRETCH

LIMITS = dict.fromkeys(ANSWERS, 0.6)
DARK = {"worthless": 2.0, "again": 1.0, "lovely": -1.5}


class WordScorer:
    """Adds up the words: log-odds of high risk by DARK, of `worth` by the word worthless; pieces of 60 characters."""

    tokens_beside_text = 0

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
    near = partial(pytest.approx, abs=1e-6)
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


class Function(WordScorer):
    """Log-odds of high risk by a function of the words."""

    def __init__(self, odds: Callable[[list[str]], float]) -> None:
        super().__init__()
        self.odds = odds
        self.texts: list[str] = []

    def log_odds(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        self.texts += texts
        return np.array([self.odds(text.split()) for text in texts]), np.zeros((len(texts), 12))


def weigh(odds: Callable[[list[str]], float], text: str) -> Weights:
    """The weights of one text's words."""
    return weigh_words(Function(odds), [text], [word_spans(text, 0, len(text))])[0]


def test_a_word_weighs_what_it_adds_in_the_company_of_halves() -> None:
    text = "so low and sad a day was this one of all days"
    found = weigh(lambda words: 4.0 * ("low" in words or "sad" in words), text)
    by_word = dict(zip(text.split(), found.values[:, 0], strict=True))
    assert by_word["low"] == pytest.approx(2.0, abs=0.3), "each of two words that do alone counts half"
    assert by_word["sad"] == pytest.approx(2.0, abs=0.3)
    assert max(abs(weight) for word, weight in by_word.items() if word not in ("low", "sad")) < 0.3
    assert not found.values[:, 1].any()


@pytest.mark.parametrize("n_words", [1, 2, 7, PAIRS])
def test_words_that_add_up_get_their_weights_exactly(n_words: int) -> None:
    true = np.random.default_rng(1).normal(size=n_words)
    found = weigh(lambda words: sum(true[int(word)] for word in words), " ".join(map(str, range(n_words))))
    assert found.values[:, 0] == pytest.approx(true)
    assert found.errors[:, 0] == pytest.approx(np.zeros(n_words), abs=1e-9)


@pytest.mark.parametrize("n_words", [12, 24, 80])
def test_what_does_not_stand_out_of_the_noise_weighs_0(n_words: int) -> None:
    def odds(words: list[str]) -> float:
        noise = np.random.default_rng(list(map(int, words))).normal()
        return 10.0 * ("0" in words) + noise

    found = weigh(odds, " ".join(map(str, range(n_words))))
    high = np.array(found.clear())[:, 0]
    assert high[0] == pytest.approx(10.0, abs=1.5)
    assert (high[1:] == 0).mean() > 0.85
    assert (np.abs(found.values[1:, 0]) <= 2 * found.errors[1:, 0]).mean() > 0.85


def test_no_word_stands_out_where_only_their_number_counts() -> None:
    found = weigh(lambda words: float(len(words) % 2), "to be it of")
    assert found.clear() == [[0.0, 0.0]] * 4


def test_no_word_counts_for_an_answer_that_a_text_does_not_give() -> None:
    (found,) = explain(WordScorer(), ["a lovely day"])
    assert found.p_high < CALM
    assert [(word.high, word.criterion) for word in found.words] == [(0.0, 0.0)] * 3


def test_a_text_costs_its_words_as_often_as_there_are_pairs_and_once_more() -> None:
    scorer = Function(len)
    texts = ["one two three " * 100, "one", ""]
    weigh_words(scorer, texts, [word_spans(text, 0, len(text)) for text in texts])
    assert sum(len(text.split()) for text in scorer.texts) == 301 * (PAIRS + 1)


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


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("<b>sad</b>", "sad"),
        ("<p><b>sad</b>,</p>", "sad"),
        ('href="x">sad</a>.', "sad"),
        ("sad<br/>", "sad"),
        ("&quot;sad&quot;", "sad"),
        ("<b>sad</b>ness", "<b>sad</b>ness"),
        ("sad<br>alone", "sad<br>alone"),
        ("<sad>", "sad"),
        ("[i]sad[/i]", "[i]sad[/i]"),
        ("[sad](http://a.b),", "[sad](http://a.b)"),
        ("(sad),", "sad"),
        ("((sad)!)", "sad"),
        ("(sad", "sad"),
        ("sad(ness)", "sad(ness)"),
        ("(s)he.", "(s)he"),
        ("(a)(b)", "(a)(b)"),
        ("«sad»", "sad"),
        ("«sad»-ness", "«sad»-ness"),
        ("„sad“", "sad"),
        ('"sad"ness', '"sad"ness'),
        ('"sad",', "sad"),
        ("*sad*", "sad"),
        ("...sad.bad...", "sad.bad"),
        ("sad:(", "sad"),
        ("‘it’s", "it’s"),
        ("<3", "3"),
        (":)", ":)"),
        ("<br>", "br"),
    ],
)
def test_a_word_is_named_whole_with_both_signs_of_a_pair_or_none(word: str, name: str) -> None:
    assert bare(word) == name


def test_no_word_is_named_where_the_answer_is_spread_over_many() -> None:
    text = "a b c d e f g"
    places = word_spans(text, 0, len(text))
    even = [(*place, weight) for place, weight in zip(places, [1.0, 0.9, 0.8, 0.7, 0.6, 0.6, 0.1], strict=True)]
    assert strongest(text, even, 3) == []
    assert strongest(text, [*even[:5], (*places[5], 0.5), even[6]], 3) == ["a", "b", "c"]
    assert strongest("a a a a a a", [(*place, 1.0) for place in word_spans("a a a a a a", 0, 11)], 3) == ["a"]


def test_a_text_without_punctuation_is_told_in_parts_of_some_words() -> None:
    text = "lovely " * 70 + "and worthless again"
    scorer = WordScorer()
    scorer.pieces = lambda text: [(0, len(text))]  # type: ignore[method-assign]
    (found,) = explain(scorer, [text])
    assert "".join(text[part.first : part.last] for part in found.sentences) == text
    assert all(len(text[part.first : part.last].split()) < 2 * STRETCH for part in found.sentences)
    assert found.sentences[-1].criteria == ("worth",)
    assert found.sentences[0].criteria == ()

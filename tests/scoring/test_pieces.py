"""Pieces of long texts: they cover the text, fit the model, and make up the document's row."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.labels import EMOTIONS
from monitor.model.label_tree import probabilities
from monitor.model.prompts import PromptEncoder
from monitor.model.sentences import RUN_ON, STRETCH, sentence_spans
from monitor.model.token_rows import TokenRows
from monitor.scoring import text_rows
from monitor.scoring.loading import LoadedModel
from monitor.scoring.pieces import MAX_PIECES, Piece, cut_sentences, cut_text
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.text_rows import said
from monitor.settings import Settings
from tests.scoring.test_scorer import loaded
from tests.support import tiny_models

TOKENIZER = tiny_models.byte_level_tokenizer(symptoms=True)
ENCODER = PromptEncoder(tiny_models.one_token_template(), TOKENIZER)
LIMIT = 24
FAMILY = "👨‍👩‍👧‍👦"
ODD = {
    "one sentence of 10,000 words": "word " * 10_000,
    "no spaces": "nospacesatall" * 500,
    "one letter": "a" * 5_000,
    "right to left": "مرحبا كيف حالك اليوم. " * 80,
    "emoji": FAMILY * 300,
    "links": "https://example.org/a?b=c&d=e " * 100,
    "Chinese": "今天天气很好我们去公园散步。" * 60,
    "accents": "e" + "\u0301" * 2000,
    "lone surrogates": "\ud800 low " * 100,
    "white space": " \n" * 5000 + "end",
}


def cut(text: str, limit: int = LIMIT, most: int = 10**9) -> tuple[list[Piece], bool]:
    return cut_text(text, ENCODER.encode_whole, limit, most)


def check(text: str, pieces: list[Piece], limit: int) -> None:
    assert pieces[0].first == 0
    assert pieces[-1].last == len(text)
    assert all(one.last == other.first for one, other in pairwise(pieces))
    for piece in pieces:
        (ids,) = ENCODER.encode_whole([text[piece.first : piece.last].strip()])
        assert len(piece.ids) <= limit
        np.testing.assert_array_equal(piece.ids, ids)


@pytest.mark.parametrize("name", ODD)
def test_pieces_of_odd_texts_cover_them_and_fit(name: str) -> None:
    pieces, more = cut(ODD[name])
    assert not more
    check(ODD[name], pieces, LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "size"), [("a", 2**20), ("word ", 2**17), ("ل", 2**17), ("https://example.org/a?b=c ", 2**17)]
)
def test_pieces_of_a_large_text_cover_it_and_fit(part: str, size: int) -> None:
    text = part * (size // len(part.encode()))
    pieces, more = cut(text, limit=200)
    assert not more
    check(text, pieces, 200)


def test_a_text_of_many_empty_lines_is_cut_in_linear_time() -> None:
    text = "i am very sad and low today.\n" * 30 + ".\n" * 20_000

    def encode(parts: Sequence[str]) -> TokenRows:
        return ENCODER.encode_whole([said(part) for part in parts])

    started = time.process_time()
    pieces, more = cut_text(text, encode, LIMIT, 10**9)
    assert time.process_time() - started < 20, "a sum over all earlier units takes a minute and more"
    assert not more
    assert pieces[-1].last == len(text)


@given(st.text(alphabet=st.sampled_from("aB.!? \n🙂\u200d\u0301好。ا\ud800\x00-"), min_size=1, max_size=120))
def test_pieces_cover_every_character_once(text: str) -> None:
    pieces, more = cut(text, limit=8)
    assert not more
    check(text, pieces, 8)


@pytest.mark.parametrize("text", ["so low today " * 200, "I am low. You? We were sad and alone, then glad! " * 40])
def test_no_piece_ends_within_a_word(text: str) -> None:
    pieces, _ = cut(text)
    assert len(pieces) > 10
    assert all(text[piece.last - 1].isspace() for piece in pieces)


def test_pieces_end_with_a_sentence_where_one_fits() -> None:
    text = "i am very sad and low today. " * 30
    assert all(text[piece.first : piece.last].endswith("today. ") for piece in cut(text)[0])


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("I am so low, so low.", "I am so low, so low."),
        ("No, no, no! NO no", "No, no, no"),
        ("a" * 40 + " b", "a" * 16 + " b"),
        ("\U0001f642 ... !", ""),
        ("\U0001f642 5", "\U0001f642 5"),
        ("e" + "\u0301" * 9 + "t", "e" + "\u0301" * 3 + "t"),
        (" \n", ""),
        ("so so so", "so so so"),
    ],
)
def test_what_says_nothing_more_is_not_read(text: str, heard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if text.isascii():
        assert said(text) in (text, ""), "repeats in a short text are left alone"
    monkeypatch.setattr(text_rows, "LONG", 0)
    assert said(text) == heard


def test_an_emoji_of_several_characters_is_not_cut() -> None:
    assert all((piece.last - piece.first) % len(FAMILY) == 0 for piece in cut(FAMILY * 50, limit=60)[0])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    template = tiny_models.one_token_template()
    asked = type(template)(
        template.before, template.after, template.verbalizers, symptoms=tiny_models.symptoms_question()
    )
    return loaded(tmp_path_factory.mktemp("tiny"), TOKENIZER, asked)[0]


LONG = "i am very sad and low today. the sun is out and i love it! what a surprise it was. " * 8


def test_a_text_that_fits_is_scored_as_alone_bit_for_bit(model: LoadedModel) -> None:
    scorer = LabelScorer(model)
    scores = scorer.score(["i am very sad", LONG])
    alone = scorer.score(["i am very sad"])
    np.testing.assert_allclose(scores.probabilities[0], alone.probabilities[0], atol=1e-6)
    unsplit = probabilities(scorer.log_likelihoods(["i am very sad"]), 1.0)
    np.testing.assert_array_equal(alone.probabilities, unsplit)
    assert alone.n_pieces is not None
    assert alone.peak_high is not None
    assert alone.n_pieces.tolist() == [1]
    assert alone.peak_high[0] == alone.probabilities[0, EMOTIONS.index("sadness")]


def test_the_row_of_a_long_text_sums_up_its_pieces(model: LoadedModel) -> None:
    scorer = LabelScorer(model)
    scores = scorer.score(["short", LONG, "", LONG])
    own = scores.pieces
    assert own is not None
    assert own.symptoms is not None
    assert scores.criteria is not None
    assert set(own.owners.tolist()) == {1, 3}
    one = own.owners == 1
    spans = own.spans[one]
    parts = [LONG[first:last].strip() for first, last in spans]
    alone = scorer.score(parts)
    assert alone.criteria is not None
    np.testing.assert_allclose(own.probabilities[one], alone.probabilities, atol=1e-6)
    weighted = (alone.probabilities * alone.n_tokens[:, None]).sum(axis=0) / alone.n_tokens.sum()
    np.testing.assert_allclose(scores.probabilities[1], weighted, atol=1e-6)
    np.testing.assert_allclose(scores.criteria[1], alone.criteria.max(axis=0), atol=1e-6)
    np.testing.assert_array_equal(scores.probabilities[1], scores.probabilities[3])
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1.0)
    assert own.numbers[one].tolist() == list(range(1, one.sum() + 1))
    assert scores.n_tokens_read is not None
    assert scores.n_tokens_read.tolist() == scores.n_tokens.tolist()


def test_the_peak_is_that_of_the_darkest_sentence_or_piece(model: LoadedModel) -> None:
    scorer = LabelScorer(replace(model, max_text_tokens=200))
    middle = ("the sun is out and i love it! " * 10).strip()  # fits into a piece, but is longer than one look
    scores = scorer.score([LONG * 3, middle, "i am sad."])
    for row, text in enumerate((LONG * 3, middle)):
        pieces = [text[first:last] for first, last in scorer.pieces(text)]
        sentences = [piece[first:last] for piece in pieces for first, last in sentence_spans(piece)]
        assert len(sentences) > len(pieces)
        parts = [part.strip() for part in [*pieces, *sentences]]
        peak = scorer.answers(parts)[0][:, 0].max()
        np.testing.assert_allclose(scores.peak_high[row], peak, atol=1e-6)  # type: ignore[index]
        assert scorer.answers(parts)[0][:, 0].std() > 0
    assert scores.n_pieces is not None
    assert scores.n_pieces.tolist()[1:] == [1, 1]
    np.testing.assert_allclose(scores.peak_high[2], scores.probabilities[2, 0])  # type: ignore[index]


@pytest.mark.parametrize("repeats", range(25, 40, 3))
def test_sentences_of_every_piece_of_a_long_text_are_read_alone(repeats: int) -> None:
    dark = "i am sad."
    full = "the sun is out and i love it! " * repeats + dark
    rows = text_rows.encode_pieces(ENCODER, 200, MAX_PIECES, ["the sun is out. " + dark, full], 0)
    parts = [full[first:last].strip() for first, last in rows.spans[rows.owners == 1]]
    assert dark in parts
    assert (rows.owners == 0).sum() == 1  # a text of one look has its own answer alone


def test_a_text_without_punctuation_is_read_in_overlapping_stretches() -> None:
    words = [f"word{number} " for number in range(RUN_ON + 1)]
    text = "One sentence. " + "".join(words)
    spans = cut_sentences([text], np.array([0]), np.array([[0, len(text)]]), ENCODER.encode_whole, 200).spans.tolist()
    parts = [text[first:last] for first, last in spans]
    stretches = [part for part in parts if part.count("word") == STRETCH]
    assert stretches[0].startswith("word0 ")
    assert stretches[-1].endswith(f"word{RUN_ON} ")
    for before, after in pairwise(stretches):  # half of each is in the next
        assert after.split()[0] in before.split()[: STRETCH // 2 + 1]
    assert "One sentence. " in parts
    assert "".join(words) in parts
    short = "One sentence. " + "".join(words[:RUN_ON])
    found = cut_sentences(
        [short], np.array([0]), np.array([[0, len(short)]]), ENCODER.encode_whole, 200
    ).spans.tolist()
    assert [short[first:last] for first, last in found] == ["One sentence. ", "".join(words[:RUN_ON])]


def test_stretches_go_on_across_the_cut_between_two_pieces() -> None:
    text = "".join(f"word{number} " for number in range(100))
    middle = text.index("word50 ")
    found = cut_sentences(
        [text], np.array([0, 0]), np.array([[0, middle], [middle, len(text)]]), ENCODER.encode_whole, 200
    )
    parts = [text[first:last] for first, last in found.spans.tolist()]
    assert any("word49 word50 " in part for part in parts)
    starts_later = found.spans[:, 0] >= middle
    assert found.pieces.tolist() == starts_later.astype(int).tolist()


def test_a_word_said_over_and_over_has_no_stretches() -> None:
    text = "One sentence. " + "again " * 10_000
    spans = cut_sentences([text], np.array([0]), np.array([[0, len(text)]]), ENCODER.encode_whole, 200).spans
    assert len(spans) == 2


def test_what_is_beyond_the_most_pieces_is_not_read_and_said_so(model: LoadedModel) -> None:
    scores = LabelScorer(model, max_pieces=2).score(["short", LONG])
    assert scores.truncated.tolist() == [False, True]
    assert scores.n_pieces is not None
    assert scores.n_tokens_read is not None
    assert scores.n_pieces.tolist() == [1, 2]
    assert scores.n_tokens_read[1] < scores.n_tokens[1]


@pytest.mark.parametrize("name", ODD)
def test_odd_texts_give_no_nan(model: LoadedModel, name: str) -> None:
    scores = LabelScorer(model, max_pieces=3).score([ODD[name]])
    assert np.isfinite(scores.probabilities).all()
    assert np.isfinite(scores.peak_high).all()  # type: ignore[arg-type]
    assert scores.probabilities.sum() == pytest.approx(1)


def test_each_text_is_reported_as_done_once(model: LoadedModel) -> None:
    done: list[int] = []
    LabelScorer(model, max_tokens=80).score([LONG, "short", LONG, "low"], done.append)
    assert sum(done) == 4


def test_the_setting_has_the_default_of_the_scorer(tmp_path: Path) -> None:
    assert Settings().max_pieces == MAX_PIECES

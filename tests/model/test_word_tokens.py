"""Tokens by words are those that the tokenizer gives, whatever a text holds."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from monitor.labels import EMOTIONS
from monitor.model import word_tokens
from monitor.model.files import read_tokenizer
from monitor.model.prompts import PromptEncoder, PromptTemplate, plain_template
from monitor.model.special_tokens import FENCE
from monitor.model.word_tokens import WordTokens
from monitor.training.continued import open_source
from monitor.training.pretraining import build_tokenizer
from tests.support import tiny_models

SENTENCES = [
    "i didnt feel low today",
    "see https://a.org/x now",
    "well... 12 of 30, ok?",
    "naïve été 你好 🙂",
    "it's me",
]
SPECIAL = ["<|one|>", "<|two|>"]
OURS: Tokenizer = build_tokenizer(SENTENCES * 3, 420, SPECIAL).backend_tokenizer
BETWEEN = PromptTemplate("<s><|text|>", "<|emotion|>", {emotion: (f" {emotion}",) for emotion in EMOTIONS})
ENCODER = PromptEncoder(BETWEEN, OURS)
# What the normaliser, the words and the special tokens of a tokenizer turn on.
SPACES = [" ", "\t", "\n", "\x00", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "\u200b", "\u180e", "\ufeff"]
MARKS = ["'", "`", "\u2019", "\u00b4", "'s", "http://", "HTTPS://a", "www.", "ww w.", "://"]
LETTERS = ["I", "İ", "ſ", "ﬁ", "Σ", "e\u0301", "\u0301", "\u00ff", "½", "１", "🙂", "🇬🇧", "क्षि"]
TELLING = st.sampled_from([*SPACES, *MARKS, *LETTERS, "<s>", "<|text|>", "<|emotion|>"])
ANY_TEXT = st.lists(st.one_of(st.text(max_size=6), TELLING), max_size=12).map("".join)


def by_tokenizer(encoder: PromptEncoder, texts: Sequence[str]) -> list[list[int]]:
    """The tokens between prefix and suffix of whole prompts, each tokenised alone."""
    first, last = len(encoder.prefix_ids), len(encoder.suffix_ids)
    return [encoder._whole(text)[first:-last] for text in texts]


@given(texts=st.lists(ANY_TEXT, max_size=5))
@example(texts=["", " ", "a", "", "A  b\u0085c"])
@example(texts=[FENCE, f"<{FENCE}s>"])
@settings(max_examples=300)
def test_words_give_the_tokens_of_the_whole_prompt(texts: list[str]) -> None:
    assert ENCODER._words is not None
    cleaned = [text.replace(FENCE, "").encode("utf-8", "replace").decode() for text in texts]
    assert [row.tolist() for row in ENCODER.encode_whole(texts)] == by_tokenizer(ENCODER, cleaned)


def test_the_embedded_model_is_tokenised_by_words() -> None:
    model = open_source(None, "embedded")
    embedded_prompt = PromptEncoder(model.manifest.prompt, read_tokenizer(model.base))
    texts = ["i feel fine", "It's 3:30 a.m. & I can't sleep…", "www.example.org", "", "x" * 3000, "né 🙂 'quoted'"]
    assert embedded_prompt._words is not None
    assert [row.tolist() for row in embedded_prompt.encode_whole(texts)] == by_tokenizer(embedded_prompt, texts)


def test_a_full_dictionary_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_tokens, "MOST_WORDS", 3)
    words, seen = WordTokens(OURS), []
    for text in ("one two three four", "five", "two one"):
        assert words.rows([text])[0].tolist() == OURS.encode(text, add_special_tokens=False).ids
        seen.append(len(words))
    assert seen == [5, 2, 4]  # with the end of a text


def changed(**parts: object) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(json.loads(OURS.to_str()) | parts))


def test_other_tokenizers_are_asked_themselves() -> None:
    assert WordTokens.applies(OURS)
    state = json.loads(OURS.to_str())
    without_url = state["normalizer"] | {"normalizers": state["normalizer"]["normalizers"][:2]}
    word = {"id": 600, "content": "low", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    others = (
        changed(normalizer=None),
        changed(normalizer=without_url),
        changed(pre_tokenizer=state["pre_tokenizer"] | {"add_prefix_space": False}),
        changed(model=state["model"] | {"dropout": 0.1}),
        changed(added_tokens=[*state["added_tokens"], word | {"special": False}]),
        tiny_models.byte_level_tokenizer(),
    )
    assert [WordTokens.applies(other) for other in others] == [False] * len(others)
    assert PromptEncoder(plain_template("<s>"), OURS)._words is None  # a text there stands after a space

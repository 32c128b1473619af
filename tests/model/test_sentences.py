"""Sentences: their ends, and that they cover a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.sentences import BLOCK, sentence_spans


def sentences(text: str) -> list[str]:
    return [text[first:last] for first, last in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["I am low. ", "Dr. Smith said so. ", "What now?"],
        ["no punctuation here\n", "and none there\n", "end"],
        ["This line is so long that an editor has broken it at its margin,\nand it goes on here. ", "Next."],
        ["One.\n\n", "two"],
        ["你好。", "再见"],
        ["مرحبا. ", "كيف حالك؟ ", "بخير."],
        ["\n\n  Late start. ", "End\r\n", "\r\n"][:2],
    ],
)
def test_sentences_end_where_a_reader_ends_them(expected: list[str]) -> None:
    assert sentences("".join(expected)) == expected


def test_a_sentence_longer_than_a_block_stays_whole() -> None:
    long = "word " * BLOCK + "end. "
    assert sentences("Short one. " + long + "Last one.") == ["Short one. ", long, "Last one."]


@given(st.text(alphabet=st.sampled_from("aB.!?,\n\r \"'()。؟🙂\u0301\ud800\u2028\x00"), max_size=80))
def test_sentences_cover_every_character_once(text: str) -> None:
    spans = list(sentence_spans(text))
    assert all(first < last for first, last in spans)
    assert [place for span in spans for place in range(*span)] == list(range(len(text)))

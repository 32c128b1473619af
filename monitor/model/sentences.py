"""Find where the sentences of a text begin and end, and the stretches of a sentence that is very long.

`sentencex` (the splitter of Wikimedia's translation tool, rules and abbreviations) finds the sentence ends within a
line. This module decides which line breaks end a sentence. `sentencex` gets at most BLOCK characters at a time,
because its time grows with the square of the length of a passage without spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from sentencex import get_sentence_boundaries

BLOCK = 1000  # characters: far more than a sentence, but few enough for a quick search
WRAPPED = 50  # characters: the break after a line of this length or more may come from an editor, not from the writer
# Characters that may end a sentence before the end of a line; a line without such a character needs no search.
_INNER_END = re.compile(r"[^\w\s,'’\-]\s*\S")
# Han, kana, and the scripts of Thai, Lao, Burmese and Khmer are written without spaces.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{_UNSPACED}][^\w\s]*\s*|[^\s{_UNSPACED}]+\s*|\s+")
RUN_ON = 60  # words; a sentence of more words is also read in stretches, as its writer probably uses no punctuation
STRETCH = 24  # words of a stretch; the next stretch begins in its middle
MOST_WORDS = 200  # of a sentence in a piece of 200 tokens; a sentence of more words repeats one word
Span = tuple[int, int]


def sentence_spans(text: str) -> Iterator[Span]:
    """First and last character (exclusive) of each sentence, in order; every character is in exactly one.

    White space belongs to the sentence before it. A line break ends a sentence, unless the line is long and the next
    line starts in lower case. A text without punctuation has one sentence per line. The time is linear in the length.
    """
    first = 0
    for start, end in _lines(text):
        for last in _ends(text, start, end):
            yield first, last
            first = last


def _lines(text: str) -> Iterator[Span]:
    """Lines, each with the blank lines after it; lines that an editor has wrapped are joined."""
    start = end = written = 0  # `written`: the length of the last line that is not blank
    is_blank_between = False
    for line in text.splitlines(keepends=True):
        if line.isspace():
            is_blank_between = True
        else:
            goes_on = written >= WRAPPED and not is_blank_between and line[0].islower()
            if written and not goes_on:
                yield start, end
                start = end
            written, is_blank_between = len(line), False
        end += len(line)
    if start < end:
        yield start, end


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """The ends of the sentences of a line."""
    while start < end and _INNER_END.search(text, start, end):
        block = text[start : min(start + BLOCK, end)].encode("utf-8", "replace").decode()  # without lone surrogates
        ends = [start + sentence["end_index"] for sentence in get_sentence_boundaries("en", block)]
        ends = [last for last in ends if start < last < start + len(block) and not text[last].isspace()]
        yield from ends
        # The last sentence of a block may continue in the next block. A block without an inner end is skipped.
        start = end if start + len(block) == end else (ends[-1] if ends else start + len(block))
    yield end


def stretches(text: str, first: int, last: int, most: int = MOST_WORDS) -> list[Span]:
    """Overlapping stretches of STRETCH words that cover a sentence of more than RUN_ON and at most `most` words.

    Returns:
        first and last character (exclusive) of each in the text; nothing for a sentence of fewer or more words.
    """
    starts = [word.start() for word in WORD.finditer(text, first, last)]
    if not RUN_ON < len(starts) <= most:
        return []
    ends = [*starts[STRETCH:], last]
    final = len(starts) - STRETCH
    return [(starts[word], ends[word]) for word in (*range(0, final, STRETCH // 2), final)]


def told_sentences(text: str, first: int, last: int) -> Iterator[Span]:
    """The sentences of a piece, one after the other; a sentence that has stretches comes as several parts."""
    for start, end in sentence_spans(text[first:last]):
        starts = [begin for begin, _ in stretches(text, first + start, first + end)[::2]]
        yield from pairwise([*(starts or [first + start]), first + end])

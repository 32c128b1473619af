"""Words of a text for an explanation: their positions, the strongest ones, and the text without some of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Span = tuple[int, int]
# A character of a script without spaces, or a run of letters, digits, marks and what joins them; punctuation and
# emoji that stand alone are words of their own.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_EDGES = "".join(map(chr, range(33, 48))) + ":;<=>?@[\\]^_`{|}~“”„‘’‚«»‹›…—–。，！？、（）「」『』【】《》"
_CLOSED_BY = dict(zip('([{<"“„«‹（「『【《', ')]}>"”“»›）」』】》', strict=True))
_OPENED_BY = {close: opener for opener, close in _CLOSED_BY.items()}
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKUP = rf"(?:{_TAG.pattern}|&(?:[A-Za-z]+|#\w+);|[.,:;!?…])"  # or punctuation between two of them
_OUTER_MARKUP = re.compile(rf"^(?:{_MARKUP}|[\w-]+=[^<>]*>)+|{_MARKUP}+$")  # also the end of a tag: href="x">sad


def word_spans(text: str, first: int, last: int) -> list[Span]:
    """First and last character (exclusive) of each word between two places of a text."""
    return [found.span() for found in _WORD.finditer(text, first, last)]


def bare(word: str) -> str:
    """A word without the markup and punctuation around it; a word of these alone stays as it is.

    Of a pair such as brackets, both signs go or both stay: `(sad)` is `sad`, and `sad(ness)` stays.
    """
    inner = _OUTER_MARKUP.sub("", word)
    if _TAG.search(inner):  # half a pair of tags
        inner = word
    return _without_edges(inner) or _without_edges(word) or word


def _without_edges(word: str) -> str:
    while word:
        first, last = word[0], word[-1]
        if _CLOSED_BY.get(first) == last and len(word) > 1 and _is_balanced(word[1:-1], first, last):
            word = word[1:-1]
        elif first in _EDGES and _CLOSED_BY.get(first, "\0") not in word[1:]:
            word = word[1:]
        elif last in _EDGES and _OPENED_BY.get(last, "\0") not in word[:-1]:
            word = word[:-1]
        else:
            return word
    return word


def _is_balanced(text: str, opener: str, close: str) -> bool:
    """Whether each sign of a pair in a text has its partner there."""
    depth = 0
    for sign in text:
        depth += (sign == opener) - (sign == close)
        if depth < 0 or (sign == opener == close):
            return False
    return depth == 0


def strongest(text: str, words: Sequence[tuple[int, int, float]], most: int) -> list[str]:
    """The different words of largest weight, strongest first; each has at least a third of the first one's weight.

    The result is empty if the answer is spread over many words: at least twice `most` words have more than half of
    the first one's weight.

    Args:
        text: the whole text.
        words: first and last character (exclusive) and weight of each word.
        most: largest number of words to name.
    """
    by_name: dict[str, tuple[str, float]] = {}
    for first, last, weight in sorted(words, key=lambda word: -word[2]):
        name = bare(text[first:last])
        if weight > 0:
            by_name.setdefault(name.lower(), (name, weight))
    largest = max((weight for _, weight in by_name.values()), default=0.0)
    if sum(weight > largest / 2 for _, weight in by_name.values()) >= 2 * most:
        return []
    return [name for name, weight in by_name.values() if weight >= largest / 3][:most]


def without(text: str, words: Sequence[Span], is_left_out: npt.NDArray[np.bool_]) -> str:
    """A passage without some of its words and without the white space after each of them.

    Args:
        text: the whole text.
        words: first and last character (exclusive) of each word of the passage, in order.
        is_left_out: (words,) which of them to leave out.
    """
    starts = [*(first for first, _ in words), words[-1][1] if words else 0]
    return "".join(text[starts[i] : starts[i + 1]] for i in np.flatnonzero(~is_left_out)).strip()

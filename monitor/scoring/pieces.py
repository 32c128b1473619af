"""Cut a text that is longer than a piece at the ends of its sentences, so that the whole text is read.

Pieces follow each other without gaps and never overlap. A cut is never within a word, unless the word is longer than
a piece. A word is a run of characters without white space, or one character of a script without spaces.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import numpy.typing as npt
import regex

from monitor.model.sentences import WORD, Span, sentence_spans, stretches
from monitor.model.token_rows import TokenRows

PIECE_TOKENS = 200  # most tokens of a piece
MAX_PIECES = 64  # most pieces of a text that are scored; see the setting max_pieces
ONE_LOOK = 64  # tokens; sentences of a longer text are also scored alone
_TOGETHER = 128  # sentences or words that are tokenised in one call
_CHARACTER = regex.compile(r"\X")  # a character with its accents, or an emoji with all of its parts

Ids = npt.NDArray[np.int32]
Encode = Callable[[Sequence[str]], TokenRows]
Unit = tuple[int, int, int]  # first and last character (exclusive), tokens


@dataclass(frozen=True)
class Piece:
    """First and last character (exclusive) of a part of a text, and its tokens, shape (length,)."""

    first: int
    last: int
    ids: Ids


@dataclass(frozen=True)
class Sentences:
    """Sentences of pieces, and stretches of very long sentences.

    Attributes:
        pieces: (k,) the piece of each.
        spans: (k, 2) first and last character (exclusive) in the text; a stretch may end in the next piece.
        ids: the tokens of each.
    """

    pieces: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    ids: TokenRows


def cut_sentences(
    texts: Sequence[str], owners: npt.NDArray[np.int64], spans: npt.NDArray[np.int64], encode: Encode, limit: int
) -> Sentences:
    """The sentences of pieces with several sentences, and the stretches of sentences of more than RUN_ON words.

    A model scores a passage as a whole. Seventy cheerful words before two dark sentences halve P(high risk), and
    after 150 cheerful words the dark sentences have no effect. Scored alone, each sentence has its full effect.
    Writers without punctuation have no sentences, so a very long sentence is also read in stretches.

    Args:
        texts: the texts.
        owners: (n,) the text of each piece; the pieces of a text follow each other.
        spans: (n, 2) first and last character (exclusive) of each piece.
        encode: token ids of each of several strings, not cut.
        limit: largest number of tokens of a piece; a longer sentence is truncated.
    """
    places: list[tuple[int, int, int]] = []
    for owner, group in groupby(range(len(owners)), owners.tolist().__getitem__):
        pieces = list(group)
        for piece, first, last in _parts(texts[owner], spans[pieces].tolist(), limit):
            places.append((pieces[piece], first, last))
    ids = encode([texts[owners[piece]][first:last].strip() for piece, first, last in places])
    table = np.array(places, dtype=np.int64).reshape(-1, 3)
    return Sentences(table[:, 0], table[:, 1:], ids.cut(ids.starts, np.minimum(ids.lengths, limit)))


def _parts(text: str, pieces: list[list[int]], limit: int) -> Iterator[tuple[int, int, int]]:
    """Sentences and stretches of a text in pieces: the piece of each, and its first and last character."""
    starts = [first for first, _ in pieces]
    for first, last in sentence_spans(text[: pieces[-1][1]]):
        one, other = bisect_right(starts, first) - 1, bisect_left(starts, last) - 1
        for piece in range(one, other + 1):
            start, end = max(first, starts[piece]), min(last, pieces[piece][1])
            if [start, end] != pieces[piece]:
                yield piece, start, end
        for start, end in stretches(text, first, last, limit * (other + 1 - one)):
            yield bisect_right(starts, start) - 1, start, end


def cut_text(text: str, encode: Encode, limit: int, most: int) -> tuple[list[Piece], bool]:
    """Cut a text into pieces of at most `limit` tokens.

    Args:
        text: any string; white space at the ends of a piece is not tokenised.
        encode: token ids of each of several strings, not cut.
        limit: most tokens of a piece.
        most: most pieces.

    Returns:
        the pieces, which cover the text from its first character on; and whether text remains after the last piece.
    """
    groups: list[list[Unit]] = []
    n_tokens = 0  # of the last group; a sum over its units would take a day for a group of many empty units
    for unit in _units(text, sentence_spans(text), encode, limit):
        if groups and n_tokens + unit[2] <= limit:
            groups[-1].append(unit)
            n_tokens += unit[2]
        elif len(groups) < most:
            groups.append([unit])
            n_tokens = unit[2]
        else:
            break
    pieces = [piece for group in groups for piece in _fitted(text, group, encode, limit)][:most]
    return pieces, not pieces or pieces[-1].last < len(text)


def _fitted(text: str, units: list[Unit], encode: Encode, limit: int) -> Iterator[Piece]:
    """The units as one piece, or halved until the tokens fit: words can have more tokens together than alone."""
    first, last = units[0][0], units[-1][1]
    (ids,) = encode([text[first:last].strip()])
    if len(ids) <= limit or len(units) == 1:
        yield Piece(first, last, ids[:limit])
        return
    half = len(units) // 2
    yield from _fitted(text, units[:half], encode, limit)
    yield from _fitted(text, units[half:], encode, limit)


def _units(text: str, spans: Iterable[Span], encode: Encode, limit: int) -> Iterator[Unit]:
    """The spans with their tokens; a span that is too long is split into words, or into characters."""
    spans = iter(spans)
    while some := list(islice(spans, _TOGETHER)):
        tokens = encode([text[first:last].strip() for first, last in some])
        for (first, last), ids in zip(some, tokens, strict=True):
            if len(ids) <= limit or last - first == 1:
                yield first, last, len(ids)
            else:
                yield from _units(text, _smaller(text, first, last, len(ids), limit), encode, limit)


def _smaller(text: str, first: int, last: int, n_tokens: int, limit: int) -> Iterator[Span]:
    """The words of a span; a single word is split into parts of about as many characters as fit."""
    word = WORD.match(text, first, last)
    if word is not None and word.end() < last:
        yield from (found.span() for found in WORD.finditer(text, first, last))
        return
    size = max(1, min((last - first) * limit // n_tokens, (last - first) // 2))
    start, end = first, first
    for found in _CHARACTER.finditer(text, first, last):
        whole = found.end() - start <= size
        if not whole and end > start:
            yield start, end
            start = end
        end = found.end()
    if start > first:
        yield start, end
    else:  # one character with more accents than fit
        yield from ((place, min(place + size, last)) for place in range(first, last, size))

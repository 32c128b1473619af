"""Texts as rows of tokens: whole texts, or their pieces and sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex

from monitor.model.prompts import PromptEncoder
from monitor.model.token_rows import TokenRows
from monitor.scoring.pieces import ONE_LOOK, Piece, cut_sentences, cut_text

LONG = 300  # characters; the search for repeats in longer texts takes 20 µs a text
_LETTER = re.compile(r"[^\W_]")
_MARKS = regex.compile(r"(\p{M}{3})\p{M}+")
_CHARACTER_AGAIN = re.compile(r"((\S)\2{15})\2+")
_WORD_AGAIN = re.compile(r"(\b(\w++)(?:\W++\2\b){2})(?:\W++\2\b)+", re.IGNORECASE)


@dataclass(frozen=True)
class TextRows:
    """A window of texts as rows of tokens: first pieces of texts (or whole texts), then their sentences.

    Attributes:
        ids: the m rows.
        owners: (m,) the text of each row, counted from the first text of the run.
        parents: (m,) the row of a sentence's piece, or a piece's own row; counted from the window's first row.
        spans: (m, 2) first and last character (exclusive) of each row in its text.
        n_tokens: (n,) tokens of each text of the window.
        truncated: (n,) whether a part of the text is in no row.
    """

    ids: TokenRows
    owners: npt.NDArray[np.int64]
    parents: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    n_tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]


def said(text: str) -> str:
    """The text without repetitions that add no meaning and mislead models.

    Several marks over one letter are shortened. In a text of more than LONG characters, repetitions of one character
    or word are shortened too (as with reduce_len of NLTK's TweetTokenizer). A text without any letter or digit, such
    as emoji or dots, becomes empty and has the answer of an empty text.
    """
    if not _LETTER.search(text):
        return ""
    text = text if text.isascii() else _MARKS.sub(r"\1", text)
    if len(text) <= LONG:
        return text
    return _WORD_AGAIN.sub(r"\1", _CHARACTER_AGAIN.sub(r"\1", text))


def encode_cut(encoder: PromptEncoder, limit: int, texts: Sequence[str], first: int) -> TextRows:
    """The first `limit` tokens of each text; `first` is the number of the first text in its run."""
    ids, truncated, n_tokens = encoder.encode_texts([said(text) for text in texts], limit)
    rows = np.arange(len(texts))
    return TextRows(ids, first + rows, rows, _whole_spans(texts), n_tokens, truncated)


def encode_pieces(
    encoder: PromptEncoder, limit: int, most: int, texts: Sequence[str], first: int, *, with_sentences: bool = True
) -> TextRows:
    """Short texts unchanged, longer texts as pieces, and the sentences of these pieces.

    Args:
        encoder: the prompt's encoder.
        limit: most tokens of a piece; most: most pieces of a text.
        texts: n texts; first: the number of the first text in its run.
        with_sentences: whether sentences of long pieces get rows of their own.
    """

    def encode(some: Sequence[str]) -> TokenRows:
        return encoder.encode_whole([said(text) for text in some])

    ids = encode(texts)
    n_tokens, truncated = ids.lengths.astype(np.int32), ids.lengths > limit
    parts: list[list[Piece]] = []
    long = np.flatnonzero(truncated)
    for row in long.tolist():
        own, truncated[row] = cut_text(texts[row], encode, limit, most)
        parts.append(own)
    owners, spans = np.arange(len(texts)), _whole_spans(texts)
    if parts:
        pieces = [piece for own in parts for piece in own]
        owners = np.concatenate([owners, np.repeat(long, [len(own) for own in parts])])
        spans = np.concatenate([spans, [(piece.first, piece.last) for piece in pieces]])
        ids = TokenRows.joined([ids, TokenRows.of(piece.ids for piece in pieces)])
        kept = np.delete(np.arange(len(owners)), long)  # the rows of texts that are not in pieces
        kept = kept[np.argsort(owners[kept], kind="stable")]
        owners, spans, ids = owners[kept], spans[kept], ids.take(kept)
    parents = np.arange(len(owners))
    looked = np.flatnonzero(n_tokens[owners] > ONE_LOOK) if with_sentences else parents[:0]
    if len(looked):
        sentences = cut_sentences(texts, owners[looked], spans[looked], encode, limit)
        rows = looked[sentences.pieces]
        owners, parents = np.concatenate([owners, owners[rows]]), np.concatenate([parents, rows])
        spans = np.concatenate([spans, sentences.spans])
        ids = TokenRows.joined([ids, sentences.ids])
    return TextRows(ids, first + owners, parents, spans, n_tokens, truncated)


def _whole_spans(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    spans = np.zeros((len(texts), 2), dtype=np.int64)
    spans[:, 1] = [len(text) for text in texts]
    return spans

"""The rows of tokens that texts become: themselves, or their pieces and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.model.prompts import PromptEncoder
from monitor.scoring.pieces import Piece, Sentences, cut_sentences, cut_text

Rows = list[npt.NDArray[np.int32]]


@dataclass(frozen=True)
class TextRows:
    """A window of texts as rows of tokens: pieces of texts (or whole ones), then sentences of these pieces.

    Attributes:
        ids: m arrays of shape (length,), the rows.
        owners: (m,) the text of each row, counted from the first text of the run.
        parents: (m,) of a sentence, the row of its piece; of a piece, its own; counted from the window's first row.
        spans: (m, 2) first and last character (exclusive) of each row in its text.
        n_tokens: (n,) tokens of each text of the window.
        truncated: (n,) whether a part of the text is in no row.
    """

    ids: Rows
    owners: npt.NDArray[np.int64]
    parents: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    n_tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]


def encode_cut(encoder: PromptEncoder, limit: int, texts: Sequence[str], first: int) -> TextRows:
    """The first `limit` tokens of each text; `first` is the number of the first text in its run."""
    ids, truncated, n_tokens = encoder.encode_texts(texts, limit)
    spans = np.array([(0, len(text)) for text in texts], dtype=np.int64).reshape(-1, 2)
    rows = np.arange(len(texts))
    return TextRows(ids, first + rows, rows, spans, n_tokens, truncated)


def encode_pieces(
    encoder: PromptEncoder, limit: int, most: int, texts: Sequence[str], first: int, *, with_sentences: bool = True
) -> TextRows:
    """Each text that fits into a piece as it is; the pieces of each longer one; and the sentences of them.

    Args:
        encoder: of the prompt.
        limit: most tokens of a piece; most: most pieces of a text.
        texts: n texts; first: the number of the first one in its run.
        with_sentences: whether sentences of long pieces get rows of their own.
    """

    def encode(some: Sequence[str]) -> Rows:
        return encoder.encode_whole(some)[0]

    whole, n_tokens = encoder.encode_whole(texts)
    parts: list[list[Piece]] = [[Piece(0, len(text), ids)] for text, ids in zip(texts, whole, strict=True)]
    truncated = np.zeros(len(texts), dtype=np.bool_)
    for row in map(int, np.flatnonzero(n_tokens > limit)):
        parts[row], truncated[row] = cut_text(texts[row], encode, limit, most)
    owners = np.repeat(np.arange(len(texts)), [len(own) for own in parts])
    pieces = [piece for own in parts for piece in own]
    of_pieces = [text for text, own in zip(texts, parts, strict=True) for _ in own]
    sentences = Sentences.none()
    if with_sentences:
        sentences = cut_sentences(of_pieces, pieces, encode, limit)
    spans = np.array([(piece.first, piece.last) for piece in pieces], dtype=np.int64).reshape(-1, 2)
    return TextRows(
        [*(piece.ids for piece in pieces), *sentences.ids],
        first + np.concatenate([owners, owners[sentences.pieces]]),
        np.concatenate([np.arange(len(pieces)), sentences.pieces]),
        np.concatenate([spans, sentences.spans]),
        n_tokens,
        truncated,
    )
